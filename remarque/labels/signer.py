"""The certificate that labels are signed with and what signs for it: checked when loaded; making a development pair.

A chain is PEM text with the leaf first. The leaf profile is the one that c2pa-rs accepts and the C2PA specification
asks for (2.4, "C2PA signing certificate"): EC P-256, BasicConstraints CA=false, KeyUsage digitalSignature, SKI, AKI,
EKU claimSigning. emailProtection stands beside claimSigning because older readers still look for it.
"""

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import cast

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from remarque.errors import SigningUnavailable
from remarque.labels.signatures import PrivateKey, PublicKey, algorithm_of, in_cose_form, sign

#: c2pa-kp-claimSigning, and the older usages that C2PA's valid_eku_oids.cfg lists; each must stand in trust_config.
CLAIM_SIGNING = x509.ObjectIdentifier("1.3.6.1.4.1.62558.2.1")
USABLE_EKUS = (
    CLAIM_SIGNING,
    ExtendedKeyUsageOID.EMAIL_PROTECTION,
    x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36"),  # documentSigning, RFC 9336
)

#: Names of the development pair; a summary that names this root must not be mistaken for a public trust list.
DEVELOPMENT_ROOT_NAME = "Remarque DEVELOPMENT root - trusted by this server only"
DEVELOPMENT_LEAF_NAME = "Remarque DEVELOPMENT label signer"

#: Long enough that a development machine is not surprised; C2PA manifests without time-stamp end with the certificate.
_DEVELOPMENT_YEARS = 10
#: Clocks of two machines may differ; a certificate that is valid only from this second fails on the slower one.
_CLOCK_SKEW = timedelta(minutes=5)


Sign = Callable[[bytes], bytes]

#: What a signer is asked to sign before it is used: shows that it holds the key of the certificate, and is no claim.
_TEST_MESSAGE = b"remarque: does this signer hold the key of its certificate?"


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate chain (PEM, leaf first) and the C2PA name of the algorithm: public data, for any process.

    ``development`` says that the chain ends in this server's own root, which nobody else trusts.
    """

    chain_pem: bytes = field(repr=False)
    algorithm: str = "es256"
    development: bool = False

    @property
    def thumbprint(self) -> str:
        """SHA-256 of the leaf's DER, hex: how a record names the certificate."""
        return self.leaf.fingerprint(hashes.SHA256()).hex()

    @property
    def subject(self) -> str:
        """The name in the leaf (RFC 4514)."""
        return self.leaf.subject.rfc4514_string()

    @property
    def expires(self) -> datetime:
        """When the first certificate of the chain ends (UTC)."""
        return min(one.not_valid_after_utc for one in _chain(self.chain_pem))

    @property
    def leaf(self) -> x509.Certificate:
        """The signer's own certificate."""
        return _chain(self.chain_pem)[0]

    @property
    def public_key(self) -> PublicKey:
        """The key that verifies what is signed."""
        return cast(PublicKey, self.leaf.public_key())


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A certificate and what signs with its key: a function from a message to a signature, wherever the key lies.

    EC signatures may be raw (r || s) or DER; RSA is PSS with SHA-256.
    """

    certificate: Certificate
    sign: Sign = field(repr=False)

    def signature(self, message: bytes) -> bytes:
        """Sign and verify; returned in the form that COSE has. Raises SigningUnavailable whatever the signer does."""
        try:
            answer: object = self.sign(message)
        except SigningUnavailable:
            raise
        except Exception as error:  # a caller's function, which may raise anything
            raise SigningUnavailable("the signer failed") from error
        return in_cose_form(self.certificate.public_key, message, answer)


@dataclass(frozen=True, slots=True)
class FileKey:
    """Signs with a private key that was read from a file. It cannot be pickled: no other process gets it by mistake."""

    key: PrivateKey = field(repr=False)

    def __call__(self, message: bytes) -> bytes:
        """Sign."""
        return sign(self.key, message)


def load_signing_key(chain: Path, key: Path, *, now: datetime | None = None) -> SigningKey:
    """Read and check a signing key. Raises SigningUnavailable with what to change; never shows key material."""
    return check_signing_key(read_file(chain), read_file(key), now=now)


def check_signing_key(chain_pem: bytes, key_pem: bytes, *, now: datetime | None = None) -> SigningKey:
    """Return the pair if it can sign labels at ``now`` (UTC). Raises SigningUnavailable with what to change."""
    certificates = _certificates(chain_pem)
    key = _private_key(key_pem)
    _check_leaf_is_ours(certificates, key)
    return SigningKey(_checked(chain_pem, certificates, now), FileKey(key))


def callback_key(chain_pem: bytes, sign: Sign, *, now: datetime | None = None) -> SigningKey:
    """Return a key that a function signs with: a KMS, a token. It signs a test message, which the leaf must verify.

    Raises SigningUnavailable with what to change.
    """
    key = SigningKey(_checked(chain_pem, _certificates(chain_pem), now), sign)
    key.signature(_TEST_MESSAGE)
    return key


def make_development_pki(directory: Path, *, now: datetime | None = None) -> None:
    """Make ``directory`` with ``root.pem``, ``chain.pem`` (leaf, root) and ``key.pem`` (mode 0600), or nothing.

    Does nothing where all three exist. Raises SigningUnavailable where anything else is there: nothing is overwritten.
    The root's key is used once and never written.
    """
    names = ("root.pem", "chain.pem", "key.pem")
    begin = (now or datetime.now(UTC)) - _CLOCK_SKEW
    root_key, leaf_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = _root_certificate(root_key, begin)
    root_pem = root.public_bytes(serialization.Encoding.PEM)
    leaf_pem = _leaf_certificate(leaf_key, root_key, root, begin).public_bytes(serialization.Encoding.PEM)
    key_pem = leaf_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    directory.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=directory.parent, prefix=f".{directory.name}."))  # mode 0700
    try:
        for name, content in zip(names, (root_pem, leaf_pem + root_pem, key_pem), strict=True):
            _write(made / name, content, 0o600 if name == "key.pem" else 0o644)
        os.rename(made, directory)  # takes the place of an empty directory, fails on any other
    except OSError as error:
        shutil.rmtree(made, ignore_errors=True)
        if not all((directory / name).is_file() for name in names):
            raise SigningUnavailable(f"no development key can be made in {directory}: {error.strerror}") from error


def read_file(path: Path) -> bytes:
    """Read a file of the signer. Raises SigningUnavailable with its name."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise SigningUnavailable(f"{path} cannot be read: {error.strerror}") from error


