"""`loghub doctor` on the machine: ports, disk, open files, clock."""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import socket
import ssl
import tempfile
import time
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from statistics import median
from typing import TYPE_CHECKING

from hub.cli.finding import failed, ok, unless, warning
from hub.errors import LoghubError
from hub.identity.examine import facts_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hub.cli.finding import Finding
    from hub.config import Settings

_CONNECT_SECONDS = 2.0
_FSYNCS = 5
_BLOCK_BYTES = 4096
# Files that are open beside connections: the log, libraries, listeners, the page's few.
_OTHER_FILES = 512
_SKEW_SECONDS = 60.0
# <sys/timex.h>: what adjtimex returns while nothing keeps the clock right.
_TIME_ERROR = 5
_TIMEX_BYTES = 512


@dataclass(frozen=True, slots=True)
class Patience:
    """What still counts as good: the median time of an fsync."""

    fsync_seconds: float = 0.02


def machine(settings: Settings, patience: Patience) -> Iterator[Finding]:
    """Look at all of it."""
    yield from _ports(settings)
    folder = _existing(settings.data_dir)
    yield from _space(settings, folder)
    yield from _fsync(folder, patience)
    yield from _open_files(settings)
    yield from _clock(settings)


def _existing(folder: Path) -> Path:
    """Return the folder, or where it would be made."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


# --- ports -----------------------------------------------------------------------------------------------------------


def _ports(settings: Settings) -> Iterator[Finding]:
    ports = [("grpc", settings.grpc.host, settings.grpc.port), ("web", settings.web.host, settings.web.port)]
    for name, host, port in ports:
        yield _port(settings, name, host, port)
    metrics = settings.metrics
    for worker in range(settings.workers if metrics.port > 0 else 0):
        yield _port(settings, "metrics", metrics.host, metrics.port + worker)


def _port(settings: Settings, name: str, host: str, port: int) -> Finding:
    check, where = f"port-{name}", f"{host}:{port}"
    if port == 0:
        return ok(check, f"any free port of {host}")
    trouble = _cannot_bind(host, port)
    if trouble is None:
        return ok(check, f"{where} is free")
    if trouble == errno.EADDRINUSE:
        ours = _is_metrics(host, port) if name == "metrics" else _shows(settings.tls.cert, host, port)
        if ours:
            return ok(check, f"{where} is served by a hub with this configuration")
        return failed(check, f"{where} is used by another program", f"stop it, or set {name}.port")
    return failed(check, f"{where} cannot be opened: {os.strerror(trouble)}", f"set {name}.host and {name}.port")


def _cannot_bind(host: str, port: int) -> int | None:
    """Return the error number that a listener gets; None where it gets none."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            return error.errno or errno.EADDRNOTAVAIL
    return None


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)  # noqa: S104  compared, not bound


def _shows(cert: Path, host: str, port: int) -> bool:
    """Return whether who listens shows our certificate; nothing is asked or sent but the handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((_reachable(host), port), timeout=_CONNECT_SECONDS) as raw,
            context.wrap_socket(raw) as tls,
        ):
            return tls.getpeercert(binary_form=True) == facts_of(cert)[0].der
    except (OSError, LoghubError):
        return False


def _is_metrics(host: str, port: int) -> bool:
    connection = HTTPConnection(_reachable(host), port, timeout=_CONNECT_SECONDS)
    try:
        connection.request("GET", "/metrics")
        return b"loghub_limit" in connection.getresponse().read()
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


# --- disk ------------------------------------------------------------------------------------------------------------


def _space(settings: Settings, folder: Path) -> Iterator[Finding]:
    log = settings.log
    usage = os.statvfs(folder)
    free = usage.f_bavail * usage.f_frsize
    try:
        used = (settings.data_dir / "log.mdb").stat().st_blocks * 512
    except OSError:
        used = 0
    said = f"{folder} has {free / 2**30:.1f} GiB free"
    if free < log.min_free_bytes:
        text = f"{said}, less than log.min_free_bytes: the hub takes no records"
        yield failed("disk-space", text, "free some, or set data_dir to a larger disk")
    elif free - log.min_free_bytes < log.max_bytes - used:
        text = f"{said}, less than the log may still grow to (log.max_bytes)"
        yield warning("disk-space", text, "lower log.max_bytes, or set data_dir to a larger disk")
    else:
        yield ok("disk-space", said)


def _fsync(folder: Path, patience: Patience) -> Iterator[Finding]:
    """Measure what every group commit waits for."""
    try:
        took = _fsync_times(folder)
    except OSError as error:
        yield failed("disk-write", f"{folder} cannot be written: {error.strerror}", "set data_dir, or chown it")
        return
    text = f"an fsync in {folder} takes {median(took) * 1000:.1f} ms, at most {max(took) * 1000:.1f} ms"
    if median(took) > patience.fsync_seconds:
        yield warning("disk-fsync", text, "each acknowledgement waits for one: set data_dir to a faster disk")
    else:
        yield ok("disk-fsync", text)


def _fsync_times(folder: Path) -> list[float]:
    took: list[float] = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(_FSYNCS):
            began = time.perf_counter()
            file.write(bytes(_BLOCK_BYTES))
            file.flush()
            os.fsync(file.fileno())
            took.append(time.perf_counter() - began)
    return took


# --- open files, clock -----------------------------------------------------------------------------------------------


def _open_files(settings: Settings) -> Iterator[Finding]:
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = settings.web.max_connections + _OTHER_FILES
    if allowed < needed:
        text = f"{allowed} open files are allowed, web.max_connections needs {needed}"
        advice = f"raise it (systemd: LimitNOFILE={needed}, shell: ulimit -n {needed}), or lower web.max_connections"
        yield warning("open-files", text, advice)
    else:
        yield ok("open-files", f"{allowed} open files are allowed, {needed} are needed at most")


def _clock(settings: Settings) -> Iterator[Finding]:
    """Look whether the clock is behind what was written before, and whether something keeps it right."""
    found = []
    newest = max((path.stat().st_mtime for path in _written(settings)), default=0.0)
    behind = newest - time.time()
    if behind > _SKEW_SECONDS:
        text = f"the clock is {behind:.0f} s behind the newest file of {settings.data_dir}"
        found.append(failed("clock", text, "set it: certificates, tokens and retention go by it"))
    if not _synchronized():
        text = "nothing keeps this machine's clock right, says the kernel"
        found.append(warning("clock", text, "run chrony, systemd-timesyncd or ntpd: tokens are judged by it"))
    yield from unless(found, "clock", "the clock is kept right")


def _written(settings: Settings) -> list[Path]:
    audit = settings.audit.folder(settings.data_dir)
    folders = [folder for folder in (settings.data_dir, audit) if folder.is_dir()]
    return [path for folder in folders for path in folder.iterdir() if path.is_file()]


def _synchronized() -> bool:
    """Ask the kernel (adjtimex with modes 0 changes nothing); taken for granted where it cannot be asked."""
    state = ctypes.create_string_buffer(_TIMEX_BYTES)
    try:
        return bool(ctypes.CDLL(None).adjtimex(state) != _TIME_ERROR)
    except (AttributeError, OSError):
        return True
