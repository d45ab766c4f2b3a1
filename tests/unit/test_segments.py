"""Segments: whole or refused, the same bytes for the same content, readable everywhere; and the index that grows."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from remarque.errors import RemarqueError, SegmentDamaged
from remarque.matching import words
from remarque.matching.layered import LayeredIndex
from remarque.matching.segments import Segment, open_index, write_index

RANDOM = np.random.default_rng(11)
FACTS: dict[str, Any] = {"tree_size": 7, "root": "ab" * 32, "nested": {"a": [1, None, 2.5]}}


def hashes(n: int, size: int = 32) -> np.ndarray:
    return RANDOM.integers(0, 256, (n, size), dtype=np.uint8)


def arrays() -> dict[str, np.ndarray]:
    random = np.random.default_rng(3)
    return {
        "hashes": random.integers(0, 2**60, (50, 4)).astype(np.uint64),
        "slots": np.arange(1000, dtype=np.uint32),
        "nothing": np.empty((0, 8), np.uint64),
        "scalar": np.array(5, np.int64),
        "flags": np.array([True, False]),
    }


@pytest.fixture
def segment(tmp_path: Path) -> Path:
    Segment.write(tmp_path / "segment", arrays(), FACTS)
    return tmp_path / "segment"


def test_what_was_written_is_read(segment: Path) -> None:
    opened = Segment.open(segment, verify="digest")
    assert opened.facts == FACTS
    assert set(opened.arrays) == set(arrays())
    for name, array in arrays().items():
        found = opened.arrays[name]
        assert type(found) is np.ndarray
        assert (found.dtype, found.shape) == (array.dtype, array.shape)
        assert np.array_equal(found, array)
        assert not found.flags.writeable


def test_the_arrays_are_plain_npy_files(segment: Path) -> None:
    assert np.array_equal(np.load(segment / "slots.npy", allow_pickle=False), arrays()["slots"])


def test_the_same_content_gives_the_same_bytes(segment: Path, tmp_path: Path) -> None:
    turned = {name: np.array(array, order="F") for name, array in reversed(arrays().items())}
    Segment.write(tmp_path / "again", turned, dict(reversed(FACTS.items())))
    for path in segment.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()
    assert len(list(segment.iterdir())) == len(list((tmp_path / "again").iterdir()))


def change(path: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    description = json.loads((path / "segment.json").read_text())
    edit(description)
    (path / "segment.json").write_text(json.dumps(description))


def altered(content: bytes, at: int) -> bytes:
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


def longer(path: Path, count: int) -> None:
    path.write_bytes(path.read_bytes() + b" " * count)


DAMAGE: dict[str, tuple[str, Callable[[Path], object]]] = {
    "array missing": ("slots.npy", lambda d: (d / "slots.npy").unlink()),
    "array is a directory": ("slots.npy", lambda d: ((d / "slots.npy").unlink(), (d / "slots.npy").mkdir())),
    "array cut off by a byte": (
        "slots.npy",
        lambda d: (d / "slots.npy").write_bytes((d / "slots.npy").read_bytes()[:-1]),
    ),
    "array empty": ("slots.npy", lambda d: (d / "slots.npy").write_bytes(b"")),
    "array longer by a byte": ("slots.npy", lambda d: longer(d / "slots.npy", 1)),
    "array of another shape": ("slots.npy", lambda d: np.save(d / "slots.npy", np.zeros((10, 100), np.uint32))),
    "array of another dtype": ("slots.npy", lambda d: np.save(d / "slots.npy", np.zeros(1000, np.int32))),
    "array in Fortran order": ("hashes.npy", lambda d: np.save(d / "hashes.npy", np.zeros((50, 4), np.uint64, "F"))),
    "array without magic": ("slots.npy", lambda d: (d / "slots.npy").write_bytes(bytes(4128))),
    "header is no literal": (
        "slots.npy",
        lambda d: (d / "slots.npy").write_bytes((d / "slots.npy").read_bytes().replace(b"{'descr'", b"{{descr'", 1)),
    ),
    "header and description agree on a shape that the file has not": (
        "slots.npy",
        lambda d: (
            (d / "slots.npy").write_bytes((d / "slots.npy").read_bytes().replace(b"(1000,)", b"(9000,)", 1)),
            change(d, lambda v: v["files"]["slots"].update(shape=[9000])),
        ),
    ),
    "description missing": ("segment.json", lambda d: (d / "segment.json").unlink()),
    "description cut off": ("segment.json", lambda d: (d / "segment.json").write_bytes(b'{"format": ')),
    "description is a list": ("segment.json", lambda d: (d / "segment.json").write_bytes(b"[]")),
    "description is not UTF-8": ("segment.json", lambda d: (d / "segment.json").write_bytes(b"\xff\xfe\xff")),
    "description too deep": ("segment.json", lambda d: (d / "segment.json").write_bytes(b"[" * 500_000)),
    "description too long": ("segment.json", lambda d: longer(d / "segment.json", 1 << 20)),
    "format unknown": ("segment.json", lambda d: change(d, lambda v: v.update(format="remarque/segment/v2"))),
    "format missing": ("segment.json", lambda d: change(d, lambda v: v.pop("format"))),
    "facts missing": ("segment.json", lambda d: change(d, lambda v: v.pop("facts"))),
    "facts are no object": ("segment.json", lambda d: change(d, lambda v: v.update(facts=[]))),
    "something else added": ("segment.json", lambda d: change(d, lambda v: v.update(more=1))),
    "digest missing": ("segment.json", lambda d: change(d, lambda v: v["files"]["slots"].pop("sha256"))),
    "bytes is a text": ("segment.json", lambda d: change(d, lambda v: v["files"]["slots"].update(bytes="4128"))),
    "shape is negative": ("segment.json", lambda d: change(d, lambda v: v["files"]["slots"].update(shape=[-1000]))),
    "shape holds a text": ("segment.json", lambda d: change(d, lambda v: v["files"]["slots"].update(shape=["1000"]))),
    "dtype unknown": ("segment.json", lambda d: change(d, lambda v: v["files"]["slots"].update(dtype="|O"))),
    "name leads elsewhere": (
        "segment.json",
        lambda d: change(d, lambda v: v["files"].update({"../slots": v["files"]["slots"]})),
    ),
}


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda name: name.replace(" ", "-"))
def test_damage_is_refused_by_name(segment: Path, damage: str) -> None:
    named, do = DAMAGE[damage]
    do(segment)
    with pytest.raises(SegmentDamaged, match=named):
        Segment.open(segment)


@pytest.mark.parametrize("name", ["slots", "hashes", "flags"])
def test_an_altered_bit_is_found_by_its_digest(segment: Path, name: str) -> None:
    path = segment / f"{name}.npy"
    path.write_bytes(altered(path.read_bytes(), path.stat().st_size - 1))
    Segment.open(segment)
    with pytest.raises(SegmentDamaged, match=f"{name}.npy was altered"):
        Segment.open(segment, verify="digest")


def test_any_altered_byte_of_a_header_or_the_description_is_an_error_of_ours_or_harmless(segment: Path) -> None:
    for path, length in ((segment / "slots.npy", 128), (segment / "segment.json", 600)):
        content = path.read_bytes()
        for at in range(min(length, len(content))):
            path.write_bytes(altered(content, at))
            try:
                Segment.open(segment, verify="digest")
            except RemarqueError:
                continue
            assert path.name == "segment.json"  # a fact with another value is a fact
        path.write_bytes(content)


def test_no_segment_at_all_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SegmentDamaged, match=r"segment\.json"):
        Segment.open(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "ä", "segment.json"])
def test_names_that_lead_elsewhere_are_not_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(SegmentDamaged):
        Segment.write(tmp_path / "s", {name: np.zeros(3)}, {})
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    for content, facts in (
        ({"a": np.array([object()])}, {}),
        ({"a": np.zeros(3, "i4,f8")}, {}),
        ({"a": np.zeros(3)}, {"b": float("nan")}),
    ):
        with pytest.raises(SegmentDamaged):
            Segment.write(tmp_path / "s", content, facts)
    with pytest.raises(SegmentDamaged):
        Segment.write(tmp_path / "s", {"a": np.zeros(3)}, {"b": object()})  # type: ignore[dict-item]  # the point
    assert list(tmp_path.iterdir()) == []


def test_a_segment_is_never_overwritten(segment: Path) -> None:
    with pytest.raises(SegmentDamaged, match="exists"):
        Segment.write(segment, {}, {})
    assert len(Segment.open(segment, verify="digest").arrays) == len(arrays())


def test_what_is_mapped_stays_readable_when_the_segment_is_removed(segment: Path) -> None:
    opened = Segment.open(segment)
    for path in segment.iterdir():
        path.unlink()
    segment.rmdir()
    assert np.array_equal(opened.arrays["slots"], arrays()["slots"])


def test_an_index_on_disk_answers_in_another_process(tmp_path: Path) -> None:
    stored = hashes(20_000)
    write_index(tmp_path / "index", words(stored), 31, {"owners": np.arange(20_000)}, {"tree_size": 5})
    index, segment = open_index(tmp_path / "index", verify="digest")
    assert len(index.arrays["blocks"]) > 1
    assert segment.facts == {"tree_size": 5}
    assert segment.arrays["owners"][77] == 77
    hits = index.search(words(stored[5000:5003]), 31)
    assert hits.row.tolist() == [5000, 5001, 5002]
    program = (
        "import sys, pathlib, numpy\n"
        "from remarque.matching.segments import open_index\n"
        "index, segment = open_index(pathlib.Path(sys.argv[1]))\n"
        "print(index.search(index.hashes(5000, 5003), 31).row.tolist())\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, str(tmp_path / "index")], check=True, capture_output=True
    )
    assert done.stdout.decode().strip() == "[5000, 5001, 5002]"


@pytest.mark.parametrize("n", [0, 1])
def test_an_index_of_nothing_or_little_can_be_kept(tmp_path: Path, n: int) -> None:
    write_index(tmp_path / "index", words(hashes(n)), 31, {}, {})
    index, _ = open_index(tmp_path / "index")
    assert len(index.search(words(hashes(3)), 256)) == 3 * n


def test_a_segment_without_an_index_is_no_index(segment: Path) -> None:
    with pytest.raises(SegmentDamaged, match="no index"):
        open_index(segment)
    with pytest.raises(SegmentDamaged, match="slots"):
        write_index(segment.parent / "other", words(hashes(1)), 31, {"slots": np.zeros(3)}, {})


def test_readers_keep_their_answers_while_parts_are_merged_and_the_base_is_replaced(tmp_path: Path) -> None:
    """Every row is the same hash, so a search finds exactly as many rows as it was asked to look at."""
    row = np.full((1, 32), 7, np.uint8)
    index = LayeredIndex(256, 31)
    done, wrong = threading.Event(), []

    def read() -> None:
        while not done.is_set():
            count = len(index)
            hits = index.search(words(row), 0, count)
            if hits.row.tolist() != list(range(count)):
                wrong.append(f"{len(hits)} of {count} rows")

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for turn in range(12):
        for _ in range(5):
            index.append(np.repeat(row, RANDOM.integers(1, 2000), 0))
            index.settle()
        place = tmp_path / str(turn)
        write_index(place, words(np.repeat(row, len(index) - 3, 0)), 31, {}, {})
        index.rebase(open_index(place)[0])
    done.set()
    for reader in readers:
        reader.join()
    assert wrong == []
    assert len(index) > 1000
