"""What `loghub certs` makes, in handshakes of the stacks it is for: OpenSSL (Python's ssl) and BoringSSL (gRPC)."""

from __future__ import annotations

import asyncio
import os
import shutil
import ssl
import time
from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12

from hub.core.principal import Role, SpiffeId
from hub.errors import CertificateError
from hub.pb.ingest_pb2 import PushRequest
from hub.pki import rotation
from hub.pki.authority import Authority, Issued, Order
from hub.pki.constraints import name_constraints
from hub.pki.files import certificates_pem, read_certificates
from hub.pki.keystore import write_store
from hub.pki.profile import Algorithm, Profile, client_profile, leaf_certificate, server_profile
from hub.pki.renewal import Renewal, renew
from hub.pki.request import requested_key
from hub.pki.revocation import revoke
from hub.pki.revocation_list import read_lists
from tests.peers import batch

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.cli.deployment import Deployment
    from tests.peers import Site

DOMAIN = "pki.test"
ORDERS = SpiffeId(DOMAIN, "acme", Role.PRODUCER, "orders.v2")
CLIENT, SERVER = client_profile(ORDERS), server_profile("hub", ["localhost"])
Pair = tuple[bytes, bytes]  # chain and key in PEM
Ends = tuple[Pair, Pair]  # of server and client


def read(issued: Issued) -> Pair:
    """Return a pair as a peer loads it now."""
    return issued.cert.read_bytes(), issued.key.read_bytes()


