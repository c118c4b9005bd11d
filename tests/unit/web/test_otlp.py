"""hub.web.otlp: who may post logs, in which encodings, and how much of a body is read of whom."""

from __future__ import annotations

import gzip
import io
import json
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from hub.core.principal import Principal, Scope
from hub.errors import BadRequestError, LoghubError, QuotaError, StorageFullError
from hub.observe.audit import Audit
from hub.observe.metrics import Metrics
from hub.web.auth import AuthMode, Gate
from hub.web.front import FrontEnd
from hub.web.headers import HEADERS
from hub.web.otlp import Inflater, OtlpDoor
from hub.web.sessions import Sessions
from tests.fakes import FakeDesk, FakeRevoker, FakeVerifier, certificate, nothing_is_revoked, places

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WRITER = Principal("acme", "me", frozenset({Scope.WRITE}), expires_at=2_000_000_000.0)
READER = replace(WRITER, scopes=frozenset({Scope.READ}))
EXPIRED = replace(WRITER, expires_at=1.0)
PROTOBUF, JSON = "application/x-protobuf", "application/json"


class FakeExports:
    """Takes every request, or raises a fault; `hub.web.ports.Exports`."""

    max_bytes = 100_000

    def __init__(self) -> None:
        self.taken: list[tuple[Principal, bytes, str]] = []
        self.fault: LoghubError | None = None
        self.room = 2**30
        self.held = self.most = 0

    @contextmanager
    def holding(self, _principal: Principal) -> Iterator[Callable[[int], None]]:
        """Give room."""

        def take(size: int) -> None:
            self.held += size
            self.most = max(self.most, self.held)
            if self.held > self.room:
                raise QuotaError(retry_after_seconds=1.2)

        try:
            yield take
        finally:
            self.held = 0

    async def export(self, principal: Principal, raw: bytes, kind: str) -> bytes:
        """Keep a request."""
        if self.fault:
            raise self.fault
        self.taken.append((principal, raw, kind))
        return b"done"

    def refusal(self, error: LoghubError, kind: str) -> bytes:
        """Say an error in words."""
        return f"{kind}: {error.message}".encode()


@dataclass
class Site:
    """The door in front of an application that is never reached, unless for another path."""

    mode: AuthMode = AuthMode.JWT
    exports: FakeExports = field(default_factory=FakeExports)
    metrics: Metrics = field(default_factory=Metrics)
    passed: list[str] = field(default_factory=list)
    received: int = 0

    def __post_init__(self) -> None:
        """Put it together."""
        verifier = FakeVerifier(good=WRITER, reader=READER, expired=EXPIRED)
        gate = Gate(self.mode, "loghub.test", verifier, (), nothing_is_revoked, FakeDesk())
        self.sessions = Sessions(places(), nothing_is_revoked)
        limits = (1000, 60.0, 25.0)
        audit = Audit(None, self.metrics)
        front = FrontEnd(self._open, gate, self.sessions, self.metrics, *limits, FakeRevoker(), audit)  # type: ignore[arg-type]
        self.door = OtlpDoor(self._app, front, self.exports)

    def _open(self, *_given: object) -> None:
        pytest.fail("no session is asked for")

    async def _app(self, scope: Any, _receive: Any, _send: Any) -> None:
        self.passed.append(scope["path"])

    async def post(
        self, *body: bytes, path: str = "/v1/logs", method: str = "POST", client: bytes | None = None, **headers: Any
    ) -> Answer:
        """Send a request, its body in these pieces; a header that is "" is left out."""
        given = {"host": "logs.example", "authorization": "Bearer good", "content-type": PROTOBUF}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        scope = {
            "type": "http",
            "method": method,
            "path": path,
            "headers": [(name.encode(), value.encode()) for name, value in given.items() if value],
            "extensions": {"tls": {"client_cert_der": client}},
            "client": ("192.0.2.7", 1),
        }
        events = [{"type": "http.request", "body": piece, "more_body": True} for piece in body]
        events = events or [{"type": "http.request", "body": b""}]
        events[-1]["more_body"] = False
        events += [{"type": "http.disconnect"}]
        answer = Answer()

        async def receive() -> dict[str, Any]:
            self.received += 1
            return events.pop(0)

        await self.door(scope, receive, answer.send)
        return answer


