"""hub.web.app: the page, the small API, and who gets through the door of the WebSocket and out again."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from quart.asgi import ASGIWebsocketConnection
from quart.wrappers import Websocket

from hub.core.ending import Ending
from hub.core.principal import Principal, Scope
from hub.core.websocket_frame import BINARY, frame
from hub.errors import BadFilterError, ForbiddenError
from hub.identity.peer import principal_of_certificate
from hub.observe.audit import Audit
from hub.observe.metrics import Metrics
from hub.pb.ingest_pb2 import GOODBYE_REASON_SHUTDOWN
from hub.pb.tail_pb2 import ClientMessage, Ping, Pong, ServerMessage, Subscribe
from hub.web.app import create_app
from hub.web.auth import AuthMode, Gate
from hub.web.front import FrontEnd
from hub.web.headers import HEADERS
from hub.web.sessions import Sessions
from hub.web.websocket import FRAMES
from hub.web.wire import JSON, PROTO
from tests.fakes import (
    FakeConnection,
    FakeDesk,
    FakeRevoker,
    FakeSession,
    FakeVerifier,
    certificate,
    nothing_is_revoked,
    places,
    settle,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from quart import Quart

    from hub.core.ports import Sink, Wire

READER = Principal("acme", "me", frozenset({Scope.READ}), expires_at=2_000_000_000.5)
WRITER = replace(READER, scopes=frozenset({Scope.WRITE}))
OTHER = replace(READER, tenant="globex")
BYE = Ending(1001, GOODBYE_REASON_SHUTDOWN, "the hub is shutting down", reconnect=True)
SOURCES = Path(__file__).resolve().parents[3] / "web" / "src"
HARDENED = {name.lower(): value for name, value in HEADERS.items()}


@dataclass
class Asked:
    """What the application asks the live part for, and the session that it got."""

    principal: Principal
    sink: Sink
    wire: Wire
    verify: Callable[[str], Awaitable[Principal]]
    session: FakeSession


@dataclass
class Site:
    """The application between a fake verifier and fake sessions; one connection a tenant."""

    verifier: FakeVerifier = field(default_factory=lambda: FakeVerifier(good=READER, writer=WRITER, other=OTHER))
    sessions: Sessions = field(default_factory=lambda: Sessions(places(2, 1), nothing_is_revoked))
    metrics: Metrics = field(default_factory=Metrics)
    fault: Exception | None = None
    write_timeout_seconds: float = 60.0
    asked: list[Asked] = field(default_factory=list)
    app: Quart = field(init=False)

    def __post_init__(self) -> None:
        """Put the application together."""
        gate = Gate(AuthMode.JWT, "loghub.test", self.verifier, (), nothing_is_revoked, FakeDesk())
        limits = (1000, self.write_timeout_seconds, 25.0)
        audit = Audit(None, self.metrics)
        front = FrontEnd(self.open_session, gate, self.sessions, self.metrics, *limits, FakeRevoker(), audit)
        self.app = create_app(front)

    def open_session(
        self, principal: Principal, sink: Sink, wire: Wire, verify: Callable[[str], Awaitable[Principal]]
    ) -> FakeSession:
        """Make a session, or fail as told."""
        if self.fault:
            raise self.fault
        self.asked.append(Asked(principal, sink, wire, verify, FakeSession()))
        return self.asked[-1].session

    @property
    def session(self) -> FakeSession:
        """The newest session."""
        return self.asked[-1].session

    def refused(self, reason: str) -> float:
        """Return how many peers were refused for a reason."""
        labels = {"plane": "web", "reason": reason}
        return self.metrics.registry.get_sample_value("loghub_auth_refused_total", labels) or 0.0


class Visit:
    """A WebSocket connection, as an ASGI server brings it."""

    def __init__(
        self, site: Site, *subprotocols: str, connection: FakeConnection | None = None, **headers: str
    ) -> None:
        given = {"host": "logs.example", "authorization": "Bearer good", **headers}
        extensions: dict[str, Any] = {"websocket.http.response": {}}
        if connection is not None:
            extensions[FRAMES] = connection
        self.connection = connection
        self.scope: dict[str, Any] = {
            "type": "websocket",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "scheme": "wss",
            "path": "/v1/tail",
            "query_string": b"",
            "headers": [(name.encode(), value.encode()) for name, value in given.items() if value],
            "subprotocols": list(subprotocols),
            "extensions": extensions,
        }
        self.site = site
        self.inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.inbox.put_nowait({"type": "websocket.connect"})
        self.sent: list[dict[str, Any]] = []
        self.breaks_at = ""
        self.hangs_at = ""

    async def go(self) -> Visit:
        """Begin; the application has done what it can."""
        self.task = asyncio.create_task(self.site.app(self.scope, self.inbox.get, self.send))  # type: ignore[arg-type]
        await settle()
        return self

    async def send(self, event: Any) -> None:
        """Take an event of the application."""
        if event["type"] == self.breaks_at:
            raise ConnectionResetError
        if event["type"] == self.hangs_at:
            await asyncio.Event().wait()
        self.sent.append(event)

    async def say(self, *messages: bytes | str) -> None:
        """Send messages."""
        for message in messages:
            if self.connection is not None:
                self.connection.held.hear(message)
                continue
            kind = "text" if isinstance(message, str) else "bytes"
            self.inbox.put_nowait({"type": "websocket.receive", kind: message})
        await settle()

    async def leave(self) -> None:
        """Break the connection off."""
        if self.connection is not None and self.connection.conversation is not None:
            self.connection.held.lost()
        self.inbox.put_nowait({"type": "websocket.disconnect", "code": 1006})
        await asyncio.wait_for(self.task, 5)

    async def over(self) -> tuple[int, str]:
        """Wait for the end; return code and reason of the close."""
        await asyncio.wait_for(self.task, 5)
        await settle()
        if self.connection is not None:
            [held] = self.connection.closes
            return held
        [close] = self.of("close")
        return close["code"], close["reason"]

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return the events of a kind."""
        return [event for event in self.sent if event["type"] == f"websocket.{kind}"]

    @property
    def messages(self) -> list[bytes | str]:
        """What the peer has got, by `websocket.send`."""
        return [event["text"] if event.get("bytes") is None else event["bytes"] for event in self.of("send")]

    @property
    def refusal(self) -> tuple[int, dict[str, str], str]:
        """Status, headers and error of a refusal before 101."""
        assert not self.of("accept")
        [start] = self.of("http.response.start")
        body = b"".join(event["body"] for event in self.of("http.response.body"))
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        return start["status"], headers, json.loads(body)["error"]


