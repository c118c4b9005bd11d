"""Reads the configuration: a YAML file, then `LOGHUB_…` variables over it; every mistake is named at once.

Names may be written with hyphens or underscores. The environment writes `LOGHUB_<SECTION>__<NAME>`. It is read here and
not by pydantic-settings, whose environment source passes over names that it does not know and cannot tell afterwards
where a value came from.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ValidationError

from hub.errors import ConfigError
from hub.settings import Section, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic.fields import FieldInfo
    from pydantic_core import ErrorDetails

PREFIX = "LOGHUB_"
# Names on top level that stand for others.
ALIASES = {"ca_cert": "tls.ca", "server_cert": "tls.cert", "server_key": "tls.key", "auth_mode": "web.auth_mode"}
# Variables that loghub's clients read: whoever has them set may start a hub all the same.
CLIENT_VARIABLES = frozenset({"LOGHUB_ENDPOINT", "LOGHUB_CA", "LOGHUB_CERT", "LOGHUB_KEY", "LOGHUB_TOKEN"})
# What Kubernetes sets in every pod beside a service called loghub or loghub-…, by its "service links".
_SERVICE_LINK = re.compile(r"LOGHUB_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)")
_LIKENESS = 0.6


@dataclass(frozen=True, slots=True)
class _Given:
    """A value and where it was written, for messages."""

    value: object
    origin: str


def load(path: Path | None, env: Mapping[str, str]) -> Settings:
    """Read the file, if there is one, and the environment; ConfigError has a line for each problem.

    Relative paths in the file start at the file's folder, those of the environment at the working folder.
    """
    problems: list[str] = []
    given = _from_file(path, problems) if path else {}
    given.update(_from_environment(env, problems))
    settings = _validate(given, problems)
    if settings is None or problems:
        raise ConfigError("\n".join(problems))
    return settings


def fields() -> Iterator[tuple[str, FieldInfo]]:
    """Yield every setting's full name and definition, in the order of the reference."""
    for name, info in Settings.model_fields.items():
        section = info.annotation
        if isinstance(section, type) and issubclass(section, Section):
            yield from ((f"{name}.{inner}", field) for inner, field in section.model_fields.items())
        else:
            yield name, info


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return PREFIX + name.replace(".", "__").upper()


_FIELDS = dict(fields())
_SECTIONS = tuple(dict.fromkeys(name.partition(".")[0] for name in _FIELDS if "." in name))


def _from_file(path: Path, problems: list[str]) -> dict[str, _Given]:
    try:
        document = yaml.load(path.read_bytes(), _UniqueKeyLoader)  # noqa: S506  it is a SafeLoader
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise ConfigError(msg) from error
    except (yaml.YAMLError, ValueError) as error:
        msg = f"{path} is not YAML: {' '.join(str(error).split())}"
        raise ConfigError(msg) from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        msg = f"{path} must hold settings, one 'name: value' a line"
        raise ConfigError(msg)
    given: dict[str, _Given] = {}
    for name, value in _leaves(document, path, problems):
        if name in given:
            problems.append(f"{name} ({path}): is set twice, under two spellings: keep one")
        given[name] = _Given(_in_folder(name, value, path.parent), str(path))
    return given


def _leaves(document: dict[object, object], path: Path, problems: list[str]) -> Iterator[tuple[str, object]]:
    for key, value in document.items():
        name = str(key).replace("-", "_")
        if name not in _SECTIONS:
            yield from _known(ALIASES.get(name, name), str(key), value, path, problems)
        elif isinstance(value, dict):
            for inner, leaf in value.items():
                written = f"{key}.{inner}"
                yield from _known(f"{name}.{str(inner).replace('-', '_')}", written, leaf, path, problems)
        elif value is not None:
            problems.append(f"{name} ({path}): is a section: indent its settings below it")


def _known(name: str, written: str, value: object, path: Path, problems: list[str]) -> Iterator[tuple[str, object]]:
    if name in _FIELDS:
        yield name, value
    else:
        problems.append(f"{written} ({path}): there is no such setting; {_nearest(name)}")


def _from_environment(env: Mapping[str, str], problems: list[str]) -> dict[str, _Given]:
    given: dict[str, _Given] = {}
    for key, value in sorted(env.items()):
        if not key.startswith(PREFIX) or key in CLIENT_VARIABLES or _is_service_link(key, value):
            continue
        written = key.removeprefix(PREFIX).lower().replace("__", ".")
        name = ALIASES.get(written, written)
        if name not in _FIELDS:
            problems.append(f"{key} (environment): there is no such setting; {_nearest(name, in_environment=True)}")
        elif name in given:
            problems.append(f"{name}: {given[name].origin} and {key} both set it: keep one")
        else:
            given[name] = _Given(value, key)
    return given


def _is_service_link(key: str, value: str) -> bool:
    return bool(_SERVICE_LINK.fullmatch(key)) or (key.endswith("PORT") and value.startswith(("tcp://", "udp://")))


def _nearest(name: str, *, in_environment: bool = False) -> str:
    """Return what to say about an unknown name: the most similar one, or where to look."""

    def likeness(known: str) -> float:
        whole = difflib.SequenceMatcher(None, name, known).ratio()
        # A name in the wrong section, or without one: a little less than the same mistake in the right place.
        last = difflib.SequenceMatcher(None, name.rpartition(".")[2], known.rpartition(".")[2]).ratio()
        return max(whole, 0.95 * last)

    best = max([*_FIELDS, *ALIASES], key=likeness)
    if likeness(best) < _LIKENESS:
        return "'loghub check-config --reference' lists them all"
    best = ALIASES.get(best, best)
    return f"the nearest is {variable(best) if in_environment else best}"


def _in_folder(name: str, value: object, folder: Path) -> object:
    is_path = _FIELDS[name].annotation in (Path, Path | None)
    return folder / value if is_path and isinstance(value, str) and value else value


def _validate(given: Mapping[str, _Given], problems: list[str]) -> Settings | None:
    tree: dict[str, Any] = {section: {} for section in _SECTIONS}
    for name, one in given.items():
        section, dot, last = name.rpartition(".")
        (tree[section] if dot else tree)[last] = one.value
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        for detail in error.errors():
            problems.extend(_explain(detail, given))
    return None


def _explain(detail: ErrorDetails, given: Mapping[str, _Given]) -> list[str]:
    """Put one of pydantic's errors in our words; those of the whole model are in our words already."""
    location = [str(part) for part in detail["loc"]]
    if not location:
        return str(detail["ctx"]["error"]).split("\n")
    name = next(known for known in (".".join(location[:2]), location[0]) if known in _FIELDS)
    if detail["type"] == "missing":
        return [f"{name} is missing: {_FIELDS[name].description} Set it in the file or as {variable(name)}."]
    origin = given[name].origin if name in given else "default"
    if detail["type"] == "value_error":
        reason = str(detail["ctx"]["error"])
        value = f"{detail['input']!r} " if reason.startswith("is ") else ""
        return [f"{name} ({origin}): {value}{reason}"]
    reason = re.sub(r"^(Input|Value|String|Tuple) should ", "must ", detail["msg"])
    return [f"{name} ({origin}): {reason}, not {detail['input']!r}"]


class _UniqueKeyLoader(yaml.SafeLoader):
    """Refuses a mapping that names a key twice, of which YAML would silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002  as in yaml
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} stands twice", key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)
