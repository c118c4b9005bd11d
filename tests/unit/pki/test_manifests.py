"""What `certs/` holds for other authorities than our own issues what the hub takes: OpenSSL, cert-manager, SPIRE."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509

from hub.core.principal import Role, SpiffeId
from hub.identity.peer import principal_of_certificate
from hub.pki.authority import Authority
from hub.pki.files import read_certificates
from hub.pki.inspection import Trust, inspect_file
from hub.pki.profile import profile_of

CERTS = Path(__file__).resolve().parents[3] / "certs"
DOMAIN = "logs.example.com"
HOURS = re.compile(r"(\d+)h")
SECRET = re.compile(r"PRIVATE KEY|bearer|password", re.IGNORECASE)


def documents(name: str, kind: str) -> list[dict[str, Any]]:
    """Return the parts of this kind of a manifest; there is at least one."""
    found = [one for one in yaml.safe_load_all((CERTS / name).read_text()) if one["kind"] == kind]
    assert found, (name, kind)
    return found


def by_openssl(profile: Path, folder: Path, authority: Authority) -> Path:
    """Do what the profile's first lines say, with the authority's intermediate."""
    commands = [line[2:].split() for line in profile.read_text().splitlines() if line.startswith("#   openssl")]
    assert [command[1] for command in commands] == ["req", "x509"]
    ca = authority.folder / "ca"
    named = {"ca.pem": ca / "intermediate.pem", "ca.key": ca / "intermediate.key", profile.name: profile}
    for command in commands:
        subprocess.run(
            [str(named.get(word, word)) for word in command], cwd=folder, check=True, capture_output=True, timeout=20
        )
    made = folder / commands[1][-1]
    made.write_bytes(made.read_bytes() + (ca / "intermediate.pem").read_bytes())
    return made


@pytest.mark.parametrize("role", ["server", *Role])
def test_openssl_profiles_issue_what_the_hub_takes(tmp_path: Path, role: str) -> None:
    """One for each role, by the two commands that it names itself."""
    authority = Authority.create(tmp_path / "pki", DOMAIN)
    made = by_openssl(CERTS / "profiles" / f"{role}.cnf", tmp_path, authority)
    assert [one.problem for one in inspect_file(made, Trust(read_certificates(authority.bundle)))] == [""]
    assert profile_of(read_certificates(made)[0]).role == role
    if role != "server":
        assert principal_of_certificate(made.read_bytes(), DOMAIN).tenant == "acme"


def test_every_role_has_a_profile() -> None:
    """A new role comes with one."""
    assert {path.stem for path in (CERTS / "profiles").glob("*.cnf")} == {"server", *Role}


def test_cert_manager_asks_for_our_profiles() -> None:
    """Name, usage and key are those of `loghub certs issue`."""
    issuer = documents("cert-manager/loghub.yaml", "Issuer")[0]["metadata"]["name"]
    roles: list[str] = []
    for spec in (one["spec"] for one in documents("cert-manager/loghub.yaml", "Certificate")):
        assert spec["issuerRef"]["name"] == issuer
        key = spec["privateKey"]
        assert (key["algorithm"], key["size"], key["encoding"]) == ("ECDSA", 256, "PKCS8")
        assert _hours(spec["renewBefore"]) < _hours(spec["duration"]) <= 90 * 24
        usage = "client auth" if "uris" in spec else "server auth"
        assert spec["usages"] == ["digital signature", usage]
        if "uris" not in spec:
            assert spec["dnsNames"]
            roles.append("server")
            continue
        (uri,) = spec["uris"]
        identity = SpiffeId.parse(uri)
        assert spec["commonName"] == f"{identity.tenant}/{identity.role}/{identity.name}"
        assert "dnsNames" not in spec
        roles.append(identity.role)
    assert sorted(roles) == ["producer", "server", "subscriber"]


def test_the_approver_policy_bounds_a_namespace_to_its_tenant() -> None:
    """Never a wildcard before the role, so no tenant can name another."""
    for policy in documents("cert-manager/approver-policy.yaml", "CertificateRequestPolicy"):
        (namespace,) = policy["spec"]["selector"]["namespace"]["matchNames"]
        assert policy["spec"]["allowed"]["isCA"] is False
        for value in policy["spec"]["allowed"]["uris"]["values"]:
            assert value.endswith("/*")
            identity = SpiffeId.parse(value.removesuffix("*") + "x")
            assert (identity.tenant, identity.role in {Role.PRODUCER, Role.SUBSCRIBER}) == (namespace, True)


def test_spire_takes_the_tenant_from_the_namespace() -> None:
    """Labels are the pod's own to choose, its namespace is not."""
    known = {".TrustDomain": DOMAIN, ".PodMeta.Namespace": "acme", ".PodSpec.ServiceAccountName": "orders"}
    roles: list[str] = []
    for spec in (one["spec"] for one in documents("spire/cluster-spiffe-ids.yaml", "ClusterSPIFFEID")):
        uri = re.sub(r"\{\{ (\S+) \}\}", lambda found: known[found[1]], spec["spiffeIDTemplate"])
        identity = SpiffeId.parse(uri)
        assert (identity.trust_domain, identity.tenant, identity.name) == (DOMAIN, "acme", "orders")
        assert spec["podSelector"]["matchLabels"] == {"loghub.io/role": identity.role}
        assert spec["namespaceSelector"]["matchLabels"]
        roles.append(identity.role)
    assert roles == [Role.PRODUCER, Role.SUBSCRIBER]


def test_the_registration_names_an_identity() -> None:
    """For a SPIRE server without Kubernetes."""
    script = CERTS / "spire" / "registration.sh"
    subprocess.run(["/bin/sh", "-n", str(script)], check=True, timeout=10)
    (uri,) = re.findall(r'"(spiffe://\S+)"', script.read_text())
    identity = SpiffeId.parse(uri.replace("$TRUST_DOMAIN", DOMAIN))
    assert (identity.tenant, identity.role) == ("acme", Role.PRODUCER)


def test_nothing_secret_is_committed() -> None:
    """Neither keys nor passwords, in any file beside the README."""
    tracked = subprocess.run(
        ["git", "ls-files", "certs"],
        cwd=CERTS.parent,
        check=True,
        capture_output=True,
        text=True,
        timeout=10,
    ).stdout.split()
    for name in tracked:
        text = (CERTS.parent / name).read_text()
        assert name.endswith(".md") or not SECRET.search(text), name
        with pytest.raises(ValueError, match="PEM"):
            x509.load_pem_x509_certificates(text.encode())


def _hours(text: str) -> int:
    found = HOURS.fullmatch(text)
    assert found, text
    return int(found[1])
