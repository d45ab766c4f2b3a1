"""The keys of a registry: made, stored, loaded, and pinned by those who verify.

The log and the receipts have keys of their own, so that neither signature can be passed off as the other.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from remarque.errors import LogError
from remarque.log.encoding import read_object, read_text
from remarque.log.vkeys import KEY_SIZE, KeyType, SigningKey, VerifierKey

#: A key file has under 200 bytes, a saved /.well-known/remarque.json a few thousand.
MAX_FILE_SIZE = 100_000


def receipts_name(origin: str) -> str:
    """The name of the key that signs receipts of checks."""
    return f"{origin}/receipts"


def make_key(name: str, kind: KeyType = KeyType.NOTE) -> SigningKey:
    """Make a key from the system's random numbers."""
    return SigningKey(name, kind, secrets.token_bytes(KEY_SIZE))


def write_key(path: Path, key: SigningKey) -> None:
    """Store a key as C2SP skey text, readable by its owner alone and durably. Raises FileExistsError: a key that signed
    anything is never written over."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(f"{key.to_text()}\n")
        file.flush()
        os.fsync(file.fileno())


def read_key(path: Path, name: str) -> SigningKey:
    """Load the key of that name. Raises LogError where the file holds anything else, OSError where there is none."""
    text = _read(path)
    key = SigningKey.parse(read_text(text).removesuffix("\n"))
    if key.name != name:
        raise LogError(f"{path.name} holds the key of {key.name}, not of {name}")
    return key


@dataclass(frozen=True, slots=True)
class PinnedKeys:
    """The keys that a verifier trusts, as it once saved them from ``/.well-known/remarque.json``."""

    origin: str
    log_key: VerifierKey
    receipts_key: VerifierKey
    witnesses: tuple[VerifierKey, ...] = ()

    def __post_init__(self) -> None:
        notes = self.log_key.kind is self.receipts_key.kind is KeyType.NOTE
        if not notes or any(key.kind is not KeyType.COSIGNATURE for key in self.witnesses):
            raise LogError("log and receipts have keys of type 1, witnesses of type 4")
        if self.log_key.name != self.origin or self.receipts_key.name == self.origin:
            raise LogError("the key of the log is called as its origin, the key of the receipts is not")
        if self.log_key.public == self.receipts_key.public:
            raise LogError("log and receipts have the same key")

    def to_document(self) -> dict[str, Any]:
        """Return the members of the document that ``parse`` reads."""
        return {
            "origin": self.origin,
            "log_key": self.log_key.to_text(),
            "receipts_key": self.receipts_key.to_text(),
            "witnesses": [key.to_text() for key in self.witnesses],
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> PinnedKeys:
        """Inverse of ``to_document``; members that are not keys (routes and others) are left alone. Raises LogError."""
        texts = [document.get(name) for name in ("origin", "log_key", "receipts_key")]
        witnesses = document.get("witnesses")
        if not isinstance(witnesses, list) or not all(isinstance(text, str) for text in (*texts, *witnesses)):
            raise LogError("a document of keys has the texts origin, log_key and receipts_key, and a list of witnesses")
        origin, log_key, receipts_key = map(str, texts)
        return cls(
            origin,
            VerifierKey.parse(log_key),
            VerifierKey.parse(receipts_key),
            tuple(VerifierKey.parse(text) for text in witnesses),
        )

    @classmethod
    def load(cls, path: Path) -> PinnedKeys:
        """Read a saved document. Raises LogError where it is none, OSError where there is none."""
        return cls.from_document(read_object(_read(path)))


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(MAX_FILE_SIZE + 1)
    if len(data) > MAX_FILE_SIZE:
        raise LogError(f"{path.name} is too large to hold keys")
    return data