@pytest.fixture
async def site() -> Site:
    """An application without connections."""
    return Site()


async def get(site: Site, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Ask for a page; return status, headers in lower case and body."""
    response = await getattr(site.app.test_client(), method.lower())(path, headers=headers)
    body = await response.get_data(as_text=False)
    return response.status_code, {name.lower(): value for name, value in response.headers.items()}, body


# --- page, identity, health ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("index.html", "text/html; charset=utf-8"),
        ("main.js", "text/javascript; charset=utf-8"),
        ("style.css", "text/css; charset=utf-8"),
        ("icon.svg", "image/svg+xml"),
    ],
)
async def test_the_pages_files_are_served_as_they_are(site: Site, path: str, kind: str) -> None:
    """Byte for byte, and each as what it is."""
    status, headers, body = await get(site, f"/static/{path}")
    assert (status, headers["content-type"], body) == (200, kind, (SOURCES / path).read_bytes())


async def test_every_file_of_the_page_has_a_known_type(site: Site) -> None:
    """With nosniff, a browser would not run a script of another type."""
    for path in SOURCES.iterdir():
        status, headers, _ = await get(site, f"/static/{path.name}")
        assert status == 200
        assert headers["content-type"] != "application/octet-stream"


async def test_the_page_is_the_root(site: Site) -> None:
    """Also asked for with parameters."""
    for path in ("/", "/?filter=level>=warn"):
        assert (await get(site, path))[2] == (SOURCES / "index.html").read_bytes()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("HEAD", "/", 200),
        ("GET", "/static/main.js", 200),
        ("GET", "/healthz", 200),
        ("GET", "/v1/whoami", 401),
        ("GET", "/v1/tail", 401),
        ("GET", "/nothing", 404),
        ("GET", "/static/nothing.js", 404),
        ("POST", "/", 405),
        ("PUT", "/static/main.js", 405),
        ("POST", "/v1/whoami", 405),
        ("DELETE", "/healthz", 405),
    ],
)
async def test_every_answer_is_hardened(site: Site, method: str, path: str, status: int) -> None:
    """Also an error: nothing is framed, sniffed, cached, referred or loaded from elsewhere, and no cookie is set."""
    found, headers, _ = await get(site, path, method)
    assert found == status
    assert {name: headers.get(name) for name in HARDENED} == HARDENED
    assert "set-cookie" not in headers
    assert not [name for name in headers if name.startswith("access-control-")]


@pytest.mark.parametrize(
    "path", ["/nothing", "/v1", "/v1/", "/healthz/", "/static", "/static/", "/static/a/main.js", "/static/..", "/.env"]
)
async def test_an_unknown_path_is_said_in_json(site: Site, path: str) -> None:
    """404."""
    status, headers, body = await get(site, path)
    assert (status, headers["content-type"]) == (404, "application/json")
    assert json.loads(body) == {"error": "there is nothing here"}


@pytest.mark.parametrize("path", ["/", "/static/main.js", "/healthz", "/v1/whoami"])
async def test_a_method_that_is_not_allowed_is_answered_with_those_that_are(site: Site, path: str) -> None:
    """405; RFC 9110 section 15.5.6 asks for the list."""
    status, headers, _ = await get(site, path, "POST")
    assert status == 405
    assert set(headers["allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}


async def test_health_ends_with_the_hub(site: Site) -> None:
    """Load balancers send nobody any more as soon as it stops; no token is asked for."""
    assert (await get(site, "/healthz"))[::2] == (200, b'{"status":"ok"}')
    site.sessions.shut_down(1.0)
    status, _, body = await get(site, "/healthz")
    assert status == 503
    assert "shutting down" in json.loads(body)["error"]
    assert not site.verifier.asked


async def test_who_am_i_tells_what_the_token_says(site: Site) -> None:
    """Tenant, subject, scopes in order, and the end in seconds."""
    site.verifier.bearers["rich"] = replace(READER, scopes=frozenset(Scope), expires_at=None)
    _, _, body = await get(site, "/v1/whoami", Authorization="Bearer good")
    assert json.loads(body) == {
        "tenant": "acme",
        "tenants": ["acme"],
        "subject": "me",
        "scopes": ["logs:read"],
        "expires": 2_000_000_000.5,
    }
    _, _, body = await get(site, "/v1/whoami", Authorization="Bearer rich")
    assert json.loads(body)["scopes"] == ["admin", "logs:read", "logs:write"]
    assert json.loads(body)["expires"] is None


async def test_who_am_i_looks_at_the_connections_certificate(site: Site) -> None:
    """As it stands in the scope."""
    scope = {"extensions": {"tls": {"client_cert_der": b"no certificate"}}}
    headers = {"Authorization": "Bearer good"}
    response = await site.app.test_client().get("/v1/whoami", headers=headers, scope_base=scope)
    assert response.status_code == 401
    assert "certificate" in (await response.get_json())["error"]


async def test_who_is_unknown_is_challenged_counted_and_logged(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """Without the token in any of it."""
    with caplog.at_level(logging.DEBUG):
        status, headers, body = await get(site, "/v1/whoami", Authorization="Bearer s3cret")
    assert (status, headers["www-authenticate"]) == (401, "Bearer")
    assert json.loads(body) == {"error": "the token is bad"}
    assert site.refused("UnauthenticatedError") == 1
    [record] = [record for record in caplog.records if record.message == "auth_refused"]
    assert record.__dict__["fields"] == {"plane": "web", "reason": "the token is bad"}
    assert "s3cret" not in "".join(str(one.__dict__) for one in caplog.records)


# --- the WebSocket's door --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "answered", "wire"),
    [
        ([], None, PROTO),
        ([PROTO], PROTO, PROTO),
        ([JSON], JSON, JSON),
        ([JSON, PROTO], JSON, JSON),
        ([PROTO, JSON], PROTO, PROTO),
        (["loghub.v9.proto", JSON], JSON, JSON),
    ],
)
@pytest.mark.parametrize("in_subprotocol", [False, True])
async def test_the_first_known_subprotocol_is_spoken(
    site: Site,
    asked: list[str],
    answered: str | None,
    wire: str,
    in_subprotocol: bool,  # noqa: FBT001  a case
) -> None:
    """Protobuf where none is named; a token among them is never sent back."""
    visit = Visit(site, "bearer.good", *asked, authorization="") if in_subprotocol else Visit(site, *asked)
    [accept] = (await visit.go()).of("accept")
    assert accept["subprotocol"] == answered
    assert (site.asked[0].wire.name, site.asked[0].principal) == (wire, READER)
    assert "good" not in str(visit.sent)
    await visit.leave()


@pytest.mark.parametrize("asked", [["loghub.v9.proto"], ["LOGHUB.V1.PROTO"], ["chat", "bearer.x"], [""]])
async def test_unknown_subprotocols_are_refused_with_those_there_are(site: Site, asked: list[str]) -> None:
    """400."""
    site.verifier.bearers["x"] = READER
    authorization = "" if "bearer.x" in asked else "Bearer good"
    visit = await Visit(site, *asked, authorization=authorization).go()
    status, _, error = visit.refusal
    assert (status, error) == (400, "the subprotocols are loghub.v1.proto and loghub.v1.json")


@pytest.mark.parametrize(
    ("headers", "status", "words", "counted"),
    [
        ({"authorization": ""}, 401, "no token", "UnauthenticatedError"),
        ({"authorization": "Bearer bad"}, 401, "the token is bad", "UnauthenticatedError"),
        ({"authorization": "Bearer writer"}, 403, "logs:read", "ForbiddenError"),
        ({"origin": "https://evil.example"}, 403, "allowed_origins", "ForbiddenError"),
        ({"origin": "null"}, 403, "allowed_origins", "ForbiddenError"),
    ],
)
async def test_who_may_not_come_in_is_refused_before_101(
    site: Site, headers: dict[str, Any], status: int, words: str, counted: str
) -> None:
    """As JSON with all headers of the page, counted by reason; no session is made."""
    visit = await Visit(site, PROTO, **headers).go()
    found, answer, error = visit.refusal
    assert found == status
    assert words in error
    assert answer.get("www-authenticate") == ("Bearer" if status == 401 else None)
    assert {name: answer.get(name) for name in HARDENED} == HARDENED
    assert site.refused(counted) == 1
    assert not site.asked


async def test_a_foreign_page_does_not_even_get_its_token_judged(site: Site) -> None:
    """It learns nothing from the answer about tokens that it may have found."""
    await Visit(site, PROTO, origin="https://evil.example").go()
    assert not site.verifier.asked


async def test_a_page_of_the_same_host_may_connect(site: Site) -> None:
    """By its very origin."""
    visit = await Visit(site, PROTO, origin="https://logs.example").go()
    assert visit.of("accept")
    await visit.leave()


async def test_one_too_many_is_told_when_to_come_back(site: Site) -> None:
    """429, which is no refusal of who it is; another tenant is let in."""
    first = await Visit(site).go()
    second = await Visit(site).go()
    status, headers, error = second.refusal
    assert (status, headers["retry-after"]) == (429, "5")
    assert "web.max_connections" in error
    assert site.refused("QuotaError") == 0
    other = await Visit(site, authorization="Bearer other").go()
    assert other.of("accept")
    for visit in (first, other):
        await visit.leave()


async def test_a_hub_that_stops_lets_nobody_in(site: Site) -> None:
    """503; who is there is told by its session."""
    there = await Visit(site).go()
    site.sessions.shut_down(2.0)
    assert site.session.said == ["open", "shut down over 2 s"]
    late = await Visit(site, authorization="Bearer other").go()
    assert late.refusal[0] == 503
    await there.leave()


async def test_a_session_gets_what_it_needs_to_check_a_fresh_token(site: Site) -> None:
    """It is judged with the connection's certificate as the first one was."""
    mine = certificate("spiffe://loghub.test/tenant/acme/subscriber/desk")
    visit = Visit(site)
    visit.scope["extensions"]["tls"] = {"client_cert_der": mine}
    await visit.go()
    peer = principal_of_certificate(mine, "loghub.test")
    ends = peer.expires_at or 0.0
    expected = replace(READER, expires_at=min(ends, READER.expires_at or ends), peer=peer)
    assert await site.asked[0].verify("good") == expected
    with pytest.raises(ForbiddenError):
        await site.asked[0].verify("other")
    assert site.verifier.asked == [("good", mine), ("good", mine), ("other", mine)]
    await visit.leave()


async def test_where_no_session_can_be_opened_no_task_stays(site: Site) -> None:
    """On any ASGI server."""
    site.fault = BadFilterError()
    await (await Visit(site).go()).over()
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "tail-write"]


