"""Group commit: many requests in one transaction, each as if it were alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, func, select, text

from app import logbook as logbook_module
from app.access import Caller, Scope, create_party, identify
from app.db import Database
from app.logbook import Logbook
from app.registry import Work, change_preferences, declare
from app.schemas.requests import DeclarationCreate
from app.tables import DeclarationRow, Identity, LogEntry, Opening, Party, TreeHead
from app.tail import Tail
from remarque.answers import Fingerprint
from remarque.errors import AlreadyDeclared, Busy, NotFound, NotReady, Unavailable
from remarque.log.checkpoint import open_checkpoint
from remarque.preferences import Category, Preference
from tests.api.conftest import Service
from tests.logs import publisher_in


def work(number: int) -> Work:
    return Work([Fingerprint(alg="pdq", value=f"{number:064x}")])


def party(database: Database) -> Caller:
    with database.writing() as session:
        key = create_party(session, display_name=None, kind=None).api_key
    with database.reading() as session:
        caller = identify(session, f"Bearer {key}")
    assert isinstance(caller, Caller)
    return caller


def declare_many(service: Service, database: Database, count: int) -> None:
    """Declare works beside HTTP, in one transaction, by the service's own log."""
    caller = Caller(party(database).party, "key", frozenset({Scope.DECLARE}))
    running = service.http.app.state.resources.logbook
    together(running, [lambda n=n: declare(running, caller, work(n), DeclarationCreate()) for n in range(count)])


def together(logbook: Logbook, calls: list[Callable[[], Any]]) -> list[Any]:
    """Make calls that wait for each other's commit: while a first unit holds the log, all of them queue up. What each
    returned or raised."""
    entered, go = threading.Event(), threading.Event()

    def hold(session: Session, tail: Tail) -> None:
        entered.set()
        go.wait()

    outcomes: list[Any] = [None] * len(calls)

    def run(number: int) -> None:
        try:
            outcomes[number] = calls[number]()
        except Exception as error:
            outcomes[number] = error

    first = threading.Thread(target=logbook.transact, args=(hold,))
    first.start()
    entered.wait()
    threads = []
    for number in range(len(calls)):  # one after the other, so that their order is known
        threads.append(threading.Thread(target=run, args=(number,)))
        queued = logbook._queue.qsize()
        threads[-1].start()
        while logbook._queue.qsize() == queued and threads[-1].is_alive():
            threading.Event().wait(0.001)
    go.set()
    for thread in [first, *threads]:
        thread.join()
    return outcomes


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database(database_url)
    yield opened
    opened.close()


@pytest.fixture
def logbook(database: Database, tmp_path: Path) -> Iterator[Logbook]:
    made = Logbook(database, publisher_in(tmp_path), lambda: None)
    yield made
    made.close()


def sizes(database: Database) -> list[int]:
    with database.reading() as session:
        return list(session.exec(select(TreeHead.size).order_by(col(TreeHead.size))).all())


def test_what_waits_is_committed_together_under_one_checkpoint(database: Database, logbook: Logbook):
    caller = party(database)
    calls = [lambda n=n: declare(logbook, caller, work(n), DeclarationCreate()) for n in range(10)]
    outcomes = together(logbook, calls)
    assert len({identifier for identifier, new in outcomes if new}) == 10
    assert sizes(database) == [10]
    with database.reading() as session:
        note = session.exec(select(TreeHead.note)).one()
        for table in (LogEntry, Opening, Identity):
            assert session.exec(select(func.count()).select_from(table)).one() == 10
        rows = session.exec(select(DeclarationRow.idx, DeclarationRow.pdq).order_by(col(DeclarationRow.idx))).all()
    assert open_checkpoint(note, logbook.publisher.keys.log.verifier).size == 10
    assert logbook.publisher.mark.read().size == 10
    assert [(idx, int.from_bytes(pdq, "big")) for idx, pdq in rows] == [(n, n) for n in range(10)]


def test_the_same_picture_twice_in_one_group_is_one_declaration(database: Database, logbook: Logbook):
    caller = party(database)
    outcomes = together(logbook, [lambda: declare(logbook, caller, work(1), DeclarationCreate())] * 3)
    assert [new for _, new in outcomes] == [True, False, False]
    assert len({identifier for identifier, _ in outcomes}) == 1
    assert sizes(database) == [1]


