"""Proofs and tiles: fast and slow say the same, at all small sizes and at random larger ones."""

import hashlib
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from remarque.errors import LogError
from remarque.log.merkle import Tree, leaf_hash
from remarque.log.proofs import (
    HashAt,
    consistency_proof,
    inclusion_proof,
    tree_root,
    verify_consistency,
    verify_inclusion,
)
from remarque.log.tiles import (
    ENTRIES,
    Tile,
    append_batch,
    decode_bundle,
    edge_tiles,
    encode_bundle,
    fold,
    hash_reader,
    tiles_at,
)
from tests import slow_log
from tests.log_folder import LogFolder

LEAVES = [b"leaf %d" % i for i in range(700)]
HASHES = [leaf_hash(leaf) for leaf in LEAVES]
SMALL = 71
sizes = st.integers(1, len(LEAVES))


def hash_at(level: int, index: int) -> bytes:
    return fold(b"".join(HASHES[index << level : (index + 1) << level]))


def test_every_inclusion_proof_of_a_small_tree():
    for size in range(1, SMALL):
        root = slow_log.mth(LEAVES[:size])
        assert tree_root(hash_at, size) == root
        for index in range(size):
            proof = inclusion_proof(hash_at, index, size)
            assert proof == slow_log.path(index, LEAVES[:size])
            verify_inclusion(HASHES[index], index, size, proof, root)


def test_every_consistency_proof_of_a_small_tree():
    roots = [slow_log.mth(LEAVES[:size]) for size in range(SMALL)]
    for new in range(1, SMALL):
        for old in range(1, new + 1):
            proof = consistency_proof(hash_at, old, new)
            assert proof == slow_log.proof(old, LEAVES[:new])
            verify_consistency(old, roots[old], new, roots[new], proof)


@given(st.data())
@settings(max_examples=30)
def test_proofs_of_larger_trees(data: st.DataObject):
    old, new = sorted((data.draw(sizes), data.draw(sizes)))
    root, index = slow_log.mth(LEAVES[:new]), old - 1
    assert inclusion_proof(hash_at, index, new) == slow_log.path(index, LEAVES[:new])
    verify_inclusion(HASHES[index], index, new, slow_log.path(index, LEAVES[:new]), root)
    assert consistency_proof(hash_at, old, new) == slow_log.proof(old, LEAVES[:new])
    verify_consistency(old, slow_log.mth(LEAVES[:old]), new, root, slow_log.proof(old, LEAVES[:new]))


nodes = st.sampled_from([*HASHES[:3], slow_log.mth(LEAVES[:2]), slow_log.mth(LEAVES[:3]), slow_log.mth(LEAVES[:4])])
numbers = st.integers(-1, 9)


@given(nodes, numbers, numbers, st.lists(nodes, max_size=4), nodes)
@settings(max_examples=300)
def test_any_claim_of_inclusion_is_judged_as_the_rfc_judges_it(
    leaf: bytes, index: int, size: int, proof: list[bytes], root: bytes
):
    told = slow_log.holds_inclusion(leaf, index, size, proof, root)
    assert judged(lambda: verify_inclusion(leaf, index, size, proof, root)) == told


@given(numbers, nodes, numbers, nodes, st.lists(nodes, max_size=4))
@settings(max_examples=300)
def test_any_claim_of_consistency_is_judged_as_the_rfc_judges_it(
    old: int, old_root: bytes, new: int, new_root: bytes, proof: list[bytes]
):
    told = old > 0 and slow_log.holds_consistency(old, old_root, new, new_root, proof)
    assert judged(lambda: verify_consistency(old, old_root, new, new_root, proof)) == told


def test_every_bit_and_every_hash_of_a_proof_matters():
    root, proof = slow_log.mth(LEAVES[:45]), slow_log.path(38, LEAVES[:45])
    for place, node in enumerate(proof):
        for bit in range(256):
            changed = [*proof[:place], (int.from_bytes(node) ^ 1 << bit).to_bytes(32), *proof[place + 1 :]]
            assert not judged(lambda changed=changed: verify_inclusion(HASHES[38], 38, 45, changed, root))
        assert not judged(lambda place=place: verify_inclusion(HASHES[38], 38, 45, proof[:place], root))


def judged(verify) -> bool:
    """Whether it verifies; any error but ours goes through."""
    try:
        verify()
    except LogError:
        return False
    return True


@pytest.mark.parametrize(("index", "size"), [(0, 0), (5, 5), (-1, 3)])
def test_there_is_no_proof_for_an_entry_outside_the_tree(index: int, size: int):
    with pytest.raises(LogError):
        inclusion_proof(hash_at, index, size)


@pytest.mark.parametrize(("old", "new"), [(0, 3), (4, 3), (-1, 3)])
def test_there_is_no_proof_from_a_state_that_is_not_before(old: int, new: int):
    with pytest.raises(LogError):
        consistency_proof(hash_at, old, new)


@given(st.lists(st.integers(1, 300), min_size=1, max_size=6))
@settings(max_examples=40)
def test_batches_give_what_one_shot_gives(batches: list[int]):
    hashes = [hashlib.sha256(b"%d" % i).digest() for i in range(sum(batches))]
    tree, tiles, edge, start = Tree(), {}, {}, 0
    for batch in batches:
        tree, dirty = append_batch(tree, edge, hashes[start : start + batch])
        start += batch
        tiles |= {(tile.level, tile.n): (tile.width, data) for tile, data in dirty.items()}
        edge = {tile.level: tiles[tile.level, tile.n][1] for tile in edge_tiles(start)}
    whole, once = append_batch(Tree(), {}, hashes)
    assert tree == whole == Tree().extend(hashes)
    assert tiles == {(tile.level, tile.n): (tile.width, data) for tile, data in once.items()}


