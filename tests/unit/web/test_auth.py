"""hub.web.auth: who opens a connection to the web port, and from which page."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from werkzeug.datastructures import Headers

from hub.core.principal import Principal, Scope
from hub.errors import ForbiddenError, LoghubError, RevokedError, UnauthenticatedError, UnknownKeyError
from hub.identity.peer import principal_of_certificate
from hub.web.auth import AuthMode, Gate, Request
from tests.fakes import FakeDesk, FakeVerifier, certificate, nothing_is_revoked

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

DOMAIN = "loghub.test"
PROTO = "loghub.v1.proto"
READER = Principal("acme", "me", frozenset({Scope.READ}))


ACME = certificate(f"spiffe://{DOMAIN}/tenant/acme/subscriber/desk")
GLOBEX = certificate(f"spiffe://{DOMAIN}/tenant/globex/subscriber/desk")
FOREIGN = certificate("spiffe://other.test/tenant/acme/subscriber/desk")


def gate(mode: AuthMode = AuthMode.JWT, *origins: str, good: str = "good") -> Gate:
    """Return a gate that knows one token."""
    return Gate(mode, DOMAIN, FakeVerifier(**{good: READER}), origins, nothing_is_revoked, FakeDesk())


def asking(
    authorization: str | None = None, subprotocols: Sequence[str] = (), certificate_der: bytes | None = None
) -> Request:
    """Return a request."""
    headers = Headers() if authorization is None else Headers({"Authorization": authorization})
    return Request(headers, subprotocols, certificate_der)


def asked(judge: Gate) -> list[tuple[str, bytes | None]]:
    """Return what the gate asked its verifier."""
    assert isinstance(judge.verifier, FakeVerifier)
    return judge.verifier.asked


# --- where the token stands ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("authorization", ["Bearer a.b-_~+/=.c", "bearer a.b-_~+/=.c", "BEARER   a.b-_~+/=.c  "])
def test_a_token_comes_in_the_authorization_header(authorization: str) -> None:
    """The scheme's case does not matter (RFC 9110 section 11.1), the token is taken as it is."""
    judge = gate(good="a.b-_~+/=.c")
    assert judge.principal(asking(authorization, [PROTO])) == READER
    assert asked(judge) == [("a.b-_~+/=.c", None)]


@pytest.mark.parametrize(
    "subprotocols", [["bearer.a.b.c"], [PROTO, "bearer.a.b.c"], ["bearer.a.b.c", "loghub.v1.json", PROTO]]
)
@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer  ", "Basic bWU6cGFzcw=="])
def test_a_token_comes_in_a_subprotocol(subprotocols: list[str], authorization: str | None) -> None:
    """For browsers, which cannot set headers; at any place, dots and all, whatever else the header says."""
    judge = gate(good="a.b.c")
    assert judge.principal(asking(authorization, subprotocols)) == READER
    assert asked(judge) == [("a.b.c", None)]


@pytest.mark.parametrize(
    ("authorization", "subprotocols"),
    [
        (None, []),
        (None, [PROTO]),
        (None, ["bearer", "Bearer.good", "x-bearer.good", "bearer:good"]),
        ("", []),
        ("Bearer", []),
        ("Bearer ", []),
        ("Bearergood", []),
        ("Bearer.good", []),
        ("good", []),
        ("Basic good", [PROTO]),
        ("Token Bearer good", []),
    ],
)
def test_what_is_no_token_is_answered_with_how_to_send_one(authorization: str | None, subprotocols: list[str]) -> None:
    """Nothing that is not a token is tried as one."""
    judge = gate()
    with pytest.raises(UnauthenticatedError, match=r"no token.*Authorization: Bearer.*bearer\."):
        judge.principal(asking(authorization, subprotocols))
    assert not asked(judge)


