"""hub.config: one file and the environment make the settings, and every mistake is named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from hub.config import Section, Settings, load
from hub.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes a configuration file."""

    def write(text: str) -> Path:
        path = tmp_path / "loghub.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def problems(path: Path | None, env: dict[str, str] | None = None) -> list[str]:
    """Return the lines of the error that loading ends with."""
    with pytest.raises(ConfigError) as caught:
        load(path, env or {})
    return caught.value.message.split("\n")


def test_without_file_and_environment_there_are_defaults() -> None:
    """No setting is compulsory, and the defaults agree with each other."""
    settings = load(None, {})
    assert (settings.grpc.port, settings.web.port, settings.workers) == (4317, 8443, 1)
    assert settings.ingest.max_batch_bytes == 4 * 2**20
    assert settings.web.allowed_origins == ()


def test_an_empty_file_is_the_same_as_none(write: Write) -> None:
    """A file with nothing but comments changes no number."""
    assert load(write("# nothing yet\n"), {}).limits() == load(None, {}).limits()


@pytest.mark.parametrize(
    ("text", "line"),
    [("web:\n  port: 1\n  port: 2\n", 3), ("workers: 1\nworkers: 1\n", 2), ("data-dir: a\n\ndata_dir: b\n", 3)],
)
def test_a_key_that_stands_twice_is_a_mistake(write: Write, text: str, line: int) -> None:
    """YAML parsers take the last in silence; whoever wrote the first would wonder."""
    (problem,) = problems(write(text))
    assert f"loghub.yaml, line {line}: the key" in problem
    assert "stands twice" in problem


def test_a_file_sets_what_it_names_and_nothing_else(write: Write) -> None:
    """Values come from the file, the rest from the defaults."""
    settings = load(write("workers: 3\nweb: {port: 9443}\n"), {})
    assert (settings.workers, settings.web.port, settings.grpc.port) == (3, 9443, 4317)


@pytest.mark.parametrize("key", ["max-batch-bytes", "max_batch_bytes"])
def test_hyphens_and_underscores_are_the_same(write: Write, key: str) -> None:
    """Both spellings of a name are taken."""
    assert load(write(f"ingest: {{{key}: 2MiB}}"), {}).ingest.max_batch_bytes == 2 * 2**20


@pytest.mark.parametrize(
    ("written", "size_bytes"),
    [("5000", 5000), ("5000.0", 5000), ("'5000'", 5000), ("2 KiB", 2048), ("1.5MiB", 3 * 2**19), ("4kb", 4000)],
)
def test_sizes_are_bytes_or_have_a_unit(write: Write, written: str, size_bytes: int) -> None:
    """A size may be written with a unit, in any case, with a fraction."""
    assert load(write(f"log: {{min_free_bytes: {written}}}"), {}).log.min_free_bytes == size_bytes


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("90", 90.0), ("0.5", 0.5), ("90s", 90.0), ("250ms", 0.25), ("2m", 120.0), ("7d", 604_800.0)],
)
def test_times_are_seconds_or_have_a_unit(write: Write, written: str, seconds: float) -> None:
    """A time may be written with a unit."""
    assert load(write(f"log: {{retention_seconds: {written}}}"), {}).log.retention_seconds == seconds


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("log: {retention_seconds: 3 weeks}", "log.retention_seconds", "'3 weeks'"),
        ("log: {retention_seconds: .inf}", "log.retention_seconds", "inf"),
        ("log: {retention_seconds: .nan}", "log.retention_seconds", "nan"),
        ("log: {retention_seconds: -1}", "log.retention_seconds", "-1"),
        ("log: {retention_seconds: yes}", "log.retention_seconds", "True"),
        ("live: {max_message_bytes: 4 potatoes}", "live.max_message_bytes", "'4 potatoes'"),
        ("live: {max_message_bytes: 2048.5}", "live.max_message_bytes", "2048.5"),
        ("live: {max_message_bytes: .inf}", "live.max_message_bytes", "inf"),
        ("live: {max_message_bytes: 3}", "live.max_message_bytes", "3"),
        ("live: {max_message_bytes: }", "live.max_message_bytes", "None"),
        ("live: {max_message_bytes: yes}", "live.max_message_bytes", "True"),
        ("grpc: {port: 65536}", "grpc.port", "65536"),
        ("grpc: {port: yes}", "grpc.port", "True"),
        ("grpc: {port: http}", "grpc.port", "'http'"),
        ("workers: 0", "workers", "0"),
        ("workers: 65", "workers", "65"),
        ("ingest: {max_batch_records: 0}", "ingest.max_batch_records", "0"),
        ("web: {auth_mode: none}", "web.auth_mode", "'none'"),
        ("logging: {level: LOUD}", "logging.level", "'LOUD'"),
        ("logging: {format: xml}", "logging.format", "'xml'"),
    ],
)
def test_a_bad_value_is_named_with_its_setting(write: Write, text: str, name: str, value: str) -> None:
    """One line says which setting is wrong and what it was given."""
    (line,) = problems(write(text))
    assert line.startswith(f"{name}: ")
    assert value in line


