"""The audit: a log in order passes, and whatever is changed in it is found and named."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from remarque.errors import LogError, NotFound, ServiceUnreachable
from remarque.log.audit import Kept, audit
from remarque.log.checkpoint import Checkpoint, sign_checkpoint
from remarque.log.entries import Entry
from remarque.log.sources import MAX_FILE_SIZE, Read, log_client, read_address, read_directory
from remarque.log.tiles import Tile, encode_bundle
from tests.log_folder import KEYS, LOG, ORIGIN, LogFolder, entry, flip

SIZES = (0, 3, 256, 300, 700)


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> tuple[LogFolder, list[Kept]]:
    """A log that grew, and the checkpoints that somebody kept on the way."""
    log = LogFolder(tmp_path_factory.mktemp("log"))
    kept = []
    for size in SIZES:
        log.grow(size)
        kept.append(Kept(f"kept at {size}", log.checkpoint()))
    return log, kept


@pytest.fixture
def log(published: tuple[LogFolder, list[Kept]], tmp_path: Path) -> LogFolder:
    """A copy that a test may spoil."""
    original, _ = published
    copy = LogFolder(tmp_path / "log")
    shutil.copytree(original.folder, copy.folder)
    copy.entries, copy.tree = original.entries, original.tree
    return copy


@pytest.fixture
def kept(published: tuple[LogFolder, list[Kept]]) -> list[Kept]:
    return published[1]


def test_a_log_in_order_passes(log: LogFolder, kept: list[Kept]):
    seen: list[tuple[int, int]] = []
    found = audit(read_directory(log.folder), KEYS, kept, progress=lambda done, size: seen.append((done, size)))
    assert (found.checkpoint.size, found.checkpoint.root) == (700, log.tree.root())
    assert found.types == {"key": 700}
    assert (found.bundles, found.tiles, found.kept) == (3, 4, 5)
    assert seen == [(256, 700), (512, 700), (700, 700)]


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 512, 65_536, 65_537])
def test_logs_of_every_shape_pass(tmp_path: Path, size: int):
    log = LogFolder(tmp_path)
    log.grow(size)
    assert audit(read_directory(tmp_path), KEYS).checkpoint.size == size


FILES = [
    "checkpoint",
    "tile/0/000",
    "tile/0/002.p/188",
    "tile/1/000.p/2",
    "tile/entries/000",
    "tile/entries/002.p/188",
]


@pytest.mark.parametrize("path", FILES)
@pytest.mark.parametrize(
    "spoil",
    [lambda data: flip(data, 7), lambda data: flip(data, 8 * len(data) - 1), lambda data: data[:-1], lambda _: b""],
    ids=["first-byte", "last-bit", "truncated", "empty"],
)
def test_any_changed_file_is_found(log: LogFolder, path: str, spoil: Callable[[bytes], bytes]):
    log.write(path, spoil((log.folder / path).read_bytes()))
    with pytest.raises(LogError):
        audit(read_directory(log.folder), KEYS)


@pytest.mark.parametrize("path", FILES[1:])
def test_a_missing_file_is_found_and_named(log: LogFolder, path: str):
    (log.folder / path).unlink()
    with pytest.raises(LogError, match=f"{path} is missing"):
        audit(read_directory(log.folder), KEYS)


def test_a_partial_file_may_be_dropped_once_it_is_full(log: LogFolder, kept: list[Kept]):
    earlier = log.checkpoint()
    log._edge = {0: (log.folder / "tile/0/002.p/188").read_bytes(), 1: (log.folder / "tile/1/000.p/2").read_bytes()}
    log.grow(768)
    for path in ("tile/0/002.p/188", "tile/entries/002.p/188", "tile/0/000.p/3"):
        (log.folder / path).unlink()
    assert audit(read_directory(log.folder), KEYS, kept).checkpoint.size == 768
    log.write("checkpoint", earlier)  # read just before the log grew
    assert audit(read_directory(log.folder), KEYS, kept).checkpoint.size == 700


@pytest.mark.parametrize("path", ["tile/0/000.p/3", "tile/entries/000.p/3", "tile/0/001.p/44", "tile/1/000.p/1"])
def test_a_partial_file_that_was_published_is_a_prefix_of_the_full_one(log: LogFolder, kept: list[Kept], path: str):
    log.write(path, flip((log.folder / path).read_bytes(), 20))
    with pytest.raises(LogError, match=f"{path} is no prefix"):
        audit(read_directory(log.folder), KEYS, kept)


def test_a_log_that_was_rewritten_is_found_by_who_kept_a_checkpoint(tmp_path: Path, kept: list[Kept]):
    rewritten = LogFolder(tmp_path, lambda index: entry(index if index != 260 else 9999))
    rewritten.grow(700)
    read = read_directory(tmp_path)
    assert audit(read, KEYS).checkpoint.size == 700, "alone, it fits"
    assert audit(read, KEYS, kept[:3]).kept == 3, "nothing before 256 was touched"
    with pytest.raises(LogError, match="kept at 300 was signed at size 300"):
        audit(read, KEYS, kept)
    with pytest.raises(LogError, match="kept at 700"):
        audit(read, KEYS, kept[4:])


def test_a_log_that_was_cut_is_found(tmp_path: Path, kept: list[Kept]):
    shorter = LogFolder(tmp_path)
    shorter.grow(300)
    with pytest.raises(LogError, match="kept at 700 was signed at size 700, and the log now shows 300"):
        audit(read_directory(tmp_path), KEYS, kept)


@pytest.mark.parametrize("shown", [0, 3, 256, 300])
def test_a_log_that_shows_an_earlier_checkpoint_is_read_up_to_the_last_that_was_kept(
    tmp_path: Path, kept: list[Kept], shown: int
):
    log = LogFolder(tmp_path)
    for size in SIZES:
        log.grow(size)
        if size == shown:
            checkpoint = log.checkpoint()
    log.write("checkpoint", checkpoint)
    found = audit(read_directory(tmp_path), KEYS, kept)
    assert (found.checkpoint.size, found.types, found.kept) == (shown, {"key": 700}, 5)
    rewritten = LogFolder(tmp_path, lambda index: entry(index if index != 699 else 9999))
    for size in SIZES:
        rewritten.grow(size)
    log.write("checkpoint", checkpoint)
    assert audit(read_directory(tmp_path), KEYS, kept[:4]).kept == 4
    with pytest.raises(LogError, match="kept at 700 was signed at size 700 with root"):
        audit(read_directory(tmp_path), KEYS, kept)


def test_a_checkpoint_that_is_shown_and_does_not_lead_to_those_that_were_kept_is_found(
    log: LogFolder, kept: list[Kept]
):
    false = sign_checkpoint(Checkpoint(ORIGIN, 300, b"\1" * 32), LOG).to_bytes()
    log.write("checkpoint", false)
    with pytest.raises(LogError, match="checkpoint was signed at size 300 with root 0101"):
        audit(read_directory(log.folder), KEYS, kept)


def test_a_kept_checkpoint_of_another_log_is_named(log: LogFolder, kept: list[Kept]):
    spoiled = Kept("kept badly", kept[1].note.replace(b"\n3\n", b"\n4\n"))
    with pytest.raises(LogError, match="kept badly is no checkpoint of this log"):
        audit(read_directory(log.folder), KEYS, [*kept, spoiled])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (Entry("withdraw", 1, {"ref": 10, "who": "0" * 64}).encode(), "entry 10 is about entry 10"),
        (Entry("erase", 1, {"ref": 11}).encode(), "entry 10 is about entry 11"),
        (entry(10) + b" ", "entry 10: "),
        (b"{}", "entry 10: "),
        (b"", "entry 10: "),
    ],
)
def test_an_entry_that_is_none_is_found_although_it_is_in_the_tree(tmp_path: Path, body: bytes, said: str):
    LogFolder(tmp_path, lambda index: body if index == 10 else entry(index)).grow(20)
    with pytest.raises(LogError, match=said):
        audit(read_directory(tmp_path), KEYS)


def test_a_bundle_with_other_entries_than_the_tree(log: LogFolder):
    log.write(Tile(-1, 1).path(), encode_bundle([entry(0)] * 256))
    with pytest.raises(LogError, match="tile/0/001 is not what the entries below it give"):
        audit(read_directory(log.folder), KEYS)


def test_a_quorum_of_witnesses_is_asked_for(log: LogFolder):
    with pytest.raises(LogError, match="witnesses"):
        audit(read_directory(log.folder), KEYS, quorum=1)


def test_where_there_is_no_log_nothing_is_judged(tmp_path: Path):
    with pytest.raises(NotFound):
        audit(read_directory(tmp_path), KEYS)
    with pytest.raises(NotFound):
        audit(read_directory(tmp_path / "nowhere"), KEYS)


def test_a_file_that_is_too_large_is_not_read_whole(log: LogFolder):
    log.write("tile/entries/000", bytes(MAX_FILE_SIZE + 1))
    with pytest.raises(LogError, match="more than"):
        audit(read_directory(log.folder), KEYS)


@pytest.fixture
def served(log: LogFolder):
    """The files over HTTP."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Nothing."""

        def do_GET(self) -> None:
            if self.path.startswith("/broken/"):
                self.send_error(500)
            else:
                super().do_GET()

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=log.folder)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_log_is_audited_over_http(served: str, log: LogFolder, kept: list[Kept]):
    with log_client() as client:
        read: Read = read_address(client, served)
        assert audit(read, KEYS, kept).checkpoint.size == 700
        log.write("tile/entries/000", bytes(MAX_FILE_SIZE + 1))
        with pytest.raises(LogError, match="more than"):
            audit(read, KEYS)
        (log.folder / "tile/entries/000").unlink()
        with pytest.raises(LogError, match="tile/entries/000 is missing"):
            audit(read, KEYS)
        with pytest.raises(ServiceUnreachable, match="500"):
            audit(read_address(client, f"{served}/broken"), KEYS)
        with pytest.raises(NotFound):
            audit(read_address(client, f"{served}/elsewhere"), KEYS)
        with pytest.raises(ServiceUnreachable):
            audit(read_address(client, "http://127.0.0.1:1"), KEYS)


def test_another_key_is_not_believed(log: LogFolder):
    other = replace(
        KEYS,
        log_key=replace(KEYS.log_key, public=KEYS.receipts_key.public),
        receipts_key=replace(KEYS.receipts_key, public=KEYS.log_key.public),
    )
    with pytest.raises(LogError):
        audit(read_directory(log.folder), other)