def test_tiles_hold_the_hashes_that_the_definition_gives():
    _, dirty = append_batch(Tree(), {}, HASHES)
    assert {(tile.level, tile.n, tile.width) for tile in dirty} == {(0, 0, 256), (0, 1, 256), (0, 2, 188), (1, 0, 2)}
    for tile, data in dirty.items():
        assert data == slow_log.tile(tile.level, tile.n, LEAVES)


def test_seventy_thousand_leaves_have_the_tiles_of_the_specification():
    """C2SP tlog-tiles: 273 full and one partial at level 0, one full and 17 hashes at level 1, one at level 2."""
    hashes = [hashlib.sha256(b"%d" % i).digest() for i in range(70_000)]
    tree, dirty = append_batch(Tree(), {}, hashes)
    expected = [tile for level in range(3) for tile in tiles_at(level, 70_000)]
    assert sorted(dirty) == sorted(expected)
    assert len([tile for tile in expected if tile == (0, tile.n, 256)]) == 273
    paths = {tile.path() for tile in expected}
    assert {"tile/0/272", "tile/0/273.p/112", "tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1"} <= paths
    assert len(paths) == 277
    assert [tile.path() for tile in edge_tiles(70_000)] == ["tile/0/273.p/112", "tile/1/001.p/17", "tile/2/000.p/1"]
    reader = hash_reader(dirty.__getitem__, 70_000)
    assert tree_root(reader, 70_000) == tree.root()
    assert Tile(0, 1234067).path() == "tile/0/x001/x234/067"
    verify_inclusion(hashes[69_999], 69_999, 70_000, inclusion_proof(reader, 69_999, 70_000), tree.root())


@given(st.data())
@settings(max_examples=30)
def test_proofs_from_published_tiles_at_any_size(grown: LogFolder, data: st.DataObject):
    old, new = sorted((data.draw(sizes), data.draw(sizes)))
    reader: HashAt = hash_reader(grown.read_tile, new)
    root = slow_log.mth(grown.entries[:new])
    assert tree_root(reader, new) == root
    verify_inclusion(leaf_hash(grown.entries[old - 1]), old - 1, new, inclusion_proof(reader, old - 1, new), root)
    verify_consistency(old, slow_log.mth(grown.entries[:old]), new, root, consistency_proof(reader, old, new))


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> LogFolder:
    log = LogFolder(tmp_path_factory.mktemp("log"))
    for size in (1, 255, 256, 257, 600, len(LEAVES)):
        log.grow(size)
    return log


def test_a_reader_refuses_tiles_of_another_width_and_nodes_outside(grown: LogFolder):
    short = hash_reader(lambda tile: grown.read_tile(tile)[:-32], 300)
    whole = hash_reader(grown.read_tile, 300)
    with pytest.raises(LogError):
        short(0, 299)
    for level, index in ((0, 300), (1, 150), (8, 1), (9, 0), (-1, 0), (0, -1)):
        with pytest.raises(LogError):
            whole(level, index)


@pytest.mark.parametrize("edge", [{}, {0: bytes(32)}, {0: bytes(96), 1: bytes(32)}, {0: bytes(95)}, {1: bytes(96)}])
def test_an_edge_that_does_not_fit_the_size_is_refused(edge: dict[int, bytes]):
    with pytest.raises(LogError):
        append_batch(Tree().extend(HASHES[:3]), edge, HASHES[3:4])


def test_a_leaf_hash_that_is_none_is_refused():
    with pytest.raises(LogError):
        append_batch(Tree(), {}, [bytes(31)])
    for hashes in (b"", bytes(32 * 3), bytes(33)):
        with pytest.raises(LogError):
            fold(hashes)


tiles = st.builds(Tile, st.integers(ENTRIES, 63), st.integers(0, 10**20), st.integers(1, 256))


@given(tiles)
def test_a_path_reads_as_what_it_was_written_from(tile: Tile):
    assert Tile.parse(tile.path()) == tile


@given(st.text(alphabet="tile/0123456789x.pentrs\n", max_size=40))
def test_another_path_is_refused_or_is_the_only_one(text: str):
    try:
        assert Tile.parse(text).path() == text
    except LogError:
        pass


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=256))
def test_a_bundle_reads_as_what_it_was_written_from(entries: list[bytes]):
    data = encode_bundle(entries)
    assert decode_bundle(data, len(entries)) == entries
    for width, broken in ((len(entries), data[:-1]), (len(entries) + 1, data), (len(entries), data + b"\0")):
        with pytest.raises(LogError):
            decode_bundle(broken, width)


def test_the_limits_of_a_bundle():
    assert decode_bundle(encode_bundle([bytes(65_535)]), 1) == [bytes(65_535)]
    for entries in ([], [b""] * 257, [bytes(65_536)]):
        with pytest.raises(LogError):
            encode_bundle(entries)


@pytest.mark.parametrize("tile", [Tile(-2, 0), Tile(64, 0), Tile(0, -1), Tile(0, 0, 0), Tile(0, 0, 257)])
def test_a_tile_that_cannot_be_has_no_path(tile: Tile):
    with pytest.raises(LogError):
        tile.path()


def test_widths_add_up(tmp_path: Path):
    for a, b in pairwise((0, 1, 255, 256, 257, 65_535, 65_536, 70_000)):
        for size in (a, b):
            assert sum(tile.width for tile in tiles_at(ENTRIES, size)) == size
            assert sum(tile.width for tile in tiles_at(1, size)) == size // 256