@pytest.mark.parametrize(
    ("authorization", "subprotocols"),
    [
        ("Bearer good", ["bearer.good"]),
        ("Bearer good", ["bearer.bad"]),
        ("Bearer good", ["bearer."]),
        (None, ["bearer.good", "bearer.good"]),
        (None, ["bearer.good", PROTO, "bearer."]),
    ],
)
def test_two_tokens_are_refused_even_if_they_are_the_same(authorization: str | None, subprotocols: list[str]) -> None:
    """Nobody has to guess which of them was judged."""
    judge = gate()
    with pytest.raises(UnauthenticatedError, match="more than one token"):
        judge.principal(asking(authorization, subprotocols))
    assert not asked(judge)


@pytest.mark.parametrize(
    ("authorization", "subprotocols", "token"),
    [("Bearer bad", [], "bad"), (None, ["bearer."], ""), ("Bearer good good", [], "good good")],
)
def test_what_stands_for_a_token_is_judged_as_a_whole(
    authorization: str | None, subprotocols: list[str], token: str
) -> None:
    """An empty one or one with a space in it is the verifier's to refuse."""
    judge = gate()
    with pytest.raises(UnauthenticatedError, match="the token is bad"):
        judge.principal(asking(authorization, subprotocols))
    assert asked(judge) == [(token, None)]


# --- certificates beside it ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", [AuthMode.JWT, AuthMode.BOTH])
def test_a_token_is_judged_with_the_connections_certificate(mode: AuthMode) -> None:
    """It may be bound to it (RFC 8705); who is let in is the token's bearer, until either of the two ends."""
    judge = gate(mode)
    ends = x509.load_der_x509_certificate(ACME).not_valid_after_utc.timestamp()
    assert judge.principal(asking("Bearer good", certificate_der=ACME)) == replace(
        READER, expires_at=ends, peer=principal_of_certificate(ACME, DOMAIN)
    )
    assert asked(judge) == [("good", ACME)]
    for earlier, later in ((ends - 1, ends - 1), (ends + 1, ends)):
        verifier = FakeVerifier(good=replace(READER, expires_at=earlier))
        judge = Gate(mode, DOMAIN, verifier, (), nothing_is_revoked, FakeDesk())
        assert judge.principal(asking("Bearer good", certificate_der=ACME)).expires_at == later


@pytest.mark.parametrize("mode", [AuthMode.JWT, AuthMode.BOTH])
def test_a_fresh_token_on_an_open_connection_is_judged_as_the_first_one(mode: AuthMode) -> None:
    """With the connection's certificate, and no longer than that."""
    judge = gate(mode)
    assert judge.renewed("good", ACME) == judge.principal(asking("Bearer good", certificate_der=ACME))
    with pytest.raises(ForbiddenError, match="different tenants"):
        judge.renewed("good", GLOBEX)
    with pytest.raises(UnauthenticatedError, match="the token is bad"):
        judge.renewed("bad", ACME)


def test_without_certificate_a_fresh_token_is_enough_where_the_first_one_was() -> None:
    """And nowhere else."""
    assert gate(AuthMode.JWT).renewed("good", None) == READER
    with pytest.raises(UnauthenticatedError, match="beside the token"):
        gate(AuthMode.BOTH).renewed("good", None)


def test_a_connection_by_certificate_is_not_lengthened_by_a_token() -> None:
    """The certificate says until when."""
    judge = gate(AuthMode.MTLS)
    with pytest.raises(ForbiddenError, match="takes no tokens"):
        judge.renewed("good", ACME)
    assert asked(judge) == []


def test_a_second_authorization_header_is_one_token_too_many() -> None:
    """Proxies and servers differ in which of them they look at."""
    headers = Headers([("Authorization", "Bearer good"), ("Authorization", "Bearer bad")])
    with pytest.raises(UnauthenticatedError, match="more than one token"):
        gate().principal(Request(headers, (), None))


@pytest.mark.parametrize("mode", [AuthMode.JWT, AuthMode.BOTH])
def test_a_token_over_another_tenants_certificate_is_refused(mode: AuthMode) -> None:
    """The tenants must be the same wherever there are two to compare."""
    with pytest.raises(ForbiddenError, match="different tenants"):
        gate(mode).principal(asking("Bearer good", certificate_der=GLOBEX))


