"""The index of labels: fed beside that of declarations, stored beside it, and never in its way."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from app import index as index_module
from app.access import Caller, create_party, identify
from app.bases import Bases
from app.db import Database
from app.index import Index
from app.logbook import Logbook
from app.migrate import migrate
from app.registry import Work, declare
from app.schemas.requests import DeclarationCreate
from remarque.answers import Fingerprint
from remarque.errors import NotReady
from remarque.matching.matcher import PDQ
from tests.logs import publisher_in

CODE = bytes(range(32))


@pytest.fixture
def database(tmp_path: Path):
    migrate(f"sqlite:///{tmp_path / 'r.db'}")
    opened = Database(f"sqlite:///{tmp_path / 'r.db'}")
    yield opened
    opened.close()


def logbook_of(database: Database) -> Logbook:
    return Logbook(database, publisher_in(Path(str(database.engine.url.database)).parent), lambda: None)


def transact(database: Database, unit: Callable[..., Any]) -> None:
    logbook = logbook_of(database)
    logbook.transact(unit)
    logbook.close()


def declared(database: Database, number: int) -> None:
    with database.writing() as session:
        key = create_party(session, display_name=None, kind=None).api_key
    with database.reading() as session:
        caller = identify(session, f"Bearer {key}")
    assert isinstance(caller, Caller)
    work = Work([Fingerprint(alg="pdq", value=f"{number << 128:064x}")])
    logbook = logbook_of(database)
    declare(logbook, caller, work, DeclarationCreate())
    logbook.close()


def labelled(database: Database, code: bytes = CODE, **changes: Any) -> str:
    """Append the entry of a label and return its id; ``changes`` of its opening."""
    name = str(uuid.uuid4())
    fingerprints = [{"alg": "pdq", "value": "ab" * 32}, {"alg": "iscc", "value": code.hex()}]
    opening = {"id": name, "sha256": "00" * 32, "manifest_id": "urn:c2pa:x", "fingerprints": fingerprints, **changes}
    transact(database, lambda _, tail: tail.append("label", opening=opening, identity={"key": "k"}))
    return name


def found(index: Index, code: bytes = CODE) -> list[tuple[str, int]]:
    return [(hit.id, hit.distance) for hit in index.labels.bound(index.label_view, code)]


def near(code: bytes, bits: int) -> bytes:
    flipped = np.unpackbits(np.frombuffer(code, np.uint8))
    flipped[np.random.default_rng(bits).choice(256, bits, replace=False)] ^= 1
    return np.packbits(flipped).tobytes()


def test_a_label_is_found_within_its_radius_and_no_declaration_is(database: Database, tmp_path: Path):
    declared(database, 1)
    name = labelled(database)
    index = Index(database, Bases(tmp_path / "index"))
    index.catch_up()
    assert index.view.tree_size == index.label_view.tree_size == 2
    assert found(index, near(CODE, 40)) == [(name, 40)]
    assert found(index, near(CODE, 41)) == []
    assert found(index, CODE[:8]) == [(name, 0)]
    assert found(index, bytes([CODE[0] ^ 0b1111]) + CODE[1:8]) == [(name, 4)]
    assert found(index, bytes([CODE[0] ^ 0b11111]) + CODE[1:8]) == []
    asked = np.frombuffer(bytes.fromhex("ab" * 32), np.uint8).reshape(1, 32)
    assert index.matcher.match(index.view, PDQ, asked) == {}, "a label declares nothing"
    asked = np.frombuffer((1 << 128).to_bytes(32, "big"), np.uint8).reshape(1, 32)
    assert index.labels.match(index.label_view, PDQ, asked) == {}, "a declaration labels nothing"
    assert len(index.matcher.match(index.view, PDQ, asked)) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"fingerprints": []},
        {"fingerprints": [{"alg": "hash-of-next-year", "value": "00"}]},
        {"fingerprints": [{"alg": "pdq", "value": "no hash"}]},
        {"fingerprints": [{"alg": "pdq", "value": "ab" * 32, "flavour": "sweet"}]},
        {"regions": "no regions"},
        {"id": "no uuid"},
    ],
)
def test_a_label_that_cannot_be_searched_for_is_not_in_the_way(database: Database, tmp_path: Path, changes: dict):
    labelled(database, **changes)
    name = labelled(database)
    declared(database, 1)
    index = Index(database, Bases(tmp_path / "index"))
    index.catch_up()
    assert index.view.tree_size == 3
    assert [each for each, _ in found(index)] == [name]


def test_a_label_of_the_first_versions_or_without_its_opening_is_passed_over(database: Database, tmp_path: Path):
    labelled(database)
    name = labelled(database)
    transact(
        database,
        lambda _, tail: tail.append("label", opening={"id": "x", "sha256": "00", "pdq": "ab" * 32}, identity={}),
    )
    with database.writing() as session:
        session.execute(text("DELETE FROM opening WHERE idx = 0"))
        session.commit()
    index = Index(database, Bases(tmp_path / "index"))
    index.catch_up()
    assert found(index) == [(name, 0)]


def test_a_start_goes_on_from_bases_of_different_size(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(index_module, "ROWS_BEYOND_BASE", 3)
    names = [labelled(database, near(CODE, n)) for n in (0, 1)]
    declared(database, 1)
    bases = Bases(tmp_path / "index")
    first = Index(database, bases)
    first.catch_up()
    first.rebase()
    for followed in first.followed:
        if followed.builder is not None:
            followed.builder.join()
    stored = {path.relative_to(tmp_path / "index").as_posix() for path in (tmp_path / "index").rglob("base-*")}
    assert stored == {"labels/base-3"}, "few declarations, and enough labels"
    names.append(labelled(database, near(CODE, 2)))
    declared(database, 2)
    again = Index(database, bases)
    assert again.labels.view.tree_size == 3
    assert again.matcher.view.tree_size == 0
    with pytest.raises(NotReady):
        _ = again.label_view
    again.catch_up()
    first.catch_up()
    first.rebase()
    for index in (first, again):
        assert index.view.tree_size == index.label_view.tree_size == 5
        assert found(index) == [(name, bits) for bits, name in enumerate(names)]
        asked = np.frombuffer((2 << 128).to_bytes(32, "big"), np.uint8).reshape(1, 32)
        assert len(index.matcher.match(index.view, PDQ, asked)[0]) == 2
    assert sorted(first.labels.view.rows) == ["iscc", "iscc-64", "pdq", "pdq-region", "phash"]


def test_a_failure_among_labels_is_tried_again_and_feeds_nothing_twice(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    declared(database, 1)
    name = labelled(database)
    index = Index(database, Bases(tmp_path / "index"))
    real, calls = index.labels.add, []

    def fails_once(entry: int, **fields: Any) -> None:
        calls.append(entry)
        if len(calls) == 1:
            raise OSError("the disk is gone")
        real(entry, **fields)

    monkeypatch.setattr(index.labels, "add", fails_once)
    with pytest.raises(OSError, match="disk"):
        index.catch_up()
    index.catch_up()
    assert calls == [1, 1]
    assert found(index) == [(name, 0)]
    asked = np.frombuffer((1 << 128).to_bytes(32, "big"), np.uint8).reshape(1, 32)
    assert len(index.matcher.match(index.view, PDQ, asked)[0]) == 1
