"""Everything that changes the registry goes through here: one transaction, its entries, one commit, then the answer.

A use case is a *unit of work*: a function of a session and the end of the log. It checks, adds rows and appends
entries; it does not commit. One thread of each worker takes the units that wait, runs them one after the other in one
transaction that holds the end of the log, signs one checkpoint over all of them, and commits durably (group commit).
Then the high-water mark rises, the index catches up, and the callers return. What a caller is told has therefore
happened, and an interrupted request leaves nothing behind.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, func
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from app.checkpoints import Publisher
from app.db import Database
from app.tables import TreeHead
from app.tail import Edge, Tail
from remarque.answers import LogPosition
from remarque.errors import Busy, LogError, NotReady, RemarqueError, Unavailable

#: Units in one transaction. With 128 in flight all of them fit; beyond a few hundred a commit is under 5 % of the time
#: of its group, and the first caller only waits longer (bench/log.py).
GROUP = 256
#: Units that may wait: a second or two of work at 1,000 a second. More waiting would outlast the callers' patience.
WAITING = 2048

Result = TypeVar("Result")
Unit = Callable[[Session, Tail], Any]
log = logging.getLogger(__name__)


def first_head(index: Any) -> ColumnElement[bool]:
    """The condition that joins TreeHead to an entry's index: the first state of the log that holds the entry."""
    later = aliased(TreeHead)
    first = select(func.min(later.size)).where(col(later.size) > index).correlate_except(later)
    return col(TreeHead.size) == first.scalar_subquery()


def log_position(index: int, head: TreeHead) -> LogPosition:
    """Where an entry stands, as answers say it."""
    return LogPosition(index=index, tree_size=head.size, root=head.root.hex())


@dataclass(frozen=True, slots=True)
class Ahead:
    """A question of a unit that can be asked before it runs, for all units in a row that ask the same.

    ``ask`` is given what each of them is ``about``, and must see nothing that these units themselves change; what it
    returns stands in ``Tail.asked`` while they run, and is theirs to keep up to date.
    """

    ask: Callable[[Session, Tail, list[Any]], Any]
    about: Any


class _Job:
    """A unit that waits, and what becomes of it."""

    def __init__(self, unit: Unit, ahead: Ahead | None) -> None:
        self.unit = unit
        self.ahead = ahead
        self.result: Future[Any] = Future()

    @property
    def ask(self) -> Callable[[Session, Tail, list[Any]], Any] | None:
        return None if self.ahead is None else self.ahead.ask


class _Spoiled(Exception):
    """A unit, or what it wrote, let the transaction fail. The cause says how, ``at`` which unit it was if known."""

    def __init__(self, at: int | None) -> None:
        self.at = at


class Logbook:
    """The one way to write. ``published`` is called after each commit."""

    def __init__(self, database: Database, publisher: Publisher, published: Callable[[], None]) -> None:
        self._database = database
        self.publisher = publisher
        self._published = published
        self._edge: Edge | None = None
        self._queue: queue.Queue[_Job | None] = queue.Queue(WAITING)
        self._closing = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="logbook", daemon=True)
        self._thread.start()

    def transact(self, unit: Callable[[Session, Tail], Result], ahead: Ahead | None = None) -> Result:
        """Run one unit of work and return its result once it is committed and published.

        Raises what the unit raises, after which nothing of it is left; Busy where too many wait; Unavailable where it
        is committed and could not be published. A unit can be run a second time, on a session that knows nothing of
        the first: it keeps what it does in the session.
        """
        job = _Job(unit, ahead)
        with self._closing:
            if self._closed:
                raise NotReady("The service is stopping; send it again in a moment.")
            try:
                self._queue.put_nowait(job)
            except queue.Full:
                raise Busy("Too many requests wait to be written; send it again in a moment.", retry_after=1) from None
        result: Result = job.result.result()
        return result

    def close(self) -> None:
        """Write what waits, and take nothing more."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (first := self._queue.get()) is not None:
            group = [first]
            while len(group) < GROUP and not self._queue.empty():
                another = self._queue.get_nowait()
                if another is None:
                    self._queue.put_nowait(None)  # there is room: nothing is taken any more
                    break
                group.append(another)
            self._settle(group)

    def _settle(self, group: list[_Job]) -> None:
        """Run a group and tell each caller. A unit that spoils it is run alone, and so fails alone."""
        try:
            outcomes, note = self._together(group)
        except _Spoiled as spoiled:
            if len(group) > 1:
                at = spoiled.at
                parts = [[job] for job in group] if at is None else [group[:at], [group[at]], group[at + 1 :]]
                for part in filter(None, parts):
                    self._settle(part)
                return
            outcomes, note = [spoiled.__cause__], None
        except Exception as error:  # the database or the disk, and no unit is to blame: each caller is told
            log.exception("nothing could be written to the log")
            outcomes, note = [error] * len(group), None
        if note is not None and not self._publish(note):
            unseen = Unavailable("It is written, and could not be published; ask for it in a moment.")
            outcomes = [unseen] * len(group)
        for job, outcome in zip(group, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                job.result.set_exception(outcome)
            else:
                job.result.set_result(outcome)

    def _together(self, group: list[_Job]) -> tuple[list[Any], bytes | None]:
        """Run units in one transaction: the result or the refusal of each, and the checkpoint if anything was appended.
        Raises _Spoiled where one has to be left out, and anything else where none of them can be written."""
        with self._database.writing() as session:
            tail = Tail.lock(session, self._edge)
            at: int | None = None
            outcomes: list[Any] = []
            try:
                for ask, jobs in groupby(group, key=lambda job: job.ask):
                    at, alike = None, list(jobs)
                    tail.asked = ask and ask(session, tail, [job.ahead.about for job in alike if job.ahead])
                    for job in alike:
                        at = len(outcomes)
                        outcomes.append(_outcome(job.unit, tail))
                at = None
                note = tail.finish(self.publisher.sign)
                session.commit()
            except Exception as error:  # whatever a unit raises, the others must not suffer from it
                if isinstance(error, DBAPIError) and error.connection_invalidated:
                    raise  # it may be committed: running it again could write it twice
                raise _Spoiled(at) from error
        self._edge = tail.edge
        return outcomes, note

    def _publish(self, note: bytes) -> bool:
        """Let the mark rise, then the index follow. Whether the commit may be shown."""
        try:
            self.publisher.publish(note)
        except (OSError, LogError):
            log.exception("a commit could not be published")
            return False
        try:
            self._published()
        except Exception:
            # The commit stands and the callers are told so; the index follows by itself and says when it cannot.
            log.exception("the index could not catch up after a commit")
        return True


def _outcome(unit: Unit, tail: Tail) -> Any:
    """The result of a unit, or its refusal where it had written nothing. Raises what else it raises."""
    before = tail.state()
    try:
        return unit(tail.session, tail)
    except RemarqueError as refusal:
        if tail.state() != before:  # also where it only let the rows of earlier units be written: it then goes first
            raise
        return refusal