def test_both_means_both() -> None:
    """Neither a good token nor a good certificate is enough."""
    judge = gate(AuthMode.BOTH)
    with pytest.raises(UnauthenticatedError, match="certificate beside the token"):
        judge.principal(asking("Bearer good"))
    with pytest.raises(UnauthenticatedError, match="no token"):
        judge.principal(asking(certificate_der=ACME))
    with pytest.raises(UnauthenticatedError, match="the token is bad"):
        judge.principal(asking("Bearer bad", certificate_der=ACME))


def test_both_must_allow_what_is_done() -> None:
    """A token to read does not make a producer's certificate a reader's, where both are asked for."""
    producer = certificate(f"spiffe://{DOMAIN}/tenant/acme/producer/orders")
    asks = asking("Bearer good", certificate_der=producer)
    assert gate(AuthMode.BOTH).principal(asks).scopes == set()
    assert gate(AuthMode.BOTH).renewed("good", producer).scopes == set()
    assert gate(AuthMode.BOTH).principal(asking("Bearer good", certificate_der=ACME)).scopes == {Scope.READ}
    assert gate(AuthMode.JWT).principal(asks).scopes == {Scope.READ}


@pytest.mark.parametrize(
    ("authorization", "subprotocols"), [(None, []), ("Bearer good", ["bearer.good"]), ("Bearer bad", [])]
)
def test_where_certificates_decide_no_token_is_looked_at(authorization: str | None, subprotocols: list[str]) -> None:
    """The principal is the certificate's, with its scopes, end and serial."""
    judge = gate(AuthMode.MTLS)
    principal = judge.principal(asking(authorization, subprotocols, GLOBEX))
    assert (principal.tenant, principal.scopes) == ("globex", frozenset({Scope.READ}))
    assert principal.certificate is not None
    assert principal.certificate.serial == 7
    assert principal.subject == f"spiffe://{DOMAIN}/tenant/globex/subscriber/desk"
    assert principal.expires_at is not None
    assert not asked(judge)


def test_where_certificates_decide_there_must_be_one() -> None:
    """A good token does not stand in for it."""
    with pytest.raises(UnauthenticatedError, match="client certificate"):
        gate(AuthMode.MTLS).principal(asking("Bearer good"))


@pytest.mark.parametrize("mode", AuthMode)
@pytest.mark.parametrize(("certificate_der", "error"), [(FOREIGN, ForbiddenError), (b"\x30\x00", UnauthenticatedError)])
def test_a_certificate_of_no_use_is_refused_in_every_mode(
    mode: AuthMode, certificate_der: bytes, error: type[LoghubError]
) -> None:
    """Also where a token alone would have done: the peer believes to be somebody that it is not."""
    judge = gate(mode)
    with pytest.raises(error, match="certificate"):
        judge.principal(asking("Bearer good", certificate_der=certificate_der))
    assert not asked(judge)


@pytest.mark.parametrize(
    ("scope", "subprotocols", "certificate_der"),
    [
        ({}, [], None),
        ({"subprotocols": None, "extensions": None}, [], None),
        ({"subprotocols": [PROTO], "extensions": {}}, [PROTO], None),
        ({"extensions": {"tls": None}}, [], None),
        ({"extensions": {"tls": {}}}, [], None),
        ({"extensions": {"tls": {"client_cert_der": ACME}}}, [], ACME),
    ],
)
def test_a_request_is_what_the_asgi_scope_says(
    scope: dict[str, object], subprotocols: list[str], certificate_der: bytes | None
) -> None:
    """Servers leave out or put None where they have nothing to say."""
    headers = Headers({"Authorization": "Bearer good"})
    request = Request.of(headers, scope)
    assert (request.headers, list(request.subprotocols), request.certificate_der) == (
        headers,
        subprotocols,
        certificate_der,
    )


# --- the page --------------------------------------------------------------------------------------------------------


def test_programs_send_no_origin() -> None:
    """They are let in with a list and without one."""
    for judge in (gate(), gate(AuthMode.JWT, "https://logs.example")):
        judge.check_origin(Headers({"Host": "logs.example"}))