@dataclass
class Answer:
    """What came back."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    async def send(self, event: dict[str, Any]) -> None:
        """Keep it."""
        if event["type"] == "http.response.start":
            self.status = event["status"]
            self.headers = {name.decode(): value.decode() for name, value in event["headers"]}
        else:
            self.body += event["body"]


@pytest.mark.parametrize("kind", [PROTOBUF, JSON])
async def test_a_request_is_answered_in_its_encoding(kind: str) -> None:
    """With the headers that every response has; its principal is the bearer."""
    site = Site()
    answer = await site.post(b"re", b"cords", content_type=f"{kind}; charset=utf-8")
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, b"done", kind)
    assert answer.headers["content-length"] == "4"
    assert all(answer.headers[name.lower()] == value for name, value in HEADERS.items())
    assert site.exports.taken == [(WRITER, b"records", kind)]
    assert site.exports.held == 0


async def test_other_paths_and_websockets_are_for_the_application_behind() -> None:
    """However they look alike."""
    site = Site()
    for path in ("/v1/logs/", "/v1/log", "/V1/logs", "/v1/tail"):
        await site.post(path=path)
    await site.door({"type": "websocket", "path": "/v1/logs"}, None, None)  # type: ignore[arg-type]
    assert site.passed == ["/v1/logs/", "/v1/log", "/V1/logs", "/v1/tail", "/v1/logs"]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "OPTIONS"])
async def test_only_post_is_taken(method: str) -> None:
    """405 says so."""
    answer = await Site().post(method=method)
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("token", "status"), [("", 401), ("bad", 401), ("expired", 401), ("reader", 403), ("good", 200)]
)
async def test_only_who_may_write_is_heard(token: str, status: int) -> None:
    """Nothing of the body of another is read; the refusal is in the request's encoding, and counted."""
    site = Site()
    answer = await site.post(b"records", authorization=token and f"Bearer {token}", content_type=JSON)
    assert answer.status == status
    if status == 200:
        return
    assert site.received == 0
    assert not site.exports.taken
    assert answer.body.startswith(b"application/json: ")
    assert ("www-authenticate" in answer.headers) == (status == 401)
    name = "UnauthenticatedError" if status == 401 else "ForbiddenError"
    assert site.metrics.registry.get_sample_value("loghub_auth_refused_total", {"plane": "web", "reason": name}) == 1


@pytest.mark.parametrize("mode", AuthMode)
@pytest.mark.parametrize("role", ["producer", "subscriber", ""])
@pytest.mark.parametrize("token", ["good", ""])
async def test_a_certificate_or_a_token_as_the_mode_has_it(mode: AuthMode, role: str, token: str) -> None:
    """A producer's certificate is enough, unless both are asked for; no other role may write."""
    site = Site(mode)
    client = certificate(f"spiffe://loghub.test/tenant/acme/{role}/app") if role else None
    answer = await site.post(client=client, authorization=token and f"Bearer {token}")
    if mode is AuthMode.BOTH:
        status = 200 if role == "producer" and token else 403 if role and token else 401
    elif mode is AuthMode.MTLS:
        status = {"producer": 200, "subscriber": 403, "": 401}[role]
    else:
        status = 200 if token else {"producer": 200, "subscriber": 403, "": 401}[role]
    assert answer.status == status


async def test_pages_from_elsewhere_may_not_post() -> None:
    """As everywhere on the port."""
    assert (await Site().post(origin="https://evil.example")).status == 403
    assert (await Site().post(origin="https://logs.example")).status == 200


@pytest.mark.parametrize("header", ["x-scope-orgid", "x-tenant", "tenant"])
async def test_the_tenant_is_the_bearers_whatever_headers_say(header: str) -> None:
    """They are not looked at."""
    site = Site()
    named: dict[str, Any] = {header: "globex"}
    await site.post(**named)
    assert [principal.tenant for principal, _, _ in site.exports.taken] == ["acme"]


@pytest.mark.parametrize(
    "headers",
    [
        *({"content_type": kind} for kind in ("", "text/plain", "application/protobuf", "application/x-protobuf2")),
        *({"content_encoding": name} for name in ("deflate", "br", "zstd", "gzip, gzip", "x")),
    ],
)
async def test_other_types_and_encodings_get_415(headers: dict[str, Any]) -> None:
    """Before the body is read."""
    site = Site()
    answer = await site.post(b"records", **headers)
    assert answer.status == 415
    assert site.received == 0


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "identity", ""])
@pytest.mark.parametrize("step", [1, 7, 10_000])
async def test_a_body_may_be_packed(encoding: str, step: int) -> None:
    """However its pieces are cut."""
    site, plain = Site(), bytes(range(256)) * 200
    body = gzip.compress(plain) if encoding.lower() == "gzip" else plain[:2000]
    answer = await site.post(*(body[at : at + step] for at in range(0, len(body), step)), content_encoding=encoding)
    assert answer.status == 200
    assert site.exports.taken[0][1] == (plain if encoding.lower() == "gzip" else plain[:2000])


