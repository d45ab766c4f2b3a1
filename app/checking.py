"""Checks: what the registry says about pictures and hashes. No SQL is run on this path."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from app.index import Index
from app.problems import slug
from app.reading import Reader
from remarque.answers import Check, CheckResult, Depth, HashCheck, Hit, Reason
from remarque.errors import Busy, InvalidFingerprint, NotKept, NotOfferedYet, PictureError, RemarqueError
from remarque.fingerprints import Candidate
from remarque.matching.judge import judge
from remarque.matching.matcher import View, algorithm_named, parse_hash
from remarque.matching.searchable import Algorithm
from remarque.preferences import VERIFIED_CLAIMS, Category, Claim, Preference


@dataclass(frozen=True, slots=True)
class Upload:
    """A picture as it arrived: the name that its sender gave it, and its bytes."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: a purpose, how hard to look, whose permissions count, and of which state of the registry."""

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
    _require_offered(question)
    depth = question.depth or Depth.DEEP
    read: list[Candidate | RemarqueError] = []
    for upload in uploads:
        try:
            read.append(reader.asked(upload.data, depth))
        except (PictureError, Busy) as error:
            if strict:
                raise
            read.append(error)
    view = _view(index, question)
    return Check(
        tree_size=view.tree_size,
        root=view.root,
        purpose=question.purpose,
        depth=depth,
        results=[_result(index, view, u.name, r, question) for u, r in zip(uploads, read, strict=True)],
    )


def _result(index: Index, view: View, name: str, read: Candidate | RemarqueError, question: Question) -> CheckResult:
    if isinstance(read, RemarqueError):
        reason = Reason(code=slug(type(read)).replace("-", "_"), source="picture", detail=str(read))
        return CheckResult(name=name, preference=Preference.UNKNOWN, reasons=[reason])
    fingerprints = read.to_items()
    matches = index.matcher.match_picture(view, read)
    if not matches and not read.frames.counts.any():
        reason = Reason(
            code="too_plain",
            source="picture",
            detail=f"Too little detail to be told from other pictures: quality {read.quality} of 100.",
        )
        return CheckResult(name=name, preference=Preference.UNKNOWN, reasons=[reason], fingerprints=fingerprints)
    preference, reasons = judge(matches, question.purpose, question.honoured)
    return CheckResult(name=name, preference=preference, reasons=reasons, matches=matches, fingerprints=fingerprints)


def check_hashes(index: Index, algorithm: Algorithm, hashes: NDArray[np.uint8], question: Question) -> HashCheck:
    """Check hashes (n, size), sparsely: whatever is not a hit is ``unknown``, as nothing is declared about it."""
    _require_offered(question)
    view = _view(index, question)
    hits = []
    for i, matches in index.matcher.match(view, algorithm, hashes).items():
        preference, reasons = judge(matches, question.purpose, question.honoured)
        hits.append(Hit(i=i, preference=preference, matches=matches, reasons=reasons))
    return HashCheck(tree_size=view.tree_size, root=view.root, purpose=question.purpose, count=len(hashes), hits=hits)


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


def parse_hashes(alg: str, hashes: Sequence[str]) -> tuple[Algorithm, NDArray[np.uint8]]:
    """Read hexadecimal hashes into (n, size). Raises InvalidFingerprint, naming the first that is malformed."""
    algorithm = algorithm_named(alg)
    digits = 2 * algorithm.size
    joined = "".join(hashes)
    # One pass over everything in compiled code; only a batch with a fault in it is looked at hash by hash.
    if len(joined) != digits * len(hashes) or set(map(len, hashes)) - {digits} or set(joined) - set("0123456789abcdef"):
        for place, text in enumerate(hashes):
            try:
                parse_hash(algorithm, text)
            except InvalidFingerprint as error:
                raise InvalidFingerprint(f"hashes[{place}]: {error}") from None
    return algorithm, np.frombuffer(bytes.fromhex(joined), np.uint8).reshape(-1, algorithm.size)


def split_hashes(alg: str, body: bytes) -> tuple[Algorithm, NDArray[np.uint8]]:
    """Read concatenated hashes into (n, size). Raises InvalidFingerprint where a piece is left over."""
    algorithm = algorithm_named(alg)
    if len(body) % algorithm.size:
        raise InvalidFingerprint(
            f"{len(body)} bytes are no whole number of {algorithm.name} hashes of {algorithm.size}."
        )
    return algorithm, np.frombuffer(body, np.uint8).reshape(-1, algorithm.size)


def _require_offered(question: Question) -> None:
    if question.receipt:
        raise NotOfferedYet("Check receipts are not offered yet; ask without receipt.", retry_after=86_400)


def _view(index: Index, question: Question) -> View:
    view = index.view
    if question.as_of is not None and question.as_of != view.tree_size:
        raise NotKept(f"Only the newest state is kept, at tree size {view.tree_size}; ask without as_of.")
    return view
