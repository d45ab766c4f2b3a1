"""Checkpoints as files in a folder, one for each state that was published: something to commit to a git repository, or
to copy to where the operator cannot change it (docs/witness.md)."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from remarque.durable import sync_directory, write_file
from remarque.errors import LogError
from remarque.log.checkpoint import Checkpoint, open_checkpoint
from remarque.log.vkeys import VerifierKey

RootAt = Callable[[int], bytes]


class PublishedFolder:
    """A folder of checkpoints, each in a file that is called by its size. Nothing in it is ever written over."""

    def __init__(self, folder: Path, log_key: VerifierKey) -> None:
        self._folder = folder
        self._key = log_key

    def check(self, size: int, root_at: RootAt) -> None:
        """Require that a log of that size continues the last checkpoint in the folder. Raises LogError."""
        names = (path.name for path in self._folder.iterdir()) if self._folder.exists() else ()
        last = max((int(name) for name in names if name.isascii() and name.isdigit()), default=None)
        if last is None:
            return
        found = self._read(last)
        if found.size > size:
            raise LogError(f"REFUSING TO SIGN: database at {size}, {self._folder / str(last)} was published")
        if root_at(found.size) != found.root:
            raise LogError(f"REFUSING TO SIGN: the database has another history than {self._folder / str(last)}")

    def write(self, checkpoint: Checkpoint, note: bytes) -> None:
        """Write a checkpoint, unless it is there. Raises LogError where another one has its name, and OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / str(checkpoint.size)
        if not path.exists():
            self._write(path, note)
        found = self._read(checkpoint.size)
        if found != checkpoint:
            raise LogError(
                f"{path} has the root {found.root.hex()}, and the log {checkpoint.root.hex()}: two histories"
            )

    def _read(self, size: int) -> Checkpoint:
        path = self._folder / str(size)
        try:
            found = open_checkpoint(path.read_bytes(), self._key)
        except LogError as error:
            raise LogError(f"{path} is no checkpoint of this log: {error}") from None
        if found.size != size:
            raise LogError(f"{path} holds the checkpoint of size {found.size}")
        return found

    def _write(self, path: Path, note: bytes) -> None:
        fresh = path.with_name(f".{path.name}.new")  # hidden: neither an audit nor the pattern of the docs sees it
        write_file(fresh, note)
        with suppress(FileExistsError):  # written by somebody else meanwhile: the caller compares
            os.link(fresh, path)  # unlike a rename, it never replaces a file
        fresh.unlink()
        sync_directory(path.parent)
