"""Files that appear whole or not at all, and pictures that are replaced in place."""

import os
import stat
from pathlib import Path
from typing import NamedTuple

from remarque.durable import write_whole
from remarque.errors import InvalidRequest


class Original(NamedTuple):
    """A file as it was read: where it lies (links followed), what it held, and how the system described it."""

    path: Path
    data: bytes
    status: os.stat_result


def read_original(path: str | os.PathLike[str]) -> Original:
    """Read a file that is to be replaced. Raises OSError."""
    whole = Path(path).resolve(strict=True)
    with whole.open("rb") as file:
        return Original(whole, file.read(), os.fstat(file.fileno()))


def replace(original: Original, data: bytes) -> None:
    """Put other bytes in the place of a file; its mode stays.

    Raises InvalidRequest where the file is no longer what was read, OSError; it is untouched then.
    """
    now, was = original.path.stat(), original.status
    if (now.st_ino, now.st_size, now.st_mtime_ns) != (was.st_ino, was.st_size, was.st_mtime_ns):
        raise InvalidRequest(f"{original.path.name} changed while it was being labelled; it was left as it is")
    write_whole(original.path, data, mode=stat.S_IMODE(was.st_mode))
