"""Questions to a matcher and the answers of the contract: the same from a service and from a snapshot."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from remarque.answers import CheckResult, HashCheck, Hit, Reason
from remarque.errors import InvalidFingerprint, RemarqueError
from remarque.fingerprints import Candidate
from remarque.matching.judge import judge
from remarque.matching.matcher import Matcher, View, algorithm_named, parse_hash
from remarque.matching.searchable import Algorithm
from remarque.preferences import Category, Claim, Preference


@dataclass(frozen=True, slots=True)
class State:
    """What is asked: a matcher in one state of the log, at a time (Unix seconds; None: now) by which some expired."""

    matcher: Matcher
    view: View
    now: float | None = None


def ask_picture(
    state: State, name: str, read: Candidate | RemarqueError, purpose: Category, honoured: Collection[Claim]
) -> CheckResult:
    """The answer for one picture, or for the error that reading it ended with.

    ``honoured``: whose permissions count.
    """
    if isinstance(read, RemarqueError):
        reason = Reason(code=code_of(read), source="picture", detail=str(read))
        return CheckResult(name=name, preference=Preference.UNKNOWN, reasons=[reason])
    fingerprints = read.to_items()
    matches = state.matcher.match_picture(state.view, read, now=state.now)
    if not matches and not read.frames.counts.any():
        reason = Reason(
            code="too_plain",
            source="picture",
            detail=f"Too little detail to be told from other pictures: quality {read.quality} of 100.",
        )
        return CheckResult(name=name, preference=Preference.UNKNOWN, reasons=[reason], fingerprints=fingerprints)
    preference, reasons = judge(matches, purpose, honoured)
    return CheckResult(name=name, preference=preference, reasons=reasons, matches=matches, fingerprints=fingerprints)


def ask_hashes(
    state: State, algorithm: Algorithm, hashes: NDArray[np.uint8], purpose: Category, honoured: Collection[Claim]
) -> HashCheck:
    """The answer for hashes (n, size), sparsely: what is not a hit is ``unknown``, as nothing is declared about it."""
    hits = []
    for i, matches in state.matcher.match(state.view, algorithm, hashes, now=state.now).items():
        preference, reasons = judge(matches, purpose, honoured)
        hits.append(Hit(i=i, preference=preference, matches=matches, reasons=reasons))
    view = state.view
    return HashCheck(tree_size=view.tree_size, root=view.root, purpose=purpose, count=len(hashes), hits=hits)


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


def code_of(error: RemarqueError) -> str:
    """The code of a reason: ``TooManyPixels`` is ``too_many_pixels``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(error).__name__).lower()
