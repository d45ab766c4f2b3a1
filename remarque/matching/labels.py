"""Which labels a picture may have lost: the matcher once more, over what was labelled.

A label is held like a declaration that says nothing. It is found by what it looks like and by its ISCC, which is what
others compute; the former is the better judge (docs/recovery.md).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from remarque.answers import Fingerprint, Match
from remarque.fingerprints import Candidate, Regions
from remarque.fingerprints.iscc import ALG, BYTES, SHORT_BYTES
from remarque.matching.matcher import PDQ, PHASH, REGION, Matcher, View
from remarque.matching.searchable import Algorithm
from remarque.matching.works import ID_PREFIX
from remarque.preferences import Claim

#: Half the size at JPEG quality 60 stayed within 40 of 256 bits for 96 of 100 photographs and 120 of 120 works of art,
#: and 95 % of the area for 98 of 100 and 118 of 120. Between different works of 631, the nearest lay at 31 to 36 (icons
#: of 32 pixels), then at 48 (two prints of one series): a hit is a candidate, never a proof.
ISCC = Algorithm(ALG, BYTES, 40)
#: The 64-bit code. 4 bits is what half the size at quality 50 moves it; at 6 there were different works of 631, and a
#: pHash of 64 bits, which it is nearly, came as near as 10 among 499,500 pairs of photographs.
ISCC_SHORT = Algorithm(f"{ALG}-64", SHORT_BYTES, 4)

LABEL_ALGORITHMS: Mapping[str, Algorithm] = {a.name: a for a in (PDQ, PHASH, ISCC, ISCC_SHORT)}
#: What fills this share of the picture is the picture, in a border say. Borders of a tenth of the longest side leave
#: 0.64 of a picture of 3 : 2; a picture in a page of text, or in a post on a phone, fills less than half.
WHOLE_SHARE = 0.5
_BITS = {name: 8 * a.size for name, a in {**LABEL_ALGORITHMS, REGION.name: REGION}.items()}


@dataclass(frozen=True, slots=True)
class FoundLabel:
    """A label whose picture looks like the one that was asked about.

    ``distance``: bits of the nearest fingerprints of ``alg``. ``regions``: how many parts agreed, where parts were
    compared. ``whole``: it is the picture that was asked about, within 31 bits, and not one in a page or a collage.
    """

    id: str
    alg: str
    distance: int
    regions: int | None
    whole: bool

    @property
    def score(self) -> int:
        """Likeness in percent: 100 for the same fingerprint, 50 about what chance gives."""
        return round(100 * (1 - self.distance / _BITS[self.alg]))


class LabelMatcher(Matcher):
    """All labels that can be found by their pictures. One writer feeds it; any thread may ask."""

    def __init__(self, base: Mapping[str, NDArray[Any]] | None = None, view: View | None = None) -> None:
        """As a Matcher's."""
        super().__init__(base, view, LABEL_ALGORITHMS)

    def add(self, index: int, *, id: str, fingerprints: Iterable[Fingerprint], regions: Regions | None = None) -> None:
        """Add the label made by entry ``index``. Fingerprints of an algorithm that is not searched are passed over."""
        known = [f for f in fingerprints if f.alg in LABEL_ALGORITHMS]
        short = [replace(f, alg=ISCC_SHORT.name, value=f.value[: 2 * SHORT_BYTES]) for f in known if f.alg == ALG]
        self.declare(
            index,
            id=ID_PREFIX + uuid.UUID(id).hex,
            claim=Claim.SELF,
            preferences={},
            fingerprints=[*known, *short],
            regions=regions,
        )

    def similar(self, view: View, candidate: Candidate) -> list[FoundLabel]:
        """The labels whose pictures the candidate shows, whole or in part, each once."""
        return [_found(match) for match in self.match_picture(view, candidate)]

    def bound(self, view: View, code: bytes) -> list[FoundLabel]:
        """The labels near an Image-Code of 32 or 8 bytes, each once, nearest first."""
        algorithm = ISCC if len(code) == BYTES else ISCC_SHORT
        asked = np.frombuffer(code, np.uint8).reshape(1, algorithm.size)
        return [_found(match) for match in self.match(view, algorithm, asked).get(0, [])]


def _found(match: Match) -> FoundLabel:
    return FoundLabel(
        id=str(uuid.UUID(hex=match.declaration.removeprefix(ID_PREFIX))),
        alg=match.alg,
        distance=match.distance,
        regions=match.regions,
        whole=match.alg == PDQ.name and match.distance <= PDQ.radius and _share(match) >= WHOLE_SHARE,
    )


def _share(match: Match) -> float:
    """How much of the picture that was asked about the label's picture fills."""
    if match.transform is None or match.transform.box is None:
        return 1.0
    left, top, right, bottom = match.transform.box
    return (right - left) * (bottom - top)
