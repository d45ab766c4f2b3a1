"""What stands is asked for once in a group, and is what asking one by one would tell."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import event
from sqlmodel import Session, col, func, select

from app.db import Database
from app.logbook import Logbook
from app.registry import Work, declare, withdraw
from app.schemas.requests import DeclarationCreate
from app.standing import Same, standing
from app.tables import DeclarationRow, LogEntry
from app.tail import Tail
from remarque.answers import Fingerprint, Status
from remarque.errors import AlreadyDeclared
from remarque.preferences import Category, Preference
from tests.api.test_group_commit import party, together, work
from tests.logs import publisher_in


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


def slowly(session: Session, same: Same, now: datetime) -> str | None:
    """The obvious way: look at all that there is, first to last."""
    for row in session.exec(select(DeclarationRow).order_by(col(DeclarationRow.idx))).all():
        alike = row.pdq == same.pdq or (same.digest is not None and row.digest == same.digest)
        current = row.valid_until is None or row.valid_until > now
        if row.party_id == same.party and alike and row.status != Status.WITHDRAWN and current:
            return row.id
    return None


@pytest.mark.parametrize("seed", range(3))
def test_many_works_at_once_are_answered_as_each_by_itself(database: Database, seed: int):
    random = Random(seed)
    parties = [party(database).party for _ in range(3)]
    values = [bytes([n]) * 32 for n in range(6)]
    now = datetime.now(UTC)
    ends = [None, now + timedelta(days=1), now - timedelta(days=1)]

    def some() -> Same:
        return Same(random.choice(parties), random.choice(values), random.choice([None, *values]))

    with database.writing() as session:
        tail = Tail.lock(session)
        for number in range(30):
            party_id, pdq, digest = some()
            row = {"id": f"dec_{number}", "idx": tail.append("declare", identity={}, opening={"n": number})}
            row |= {"party_id": party_id, "pdq": pdq, "digest": digest, "claim": "self", "preferences": {}}
            row |= {"status": random.choice(list(Status)), "valid_until": random.choice(ends), "declared_at": now}
            tail.add(DeclarationRow, row)
        works = [some() for _ in range(40)]
        answer = standing(session, tail, works)
        told = [answer.find(same) for same in works]
        assert [stands and stands.id for stands in told] == [slowly(session, same, tail.now) for same in works]
        assert any(told)
        assert not all(told)


def test_a_group_of_declarations_asks_the_database_once(database: Database, logbook: Logbook):
    asked: list[str] = []

    @event.listens_for(database.engine, "before_cursor_execute")
    def _note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "declaration" in statement and statement.startswith("SELECT"):
            asked.append(statement)

    caller = party(database)
    together(logbook, [lambda n=n: declare(logbook, caller, work(n), DeclarationCreate()) for n in range(20)])
    assert len(asked) == 1


def test_what_other_requests_of_a_group_change_is_seen(database: Database, logbook: Logbook):
    caller = party(database)
    first, _ = declare(logbook, caller, work(1), DeclarationCreate())
    other = DeclarationCreate(preferences={Category.SEARCH: Preference.ALLOWED})
    outcomes = together(
        logbook,
        [
            lambda: declare(logbook, caller, work(1), DeclarationCreate()),
            lambda: declare(logbook, caller, work(1), other),
            lambda: withdraw(logbook, caller, first),
            lambda: declare(logbook, caller, work(1), other),
            lambda: declare(logbook, caller, work(1), DeclarationCreate()),
        ],
    )
    assert outcomes[0] == (first, False)
    assert isinstance(outcomes[1], AlreadyDeclared)
    again, new = outcomes[3]
    assert new
    assert isinstance(outcomes[4], AlreadyDeclared)
    assert again in str(outcomes[4])
    with database.reading() as session:
        assert session.exec(select(func.count()).select_from(LogEntry)).one() == 3


def test_the_same_file_with_another_fingerprint_is_the_same_work(database: Database, logbook: Logbook):
    caller = party(database)

    def of(number: int) -> Work:
        return Work([Fingerprint(alg="pdq", value=f"{number:064x}")], sha256="ab" * 32)

    calls = [lambda n=n: declare(logbook, caller, of(n), DeclarationCreate()) for n in range(3)]
    outcomes = together(logbook, calls)
    assert [new for _, new in outcomes] == [True, False, False]
    assert declare(logbook, caller, of(9), DeclarationCreate()) == (outcomes[0][0], False)
