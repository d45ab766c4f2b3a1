"""Signed notes: C2SP signed-note.

A note is a text that ends in a newline, an empty line, and signature lines: an em dash, the name of a key, and the
base64 of key id and signature. Each note has one spelling; a file with any other, or with bytes after its end, is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from remarque.errors import LogError
from remarque.log.encoding import read_base64, read_text, write_base64
from remarque.log.vkeys import SigningKey, VerifierKey, check_name

#: More is not a note of ours: a checkpoint has about 200 bytes, a check receipt with 20,000 hits 500,000.
MAX_NOTE_SIZE = 1_000_000
#: As in Go's note package: whoever adds signature lines cannot make verifying dear.
MAX_SIGNATURES = 100
KEY_ID_SIZE = 4
DASH = "\N{EM DASH} "


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line: the name, the key id (4 bytes) and what follows it."""

    name: str
    key_id: bytes
    blob: bytes

    def to_line(self) -> str:
        """Return the line with its newline."""
        return f"{DASH}{self.name} {write_base64(self.key_id + self.blob)}\n"

    @classmethod
    def parse(cls, line: str) -> Signature:
        """Inverse of ``to_line``, without the newline. Raises LogError."""
        name, space, encoded = line.removeprefix(DASH).partition(" ")
        if not line.startswith(DASH) or not space:
            raise LogError("a signature line has a dash, a name and a signature")
        data = read_base64(encoded)
        if len(data) <= KEY_ID_SIZE:
            raise LogError("a signature is missing")
        return cls(check_name(name), data[:KEY_ID_SIZE], data[KEY_ID_SIZE:])


@dataclass(frozen=True, slots=True)
class Note:
    """A text and its signature lines; nothing of it is verified."""

    text: str
    signatures: tuple[Signature, ...]

    def to_bytes(self) -> bytes:
        """Return the note as it is stored and sent. Raises LogError on a text no note has, and without signature."""
        if not self.signatures:
            raise LogError("a note has at least one signature")
        return f"{check_text(self.text)}\n{''.join(line.to_line() for line in self.signatures)}".encode()

    @classmethod
    def parse(cls, data: bytes) -> Note:
        """Inverse of ``to_bytes``. Raises LogError on any byte that it would not have written."""
        if len(data) > MAX_NOTE_SIZE:
            raise LogError(f"a note has at most {MAX_NOTE_SIZE} bytes")
        head, blank, tail = read_text(data).rpartition("\n\n")
        if not blank or not tail.endswith("\n"):
            raise LogError("a note has a text, an empty line and signature lines that end in a newline")
        lines = tail.removesuffix("\n").split("\n")
        if len(lines) > MAX_SIGNATURES:
            raise LogError(f"a note has at most {MAX_SIGNATURES} signatures")
        signatures = tuple(Signature.parse(line) for line in lines)
        if len({(line.name, line.key_id) for line in signatures}) != len(signatures):
            raise LogError("two signatures of a note have the same key")
        return cls(check_text(head + "\n"), signatures)

    def verify(self, keys: Iterable[VerifierKey]) -> Mapping[VerifierKey, int | None]:
        """Return the keys whose signatures verify, with the time of each cosignature.

        Raises LogError where a signature of one of ``keys`` is bad, and where there is none.
        """
        known: dict[tuple[str, bytes], VerifierKey] = {}
        for key in keys:
            if known.setdefault((key.name, key.id), key) != key:
                raise LogError(f"two keys are called {key.name} and have the same id")
        verified: dict[VerifierKey, int | None] = {}
        for line in self.signatures:
            signer = known.get((line.name, line.key_id))
            if signer is not None:
                verified[signer] = signer.verify(self.text, line.blob)
        if not verified:
            raise LogError("no signature of a known key")
        return verified


def check_text(text: str) -> str:
    """The text, if a note may carry it: not empty, ends in a newline, no other control character. Raises LogError."""
    if not text.endswith("\n") or any(character < " " and character != "\n" for character in text):
        raise LogError("the text of a note is whole lines without control characters")
    return text


def sign_note(text: str, key: SigningKey) -> Note:
    """Return a note with one signature."""
    return Note(check_text(text), (Signature(key.name, key.verifier.id, key.sign(text)),))


def cosign(note: Note, key: SigningKey, time: int) -> Note:
    """Return the note with the line of a witness that saw it at ``time`` (Unix seconds), in place of an earlier one."""
    line = Signature(key.name, key.verifier.id, key.sign(note.text, time))
    others = (each for each in note.signatures if (each.name, each.key_id) != (line.name, line.key_id))
    return Note(note.text, (*others, line))
