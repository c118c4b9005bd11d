"""`loghub doctor` on settings that work, but leave a hub more open than it need be."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hub.cli.finding import ok, unless, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.cli.finding import Finding
    from hub.config import Settings

_LONG_SECONDS = 12 * 3600.0


def setup(settings: Settings) -> Iterator[Finding]:
    """Look at all of them."""
    yield from unless(list(_metrics(settings)), "metrics", "the metrics page is off, or for this machine alone")
    yield from unless(list(_origins(settings)), "origins", "pages connect over https only")
    yield from unless(list(_bearer(settings)), "auth-mode", f"subscribers show {settings.web.auth_mode}")
    if not settings.audit.enabled:
        yield warning("audit", "there is no audit log", "set audit.enabled: true")
    elif settings.audit.key_file is None:
        advice = "set audit.key_file, so that who can write its files cannot make a chain that holds"
        yield warning("audit", "the audit log has no key", advice)
    else:
        yield ok("audit", f"{settings.audit.folder(settings.data_dir)}, with a key")
    if settings.logging.level == "DEBUG":
        yield warning("logging", "logging.level is DEBUG", "set INFO: it costs time, and libraries say much")


def _metrics(settings: Settings) -> Iterator[Finding]:
    metrics = settings.metrics
    if metrics.port >= 0 and not is_loopback(metrics.host):
        text = f"the metrics page at {metrics.host} is open to other machines, without TLS: it names all tenants"
        yield warning("metrics", text, "set metrics.host: 127.0.0.1, and have Prometheus come by a proxy with TLS")


def _origins(settings: Settings) -> Iterator[Finding]:
    for origin in settings.web.allowed_origins:
        if origin.startswith("http://") and not is_loopback(urlsplit(origin).hostname or ""):
            text = f"web.allowed_origins has {origin}: whoever is on the way can change that page"
            yield warning("origins", text, "serve it over https")


def _bearer(settings: Settings) -> Iterator[Finding]:
    web, longest = settings.web, settings.tokens.max_lifetime_seconds
    if web.auth_mode == "JWT" and not is_loopback(web.host) and longest > _LONG_SECONDS:
        text = f"whoever has a token can use it from anywhere, for up to {longest / 3600:g} h"
        yield warning("auth-mode", text, "lower tokens.max_lifetime_seconds, or set web.auth_mode: mTLS+JWT")


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach what listens on an address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
