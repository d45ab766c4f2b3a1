"""What changed in the registry, entry by entry: lines of JSON, and a last one that says how far they go."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from remarque.codec import from_json, to_json
from remarque.errors import AnswerNotUnderstood, InvalidRequest

#: The types of entries that are about declarations.
TYPES = frozenset({"declare", "change", "withdraw", "dispute", "decide", "erase"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One entry about a declaration.

    ``ref``: the entry that it is about, where that is an earlier one. ``declaration``: its id, also of what was erased.
    ``preferences``: what holds from this entry on, where the entry says so. ``outcome``: how a dispute was decided,
    ``upheld`` (the declaration counts for nothing any more) or ``rejected``. ``opening``: what the entry commits to,
    the fingerprints among it; for holders of the right to snapshots alone, and null where it was erased.
    """

    index: int
    type: str
    at: datetime
    declaration: str | None = None
    ref: int | None = None
    preferences: dict[str, str] | None = None
    outcome: str | None = None
    opening: dict[str, Any] | None = None

    def to_line(self) -> bytes:
        """Return the line, with its newline."""
        return _line(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Until:
    """The last line: the state of the log that was asked, and the entry to go on from: ``since`` of the next request.

    All was told where ``next`` is ``tree_size``.
    """

    tree_size: int
    root: str
    next: int

    def to_line(self) -> bytes:
        """Return the line, with its newline."""
        return _line(self)


def read_changes(data: bytes, since: int) -> tuple[Sequence[Change], Until]:
    """Read an answer: the lines in ascending order from ``since`` on, and the last one. Raises AnswerNotUnderstood."""
    lines = data.split(b"\n")
    if lines.pop() or not lines:
        raise AnswerNotUnderstood("changes are whole lines; these end within one")
    changes = [from_json(Change, _value(line)) for line in lines[:-1]]
    until = from_json(Until, _value(lines[-1]))
    places = [since - 1, *(change.index for change in changes)]
    if any(later <= earlier for earlier, later in pairwise(places)):
        raise AnswerNotUnderstood("changes that do not follow one another")
    if not places[-1] < until.next <= until.tree_size:
        raise AnswerNotUnderstood(f"changes since {since} that end at {until.next} of {until.tree_size}")
    return changes, until


def _line(value: Change | Until) -> bytes:
    told = {name: item for name, item in to_json(value).items() if item is not None}
    try:
        return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    except UnicodeEncodeError as error:
        raise InvalidRequest(f"half a character cannot be told: {error}") from error


def _value(line: bytes) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise AnswerNotUnderstood(f"a line of changes is no JSON: {error}") from None
