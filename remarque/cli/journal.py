"""What was declared already, remembered on this machine, so that an interrupted run goes on where it ended.

One NDJSON file for each registry and key; each line ``{"sha256", "statement", "id"}``: the digest of the picture's
bytes, the digest of what was said about it, the declaration. It is a hint and no more: whoever reads it asks the
registry whether the declaration still stands. So a line that cannot be read costs one more upload, nothing else.
"""

import hashlib
import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import rfc8785


class Journal:
    """An append-only file, one for each registry and key. Raises OSError where it cannot be written."""

    def __init__(self, folder: Path, registry: str, key: str) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = hashlib.sha256(f"{registry}\n{key}".encode()).hexdigest()
        self.path = folder / f"declared-{owner[:32]}.ndjson"
        self._file = os.fdopen(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600), "r+b")
        self._ids = self._read()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def find(self, sha256: str, statement: str) -> str | None:
        """The declaration that said this about these bytes, if one was made from here."""
        return self._ids.get((sha256, statement))

    def remember(self, sha256: str, statement: str, declaration: str) -> None:
        """Note a declaration; it is handed to the system before this returns."""
        line = json.dumps({"sha256": sha256, "statement": statement, "id": declaration})
        self._file.write(line.encode() + b"\n")
        self._file.flush()
        self._ids[sha256, statement] = declaration

    def _read(self) -> dict[tuple[str, str], str]:
        self._file.seek(0)
        data = self._file.read()
        if data and not data.endswith(b"\n"):  # a run was killed while it wrote
            self._file.write(b"\n")
        entries = filter(None, map(_entry, data.splitlines()))
        return {(sha256, statement): declaration for sha256, statement, declaration in entries}


def statement_digest(statement: Any) -> str:
    """The digest of what is said: SHA-256 of its canonical JSON (RFC 8785)."""
    return hashlib.sha256(rfc8785.dumps(statement)).hexdigest()


def _entry(line: bytes) -> tuple[str, str, str] | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    fields = [value.get(name) for name in ("sha256", "statement", "id")] if isinstance(value, dict) else []
    texts = [field for field in fields if isinstance(field, str)]
    return (texts[0], texts[1], texts[2]) if len(texts) == 3 else None
