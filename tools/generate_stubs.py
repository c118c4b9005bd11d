"""Generate hub/pb from proto/.

protoc writes imports by proto path (`from loghub.v1 import record_pb2`), which would claim a top-level package of that
name; the stubs live in hub/pb, so their imports are rewritten.
"""

from __future__ import annotations

import re
import sys
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
_IMPORT = re.compile(r"^from loghub\.v1 import", re.MULTILINE)
_SELF = re.compile(r"^import loghub\.v1\.(\w+)", re.MULTILINE)


def generate(target: Path) -> None:
    """Write the stubs of every proto file into the folder `target`; RuntimeError when protoc fails."""
    protos = sorted(str(path.relative_to(ROOT / "proto")) for path in (ROOT / "proto" / "loghub").rglob("*.proto"))
    includes = files("grpc_tools") / "_proto"
    with TemporaryDirectory() as scratch:
        outputs = [f"--python_out={scratch}", f"--pyi_out={scratch}", f"--grpc_python_out={scratch}"]
        status = protoc.main(["protoc", f"-I{ROOT / 'proto'}", f"-I{includes}", *outputs, *protos])
        if status:
            message = f"protoc failed with status {status}"
            raise RuntimeError(message)
        for path in sorted((Path(scratch) / "loghub" / "v1").iterdir()):
            text = _SELF.sub(r"import hub.pb.\1", _IMPORT.sub("from hub.pb import", path.read_text()))
            if path.name.endswith("_pb2_grpc.py") and "class " not in text.replace("class grpc", ""):
                continue  # a proto without a service
            (target / path.name).write_text(text)


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "hub" / "pb")