def test_every_mistake_is_named_at_once(write: Write) -> None:
    """Two bad values are two lines."""
    lines = problems(write("grpc: {port: 70000}\nworkers: 0\n"))
    assert sorted(line.partition(":")[0] for line in lines) == ["grpc.port", "workers"]


@pytest.mark.parametrize(
    ("text", "wrong", "nearest"),
    [
        ("web: {heartbeat_second: 1}", "web.heartbeat_second", "web.heartbeat_seconds"),
        ("web: {allowed-origin: x}", "web.allowed_origin", "web.allowed_origins"),
        ("max_batch_byte: 1", "max_batch_byte", "ingest.max_batch_bytes"),
        ("worker: 2", "worker", "workers"),
        ("grcp: {port: 1}", "grcp", "grpc"),
        ("server-crt: a.pem", "server_crt", "server_cert"),
    ],
)
def test_an_unknown_name_is_an_error_that_names_the_nearest(write: Write, text: str, wrong: str, nearest: str) -> None:
    """A typing mistake is shown with the whole name that was meant."""
    (line,) = problems(write(text))
    assert line.startswith(f"{wrong}: ")
    assert line.endswith(f" {nearest}")


def test_a_section_must_hold_settings(write: Write) -> None:
    """A value where a section belongs is named."""
    (line,) = problems(write("web: 8443\n"))
    assert line.startswith("web: ")


@pytest.mark.parametrize("text", ["- a\n- b\n", "just text\n", "a: [1, 2\n", "a: 'x\n"])
def test_a_file_that_holds_no_settings_is_named(write: Write, text: str) -> None:
    """Neither a list, a word nor broken YAML is a configuration; the message has the file's name, on one line."""
    path = write(text)
    (line,) = problems(path)
    assert str(path) in line


def test_a_file_that_is_not_utf8_is_named(tmp_path: Path) -> None:
    """Bytes that are no text end in an error of ours."""
    path = tmp_path / "loghub.yaml"
    path.write_bytes(b"trust_domain: \xff\xfe")
    (line,) = problems(path)
    assert str(path) in line


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The error says which file cannot be read, and why."""
    (line,) = problems(tmp_path / "absent.yaml")
    assert "absent.yaml" in line
    assert "No such file" in line


def test_the_environment_overrides_the_file(write: Write) -> None:
    """A variable replaces one setting of a section and leaves its neighbours."""
    path = write("web: {port: 9443, heartbeat_misses: 7}\nworkers: 2\n")
    settings = load(path, {"LOGHUB_WEB__PORT": "9444", "LOGHUB_WORKERS": "4", "HOME": "/"})
    assert (settings.web.port, settings.web.heartbeat_misses, settings.workers) == (9444, 7, 4)


def test_only_the_given_environment_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process's own variables are not looked at beside those that were handed over."""
    monkeypatch.setenv("LOGHUB_WEB__PORT", "1")
    assert load(None, {}).web.port == 8443