async def test_a_goodbye_is_sent_before_the_close(site: Site) -> None:
    """On servers without ready frames it waits in a queue."""
    visit, gate = Visit(site), asyncio.Event()
    send = visit.send

    async def slow(event: dict[str, Any]) -> None:
        if event["type"] == "websocket.send":
            await gate.wait()
        await send(event)

    visit.send = slow  # type: ignore[method-assign]
    await visit.go()
    site.asked[0].sink.write(frame(BINARY, b"goodbye"))
    site.session.end(BYE)
    await settle()
    gate.set()
    await visit.over()
    assert [event["type"] for event in visit.sent] == ["websocket.accept", "websocket.send", "websocket.close"]


@pytest.mark.parametrize("gone", [True, False])
async def test_a_goodbye_that_cannot_be_sent_changes_no_close_code(*, gone: bool) -> None:
    """Whether the peer is gone or does not read."""
    site = Site(write_timeout_seconds=0.01)
    visit = Visit(site)
    send = visit.send

    async def stuck(event: dict[str, Any]) -> None:
        if event["type"] == "websocket.send":
            if gone:
                raise ConnectionResetError
            await asyncio.Event().wait()
        await send(event)

    visit.send = stuck  # type: ignore[method-assign]
    await visit.go()
    site.asked[0].sink.write(frame(BINARY, b"x" * 3000))
    site.session.end(BYE)
    await visit.over()
    assert visit.of("close")[0]["code"] == 1001


