"""A hub on this machine with certificates, token keys and a configuration of its own: for demo, benchmarks, tests."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from hub.core.principal import Role, SpiffeId
from hub.identity.tokens import Claims, TokenRules, mint
from hub.pki.authority import Authority, Issued
from hub.pki.files import read_certificates
from hub.pki.inspection import Trust, inspect_file
from hub.pki.revocation_list import read_lists
from hub.pki.tokens import create_token_keys

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

HOSTS = ("localhost", "127.0.0.1", "::1")
_TOKEN_SECONDS = 86_400.0
_SPARE_DAYS = 1.0
_RULES = TokenRules("loghub", "loghub", _TOKEN_SECONDS, 0.0)


@dataclass(frozen=True, slots=True)
class Deployment:
    """A folder: `pki/` with the authority, the server's certificate and the token keys, and `loghub.yaml`."""

    folder: Path
    authority: Authority

    @classmethod
    def prepare(cls, folder: Path, trust_domain: str) -> Deployment:
        """Make what the folder does not hold yet; it is readable to its owner only."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        pki = folder / "pki"
        if (pki / "ca.pem").exists():
            deployment = cls(folder, Authority.open(pki))
            deployment.authority.write_lists()  # the last one may be out of date
            server = Issued.at(pki / "server" / "hub.pem")
            if not deployment.is_good(server):
                _clear(server)
                deployment.authority.issue_server("hub", HOSTS)
            return deployment
        authority = Authority.create(pki, trust_domain)
        create_token_keys(pki / "tokens")
        authority.issue_server("hub", HOSTS)
        return cls(folder, authority)

    @property
    def ca(self) -> Path:
        """The trust bundle."""
        return self.authority.bundle

    @property
    def config(self) -> Path:
        """The configuration."""
        return self.folder / "loghub.yaml"

    def client(self, tenant: str, role: Role = Role.PRODUCER, name: str = "orders") -> Issued:
        """Return a client's certificate, issuing it the first time."""
        identity = SpiffeId(self.authority.trust_domain, tenant, role, name)
        issued = self.authority.client(identity)
        if self.is_good(issued):
            return issued
        _clear(issued)
        return self.authority.issue_client(identity)

    def is_good(self, issued: Issued) -> bool:
        """Return whether certificate and key are there, whole, of this authority, not revoked, and good for a day."""
        if not (issued.cert.exists() and issued.key.exists()):
            return False
        trust = Trust(read_certificates(self.ca), read_lists(self.authority.lists[0]), _SPARE_DAYS)
        return [one.problem for one in inspect_file(issued.cert, trust)] == [""]

    def token(self, tenant: str, *, seconds: float = _TOKEN_SECONDS, only: str = "") -> str:
        """Return a subscriber's token; `only` is a filter that always holds for it."""
        return self.mint(Claims(tenant, "demo", "logs:read", seconds, only))

    def mint(self, claims: Claims) -> str:
        """Return a token that says this."""
        key = (self.authority.folder / "tokens" / "signing.key").read_bytes()
        return mint(key, claims, _RULES, time.time())

    def configure(self, grpc_port: int, web_port: int, settings: Mapping[str, Any] | None = None) -> Path:
        """Write the configuration: loopback only, no metrics page; `settings` are sections laid over it."""
        config: dict[str, Any] = {
            "data-dir": "data",
            "trust-domain": self.authority.trust_domain,
            "tls": {
                "ca": "pki/ca.pem",
                "cert": "pki/server/hub.pem",
                "key": "pki/server/hub.key",
                "crl": "pki/crl.pem",
            },
            "tokens": {"keys": "pki/tokens/verify.pem"},
            "grpc": {"host": "127.0.0.1", "port": grpc_port},
            "web": {"host": "127.0.0.1", "port": web_port},
            "metrics": {"port": -1},
        }
        for name, value in (settings or {}).items():
            config[name] = {**config.get(name, {}), **value} if isinstance(value, dict) else value
        self.config.write_text(yaml.safe_dump(config, sort_keys=False))
        return self.config


def _clear(issued: Issued) -> None:
    """Remove a certificate and its key, or what is left of them, so that one can be issued."""
    issued.key.unlink(missing_ok=True)
    issued.cert.unlink(missing_ok=True)
