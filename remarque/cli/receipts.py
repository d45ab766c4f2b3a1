"""Receipts as files: of declarations one each, of checks one for each request."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import typer

from remarque.client import Client, write_whole
from remarque.errors import InvalidRequest

#: What a receipt of a declaration is called; the service suggests the same name.
NAME = "remarque-receipt-{id}.json"


def keep_receipt(client: Client, folder: Path, declaration: str) -> Path:
    """Fetch the receipt of a declaration into a folder, unless it lies there. Raises ServiceError, OSError."""
    path = folder / NAME.format(id=declaration)
    if not path.exists():
        write_whole(path, client.receipt(declaration))
    return path


class ReceiptFiles:
    """Where the receipts of one run go: the first to ``path``, others beside it with a number before the suffix.

    Raises typer.BadParameter where the first is there already: a receipt is never written over.
    """

    def __init__(self, path: Path) -> None:
        if path.exists():
            raise typer.BadParameter(f"{path} is there already; name a new file", param_hint="--receipt")
        self._path = path
        self.written: list[Path] = []

    def write(self, receipt: bytes) -> None:
        """Write the next receipt. Raises OSError, InvalidRequest where that file is there already."""
        number = len(self.written) + 1
        path = self._path if number == 1 else self._path.with_suffix(f".{number}{self._path.suffix}")
        if path.exists():
            raise InvalidRequest(f"{path} is there already; a receipt is never written over")
        write_whole(path, receipt)
        self.written.append(path)

    def told(self) -> Sequence[str]:
        """The files, as text."""
        return [str(path) for path in self.written]