def test_without_an_environment_the_process_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """`load(path)` reads the variables of the process."""
    monkeypatch.setenv("LOGHUB_WEB__PORT", "9555")
    assert load(None).web.port == 9555


def test_lists_and_units_work_in_the_environment() -> None:
    """A list is written with commas, a size with its unit."""
    env = {
        "LOGHUB_WEB__ALLOWED_ORIGINS": "https://a.example, https://b.example:8443",
        "LOGHUB_LIVE__MAX_MESSAGE_BYTES": "8KiB",
    }
    settings = load(None, env)
    assert settings.web.allowed_origins == ("https://a.example", "https://b.example:8443")
    assert settings.live.max_message_bytes == 8192


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("LOGHUB_WEB__PROT", "LOGHUB_WEB__PORT"),
        ("LOGHUB_WEB_PORT", "LOGHUB_WEB__PORT"),
        ("LOGHUB_WORKER", "LOGHUB_WORKERS"),
        ("LOGHUB_WEB__PORT__X", "LOGHUB_WEB__PORT"),
    ],
)
def test_an_unknown_variable_is_an_error_that_names_the_nearest(name: str, nearest: str) -> None:
    """A variable that would set nothing is named, never passed over."""
    (line,) = problems(None, {name: "1"})
    assert line.startswith(f"{name}: ")
    assert line.endswith(f" {nearest}")


def test_a_variable_cannot_set_a_whole_section() -> None:
    """A section's name alone sets nothing, so it is an error."""
    (line,) = problems(None, {"LOGHUB_WEB": "8443"})
    assert line.startswith("LOGHUB_WEB: ")


def test_a_bad_value_of_the_environment_is_named() -> None:
    """What the environment sets is checked like the file."""
    (line,) = problems(None, {"LOGHUB_GRPC__PORT": "many"})
    assert line.startswith("grpc.port: ")
    assert "'many'" in line


@pytest.mark.parametrize("name", ["LOGHUB_TOKEN", "LOGHUB_ENDPOINT", "LOGHUB_CA", "LOGHUB_CERT", "LOGHUB_KEY"])
def test_the_clients_variables_do_not_stop_a_hub(name: str) -> None:
    """Who has set a client's variable may start a hub in the same shell."""
    assert load(None, {name: "x"}).limits() == load(None, {}).limits()


def test_the_seeds_keys_are_taken(write: Write) -> None:
    """The old flat names set what they always meant."""
    text = """
auth-mode: mTLS
ca-cert: /pki/ca.pem
server-cert: /pki/hub.pem
server-key: /pki/hub.key
tls:
  min-version: TLSv1.3
  ciphers: [TLS_AES_256_GCM_SHA384]
"""
    settings = load(write(text), {})
    assert settings.web.auth_mode == "mTLS"
    files = [str(path) for path in (settings.tls.ca, settings.tls.cert, settings.tls.key)]
    assert files == ["/pki/ca.pem", "/pki/hub.pem", "/pki/hub.key"]
    assert settings.tls.ciphers == ("TLS_AES_256_GCM_SHA384",)


def test_the_seeds_keys_work_in_the_environment() -> None:
    """A flat name is not lost when it comes as a variable."""
    settings = load(None, {"LOGHUB_CA_CERT": "/pki/ca.pem", "LOGHUB_AUTH_MODE": "mTLS+JWT"})
    assert (str(settings.tls.ca), settings.web.auth_mode) == ("/pki/ca.pem", "mTLS+JWT")


def test_a_seeds_key_beside_a_broken_section_is_an_error_of_ours(write: Write) -> None:
    """A flat name does not trip over a section that is none."""
    (line,) = problems(write("ca-cert: a.pem\ntls: nothing\n"))
    assert line.startswith("tls: ")