def test_without_a_list_a_page_may_come_from_the_host_that_it_asks() -> None:
    """By https, with the very name and port."""
    gate().check_origin(Headers({"Host": "logs.example:8443", "Origin": "https://logs.example:8443"}))


ELSEWHERE = [
    "",
    "null",
    "https://",
    "*",
    "https://evil.example",
    "http://logs.example:8443",
    "https://logs.example",
    "https://logs.example:443",
    "https://logs.example:8443/",
    "https://logs.example:84430",
    "https://LOGS.example:8443",
    "HTTPS://logs.example:8443",
    "https://a.logs.example:8443",
    "https://xlogs.example:8443",
    "https://logs.example:8443.evil.example",
    "https://logs.example:8443@evil.example",
    "https://logs.example:8443 https://evil.example",
    " https://logs.example:8443",
    "logs.example:8443",
]


@pytest.mark.parametrize("origin", ELSEWHERE)
@pytest.mark.parametrize("listed", [True, False])
def test_a_page_from_elsewhere_is_refused(origin: str, listed: bool) -> None:  # noqa: FBT001  a case
    """Scheme, name and port must be the same to the letter; nothing begins, ends or counts like another."""
    judge = gate(AuthMode.JWT, *["https://logs.example:8443"] * listed)
    with pytest.raises(ForbiddenError, match=r"web\.allowed_origins"):
        judge.check_origin(Headers({"Host": "logs.example:8443", "Origin": origin}))


def test_a_list_stands_for_itself() -> None:
    """Each of it may come, wherever it asks; the host's own page only if it is listed too."""
    judge = gate(AuthMode.JWT, "https://one.example", "http://localhost:3000", "null")
    for origin in judge.allowed_origins:
        judge.check_origin(Headers({"Host": "logs.example", "Origin": origin}))
    with pytest.raises(ForbiddenError, match=r"logs\.example"):
        judge.check_origin(Headers({"Host": "logs.example", "Origin": "https://logs.example"}))


def test_without_a_host_no_page_may_come() -> None:
    """There is nothing to compare with."""
    with pytest.raises(ForbiddenError):
        gate().check_origin(Headers({"Origin": "https://logs.example"}))


def test_a_refused_origin_is_named_but_not_at_any_length() -> None:
    """The answer goes to the log as well."""
    with pytest.raises(ForbiddenError) as caught:
        gate().check_origin(Headers({"Host": "h", "Origin": "https://" + "x" * 10_000}))
    assert "'https://xxx" in caught.value.message
    assert len(caught.value.message) < 400


# --- several tenants, tickets, keys that come later -------------------------------------------------------------------


SEVERAL = replace(READER, tenant="", tenants=frozenset({"acme", "globex"}))


def gate_for(bearer: Principal, mode: AuthMode = AuthMode.JWT) -> Gate:
    """Return a gate that knows one token, of a bearer."""
    return Gate(mode, DOMAIN, FakeVerifier(good=bearer), (), nothing_is_revoked, FakeDesk())


@pytest.mark.parametrize("certificate_der", [ACME, GLOBEX])
def test_a_certificate_of_one_of_the_tenants_goes_with_the_token(certificate_der: bytes) -> None:
    """The token says what may be read; the certificate must be of somebody who may."""
    judge = gate_for(SEVERAL)
    assert judge.principal(asking("Bearer good", certificate_der=certificate_der)).readable == ("acme", "globex")
    with pytest.raises(ForbiddenError, match="different tenants"):
        gate_for(replace(SEVERAL, tenants=frozenset({"a", "b"}))).principal(
            asking("Bearer good", certificate_der=certificate_der)
        )


async def test_a_ticket_lets_in_once() -> None:
    """As the token did that it was given for."""
    judge = gate()
    principal, ticket = await judge.give_ticket(asking("Bearer good"))
    request = replace(asking(), tickets=[ticket.text])
    assert await judge.admit(request) == principal == READER
    with pytest.raises(UnauthenticatedError, match="ticket is bad"):
        await judge.admit(request)