@pytest.mark.parametrize(("path", "method", "status"), [("/healthz", "POST", 405), ("/v1/tail", "GET", 401)])
async def test_every_error_is_json(site: Site, path: str, method: str, status: int) -> None:
    """Programs read it; the headers that harden are on it."""
    answer = await get(site, path, method)
    assert (answer[0], answer[1]["content-type"]) == (status, "application/json")
    assert answer[1]["x-content-type-options"] == "nosniff"
    assert orjson.loads(answer[2])["error"]


# --- through it and out again ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", [PROTO, JSON])
async def test_messages_go_through_in_both_encodings(site: Site, encoding: str) -> None:
    """On any ASGI server: in to the session, out in order as messages of the encoding's kind."""
    visit = await Visit(site, encoding).go()
    ping = ClientMessage(ping=Ping(payload=b"1"))
    await visit.say('{"ping":{"payload":"MQ=="}}' if encoding == JSON else ping.SerializeToString())
    assert site.session.messages == [ping]
    asked = site.asked[0]
    pongs = [ServerMessage(pong=Pong(payload=bytes([number]))) for number in range(3)]
    for pong in pongs:
        asked.sink.write(asked.wire.message(pong))
    await settle()
    if encoding == JSON:
        assert visit.messages == [
            '{"pong":{"payload":"AA=="}}',
            '{"pong":{"payload":"AQ=="}}',
            '{"pong":{"payload":"Ag=="}}',
        ]
    else:
        assert visit.messages == [pong.SerializeToString() for pong in pongs]
    await visit.leave()


