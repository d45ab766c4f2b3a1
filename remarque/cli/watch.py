"""``remarque label --watch``: label each picture that comes into a folder, for as long as it runs.

The folder is looked at again and again. A picture is taken once its size and time have been still for a moment and it
can be read to its end. What was labelled is remembered in OUT, so that a new start does not label it twice.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import typer
from PIL import Image

from remarque.cli.files import pictures_below
from remarque.cli.output import DONE, FAILED, say
from remarque.errors import AnswerNotUnderstood, RemarqueError, ServiceRefused, ServiceUnreachable

#: Seconds between two looks at the folder.
POLL_SECONDS = 1.0

#: Seconds for which a file must not change before it is taken. A writer that pauses longer is met by the reading of
#: the whole file: most formats cannot be decoded while their end is missing.
STILL_SECONDS = 1.0

#: Seconds before something is tried again that failed for another reason than the picture.
RETRY_SECONDS = 10.0

_SLOW_DOWN = 429
_THEIR_FAULT = 500
JOURNAL = ".remarque-label.ndjson"

#: From a picture and the file it becomes to the result that is shown; raises what is not about the picture.
Label = Callable[[Path, Path], dict[str, Any]]
Mark = tuple[int, int]


@dataclass(slots=True)
class _Seen:
    """A file as it was last seen; ``due`` is when it may be taken, None where nothing is left to do."""

    mark: Mark
    due: float | None
    told: str | None = None


class Journal:
    """Which pictures were labelled, by their path below IN, size and time: one NDJSON file in OUT.

    A line that cannot be read costs one more label, nothing else. Raises OSError.
    """

    def __init__(self, out: Path) -> None:
        out.mkdir(parents=True, exist_ok=True)
        self._path = out / JOURNAL
        data = self._path.read_bytes() if self._path.exists() else b""
        self._whole = data.endswith(b"\n") or not data  # a run may have been killed while it wrote
        self._marks = dict(filter(None, map(_entry, data.splitlines())))

    def knows(self, path: str, mark: Mark) -> bool:
        """Whether the picture was labelled as it is now."""
        return self._marks.get(path) == mark

    def remember(self, path: str, mark: Mark, id: str) -> None:
        """Note a labelled picture; the line is handed to the system before this returns."""
        line = json.dumps({"path": path, "size": mark[0], "mtime_ns": mark[1], "id": id}).encode()
        with self._path.open("ab") as file:
            file.write((b"" if self._whole else b"\n") + line + b"\n")
        self._whole = True
        self._marks[path] = mark


class Watcher:
    """One folder that is watched. ``step`` looks once; ``failed`` holds what is there and could not be labelled."""

    def __init__(
        self,
        source: Path,
        out: Path,
        label: Label,
        show: Callable[[dict[str, Any]], object],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._source, self._out, self._label, self._show, self._clock = source, out, label, show, clock
        self._journal = Journal(out)
        self._seen: dict[Path, _Seen] = {}
        self._paused_until = float("-inf")
        self._trouble: str | None = None
        self.failed: set[Path] = set()

    def step(self, stop: Stop) -> None:
        """Look once, and label what is ready. Raises what a picture that comes later would meet too."""
        if self._clock() < self._paused_until:
            return
        try:
            found = list(pictures_below(self._source))
            marks = {path: _mark(path) for path in (*found, *(self._seen.keys() - set(found)))}
        except OSError as error:  # a folder went while it was read, or the disk did
            self._pause(f"{error.filename or self._source}: {error.strerror or error}")
            return
        for path, mark in marks.items():
            if stop.is_set():
                return
            if mark is None:
                self._seen.pop(path, None)
                self.failed.discard(path)
            elif self._ready(path, mark) and not self._take(path, self._seen[path]):
                return
        self._trouble = None

    def _ready(self, path: Path, mark: Mark) -> bool:
        seen = self._seen.get(path)
        if seen is None or seen.mark != mark:
            known = self._journal.knows(self._name(path), mark)
            seen = self._seen[path] = _Seen(mark, None if known else self._clock() + STILL_SECONDS)
        return seen.due is not None and self._clock() >= seen.due

    def _take(self, path: Path, seen: _Seen) -> bool:
        """Label a picture; whether the next one may be taken."""
        try:
            result = self._label(path, self._out / self._name(path))
        except RemarqueError as error:
            if not _passes(error):
                raise
            self.failed.add(path)
            self._pause(str(error))
            seen.due = self._paused_until + POLL_SECONDS  # the others first: it may be this picture that is too much
            return False
        problem = result["problem"]
        if problem is None:
            self.failed.discard(path)
            seen.due = None
            self._remember(path, seen.mark, result["id"])
        else:
            self.failed.add(path)
            # A picture that is wrong stays wrong until it changes; a full disk may be helped.
            seen.due = self._clock() + RETRY_SECONDS if problem["code"] == "unreadable" else None
        if problem is None or problem["detail"] != seen.told:
            self._show(result)
        seen.told = None if problem is None else problem["detail"]
        return True

    def _remember(self, path: Path, mark: Mark, id: str) -> None:
        try:
            self._journal.remember(self._name(path), mark, id)
        except OSError as error:
            say(f"remarque: {path} is labelled, and that could not be noted: {error.strerror or error}")

    def _pause(self, reason: str) -> None:
        self._paused_until = self._clock() + RETRY_SECONDS
        if reason != self._trouble:
            say(f"remarque: {reason}; trying again every {RETRY_SECONDS:g} seconds")
        self._trouble = reason

    def _name(self, path: Path) -> str:
        return str(path.relative_to(self._source))


def run(source: Path, out: Path, label: Label, show: Callable[[dict[str, Any]], object], stop: Stop) -> int:
    """Watch until ``stop`` is set; the exit code."""
    watcher = Watcher(source, out, label, show)
    while not stop.is_set():
        watcher.step(stop)
        stop.wait(POLL_SECONDS)
    if watcher.failed:
        say(f"not labelled: {len(watcher.failed)}")
    return FAILED if watcher.failed else DONE


def require_apart(source: Path, out: Path) -> None:
    """Raise typer.BadParameter unless IN is a folder and OUT another one, neither of them inside the other."""
    if not source.is_dir():
        raise typer.BadParameter("a folder is watched, not a file", param_hint="IN")
    if out.exists() and not out.is_dir():
        raise typer.BadParameter("IN is a folder, so OUT must be one", param_hint="OUT")
    one, other = source.resolve(), out.resolve()
    if one.is_relative_to(other) or other.is_relative_to(one):
        raise typer.BadParameter("IN and OUT must lie apart, or labels would be labelled again", param_hint="OUT")


class Stop:
    """Set by the handler of a signal, and waited for. A threading.Event would wait for its own lock for ever, where the
    signal comes while the same thread holds it; SimpleQueue.put is made for handlers.
    """

    def __init__(self) -> None:
        self._is_set = False
        self._told: queue.SimpleQueue[None] = queue.SimpleQueue()

    def is_set(self) -> bool:
        """Whether it was set."""
        return self._is_set

    def set(self) -> None:
        """Set it, and wake who waits."""
        self._is_set = True
        self._told.put(None)

    def wait(self, seconds: float) -> bool:
        """Wait until it is set, so long at most. Whether it is."""
        if not self._is_set:
            with suppress(queue.Empty):
                self._told.get(timeout=seconds)
        return self._is_set


@contextmanager
def until_interrupted() -> Iterator[Stop]:
    """An event that Ctrl-C or SIGTERM sets, so that a picture under way is finished; a second one interrupts."""
    stop = Stop()
    before = {name: signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)}

    def handle(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    for name in before:
        signal.signal(name, handle)
    try:
        yield stop
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def _mark(path: Path) -> Mark | None:
    """The size and time of a file, None where it went."""
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_size, status.st_mtime_ns


def broken(path: Path) -> str | None:
    """Why a picture cannot be read to its end, or None. Raises OSError where the system refuses to read the file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # how large is too large the signer says
            with Image.open(path) as image:
                image.load()
    except Exception as error:
        if isinstance(error, OSError) and error.errno is not None:  # Pillow's own have no number
            raise
        # On broken files Pillow's plug-ins raise errors of many families: no list of them is complete.
        return str(error) or type(error).__name__
    return None


def _passes(error: RemarqueError) -> bool:
    """Whether the next try may succeed without anybody doing anything here."""
    if isinstance(error, ServiceRefused):
        return error.status == _SLOW_DOWN or error.status >= _THEIR_FAULT
    return isinstance(error, ServiceUnreachable | AnswerNotUnderstood)


def _entry(line: bytes) -> tuple[str, Mark] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    path, size, mtime_ns = map(value.get, ("path", "size", "mtime_ns")) if isinstance(value, dict) else (None,) * 3
    if isinstance(path, str) and isinstance(size, int) and isinstance(mtime_ns, int):
        return path, (size, mtime_ns)
    return None
