"""The high-water mark: files outside the database that remember the last published checkpoint.

A database that was restored, or lost its last commits, is behind what was published; appending to it would sign a
second history. The mark tells. It only rises, whichever process of the host writes it, and it is durable before anybody
is answered.

It stands in two files, each a signed checkpoint that anybody can read, and the later one counts. A new mark is written
over the earlier one in place: one ``fdatasync``, a fifth of what replacing a file costs (docs/log-cost.md). A write
that was cut off spoils that file alone, and its signature tells.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from remarque.durable import write_whole
from remarque.errors import LogError
from remarque.log.checkpoint import Checkpoint, open_checkpoint
from remarque.log.note import Note
from remarque.log.vkeys import VerifierKey


class HighWaterMark:
    """The mark in two files, ``path`` and ``path`` with ``.2``. One beside them, ``.lock``, orders the processes that
    raise it."""

    def __init__(self, path: Path, log_key: VerifierKey) -> None:
        self._files = (path, path.with_name(path.name + ".2"))
        self._lock = path.with_name(path.name + ".lock")
        self._key = log_key
        self._threads = threading.Lock()  # a lock of a file does not keep threads apart
        self._risen_to = b""
        #: Checkpoints that were verified, or written here: the bytes of the two files, and no more.
        self._verified: dict[bytes, Checkpoint] = {}
        #: A size that the mark has reached, as far as this process knows.
        self.known = 0

    def read(self) -> Checkpoint | None:
        """The checkpoint of the mark, its signature verified; None where none was ever written. Raises LogError."""
        with self._threads, self._locked():
            return self._kept()[1]

    def rise(self, note: bytes) -> None:
        """Remember a checkpoint durably, unless a later one is remembered. Raises LogError on another history."""
        if note == self._risen_to:
            return
        new = Checkpoint.parse(Note.parse(note).text)
        with self._threads, self._locked():
            place, kept = self._kept()
            if kept is not None and kept.size == new.size and kept.root != new.root:
                raise LogError(f"REFUSING TO SIGN: two roots at size {new.size}, one of them published")
            if kept is None or kept.size < new.size:
                _write(self._files[1] if place == self._files[0] else self._files[0], note)
                self._verified[note] = new
            self._risen_to, self.known = note, new.size

    def _kept(self) -> tuple[Path | None, Checkpoint | None]:
        """The mark and the file that holds it. Raises LogError where files are there, and none of them is whole."""
        found: dict[Path, bytes] = {}
        for path in self._files:
            try:
                found[path] = path.read_bytes()
            except FileNotFoundError:
                continue
        self._verified = {data: self._verified[data] for data in found.values() if data in self._verified}
        opened = {path: self._opened(path, data) for path, data in found.items()}
        whole = {path: checkpoint for path, checkpoint in opened.items() if checkpoint is not None}
        if found and not whole:
            raise LogError(f"no whole checkpoint in {', '.join(map(str, found))}")
        place = max(whole, key=lambda path: whole[path].size, default=None)
        return place, None if place is None else whole[place]

    def _opened(self, path: Path, data: bytes) -> Checkpoint | None:
        """The checkpoint of one file; None where the write of it was cut off. Raises LogError on that of another log,
        which no write of this one leaves."""
        if data in self._verified:
            return self._verified[data]
        try:
            note = Note.parse(data)
            ours = any((line.name, line.key_id) == (self._key.name, self._key.id) for line in note.signatures)
            if ours:
                self._verified[data] = open_checkpoint(data, self._key)
        except LogError:
            return None
        if not ours:
            raise LogError(f"{path} is not signed by {self._key.name}")
        return self._verified[data]

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._lock.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # let go of when the file is closed
            yield


def _write(path: Path, note: bytes) -> None:
    """Write a file durably: over itself, or as a whole where it is not there yet. Raises OSError."""
    try:
        file = path.open("r+b", buffering=0)
    except FileNotFoundError:
        write_whole(path, note)
        return
    with file:
        if file.write(note) != len(note):
            raise OSError(f"{path} could not be written as a whole")
        # Only what another program left is longer. Cutting always, even nothing off, costs a commit of ext4's journal.
        if os.fstat(file.fileno()).st_size > len(note):
            file.truncate()
        os.fdatasync(file.fileno())
