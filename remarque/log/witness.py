"""The witness of a log: C2SP tlog-witness, the call ``add-checkpoint``.

A witness remembers the last checkpoint that it signed, and signs another one only where a proof shows that it continues
that one. So a log whose checkpoints it signs has one history. What a witness says is pure here; whoever runs one must
decide and remember in one step (``remarque log witness``).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from remarque.errors import LogError
from remarque.log.checkpoint import Checkpoint
from remarque.log.encoding import read_base64, read_decimal, read_text, write_base64
from remarque.log.merkle import EMPTY_ROOT, HASH_SIZE
from remarque.log.note import MAX_SIGNATURES, Note, Signature
from remarque.log.proofs import verify_consistency
from remarque.log.vkeys import VerifierKey

#: Where it is posted, below the address of a witness.
PATH = "add-checkpoint"
#: A proof of 63 lines is 3 KB, a checkpoint with the signatures of many others some 10 KB.
MAX_REQUEST = 1 << 16
#: tlog-witness: the paths of a tree of 2**63 leaves are no longer.
MAX_PROOF = 63
#: The media type of the size that a witness answers instead of a signature.
SIZE_TYPE = "text/x.tlog.size"


class Why(IntEnum):
    """Why a witness did not sign; the number is the HTTP status that tlog-witness has for it."""

    MALFORMED = 400
    NOT_SIGNED = 403
    UNKNOWN_LOG = 404
    CONFLICT = 409
    INCONSISTENT = 422


@dataclass(frozen=True, slots=True)
class Refusal:
    """A checkpoint that is not signed. ``size``: where the witness stands, if the caller may try again from there.

    ``checkpoint``: what the log did sign, if it was shown to be signed and not to continue what the witness has seen.
    """

    why: Why
    message: str
    size: int | None = None
    checkpoint: Checkpoint | None = None


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """What a log asks of a witness: the size that the witness saw last, the proof from there on (32 bytes each), and
    the checkpoint (a signed note)."""

    old_size: int
    proof: tuple[bytes, ...]
    checkpoint: bytes

    def to_bytes(self) -> bytes:
        """Return the body of the request. Raises LogError on more than a body may hold."""
        if len(self.proof) > MAX_PROOF or any(len(node) != HASH_SIZE for node in self.proof) or self.old_size < 0:
            raise LogError(f"a proof has at most {MAX_PROOF} hashes of {HASH_SIZE} bytes, from a size that can be")
        lines = [f"old {self.old_size}", *map(write_base64, self.proof)]
        return "".join(f"{line}\n" for line in [*lines, ""]).encode() + self.checkpoint

    @classmethod
    def parse(cls, data: bytes) -> AddCheckpoint:
        """Inverse of ``to_bytes``. Raises LogError on any other text; the checkpoint is parsed, not verified."""
        head, blank, note = data.partition(b"\n\n")
        old, *proof = read_text(head).split("\n")
        if not blank or not old.startswith("old "):
            raise LogError("the old size, the lines of a proof, an empty line and a checkpoint are asked for")
        Note.parse(note)
        request = cls(read_decimal(old.removeprefix("old ")), tuple(read_base64(line) for line in proof), note)
        request.to_bytes()
        return request


def judge(data: bytes, log_key: VerifierKey, latest: Checkpoint | None) -> Note | Refusal:
    """What a witness makes of a request: the checkpoint to sign and to remember, its text as the log signed it, or why
    not.

    ``latest``: the checkpoint that it signed last, None for none. The steps have the order of the specification.
    """
    # (1) It is a request, and its checkpoint one that this program can read (without extension lines).
    try:
        request = AddCheckpoint.parse(data)
        note = Note.parse(request.checkpoint)
        new = Checkpoint.parse(note.text)
    except LogError as error:
        return Refusal(Why.MALFORMED, str(error))
    # (2) The log is known, and it signed.
    if new.origin != log_key.name:
        return Refusal(Why.UNKNOWN_LOG, f"{new.origin} is not witnessed here")
    try:
        note.verify([log_key])
    except LogError as error:
        return Refusal(Why.NOT_SIGNED, str(error))
    # (3) The proof begins where this witness stands.
    seen = latest or Checkpoint(log_key.name, 0, EMPTY_ROOT)
    if request.old_size > new.size:
        return Refusal(Why.MALFORMED, f"old size {request.old_size} is beyond the checkpoint at {new.size}")
    if request.old_size != seen.size:
        return Refusal(Why.CONFLICT, f"last signed at {seen.size}, not {request.old_size}", size=seen.size)
    # (4) What follows continues it: the same root at the same size, else a proof from there on.
    if new.size == seen.size and new.root != seen.root:
        told = f"another root at size {new.size} was signed here: {seen.root.hex()}, not {new.root.hex()}"
        return Refusal(Why.CONFLICT, told, checkpoint=new)
    try:
        if seen.size:
            verify_consistency(seen.size, seen.root, new.size, new.root, request.proof)
        elif request.proof:
            raise LogError("there is nothing to prove from size 0")
    except LogError as error:
        return Refusal(Why.INCONSISTENT, str(error), checkpoint=new)
    return Note(note.text, tuple(line for line in note.signatures if _is_of(line, log_key)))


def write_cosignatures(lines: tuple[Signature, ...]) -> bytes:
    """Return the answer of a witness that signed."""
    return "".join(line.to_line() for line in lines).encode()


def read_cosignatures(data: bytes) -> tuple[Signature, ...]:
    """Inverse of ``write_cosignatures``, nothing verified. Raises LogError on any other text."""
    lines = read_text(data).split("\n")
    if len(lines) < 2 or lines.pop() or len(lines) > MAX_SIGNATURES:
        raise LogError("a witness answers with signature lines that end in a newline")
    return tuple(Signature.parse(line) for line in lines)


def write_size(size: int) -> bytes:
    """Return the answer of a witness that stands elsewhere; its media type is SIZE_TYPE."""
    return f"{size}\n".encode()


def read_size(data: bytes) -> int:
    """Inverse of ``write_size``. Raises LogError."""
    text = read_text(data)
    if not text.endswith("\n"):
        raise LogError("a size ends in a newline")
    return read_decimal(text.removesuffix("\n"))


def with_cosignatures(note: bytes, answer: bytes, witness: VerifierKey) -> bytes:
    """The checkpoint with the lines that ``witness`` answered, verified, in place of earlier ones of that witness.

    Lines of others are left out. Raises LogError where the witness has no line, or a bad one.
    """
    signed = Note.parse(note)
    own = [line for line in read_cosignatures(answer) if _is_of(line, witness)]
    if len(own) != 1:
        raise LogError(f"{len(own)} signatures of {witness.name}, not one")
    witness.verify(signed.text, own[0].blob)
    others = (line for line in signed.signatures if not _is_of(line, witness))
    return Note(signed.text, (*others, *own)).to_bytes()


def is_cosigned_by(note: bytes, witness: VerifierKey) -> bool:
    """Whether the checkpoint carries a line of that witness. It is not verified again."""
    return any(_is_of(line, witness) for line in Note.parse(note).signatures)


def _is_of(line: Signature, key: VerifierKey) -> bool:
    return (line.name, line.key_id) == (key.name, key.id)
