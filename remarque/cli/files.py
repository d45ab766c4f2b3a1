"""Pictures among paths, and where this user's state lies."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import typer

#: What counts as a picture inside a folder. A file that is named itself is taken whatever it is called.
IMAGE_SUFFIXES = frozenset(
    {".avif", ".bmp", ".gif", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
)


def find_pictures(paths: Iterable[Path]) -> list[Path]:
    """Every file that is named, and the pictures inside every folder, in a stable order and each once.

    Raises typer.BadParameter where there is none: a mistyped folder must not look like a good answer.
    """
    found: dict[Path, None] = {}
    for path in paths:
        found.update(dict.fromkeys(pictures_below(path) if path.is_dir() else [path]))
    if not found:
        raise typer.BadParameter("no picture is there", param_hint="PATHS")
    return list(found)


def pictures_below(folder: Path) -> Iterator[Path]:
    """The pictures inside a folder and its folders, sorted; hidden ones and linked folders are left out.

    Raises OSError for a folder that cannot be read: to skip it in silence would leave its pictures undeclared.
    """
    for where, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES:
                yield Path(where, name)


def state_dir() -> Path:
    """Where this user's state lives (XDG Base Directory: $XDG_STATE_HOME, else ~/.local/state)."""
    home = os.environ.get("XDG_STATE_HOME", "")
    return (Path(home) if os.path.isabs(home) else Path.home() / ".local" / "state") / "remarque"


def _raise(error: OSError) -> None:
    raise error