@pytest.mark.parametrize(
    ("tls", "word"),
    [
        ("min-version: TLSv1.2", "TLSv1.2"),
        ("ciphers: [TLS_AES_256_GCM_SHA384, ECDHE-RSA-AES256-GCM-SHA384]", "ECDHE-RSA-AES256-GCM-SHA384"),
    ],
)
def test_older_tls_cannot_be_asked_for(write: Write, tls: str, word: str) -> None:
    """A version or suite before TLS 1.3 is refused by its name."""
    (line,) = problems(write(f"tls: {{{tls}}}"))
    assert line.startswith("tls: ")
    assert word in line


@pytest.mark.parametrize("origin", ["https://logs.example", "http://localhost:5173", "https://[::1]:8443"])
def test_origins_are_scheme_host_and_port(write: Write, origin: str) -> None:
    """An origin is kept exactly as browsers send it."""
    assert load(write(f"web: {{allowed_origins: ['{origin}']}}"), {}).web.allowed_origins == (origin,)


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "null",
        "logs.example",
        "https://logs.example/",
        "https://u@logs.example",
        "https://Logs.example",
        "https://*.a",
    ],
)
def test_what_no_browser_sends_as_an_origin_is_refused(write: Write, origin: str) -> None:
    """An origin that could never match, or that was meant to match many, is an error."""
    (line,) = problems(write(f"web: {{allowed_origins: ['{origin}']}}"))
    assert line.startswith("web: ")
    assert repr(origin) in line


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ingest: {max_record_bytes: 8MiB}", ("ingest.max_record_bytes", "ingest.max_batch_bytes")),
        ("ingest: {max_batch_bytes: 32MiB}", ("ingest.max_batch_bytes", "ingest.max_unacked_bytes")),
        ("log: {max_bytes: 512MiB}", ("log.retention_bytes_per_tenant", "log.max_bytes")),
        ("log: {max_pending_bytes: 1MiB}", ("log.group_max_bytes", "log.max_pending_bytes")),
        ("live: {max_filter_bytes: 128KiB}", ("live.max_filter_bytes", "live.max_message_bytes")),
        ("web: {max_connections: 10}", ("web.max_connections_per_tenant", "web.max_connections")),
        ("grpc: {port: 8443}", ("grpc.port", "web.port")),
    ],
)
def test_settings_that_contradict_each_other_are_refused(write: Write, text: str, words: tuple[str, str]) -> None:
    """The message names both settings."""
    (line,) = problems(write(text))
    assert all(word in line for word in words)


def test_both_ports_may_be_any_free_one(write: Write) -> None:
    """0 is no port, so two of it do not clash."""
    settings = load(write("grpc: {port: 0}\nweb: {port: 0}\n"), {})
    assert (settings.grpc.port, settings.web.port) == (0, 0)


def test_relative_paths_start_at_the_files_folder(write: Write, tmp_path: Path) -> None:
    """A configuration works from wherever the hub is started."""
    settings = load(write("data_dir: d\ntls: {ca: pki/ca.pem, cert: /abs/hub.pem}\ntokens: {keys: k.pem}\n"), {})
    assert settings.data_dir == tmp_path / "d"
    assert settings.tls.ca == tmp_path / "pki" / "ca.pem"
    assert str(settings.tls.cert) == "/abs/hub.pem"
    assert settings.tokens.keys == tmp_path / "k.pem"


def test_a_tenant_may_have_quotas_of_its_own(write: Write) -> None:
    """Its name is taken as it is, its keys with `-` or `_`, sizes with units; what it leaves out is that of all."""
    text = (
        "quotas: {tenants: [{tenant: a-b, records-per-s: 5, retention-bytes: 1MiB}, {tenant: a_b, bytes_per_s: 1kB}]}"
    )
    quotas = load(write(text), {}).quotas
    assert quotas.own("records_per_s") == {"a-b": 5}
    assert quotas.own("bytes_per_s") == {"a_b": 1000}
    assert quotas.own("retention_bytes") == {"a-b": 2**20}
    assert quotas.own("max_streams") == {}


