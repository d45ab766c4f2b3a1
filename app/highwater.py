"""The high-water mark: a file outside the database that remembers the last published checkpoint.

A database that was restored, or lost its last commits, is behind what was published; appending to it would sign a
second history. The mark tells. It only rises, whichever process of the host writes it, and it is durable before anybody
is answered.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.logkeys import sync_directory
from remarque.errors import LogError
from remarque.log.checkpoint import Checkpoint, open_checkpoint
from remarque.log.note import Note
from remarque.log.vkeys import VerifierKey


class HighWaterMark:
    """The mark in one file. A file beside it, ``.lock``, orders the processes that raise it."""

    def __init__(self, path: Path, log_key: VerifierKey) -> None:
        self._path = path
        self._key = log_key
        self._threads = threading.Lock()  # a lock of a file does not keep threads apart
        self._risen_to = b""
        #: A size that the mark has reached, as far as this process knows.
        self.known = 0

    def read(self) -> Checkpoint | None:
        """The checkpoint of the mark, its signature verified; None where none was ever written. Raises LogError."""
        try:
            return open_checkpoint(self._path.read_bytes(), self._key)
        except FileNotFoundError:
            return None

    def rise(self, note: bytes) -> None:
        """Remember a checkpoint durably, unless a later one is remembered. Raises LogError on another history."""
        if note == self._risen_to:
            return
        new = Checkpoint.parse(Note.parse(note).text)
        with self._threads, self._locked():
            kept = self.read()
            if kept is not None and kept.size == new.size and kept.root != new.root:
                raise LogError(f"REFUSING TO SIGN: two roots at size {new.size}, one of them published")
            if kept is None or kept.size < new.size:
                self._write(note)
            self._risen_to, self.known = note, new.size

    def _write(self, note: bytes) -> None:
        fresh = self._path.with_name(self._path.name + ".new")
        with fresh.open("wb") as file:
            file.write(note)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
        sync_directory(self._path.parent)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._path.with_name(self._path.name + ".lock").open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # let go of when the file is closed
            yield
