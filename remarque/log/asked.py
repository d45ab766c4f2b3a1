"""What the receipt of a check speaks of: the items that were asked, how many of each answer, and who looked them up.

The registry and whoever asked it compute all three from the same answer, so that each can tell whether the receipt is
about that answer.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from remarque import __version__
from remarque.answers import Check, CheckResult, HashCheck
from remarque.errors import LogError
from remarque.preferences import Category, Preference

#: The algorithm of an item that has no fingerprint, because the picture could not be read: its file stands for it.
OF_BYTES = "sha256"

#: How a search is called: no space and no colon, so that nothing in it can be taken for another member of an engine.
SEARCH = "^[a-z0-9][a-z0-9.<=+/_-]{0,79}$"

Item = tuple[str, str]


class Checker(StrEnum):
    """Who made the check that a receipt is of."""

    #: The registry itself: it vouches for the answer.
    REGISTRY = "registry"
    #: Somebody else, who says so: the registry vouches for the time, and for the state having been signed.
    BUILDER = "builder"


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """The member ``engine`` of a receipt: who checked, how it was searched, for which purpose and whose permissions.

    ``search`` names algorithm, threshold and method, for instance ``pdq/hamming<=31/exact``; ``claims`` is ``verified``
    or ``self``; ``version`` is that of whoever wrote the receipt.
    """

    checker: Checker
    search: str
    purpose: Category
    claims: str = "verified"
    version: str = f"remarque/{__version__}"

    def to_text(self) -> str:
        """Return the text. Raises LogError on a search that is not named as one is."""
        if re.fullmatch(SEARCH, self.search) is None or self.claims not in ("verified", "self"):
            raise LogError(f"not the name of a search: {self.search[:80]!r}")
        return f"{self.checker}: {self.search} purpose={self.purpose} claims={self.claims} {self.version}"

    @classmethod
    def parse(cls, text: str) -> Engine:
        """Inverse of ``to_text``. Raises LogError on any other text."""
        found = re.fullmatch(r"(\w+): (\S+) purpose=(\w+) claims=(\w+) (remarque/[0-9A-Za-z.+-]+)", text, re.ASCII)
        try:
            checker, search, purpose, claims, version = found.groups() if found else ("", "", "", "", "")
            engine = cls(
                checker=Checker(checker), search=search, purpose=Category(purpose), claims=claims, version=version
            )
        except ValueError:
            raise LogError(f"not an engine: {text[:80]!r}") from None
        if engine.to_text() != text:
            raise LogError(f"not an engine: {text[:80]!r}")
        return engine


def picture_items(results: Sequence[CheckResult], pictures: Sequence[bytes]) -> list[Item]:
    """One item for each picture (the bytes of its file), in order: its upright pdq, else the SHA-256 of its bytes."""
    return [_item(result, data) for result, data in zip(results, pictures, strict=True)]


def _item(result: CheckResult, data: bytes) -> Item:
    if not result.fingerprints:
        return OF_BYTES, hashlib.sha256(data).hexdigest()
    upright = result.fingerprints[0]
    return upright.alg, upright.value


def counts_of(check: Check | HashCheck) -> dict[str, int]:
    """How many items of each preference, by its name; of hashes that nothing is declared about, ``unknown``."""
    if isinstance(check, HashCheck):
        found = Counter(hit.preference for hit in check.hits)
        found[Preference.UNKNOWN] += check.count - len(check.hits)
    else:
        found = Counter(result.preference for result in check.results)
    return {preference.value: found[preference] for preference in Preference}
