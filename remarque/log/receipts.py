"""The artist's receipt: an entry, the proof that a signed state of the log holds it, and what the entry commits to.

A JSON file (docs/log.md). It is made once, verified by anyone without asking the registry, and says nothing about who
trusts whom: the verifier brings the keys.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from remarque.errors import LogError, ReceiptInvalid
from remarque.log.checkpoint import open_checkpoint
from remarque.log.encoding import read_base64, read_decimal, read_digest, read_object, read_text, write_base64
from remarque.log.entries import COMMITMENTS, Entry, canonical_json, commitment
from remarque.log.keys import PinnedKeys
from remarque.log.merkle import leaf_hash
from remarque.log.proofs import verify_inclusion
from remarque.log.vkeys import VerifierKey

FORMAT = "remarque-receipt/v1"
PROOF_MAGIC = "c2sp.org/tlog-proof@v1"
#: One entry, 63 hashes, a checkpoint and two payloads; a payload may hold a few hundred packed regions.
MAX_SIZE = 1_000_000

_MEMBERS = {"format", "entry", "proof", "log_vkey", "openings"}


@dataclass(frozen=True, slots=True)
class Proof:
    """C2SP tlog-proof: where the entry stands, the hashes of its inclusion proof, and a checkpoint (a signed note)."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: bytes

    def to_text(self) -> str:
        """Return the text form."""
        hashes = "".join(f"{write_base64(node)}\n" for node in self.path)
        return f"{PROOF_MAGIC}\nindex {self.index}\n{hashes}\n{read_text(self.checkpoint)}"

    @classmethod
    def parse(cls, text: str) -> Proof:
        """Inverse of ``to_text``. Raises LogError; on the specification's ``extra`` line too, which nobody signs."""
        head, blank, checkpoint = text.partition("\n\n")
        opening = f"{PROOF_MAGIC}\nindex "
        if not head.startswith(opening) or not blank:
            raise LogError(f"a proof is {PROOF_MAGIC}, an index, hashes, an empty line and a checkpoint")
        index, *path = head.removeprefix(opening).split("\n")
        return cls(read_decimal(index), tuple(read_base64(line) for line in path), checkpoint.encode())


@dataclass(frozen=True, slots=True)
class Opened:
    """What a commitment is opened with: its salt (32 bytes) and its payload (a JSON object)."""

    salt: bytes
    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt as it was read; nothing of it is verified. ``openings`` by the name of the commitment."""

    entry: bytes
    proof: Proof
    log_key: VerifierKey
    openings: Mapping[str, Opened]

    def to_bytes(self) -> bytes:
        """Return the file: ASCII, one line for each member."""
        opened = {name: {"salt": o.salt.hex(), "payload": o.payload} for name, o in sorted(self.openings.items())}
        document = {
            "format": FORMAT,
            "entry": write_base64(self.entry),
            "proof": self.proof.to_text(),
            "log_vkey": self.log_key.to_text(),
            "openings": opened,
        }
        return (json.dumps(document, indent=1) + "\n").encode("ascii")

    @classmethod
    def parse(cls, data: bytes) -> Receipt:
        """Inverse of ``to_bytes``, which reads any JSON with exactly these members. Raises ReceiptInvalid."""
        try:
            return cls._parse(data)
        except LogError as error:
            raise ReceiptInvalid(f"not a receipt: {error}") from error

    @classmethod
    def _parse(cls, data: bytes) -> Receipt:
        if len(data) > MAX_SIZE:
            raise LogError(f"more than {MAX_SIZE} bytes")
        document = read_object(data)
        entry, proof, log_key = (document.get(name) for name in ("entry", "proof", "log_vkey"))
        if document.get("format") != FORMAT or document.keys() != _MEMBERS:
            raise LogError(f"{FORMAT} has the members {', '.join(sorted(_MEMBERS))}")
        if not (isinstance(entry, str) and isinstance(proof, str) and isinstance(log_key, str)):
            raise LogError("entry, proof and log_vkey are texts")
        openings = _read_openings(document["openings"])
        return cls(read_base64(entry), Proof.parse(proof), VerifierKey.parse(log_key), openings)


def make(
    entry: bytes,
    index: int,
    path: Sequence[bytes],
    checkpoint: bytes,
    keys: PinnedKeys,
    openings: Mapping[str, Opened],
) -> Receipt:
    """Make the receipt of an entry from its inclusion proof in the tree of a checkpoint (a signed note).

    Verified before it is returned, so that no receipt leaves that does not hold. Raises ReceiptInvalid.
    """
    receipt = Receipt(entry, Proof(index, tuple(path), checkpoint), keys.log_key, dict(openings))
    verify(receipt, keys)
    return receipt


def verify(receipt: Receipt, keys: PinnedKeys, witnesses: Sequence[VerifierKey] = (), quorum: int = 0) -> None:
    """Verify a receipt with pinned keys alone. Raises ReceiptInvalid.

    ``witnesses`` are those that count towards ``quorum``, beside the pinned ones.
    """
    try:
        _verify(receipt, keys, (*keys.witnesses, *witnesses), quorum)
    except LogError as error:
        raise ReceiptInvalid(str(error)) from error


def _verify(receipt: Receipt, keys: PinnedKeys, witnesses: Sequence[VerifierKey], quorum: int) -> None:
    # (1) It names the log that the verifier trusts.
    if receipt.log_key != keys.log_key:
        raise LogError(f"a receipt of {receipt.log_key.name} under another key than the one that is trusted")
    # (2) The checkpoint is signed by that log and by enough witnesses.
    checkpoint = open_checkpoint(receipt.proof.checkpoint, keys.log_key, witnesses, quorum)
    # (3) The entry is in that tree, at that index.
    leaf = leaf_hash(receipt.entry)
    verify_inclusion(leaf, receipt.proof.index, checkpoint.size, receipt.proof.path, checkpoint.root)
    # (4) It is an entry, in the one form that entries have.
    entry = Entry.decode(receipt.entry)
    # (5) What the receipt opens is what the entry committed to.
    for name, opened in receipt.openings.items():
        tag = COMMITMENTS.get(name, b"")
        if not tag or entry.fields.get(name) != commitment(tag, opened.salt, canonical_json(opened.payload)):
            raise LogError(f"what the receipt says under {name!r} is not what the entry commits to")


def _read_openings(value: object) -> dict[str, Opened]:
    if not isinstance(value, dict) or not value.keys() <= COMMITMENTS.keys():
        raise LogError(f"openings are of {', '.join(COMMITMENTS)}")
    read = {}
    for name, opened in value.items():
        if not isinstance(opened, dict) or opened.keys() != {"salt", "payload"}:
            raise LogError("an opening is a salt and a payload")
        if not isinstance(opened["payload"], dict):
            raise LogError("a payload is an object")
        read[name] = Opened(read_digest(opened["salt"]), opened["payload"])
    return read