@pytest.mark.parametrize(
    ("one", "words"),
    [
        ("{records-per-s: 1}", "quotas.tenants.0.tenant"),
        ("{tenant: Acme}", "1 to 63 characters"),
        ("{tenant: a, record-per-s: 1}", "record_per_s"),
        ("{tenant: a, max-streams: 0}", "quotas.tenants.0.max_streams"),
        ("{tenant: a}, {tenant: a}", "names a tenant twice"),
    ],
)
def test_what_is_no_quota_is_said(write: Write, one: str, words: str) -> None:
    """With the place where it stands."""
    with pytest.raises(ConfigError) as refusal:
        load(write(f"quotas: {{tenants: [{one}]}}"), {})
    assert words in refusal.value.message


def test_settings_are_frozen() -> None:
    """Nobody changes a setting once it is read."""
    settings = load(None, {})
    with pytest.raises(ValidationError):
        settings.web.port = 1
    with pytest.raises(ValidationError):
        settings.workers = 2


def test_every_number_but_the_ports_is_a_limit() -> None:
    """The metrics get each bound under its full name."""
    limits = load(None, {}).limits()
    assert limits["ingest.max_batch_bytes"] == 4 * 2**20
    assert limits["workers"] == 1
    assert not [name for name in limits if name.endswith("port")]
    assert not {"trust_domain", "web.auth_mode", "tls.ciphers"} & set(limits)


def test_every_setting_is_described() -> None:
    """The reference page has a sentence for each."""
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        inner = kind.model_fields if isinstance(kind, type) and issubclass(kind, Section) else {name: field}
        assert all(one.description for one in inner.values()), name


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("jwks_url: http://issuer.test/keys", "must be https"),
        ("jwks_url: https://user:secret@issuer.test/keys", "without a user"),
        ("jwks_url: https://issuer.test/keys#a", "without a user or a fragment"),
        ("jwks_url: file:///etc/passwd", "must be https"),
        ("jwks_url: 'https://issuer.test/a b'", "must be https"),
        ("jwks_url: 'https://issuer.test/a\\r\\nX: y'", "must be https"),
        ("{jwks_url: 'https://issuer.test/keys', development_secret: s}", "both set: set one"),
        ("ticket_seconds: 31", "less than or equal to 30"),
        ("ticket_seconds: 0", "greater than 0"),
    ],
)
def test_where_keys_come_from_is_checked(write: Write, text: str, words: str) -> None:
    """One place, over TLS."""
    with pytest.raises(ConfigError, match=words):
        load(write(f"tokens: {text if text[0] == '{' else '{' + text + '}'}\n"), {})


@pytest.mark.parametrize("url", ["https://issuer.test", "https://127.0.0.1:8443/a/keys?x=1", "https://[::1]/keys"])
def test_an_address_of_keys_is_taken(write: Write, url: str) -> None:
    """Also one on loopback."""
    assert load(write(f"tokens: {{jwks_url: '{url}'}}\n"), {}).tokens.jwks_url == url


def test_a_development_secret_stays_on_the_machine(write: Write, tmp_path: Path) -> None:
    """Unless somebody says twice that it should not."""
    local = "grpc: {host: 127.0.0.1}\nweb: {host: '::1'}\n"
    settings = load(write(local + "tokens: {development_secret: s}\n"), {})
    assert settings.tokens.development_secret == tmp_path / "s"
    for hosts in ("", "grpc: {host: 127.0.0.1}\n", local.replace("::1", "10.0.0.1"), local.replace("127.", "128.")):
        with pytest.raises(ConfigError, match=r"for development, but the hub listens on .*development_secret_public"):
            load(write(hosts + "tokens: {development_secret: s}\n"), {})
        load(write(hosts + "tokens: {development_secret: s, development_secret_public: true}\n"), {})