@pytest.mark.parametrize(
    ("authorization", "subprotocols", "tickets"),
    [("Bearer good", [], 1), (None, ["bearer.good"], 1), (None, [], 2)],
)
async def test_a_ticket_stands_alone(authorization: str | None, subprotocols: list[str], tickets: int) -> None:
    """Beside a token or another ticket it is refused, and not used."""
    judge = gate()
    given = [(await judge.give_ticket(asking("Bearer good")))[1].text for _ in range(tickets)]
    with pytest.raises(UnauthenticatedError, match="more than one token or ticket"):
        await judge.admit(replace(asking(authorization, subprotocols), tickets=given))
    assert await judge.admit(replace(asking(), tickets=given[:1])) == READER


async def test_a_ticket_is_not_given_for_a_ticket() -> None:
    """Nor for nothing, nor to somebody who may not read."""
    judge = gate()
    _, ticket = await judge.give_ticket(asking("Bearer good"))
    with pytest.raises(UnauthenticatedError, match="no token"):
        await judge.give_ticket(replace(asking(), tickets=[ticket.text]))
    with pytest.raises(ForbiddenError, match="lacks the scope"):
        await gate_for(replace(READER, scopes=frozenset())).give_ticket(asking("Bearer good"))


async def test_a_ticket_does_not_stand_for_a_certificate() -> None:
    """Where certificates are asked for, the connection must have one, and it counts as beside a token."""
    both = gate(AuthMode.BOTH)
    with pytest.raises(UnauthenticatedError, match="beside the token"):
        await both.give_ticket(asking("Bearer good"))
    principal, ticket = await both.give_ticket(asking("Bearer good", certificate_der=ACME))
    assert await both.admit(replace(asking(certificate_der=ACME), tickets=[ticket.text])) == principal
    mtls = gate(AuthMode.MTLS)
    for attempt in (mtls.give_ticket(asking("Bearer good")), mtls.admit(replace(asking(), tickets=["x"]))):
        with pytest.raises(ForbiddenError, match="takes no tokens"):
            await attempt


class SlowVerifier(FakeVerifier):
    """Knows its keys once it has asked for them."""

    def __init__(self, *, helps: bool) -> None:
        super().__init__(good=READER)
        self.helps = helps
        self.learned = 0
        self.known = False

    def verify(self, token: str, certificate_der: bytes | None = None) -> Principal:
        """Know nobody at first."""
        if not self.known:
            raise UnknownKeyError
        return super().verify(token, certificate_der)

    async def learn(self) -> bool:
        """Ask."""
        self.learned += 1
        self.known = self.helps
        return self.helps


async def test_an_unknown_key_is_asked_for_once() -> None:
    """At the door, for a call, and for a fresh token; where that does not help, the token is refused."""
    ways: list[Callable[[Gate], Awaitable[Principal]]] = [
        lambda judge: judge.admit(asking("Bearer good")),
        lambda judge: judge.admit_call(["Bearer good"], None),
        lambda judge: judge.renew("good", None),
    ]
    for enter in ways:
        verifier = SlowVerifier(helps=True)
        assert await enter(Gate(AuthMode.JWT, DOMAIN, verifier, (), nothing_is_revoked, FakeDesk())) == READER
        assert verifier.learned == 1
        verifier = SlowVerifier(helps=False)
        with pytest.raises(UnknownKeyError):
            await enter(Gate(AuthMode.JWT, DOMAIN, verifier, (), nothing_is_revoked, FakeDesk()))
        assert verifier.learned == 1


async def test_what_is_revoked_gets_in_by_no_ticket() -> None:
    """Also where it was revoked after the ticket was given."""
    revoked: list[Principal] = []

    def check(principal: Principal) -> None:
        if principal in revoked:
            raise RevokedError

    judge = Gate(AuthMode.JWT, DOMAIN, FakeVerifier(good=READER), (), check, FakeDesk())
    principal, ticket = await judge.give_ticket(asking("Bearer good"))
    revoked.append(principal)
    with pytest.raises(RevokedError):
        await judge.admit(replace(asking(), tickets=[ticket.text]))
    with pytest.raises(RevokedError):
        await judge.give_ticket(asking("Bearer good"))
