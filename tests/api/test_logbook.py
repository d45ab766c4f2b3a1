"""What the log holds, and that it holds together, on both databases."""

from __future__ import annotations

import json
import threading

import pytest
from sqlalchemy.exc import DBAPIError
from sqlmodel import select, text

from app.db import Database
from app.tables import Identity, LogEntry, LogState, Opening, TreeHead
from remarque.log.entries import IDENTITY_TAG, OPENING_TAG, Entry, commitment
from remarque.log.merkle import EMPTY_ROOT, Tree, leaf_hash
from tests.api.conftest import Service, form


@pytest.fixture
def database(service: Service, database_url: str):
    opened = Database(database_url)
    yield opened
    opened.close()


def test_every_change_is_an_entry_whose_root_is_the_one_that_answers_name(
    service: Service, database: Database, picture: bytes, other_picture: bytes
):
    artist = service.party()
    first = service.declare(picture, artist, title="A title", creator="A Name", contact="a@name.example")
    service.declare(other_picture, artist)
    address = f"/v1/declarations/{first['id']}"
    service.http.put(f"{address}/preferences", json={"preferences": {"search": "allowed"}}, headers=artist)
    service.http.post(f"{address}/withdraw", headers=artist)
    label = {"headers": {**service.key("label"), "content-type": "image/png"}, "params": {"system": "S"}}
    assert service.http.post("/v1/labels", content=picture, **label).status_code == 200
    with database.reading() as session:
        entries = session.exec(select(LogEntry).order_by(LogEntry.idx)).all()
        heads = {head.size: head.root for head in session.exec(select(TreeHead)).all()}
        state = session.exec(select(LogState)).one()
    assert [row.idx for row in entries] == list(range(8))
    decoded = [Entry.decode(row.body) for row in entries]
    types = ["declare", "declare", "change", "withdraw", "key", "key", "key", "label"]
    assert [entry.type for entry in decoded] == types
    assert decoded[2].fields["ref"] == decoded[3].fields["ref"] == 0
    tree, roots = Tree(), {0: EMPTY_ROOT}
    for row in entries:
        tree = tree.push(leaf_hash(row.body))
        roots[tree.size] = tree.root()
    assert heads == {size: roots[size] for size in (0, 1, 2, 3, 4, 8)}, "the first label and the keys come together"
    assert (state.size, state.peaks) == (tree.size, tree.to_bytes())
    assert service.http.get("/readyz").json()["root"] == tree.root().hex()


def test_commitments_open_and_the_log_itself_says_nothing_of_anybody(
    service: Service, database: Database, picture: bytes
):
    declared = service.declare(picture, service.party(), title="Geheim", creator="Ana Ruiz", contact="ana@example.org")
    with database.reading() as session:
        [row] = session.exec(select(LogEntry)).all()
        [opening] = session.exec(select(Opening)).all()
        [identity] = session.exec(select(Identity)).all()
    entry = Entry.decode(row.body)
    assert commitment(OPENING_TAG, opening.salt, opening.payload) == entry.fields["open"]
    assert commitment(IDENTITY_TAG, identity.salt, identity.payload) == entry.fields["who"]
    opened = json.loads(opening.payload)
    assert opened["fingerprints"][0]["value"] == declared["fingerprints"][0]["value"]
    assert json.loads(identity.payload)["creator"] == "Ana Ruiz"
    for secret in ("Geheim", "Ana Ruiz", "ana@example.org", declared["id"], declared["fingerprints"][0]["value"]):
        assert secret.encode() not in row.body
    for private in ("Geheim", "Ana Ruiz", "ana@example.org"):
        assert private.encode() not in opening.payload


@pytest.mark.parametrize("statement", ["UPDATE log_entry SET body = body", "DELETE FROM log_entry"])
def test_the_database_itself_refuses_to_change_an_entry(
    service: Service, database: Database, picture: bytes, statement: str
):
    service.declare(picture, service.party())
    with database.writing() as session, pytest.raises(DBAPIError, match="never changed"):
        session.execute(text(statement))


def test_concurrent_declarations_leave_no_gap_and_no_double(service: Service, database: Database, picture: bytes):
    artist = service.party()
    answers: list[tuple[int, str]] = []

    def declare() -> None:
        response = service.http.post("/v1/declarations", files=form(picture), headers=artist)
        answers.append((response.status_code, response.json()["id"]))

    def declare_other(number: int) -> None:
        item = {"alg": "pdq", "value": f"{number:064x}"}
        response = service.http.post("/v1/declarations", json={"fingerprints": [item]}, headers=artist)
        assert response.status_code == 201

    threads = [threading.Thread(target=declare) for _ in range(6)]
    threads += [threading.Thread(target=declare_other, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(status for status, _ in answers) == [200] * 5 + [201]
    assert len({declaration for _, declaration in answers}) == 1
    with database.reading() as session:
        assert sorted(session.exec(select(LogEntry.idx)).all()) == list(range(7))


def test_a_second_worker_sees_a_declaration_within_a_second(
    service: Service, settings_for, database_url: str, processes, picture: bytes
):
    import time

    from fastapi.testclient import TestClient

    from app.main import create_app

    raw = {"content": picture, "headers": {"content-type": "image/png"}}
    with TestClient(create_app(settings_for(database_url=database_url), processes)) as worker:
        assert worker.post("/v1/checks", **raw).json()["results"][0]["preference"] == "unknown"
        declared = service.declare(picture, service.party())
        deadline = time.monotonic() + 1
        while (answer := worker.post("/v1/checks", **raw).json())["tree_size"] == 0 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert answer["results"][0]["preference"] == "disallowed"
        assert answer["root"] == declared["log"]["root"]
