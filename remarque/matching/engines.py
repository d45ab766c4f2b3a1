"""How searches are called in receipts: algorithm, threshold, method."""

from remarque.answers import Depth
from remarque.fingerprints.frames import DEEP_RADIUS
from remarque.matching.matcher import PDQ, REGION
from remarque.matching.searchable import Algorithm


def hash_search(algorithm: Algorithm) -> str:
    """The exact search for hashes of an algorithm."""
    return f"{algorithm.name}/hamming<={algorithm.radius}/exact"


def picture_search(depth: Depth) -> str:
    """The search for pictures: whole frames, or regions too."""
    frames = f"{PDQ.name}/hamming<={PDQ.radius}"
    if depth is Depth.FRAME:
        return f"{frames}/frames"
    return f"{PDQ.name}/hamming<={DEEP_RADIUS}+{REGION.name}/hamming<={REGION.radius}/deep"
