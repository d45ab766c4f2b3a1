"""Files that are on the disk when a function returns, and that appear whole or not at all."""

import os
import secrets
from pathlib import Path


def write_file(path: Path, *contents: bytes | memoryview) -> None:
    """Write a file, on to the disk. Its name lasts once the folder is synced too. Raises OSError."""
    with path.open("wb") as file:
        for content in contents:
            file.write(content)
        file.flush()
        os.fsync(file.fileno())


def write_whole(path: Path, data: bytes, *, mode: int | None = None) -> None:
    """Write a file under another name, on to the disk, and then put it in place: nobody ever sees a part of it.

    ``mode`` is that of a new file by default. Raises OSError; nothing is left behind then.
    """
    temporary = path.parent / f".{path.name[:40]}.{secrets.token_hex(8)}"
    try:
        write_file(temporary, data)
        if mode is not None:
            temporary.chmod(mode)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(path.parent)


def sync_directory(folder: Path) -> None:
    """Make the names in a folder last. Windows has no such thing for a folder and keeps its own journal."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