async def test_a_server_with_ready_frames_gets_them_as_they_are(site: Site) -> None:
    """No copy of it is sent beside it, and the server's own measure of fullness is the session's."""
    frames = FakeConnection()
    visit = await Visit(site, connection=frames).go()
    sink = site.asked[0].sink
    ready = frame(BINARY, b"ready")
    sink.write(ready)
    await settle()
    assert frames.frames[0] is ready
    assert not visit.messages
    frames.fill()
    assert sink.full
    sink.abort()
    assert frames.gone
    await visit.leave()


async def test_an_empty_binary_message_is_a_message(site: Site) -> None:
    """And not, as Quart would have it, a fault."""
    visit = await Visit(site).go()
    await visit.say(b"")
    assert site.session.messages == [ClientMessage()]
    await visit.leave()


async def test_a_client_cannot_say_more_than_its_session_takes(site: Site) -> None:
    """A few messages wait, the others stay with the server; all arrive in order once there is room."""
    visit = await Visit(site).go()
    site.session.gate.clear()
    said = [ClientMessage(ping=Ping(payload=bytes([number]))) for number in range(50)]
    await visit.say(*[message.SerializeToString() for message in said])
    assert visit.inbox.qsize() >= 40
    site.session.gate.set()
    await settle(200)
    assert site.session.messages == said
    await visit.leave()


@pytest.mark.parametrize("code", [1001, 1011, 4401, 4408, 4500])
async def test_a_session_decides_how_its_connection_is_closed(site: Site, code: int) -> None:
    """With its code and as much of its reason as there is room for; what it wrote before goes out first."""
    visit = await Visit(site).go()
    asked = site.asked[0]
    asked.sink.write(frame(BINARY, b"goodbye"))
    asked.session.end(replace(BYE, close_code=code, message="é" * 100))
    assert await visit.over() == (code, "é" * 60)
    assert [event["type"] for event in visit.sent] == ["websocket.accept", "websocket.send", "websocket.close"]


