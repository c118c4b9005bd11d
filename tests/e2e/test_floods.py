"""Hostile peers against a real hub over real TLS: memory stays bounded, and another tenant does not notice.

A small steady stream of one tenant runs all the time: 200 records a second through a producer's stream to a WebSocket
subscriber. Before each flood it is measured alone, and then beside the flood, which is of another tenant. For each
flood

    the hub's resident memory grows by less than 64 MiB, at its peak and afterwards
    the p99 of the steady stream's live tail less than doubles, where 20 ms are the least that is doubled: on a machine
    whose two processors are shared with the flood and others, 40 ms are noise
    the steady stream loses nothing, and the hub answers on both ports afterwards

Where that does not hold yet, and is known not to, the test ends as an expected failure with its figures, provided that
the tail never stands still for three seconds and that memory stays below 400 MiB more.

The figures are printed at the end (`pytest -s`), and stand in the JUnit report. The floods: tests/floods.py.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import uvloop

from bench.rig import Rig, rig
from hub.core.principal import Role
from hub.pb.record_pb2 import Batch, LogRecord, Resource
from tests.floods import FLOODS, Target
from tests.peers import Site

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
# Half of the defaults and less, so that fifty subscribers that do not read may hold 25 MiB of what waits for them.
SETTINGS = {"live": {"queue-bytes": "256KiB", "replay-bytes": "256KiB"}}
STEADY, HOSTILE = "steady", "hostile"
RATE = 200
QUIET_SECONDS, FLOOD_SECONDS = 0.8, 2.0
FLOOR_MS = 20.0
MAX_GROWTH_MIB = 64.0
# Answers within this time are healthy: the machine is shared.
HEALTHY_SECONDS = 5.0
# A machine's hiccup is not the flood's: what hurts once must hurt three times.
TRIES = 3
# Whatever is open, nobody waits for longer, and the hub takes no more.
STALL_MS = 3000.0
MAX_OPEN_GROWTH_MIB = 400.0
# Known not to hold yet, each with its reason; see docs/design/floods.md. Everything else is asked of these too.
_CORE = "gRPC hands over calls whose headers are far too large, and they are made into objects before they are seen"
_TRUST = "a client that had a call answered may have 2 MiB on their way, and more by and by, before it is held"
_TLS = "TLS handshakes and records take the loop's time before anything can be cut"
OPEN_LATENCY = {
    "h2_hpack_bomb": _CORE,
    **dict.fromkeys(("h2_pings_of_a_client", "h2_resets_of_a_client"), _TRUST),
    **dict.fromkeys(("silent_tls", "churn", "broken_handshakes", "slow_heads", "slow_bodies", "large_heads"), _TLS),
    **dict.fromkeys(("ws_pings", "ws_pings_read", "ws_pongs", "ws_empty_messages", "ws_endless_fragments"), _TLS),
    **dict.fromkeys(("ws_many_fragments", "ws_huge_frames", "ws_deflate", "deaf_subscribers"), _TLS),
}
OPEN_MEMORY = {"h2_hpack_bomb"}


@dataclass(frozen=True, slots=True)
class Row:
    """What a flood came to."""

    flood: str
    done: str
    quiet_p99_ms: float
    flood_p99_ms: float
    worst_ms: float
    before_mib: float
    peak_mib: float
    after_mib: float


class Steady:
    """The stream that is measured, in a thread and loop of its own."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.sent = 0
        # (when it arrived, how long it took), both in seconds; the newest two minutes.
        self.arrived: deque[tuple[float, float]] = deque(maxlen=RATE * 120)
        self.delivered = 0
        self.fault: BaseException | None = None
        self._loop = uvloop.new_event_loop()
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._work, name="steady", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        try:
            self._task = self._loop.create_task(self._run())
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass
        except BaseException as fault:  # noqa: BLE001  told by `check`
            self.fault = fault

    async def _run(self) -> None:
        async with self._site.subscriber(STEADY) as tail, self._site.producer(STEADY) as producer:
            await tail.subscribe()
            await producer.receive("welcome")
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._produce(producer))
                tasks.create_task(self._acknowledged(producer))
                tasks.create_task(self._watch(tail))

    async def _produce(self, producer: Any) -> None:
        due = time.monotonic()
        while True:
            self.sent += 1
            record = LogRecord(body=f"{time.monotonic():.6f}", severity=9, time_unix_nano=1)  # type: ignore[arg-type]
            await producer.send_batches(Batch(seq=self.sent, resource=Resource(service="steady"), records=[record]))
            due += 1 / RATE
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _acknowledged(self, producer: Any) -> None:
        while True:
            message = await producer.call.read()
            assert message.WhichOneof("kind") == "ack", message

    async def _watch(self, tail: Any) -> None:
        async for message in tail:
            assert message.WhichOneof("kind") not in {"gap", "goodbye", "error"}, message
            now = time.monotonic()
            for batch in message.records.batches:
                for record in batch.records:
                    self.delivered += 1
                    self.arrived.append((now, now - float(record.body)))
        raise ConnectionError

    def check(self) -> None:
        """Fail where the stream has broken or lost anything."""
        deadline = time.monotonic() + HEALTHY_SECONDS
        sent = self.sent
        while self.delivered < sent and self.fault is None:
            assert time.monotonic() < deadline, f"{sent - self.delivered} records did not come in {HEALTHY_SECONDS} s"
            time.sleep(0.05)
        assert self.fault is None, self.fault

    def p99_ms(self, begin: float, end: float) -> tuple[float, float]:
        """Return the 99th percentile and the worst of what arrived in a time, by `time.monotonic`."""
        took = sorted(took for when, took in list(self.arrived) if begin <= when < end)
        assert len(took) > RATE * (end - begin) / 8, f"only {len(took)} records arrived"
        return took[len(took) * 99 // 100] * 1000, took[-1] * 1000

    def stop(self) -> None:
        """End it."""
        if self._task:
            self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(10)


class Memory:
    """The hub's resident memory, looked at all the time."""

    def __init__(self, hub: Rig) -> None:
        self._hub = hub
        self.peak_mib = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="memory", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        with suppress(OSError):
            while not self._over.wait(0.02):
                self.peak_mib = max(self.peak_mib, self.now_mib)

    @property
    def now_mib(self) -> float:
        """What it is now."""
        return self._hub.rss_kib() / 1024

    def stop(self) -> None:
        """Look no more."""
        self._over.set()
        self._thread.join(5)


@dataclass(frozen=True, slots=True)
class World:
    """The hub, the stream, and what has been found."""

    site: Site
    hub: Rig
    steady: Steady
    memory: Memory
    attacker: Attacker
    rows: list[Row]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A hub and a steady stream; the table is printed at the end."""
    rows: list[Row] = []
    with rig(SETTINGS) as hub:
        site = Site(hub.deployment, hub.listening)
        steady, memory, attacker = Steady(site), Memory(hub), Attacker(site)
        try:
            time.sleep(2 * QUIET_SECONDS)
            yield World(site, hub, steady, memory, attacker, rows)
        finally:
            attacker.stop()
            steady.stop()
            memory.stop()
            print(_table(rows))  # noqa: T201  the figures are the result


def _table(rows: list[Row]) -> str:
    head = f"\n{'flood':24}{'quiet p99':>10}{'p99 ms':>8}{'worst':>8}{'MiB':>7}{'peak':>7}{'after':>7}  done"
    return "\n".join(
        [
            head,
            *(
                f"{row.flood:24}{row.quiet_p99_ms:10.1f}{row.flood_p99_ms:8.1f}{row.worst_ms:8.1f}{row.before_mib:7.0f}"
                f"{row.peak_mib:7.0f}{row.after_mib:7.0f}  {row.done}"
                for row in rows
            ),
        ]
    )


def _target(site: Site) -> str:
    made = site.deployment
    files = [made.client(HOSTILE, role, "x") for role in (Role.PRODUCER, Role.SUBSCRIBER)]
    pairs = [(str(issued.cert), str(issued.key)) for issued in files]
    ports = site.listening.grpc_port, site.listening.web_port
    return json.dumps(asdict(Target(*ports, str(made.ca), pairs[0], pairs[1], made.token(HOSTILE), FLOOD_SECONDS)))


class Attacker:
    """The process that floods, at low priority: a real attacker brings his own processor."""

    def __init__(self, site: Site) -> None:
        command = ["nice", "-n", "19", sys.executable, "-m", "tests.floods"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        self._say(_target(site))

    def _say(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def run(self, name: str) -> dict[str, int]:
        """Run a flood; return what it did."""
        self._say(name)
        assert self._process.stdout
        done: dict[str, int] = json.loads(self._process.stdout.readline())
        return done

    def stop(self) -> None:
        """End it."""
        self._process.kill()
        self._process.communicate()


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_is_its_senders_own_affair(world: World, name: str, record_property: Any) -> None:
    """Memory, the other tenant's live tail, and the hub's health."""
    for left in range(1 if name in OPEN_LATENCY else TRIES, 0, -1):
        row, done = _flooded(world, name)
        held = row.flood_p99_ms < 2 * max(row.quiet_p99_ms, FLOOR_MS)
        if held or left == 1:
            break
    world.rows.append(row)
    for key, value in asdict(row).items():
        record_property(key, value)
    assert sum(done.values()), "the flood did nothing"
    assert not done.get("negotiated"), "compression was negotiated"
    assert row.flood_p99_ms < STALL_MS, row
    assert row.peak_mib - row.before_mib < MAX_OPEN_GROWTH_MIB, row
    if row.peak_mib - row.before_mib >= MAX_GROWTH_MIB and name in OPEN_MEMORY:
        pytest.xfail(f"{_CORE}: {row}")
    assert row.peak_mib - row.before_mib < MAX_GROWTH_MIB, row
    if not held and name in OPEN_LATENCY:
        pytest.xfail(f"{OPEN_LATENCY[name]}: {row}")
    assert held, row


def _flooded(world: World, name: str) -> tuple[Row, dict[str, int]]:
    steady, memory = world.steady, world.memory
    began = time.monotonic()
    time.sleep(QUIET_SECONDS)
    before = memory.peak_mib = memory.now_mib
    quiet, _ = steady.p99_ms(began, time.monotonic())
    began = time.monotonic()
    done = world.attacker.run(name)
    p99, worst = steady.p99_ms(began, time.monotonic())
    asyncio.run(_healthy(world.site))
    steady.check()
    text = " ".join(f"{what}={count}" for what, count in done.items())
    return Row(name, text, quiet, p99, worst, before, memory.peak_mib, memory.now_mib), done


async def _healthy(site: Site) -> None:
    """Both ports serve a tenant that comes anew."""
    async with asyncio.timeout(HEALTHY_SECONDS):
        async with site.subscriber("fresh") as tail:
            await tail.subscribe()
            await site.push("fresh", "still here")
            assert await tail.bodies(1) == ["still here"]
