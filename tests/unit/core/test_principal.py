"""hub.core.principal: who is asking comes from a certificate or token alone, and nothing doubtful passes."""

from __future__ import annotations

from contextlib import nullcontext
from math import inf
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.principal import CertificateId, Principal, Role, Scope, SpiffeId, check_tenant
from hub.errors import BadRequestError, ForbiddenError, UnauthenticatedError
from tests.examples import examples

if TYPE_CHECKING:
    from collections.abc import Sequence

ORDERS = "spiffe://loghub.test/tenant/acme/producer/orders"
CERTIFICATE = CertificateId(b"issuer", 7)
tenants = st.from_regex(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?", fullmatch=True)
names = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,126}[A-Za-z0-9])?", fullmatch=True)
domains = st.from_regex(r"[a-z0-9._-]{1,255}", fullmatch=True)


def of_certificate(*uris: str, trust_domain: str = "loghub.test") -> Principal:
    """Return the principal of a certificate with these URI names."""
    return Principal.of_certificate(
        list(uris), trust_domain=trust_domain, validity=(10.0, 100.0), certificate=CERTIFICATE
    )


@pytest.mark.parametrize("tenant", ["a", "0", "acme", "a-b.c_d", "a" * 63])
def test_a_tenant_is_a_short_plain_name(tenant: str) -> None:
    """It is part of URIs, topics and metrics, and is returned as it is."""
    assert check_tenant(tenant) == tenant


@pytest.mark.parametrize(
    "tenant", ["", "A", "acme ", "acme\n", "-a", "a-", ".", "..", "a/b", "a" * 64, "ä", "a\0b", "٣"]
)
def test_what_is_no_tenant_never_becomes_one(tenant: str) -> None:
    """The name, the SPIFFE id and the principal all refuse it."""
    with pytest.raises(ValueError, match="tenant"):
        check_tenant(tenant)
    with pytest.raises(ValueError, match="tenant"):
        SpiffeId("loghub.test", tenant, Role.PRODUCER, "orders")
    with pytest.raises(ValueError, match="tenant"):
        Principal(tenant, "someone", frozenset())


@examples(30)
@given(st.builds(SpiffeId, domains, tenants, st.sampled_from(Role), names))
def test_a_spiffe_id_is_read_back_as_it_was_written(identity: SpiffeId) -> None:
    """The URI says all of it."""
    assert SpiffeId.parse(str(identity)) == identity


@pytest.mark.parametrize(
    "uri",
    [
        "",
        ORDERS.removeprefix("spiffe://"),
        ORDERS.replace("spiffe", "SPIFFE"),
        ORDERS.replace("spiffe", "https"),
        ORDERS + "/",
        ORDERS + "/more",
        ORDERS + "?tenant=other",
        ORDERS + "#other",
        ORDERS.replace("/tenant/", "/tenants/"),
        ORDERS.replace("producer", "root"),
        ORDERS.replace("producer", "Producer"),
        ORDERS.replace("loghub.test", ""),
        ORDERS.replace("loghub.test", "loghub.test:8443"),
        ORDERS.replace("loghub.test", "user@loghub.test"),
        ORDERS.replace("orders", ""),
        ORDERS.replace("acme", "acme%2Fother"),
        ORDERS.replace("orders", "orders\n"),
        ORDERS.removesuffix("/orders"),
    ],
)
def test_any_other_uri_is_refused(uri: str) -> None:
    """Not one part may be missing, strange or too many; the peer is told that it is not allowed."""
    with pytest.raises(ValueError, match=r"spiffe:|tenant|role|name|trust domain"):
        SpiffeId.parse(uri)
    with pytest.raises(ForbiddenError):
        of_certificate(uri)


@pytest.mark.parametrize(
    ("role", "scopes"),
    [
        (Role.PRODUCER, {Scope.WRITE}),
        (Role.SUBSCRIBER, {Scope.READ}),
        (Role.NODE, set()),
        (Role.ADMIN, {Scope.READ, Scope.ADMIN}),
    ],
)
def test_a_certificate_says_tenant_and_scopes(role: Role, scopes: set[Scope]) -> None:
    """The role decides the scopes; the certificate's end and serial are kept to be checked later."""
    uri = ORDERS.replace("producer", role)
    assert of_certificate(uri) == Principal(
        "acme", uri, frozenset(scopes), 100.0, issued_at=10.0, certificate=CERTIFICATE
    )


@pytest.mark.parametrize("uris", [("https://orders.example", ORDERS), (ORDERS, "urn:orders")])
def test_no_other_uri_stands_beside_the_spiffe_id(uris: tuple[str, ...]) -> None:
    """A web address neither (SPIFFE X.509-SVID section 5.2)."""
    with pytest.raises(ForbiddenError, match="has 2 URI names"):
        of_certificate(*uris)