def openssl(folder: Path, ends: Ends, bundle: bytes) -> None:
    """Shake hands in memory, both ends asking for certificates; SSLError where one refuses."""
    contexts = []
    for name, (chain, key), purpose in [
        ("server", ends[0], ssl.PROTOCOL_TLS_SERVER),
        ("client", ends[1], ssl.PROTOCOL_TLS_CLIENT),
    ]:
        (folder / f"{name}.chain").write_bytes(chain)
        (folder / f"{name}.private").write_bytes(key)
        context = ssl.SSLContext(purpose)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(folder / f"{name}.chain", folder / f"{name}.private")
        context.verify_mode = ssl.CERT_REQUIRED
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        context.load_verify_locations(cadata=bundle.decode())
        contexts.append(context)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    waiting = [
        contexts[1].wrap_bio(to_client, to_server, server_hostname="localhost"),
        contexts[0].wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(10):
        for end in list(waiting):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            waiting.remove(end)
    assert not waiting


async def boring(ends: Ends, bundle: bytes) -> bool:
    """Call a gRPC server that requires a certificate; return whether the call came through."""

    async def answer(_: bytes, __: Any) -> bytes:
        return b"ok"

    handler = grpc.unary_unary_rpc_method_handler(answer)
    server, client = ends
    one = grpc.aio.server(handlers=[grpc.method_handlers_generic_handler("test", {"Call": handler})])
    credentials = grpc.ssl_server_credentials([(server[1], server[0])], bundle, require_client_auth=True)
    port = one.add_secure_port("localhost:0", credentials)
    await one.start()
    channel_credentials = grpc.ssl_channel_credentials(bundle, client[1], client[0])
    options = [("grpc.use_local_subchannel_pool", 1)]
    try:
        async with grpc.aio.secure_channel(f"localhost:{port}", channel_credentials, options) as channel:
            return bool(await channel.unary_unary("/test/Call")(b"", timeout=5) == b"ok")
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.UNAVAILABLE:
            raise
        return False
    finally:
        await one.stop(None)


async def both_take(folder: Path, ends: Ends, bundle: bytes) -> None:
    """Fail unless both stacks shake hands."""
    openssl(folder, ends, bundle)
    assert await boring(ends, bundle)


async def both_refuse(folder: Path, ends: Ends, bundle: bytes) -> None:
    """Fail if a stack shakes hands."""
    with pytest.raises(ssl.SSLCertVerificationError):
        openssl(folder, ends, bundle)
    assert not await boring(ends, bundle)


def authority(folder: Path, *permit: str, algorithm: Algorithm = Algorithm.P256, any_ip: bool = False) -> Authority:
    """Make one in a folder of its own."""
    return Authority.create(folder / "pki", DOMAIN, name_constraints(DOMAIN, permit, any_ip=any_ip), algorithm)


def pair(one: Authority) -> tuple[Issued, Issued]:
    """Issue a server's and a client's certificate."""
    return one.issue_server("hub", ["localhost"]), one.issue_client(ORDERS)


@pytest.mark.parametrize("algorithm", Algorithm)
async def test_both_stacks_take_the_kinds_of_keys(tmp_path: Path, algorithm: Algorithm) -> None:
    """For every certificate of the chain."""
    one = authority(tmp_path, algorithm=algorithm)
    server, client = pair(one)
    await both_take(tmp_path, (read(server), read(client)), one.bundle.read_bytes())


@pytest.mark.parametrize("any_ip", [False, True])
async def test_both_stacks_take_constrained_servers(tmp_path: Path, *, any_ip: bool) -> None:
    """Clients, whose common names have dots, are not held to the DNS names."""
    one = authority(tmp_path, "localhost", "example.com", any_ip=any_ip)
    hosts = ["localhost", "*.example.com", *(["127.0.0.1", "::1"] if any_ip else [])]
    server, client = one.issue_server("hub", hosts), one.issue_client(ORDERS)
    await both_take(tmp_path, (read(server), read(client)), one.bundle.read_bytes())


def sneak(one: Authority, profile: Profile, *names: x509.GeneralName) -> Pair:
    """Have the intermediate sign what `issue` would not."""
    key = ec.generate_private_key(ec.SECP256R1())
    leaf = leaf_certificate(replace(profile, names=names), key.public_key(), 1, one.current.signer)
    return certificates_pem(leaf, *one.current.chain), pem(key)


def pem(key: Any) -> bytes:
    """Return a private key as PKCS#8."""
    raw: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return raw


@pytest.mark.parametrize(
    "uri", ["spiffe://other.test/tenant/acme/producer/a", "spiffe://sub.pki.test/tenant/acme/producer/a"]
)
async def test_both_stacks_hold_the_intermediate_to_its_trust_domain(tmp_path: Path, uri: str) -> None:
    """Whoever has its key makes no identities elsewhere."""
    one = authority(tmp_path)
    server, _ = pair(one)
    sneaked = sneak(one, CLIENT, x509.UniformResourceIdentifier(uri))
    await both_refuse(tmp_path, (read(server), sneaked), one.bundle.read_bytes())
    same = sneak(one, CLIENT, x509.UniformResourceIdentifier(str(ORDERS)))
    await both_take(tmp_path, (read(server), same), one.bundle.read_bytes())


async def test_both_stacks_hold_the_intermediate_to_its_dns_names(tmp_path: Path) -> None:
    """Servers of other names, or of an address beside an allowed name, are refused."""
    held, free = authority(tmp_path, "localhost"), authority(tmp_path / "free")
    localhost, other = x509.DNSName("localhost"), x509.DNSName("example.com")
    for one, take in ((held, both_refuse), (free, both_take)):
        client, bundle = read(one.issue_client(ORDERS)), one.bundle.read_bytes()
        for name in (other, x509.IPAddress(ip_address("127.0.0.1"))):
            await take(tmp_path, (sneak(one, SERVER, localhost, name), client), bundle)


async def test_grpc_takes_no_list_of_addresses(tmp_path: Path) -> None:
    """Why there is no --permit-ip: OpenSSL compares addresses with the list, BoringSSL refuses the chain."""
    uri, network = x509.UniformResourceIdentifier(DOMAIN), x509.IPAddress(ip_network("127.0.0.0/8"))
    one = Authority.create(tmp_path / "pki", DOMAIN, x509.NameConstraints([uri, network], None))
    server, client = one.issue_server("hub", ["localhost", "127.0.0.1"]), one.issue_client(ORDERS)
    bundle = one.bundle.read_bytes()
    openssl(tmp_path, (read(server), read(client)), bundle)
    assert not await boring((read(server), read(client)), bundle)


async def test_grpc_takes_no_ed25519(tmp_path: Path) -> None:
    """Why --algorithm does not offer it: OpenSSL and Java would."""
    one = authority(tmp_path)
    server = one.issue_server("hub", ["localhost"])
    key = ed25519.Ed25519PrivateKey.generate()
    leaf = leaf_certificate(client_profile(ORDERS), key.public_key(), 1, one.current.signer)
    client = (certificates_pem(leaf, *one.current.chain), pem(key))
    bundle = one.bundle.read_bytes()
    openssl(tmp_path, (read(server), client), bundle)
    assert not await boring((read(server), client), bundle)


@pytest.mark.parametrize("keep_key", [False, True])
async def test_both_stacks_take_what_was_renewed(tmp_path: Path, *, keep_key: bool) -> None:
    """And what was there before, which is kept."""
    one = authority(tmp_path)
    server, client = pair(one)
    before = (read(server), read(client))
    for issued in (server, client):
        renew(one, issued.cert, Renewal(keep_key=keep_key))
    after = (read(server), read(client))
    assert (before[0][1] == after[0][1]) is keep_key
    assert not {chain for chain, _ in before} & {chain for chain, _ in after}
    bundle = one.bundle.read_bytes()
    await both_take(tmp_path, after, bundle)
    await both_take(tmp_path, before, bundle)


@pytest.mark.parametrize("kind", ["p256", "p384", "rsa"])
async def test_both_stacks_take_the_key_of_a_request(tmp_path: Path, kind: str) -> None:
    """Whose certificate says nothing of what the request asked for."""
    one = authority(tmp_path)
    server = one.issue_server("hub", ["localhost"])
    key: Any
    if kind == "rsa":
        key = rsa.generate_private_key(65537, 2048)
    else:
        key = ec.generate_private_key({"p256": ec.SECP256R1(), "p384": ec.SECP384R1()}[kind])
    wanted = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "admin")])
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(f"spiffe://{DOMAIN}/tenant/x/admin/me")])
    builder = x509.CertificateSigningRequestBuilder().subject_name(wanted).add_extension(names, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    (tmp_path / "a.csr").write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    issued = one.issue(Order(client_profile(ORDERS), key=requested_key(tmp_path / "a.csr")))
    leaf = read_certificates(issued.cert)[0]
    found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(found) == [x509.UniformResourceIdentifier(str(ORDERS))]
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert b"admin" not in leaf.public_bytes(Encoding.DER)
    client = (issued.cert.read_bytes(), pem(key))
    await both_take(tmp_path, (read(server), client), one.bundle.read_bytes())


async def test_both_stacks_take_what_a_key_store_holds(tmp_path: Path) -> None:
    """With its whole chain."""
    one = authority(tmp_path)
    server, client = pair(one)
    password = write_store(tmp_path / "orders.p12", client, None)
    raw = (tmp_path / "orders.p12").read_bytes()
    found = pkcs12.load_pkcs12(raw, password.read_bytes().strip())
    assert found.cert
    chain = certificates_pem(found.cert.certificate, *(extra.certificate for extra in found.additional_certs))
    await both_take(tmp_path, (read(server), (chain, pem(found.key))), one.bundle.read_bytes())


async def test_a_rotation_has_no_moment_at_which_a_peer_is_refused(tmp_path: Path) -> None:
    """Old and new certificates are good with the bundle of both; once it is finished, the old ones are not."""
    one = authority(tmp_path)
    server, client = pair(one)
    before, bundle_before = (read(server), read(client)), one.bundle.read_bytes()
    one = rotation.begin(tmp_path / "pki")
    bundle = one.bundle.read_bytes()
    await both_take(tmp_path, before, bundle)
    for issued in (server, client):
        with pytest.raises(CertificateError, match="are still in use"):
            rotation.finish(tmp_path / "pki")
        renew(one, issued.cert, Renewal())
    after = (read(server), read(client))
    await both_take(tmp_path, (before[0], after[1]), bundle)
    await both_take(tmp_path, (after[0], before[1]), bundle)
    await both_refuse(tmp_path, after, bundle_before)
    rotation.finish(tmp_path / "pki")
    bundle = one.bundle.read_bytes()
    await both_take(tmp_path, after, bundle)
    await both_refuse(tmp_path, (before[0], after[1]), bundle)


async def test_a_root_that_is_vouched_for_is_taken_by_who_knows_the_old_one_only(tmp_path: Path) -> None:
    """And by who knows both, or the new one alone."""
    one = authority(tmp_path)
    server, client = pair(one)
    known = one.bundle.read_bytes()
    one = rotation.begin(tmp_path / "pki", cross_sign=True)
    for issued in (server, client):
        renew(one, issued.cert, Renewal())
    after = (read(server), read(client))
    for bundle in (known, one.bundle.read_bytes(), rotation.finish(tmp_path / "pki").bundle.read_bytes()):
        await both_take(tmp_path, after, bundle)


async def test_a_running_hub_takes_each_renewed_pair(start: Callable[..., Any], deployment: Deployment) -> None:
    """On both ports, and it never keeps a half: each new connection is answered, by the newest pair in the end."""
    issued = deployment.authority.issue_server("renewed", ["localhost", "127.0.0.1"])
    tls = {"ca": str(deployment.ca), "cert": str(issued.cert), "key": str(issued.key), "reload-seconds": 0.02}
    async with start(tls=tls) as (site, _):
        for _ in range(5):
            renew(deployment.authority, issued.cert, Renewal())
            newest = read_certificates(issued.cert)[0].public_bytes(Encoding.DER)
            async with asyncio.timeout(5):
                while await presented(site) != newest:
                    pass
            await site.push("acme", "x")


async def presented(site: Site) -> bytes:
    """Return the certificate that the web port shows."""
    _, writer = await asyncio.open_connection("localhost", site.listening.web_port, ssl=site.tls())
    der: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.transport.abort()
    return der


async def pushed(site: Site, client: Pair) -> str:
    """Push with a certificate; return what was wrong, if anything."""
    credentials = grpc.ssl_channel_credentials(site.deployment.ca.read_bytes(), client[1], client[0])
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.secure_channel(site.endpoint, credentials, options) as channel:
        request = PushRequest(batch=batch("x")).SerializeToString()
        try:
            await channel.unary_unary("/loghub.v1.Ingest/Push")(request, timeout=5)
        except grpc.aio.AioRpcError as error:
            return error.details() or "?"
    return ""


async def test_a_hub_takes_the_lists_through_a_rotation(start: Callable[..., Any], tmp_path: Path) -> None:
    """What the old intermediate issued, and what the new one did, is refused within a second after it was revoked."""
    one = Authority.create(tmp_path / "pki", "test.local")
    server = one.issue_server("hub", ["localhost"])
    ids = [SpiffeId("test.local", "acme", Role.PRODUCER, name) for name in ("a", "b", "c")]
    first, second = (one.issue_client(identity) for identity in ids[:2])
    files = {"ca": one.bundle, "cert": server.cert, "key": server.key, "crl": one.lists[1]}
    async with start(tls={**{name: str(path) for name, path in files.items()}, "reload-seconds": 0.02}) as (running, _):
        site = replace(running, deployment=replace(running.deployment, authority=one))
        assert await pushed(site, read(first)) == ""
        revoke(one, [str(first.cert)], "superseded")
        await until(lambda: pushed(site, read(first)), "revoked")
        one = rotation.begin(tmp_path / "pki")
        third = one.issue_client(ids[2])
        await until(lambda: pushed(site, read(third)), "")
        assert "revoked" in await pushed(site, read(first))
        revoke(one, [str(second.cert), str(third.cert)], "keyCompromise")
        await until(lambda: pushed(site, read(second)), "revoked")
        await until(lambda: pushed(site, read(third)), "revoked")


async def until(call: Callable[[], Any], words: str) -> None:
    """Call until the answer has these words, or is empty for none; for at most a second, and what a call takes."""
    end = time.monotonic() + 1.5
    while True:
        answer = await call()
        if (words in answer) if words else not answer:
            return
        assert time.monotonic() < end, answer
        await asyncio.sleep(0.02)


class CrashError(Exception):
    """The process ends here."""


class Fuse:
    """Lets so many steps be done, and no more."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def guard(self, step: Callable[..., Any]) -> Callable[..., Any]:
        """Return the step, or the end."""

        def guarded(*arguments: object, **options: object) -> object:
            if not self.left:
                raise CrashError
            self.left -= 1
            return step(*arguments, **options)

        return guarded


async def test_a_rotation_that_is_cut_anywhere_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each rename, link and removal in turn is the last thing that is done; then it is run again."""
    for steps in range(100):
        one = authority(tmp_path / str(steps))
        server, client = pair(one)
        fuse = Fuse(steps)
        with monkeypatch.context() as patch, suppress(CrashError):
            for owner, name in [(Path, "replace"), (Path, "rename"), (os, "link"), (shutil, "rmtree")]:
                patch.setattr(owner, name, fuse.guard(getattr(owner, name)))
            rotation.begin(one.folder, cross_sign=True)
            break
        assert one.current.root in read_certificates(one.bundle)
        interrupted = (one.folder / "ca" / "next").exists()
        new = rotation.begin(one.folder) if interrupted else Authority.open(one.folder)
        if new.previous is None:  # nothing had been done yet
            new = rotation.begin(one.folder)
        assert read_certificates(new.bundle) == [new.current.root, one.current.root]
        assert (new.folder / "ca" / "previous" / "root.key").exists()
        assert len(read_lists(new.lists[1])) == 2
        renew(new, server.cert, Renewal())
        openssl(tmp_path, (read(server), read(client)), new.bundle.read_bytes())
    assert steps > 15
