"""`loghub token`: what is minted is good, what is bad is explained, and keys change without refusing anybody."""

from __future__ import annotations

import json
import os
from base64 import encodebytes
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from typer.testing import CliRunner

from hub.cli.token import app
from hub.errors import ConfigError, LoghubError
from hub.identity.tokens import certificate_thumbprint, load_keys, unverified
from hub.pki.tokens import create_token_keys
from tests.fakes import certificate
from tests.forge import private_pem

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

BEGIN = "-----BEGIN CERTIFICATE-----\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder with token keys where the commands look for them; return theirs."""
    monkeypatch.chdir(tmp_path)
    keys = tmp_path / "certs" / "pki" / "tokens"
    create_token_keys(keys)
    return keys


def run(*arguments: object, stdin: str = "") -> Result:
    """Run a subcommand; an error that the user can mend is raised."""
    result = CliRunner().invoke(app, [str(one) for one in arguments], input=stdin)
    if isinstance(result.exception, LoghubError):
        raise result.exception
    return result


def mint(*arguments: object) -> str:
    """Mint a token."""
    return run("mint", *arguments).stdout.strip()


def verdict(token: str, *arguments: object) -> tuple[int, list[str]]:
    """Return the status and the reasons that `show` gives."""
    result = run("show", *arguments, stdin=token)
    lines = [line.split("  ", 1) for line in result.stdout.splitlines()]
    said = [rest.strip() for name, rest in lines if name == "verdict"]
    assert said == ["good" if result.exit_code == 0 else "bad"]
    return result.exit_code, [rest.strip() for name, rest in lines if name == "because"]


def test_a_minted_token_is_good(folder: Path) -> None:
    """For an hour, with an id of its own, and it names its key."""
    token = mint("--tenant", "acme")
    assert verdict(token) == (0, [])
    header, claims = unverified(token)
    assert claims["exp"] - claims["nbf"] == 3600
    assert len(claims["jti"]) == 16
    assert claims["jti"] != unverified(mint("--tenant", "acme"))[1]["jti"]
    assert len(header["kid"]) == 43
    assert "tenants" not in claims
    assert load_keys(folder / "verify.pem")[0].kid == ""


def test_all_that_can_be_said_is_said(tmp_path: Path) -> None:
    """Several tenants, id, begin, filter, and the certificate that it is bound to."""
    der = certificate("spiffe://x.test/tenant/acme/subscriber/desk")
    pem = tmp_path / "desk.pem"
    pem.write_text(BEGIN + encodebytes(der).decode() + "-----END CERTIFICATE-----\n")
    given: dict[str, Any] = {"--tenants": "acme, globex", "--id": "42", "--nbf": "5m", "--filter": "level>=warn"}
    token = mint(*[part for pair in given.items() for part in pair], "--bind-cert", pem, "--ttl", "10m")
    claims = unverified(token)[1]
    assert (claims["tenants"], claims["jti"], claims["filter"]) == (["acme", "globex"], "42", "level>=warn")
    assert (claims["nbf"] - claims["iat"], claims["exp"] - claims["nbf"]) == (300, 600)
    assert claims["cnf"] == {"x5t#S256": certificate_thumbprint(der)}
    assert "tenant" not in claims
    assert verdict(token) == (
        1,
        [
            "the token is not valid yet: check the clocks",
            "the token is bound to a client certificate that this connection does not show",
        ],
    )
    bound = mint("--tenant", "acme", "--bind-cert", pem)
    assert verdict(bound, "--cert", pem) == (0, [])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "lacks the claim 'tenant'"),
        (["--tenant", "Acme"], "'tenant' that is none"),
        (["--tenants", "a,a"], "stands twice"),
        (["--tenant", "a", "--tenants", "b,c"], "not one of its 'tenants'"),
        (["--tenant", "a", "--ttl", "2d"], "at most"),
        (["--tenant", "a", "--ttl", "20h", "--nbf", "5h"], "at most"),
        (["--tenant", "a", "--ttl", "soon"], "soon"),
        (["--tenant", "a", "--filter", "level>=loud"], "'loud' is no level"),
        (["--tenant", "a", "--scope", "logs:raed"], "logs:raed"),
        (["--tenant", "a", "--key", "none.key"], "loghub certs init"),
        (["--tenant", "a", "--bind-cert", "none.pem"], "none.pem cannot be read"),
        (["--tenant", "a", "--development-secret", "none"], "head -c 32"),
    ],
)
def test_what_a_hub_would_refuse_is_not_minted(arguments: list[str], words: str) -> None:
    """Whoever mints sees the mistake."""
    with pytest.raises(LoghubError) as caught:
        run("mint", *arguments)
    assert words in caught.value.message


