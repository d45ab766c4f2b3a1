"""Checks: what the registry says about pictures and hashes.

No SQL is run on this path, unless an earlier state is named.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.index import Index
from app.reading import Reader
from remarque.answers import Check, Depth, HashCheck, Hit
from remarque.errors import Busy, PictureError, RemarqueError
from remarque.fingerprints import Candidate
from remarque.matching.asking import State, ask_hashes, ask_picture
from remarque.matching.asking import parse_hashes as parse_hashes
from remarque.matching.asking import split_hashes as split_hashes
from remarque.matching.searchable import Algorithm
from remarque.preferences import VERIFIED_CLAIMS, Category, Claim, Preference


@dataclass(frozen=True, slots=True)
class Upload:
    """A picture as it arrived: the name that its sender gave it, and its bytes."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: a purpose, how hard to look, whose permissions count, of which state of the registry, and whether
    a receipt is wanted."""

    purpose: Category
    depth: Depth | None = None
    honour_self: bool = False
    as_of: int | None = None
    receipt: bool = False

    @property
    def honoured(self) -> Collection[Claim]:
        """The claims whose permissions count."""
        return VERIFIED_CLAIMS | {Claim.SELF} if self.honour_self else VERIFIED_CLAIMS


def check_pictures(
    index: Index, reader: Reader, uploads: Sequence[Upload], question: Question, *, strict: bool
) -> Check:
    """Check pictures. One that cannot be read is ``unknown`` with the reason, or raises PictureError if ``strict``."""
    depth = question.depth or Depth.DEEP
    read: list[Candidate | RemarqueError] = []
    for upload in uploads:
        try:
            read.append(reader.asked(upload.data, depth))
        except (PictureError, Busy) as error:
            if strict:
                raise
            read.append(error)
    state = _state(index, question)
    return Check(
        tree_size=state.view.tree_size,
        root=state.view.root,
        purpose=question.purpose,
        depth=depth,
        results=[
            ask_picture(state, upload.name, each, question.purpose, question.honoured)
            for upload, each in zip(uploads, read, strict=True)
        ],
    )


def check_hashes(index: Index, algorithm: Algorithm, hashes: NDArray[np.uint8], question: Question) -> HashCheck:
    """Check hashes (n, size), sparsely: whatever is not a hit is ``unknown``, as nothing is declared about it."""
    return ask_hashes(_state(index, question), algorithm, hashes, question.purpose, question.honoured)


def bitmap(answer: HashCheck) -> bytes:
    """One bit a hash, hash i at bit ``i % 8`` (least significant first) of byte ``i // 8``.

    1 means not free to use or not to be judged. A hash that nothing is declared about is 0. One that something is
    declared about is 0 only where that amounts to ``allowed``, or says nothing about the purpose.
    """
    bits = np.zeros(answer.count, dtype=np.bool_)
    for hit in answer.hits:
        bits[hit.i] = not _free(hit)
    return np.packbits(bits, bitorder="little").tobytes()


def _free(hit: Hit) -> bool:
    if hit.preference is Preference.ALLOWED:
        return True
    return hit.preference is Preference.UNKNOWN and all(reason.code == "not_stated" for reason in hit.reasons)


def _state(index: Index, question: Question) -> State:
    """The state that is asked about: the newest as of now, or one that was signed earlier, as of then."""
    if question.as_of is None:
        return State(index.matcher, index.view)
    return index.state_at(question.as_of)
