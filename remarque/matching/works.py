"""All declarations as columns: what each one says, since which entry of the log, until when.

Nothing is overwritten: a statement keeps the index of its entry and points to the one before it. A reader that knows
the size of the log it answers for walks back to the newest statement within it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from remarque.errors import LogError
from remarque.matching.columns import Column
from remarque.preferences import Category, Claim, Preference

#: An identifier is this and 32 hexadecimal digits; the 16 bytes are what is kept.
ID_PREFIX = "dec_"
ID_BYTES = 16
NONE = -1
#: A time that never comes: declarations without an end.
FOREVER = np.iinfo(np.int64).max
#: A time that was always past: the end of what was erased, in every state of the log.
ERASED = np.iinfo(np.int64).min

_CATEGORIES = tuple(Category)
_VALUES: tuple[Preference | None, ...] = (None, *Preference)
_CLAIMS = tuple(Claim)
_BITS = 3  # of one category: absent, or one of four values
_CLAIM_SHIFT = _BITS * len(_CATEGORIES)
_DISPUTED = 1 << 30
_ENDED = np.uint32(1 << 31)


@dataclass(frozen=True, slots=True)
class Statement:
    """What a declaration says: its preferences and who vouches for it. While it is ``disputed``, it permits nothing."""

    preferences: Mapping[Category, Preference]
    claim: Claim
    disputed: bool = False

    @property
    def counting(self) -> dict[Category, Preference]:
        """The preferences that count: of a disputed declaration the restrictions alone."""
        return {
            category: preference
            for category, preference in self.preferences.items()
            if not (self.disputed and preference is Preference.ALLOWED)
        }


def pack(statement: Statement | None) -> int:
    """A statement in 32 bits; None, a declaration that has ended, is the highest of them."""
    if statement is None:
        return int(_ENDED)
    code = _CLAIMS.index(statement.claim) << _CLAIM_SHIFT
    if statement.disputed:
        code |= _DISPUTED
    for place, category in enumerate(_CATEGORIES):
        code |= _VALUES.index(statement.preferences.get(category)) << (_BITS * place)
    return code


def unpack(code: int) -> Statement | None:
    """Inverse of ``pack``. Raises LogError on bits that it does not write."""
    if code == _ENDED:
        return None
    disputed, code = bool(code & _DISPUTED), code & ~_DISPUTED
    said = {}
    try:
        for place, category in enumerate(_CATEGORIES):
            value = _VALUES[(code >> (_BITS * place)) & (2**_BITS - 1)]
            if value is not None:
                said[category] = value
        return Statement(said, _CLAIMS[code >> _CLAIM_SHIFT], disputed)
    except IndexError:
        raise LogError(f"no statement is written as {code:#x}") from None


class Works:
    """Declarations by slot, in the order of their entries."""

    def __init__(self, base: Mapping[str, NDArray[Any]] | None = None) -> None:
        """``base``: what ``arrays`` returned earlier, possibly mapped from a file."""
        given = base or {}
        self._entry = Column(np.int64, base=given.get("work_entry"))
        self._id = Column(np.uint8, ID_BYTES, base=given.get("work_id"))
        self._said_at = Column(np.int64, base=given.get("statement_entry"))
        self._said_before = Column(np.int32, base=given.get("statement_before"))
        self._said = Column(np.uint32, base=given.get("statement_code"))
        # The two things that change in place, and so are kept in memory. Of the newest statement a reader finds an
        # older or a newer one, and both lead back to its own; what is erased shall end for every reader at once.
        self._newest = Column(np.int32)
        self._newest.append(given.get("work_newest", ()))
        self._until = Column(np.int64)
        self._until.append(given.get("work_until", ()))

    def __len__(self) -> int:
        return len(self._entry)

    def add(self, entry: int, *, id: str, statement: Statement, valid_until: int | None) -> int:
        """Add the declaration of that entry and return its slot; ``valid_until`` in Unix seconds."""
        slot = len(self)
        digits = id.removeprefix(ID_PREFIX)
        if len(digits) != 2 * ID_BYTES or ID_PREFIX + digits != id:
            raise LogError(f"{id[:80]!r} is no identifier of a declaration")
        self._id.append(np.frombuffer(bytes.fromhex(digits), np.uint8))
        self._until.append([FOREVER if valid_until is None else valid_until])
        self._newest.append([self._append(entry, NONE, statement)])
        self._entry.append([entry])
        return slot

    def state(self, entry: int, *, ref: int, statement: Statement | None) -> None:
        """From ``entry`` on, the declaration of entry ``ref`` says that; None ends it."""
        slot = self.slot_of(ref)
        self._newest.replace(slot, self._append(entry, int(self._newest[slot]), statement))

    def erase(self, ref: int) -> None:
        """The declaration of entry ``ref`` has never said anything, whatever the state that is asked about.

        One that is not held is erased already: what is stored of a state holds nothing of those that ended before it.
        """
        slot = self._place_of(ref)
        if slot < len(self._entry) and self._entry[slot] == ref:
            self._until.replace(slot, ERASED)

    def erased(self) -> NDArray[np.bool_]:
        """Which slots are erased."""
        erased: NDArray[np.bool_] = self._until.rows(len(self)) == ERASED
        return erased

    def _append(self, entry: int, before: int, statement: Statement | None) -> int:
        place = len(self._said)
        self._said_at.append([entry])
        self._said_before.append([before])
        self._said.append([pack(statement)])
        return place

    def slot_of(self, entry: int) -> int:
        """The slot of the declaration made by that entry. Raises LogError where it made none."""
        slot = self._place_of(entry)
        if slot == len(self._entry) or self._entry[slot] != entry:
            raise LogError(f"entry {entry} declares nothing")
        return slot

    def declared_before(self, tree_size: int) -> int:
        """How many of the works were declared in a log of that size: the first so many slots."""
        return self._place_of(tree_size)

    def _place_of(self, entry: int) -> int:
        """The first slot of that entry or a later one."""
        low, high = 0, len(self._entry)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self._entry[middle] < entry else (low, middle)
        return low

    def newest(self, ref: int) -> Statement | None:
        """What the declaration of entry ``ref`` said last; None where it has ended.

        One that is not held has ended: what is stored of a state holds nothing of those that ended before it.
        """
        slot = self._place_of(ref)
        if slot == len(self._entry) or self._entry[slot] != ref:
            return None
        return unpack(int(self._said[int(self._newest[slot])]))

    def id_of(self, slot: int) -> str:
        """The identifier of a declaration."""
        return ID_PREFIX + bytes(self._id[slot]).hex()

    def said(self, slot: int, tree_size: int, when: float) -> Statement | None:
        """What a declaration says in the log of that size, at that time (Unix seconds); None: nothing (any more)."""
        if self._until[slot] <= when:
            return None
        place = int(self._newest[slot])
        while place != NONE and self._said_at[place] >= tree_size:
            place = int(self._said_before[place])
        return None if place == NONE else unpack(int(self._said[place]))

    def statements(self, slots: NDArray[np.int64], tree_size: int) -> NDArray[np.int64]:
        """The statement, by its place, that holds for each of these works in the log of that size.

        NONE for those that say nothing (any more); what has expired is not among them.
        """
        places = self._newest.take(slots).astype(np.int64)
        while True:
            later = np.flatnonzero(places != NONE)
            later = later[self._said_at.take(places[later]) >= tree_size]
            if not len(later):
                break
            places[later] = self._said_before.take(places[later])
        there = np.flatnonzero(places != NONE)
        ended = there[self._said.take(places[there]) == _ENDED]
        places[ended] = NONE
        places[self._until.take(slots) == ERASED] = NONE
        return places

    def only(self, slots: NDArray[np.int64], places: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        """These works alone, each with one statement, as arrays to be stored."""
        return {
            "work_entry": self._entry.take(slots),
            "work_id": self._id.take(slots),
            "work_until": self._until.take(slots),
            "work_newest": np.arange(len(slots), dtype=np.int32),
            "statement_entry": self._said_at.take(places),
            "statement_before": np.full(len(slots), NONE, np.int32),
            "statement_code": self._said.take(places),
        }

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything but what is erased, as arrays to be stored; deterministic in the entries that were fed."""
        works, statements = len(self._entry), len(self._said)
        until, ids = self._until.rows(works), self._id.rows(works)
        ids[until == ERASED] = 0
        return {
            "work_entry": self._entry.rows(works),
            "work_id": ids,
            "work_until": until,
            "work_newest": self._newest.rows(works),
            "statement_entry": self._said_at.rows(statements),
            "statement_before": self._said_before.rows(statements),
            "statement_code": self._said.rows(statements),
        }
