"""The Merkle tree over the log's entries (RFC 6962 section 2.1, RFC 9162 section 2.1.1; SHA-256).

``Tree`` keeps what is needed to append and to name a root: the size and the roots of the perfect subtrees.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from remarque.errors import LogError

HASH_SIZE = 32
LEAF_PREFIX = b"\x00"
NODE_PREFIX = b"\x01"

#: The root of the tree of size 0: the hash of the empty string.
EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(entry: bytes) -> bytes:
    """Return the 32-byte hash of a leaf."""
    return hashlib.sha256(LEAF_PREFIX + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the 32-byte hash of an inner node. Raises LogError unless both children are hashes."""
    if len(left) != HASH_SIZE or len(right) != HASH_SIZE:
        raise LogError("a node of the tree has a child that is not a hash")
    return hashlib.sha256(NODE_PREFIX + left + right).digest()


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree of ``size`` leaves; ``peaks`` are the roots of its perfect subtrees, largest first."""

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def push(self, leaf: bytes) -> Tree:
        """Return the tree with one more leaf hash (32 bytes) at its end."""
        return self.extend((leaf,))

    def extend(self, leaves: Iterable[bytes]) -> Tree:
        """Return the tree with more leaf hashes (32 bytes each) at its end. Raises LogError on any other length."""
        size, peaks = self.size, list(self.peaks)
        for node in leaves:
            if len(node) != HASH_SIZE:
                raise LogError(f"a leaf hash has {HASH_SIZE} bytes, this one {len(node)}")
            carry = size
            while carry & 1:
                node = node_hash(peaks.pop(), node)
                carry >>= 1
            peaks.append(node)
            size += 1
        return Tree(size, tuple(peaks))

    def root(self) -> bytes:
        """Return the 32-byte root hash."""
        if not self.peaks:
            return EMPTY_ROOT
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root

    def to_bytes(self) -> bytes:
        """Return the peaks, concatenated: with the size, the whole state of the tree."""
        return b"".join(self.peaks)

    @classmethod
    def from_bytes(cls, size: int, peaks: bytes) -> Tree:
        """Inverse of ``to_bytes``. Raises LogError unless there is one peak for each bit set in ``size``."""
        if size < 0 or len(peaks) != HASH_SIZE * size.bit_count():
            raise LogError(f"the stored state of the tree does not fit its size {size}")
        return cls(size, tuple(peaks[i : i + HASH_SIZE] for i in range(0, len(peaks), HASH_SIZE)))
