"""c2pa-rs contexts: the settings that signing and reading always have, built once a process and kept.

Nothing is fetched (no remote manifest, no OCSP), no thumbnail is made. A context built before a fork is dead in the
child, so the process id is part of the key.

No private key that matters gets in here. The library builds a manifest around a signature that is thrown away: it
signs with a key that was made a moment ago, and does not ask whether that belongs to the certificate (c2pa-rs 0.91.3).
"""

import os
from functools import lru_cache
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from remarque.errors import MissingExtra, NotReady, SigningUnavailable
from remarque.labels.signatures import new_key_like, signature_size
from remarque.labels.signer import Certificate

try:
    import c2pa
except ModuleNotFoundError as error:  # pragma: no cover - an installation without the extra
    raise MissingExtra("label", "signing and reading C2PA labels") from error

#: Key usages of signers and time-stamp authorities, as C2PA's valid_eku_oids.cfg lists them. Without them a certificate
#: of the official list that carries claimSigning alone reads as invalid.
TRUST_CONFIG = "\n".join(
    (
        "1.3.6.1.4.1.62558.2.1",  # claimSigning
        "1.3.6.1.5.5.7.3.4",  # emailProtection
        "1.3.6.1.5.5.7.3.36",  # documentSigning
        "1.3.6.1.5.5.7.3.8",  # timeStamping
        "1.3.6.1.5.5.7.3.9",  # OCSPSigning
    )
)
_KEPT = 8

__all__ = ["TRUST_CONFIG", "c2pa", "reading_context", "settings", "signing_context", "signing_signer"]


def settings(trust_anchors: bytes = b"", development_root: bytes = b"") -> dict[str, Any]:
    """Settings of a context. The development root is a *user* anchor, so that a reading tells which one was used."""
    trust = {"trust_config": TRUST_CONFIG}
    for name, pem in (("trust_anchors", trust_anchors), ("user_anchors", development_root)):
        if pem.strip():
            trust[name] = pem.decode("ascii", "replace")
    return {
        "version": 1,
        "trust": trust,
        "verify": {"verify_after_sign": False, "remote_manifest_fetch": False, "ocsp_fetch": False},
        "core": {"allowed_network_hosts": []},
        # The parent is said by the signer too; the library would put it among what others said.
        "builder": {"thumbnail": {"enabled": False}, "created_assertion_labels": ["c2pa.ingredient"]},
    }


def reading_context(trust_anchors: bytes, development_root: bytes) -> Any:
    """The context that reads with these anchors (PEM). Raises NotReady if they are no certificates."""
    return _reading(os.getpid(), trust_anchors, development_root)


def signing_context(certificate: Certificate, trust_anchors: bytes, *, room_for_time_stamp: bool = False) -> Any:
    """The context that builds manifests for this certificate; the anchors judge a parent.

    Raises SigningUnavailable, NotReady.
    """
    return _signing(os.getpid(), certificate, trust_anchors, room_for_time_stamp)


def signing_signer(certificate: Certificate, *, room_for_time_stamp: bool = False) -> Any:
    """A signer of its own, beside the one that a context has taken in. Raises SigningUnavailable."""
    return _signer(os.getpid(), certificate, room_for_time_stamp)


@lru_cache(maxsize=_KEPT)
def _reading(_process: int, trust_anchors: bytes, development_root: bytes) -> Any:
    try:
        return c2pa.Context.from_dict(settings(trust_anchors, development_root))
    except c2pa.C2paError as error:
        raise NotReady("the trust list is not PEM text with certificates in it") from error


@lru_cache(maxsize=_KEPT)
def _signing(_process: int, certificate: Certificate, trust_anchors: bytes, room_for_time_stamp: bool) -> Any:
    signer = _new_signer(certificate, room_for_time_stamp)
    try:
        return c2pa.Context.from_dict(settings(trust_anchors), signer=signer)
    except c2pa.C2paError as error:
        raise NotReady("the trust list is not PEM text with certificates in it") from error


@lru_cache(maxsize=_KEPT)
def _signer(_process: int, certificate: Certificate, room_for_time_stamp: bool) -> Any:
    return _new_signer(certificate, room_for_time_stamp)


def _new_signer(certificate: Certificate, room_for_time_stamp: bool) -> Any:
    chain = certificate.chain_pem
    try:
        if room_for_time_stamp:
            # The library keeps 10 KB more for a signer that it has to call: enough for a time-stamp.
            zeros = bytes(signature_size(certificate.public_key))
            algorithm = c2pa.C2paSigningAlg[certificate.algorithm.upper()]
            return c2pa.Signer.from_callback(lambda _: zeros, algorithm, chain.decode("ascii"), None)
        key = _throw_away_key(os.getpid(), certificate)
        return c2pa.Signer.from_info(c2pa.C2paSignerInfo(certificate.algorithm.encode(), chain, key, None))
    except (c2pa.C2paError, UnicodeDecodeError) as error:
        raise SigningUnavailable("the signing certificates are not accepted by the C2PA library") from error


@lru_cache(maxsize=_KEPT)
def _throw_away_key(_process: int, certificate: Certificate) -> bytes:
    """A key of the same kind as the certificate's, PEM. An RSA key takes a tenth of a second or more to make."""
    key = new_key_like(certificate.public_key)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
