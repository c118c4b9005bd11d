"""Name constraints (RFC 5280 section 4.2.1.10): the names that an intermediate may issue certificates for.

URI    the trust domain's SPIFFE ids and no others, always
DNS    any; with `dns` these names and what is below them
IP     any; with `dns` none at all, unless `any_ip`

Addresses are let in or shut out as a whole: BoringSSL, and so gRPC, refuses every chain in which one is compared with a
list of permitted ones. BoringSSL and Java take the host of a URI for a DNS name; so must a trust domain be one.
"""

from __future__ import annotations

import re
from ipaddress import ip_network
from typing import TYPE_CHECKING

from cryptography import x509

from hub.errors import CertificateError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_TRUST_DOMAIN = re.compile(rf"(?:{_LABEL}\.)*[a-z](?:[a-z0-9-]{{0,61}}[a-z0-9])?")
_MAX_DNS_CHARACTERS = 253
_DNS_NAME = re.compile(r"(?:(?!-)[A-Za-z0-9_-]{1,63}\.)*(?!-)[A-Za-z0-9_-]{1,63}")
_SCHEME = "spiffe://"


def check_trust_domain(trust_domain: str) -> None:
    """Raise CertificateError for a trust domain that no stack could compare a URI with."""
    if len(trust_domain) > _MAX_DNS_CHARACTERS or not _TRUST_DOMAIN.fullmatch(trust_domain):
        msg = (
            f"the trust domain {trust_domain!r} is not a DNS name in lower case: labels of at most 63 characters"
            " [a-z0-9-], the last of which begins with a letter, as in logs.example.com"
        )
        raise CertificateError(msg)


def name_constraints(trust_domain: str, dns: Sequence[str] = (), *, any_ip: bool = False) -> x509.NameConstraints:
    """Return the constraints of an intermediate; CertificateError for what is no name."""
    check_trust_domain(trust_domain)
    for name in dns:
        if not _DNS_NAME.fullmatch(name) or name.replace(".", "").isdecimal():
            msg = f"{name!r} is not a DNS name: permit example.com, which lets in all names below it too"
            raise CertificateError(msg)
    permitted: list[x509.GeneralName] = [x509.UniformResourceIdentifier(trust_domain)]
    permitted += [x509.DNSName(name.lower()) for name in dns]
    networks = ("0.0.0.0/0", "::/0") if dns and not any_ip else ()
    excluded = [x509.IPAddress(ip_network(one)) for one in networks]
    return x509.NameConstraints(permitted, excluded or None)


def constraints_of(certificate: x509.Certificate) -> x509.NameConstraints | None:
    """Return the constraints in an authority's certificate, if any."""
    try:
        return certificate.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return None


def violation(constraints: x509.NameConstraints | None, names: Iterable[x509.GeneralName]) -> str:
    """Return what is wrong with the first name that is not allowed, or nothing."""
    return next(_violations(constraints, names), "") if constraints else ""


def _violations(constraints: x509.NameConstraints, names: Iterable[x509.GeneralName]) -> Iterator[str]:
    for name in names:
        permitted = [one for one in constraints.permitted_subtrees or () if type(one) is type(name)]
        excluded = [one for one in constraints.excluded_subtrees or () if type(one) is type(name)]
        if permitted and not any(_within(name, base) for base in permitted):
            allowed = ", ".join(str(one.value) for one in permitted)
            yield f"the authority may issue nothing for {name.value}, only for {allowed}"
        if any(_within(name, base) for base in excluded):
            yield f"the authority may issue nothing for {name.value}: see --permit-any-ip of 'loghub certs init'"


def _within(name: x509.GeneralName, base: x509.GeneralName) -> bool:
    if isinstance(name, x509.IPAddress):
        within: bool = name.value in base.value
        return within
    if isinstance(name, x509.UniformResourceIdentifier):
        return bool(name.value.partition(_SCHEME)[2].partition("/")[0] == base.value)
    return f".{name.value.lower()}".endswith(f".{base.value.lower()}")