def test_a_refusal_fails_alone_and_the_group_stands(database: Database, logbook: Logbook):
    caller = party(database)
    other = {Category.SEARCH: Preference.ALLOWED}
    outcomes = together(
        logbook,
        [
            lambda: declare(logbook, caller, work(1), DeclarationCreate()),
            lambda: declare(logbook, caller, work(1), DeclarationCreate(preferences=other)),
            lambda: declare(logbook, caller, work(2), DeclarationCreate()),
        ],
    )
    assert isinstance(outcomes[1], AlreadyDeclared)
    assert sizes(database) == [2]
    outcomes = together(
        logbook,
        [
            lambda: declare(logbook, caller, work(3), DeclarationCreate()),
            lambda: change_preferences(logbook, caller, "dec_0", other),
            lambda: change_preferences(logbook, caller, outcomes[0][0], other),
            lambda: declare(logbook, caller, work(4), DeclarationCreate()),
        ],
    )
    assert isinstance(outcomes[1], NotFound)
    assert (outcomes[0][1], outcomes[2], outcomes[3][1]) == (True, None, True)
    assert sizes(database)[-1] == 5


def failing(how: str) -> Callable[[Session, Tail], None]:
    """A unit that writes, and then fails in some way."""

    def unit(session: Session, tail: Tail) -> None:
        tail.append("declare", identity={"party": "x"}, opening={"id": "left over"})
        session.add(Party(id="left over", created_at=tail.now))
        if how == "refuses":
            raise NotFound("after it wrote")
        if how == "breaks":
            raise ZeroDivisionError
        if how == "breaks the database":
            session.add(Party(id="operator", created_at=tail.now))
            session.flush()
            session.execute(text("INSERT INTO party (id, created_at) VALUES ('operator', '2026-01-01 00:00:00')"))

    return unit


@pytest.mark.parametrize(
    ("how", "error"),
    [("refuses", NotFound), ("breaks", ZeroDivisionError), ("breaks the database", IntegrityError)],
)
def test_a_unit_that_fails_after_it_wrote_harms_nobody(database: Database, logbook: Logbook, how: str, error: type):
    caller = party(database)
    outcomes = together(
        logbook,
        [
            lambda: declare(logbook, caller, work(1), DeclarationCreate()),
            lambda: logbook.transact(failing(how)),
            lambda: declare(logbook, caller, work(2), DeclarationCreate()),
        ],
    )
    assert isinstance(outcomes[1], error)
    assert [outcomes[0][1], outcomes[2][1]] == [True, True]
    assert sizes(database) == [1, 2]
    with database.reading() as session:
        assert session.get(Party, "left over") is None
        assert all(b"left over" not in payload for payload in session.exec(select(Opening.payload)).all())


def test_units_see_the_entries_of_earlier_ones_and_can_erase_them(database: Database, logbook: Logbook):
    caller = party(database)

    def erase(session: Session, tail: Tail) -> int:
        found = session.exec(select(func.count()).select_from(Opening)).one()
        session.execute(text("DELETE FROM opening"))
        return found

    calls = [lambda n=n: declare(logbook, caller, work(n), DeclarationCreate()) for n in range(3)]
    outcomes = together(logbook, [*calls, lambda: logbook.transact(erase)])
    assert outcomes[3] == 3
    with database.reading() as session:
        assert session.exec(select(Opening)).all() == []
        assert session.exec(select(func.count()).select_from(LogEntry)).one() == 3


def test_too_many_that_wait_are_told_to_come_back(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(logbook_module, "WAITING", 2)
    logbook = Logbook(database, publisher_in(tmp_path), lambda: None)
    caller = party(database)
    calls = [lambda n=n: declare(logbook, caller, work(n), DeclarationCreate()) for n in range(4)]
    outcomes = together(logbook, calls)
    assert [isinstance(outcome, Busy) for outcome in outcomes] == [False, False, True, True]
    assert sizes(database) == [2]
    logbook.close()


def test_closing_writes_what_waits_and_takes_nothing_more(database: Database, tmp_path: Path):
    logbook = Logbook(database, publisher_in(tmp_path), lambda: None)
    caller = party(database)
    closing = threading.Thread(target=logbook.close)
    calls = [lambda n=n: declare(logbook, caller, work(n), DeclarationCreate()) for n in range(5)]
    outcomes = together(logbook, [*calls, closing.start])
    closing.join()
    assert [outcome[1] for outcome in outcomes[:5]] == [True] * 5
    assert sizes(database) == [5]
    with pytest.raises(NotReady):
        declare(logbook, caller, work(9), DeclarationCreate())


def test_invariant_4_nobody_is_answered_where_the_mark_cannot_rise(
    database: Database, logbook: Logbook, tmp_path: Path
):
    caller = party(database)
    declare(logbook, caller, work(1), DeclarationCreate())
    (tmp_path / "log/checkpoint.2").mkdir()  # the disk is full, or read-only, or gone
    with pytest.raises(Unavailable):
        declare(logbook, caller, work(2), DeclarationCreate())
    (tmp_path / "log/checkpoint.2").rmdir()
    assert logbook.publisher.mark.read().size == 1
    _, new = declare(logbook, caller, work(2), DeclarationCreate())
    assert not new
    declare(logbook, caller, work(3), DeclarationCreate())
    assert logbook.publisher.mark.read().size == 3
