"""The index that follows the log: it never applies an entry twice and never answers from a state it cannot trust."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from sqlmodel import text

from app import index as index_module
from app.access import Caller, create_party, identify
from app.bases import Bases
from app.db import Database
from app.index import Index
from app.logbook import Logbook
from app.migrate import migrate
from app.registry import Work, declare, withdraw
from app.schemas.requests import DeclarationCreate
from remarque.answers import Fingerprint
from remarque.errors import LogError, NotReady
from remarque.matching.matcher import PDQ, Frozen
from tests.logs import publisher_in


@pytest.fixture
def database(tmp_path: Path):
    migrate(f"sqlite:///{tmp_path / 'r.db'}")
    opened = Database(f"sqlite:///{tmp_path / 'r.db'}")
    yield opened
    opened.close()


def fill(database: Database, folder: Path, count: int) -> None:
    with database.writing() as session:
        key = create_party(session, display_name=None, kind=None).api_key
    with database.reading() as session:
        caller = identify(session, f"Bearer {key}")
    assert isinstance(caller, Caller)
    logbook = Logbook(database, publisher_in(folder), lambda: None)
    for number in range(count):
        work = Work([Fingerprint(alg="pdq", value=f"{number << 128:064x}")])
        declare(logbook, caller, work, DeclarationCreate())


def found(index: Index) -> list[int]:
    """How often each of the declared hashes is matched by a declaration at distance 0."""
    asked = np.frombuffer(b"".join((n << 128).to_bytes(32, "big") for n in range(7)), np.uint8).reshape(-1, 32)
    answer = index.matcher.match(index.view, PDQ, asked)
    return [sum(match.distance == 0 for match in answer.get(n, [])) for n in range(7)]


def test_a_failure_half_way_neither_loses_nor_doubles(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(index_module, "BATCH", 2)
    fill(database, tmp_path, 7)
    index = Index(database, Bases(tmp_path / "index"))
    real, calls = index.matcher.declare, []

    def fails_once(entry: int, **fields: object) -> None:
        calls.append(entry)
        if len(calls) == 4:
            raise OSError("the disk is gone")
        real(entry, **fields)

    monkeypatch.setattr(index.matcher, "declare", fails_once)
    with pytest.raises(OSError, match="disk"):
        index.catch_up()
    assert index.matcher.view.tree_size == 0, "nothing of a half-read log is answered from"
    index.catch_up()
    assert calls == [0, 1, 2, 3, 3, 4, 5, 6]
    assert found(index) == [1] * 7


def test_a_log_that_cannot_be_seen_is_not_answered_from(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    index = Index(database, Bases(tmp_path / "index"))
    with pytest.raises(NotReady):
        _ = index.view
    index.catch_up()
    assert index.view.tree_size == 0
    monkeypatch.setattr(index_module, "STALE_SECONDS", -1.0)
    with pytest.raises(NotReady):
        _ = index.view


def test_a_log_that_shrank_or_has_a_gap_is_refused(database: Database, tmp_path: Path):
    fill(database, tmp_path, 3)
    index = Index(database, Bases(tmp_path / "index"))
    index.catch_up()
    with database.writing() as session:
        session.execute(text("DELETE FROM tree_head WHERE size > 1"))
        session.commit()
    with pytest.raises(LogError, match="shrunk"):
        index.catch_up()
    with database.writing() as session:
        when = datetime.now(UTC).isoformat()
        session.execute(text("INSERT INTO tree_head (size, root, at) VALUES (9, x'00', :at)"), {"at": when})
        session.commit()
    with pytest.raises(LogError, match="gap"):
        index.catch_up()


def test_a_start_goes_on_from_a_base_and_a_running_index_takes_one_over(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(index_module, "ROWS_BEYOND_BASE", 3)
    fill(database, tmp_path, 4)
    bases = Bases(tmp_path / "index")
    first = Index(database, bases)
    first.catch_up()
    first.rebase()
    assert first.followed[0].builder is not None
    first.followed[0].builder.join()
    first.rebase()
    assert first.matcher.beyond_base == 0
    assert found(first) == [1, 1, 1, 1, 0, 0, 0]
    again = Index(database, bases)
    assert again.matcher.view == first.matcher.view
    with database.writing() as session:
        party = session.execute(text("SELECT party_id, id FROM declaration ORDER BY idx LIMIT 1")).one()
    logbook = Logbook(database, publisher_in(tmp_path), lambda: None)
    withdraw(logbook, Caller(party=party[0], key="", scopes=frozenset()), party[1])
    for index in (first, again):
        index.catch_up()
        assert found(index) == [0, 1, 1, 1, 0, 0, 0]


def test_a_damaged_base_or_one_of_another_log_is_passed_over(database: Database, tmp_path: Path):
    fill(database, tmp_path, 3)
    bases = Bases(tmp_path / "index")
    index = Index(database, bases)
    index.catch_up()
    bases.store(index.matcher, index.matcher.freeze())
    assert Index(database, bases).matcher.view.tree_size == 3
    with database.writing() as session:
        session.execute(text("UPDATE tree_head SET root = x'0011' WHERE size = 3"))
        session.commit()
    assert Index(database, bases).matcher.view.tree_size == 0
    [stored] = (tmp_path / "index").glob("base-*")
    largest = max(stored.glob("*.npy"), key=lambda path: path.stat().st_size)
    largest.write_bytes(largest.read_bytes()[:-1])
    fresh = Index(database, bases)
    fresh.catch_up()
    assert found(fresh) == [1, 1, 1, 0, 0, 0, 0]


def test_declaring_and_checking_go_on_while_a_base_is_built(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(index_module, "ROWS_BEYOND_BASE", 3)
    fill(database, tmp_path, 4)
    index = Index(database, Bases(tmp_path / "index"))
    index.catch_up()
    building, go_on = threading.Event(), threading.Event()
    real = index.matcher.arrays

    def slowly(frozen: Frozen) -> object:
        building.set()
        assert go_on.wait(30)
        return real(frozen)

    monkeypatch.setattr(index.matcher, "arrays", slowly)
    index.rebase()
    assert building.wait(30)
    with database.writing() as session:
        party = session.execute(text("SELECT party_id FROM declaration LIMIT 1")).scalar_one()
    caller = Caller(party=party, key="", scopes=frozenset())
    work = Work([Fingerprint(alg="pdq", value=f"{5 << 128:064x}")])
    declare(Logbook(database, publisher_in(tmp_path), index.catch_up), caller, work, DeclarationCreate())
    assert found(index) == [1, 1, 1, 1, 0, 1, 0], "seen while the base is still being built"
    go_on.set()
    assert index.followed[0].builder is not None
    index.followed[0].builder.join()
    index.rebase()
    assert index.matcher.beyond_base == 1, "what came meanwhile is kept beside the base"
    assert found(index) == [1, 1, 1, 1, 0, 1, 0]
