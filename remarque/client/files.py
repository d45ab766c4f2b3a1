"""Files that appear whole or not at all, and pictures that are replaced in place."""

import os
import secrets
import stat
from pathlib import Path
from typing import NamedTuple

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


def write_whole(path: Path, data: bytes, *, mode: int | None = None) -> None:
    """Write a file under another name, on to the disk, and then put it in place: nobody ever sees a part of it.

    ``mode`` is that of a new file by default. Raises OSError; nothing is left behind then.
    """
    temporary = path.parent / f".{path.name[:40]}.{secrets.token_hex(8)}"
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            temporary.chmod(mode)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make the new name last. Windows has no such thing for a folder and keeps its own journal."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
