"""Proofs over the tree: that an entry is in it, and that a later tree begins with an earlier one.

Made by the recursion of RFC 6962 section 2.1. Verified as RFC 9162 sections 2.1.3.2 and 2.1.4.2 say, with the length of
every proof known from the sizes: nothing is hashed before all sizes and lengths are right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from remarque.errors import LogError
from remarque.log.merkle import HASH_SIZE, node_hash

#: ``hash_at(level, index)``: the 32-byte root of the 2**level leaves from ``index << level`` on.
HashAt = Callable[[int, int], bytes]


def tree_root(hash_at: HashAt, size: int) -> bytes:
    """Return the root of the first ``size`` leaves; ``size`` is at least 1."""
    _require(size >= 1, "a tree without leaves has nothing to read a root from")
    return _range_hash(hash_at, 0, size)


def inclusion_proof(hash_at: HashAt, index: int, size: int) -> list[bytes]:
    """Return the hashes beside the path of leaf ``index`` to the root of the first ``size`` leaves, lowest first."""
    _require(0 <= index < size, f"there is no entry {index} in a tree of size {size}")
    return _path(hash_at, index, 0, size)


def consistency_proof(hash_at: HashAt, old_size: int, new_size: int) -> list[bytes]:
    """Return the hashes that lead from the root at ``old_size`` to the root at ``new_size``."""
    _require(1 <= old_size <= new_size, f"a tree of size {new_size} is no continuation of one of size {old_size}")
    return _subproof(hash_at, old_size, 0, new_size, known=True)


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """Verify that ``leaf`` (a leaf hash) is at ``index`` of the tree with that size and root. Raises LogError."""
    # (1) What is told has a form that can be true.
    _require(0 <= index < size, f"there is no entry {index} in a tree of size {size}")
    inside, border = _lengths(index, size)
    _require_hashes(inside + border, proof, leaf, root)
    # (2) The climb ends at the root.
    climbed = _climb_border(_climb(leaf, index, proof[:inside]), proof[inside:])
    _require_equal(climbed, root, "the entry is not in the tree")


def verify_consistency(old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Verify that the tree of ``new_size`` begins with the tree of ``old_size`` (at least 1). Raises LogError."""
    # (1) What is told has a form that can be true.
    _require(1 <= old_size <= new_size, f"a tree of size {new_size} is no continuation of one of size {old_size}")
    if old_size == new_size:
        _require_hashes(0, proof, old_root, new_root)
        return _require_equal(old_root, new_root, "two trees of the same size differ")
    # (2) The climb begins at the old tree's last perfect subtree. Where that is the whole old tree, its root is known.
    level = (old_size & -old_size).bit_length() - 1
    index, perfect = (old_size - 1) >> level, old_size == 1 << level
    inside, border = _lengths(index, ((new_size - 1) >> level) + 1)
    _require_hashes(inside + border + (not perfect), proof, old_root, new_root)
    start, path = (old_root, proof) if perfect else (proof[0], proof[1:])
    # (3) In the old tree, it ends at the old root: what lies right of the old tree is left out.
    old = _climb_border(_climb(start, index, path[:inside], left_only=True), path[inside:])
    _require_equal(old, old_root, "the old tree is not the beginning of the new one")
    # (4) In the new tree, it ends at the new root.
    new = _climb_border(_climb(start, index, path[:inside]), path[inside:])
    _require_equal(new, new_root, "the new tree is not a continuation of the old one")


def _lengths(index: int, size: int) -> tuple[int, int]:
    """How many siblings the path of a leaf has inside the tree, and then along its right border (those on the left)."""
    inside = (index ^ (size - 1)).bit_length()
    return inside, (index >> inside).bit_count()


def _climb(node: bytes, index: int, siblings: Sequence[bytes], *, left_only: bool = False) -> bytes:
    """Hash upwards; the bits of ``index`` tell on which side each sibling lies."""
    for level, sibling in enumerate(siblings):
        if index >> level & 1:
            node = node_hash(sibling, node)
        elif not left_only:
            node = node_hash(node, sibling)
    return node


def _climb_border(node: bytes, siblings: Sequence[bytes]) -> bytes:
    """Hash upwards along the right border, where every sibling lies on the left."""
    for sibling in siblings:
        node = node_hash(sibling, node)
    return node


def _range_hash(hash_at: HashAt, begin: int, end: int) -> bytes:
    """The root over the leaves from ``begin`` to ``end``; ``begin`` is a multiple of a power of two >= the width."""
    width = end - begin
    if width & (width - 1) == 0:
        level = width.bit_length() - 1
        return hash_at(level, begin >> level)
    middle = begin + _split(width)
    return node_hash(_range_hash(hash_at, begin, middle), _range_hash(hash_at, middle, end))


def _path(hash_at: HashAt, index: int, begin: int, end: int) -> list[bytes]:
    """PATH of RFC 6962 section 2.1.1, over the leaves from ``begin`` to ``end``."""
    if end - begin == 1:
        return []
    middle = begin + _split(end - begin)
    if index < middle:
        return [*_path(hash_at, index, begin, middle), _range_hash(hash_at, middle, end)]
    return [*_path(hash_at, index, middle, end), _range_hash(hash_at, begin, middle)]


def _subproof(hash_at: HashAt, old_end: int, begin: int, end: int, *, known: bool) -> list[bytes]:
    """SUBPROOF of RFC 6962 section 2.1.2; ``known``: the verifier has the root of this range, it is the old tree."""
    if old_end == end:
        return [] if known else [_range_hash(hash_at, begin, end)]
    middle = begin + _split(end - begin)
    if old_end <= middle:
        return [*_subproof(hash_at, old_end, begin, middle, known=known), _range_hash(hash_at, middle, end)]
    return [*_subproof(hash_at, old_end, middle, end, known=False), _range_hash(hash_at, begin, middle)]


def _split(width: int) -> int:
    """The largest power of two below ``width``, which is at least 2."""
    return 1 << ((width - 1).bit_length() - 1)


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise LogError(otherwise)


def _require_hashes(length: int, proof: Sequence[bytes], *others: bytes) -> None:
    _require(len(proof) == length, f"a proof has {length} hashes here, this one {len(proof)}")
    _require(all(len(value) == HASH_SIZE for value in (*proof, *others)), f"a hash has {HASH_SIZE} bytes")


def _require_equal(computed: bytes, told: bytes, otherwise: str) -> None:
    _require(computed == told, f"{otherwise}: computed root {computed.hex()}, told {told.hex()}")
