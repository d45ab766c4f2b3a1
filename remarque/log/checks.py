"""The builder's receipt of a check: what was asked, of which state of the registry, and how many of each answer.

A signed note under the receipts key: the line ``remarque-check/v1`` and one line of canonical JSON. It is a statement
of the registry that anyone can run again from the same list and snapshot; it is no proof that nothing similar exists.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from remarque.errors import LogError, ReceiptInvalid
from remarque.log.checkpoint import open_checkpoint
from remarque.log.encoding import MAX_NUMBER, read_digest, read_object
from remarque.log.entries import canonical_json
from remarque.log.keys import PinnedKeys
from remarque.log.merkle import EMPTY_ROOT, Tree, leaf_hash
from remarque.log.note import Note, sign_note
from remarque.log.vkeys import SigningKey, VerifierKey
from remarque.preferences import Preference

FORMAT = "remarque-check/v1"
VERSION = 1
MAX_ENGINE_LENGTH = 200

_PREFERENCES = frozenset(preference.value for preference in Preference)

#: Item, index of the entry, distance in bits.
Hit = tuple[int, int, int]


def items_root(items: Iterable[tuple[str, str]]) -> bytes:
    """Return the root (32 bytes, RFC 6962) over the leaves ``<alg> <value>`` of the fingerprints, in their order."""
    return Tree().extend(leaf_hash(f"{alg} {value}".encode()) for alg, value in items).root()


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReceipt:
    """What the receipt of a check says. Nothing of it is verified.

    ``checkpoint``: the signed note of the state that was asked. ``engine``: algorithm, threshold and version of the
    search. ``items``: how many fingerprints, ``items_root`` (64 hex digits) the root over them. ``counts``: how many of
    each preference. ``t``: Unix seconds. ``hits`` and ``snapshot_sha256`` may be missing.
    """

    checkpoint: str
    counts: Mapping[str, int]
    engine: str
    items: int
    items_root: str
    t: int
    snapshot_sha256: str | None = None
    hits: Sequence[Hit] | None = None

    def to_text(self) -> str:
        """Return the text that is signed. Raises LogError on what cannot be."""
        self._check()
        said = {field.name: getattr(self, field.name) for field in fields(self)}
        body = {name: value for name, value in said.items() if value is not None}
        return f"{FORMAT}\n{canonical_json({**body, 'v': VERSION}).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> CheckReceipt:
        """Inverse of ``to_text``. Raises LogError on any other text."""
        head, _, body = text.partition("\n")
        document = read_object(body.encode())
        names = {field.name for field in fields(cls)}
        if head != FORMAT or document.pop("v", None) != VERSION or not document.keys() <= names:
            raise LogError(f"not a {FORMAT}")
        if not names - {"snapshot_sha256", "hits"} <= document.keys() or None in document.values():
            raise LogError("the receipt of a check lacks a member")
        if isinstance(document.get("hits"), list):
            document["hits"] = [tuple(hit) if isinstance(hit, list) else hit for hit in document["hits"]]
        receipt = cls(**document)
        if receipt.to_text() != text:
            raise LogError("not in canonical form")
        return receipt

    def _check(self) -> None:
        for digest in (self.items_root, self.snapshot_sha256):
            if digest is not None:
                read_digest(digest)
        _require(isinstance(self.checkpoint, str), "checkpoint is a note")
        _require(isinstance(self.engine, str) and 0 < len(self.engine) <= MAX_ENGINE_LENGTH, "engine is a short text")
        counted = isinstance(self.counts, Mapping) and self.counts.keys() <= _PREFERENCES
        _require(counted, "counts are by preference")
        _require(_natural(self.t, self.items, *self.counts.values()), "numbers are whole and not negative")
        _require(sum(self.counts.values()) == self.items, "the counts do not add up to the number of items")
        _require(self.items > 0 or self.items_root == EMPTY_ROOT.hex(), "no items have the root of the empty tree")
        _require(self.hits is None or isinstance(self.hits, Sequence), "hits are a list")
        for hit in self.hits or ():
            _require(isinstance(hit, tuple) and len(hit) == 3 and _natural(*hit), "a hit is three whole numbers")
            _require(hit[0] < self.items, "a hit of an item that was not asked about")


def make_check(receipt: CheckReceipt, keys: PinnedKeys, key: SigningKey) -> bytes:
    """Return the receipt as a note signed by the receipts key, verified. Raises ReceiptInvalid."""
    note = sign_note(receipt.to_text(), key).to_bytes()
    verify_check(note, keys)
    return note


def verify_check(note: bytes, keys: PinnedKeys, witnesses: Sequence[VerifierKey] = (), quorum: int = 0) -> CheckReceipt:
    """Verify the receipt of a check with pinned keys alone, and return what it says. Raises ReceiptInvalid."""
    try:
        return _verify(note, keys, (*keys.witnesses, *witnesses), quorum)
    except LogError as error:
        raise ReceiptInvalid(str(error)) from error


def _verify(note: bytes, keys: PinnedKeys, witnesses: Sequence[VerifierKey], quorum: int) -> CheckReceipt:
    # (1) The receipts key of the registry signed it.
    parsed = Note.parse(note)
    parsed.verify([keys.receipts_key])
    # (2) It is the receipt of a check, in the one form that it has, and its numbers agree with one another.
    receipt = CheckReceipt.parse(parsed.text)
    # (3) The state that was asked was signed by the log and by enough witnesses.
    checkpoint = open_checkpoint(receipt.checkpoint.encode(), keys.log_key, witnesses, quorum)
    # (4) What was found was there.
    for _, index, _ in receipt.hits or ():
        _require(index < checkpoint.size, f"a hit of entry {index}, in a tree of size {checkpoint.size}")
    return receipt


def _natural(*values: Any) -> bool:
    return all(type(value) is int and 0 <= value <= MAX_NUMBER for value in values)


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise LogError(otherwise)
