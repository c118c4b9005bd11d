"""The import rules of the design: parts in order, pure core, one door for each third party, imports at the top."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).resolve().parents[2]

# A part may import those on lines below its own, and itself. "" is the package's own __init__, with the version.
LINES = (
    {"cli"},
    {"app"},
    {"options"},
    {"ingest", "live", "consume", "web", "agent"},
    {"rpc"},
    {"log", "identity", "observe", "client", "pki"},
    {"allocator", "config", "grpc_tls"},
    {"core"},
    {"errors", "pb", ""},
)
RANK = {part: rank for rank, line in enumerate(reversed(LINES)) for part in line}

# What core may not have of the standard library: I/O, clocks, chance, threads, loops.
IMPURE = frozenset(
    {
        *("asyncio", "concurrent", "multiprocessing", "threading", "_thread", "signal", "subprocess"),
        *("socket", "ssl", "select", "selectors", "http", "urllib", "os", "io", "pathlib", "shutil", "tempfile"),
        *("time", "datetime", "random", "secrets", "uuid", "logging", "ctypes", "mmap", "sys"),
    }
)

# Third party → the only files that may import it, by the beginning of their path.
GRPC = ("hub/rpc/", "hub/ingest/", "hub/client/")
DOORS = {
    "aiokafka": ("hub/log/kafka", "hub/ingest/kafka", "hub/client/kafka_producer.py"),
    "bench": ("hub/cli/bench.py",),
    "cryptography": ("hub/pki/", "hub/identity/"),
    "google.protobuf": ("hub/",),
    "google.rpc": GRPC,
    "grpc": GRPC,
    "grpc_health": GRPC,
    "grpc_reflection": GRPC,
    "grpc_status": GRPC,
    "httptools": ("hub/web/", "hub/identity/https_get.py"),
    "hyperscan": ("hub/live/matcher/",),
    "jwt": ("hub/identity/tokens/",),
    "lark": ("hub/core/filter/parse.py",),
    "lmdb": ("hub/log/lmdb",),
    "opentelemetry": ("hub/ingest/formats/otlp_protobuf.py", "hub/ingest/otlp"),
    "orjson": ("hub/web/", "hub/client/", "hub/cli/", "hub/ingest/formats/"),
    "playwright": ("hub/cli/demo_check.py",),
    "prometheus_client": ("hub/observe/metrics",),
    "pydantic": ("hub/config/", "hub/cli/config_reference.py"),
    "pydantic_core": ("hub/config/", "hub/cli/config_reference.py"),
    "pydantic_settings": ("hub/config/",),
    "quart": ("hub/web/",),
    "re2": ("hub/core/filter/pattern.py",),
    "rich": ("hub/cli/",),
    "typer": ("hub/cli/",),
    "uvicorn": ("hub/web/",),
    "uvloop": ("hub/app.py",),
    "websockets": ("hub/client/", "hub/web/websocket.py"),
    "werkzeug": ("hub/web/",),
    "xxhash": ("hub/log/lmdb",),
    "yaml": ("hub/config/", "hub/cli/"),
    "zstandard": ("hub/log/lmdb", "hub/core/packed_batch.py"),
}


# Third parties that core may use at their doors: they compute, and touch nothing outside.
PURE = frozenset({"google.protobuf", "lark", "re2", "zstandard"})


def violations(sources: Mapping[str, str]) -> list[str]:
    """Return what breaks the rules, a line each; `sources` is text by path, such as `hub/core/batch.py`."""
    return [
        f"{path}:{line}: {fault}"
        for path, text in sorted(sources.items())
        for line, fault in sorted(_faults(path, ast.parse(text)))
    ]


def _faults(path: str, tree: ast.Module) -> Iterator[tuple[int, str]]:
    for function, node in _imports(tree):
        if function:
            yield node.lineno, f"imports inside {function}()"
        if isinstance(node, ast.ImportFrom) and node.level:
            yield node.lineno, "imports relatively"
        else:
            faults = {_fault(path, module) for module in _modules(node)}
            yield from ((node.lineno, fault) for fault in faults if fault)


def _imports(block: ast.AST, function: str = "") -> Iterator[tuple[str, ast.Import | ast.ImportFrom]]:
    """Yield each import, and the function it is in; expressions are most of a tree, and are not looked into."""
    for name in ("body", "handlers", "orelse", "finalbody", "cases"):
        for node in getattr(block, name, ()):
            if isinstance(node, ast.Import | ast.ImportFrom):
                yield function, node
            else:
                inside = node.name if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) else function
                yield from _imports(node, inside)


def _modules(node: ast.Import | ast.ImportFrom) -> list[str]:
    """Return the dotted names that a statement imports, what follows `import` included."""
    prefix = f"{node.module}." if isinstance(node, ast.ImportFrom) else ""
    return [prefix + alias.name for alias in node.names]


def _fault(path: str, module: str) -> str:
    top = module.partition(".")[0]
    if top == "hub":
        return _fault_of_order(_part(path), _imported_part(module))
    if top in sys.stdlib_module_names:
        return f"core must be pure, and imports {top}" if _part(path) == "core" and top in IMPURE else ""
    return _fault_of_door(path, module)


def _part(path: str) -> str:
    return path.removeprefix("hub/").partition("/")[0].removesuffix(".py").replace("__init__", "")


def _imported_part(module: str) -> str:
    """Return the part; `hub.__version__` and the like are of the package itself."""
    part = f"{module}.".split(".")[1]
    return "" if part.startswith("__") else part


def _fault_of_order(importer: str, imported: str) -> str:
    for part in (importer, imported):
        if part not in RANK:
            return f"{part} has no place in the order of parts"
    if importer == imported or RANK[importer] > RANK[imported]:
        return ""
    return f"{importer} must not import {imported}"


def _fault_of_door(path: str, module: str) -> str:
    third_party = next((name for name in DOORS if f"{module}.".startswith(f"{name}.")), None)
    if third_party is None:
        return f"{module.partition('.')[0]} has no door"
    if _part(path) == "core" and third_party not in PURE:
        return f"core must be pure, and imports {third_party}"
    return (
        "" if path.startswith(DOORS[third_party]) else f"{third_party} comes in by {', '.join(DOORS[third_party])} only"
    )


def _hub() -> dict[str, str]:
    """Return the hand-written sources; hub/pb is generated."""
    paths = [path for path in (ROOT / "hub").rglob("*.py") if path.parent.name != "pb"]
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}


def test_the_hub_keeps_the_rules() -> None:
    """No file of hub/ breaks a rule."""
    sources = _hub()
    assert len(sources) > 20, "the sources were not found"
    found = violations(sources)
    assert not found, "\n".join(found)


def test_every_part_is_in_the_order() -> None:
    """A new folder or module of hub/ must be given its place."""
    assert {_part(path) for path in _hub()} <= set(RANK)


@pytest.mark.parametrize(
    ("path", "source", "fault"),
    [
        ("hub/core/a.py", "import hub.log.model", "core must not import log"),
        ("hub/core/a.py", "from hub import config", "core must not import config"),
        ("hub/log/a.py", "from hub.live.feed import Feed", "log must not import live"),
        ("hub/ingest/a.py", "from hub.app import Hub", "ingest must not import app"),
        ("hub/app.py", "from hub.cli.main import app", "app must not import cli"),
        ("hub/web/a.py", "from hub.live import feed", "web must not import live"),
        ("hub/identity/a.py", "from hub.pki.files import write_key", "identity must not import pki"),
        ("hub/errors.py", "from hub.core.batch import parse", "errors must not import core"),
        ("hub/config/a.py", "from hub.observe import logging", "config must not import observe"),
        ("hub/__init__.py", "from hub.core.batch import parse", " must not import core"),
        ("hub/utils/a.py", "from hub.errors import LoghubError", "utils has no place in the order of parts"),
        ("hub/web/a.py", "from hub.helpers import x", "helpers has no place in the order of parts"),
        ("hub/core/a.py", "import asyncio", "core must be pure, and imports asyncio"),
        ("hub/core/a.py", "from os import path", "core must be pure, and imports os"),
        ("hub/core/a.py", "from concurrent.futures import Future", "core must be pure, and imports concurrent"),
        ("hub/core/a.py", "import orjson", "core must be pure, and imports orjson"),
        ("hub/core/a.py", "import requests", "requests has no door"),
        ("hub/live/a.py", "import grpc.aio", "grpc comes in by hub/rpc/, hub/ingest/, hub/client/ only"),
        (
            "hub/web/a.py",
            "from google.rpc import status_pb2",
            "google.rpc comes in by hub/rpc/, hub/ingest/, hub/client/ only",
        ),
        ("hub/log/memory.py", "import lmdb", "lmdb comes in by hub/log/lmdb only"),
        ("hub/web/a.py", "import jwt", "jwt comes in by hub/identity/tokens/ only"),
        ("hub/web/a.py", "def f():\n    import json", "imports inside f()"),
        ("hub/web/a.py", "class C:\n    async def g(self):\n        from json import loads", "imports inside g()"),
        ("hub/web/a.py", "def f():\n    try:\n        g()\n    finally:\n        import json", "imports inside f()"),
        ("hub/web/a.py", "try:\n    f()\nexcept E:\n    import hub.live", "web must not import live"),
        ("hub/web/a.py", "match f():\n    case 1:\n        import hub.live", "web must not import live"),
        ("hub/web/a.py", "if f():\n    g()\nelse:\n    import hub.live", "web must not import live"),
        ("hub/web/a.py", "from . import b", "imports relatively"),
        ("hub/web/a.py", "from .b import c", "imports relatively"),
        (
            "hub/log/a.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from hub.live.feed import Feed",
            "log must not import live",
        ),
    ],
)
def test_a_broken_rule_is_found(path: str, source: str, fault: str) -> None:
    """Each rule, broken once, is reported with file and line, and nothing else is."""
    line = source.count("\n") + 1
    assert violations({path: source}) == [f"{path}:{line}: {fault}"]


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("hub/core/a.py", "from hub.core.wire import varint\nfrom hub.errors import LoghubError\nimport struct"),
        ("hub/core/a.py", "from hub.pb.record_pb2 import Batch\nfrom google.protobuf.message import DecodeError"),
        (
            "hub/live/a.py",
            "from hub import __version__\nfrom hub.log.model import Log\nfrom hub.config import Settings",
        ),
        ("hub/app.py", "import uvloop\nfrom hub.web.app import create_app\nimport hub.grpc_tls"),
        ("hub/ingest/a.py", "import grpc\nfrom google.rpc import code_pb2\nimport asyncio"),
        ("hub/log/lmdb_store.py", "import lmdb, xxhash\nfrom zstandard import ZstdCompressor"),
        (
            "hub/cli/a.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from hub.app import Hub\nimport typer",
        ),
    ],
)
def test_what_the_rules_allow_is_not_reported(path: str, source: str) -> None:
    """Imports downwards, pure ones in core, and third parties at their door are fine."""
    assert violations({path: source}) == []