def _certificates(chain_pem: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(chain_pem)
    except ValueError as error:
        raise SigningUnavailable("the certificate chain is not PEM text with certificates in it") from error


@lru_cache(maxsize=8)
def _chain(chain_pem: bytes) -> tuple[x509.Certificate, ...]:
    """The chain of a certificate that is in use: parsed once."""
    return tuple(_certificates(chain_pem))


def _private_key(key_pem: bytes) -> PrivateKey:
    try:
        return cast(PrivateKey, serialization.load_pem_private_key(key_pem, password=None))
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise SigningUnavailable("the signing key is not an unencrypted PEM private key") from error


def _checked(chain_pem: bytes, certificates: list[x509.Certificate], now: datetime | None) -> Certificate:
    moment = now or datetime.now(UTC)
    leaf = certificates[0]
    _check_order(certificates)
    for certificate in certificates:
        _check_period(certificate, moment)
    _check_usage(leaf)
    return Certificate(
        chain_pem=chain_pem,
        algorithm=algorithm_of(leaf.public_key()),
        development=leaf.issuer.rfc4514_string() == _name(DEVELOPMENT_ROOT_NAME).rfc4514_string(),
    )


def _check_leaf_is_ours(certificates: list[x509.Certificate], key: PrivateKey) -> None:
    owners = [index for index, one in enumerate(certificates) if one.public_key() == key.public_key()]
    if not owners:
        raise SigningUnavailable("the signing key does not belong to the first certificate of the chain")
    if owners[0] != 0:
        raise SigningUnavailable("the certificate chain is in the wrong order: the signer's certificate comes first")


def _check_order(certificates: list[x509.Certificate]) -> None:
    for below, above in itertools.pairwise(certificates):
        try:
            below.verify_directly_issued_by(above)
        except Exception as error:  # verify_directly_issued_by raises ValueError, TypeError and InvalidSignature
            raise SigningUnavailable(
                "the certificate chain is in the wrong order: each certificate must be issued by the next"
            ) from error


def _check_period(certificate: x509.Certificate, moment: datetime) -> None:
    name = certificate.subject.rfc4514_string()
    if moment < certificate.not_valid_before_utc:
        raise SigningUnavailable(f"{name} is not valid before {certificate.not_valid_before_utc:%Y-%m-%d}")
    if moment > certificate.not_valid_after_utc:
        raise SigningUnavailable(f"{name} expired on {certificate.not_valid_after_utc:%Y-%m-%d}")


def _check_usage(leaf: x509.Certificate) -> None:
    try:
        usages = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        signs = leaf.extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature
    except (x509.ExtensionNotFound, ValueError) as error:
        raise SigningUnavailable("the certificate lacks KeyUsage or ExtendedKeyUsage, which C2PA asks for") from error
    if not signs or not any(usage in usages for usage in USABLE_EKUS):
        raise SigningUnavailable("the certificate may not sign C2PA claims: it needs digitalSignature and claimSigning")


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Remarque (development)"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _draft(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, begin: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=365 * _DEVELOPMENT_YEARS))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _root_certificate(key: ec.EllipticCurvePrivateKey, begin: datetime) -> x509.Certificate:
    name = _name(DEVELOPMENT_ROOT_NAME)
    return (
        _draft(name, name, key.public_key(), begin)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs=False), critical=True)
        .sign(key, hashes.SHA256())
    )


def _leaf_certificate(
    key: ec.EllipticCurvePrivateKey, root_key: ec.EllipticCurvePrivateKey, root: x509.Certificate, begin: datetime
) -> x509.Certificate:
    return (
        _draft(_name(DEVELOPMENT_LEAF_NAME), root.subject, key.public_key(), begin)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([CLAIM_SIGNING, ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
                root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
            ),
            critical=False,
        )
        .sign(root_key, hashes.SHA256())
    )


def _key_usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=not signs,
        crl_sign=not signs,
        encipher_only=False,
        decipher_only=False,
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
