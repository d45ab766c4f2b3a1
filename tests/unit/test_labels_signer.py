"""Which keys may sign, and what the operator is told about the others."""

import os
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from remarque.errors import SigningUnavailable
from remarque.labels.manifest import prove_signer
from remarque.labels.signer import (
    CLAIM_SIGNING,
    DEVELOPMENT_ROOT_NAME,
    check_signing_key,
    load_signing_key,
    make_development_pki,
)
from tests.label_pictures import development

NOW = datetime(2026, 11, 23, tzinfo=UTC)
KEYS: dict[str, Callable[[], Any]] = {
    "es256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "es384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "es512": lambda: ec.generate_private_key(ec.SECP521R1()),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
    "ps256": lambda: rsa.generate_private_key(65537, 2048),
}


def issued(
    key: Any, *, usages: Any = (CLAIM_SIGNING, ExtendedKeyUsageOID.EMAIL_PROTECTION), signs: bool = True
) -> bytes:
    """A chain (leaf, root) for ``key``, valid for a year around now."""
    root_key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)

    def draft(name: str, public: Any) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(_name("Root of a test"))
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=364))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        )

    root = (
        draft("Root of a test", root_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=False, certifies=True), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    leaf = draft("Signer of a test", key.public_key()).add_extension(
        x509.BasicConstraints(ca=False, path_length=None), critical=True
    )
    leaf = leaf.add_extension(_usage(signs=signs, certifies=False), critical=True)
    leaf = leaf.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
    if usages:
        leaf = leaf.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    return b"".join(
        one.public_bytes(serialization.Encoding.PEM) for one in (leaf.sign(root_key, hashes.SHA256()), root)
    )


def pem(key: Any, encryption: Any = None) -> bytes:
    found: bytes = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption or serialization.NoEncryption()
    )
    return found


@pytest.mark.parametrize("algorithm", KEYS)
def test_every_algorithm_signs_a_label_that_verifies(algorithm: str) -> None:
    key = KEYS[algorithm]()
    found = check_signing_key(issued(key), pem(key))
    assert found.algorithm == algorithm
    assert not found.development
    prove_signer(found)


def test_the_development_pair_signs_and_says_what_it_is(tmp_path: Path) -> None:
    make_development_pki(tmp_path)
    key = load_signing_key(tmp_path / "chain.pem", tmp_path / "key.pem")
    prove_signer(key)
    assert key.development
    assert stat.S_IMODE(os.stat(tmp_path / "key.pem").st_mode) == 0o600
    assert sorted(os.listdir(tmp_path)) == ["chain.pem", "key.pem", "root.pem"]
    root = x509.load_pem_x509_certificate((tmp_path / "root.pem").read_bytes())
    assert root.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == DEVELOPMENT_ROOT_NAME
    assert "DEVELOPMENT" in DEVELOPMENT_ROOT_NAME


def test_making_it_again_changes_nothing(tmp_path: Path) -> None:
    make_development_pki(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    make_development_pki(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("present", ["key.pem", "root.pem", "chain.pem", "something else"])
def test_what_is_there_is_never_overwritten(tmp_path: Path, present: str) -> None:
    folder = tmp_path / "pki"
    folder.mkdir()
    (folder / present).write_bytes(b"mine")
    with pytest.raises(SigningUnavailable, match="pki"):
        make_development_pki(folder)
    assert [path.read_bytes() for path in folder.iterdir()] == [b"mine"]
    assert list(tmp_path.iterdir()) == [folder]


def test_many_at_once_agree_on_one_pair(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "pki"
    with ThreadPoolExecutor(8) as threads:
        for done in [threads.submit(make_development_pki, folder) for _ in range(16)]:
            done.result()
    assert os.listdir(folder.parent) == ["pki"]
    prove_signer(load_signing_key(folder / "chain.pem", folder / "key.pem"))


def test_the_key_is_in_no_representation() -> None:
    key = development().key
    body = key.key_pem.decode().splitlines()[1]
    assert body not in repr(key)
    assert body not in str(key)
    assert body not in repr(replace(key, development=False))


@pytest.mark.parametrize(
    ("mutation", "change", "sentence"),
    [
        ("chain-empty", lambda c, k: (b"", k), "not PEM"),
        ("chain-garbage", lambda c, k: (b"-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----\n", k), "not PEM"),
        ("key-empty", lambda c, k: (c, b""), "private key"),
        ("key-is-chain", lambda c, k: (c, c), "private key"),
        ("key-of-another", lambda c, k: (c, development(1).key.key_pem), "does not belong"),
        ("order-reversed", lambda c, k: (_reversed(c), k), "wrong order"),
        ("root-of-another", lambda c, k: (_leaf(c) + development(1).root, k), "wrong order"),
    ],
)
def test_a_pair_that_does_not_fit_is_refused(mutation: str, change: Any, sentence: str) -> None:
    key = development().key
    with pytest.raises(SigningUnavailable, match=sentence) as caught:
        check_signing_key(*change(key.chain_pem, key.key_pem))
    assert "PRIVATE" not in str(caught.value)


def test_an_encrypted_key_is_refused() -> None:
    key = KEYS["es256"]()
    locked = pem(key, serialization.BestAvailableEncryption(b"secret"))
    with pytest.raises(SigningUnavailable, match="unencrypted"):
        check_signing_key(issued(key), locked)


def test_certificates_have_a_period() -> None:
    key = KEYS["es256"]()
    chain = issued(key)
    for years in (-2, 2):
        with pytest.raises(SigningUnavailable, match=r"not valid before|expired"):
            check_signing_key(chain, pem(key), now=datetime.now(UTC) + timedelta(days=365 * years))


@pytest.mark.parametrize(
    "unusable",
    [{"usages": ()}, {"usages": (ExtendedKeyUsageOID.CLIENT_AUTH,)}, {"signs": False}],
    ids=["no-eku", "client-auth", "no-digital-signature"],
)
def test_a_certificate_for_something_else_is_refused(unusable: dict[str, Any]) -> None:
    key = KEYS["es256"]()
    with pytest.raises(SigningUnavailable):
        check_signing_key(issued(key, **unusable), pem(key))


@pytest.mark.parametrize(
    "key",
    [ec.generate_private_key(ec.SECP256K1()), rsa.generate_private_key(65537, 1024)],  # noqa: S505 - the point is that it is refused
    ids=["secp256k1", "rsa-1024"],
)
def test_an_algorithm_that_c2pa_does_not_have_is_refused(key: Any) -> None:
    with pytest.raises(SigningUnavailable, match="P-256"):
        check_signing_key(issued(key), pem(key))


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(SigningUnavailable, match=r"nowhere\.pem"):
        load_signing_key(tmp_path / "nowhere.pem", tmp_path / "key.pem")


def test_a_key_that_lies_about_itself_is_found_out_at_start() -> None:
    # The pair was put together without the check: the library signs, and the label would not verify.
    lying = replace(development().key, key_pem=development(1).key.key_pem)
    with pytest.raises(SigningUnavailable):
        prove_signer(lying)


def _leaf(chain: bytes) -> bytes:
    return chain[: chain.index(b"-----END CERTIFICATE-----") + 26]


def _reversed(chain: bytes) -> bytes:
    return chain[len(_leaf(chain)) :] + _leaf(chain)


def _name(text: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Test"), x509.NameAttribute(NameOID.COMMON_NAME, text)]
    )


def _usage(*, signs: bool, certifies: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs,
        content_commitment=not signs and not certifies,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certifies,
        crl_sign=certifies,
        encipher_only=False,
        decipher_only=False,
    )