def test_a_bad_token_is_explained_in_full(tmp_path: Path) -> None:
    """From standard input or a file, with all reasons; nothing that it says reaches the terminal raw."""
    other = tmp_path / "other.key"
    other.write_bytes(private_pem(ec.generate_private_key(ec.SECP256R1())))
    token = mint("--tenant", "acme", "--key", other, "--aud", "else", "--sub", "bob")
    status, reasons = verdict(token)
    assert status == 1
    assert len(reasons) == 2
    assert "signature" in reasons[0]
    assert "audience 'loghub'" in reasons[1]
    path = tmp_path / "token"
    path.write_text(token + "\n")
    assert verdict("", "--file", path) == (1, reasons)
    shown = run("show", stdin=token).stdout
    assert 'claim    sub = "bob"' in shown
    assert token.split(".")[2] not in shown
    for nonsense in ("", "x", "a.b.c", token[:-1]):
        assert verdict(nonsense)[0] == 1


def test_the_rules_are_those_of_the_configuration(tmp_path: Path) -> None:
    """Issuer, lifetime and keys."""
    config = tmp_path / "loghub.yaml"
    config.write_text("tokens: {issuer: elsewhere, max_lifetime_seconds: 10m}\n")
    _, reasons = verdict(mint("--tenant", "acme"), "--config", config)
    assert len(reasons) == 2
    assert verdict(mint("--tenant", "acme", "--iss", "elsewhere", "--ttl", "10m"), "--config", config) == (0, [])


def test_a_development_secret_signs_and_verifies(tmp_path: Path) -> None:
    """HS256, without any key."""
    secret = tmp_path / "secret"
    secret.write_bytes(os.urandom(32))
    secret.chmod(0o600)
    config = tmp_path / "loghub.yaml"
    config.write_text("tokens: {development_secret: secret, development_secret_public: true}\n")
    token = mint("--tenant", "acme", "--development-secret", secret)
    assert unverified(token)[0]["alg"] == "HS256"
    assert verdict(token, "--config", config) == (0, [])
    assert verdict(token)[0] == 1


def test_keys_change_without_refusing_anybody(folder: Path) -> None:
    """The set has the old key beside the new one until it is dropped."""
    old = mint("--tenant", "acme")
    assert run("keys").stdout.count("ES256  EC secp256r1") == 1
    done = run("keys", "--new").stdout
    assert done.count("ES256  EC secp256r1") == 2
    [signing] = folder.glob("signing-*.key")
    assert signing.stat().st_mode & 0o777 == 0o600
    fresh = mint("--tenant", "acme", "--key", signing)
    jwks = folder / "jwks.json"
    for token in (old, fresh):
        assert verdict(token, "--keys", jwks) == (0, [])
    assert b'"d"' not in jwks.read_bytes()
    kid = unverified(old)[0]["kid"]
    assert run("keys", "--drop", kid).stdout.count("key  ") == 1
    assert verdict(fresh, "--keys", jwks) == (0, [])
    assert "names no key" in verdict(old, "--keys", jwks)[1][0]
    run("keys", "--new")
    assert len(json.loads(jwks.read_text())["keys"]) == 2
    assert not list(folder.glob(".*"))


def test_the_last_key_is_not_dropped(folder: Path) -> None:
    """Nor one that is not there."""
    kid = unverified(mint("--tenant", "acme"))[0]["kid"]
    for wrong in (kid, "x"):
        with pytest.raises(ConfigError, match="it is the last one"):
            run("keys", "--drop", wrong)
    assert not (folder / "jwks.json").exists()
