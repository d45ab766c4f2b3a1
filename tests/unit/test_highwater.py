"""The high-water mark: it only rises, and a write that is cut off never lowers it."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.checkpoints import Publisher
from app.highwater import HighWaterMark
from remarque.errors import LogError
from remarque.log.checkpoint import open_checkpoint
from remarque.log.merkle import Tree, leaf_hash
from tests.logs import publisher_in


def trees(count: int, seed: bytes = b"") -> list[Tree]:
    """The states of a log that grows by one entry each time, from 1 to ``count``."""
    grown = [Tree().push(leaf_hash(seed + b"0"))]
    while len(grown) < count:
        grown.append(grown[-1].push(leaf_hash(seed + str(len(grown)).encode())))
    return grown


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    return publisher_in(tmp_path)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return [tmp_path / "log/checkpoint", tmp_path / "log/checkpoint.2"]


def again(publisher: Publisher, files: list[Path]) -> HighWaterMark:
    """The same mark, as the next process finds it."""
    return HighWaterMark(files[0], publisher.keys.log.verifier)


def test_each_file_is_a_checkpoint_that_anybody_can_read(publisher: Publisher, files: list[Path]):
    assert publisher.mark.read() is None
    for tree in trees(12):
        publisher.publish(publisher.sign(tree))
        assert again(publisher, files).read().size == tree.size
    sizes = {open_checkpoint(path.read_bytes(), publisher.keys.log.verifier).size for path in files}
    assert sizes == {11, 12}


def test_the_mark_never_falls(publisher: Publisher, files: list[Path]):
    grown = trees(5)
    publisher.publish(publisher.sign(grown[4]))
    before = [path.read_bytes() for path in files if path.exists()]
    again(publisher, files).rise(publisher.sign(grown[2]))
    assert [path.read_bytes() for path in files if path.exists()] == before
    with pytest.raises(LogError, match="two roots at size 5"):
        again(publisher, files).rise(publisher.sign(trees(5, b"other")[4]))
    assert again(publisher, files).read().root == grown[4].root()


@settings(max_examples=60)
@given(data=st.data())
def test_a_write_that_is_cut_off_leaves_the_mark_before_it_or_the_new_one(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
):
    folder = tmp_path_factory.mktemp("mark")
    publisher, files = publisher_in(folder), [folder / "log/checkpoint", folder / "log/checkpoint.2"]
    last = data.draw(st.integers(2, 12), label="last")
    grown = trees(last + 2)
    for tree in grown[:last]:
        publisher.publish(publisher.sign(tree))
    before = {path: path.read_bytes() for path in files}
    publisher.publish(publisher.sign(grown[last]))
    [place] = [path for path in files if path.read_bytes() != before[path]]
    new, old = place.read_bytes(), before[place]
    # What a disk may hold of it: any mixture of the old and the new bytes, zeros, or a part of it.
    kinds = [data.draw(st.sampled_from("nno0"), label="kind") for _ in range(8)]
    step = -(-len(new) // 8)
    pieces = {"n": new, "o": old.ljust(len(new), b"\0"), "0": bytes(len(new))}
    mixed = b"".join(pieces[kind][at * step : (at + 1) * step] for at, kind in enumerate(kinds))
    place.write_bytes(mixed[: data.draw(st.just(len(mixed)) | st.integers(0, len(mixed)), label="cut")])
    mark = again(publisher, files)
    assert mark.read().size == (last + 1 if place.read_bytes() == new else last)
    mark.rise(publisher.sign(grown[last + 1]))
    assert again(publisher, files).read().size == last + 2


@pytest.mark.parametrize("content", [b"", b"\0" * 200, b"rubbish\n"])
def test_two_spoiled_files_are_refused(publisher: Publisher, files: list[Path], content: bytes):
    for tree in trees(3):
        publisher.publish(publisher.sign(tree))
    for path in files:
        path.write_bytes(content)
    with pytest.raises(LogError, match="no whole checkpoint"):
        again(publisher, files).read()
    with pytest.raises(LogError, match="no whole checkpoint"):
        again(publisher, files).rise(publisher.sign(trees(4)[3]))


@pytest.mark.parametrize("number", [0, 1])
def test_the_mark_of_another_log_is_refused_also_beside_a_good_one(
    publisher: Publisher, files: list[Path], number: int, tmp_path: Path
):
    for tree in trees(3):
        publisher.publish(publisher.sign(tree))
    other = publisher_in(tmp_path / "other")
    files[number].write_bytes(other.sign(trees(1)[0]))
    with pytest.raises(LogError, match="not signed by"):
        again(publisher, files).read()


def test_the_one_file_of_an_earlier_version_goes_on(publisher: Publisher, files: list[Path]):
    grown = trees(3)
    files[0].parent.mkdir(exist_ok=True)
    files[0].write_bytes(publisher.sign(grown[1]))
    assert again(publisher, files).read().size == 2
    again(publisher, files).rise(publisher.sign(grown[2]))
    assert [open_checkpoint(path.read_bytes(), publisher.keys.log.verifier).size for path in files] == [2, 3]


def _raise_often(folder: Path, first: int, last: int, step: int) -> None:
    publisher, grown = publisher_in(folder), trees(last)
    for number in range(first, last, step):
        publisher.publish(publisher.sign(grown[number]))
        seen = HighWaterMark(folder / "log/checkpoint", publisher.keys.log.verifier).read()
        assert seen is not None
        assert seen.size > number


def test_two_processes_raise_one_mark(publisher: Publisher, files: list[Path], tmp_path: Path):
    """Each of them finds, right after it raised the mark, that it is not lower; the end is the highest of both."""
    spawn = multiprocessing.get_context("spawn")
    workers = [spawn.Process(target=_raise_often, args=(tmp_path, first, 200, 2)) for first in (0, 1)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert again(publisher, files).read().size == 200


def test_a_process_that_is_killed_leaves_a_mark_that_goes_on(publisher: Publisher, files: list[Path], tmp_path: Path):
    spawn = multiprocessing.get_context("spawn")
    publisher.publish(publisher.sign(trees(1)[0]))
    highest = 1
    for _ in range(3):
        worker = spawn.Process(target=_raise_often, args=(tmp_path, highest, 5000, 1))
        worker.start()
        while again(publisher, files).read().size < highest + 20:
            pass
        os.kill(worker.pid, signal.SIGKILL)
        worker.join()
        kept = again(publisher, files).read()
        assert kept.size >= highest + 20
        assert kept.root == trees(kept.size)[-1].root()
        highest = kept.size
