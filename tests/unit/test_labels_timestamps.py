"""Time-stamps: one that fits ends up in the label, and no authority can cost a label or much time."""

import hashlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from remarque.labels import timestamps
from remarque.labels.reading import read_store
from remarque.labels.stamp import finish, prepare, stamp
from remarque.labels.timestamps import TimeStamps
from tests import authority as authorities
from tests.authority import Authority
from tests.label_pictures import development, drawn, request

SIGNATURE = bytes(range(64))


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with authorities.running(tmp_path_factory.mktemp("tsa")) as found:
        yield found


@pytest.fixture
def authority(started: Authority) -> Authority:
    started.mode, started.asked = "answer", 0
    started.released = threading.Event()
    return started


@pytest.fixture
def time_stamps(authority: Authority) -> Iterator[TimeStamps]:
    found = TimeStamps(authority.url, timeout=5.0)
    yield found
    found.close()


@pytest.mark.parametrize("name", ["jpeg", "png", "webp-lossy", "avif", "heic", "tiff-little-endian", "gif", "jxl"])
def test_a_label_with_a_time_stamp(name: str, authority: Authority, time_stamps: TimeStamps) -> None:
    key, root = development()
    done = stamp(drawn(name).data, request(), key, time_stamps=time_stamps)
    assert done.warnings == []
    assert done.layers == ["xmp", "c2pa", "time_stamp"]
    store = read_store(done.data, done.mime, trust_anchors=root + authority.root)
    assert store.state == "trusted"
    assert {"timeStamp.validated", "timeStamp.trusted"} <= set(store.passed)


@pytest.mark.parametrize("size", [0, 1, 20, 21, 22, 23, 24, 25, 26, 30, 254, 255, 256, 257, 258, 259, 260, 261, 300])
def test_a_token_of_any_size_fits_or_is_left_out(size: int) -> None:
    # Whatever the pad has left, CBOR can write it; only the room itself is a limit.
    key, root = development()
    prepared = prepare(drawn("png").data, request(), key.certificate, room_for_time_stamp=True)
    signature = key.signature(prepared.to_be_signed)
    digest = hashlib.sha256(prepared.to_be_time_stamped(signature)).digest()
    room = prepared.tail_size - len(signature) - 60
    for length in (size + len(digest), room - size):
        done = finish(prepared, signature, digest + bytes(length - len(digest)))
        assert done.layers == ["xmp", "c2pa", "time_stamp"]
        assert len(done.data) == len(prepared.data)
        assert read_store(done.data, done.mime, trust_anchors=root).state == "trusted"
    done = finish(prepared, signature, digest + bytes(room + size))
    assert (done.layers, done.warnings) == (["xmp", "c2pa"], ["no_time_stamp"])
    assert read_store(done.data, done.mime, trust_anchors=root).state == "trusted"


def test_a_token_about_something_else_is_left_out(time_stamps: TimeStamps) -> None:
    key, root = development()
    prepared = prepare(drawn("png").data, request(), key.certificate, room_for_time_stamp=True)
    token = time_stamps.token(SIGNATURE)
    assert token is not None
    done = finish(prepared, key.signature(prepared.to_be_signed), token)
    assert done.warnings == ["no_time_stamp"]
    assert read_store(done.data, done.mime, trust_anchors=root).state == "trusted"


@pytest.mark.parametrize("mode", ["error", "garbage", "refuse", "other", "long"])
def test_what_is_no_time_stamp_is_a_warning(mode: str, authority: Authority, time_stamps: TimeStamps) -> None:
    authority.mode = mode
    key, root = development()
    done = stamp(drawn("jpeg").data, request(), key, time_stamps=time_stamps)
    assert authority.asked == 1
    assert (done.layers, done.warnings) == (["xmp", "c2pa"], ["no_time_stamp"])
    assert read_store(done.data, done.mime, trust_anchors=root).state == "trusted"


def test_the_answer_to_another_request_is_refused(authority: Authority, time_stamps: TimeStamps) -> None:
    assert time_stamps.token(SIGNATURE) is not None
    authority.mode = "replay"  # the same imprint, another nonce
    assert time_stamps.token(SIGNATURE) is None


def test_an_authority_that_is_not_there(authority: Authority, tmp_path: Path) -> None:
    with authorities.running(_empty(tmp_path)) as gone:
        url = gone.url
    for address in (url, "http://", "no address at all"):
        time_stamps = TimeStamps(address, timeout=5.0)
        assert time_stamps.token(SIGNATURE) is None
        time_stamps.close()


def test_after_three_failures_nobody_is_asked_until_the_pause_is_over(authority: Authority) -> None:
    now = [1000.0]
    time_stamps = TimeStamps(authority.url, timeout=5.0, clock=lambda: now[0])
    authority.mode = "error"
    for _ in range(10):
        assert time_stamps.token(SIGNATURE) is None
    assert authority.asked == timestamps.FAILURES
    now[0] += timestamps.PAUSE - 1
    assert time_stamps.token(SIGNATURE) is None
    assert authority.asked == timestamps.FAILURES
    now[0] += 2  # one tries, and fails: the pause begins again
    assert [time_stamps.token(SIGNATURE) for _ in range(3)] == [None] * 3
    assert authority.asked == timestamps.FAILURES + 1
    now[0] += timestamps.PAUSE + 1
    authority.mode = "answer"
    assert time_stamps.token(SIGNATURE) is not None
    assert time_stamps.token(SIGNATURE) is not None
    time_stamps.close()


def test_failures_that_are_not_in_a_row_do_not_count(authority: Authority, time_stamps: TimeStamps) -> None:
    for mode in ("error", "error", "answer", "error", "error", "answer"):
        authority.mode = mode
        assert (time_stamps.token(SIGNATURE) is None) == (mode == "error")


def test_an_authority_that_hangs_costs_the_time_out_and_then_nothing(authority: Authority) -> None:
    authority.mode = "hang"
    time_stamps = TimeStamps(authority.url, timeout=0.2)
    for _ in range(timestamps.FAILURES + 20):
        assert time_stamps.token(SIGNATURE) is None
    assert authority.asked == timestamps.FAILURES
    authority.released.set()
    time.sleep(0.05)
    time_stamps.close()


def _empty(folder: Path) -> Path:
    (folder / "other").mkdir()
    return folder / "other"
