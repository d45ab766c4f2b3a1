"""Which declared fingerprints lie near the ones that are asked about."""

from remarque.matching.index import HashIndex, Hits, words
from remarque.matching.linear import LinearIndex

__all__ = ["HashIndex", "Hits", "LinearIndex", "words"]
