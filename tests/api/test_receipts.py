"""Receipts over HTTP: what an artist declared, what a builder checked; each verified with the saved keys alone."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from app.db import Database
from app.tables import Cosigned
from remarque.log.asked import Checker, Engine
from remarque.log.checks import items_root, verify_check
from remarque.log.entries import Entry
from remarque.log.keys import make_key
from remarque.log.note import Note, cosign
from remarque.log.receipts import Receipt, verify
from remarque.log.tiles import decode_bundle
from remarque.log.vkeys import KeyType
from tests.api.conftest import Service
from tests.api.test_group_commit import declare_many
from tests.api.test_log_serving import pinned, read

ROOT = Path(__file__).parents[2]
HASHES = ["0f" * 32, "f0" * 32]


def receipt_of(service: Service, declaration: dict[str, Any], headers: dict[str, str]) -> bytes:
    answer = service.http.get(declaration["receipt_url"], headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.content


def entries(service: Service) -> list[Entry]:
    """The whole log, as it is published."""
    size = int(read(service, "checkpoint").split(b"\n")[1])
    return [Entry.decode(body) for body in decode_bundle(read(service, f"tile/entries/000.p/{size}"), size)]


def verified_elsewhere(service: Service, receipt: bytes, folder: Path) -> str:
    """What the verifier of the documents says, which shares no code with us."""
    folder.joinpath("receipt").write_bytes(receipt)
    folder.joinpath("keys").write_bytes(service.http.get("/.well-known/remarque.json").content)
    command = [sys.executable, ROOT / "docs/verify_receipt.py", folder / "receipt", folder / "keys"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@contextmanager
def counted(service: Service) -> Iterator[list[str]]:
    """The statements that the service sends to its database."""
    sent: list[str] = []
    engine = service.http.app.state.resources.database.engine

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        sent.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)


def test_an_artist_gets_a_receipt_that_anybody_can_verify(service: Service, picture: bytes, tmp_path: Path):
    artist = service.party()
    said = service.declare(picture, artist, title="The red boat", contact="ana@a.example")
    answer = service.http.get(said["receipt_url"], headers=artist)
    name = f'attachment; filename="remarque-receipt-{said["id"]}.json"'
    assert answer.headers["content-disposition"] == name
    assert answer.headers["content-type"] == "application/json"
    receipt = Receipt.parse(answer.content)
    verify(receipt, pinned(service))
    opening, identity = receipt.openings["open"].payload, receipt.openings["who"].payload
    assert opening["id"] == said["id"]
    assert opening["fingerprints"][0]["value"] == said["fingerprints"][0]["value"]
    assert (identity["title"], identity["contact"]) == ("The red boat", "ana@a.example")
    assert "declare, in the tree of size 1; opened: open, who" in verified_elsewhere(service, answer.content, tmp_path)


def test_whatever_a_device_measured_the_receipt_can_be_read(service: Service, tmp_path: Path):
    headers = service.party()
    items = [{"alg": "pdq", "value": HASHES[0], "quality": 99, "size": 512.5}]
    body = {"fingerprints": items, "title": "Ünïcode “x” \U0001f98a", "valid_until": "2031-01-01T00:00:00.5Z"}
    made = service.http.post("/v1/declarations", json=body, headers=headers)
    assert made.status_code == 201, made.text
    receipt = receipt_of(service, made.json(), headers)
    verify(Receipt.parse(receipt), pinned(service))
    assert "verifies" in verified_elsewhere(service, receipt, tmp_path)
    items[0]["x"] = 1.5
    assert service.http.post("/v1/declarations", json=body, headers=headers).status_code == 422


def test_a_receipt_is_its_partys_and_the_operators(service: Service, picture: bytes):
    artist = service.party()
    url = service.declare(picture, artist)["receipt_url"]
    assert service.http.get(url).status_code == 401
    refused = service.http.get(url, headers=service.party())
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/not-yours")
    assert service.http.get(url, headers=service.key("check")).status_code == 403
    assert service.http.get(url, headers=service.operator).status_code == 200
    assert service.http.get("/v1/declarations/dec_0/receipt", headers=artist).status_code == 404


def test_a_receipt_follows_the_log_and_costs_the_same(service: Service, picture: bytes, database_url: str):
    artist = service.party()
    said = service.declare(picture, artist)
    with counted(service) as few:
        receipt_of(service, said, artist)
    database = Database(database_url)
    declare_many(service, database, 600)
    database.close()
    with counted(service) as many:
        receipt = Receipt.parse(receipt_of(service, said, artist))
    verify(receipt, pinned(service))
    assert b"\n601\n" in receipt.proof.checkpoint
    assert not any("log_entry" in statement and "WHERE declaration.id" not in statement for statement in many)
    assert len(many) <= len(few) + 4, "a few tiles more, never entries"


def test_a_check_of_pictures_with_a_receipt(
    service: Service, picture: bytes, copy: bytes, other_picture: bytes, tmp_path: Path
):
    builder = service.party()
    service.declare(picture, service.party())
    before = service.http.get("/readyz").json()
    files = [("image", (f"{i}", data, "image/png")) for i, data in enumerate((copy, other_picture, b"no picture"))]
    answer = service.http.post("/v1/checks?receipt=1&depth=frame", files=files, headers=builder).json()
    note = answer["receipt"].encode()
    said = verify_check(note, pinned(service))
    assert (answer["tree_size"], answer["root"]) == (before["tree_size"], before["root"])
    assert f"\n{answer['tree_size']}\n" in said.checkpoint
    prints = [result["fingerprints"] for result in answer["results"]]
    items = [("pdq", each[0]["value"]) for each in prints[:2]] + [("sha256", hashlib.sha256(b"no picture").hexdigest())]
    assert (said.items, said.items_root) == (3, items_root(items).hex())
    assert said.counts == {"allowed": 0, "constrained": 0, "disallowed": 1, "unknown": 2}
    engine = Engine.parse(said.engine)
    assert (engine.checker, engine.search) == (Checker.REGISTRY, "pdq/hamming<=31/frames")
    assert "3 items checked in the tree of size 1" in verified_elsewhere(service, note, tmp_path)
    logged = entries(service)[-1]
    assert (logged.type, logged.t) == ("check", said.t)
    assert logged.fields == {"digest": hashlib.sha256(note).hexdigest()}


def test_a_check_of_hashes_with_a_receipt_in_every_encoding(service: Service, picture: bytes):
    builder = service.party()
    pdq = str(service.declare(picture, builder)["fingerprints"][0]["value"])
    asked = [HASHES[0], pdq, HASHES[1]]
    query = "/v1/checks?receipt=1&purpose=search&claims=self"
    octets = {**builder, "content-type": "application/octet-stream"}
    packed = bytes.fromhex("".join(asked))
    plain = service.http.post(query, json={"alg": "pdq", "hashes": asked}, headers=builder).json()
    sparse = service.http.post(query, content=packed, headers=octets).json()
    bits = service.http.post(query, content=packed, headers={**octets, "accept": "application/octet-stream"})
    notes = [plain["receipt"].encode(), sparse["receipt"].encode(), base64.b64decode(bits.headers["remarque-receipt"])]
    for note in notes:
        said = verify_check(note, pinned(service))
        assert said.items_root == items_root(("pdq", value) for value in asked).hex()
        assert said.counts == {"allowed": 0, "constrained": 0, "disallowed": 0, "unknown": 3}
        engine = Engine.parse(said.engine)
        assert (engine.search, engine.purpose, engine.claims) == ("pdq/hamming<=31/exact", "search", "self")
    assert [entry.type for entry in entries(service)] == ["declare", "check", "check", "check"]
    sizes = [verify_check(note, pinned(service)).checkpoint.split("\n")[1] for note in notes]
    assert sizes == ["1", "2", "3"], "each of the state that was answered for"


def test_an_earlier_state_and_an_empty_registry_have_receipts(service: Service, picture: bytes):
    builder = service.party()
    body = {"json": {"alg": "pdq", "hashes": []}, "headers": builder}
    nothing = service.http.post("/v1/checks?receipt=1", **body).json()
    assert verify_check(nothing["receipt"].encode(), pinned(service)).items == 0
    service.declare(picture, builder)
    earlier = service.http.post("/v1/checks?receipt=1&as_of=1", **body).json()
    assert "\n1\n" in verify_check(earlier["receipt"].encode(), pinned(service)).checkpoint


def test_a_receipt_of_a_check_needs_a_key(service: Service, picture: bytes):
    body = {"alg": "pdq", "hashes": HASHES}
    refused = service.http.post("/v1/checks?receipt=1", json=body)
    assert refused.status_code == 401
    assert "the scope 'check'" in refused.json()["detail"]
    assert service.http.post("/v1/checks?receipt=1", json=body, headers=service.key("label")).status_code == 403
    assert service.http.post("/v1/checks", json=body).json()["receipt"] is None
    assert service.http.get("/readyz").json()["tree_size"] == 0, "nothing was logged"


def builders(service: Service, **changes: object) -> dict[str, object]:
    """What a builder tells of its own check of the newest state."""
    state = service.http.get("/readyz").json()
    told = {"items_root": items_root(("pdq", value) for value in HASHES).hex(), "counts": {"unknown": 2}}
    return {"tree_size": state["tree_size"], "root": state["root"], **told, **changes}


def test_a_builders_own_check_is_witnessed_as_its_own(service: Service, picture: bytes, tmp_path: Path):
    builder = service.party()
    service.declare(picture, builder)
    told = builders(service, engine="pdq/hamming<=31/exact", snapshot_sha256="ab" * 32)
    answer = service.http.post("/v1/receipts/checks", json=told, headers=builder)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/plain")
    said = verify_check(answer.content, pinned(service))
    engine = Engine.parse(said.engine)
    assert (engine.checker, engine.search) == (Checker.BUILDER, "pdq/hamming<=31/exact")
    assert (said.items, said.items_root, said.snapshot_sha256) == (2, told["items_root"], "ab" * 32)
    assert entries(service)[-1].fields == {"digest": hashlib.sha256(answer.content).hexdigest()}
    assert "2 items" in verified_elsewhere(service, answer.content, tmp_path)


def test_a_state_that_witnesses_saw_carries_their_signatures(service: Service, database_url: str):
    builder, witness = service.party(), make_key("witness.example", KeyType.COSIGNATURE)
    note = cosign(Note.parse(read(service, "checkpoint")), witness, 1_800_000_000).to_bytes()
    database = Database(database_url)
    with database.writing() as session:
        session.add(Cosigned(size=0, note=note))
        session.commit()
    database.close()
    asked = service.http.post("/v1/checks?receipt=1", json={"alg": "pdq", "hashes": HASHES}, headers=builder).json()
    told = service.http.post(
        "/v1/receipts/checks", json={**builders(service), "tree_size": 0, "root": asked["root"]}, headers=builder
    )
    for receipt in (asked["receipt"].encode(), told.content):
        verify_check(receipt, pinned(service), [witness.verifier], quorum=1)


@pytest.mark.parametrize(
    "changes",
    [
        {"tree_size": 7},
        {"tree_size": -1},
        {"tree_size": True},
        {"root": "00" * 32},
        {"root": "AB" * 32},
        {"items_root": "00"},
        {"counts": {}},
        {"counts": {"free": 2}},
        {"counts": {"unknown": -1}},
        {"counts": {"unknown": 0}},
        {"engine": "registry: pdq"},
        {"engine": "pdq\n"},
        {"engine": "p" * 81},
        {"engine": ""},
        {"comment": "text for ever"},
        {"purpose": "fun"},
    ],
    ids=json.dumps,
)
def test_a_statement_that_cannot_be_is_refused_and_not_logged(service: Service, changes: dict[str, object]):
    builder = service.party()
    told = builders(service)
    assert service.http.post("/v1/receipts/checks", json=told).status_code == 401
    refused = service.http.post("/v1/receipts/checks", json={**told, **changes}, headers=builder)
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/invalid-request")
    assert service.http.get("/readyz").json()["tree_size"] == 0
    assert service.http.post("/v1/receipts/checks", json=told, headers=builder).status_code == 200
