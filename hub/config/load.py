"""Reading the settings: one YAML file, overridden by the environment, every key known.

Keys may be spelled with `-` or `_`. The seed's keys `auth-mode`, `ca-cert`, `server-cert`, `server-key` and
`tls: {min-version, ciphers}` are taken too. `LOGHUB_WEB__PORT=9443` sets `web.port`; lists are written `a,b`. The
environment is read here, since the environment source of pydantic-settings passes over names that it does not know.
"""

from __future__ import annotations

import difflib
import os
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ValidationError

from hub.config.kinds import Section
from hub.config.settings import Settings
from hub.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pydantic_core import ErrorDetails

_SEED = {
    "ca_cert": ("tls", "ca"),
    "server_cert": ("tls", "cert"),
    "server_key": ("tls", "key"),
    "auth_mode": ("web", "auth_mode"),
}
_PREFIX = "LOGHUB_"
# Variables of loghub's clients: whoever has them set may start a hub all the same.
_CLIENT_VARIABLES = frozenset({"LOGHUB_TOKEN", "LOGHUB_ENDPOINT", "LOGHUB_CA", "LOGHUB_CERT", "LOGHUB_KEY"})


def load(path: Path | None, env: Mapping[str, str] = os.environ) -> Settings:
    """Read the file, if any, and the environment; ConfigError has a line for each thing that is wrong.

    Relative paths start at the file's folder; without a file, at the working folder.
    """
    raw = _normal(_read(path)) if path else {}
    problems = [*_unknown(raw), *_unknown_env(env)]
    if problems:
        raise ConfigError("\n".join(problems))
    given = _seed_keys(raw)
    for section, values in _seed_keys(_from_env(env)).items():
        given[section] = {**given.get(section, {}), **values} if isinstance(values, dict) else values
    try:
        settings = Settings(**given)
    except ValidationError as error:
        raise ConfigError("\n".join(map(_explained, error.errors()))) from error
    return _anchored(settings, path.resolve().parent) if path else settings


def _explained(problem: ErrorDetails) -> str:
    name = ".".join(map(str, problem["loc"]))
    if problem["type"] == "value_error":  # one of ours, which names the value
        reason = str(problem["ctx"]["error"])
        return f"{name}: {reason}" if name else reason
    return f"{name}: {problem['msg'].replace('Input should', 'must', 1)}, not {problem['input']!r}"


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice, of which the library would take the last without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        seen: set[str] = set()
        for key, _ in node.value:
            name = str(key.value).replace("-", "_")
            if name in seen:
                problem = f"the key {key.value!r} stands twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep)


def _read(path: Path) -> dict[str, Any]:
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), _Loader)  # noqa: S506  a SafeLoader
    except OSError as error:
        msg = f"the configuration {path} cannot be read: {error.strerror}"
        raise ConfigError(msg) from error
    except yaml.MarkedYAMLError as error:
        line = f"{path}, line {error.problem_mark.line + 1}" if error.problem_mark else str(path)
        msg = f"{line}: {error.problem}"
        raise ConfigError(msg) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        msg = f"{path} is not YAML: {' '.join(str(error).split())}"
        raise ConfigError(msg) from error
    if not isinstance(data, dict | None):
        msg = f"{path} must hold keys and values, like 'web: {{port: 8443}}'"
        raise ConfigError(msg)
    return data or {}


def _normal(data: Any) -> Any:  # noqa: ANN401  YAML is of any type
    """Return the data with `_` for `-` in keys."""
    if isinstance(data, dict):
        return {str(key).replace("-", "_"): _normal(value) for key, value in data.items()}
    if isinstance(data, list):
        return [_normal(value) for value in data]
    return data


def _seed_keys(raw: dict[str, Any]) -> dict[str, Any]:
    out = {key: value for key, value in raw.items() if key not in _SEED}
    for key, (section, name) in _SEED.items():
        if key in raw:
            out[section] = {**(out.get(section) or {}), name: raw[key]}
    return out


def _from_env(env: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in _own_variables(env):
        section, _, key = name.removeprefix(_PREFIX).lower().rpartition("__")
        (found.setdefault(section, {}) if section else found)[key] = env[name]
    return found


def _own_variables(env: Mapping[str, str]) -> list[str]:
    """Return the variables that set something, or mean to."""
    return [name for name in sorted(env) if name.startswith(_PREFIX) and name not in _CLIENT_VARIABLES]


def _known() -> dict[str, tuple[str, ...]]:
    """Return the keys of each section; "" is the top."""
    known = {"": (*Settings.model_fields, *_SEED)}
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            known[name] = tuple(field.annotation.model_fields)
    return known


def _unknown(raw: Mapping[str, Any]) -> Iterator[str]:
    known = _known()
    for key, value in raw.items():
        if key not in known[""]:
            yield _nearest(key, [*known[""], *(f"{s}.{n}" for s, names in known.items() if s for n in names)])
        elif key in known:
            if not isinstance(value, dict):
                yield f"{key}: must hold keys and values"
                continue
            for inner in value:
                if inner not in known[key]:
                    yield _nearest(f"{key}.{inner}", [f"{key}.{name}" for name in known[key]])


def _unknown_env(env: Mapping[str, str]) -> Iterator[str]:
    known = _known()
    names = [f"{s}__{n}" if s else n for s, ns in known.items() for n in ns if s or n not in known]
    names = [_PREFIX + name.upper() for name in names]
    return (_nearest(name, names) for name in _own_variables(env) if name not in names)


def _nearest(key: str, known: list[str]) -> str:
    near = difflib.get_close_matches(key, known, 1, 0.0)
    return f"{key}: there is no such setting; the nearest is {near[0]}"


def _anchored(settings: Settings, folder: Path) -> Settings:
    tls, tokens, audit, kafka = settings.tls, settings.tokens, settings.audit, settings.kafka
    paths = {name: folder / path for name in ("path", "key_file") if (path := getattr(audit, name)) is not None}
    return settings.model_copy(
        update={
            "data_dir": folder / settings.data_dir,
            "tls": tls.model_copy(
                update={
                    "ca": folder / tls.ca,
                    "cert": folder / tls.cert,
                    "key": folder / tls.key,
                    "crl": None if tls.crl is None else folder / tls.crl,
                }
            ),
            "kafka": kafka.model_copy(
                update={
                    name: folder / path
                    for name in ("ca", "cert", "key", "password_file")
                    if (path := getattr(kafka, name)) is not None
                }
            ),
            "tokens": tokens.model_copy(
                update={
                    name: folder / path
                    for name in ("keys", "jwks_ca", "development_secret")
                    if (path := getattr(tokens, name)) is not None
                }
            ),
            "audit": audit.model_copy(update=paths),
        }
    )
