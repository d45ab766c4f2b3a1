"""Signatures in the form that COSE has them: made with a key of a file, and checked whoever made them.

C2PA 2.4, "Digital signatures", names the algorithms; RFC 9053 section 2 the form: for EC both numbers of the signature
side by side (r || s), for Ed25519 and RSA (PSS) the bytes themselves.
"""

from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from remarque.errors import SigningUnavailable

PublicKey = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey
PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey

#: C2PA 2.4 allows RSA from this size on.
_LEAST_RSA_BITS = 2048


class _Curve(NamedTuple):
    """What goes with a curve: the C2PA name, the digest, bytes of one number."""

    algorithm: str
    digest: hashes.HashAlgorithm
    size: int


_CURVES = {
    "secp256r1": _Curve("es256", hashes.SHA256(), 32),
    "secp384r1": _Curve("es384", hashes.SHA384(), 48),
    "secp521r1": _Curve("es512", hashes.SHA512(), 66),
}
#: PS256 of RFC 8230: the salt is as long as the digest.
_PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)


def algorithm_of(key: object) -> str:
    """The C2PA name of what a public key verifies. Raises SigningUnavailable for a key that C2PA does not have."""
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name].algorithm
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "ed25519"
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _LEAST_RSA_BITS:
        return "ps256"
    raise SigningUnavailable("the signing key must be EC P-256, P-384 or P-521, Ed25519, or RSA of 2048 bits or more")


def sign(key: PrivateKey, message: bytes) -> bytes:
    """Sign as COSE does."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        curve = _CURVES[key.curve.name]
        return _side_by_side(key.sign(message, ec.ECDSA(curve.digest)), curve)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(message, _PSS, hashes.SHA256())
    return key.sign(message)


def in_cose_form(key: PublicKey, message: bytes, signature: object) -> bytes:
    """Return the signature as COSE has it, once it is verified. EC signatures may come in DER, as from many devices.

    Raises SigningUnavailable for whatever does not verify.
    """
    if isinstance(signature, bytes):
        for candidate in _candidates(key, signature):
            if _verifies(key, message, candidate):
                return candidate
    raise SigningUnavailable("the signer's answer does not fit the certificate: is it another key?")


def signature_size(key: PublicKey) -> int:
    """Bytes of a signature in COSE form."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return 2 * _CURVES[key.curve.name].size
    return 64 if isinstance(key, ed25519.Ed25519PublicKey) else key.key_size // 8


def new_key_like(key: PublicKey) -> PrivateKey:
    """A fresh private key of the same algorithm and size."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return ec.generate_private_key(key.curve)
    if isinstance(key, rsa.RSAPublicKey):
        return rsa.generate_private_key(65537, key.key_size)
    return ed25519.Ed25519PrivateKey.generate()


def _candidates(key: PublicKey, signature: bytes) -> list[bytes]:
    """The COSE forms that the bytes may stand for; a DER signature can, very rarely, have the length of the raw one."""
    found = [signature] if len(signature) == signature_size(key) else []
    if isinstance(key, ec.EllipticCurvePublicKey):
        try:
            found.append(_side_by_side(signature, _CURVES[key.curve.name]))
        except (ValueError, OverflowError):
            pass  # no DER signature of this curve; what is not found is refused
    return found


def _verifies(key: PublicKey, message: bytes, signature: bytes) -> bool:
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            curve = _CURVES[key.curve.name]
            r, s = (int.from_bytes(half, "big") for half in (signature[: curve.size], signature[curve.size :]))
            key.verify(encode_dss_signature(r, s), message, ec.ECDSA(curve.digest))
        elif isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, message, _PSS, hashes.SHA256())
        else:
            key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def _side_by_side(der: bytes, curve: _Curve) -> bytes:
    return b"".join(number.to_bytes(curve.size, "big") for number in decode_dss_signature(der))