@pytest.mark.parametrize(
    "uris",
    [
        (),
        ("https://orders.example",),
        (ORDERS, ORDERS),
        (ORDERS, ORDERS.replace("acme", "other")),
        (ORDERS, "SPIFFE://loghub.test/x"),
        (ORDERS, "spiffe:x"),
    ],
)
def test_a_certificate_has_exactly_one_spiffe_id(uris: tuple[str, ...]) -> None:
    """With none or several nobody could say whose it is."""
    with pytest.raises(ForbiddenError, match="exactly one"):
        of_certificate(*uris)


@pytest.mark.parametrize("trust_domain", ["loghub", "test", "loghub.test.evil", "x.loghub.test", ""])
def test_another_trust_domain_is_refused(trust_domain: str) -> None:
    """Its certificates say nothing about tenants here."""
    with pytest.raises(ForbiddenError, match=r"loghub\.test"):
        of_certificate(ORDERS, trust_domain=trust_domain)


def test_a_scope_that_is_missing_is_named() -> None:
    """The error says who lacks what, and what there is."""
    producer = of_certificate(ORDERS)
    producer.require(Scope.WRITE)
    with pytest.raises(ForbiddenError, match=r"orders lacks the scope logs:read \(it has: logs:write\)"):
        producer.require(Scope.READ)
    with pytest.raises(ForbiddenError, match="it has: none"):
        Principal("acme", "nobody", frozenset()).require(Scope.READ)


@pytest.mark.parametrize(("now", "alive"), [(0.0, True), (99.999, True), (100.0, False), (inf, False)])
def test_credentials_end_on_the_second(now: float, *, alive: bool) -> None:
    """They hold until just before their end."""
    ends = nullcontext() if alive else pytest.raises(UnauthenticatedError, match="expired")
    with ends:
        of_certificate(ORDERS).check_alive(now)


def test_a_principal_without_an_end_stays_alive() -> None:
    """For what has no end of its own."""
    Principal("acme", "nobody", frozenset()).check_alive(inf)


def reader(tenant: str, *tenants: str) -> Principal:
    """Return a reader of some tenants."""
    return Principal(tenant, "me", frozenset({Scope.READ}), tenants=frozenset(tenants))


def test_a_principal_reads_its_tenant_only() -> None:
    """Unless it has more."""
    one = reader("acme")
    assert (one.readable, one.home) == (("acme",), "acme")
    assert one.reads("acme")
    assert not one.reads("globex")
    assert not one.reads("")
    assert one.reading("") == one.reading("acme") == "acme"
    with pytest.raises(ForbiddenError, match=r"tenant 'globex' may not be read.*acme"):
        one.reading("globex")


def test_a_principal_of_several_tenants_reads_those() -> None:
    """Its own where it names none."""
    several = reader("acme", "globex", "acme")
    assert (several.readable, several.home) == (("acme", "globex"), "acme")
    assert [several.reads(name) for name in ("acme", "globex", "initech", "")] == [True, True, False, False]
    assert [several.reading(name) for name in ("", "acme", "globex")] == ["acme", "acme", "globex"]
    with pytest.raises(ForbiddenError):
        several.reading("initech")


def test_without_a_tenant_of_its_own_one_must_be_named() -> None:
    """The error names them."""
    several = reader("", "globex", "acme")
    assert several.home == "acme"
    assert several.reading("globex") == "globex"
    with pytest.raises(BadRequestError, match="name the one to read, one of acme, globex"):
        several.reading("")


@pytest.mark.parametrize(
    ("tenant", "tenants"),
    [("", ()), ("acme", ("globex",)), ("", ("",)), ("", ("*",)), ("*", ("*",)), ("", [f"t{n}" for n in range(101)])],
)
def test_tenants_that_are_none_are_refused(tenant: str, tenants: Sequence[str]) -> None:
    """No names, an own one that is not among them, or too many."""
    with pytest.raises(ValueError, match="tenant"):
        reader(tenant, *tenants)


@pytest.mark.parametrize("scope", [Scope.WRITE, Scope.ADMIN])
def test_without_a_tenant_of_its_own_a_principal_reads_only(scope: Scope) -> None:
    """To write or to administer is for one tenant, which nobody should have to guess."""
    several = Principal("", "me", frozenset(Scope), tenants=frozenset({"acme", "globex"}))
    several.require(Scope.READ)
    with pytest.raises(ForbiddenError, match="needs a token with a tenant of its own"):
        several.require(scope)
    Principal("acme", "me", frozenset(Scope), tenants=frozenset({"acme", "globex"})).require(scope)
