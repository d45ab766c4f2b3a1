"""What a client can tell of a receipt by itself: whether it is one, and about what was asked.

Who signed it is asked later, with saved keys: ``remarque receipt verify``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from typing import TypedDict

import httpx

from remarque.answers import Check, HashCheck
from remarque.errors import AnswerNotUnderstood, LogError
from remarque.log.asked import Item, counts_of, picture_items
from remarque.log.checkpoint import Checkpoint
from remarque.log.checks import CheckReceipt, items_root
from remarque.log.note import Note
from remarque.log.receipts import Receipt


class OwnCheck(TypedDict, total=False):
    """What may be told of a check that was made here; see ``BuilderCheck`` of the service for each."""

    engine: str | None
    purpose: str | None
    claims: str | None
    snapshot_sha256: str | None


def artists_receipt(data: bytes) -> bytes:
    """The receipt of a declaration as it came, if it has the form of one. Raises AnswerNotUnderstood."""
    try:
        Receipt.parse(data)
    except LogError as error:
        raise AnswerNotUnderstood(f"the answer is no receipt: {error}") from None
    return data


def of_pictures(check: Check, pictures: Sequence[bytes]) -> Check:
    """The answer, if it has a receipt of just this check. Raises AnswerNotUnderstood."""
    require(check.receipt, check.tree_size, check.root, picture_items(check.results, pictures), counts_of(check))
    return check


def of_hashes(check: HashCheck, items: Iterable[Item]) -> HashCheck:
    """The answer, if it has a receipt of just this check. Raises AnswerNotUnderstood."""
    require(check.receipt, check.tree_size, check.root, items, counts_of(check))
    return check


def in_headers(headers: httpx.Headers) -> str | None:
    """The receipt that came beside an answer, if one did. Raises AnswerNotUnderstood."""
    value = headers.get("Remarque-Receipt")
    try:
        return None if value is None else base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise AnswerNotUnderstood("the header Remarque-Receipt is not base64 of a text") from None


def require(
    receipt: str | None, tree_size: int, root: str, items: Iterable[Item], counts: Mapping[str, int] | None = None
) -> str:
    """The receipt, if it is of a check of these items in that state with these counts. Raises AnswerNotUnderstood."""
    return require_root(receipt, tree_size, root, items_root(items).hex(), counts)


def require_root(
    receipt: str | None, tree_size: int, root: str, asked: str, counts: Mapping[str, int] | None = None
) -> str:
    """As ``require``, of items by their root (hexadecimal)."""
    if receipt is None:
        raise AnswerNotUnderstood("a receipt was asked for, and none came")
    try:
        said = CheckReceipt.parse(Note.parse(receipt.encode()).text)
        state = Checkpoint.parse(Note.parse(said.checkpoint.encode()).text)
    except LogError as error:
        raise AnswerNotUnderstood(f"the receipt cannot be read: {error}") from None
    if (state.size, state.root.hex(), said.items_root) != (tree_size, root, asked):
        raise AnswerNotUnderstood("the receipt is about another check")
    if counts is not None and _nonzero(said.counts) != _nonzero(counts):
        raise AnswerNotUnderstood("the receipt counts otherwise than the answer")
    return receipt


def _nonzero(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}