@pytest.mark.parametrize(
    ("encoding", "data", "words"),
    [(PROTO, "text", "binary frames"), (JSON, b"bytes", "text frames"), (JSON, "not json", "proto3 JSON")],
)
async def test_who_breaks_the_protocol_gets_4500(site: Site, encoding: str, data: str | bytes, words: str) -> None:
    """With what was wrong as the reason."""
    visit = await Visit(site, encoding).go()
    await visit.say(data)
    code, reason = await visit.over()
    assert code == 4500
    assert words in reason


async def test_a_token_whose_own_filter_cannot_be_read_gets_4500(site: Site) -> None:
    """A session cannot be made for it; the reason says why."""
    site.fault = BadFilterError("é" * 100)
    for connection in (FakeConnection(), None):
        assert await (await Visit(site, connection=connection).go()).over() == (4500, "é" * 60)


async def test_a_server_that_holds_connections_is_handed_them(site: Site) -> None:
    """The request is done with, no task waits; messages still reach the session, and its end closes the connection."""
    connection = FakeConnection()
    visit = await Visit(site, PROTO, connection=connection).go()
    assert visit.task.done()
    assert len(asyncio.all_tasks()) == 1
    await visit.say(ClientMessage(subscribe=Subscribe(id="s")).SerializeToString())
    assert [message.subscribe.id for message in site.session.messages] == ["s"]
    site.session.end(BYE)
    assert await visit.over() == (1001, BYE.message)
    assert site.session.said[-1] == "close"


async def test_a_handed_over_connection_keeps_no_request_alive(site: Site) -> None:
    """Its callbacks run in a context of their own: a request is four times the size of what is held."""
    visit = await Visit(site, connection=FakeConnection()).go()
    await visit.task
    gc.collect()
    assert not [one for one in gc.get_objects() if isinstance(one, Websocket | ASGIWebsocketConnection)]
    await visit.leave()


async def leaves(visit: Visit) -> None:
    """Have the peer leave."""
    await (await visit.go()).leave()


async def is_sent_away(visit: Visit) -> None:
    """Have the session end."""
    await visit.go()
    visit.site.session.end(BYE)
    await visit.over()


async def breaks_the_protocol(visit: Visit) -> None:
    """Have the peer say what nobody understands."""
    await (await visit.go()).say("text")
    await visit.over()


async def gets_no_session(visit: Visit) -> None:
    """Have the live part refuse."""
    visit.site.fault = BadFilterError()
    await (await visit.go()).over()
    visit.site.fault = None


async def meets_a_fault(visit: Visit) -> None:
    """Have the live part fail."""
    visit.site.fault = RuntimeError("a fault")
    await (await visit.go()).task
    visit.site.fault = None


async def is_gone_before_the_answer(visit: Visit) -> None:
    """Have the handshake's answer fail."""
    visit.breaks_at = "websocket.accept"
    with suppress(ConnectionResetError):
        await (await visit.go()).task


async def leaves_during_the_answer(visit: Visit) -> None:
    """Have the peer leave while the handshake's answer is under way."""
    visit.hangs_at = "websocket.accept"
    await (await visit.go()).leave()


async def is_gone_before_the_goodbye(visit: Visit) -> None:
    """Have the close fail."""
    visit.breaks_at = "websocket.close"
    await visit.go()
    if visit.connection is not None:
        visit.connection.abort()
    visit.site.session.end(BYE)
    with suppress(ConnectionResetError):
        await visit.task


@pytest.mark.parametrize(
    "ends",
    [
        leaves,
        is_sent_away,
        breaks_the_protocol,
        gets_no_session,
        meets_a_fault,
        is_gone_before_the_answer,
        leaves_during_the_answer,
        is_gone_before_the_goodbye,
    ],
)
@pytest.mark.parametrize("held", [True, False])
async def test_a_connection_is_counted_out_however_it_ends(
    site: Site, ends: Callable[[Visit], Any], *, held: bool
) -> None:
    """The tenant's only place is free again, its session closed and forgotten, and no task is left."""
    await ends(Visit(site, connection=FakeConnection() if held else None))
    await settle()
    assert len(asyncio.all_tasks()) == 1
    assert all(asked.session.said[-1] == "close" for asked in site.asked)
    again = await Visit(site).go()
    assert again.of("accept")
    site.sessions.shut_down(1.0)
    assert [asked.session.said[-1] for asked in site.asked].count("shut down over 1 s") == 1
    await again.leave()
    assert len(asyncio.all_tasks()) == 1
