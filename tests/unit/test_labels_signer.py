"""Which keys may sign, and what the operator is told about the others."""

import hashlib
import os
import pickle
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
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from remarque.errors import SigningUnavailable
from remarque.labels import signatures
from remarque.labels.signer import (
    CLAIM_SIGNING,
    DEVELOPMENT_ROOT_NAME,
    callback_key,
    check_signing_key,
    load_signing_key,
    make_development_pki,
)
from remarque.labels.stamp import finish, prepare, prove_signer, stamp
from tests.label_pictures import development, drawn, request

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
    assert found.certificate.algorithm == algorithm
    assert not found.certificate.development
    prove_signer(found)


def test_the_development_pair_signs_and_says_what_it_is(tmp_path: Path) -> None:
    make_development_pki(tmp_path)
    key = load_signing_key(tmp_path / "chain.pem", tmp_path / "key.pem")
    prove_signer(key)
    assert key.certificate.development
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


def test_the_key_is_in_no_representation_and_goes_to_no_other_process() -> None:
    private = KEYS["es256"]()
    key = check_signing_key(issued(private), pem(private))
    number = private.private_numbers().private_value
    for text in (repr(key), str(key), repr(key.sign), repr(replace(key))):
        assert all(form not in text for form in (pem(private).decode().splitlines()[1], str(number), f"{number:x}"))
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(key)
    assert pickle.loads(pickle.dumps(key.certificate)) == key.certificate  # noqa: S301 - our own bytes


@pytest.mark.parametrize(
    ("mutation", "change", "sentence"),
    [
        ("chain-empty", lambda c, k: (b"", k), "not PEM"),
        ("chain-garbage", lambda c, k: (b"-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----\n", k), "not PEM"),
        ("key-empty", lambda c, k: (c, b""), "private key"),
        ("key-is-chain", lambda c, k: (c, c), "private key"),
        ("key-of-another", lambda c, k: (c, pem(KEYS["es256"]())), "does not belong"),
        ("order-reversed", lambda c, k: (_reversed(c), k), "wrong order"),
        ("root-of-another", lambda c, k: (_leaf(c) + development(1).root, k), "wrong order"),
    ],
)
def test_a_pair_that_does_not_fit_is_refused(mutation: str, change: Any, sentence: str) -> None:
    key = KEYS["es256"]()
    with pytest.raises(SigningUnavailable, match=sentence) as caught:
        check_signing_key(*change(issued(key), pem(key)))
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


@pytest.mark.parametrize("algorithm", KEYS)
def test_a_function_signs_for_a_certificate(algorithm: str) -> None:
    private = KEYS[algorithm]()
    key = callback_key(issued(private), lambda message: raw(private, message))
    assert key.certificate.algorithm == algorithm
    prove_signer(key)


@pytest.mark.parametrize("algorithm", ["es256", "es384", "es512"])
def test_a_function_may_give_der(algorithm: str) -> None:
    private = KEYS[algorithm]()
    digest = {"es256": hashes.SHA256(), "es384": hashes.SHA384(), "es512": hashes.SHA512()}[algorithm]
    prove_signer(callback_key(issued(private), lambda message: private.sign(message, ec.ECDSA(digest))))


def _raise() -> bytes:
    raise RuntimeError("the token was pulled out")


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("raises", lambda private, message: _raise()),
        ("nothing", lambda private, message: None),
        ("empty", lambda private, message: b""),
        ("text", lambda private, message: "signature"),
        ("zeros", lambda private, message: bytes(64)),
        ("cut", lambda private, message: raw(private, message)[:-1]),
        ("longer", lambda private, message: raw(private, message) + b"\0"),
        ("message-of-another", lambda private, message: raw(private, message + b"\0")),
        ("key-of-another", lambda private, message: raw(KEYS["es256"](), message)),
        ("der-of-another", lambda private, message: KEYS["es256"]().sign(message, ec.ECDSA(hashes.SHA256()))),
        ("der-of-huge-numbers", lambda private, message: encode_dss_signature(1 << 600, 1 << 600)),
        ("der-of-negative-numbers", lambda private, message: b"\x30\x06\x02\x01\xff\x02\x01\xff"),
    ],
)
def test_a_function_that_does_not_sign_is_unavailable(name: str, answer: Any) -> None:
    private = KEYS["es256"]()
    chain = issued(private)
    with pytest.raises(SigningUnavailable):
        callback_key(chain, lambda message: answer(private, message))
    # It was right at the start, and is not any more: no label comes out.
    behaves = [True]
    key = callback_key(chain, lambda message: raw(private, message) if behaves[0] else answer(private, message))
    behaves[0] = False
    with pytest.raises(SigningUnavailable):
        stamp(drawn("png").data, request(), key)
    with pytest.raises(SigningUnavailable):
        prove_signer(key)


def test_finish_itself_refuses_a_signature_that_does_not_fit() -> None:
    private = KEYS["es256"]()
    key = check_signing_key(issued(private), pem(private))
    prepared = prepare(drawn("png").data, request(), key.certificate)
    for wrong in (b"", bytes(64), raw(KEYS["es256"](), prepared.to_be_signed), raw(private, b"something else")):
        with pytest.raises(SigningUnavailable):
            finish(prepared, wrong)
    assert finish(prepared, raw(private, prepared.to_be_signed)).layers == ["xmp", "c2pa"]


def test_a_certificate_says_what_a_record_needs() -> None:
    private = KEYS["es256"]()
    chain = issued(private)
    found = check_signing_key(chain, pem(private)).certificate
    leaf = x509.load_pem_x509_certificates(chain)[0]
    assert found.thumbprint == hashlib.sha256(leaf.public_bytes(serialization.Encoding.DER)).hexdigest()
    assert found.subject == "CN=Signer of a test,O=Test"
    assert found.expires == leaf.not_valid_after_utc


def raw(private: Any, message: bytes) -> bytes:
    """A signature in the form that COSE has."""
    return signatures.sign(private, message)


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
