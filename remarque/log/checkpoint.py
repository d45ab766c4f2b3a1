"""Checkpoints: what the log signs. C2SP tlog-checkpoint, without extension lines.

Three lines: the origin (the name of the log and of its key), the size in decimal, the root in base64.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from remarque.errors import LogError
from remarque.log.encoding import read_base64, read_decimal, write_base64
from remarque.log.merkle import EMPTY_ROOT, HASH_SIZE
from remarque.log.note import Note, sign_note
from remarque.log.vkeys import SigningKey, VerifierKey, check_name


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A state of the log: whose, how many entries, and the root over them (32 bytes)."""

    origin: str
    size: int
    root: bytes

    def to_text(self) -> str:
        """Return the text that is signed. Raises LogError on a state that no log has."""
        check_name(self.origin)
        if self.size < 0 or len(self.root) != HASH_SIZE or (self.size == 0 and self.root != EMPTY_ROOT):
            raise LogError(f"a checkpoint of size {self.size} with root {self.root.hex()} cannot be")
        return f"{self.origin}\n{self.size}\n{write_base64(self.root)}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Inverse of ``to_text``. Raises LogError on any other text, extension lines included."""
        lines = text.split("\n")
        if len(lines) != 4 or lines[3]:
            raise LogError("a checkpoint has three lines: origin, size, root")
        checkpoint = cls(lines[0], read_decimal(lines[1]), read_base64(lines[2]))
        checkpoint.to_text()
        return checkpoint


def sign_checkpoint(checkpoint: Checkpoint, key: SigningKey) -> Note:
    """Sign with the key of the log. Raises LogError where its name is not the origin."""
    if key.name != checkpoint.origin:
        raise LogError(f"the key {key.name} does not sign for {checkpoint.origin}")
    return sign_note(checkpoint.to_text(), key)


def open_checkpoint(
    note: bytes, log_key: VerifierKey, witnesses: Sequence[VerifierKey] = (), quorum: int = 0
) -> Checkpoint:
    """Return the checkpoint of a note that the log signed and at least ``quorum`` of the witnesses. Raises LogError."""
    # (1) It is a note, and no signature of a key that is known here is bad.
    parsed = Note.parse(note)
    verified = parsed.verify([log_key, *witnesses])
    # (2) The log itself signed it.
    if log_key not in verified:
        raise LogError(f"not signed by {log_key.name}")
    # (3) So did enough witnesses; one that goes by two names counts once.
    seen = {key.public for key in verified if key in witnesses} - {log_key.public}
    if len(seen) < quorum:
        raise LogError(f"{len(seen)} of the known witnesses saw it, not {quorum}")
    # (4) The text is a checkpoint of this log.
    checkpoint = Checkpoint.parse(parsed.text)
    if checkpoint.origin != log_key.name:
        raise LogError(f"a checkpoint of {checkpoint.origin}, signed by {log_key.name}")
    return checkpoint
