"""Encrypted calls inside: an inner service shows its certificate, the gateway knows who may have signed it, and a
certificate that is renewed is taken up by the running service."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from prometheus_client import CollectorRegistry
from pydantic_core import to_json

from gateway.metrics import ApiMetrics
from gateway.problems import ServiceUnreachable
from gateway.upstream import REFERRALS, Upstream
from shared.permit import PermitMint
from single_node.postgres import Server
from tests.builders import PERMIT_KEY, PERMIT_KEYS
from tests.forking import forked
from tests.processes import START_SECONDS, a_free_port, a_process, environment

LOOKED_AGAIN_SECONDS = 7
"""A service looks at its certificate every five."""


class Authority:
    """Signs certificates for the loopback address; `file` is what those who trust it are given."""

    def __init__(self, home: Path, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self.file = home / f"{name}.crt"
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        own = self._certificate(self._name, self._key.public_key()).add_extension(usage, critical=True)
        own = own.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self.file.write_bytes(own.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def issue(self, certificate: Path, key: Path) -> int:
        """Write a certificate and its key; give its serial number."""
        private = ec.generate_private_key(ec.SECP256R1())
        name = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        wanted = self._certificate(x509.Name([]), private.public_key()).add_extension(name, critical=True)
        signed = wanted.sign(self._key, hashes.SHA256())
        key.write_bytes(
            private.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        certificate.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        return signed.serial_number

    def _certificate(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        made = x509.CertificateBuilder(
            issuer_name=self._name,
            subject_name=subject,
            public_key=key,
            serial_number=x509.random_serial_number(),
            not_valid_before=now - timedelta(minutes=1),
            not_valid_after=now + timedelta(hours=1),
        )
        by = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        of = x509.SubjectKeyIdentifier.from_public_key(key)
        return made.add_extension(by, critical=False).add_extension(of, critical=False)


@pytest.fixture
async def encrypted(emptied: Server, tmp_path: Path) -> AsyncIterator[tuple[int, Authority, Path, Path]]:
    """The API of referrals as a process that answers over TLS: its port, who signed its certificate, and its files."""
    authority, certificate, key = Authority(tmp_path, "ours"), tmp_path / "tls.crt", tmp_path / "tls.key"
    authority.issue(certificate, key)
    port = a_free_port()
    told = environment(
        emptied,
        "referrals",
        permit_keys=to_json(PERMIT_KEYS).decode(),
        port=str(port),
        tls_certificate_file=str(certificate),
        tls_key_file=str(key),
    )
    async with a_process("referrals", "api", told, start=forked):
        await _listening(port)
        yield port, authority, certificate, key


async def test_the_gateway_calls_who_shows_a_certificate_of_ours(
    encrypted: tuple[int, Authority, Path, Path],
) -> None:
    port, authority, *_ = encrypted

    assert await _status(port, authority.file) == 200


async def test_the_gateway_sends_nothing_to_whose_certificate_somebody_else_signed(
    encrypted: tuple[int, Authority, Path, Path], tmp_path: Path
) -> None:
    port, *_ = encrypted

    with pytest.raises(ServiceUnreachable):
        await _status(port, Authority(tmp_path, "others").file)


async def test_a_renewed_certificate_is_taken_up_and_a_broken_one_is_not(
    encrypted: tuple[int, Authority, Path, Path],
) -> None:
    port, authority, certificate, key = encrypted
    before = await _serial(port, authority.file)
    certificate.write_text("half wri")
    await asyncio.sleep(LOOKED_AGAIN_SECONDS)
    assert await _serial(port, authority.file) == before

    renewed = authority.issue(certificate, key)

    await asyncio.sleep(LOOKED_AGAIN_SECONDS)
    assert await _serial(port, authority.file) == renewed


async def _status(port: int, ca_file: Path) -> int:
    mint = PermitMint(PERMIT_KEY.as_dict(private=True))
    upstream = Upstream(
        REFERRALS,
        url=f"https://127.0.0.1:{port}",
        mint=mint,
        timeout_seconds=5,
        metrics=ApiMetrics(CollectorRegistry()),
        ca_file=ca_file,
    )
    try:
        return (await upstream.look_up("/readyz")).status_code
    finally:
        await upstream.close()


async def _serial(port: int, ca_file: Path) -> int:
    """Give the serial number of the certificate that a new connection is shown."""
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=ssl.create_default_context(cafile=ca_file))
    try:
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    finally:
        writer.close()
    return x509.load_der_x509_certificate(shown).serial_number


async def _listening(port: int) -> None:
    async with asyncio.timeout(START_SECONDS):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.2)
            else:
                writer.close()
                return
