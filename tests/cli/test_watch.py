"""``remarque label --watch``: each picture once, whole, and nothing stops the rest."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from demo.service import Service
from remarque.cli.label import _label_whole
from remarque.cli.signers import Signed
from remarque.cli.watch import JOURNAL, POLL_SECONDS, RETRY_SECONDS, STILL_SECONDS, Watcher
from remarque.errors import NotAPicture, ServiceRefused, ServiceUnreachable
from tests.cli.conftest import Run, draw, png, save


class Folder:
    """A watched folder, a clock that is turned by hand, and a signer that does what a test tells it to."""

    def __init__(self, tmp_path: Path) -> None:
        self.source, self.out = tmp_path / "in", tmp_path / "out"
        self.source.mkdir(exist_ok=True)
        self.now = 0.0
        self.signed: list[str] = []
        self.shown: list[dict[str, Any]] = []
        self.sign: Callable[[str, bytes], Signed] = self._sign
        self.stop = threading.Event()
        self.watcher = self.start()

    def _sign(self, name: str, data: bytes) -> Signed:
        self.signed.append(name)
        return Signed(data=b"labelled " + data, id=f"l{len(self.signed)}", layers=["c2pa"])

    def start(self) -> Watcher:
        self.watcher = Watcher(
            self.source,
            self.out,
            lambda source, target: _label_whole(source, target, lambda name, data: self.sign(name, data)),
            self.shown.append,
            clock=lambda: self.now,
        )
        return self.watcher

    def wait(self, seconds: float = STILL_SECONDS + POLL_SECONDS) -> None:
        """Look once a second for that long."""
        end = self.now + seconds
        while self.now <= end:
            self.watcher.step(self.stop)
            self.now += POLL_SECONDS

    def written(self) -> set[str]:
        return {str(path.relative_to(self.out)) for path in self.out.rglob("*") if path.is_file()} - {JOURNAL}


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_pictures_are_labelled_once_each_as_they_come(folder: Folder) -> None:
    first = save(folder.source / "a.png", 500)
    folder.wait()
    save(folder.source / "deep" / "b.jpg", 501)
    (folder.source / "notes.txt").write_text("no picture")
    (folder.source / ".hidden.png").write_bytes(png(draw(502)))
    folder.wait(10)
    assert folder.signed == ["a.png", "b.jpg"]
    assert folder.written() == {"a.png", "deep/b.jpg"}
    assert (folder.out / "a.png").read_bytes() == b"labelled " + first.read_bytes()
    assert not folder.watcher.failed


def test_a_picture_is_taken_when_it_is_still_and_whole(folder: Folder) -> None:
    whole = png(draw(503))
    path = folder.source / "a.png"
    path.write_bytes(whole[:100])
    folder.watcher.step(folder.stop)
    for size in (200, 300, 400):
        folder.now += STILL_SECONDS / 2
        path.write_bytes(whole[:size])
        folder.watcher.step(folder.stop)
    assert (folder.signed, folder.shown) == ([], [])
    folder.wait(10)  # the writer pauses: the file is still, and not whole
    assert folder.signed == []
    assert [result["problem"]["code"] for result in folder.shown] == ["not_whole"]
    assert folder.watcher.failed == {path}
    path.write_bytes(whole)
    folder.wait()
    assert folder.signed == ["a.png"]
    assert not folder.watcher.failed


def test_a_new_start_does_not_label_twice_and_a_new_version_is_labelled(folder: Folder) -> None:
    save(folder.source / "a.png", 504)
    folder.wait()
    (folder.out / "a.png").unlink()  # somebody took it away to publish it
    with (folder.out / JOURNAL).open("ab") as journal:
        journal.write(b'{"path": "b.png", "si')  # killed while it wrote
    save(folder.source / "b.png", 505)
    folder.start()
    folder.wait()
    assert folder.signed == ["a.png", "b.png"]
    folder.start()
    folder.wait()
    assert folder.signed == ["a.png", "b.png"]
    save(folder.source / "a.png", 506)
    folder.wait()
    assert folder.signed == ["a.png", "b.png", "a.png"]


def test_a_name_that_is_not_utf_8_is_remembered(folder: Folder) -> None:
    (folder.source / os.fsdecode(b"\xff.png")).write_bytes(png(draw(507)))
    folder.wait()
    folder.start()
    folder.wait()
    assert len(folder.signed) == 1


def test_an_error_of_one_picture_is_told_once_and_stops_nothing(folder: Folder) -> None:
    def refuse(name: str, data: bytes) -> Signed:
        if name == "a.png":
            raise NotAPicture("another kind of picture")
        return folder._sign(name, data)

    folder.sign = refuse
    bad = save(folder.source / "a.png", 508)
    save(folder.source / "b.png", 509)
    folder.wait(30)
    assert [(Path(result["path"]).name, result["status"]) for result in folder.shown] == [
        ("a.png", "failed"),
        ("b.png", "labelled"),
    ]
    assert folder.watcher.failed == {bad}
    folder.sign = folder._sign
    save(bad, 510)
    folder.wait()
    assert folder.written() == {"a.png", "b.png"}
    assert not folder.watcher.failed


def test_a_picture_that_goes_away_is_no_failure(folder: Folder) -> None:
    path = folder.source / "a.png"
    path.write_bytes(b"no picture")
    folder.wait()
    assert folder.watcher.failed == {path}
    path.unlink()
    folder.wait()
    assert not folder.watcher.failed


def test_an_outage_is_waited_out(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    tries: list[str] = []

    def unreachable(name: str, data: bytes) -> Signed:
        tries.append(name)
        raise ServiceUnreachable("no answer from http://127.0.0.1:9")

    folder.sign = unreachable
    save(folder.source / "a.png", 511)
    save(folder.source / "b.png", 512)
    folder.wait(3 * RETRY_SECONDS)
    assert 2 <= len(tries) <= 4
    assert capsys.readouterr().err.count("no answer from") == 1
    assert folder.shown == []
    assert folder.watcher.failed
    folder.sign = folder._sign
    folder.wait(3 * RETRY_SECONDS)
    assert sorted(folder.signed) == ["a.png", "b.png"]
    assert not folder.watcher.failed


def test_a_picture_that_breaks_the_service_does_not_hold_up_the_others(folder: Folder) -> None:
    def poisoned(name: str, data: bytes) -> Signed:
        if name == "a.png":
            raise ServiceRefused("it broke", slug="internal", status=500, problem={})
        return folder._sign(name, data)

    folder.sign = poisoned
    bad = save(folder.source / "a.png", 513)
    save(folder.source / "b.png", 514)
    folder.wait(3 * RETRY_SECONDS)
    assert folder.signed == ["b.png"]
    assert folder.watcher.failed == {bad}


def test_a_full_disk_is_told_once_and_tried_again(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    save(folder.source / "a.png", 515)
    with monkeypatch.context() as patch:
        patch.setattr("remarque.cli.label.write_whole", full)
        folder.wait(3 * RETRY_SECONDS)
    assert [result["problem"]["detail"] for result in folder.shown] == ["No space left on device"]
    folder.wait(2 * RETRY_SECONDS)
    assert folder.written() == {"a.png"}


def test_a_file_that_may_not_be_read_yet_is_tried_again(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    path = save(folder.source / "a.png", 520)
    with monkeypatch.context() as patch:
        patch.setattr("PIL.Image.open", locked)
        folder.wait(3 * RETRY_SECONDS)
    assert [result["problem"]["code"] for result in folder.shown] == ["unreadable"]
    assert folder.watcher.failed == {path}
    folder.wait(2 * RETRY_SECONDS)
    assert folder.signed == ["a.png"]
    assert not folder.watcher.failed


def test_a_folder_that_cannot_be_read_is_waited_for(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    away = folder.source.rename(folder.source.with_name("away"))
    folder.wait(3 * RETRY_SECONDS)
    assert capsys.readouterr().err.count("No such file") == 1
    away.rename(folder.source)
    save(folder.source / "a.png", 521)
    folder.wait(2 * RETRY_SECONDS)
    assert folder.signed == ["a.png"]


def test_a_key_that_may_not_label_ends_it(folder: Folder) -> None:
    def forbidden(name: str, data: bytes) -> Signed:
        raise ServiceRefused("not with this key", slug="scope-missing", status=403, problem={})

    folder.sign = forbidden
    save(folder.source / "a.png", 516)
    with pytest.raises(ServiceRefused):
        folder.wait()


@pytest.mark.parametrize("broken", [False, True], ids=["all", "some"])
def test_ctrl_c_ends_the_command_cleanly(service: Service, run: Run, tmp_path: Path, broken: bool) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    save(source / "z.png", 517 + broken)
    if broken:
        (source / "a.png").write_bytes(b"no picture")
    command = [sys.executable, "-m", "remarque.cli", "label", source, out, "--system", "Brush", "--watch", "--json"]
    environment = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")}
    environment.pop("REMARQUE_REGISTRY", None)
    with subprocess.Popen(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        told = [json.loads(process.stdout.readline()) for _ in range(1 + broken)]
        process.send_signal(signal.SIGINT)
        rest, err = process.communicate()
    assert process.returncode == (3 if broken else 0)
    assert (rest, "Traceback" in err) == ("", False)
    assert [result["status"] for result in told] == (["failed", "labelled"] if broken else ["labelled"])
    assert sorted(path.name for path in out.iterdir()) == [JOURNAL, "z.png"]
    assert run("verify", out / "z.png").code == 0


def test_wrong_use_of_watching(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "in"
    picture = save(source / "a.png", 519)
    for out in (source, source / "out", tmp_path, picture):
        ran = run("label", source, out, "--system", "Brush", "--watch")
        assert (ran.code, ran.out) == (2, ""), out
    assert run("label", picture, tmp_path / "out", "--system", "Brush", "--watch").code == 2
    assert sorted(path.name for path in source.iterdir()) == ["a.png"]


def test_a_signal_that_comes_while_it_waits_always_ends_it() -> None:
    """Of many signals some come while the waiting thread is inside its own locks."""
    program = (
        "import os, signal, threading\n"
        "from remarque.cli.watch import until_interrupted\n"
        "for _ in range(300):\n"
        "    with until_interrupted() as stop:\n"
        "        threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGINT)).start()\n"
        "        while not stop.wait(0.0001):\n"
        "            pass\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
