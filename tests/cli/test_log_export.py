"""A mirror of a log: fetched once, continued, and never turned into another history."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from remarque.cli.log_export import mirror
from remarque.errors import LogError, NotFound
from remarque.log.audit import audit
from remarque.log.checkpoint import Checkpoint, sign_checkpoint
from remarque.log.entries import Entry
from remarque.log.keys import PinnedKeys, make_key, receipts_name
from remarque.log.merkle import Tree, leaf_hash
from remarque.log.sources import Read, read_directory
from remarque.log.tiles import ENTRIES, FULL, Tile, encode_bundle

ORIGIN = "registry.example/log1"
KEY, RECEIPTS = make_key(ORIGIN), make_key(receipts_name(ORIGIN))
KEYS = PinnedKeys(ORIGIN, KEY.verifier, RECEIPTS.verifier)


def entries(count: int, salt: str = "a") -> list[bytes]:
    return [Entry("check", n, {"digest": salt * 64}).encode() for n in range(count)]


def serving(log: list[bytes]) -> tuple[Read, list[str]]:
    """A log of these entries as its files, and the paths that were asked for."""
    asked: list[str] = []
    tree = Tree().extend(map(leaf_hash, log))

    def read(path: str) -> bytes | None:
        asked.append(path)
        if path == "checkpoint":
            return sign_checkpoint(Checkpoint(ORIGIN, tree.size, tree.root()), KEY).to_bytes()
        tile = Tile.parse(path)
        part = log[tile.n * FULL : tile.n * FULL + tile.width]
        return encode_bundle(part) if tile.level == ENTRIES and len(part) == tile.width else None

    return read, asked


@pytest.mark.parametrize("steps", [(0, 1, 300), (255, 256, 257), (300, 300, 70_000), (65_536, 65_537)])
def test_a_mirror_grows_and_passes_the_audit(tmp_path: Path, steps: tuple[int, ...]):
    log, size = entries(max(steps)), 0
    for step in steps:
        read, _ = serving(log[:step])
        before, now = mirror(read, tmp_path)
        assert (before, now.size) == (size, step)
        assert audit(read_directory(tmp_path), KEYS).checkpoint == now
        size = step


def test_full_bundles_are_fetched_once(tmp_path: Path):
    log = entries(1000)
    mirror(serving(log[:600])[0], tmp_path)
    read, asked = serving(log)
    mirror(read, tmp_path)
    assert asked == ["checkpoint", "tile/entries/002", "tile/entries/003.p/232"]


def test_what_was_interrupted_goes_on(tmp_path: Path):
    read, _ = serving(entries(1000))

    def failing(path: str) -> bytes | None:
        if path == "tile/entries/002":
            raise OSError("the network is gone")
        return read(path)

    with pytest.raises(OSError, match="gone"):
        mirror(failing, tmp_path)
    assert not (tmp_path / "checkpoint").exists()
    read, asked = serving(entries(1000))
    mirror(read, tmp_path)
    assert asked == ["checkpoint", "tile/entries/002", "tile/entries/003.p/232"]
    audit(read_directory(tmp_path), KEYS)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(lambda: serving(entries(400, "b"))[0], id="another history"),
        pytest.param(lambda: serving(entries(700, "b"))[0], id="another, longer history"),
        pytest.param(lambda: serving(entries(200))[0], id="shorter"),
        pytest.param(lambda: serving(entries(300, "b"))[0], id="another history of the same size"),
    ],
)
def test_another_history_is_refused_and_the_mirror_stays(tmp_path: Path, other: Callable[[], Read]):
    mirror(serving(entries(300))[0], tmp_path)
    checkpoint = (tmp_path / "checkpoint").read_bytes()
    with pytest.raises(LogError):
        mirror(other(), tmp_path)
    assert (tmp_path / "checkpoint").read_bytes() == checkpoint
    mirror(serving(entries(900))[0], tmp_path)
    assert audit(read_directory(tmp_path), KEYS).checkpoint.size == 900


def test_an_address_without_a_log_is_told(tmp_path: Path):
    with pytest.raises(NotFound):
        mirror(lambda path: None, tmp_path)
