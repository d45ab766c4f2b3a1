"""Keys of signed notes and their text forms: C2SP signed-note and tlog-cosignature, with Ed25519 (RFC 8032).

Two types: a note signature (0x01) signs the text itself; a cosignature (0x04) signs the text of a checkpoint and the
time at which a witness saw it. The text form of a verifier key is called vkey, that of a signing key skey.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from enum import IntEnum

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from remarque.errors import LogError
from remarque.log.encoding import MAX_NUMBER, read_base64, write_base64

KEY_SIZE = 32
SIGNATURE_SIZE = 64
TIME_SIZE = 8
SKEY_MAGIC = "PRIVATE+KEY"

_NAME = re.compile(r"[^\s+\x00-\x20\x7f]+")


class KeyType(IntEnum):
    """What a key signs; the byte stands before the key in its text form."""

    NOTE = 0x01
    COSIGNATURE = 0x04


def check_name(name: str) -> str:
    """The name, if it may stand in a note: not empty, no spaces, no control characters, no plus. Raises LogError."""
    if _NAME.fullmatch(name) is None or not name.isprintable():
        raise LogError(f"not the name of a key: {name[:80]!r}")
    return name


def key_id(name: str, kind: int, public: bytes) -> bytes:
    """Return the 4 bytes by which a signature line names its key."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key (32 bytes) with the name that stands in signature lines."""

    name: str
    kind: KeyType
    public: bytes

    @property
    def id(self) -> bytes:
        """The key id, 4 bytes."""
        return key_id(self.name, self.kind, self.public)

    def to_text(self) -> str:
        """Return the vkey: ``name+hex(id)+base64(type || key)``."""
        return f"{check_name(self.name)}+{self.id.hex()}+{write_base64(bytes([self.kind]) + self.public)}"

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Inverse of ``to_text``. Raises LogError on any other spelling and on types that are not known."""
        name, stated_id, kind, public = _split(text.split("+", 2))
        key = cls(name, kind, public)
        if key.id.hex() != stated_id:
            raise LogError(f"the key id of {name} does not belong to its key")
        return key

    def verify(self, text: str, blob: bytes) -> int | None:
        """Verify what follows the key id in a signature line. Returns the time (Unix seconds) of a cosignature, else
        None. Raises LogError where it does not verify."""
        timed = TIME_SIZE if self.kind is KeyType.COSIGNATURE else 0
        if len(blob) != timed + SIGNATURE_SIZE:
            raise LogError(f"the signature of {self.name} has a wrong length")
        time = int.from_bytes(blob[:timed], "big") if timed else None
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(blob[timed:], _message(text, time))
        except (InvalidSignature, ValueError):
            raise LogError(f"the signature of {self.name} does not verify") from None
        return time


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key (32 bytes of seed); its text form is a secret, and it is not in ``repr``."""

    name: str
    kind: KeyType
    seed: bytes = field(repr=False)
    _private: Ed25519PrivateKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        check_name(self.name)
        if len(self.seed) != KEY_SIZE:
            raise LogError(f"the seed of a key has {KEY_SIZE} bytes")
        object.__setattr__(self, "_private", Ed25519PrivateKey.from_private_bytes(self.seed))

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""
        return VerifierKey(self.name, self.kind, self._private.public_key().public_bytes_raw())

    def to_text(self) -> str:
        """Return the skey: ``PRIVATE+KEY+name+hex(id)+base64(type || seed)``."""
        encoded = write_base64(bytes([self.kind]) + self.seed)
        return f"{SKEY_MAGIC}+{self.name}+{self.verifier.id.hex()}+{encoded}"

    @classmethod
    def parse(cls, text: str) -> SigningKey:
        """Inverse of ``to_text``. Raises LogError, which does not repeat the key."""
        if not text.startswith(f"{SKEY_MAGIC}+"):
            raise LogError(f"a signing key begins with {SKEY_MAGIC}")
        name, stated_id, kind, seed = _split(text.removeprefix(f"{SKEY_MAGIC}+").split("+", 2))
        key = cls(name, kind, seed)
        if key.verifier.id.hex() != stated_id:
            raise LogError(f"the key id of {name} does not belong to its key")
        return key

    def sign(self, text: str, time: int | None = None) -> bytes:
        """Return what follows the key id in a signature line. A cosignature has a ``time`` (Unix seconds)."""
        if (time is not None) != (self.kind is KeyType.COSIGNATURE) or not 0 <= (time or 0) <= MAX_NUMBER:
            raise LogError("a cosignature has a time, and no other signature has one")
        stamp = b"" if time is None else time.to_bytes(TIME_SIZE, "big")
        return stamp + self._private.sign(_message(text, time))


def _message(text: str, time: int | None) -> bytes:
    """What is signed."""
    return (text if time is None else f"cosignature/v1\ntime {time}\n{text}").encode()


def _split(parts: list[str]) -> tuple[str, str, KeyType, bytes]:
    """Name, stated key id, type and key of the parts of a text form."""
    if len(parts) != 3:
        raise LogError("the text of a key has a name, an id and a key, joined by plus signs")
    encoded = read_base64(parts[2])
    if len(encoded) != 1 + KEY_SIZE or encoded[0] not in set(KeyType):
        raise LogError("a key of an unknown type or a wrong length")
    return check_name(parts[0]), parts[1], KeyType(encoded[0]), encoded[1:]
