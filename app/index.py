"""The index that answers checks: a view of a prefix of the log, which follows the log.

Each worker keeps its own. A thread looks for new entries a few times a second; the worker that committed one looks
at once. Checks ask the matcher alone and run no SQL. Labels have a matcher of their own, fed in the same pass: what is
declared and what is labelled are never compared with each other.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from sqlmodel import Session, col, select

from app.bases import Base, Bases
from app.db import Database
from app.tables import LogEntry, Opening, TreeHead
from remarque.answers import Fingerprint
from remarque.errors import InvalidFingerprint, LogError, NotKept, NotReady
from remarque.fingerprints.packing import unpack_regions
from remarque.log.entries import Entry
from remarque.log.merkle import EMPTY_ROOT
from remarque.matching.asking import State
from remarque.matching.feeding import feed
from remarque.matching.labels import LabelMatcher
from remarque.matching.matcher import Frozen, Matcher, View

#: A committed declaration must be seen by every worker within a second.
FOLLOW_SECONDS = 0.25
#: An index that could not look at the log for this long no longer answers: what it does not know may be a restriction.
STALE_SECONDS = 5.0
#: Entries that are read at once, which bounds the memory of a start.
BATCH = 5000
#: Rows in memory from which on a base is built: about 0.5 s of building, and 20 MB a worker. Of a large registry a
#: share must be new, because a base is written whole: what is written in all stays within a few times the registry.
ROWS_BEYOND_BASE, SHARE_BEYOND_BASE = 200_000, 0.25

#: How long a stored base may hold what was erased, before one without it takes its place: a base is written whole, so
#: the erasures of an hour are one.
ERASED_SECONDS = 3600.0

log = logging.getLogger(__name__)

#: The payload of an entry's opening; None where there is none (any more).
Payload = dict[str, Any] | None
WasAt = Callable[[int, str], bool]


class Erased(NamedTuple):
    """Erasures: the first entry that was erased, the last one that said so, and when this process learnt of it."""

    lowest: int
    by: int
    since: float


class Followed:
    """One matcher, how entries are fed to it, and the base that it begins from."""

    def __init__(self, matcher: Matcher, feed: Callable[[int, Entry, Payload], None], bases: Bases) -> None:
        self.matcher = matcher
        self._feed = feed
        self._bases = bases
        self._base_size = matcher.view.tree_size
        #: Entries that the matcher was fed; ahead of its view during a batch.
        self.applied = self._base_size
        self.builder: threading.Thread | None = None
        #: What was erased and may still be in stored bases.
        self._erased: Erased | None = None

    def apply(self, index: int, entry: Entry, opening: Payload) -> None:
        """Feed the entry, unless that was done."""
        if index >= self.applied:
            self._feed(index, entry, opening)
            self.applied = index + 1
            if entry.type == "erase":
                before = self._erased or Erased(index, index, time.monotonic())
                self._erased = Erased(min(before.lowest, int(entry.fields["ref"])), index, before.since)

    def rebase(self, was_at: WasAt) -> None:
        """Begin a new base in the background where much is held in memory, and take over one that is there."""
        base = self._bases.newest(was_at, after=self._base_size)
        if base is not None and base.view.tree_size <= self.matcher.view.tree_size:
            self.matcher.rebase(base.arrays)
            self._base_size = base.view.tree_size
        building = self.builder is not None and self.builder.is_alive()
        half_read = self.applied != self.matcher.view.tree_size
        enough = max(ROWS_BEYOND_BASE, SHARE_BEYOND_BASE * sum(self.matcher.view.rows.values()))
        if building or half_read or (self.matcher.beyond_base < enough and not self._must_forget()):
            return
        self.builder = threading.Thread(target=self._build, args=(self.matcher.freeze(),), name="base", daemon=True)
        self.builder.start()

    def _must_forget(self) -> bool:
        """Whether the newest base holds what was erased too long ago. Older ones that hold such are removed."""
        if self._erased is None:
            return False
        sizes = self._bases.sizes()
        holding = [size for size in sizes if self._erased.lowest < size <= self._erased.by]
        self._bases.remove(set(holding) - set(sizes[-1:]))
        if not sizes or sizes[-1] not in holding:
            self._erased = None
            return False
        return time.monotonic() - self._erased.since >= ERASED_SECONDS

    def _build(self, frozen: Frozen) -> None:
        try:
            self._bases.store(self.matcher, frozen)
        except Exception:
            # Nothing depends on it but memory and the time of the next start; the next turn tries again.
            log.exception("no base could be stored at tree size %d", frozen.view.tree_size)


class Index:
    """The matchers, and the thread that feeds them."""

    def __init__(self, database: Database, bases: Bases) -> None:
        self._database = database
        self._lock = threading.Lock()
        self.matcher = Matcher(*_begun(bases.newest(self._was_at)))
        of_labels = bases.of("labels")
        self.labels = LabelMatcher(*_begun(of_labels.newest(self._was_at)))
        self.followed = (
            Followed(self.matcher, self._feed_declaration, bases),
            Followed(self.labels, self._feed_label, of_labels),
        )
        self._looked_at: float | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="index", daemon=True)

    def start(self) -> None:
        """Read what of the log is not in the bases, then follow it."""
        self.catch_up()
        self._thread.start()

    def stop(self) -> None:
        """Stop following."""
        self._stop.set()
        for thread in (self._thread, *(followed.builder for followed in self.followed)):
            if thread is not None and thread.is_alive():
                thread.join()

    @property
    def view(self) -> View:
        """The state that answers are given for. Raises NotReady while it is not known to be the newest."""
        self._require_fresh()
        return self.matcher.view

    def state_at(self, tree_size: int) -> State:
        """An earlier state that was signed, at the time that was logged for it. Raises NotKept, NotReady.

        What was erased since is in none. This alone asks the database: which states there were, it knows alone.
        """
        if tree_size == self.view.tree_size == 0:
            return State(self.matcher, self.view)
        with self._database.reading() as session:
            head = session.get(TreeHead, tree_size)
        if head is None:
            raise NotKept(f"No state of tree size {tree_size} was signed; the newest is {self.view.tree_size}.")
        if tree_size > self.view.tree_size:  # another worker committed it a moment ago
            self.catch_up()
        return State(self.matcher, self.matcher.view_at(tree_size, head.root.hex()), head.at.timestamp())

    @property
    def label_view(self) -> View:
        """The state that is searched for labels. Raises NotReady as ``view`` does."""
        self._require_fresh()
        return self.labels.view

    def _require_fresh(self) -> None:
        if self._looked_at is None or time.monotonic() - self._looked_at > STALE_SECONDS:
            raise NotReady("The index cannot see the log at the moment; an answer might miss a restriction.")

    def catch_up(self) -> None:
        """Apply every entry that is committed. Afterwards the views hold all that was committed before the call."""
        with self._lock:
            looked_at = time.monotonic()
            with self._database.reading() as session:
                head = session.exec(select(TreeHead).order_by(col(TreeHead.size).desc()).limit(1)).first()
                size, root = (head.size, head.root) if head else (0, EMPTY_ROOT)
                if size < max(followed.applied for followed in self.followed):
                    raise LogError(f"the log has shrunk to {size} entries")
                while (applied := min(followed.applied for followed in self.followed)) < size:
                    self._apply(session, applied, min(applied + BATCH, size))
                for followed in self.followed:
                    if size != followed.matcher.view.tree_size:
                        followed.matcher.advance(size, root.hex())
            self._looked_at = looked_at

    def rebase(self) -> None:
        """Let bases hold what is held in memory, where that is much; new ones are built in the background."""
        with self._lock:
            for followed in self.followed:
                followed.rebase(self._was_at)

    def _was_at(self, size: int, root: str) -> bool:
        with self._database.reading() as session:
            head = session.get(TreeHead, size)
        return head is not None and head.root.hex() == root

    def _apply(self, session: Session, start: int, stop: int) -> None:
        rows = session.exec(
            select(LogEntry.idx, LogEntry.body, Opening.payload)
            .join(Opening, col(Opening.idx) == col(LogEntry.idx), isouter=True)
            .where(LogEntry.idx >= start, LogEntry.idx < stop)
            .order_by(col(LogEntry.idx))
        ).all()
        if [row[0] for row in rows] != list(range(start, stop)):
            raise LogError(f"the log has a gap between entries {start} and {stop}")
        for index, body, payload in rows:
            entry, opening = Entry.decode(body), None if payload is None else json.loads(payload)
            for followed in self.followed:
                followed.apply(index, entry, opening)

    def _feed_declaration(self, index: int, entry: Entry, opening: Payload) -> None:
        ref = entry.fields.get("ref")
        feed(self.matcher, index, entry.type, None if ref is None else int(ref), opening)

    def _feed_label(self, index: int, entry: Entry, opening: Payload) -> None:
        if entry.type == "erase":
            self.labels.erase(index, ref=int(entry.fields["ref"]))
        # Labels of the first versions have no list of fingerprints, and are not found again.
        if entry.type != "label" or opening is None or not opening.get("fingerprints"):
            return
        try:
            self.labels.add(
                index,
                id=opening["id"],
                fingerprints=[Fingerprint(**item) for item in opening["fingerprints"]],
                regions=unpack_regions(opening["regions"]) if "regions" in opening else None,
            )
        except (InvalidFingerprint, KeyError, TypeError, ValueError):
            # Written by another version: one label that is not found by its looks. What is declared must not wait.
            log.exception("the label of entry %d cannot be searched for", index)

    def _follow(self) -> None:
        while not self._stop.wait(FOLLOW_SECONDS):
            try:
                self.catch_up()
                self.rebase()
            except Exception:
                # Said once a turn and not fatal: the view turns stale, checks answer 503 until the log is back.
                log.exception("the index could not read the log")


def _begun(base: Base | None) -> tuple[Any, ...]:
    """What a matcher begins with."""
    return () if base is None else (base.arrays, base.view)