@pytest.mark.parametrize("packed", [True, False])
async def test_a_body_over_the_limit_is_read_no_further(packed: bool) -> None:  # noqa: FBT001  a parameter
    """413; of what inflates, no more is inflated than the limit and a piece."""
    site = Site()
    body = gzip.compress(bytes(2**24)) if packed else bytes(2**21)
    pieces = [body[at : at + 4096] for at in range(0, len(body), 4096)]
    answer = await site.post(*pieces, content_encoding="gzip" if packed else "")
    assert (answer.status, site.exports.taken) == (413, [])
    assert site.received < len(pieces)
    assert site.exports.most <= FakeExports.max_bytes
    exact = await site.post(bytes(FakeExports.max_bytes))
    assert exact.status == 200


async def test_a_body_that_finds_no_room_is_let_go() -> None:
    """429 with the whole seconds to wait, rounded up; what it held is free again."""
    site = Site()
    site.exports.room = 5000
    answer = await site.post(*[bytes(1000)] * 10)
    assert (answer.status, answer.headers["retry-after"]) == (429, "2")
    assert site.received == 6
    assert site.exports.held == 0


GZIPPED = gzip.compress(b"records" * 100)


@pytest.mark.parametrize(
    "body",
    [b"plain", GZIPPED[:-1], GZIPPED[:-9], GZIPPED[:5], GZIPPED + b"x", GZIPPED[:-8] + bytes(8)],
    ids=["plain", "without its last byte", "without its end", "a head", "something behind", "another checksum"],
)
async def test_what_is_no_gzip_gets_400(body: bytes) -> None:
    """Cut short, something behind it, a wrong checksum."""
    assert (await Site().post(body, content_encoding="gzip")).status == 400


async def test_nothing_may_be_packed_too() -> None:
    """An empty body, and nothing in gzip."""
    site = Site()
    for body in (b"", gzip.compress(b"")):
        assert (await site.post(body, content_encoding="gzip")).status == 200
    assert [raw for _, raw, _ in site.exports.taken] == [b"", b""]


async def test_files_of_gzip_may_follow_each_other_but_not_for_ever() -> None:
    """As the format has it; thousands of empty ones would be work for nothing."""
    site = Site()
    assert (await site.post(gzip.compress(b"a") + gzip.compress(b"b"), content_encoding="gzip")).status == 200
    assert site.exports.taken[0][1] == b"ab"
    assert (await site.post(gzip.compress(b"") * 1000, content_encoding="gzip")).status == 400


async def test_a_peer_that_goes_away_is_not_answered() -> None:
    """And keeps no room."""
    site = Site()
    events: list[dict[str, Any]] = [{"type": "http.request", "body": b"rec", "more_body": True}]
    events.append({"type": "http.disconnect"})
    headers = [(b"authorization", b"Bearer good"), (b"content-type", PROTOBUF.encode())]
    scope = {"type": "http", "method": "POST", "path": "/v1/logs", "headers": headers}
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return events.pop(0)

    async def send(event: dict[str, Any]) -> None:
        sent.append(event)

    await site.door(scope, receive, send)
    assert (sent, site.exports.taken, site.exports.held) == ([], [], 0)


@pytest.mark.parametrize(
    ("fault", "status", "after"),
    [
        (BadRequestError("no"), 400, None),
        (QuotaError("no", retry_after_seconds=3.2), 429, "4"),
        (StorageFullError("no"), 503, "1"),
    ],
)
async def test_what_the_log_says_is_answered(fault: LoghubError, status: int, after: str | None) -> None:
    """With Retry-After where the same may be sent again, and only there."""
    site = Site()
    site.exports.fault = fault
    answer = await site.post(b"records")
    assert (answer.status, answer.headers.get("retry-after")) == (status, after)
    assert answer.body == b"application/x-protobuf: no"


async def test_a_hub_that_ends_says_so() -> None:
    """503: another may take it."""
    site = Site()
    site.sessions.shut_down(1.0)
    answer = await site.post(b"records")
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")


@pytest.mark.parametrize("level", [0, 1, 9])
def test_an_inflater_gives_small_pieces(level: int) -> None:
    """Whoever takes them can stop at any."""
    plain = b"".join(json.dumps({"n": number}).encode() for number in range(10_000))
    inflater = Inflater()
    packed = io.BytesIO(gzip.compress(plain, level))
    pieces: list[bytes] = []
    while data := packed.read(100_000):
        pieces += inflater.feed(data)
    inflater.end()
    assert b"".join(pieces) == plain
    assert max(map(len, pieces)) <= 65_536
