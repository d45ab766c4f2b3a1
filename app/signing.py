"""The key that signs labels, and the roots that verifications trust."""

from __future__ import annotations

from dataclasses import dataclass

from app.settings import Settings
from remarque.errors import SigningUnavailable
from remarque.labels.signer import SigningKey, load_signing_key, make_development_pki

PKI = "pki"


@dataclass(frozen=True, slots=True)
class Signing:
    """The key that signs, the roots that verifications trust, and the development root where that one is in use."""

    key: SigningKey
    trust_anchors: bytes
    development_root: bytes

    @classmethod
    def load(cls, settings: Settings) -> Signing:
        """Read the keys that the settings name, or the development ones. Raises SigningUnavailable, saying why."""
        anchors = b"" if settings.trust_anchors is None else settings.trust_anchors.read_bytes()
        if (settings.c2pa_chain is None) != (settings.c2pa_key is None):
            raise SigningUnavailable("REMARQUE_C2PA_CHAIN and REMARQUE_C2PA_KEY are set together or not at all.")
        if settings.c2pa_chain is not None and settings.c2pa_key is not None:
            return cls(load_signing_key(settings.c2pa_chain, settings.c2pa_key), anchors, b"")
        pki = settings.data_dir / PKI
        key = load_signing_key(pki / "chain.pem", pki / "key.pem")
        return cls(key, anchors, (pki / "root.pem").read_bytes())


def prepare_development_keys(settings: Settings) -> bool:
    """Make the development certificate where none is configured and none was made before. Returns whether it did."""
    pki = settings.data_dir / PKI
    if settings.c2pa_chain is not None or (pki / "chain.pem").exists():
        return False
    make_development_pki(pki)
    return True
