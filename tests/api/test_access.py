"""Keys and scopes."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

import pytest
from sqlmodel import Session, select

from app.db import Database
from app.prepare import prepare
from app.settings import Settings
from app.tables import ApiKey, Party
from tests.api.conftest import Service, bearer, form


def test_a_party_registers_itself_under_any_name_or_none(service: Service):
    for body in ({}, {"display_name": "Ana Ruiz", "kind": "artist"}):
        response = service.http.post("/v1/parties", json=body)
        assert response.status_code == 201
        assert response.json()["id"].startswith("pty_")
        assert response.json()["api_key"].startswith("rmq_")
    assert service.http.post("/v1/parties", json={"email": "a@b.example"}).status_code == 422


def test_only_the_hash_of_a_key_is_stored(service: Service, database_url: str):
    key = service.http.post("/v1/parties", json={}).json()["api_key"]
    database = Database(database_url)
    with database.reading() as session:
        stored = session.exec(select(ApiKey)).all()
    database.close()
    assert hashlib.sha256(key.encode()).digest() in {row.key_hash for row in stored}
    assert not any(key in str(row.model_dump()) for row in stored)


def test_the_operator_hands_out_keys_by_scope(service: Service, picture: bytes):
    assert service.http.post("/v1/keys", json={"scopes": ["label"]}).status_code == 401
    assert service.http.post("/v1/keys", json={"scopes": ["label"]}, headers=service.party()).status_code == 403
    party = service.http.post("/v1/parties", json={}).json()["id"]
    made = service.http.post("/v1/keys", json={"party": party, "scopes": ["declare"]}, headers=service.operator)
    assert made.status_code == 201
    assert service.declare(picture, bearer(made.json()["api_key"]))["status"] == "active"
    for body, status in (
        ({"scopes": ["everything"]}, 422),
        ({"scopes": []}, 422),
        ({"scopes": ["label"], "party": "pty_0"}, 404),
    ):
        assert service.http.post("/v1/keys", json=body, headers=service.operator).status_code == status


def test_missing_unknown_and_insufficient_keys_differ(service: Service, picture: bytes):
    declare = {"url": "/v1/declarations", "files": form(picture)}
    missing = service.http.post(**declare)
    assert (missing.status_code, missing.json()["type"]) == (401, "/problems/key-required")
    assert missing.headers["www-authenticate"] == "Bearer"
    for header in ({"authorization": "Bearer rmq_nobody"}, {"authorization": "Basic YTpi"}, {"authorization": ""}):
        unknown = service.http.post(**declare, headers=header)
        assert (unknown.status_code, unknown.json()["type"]) == (401, "/problems/key-unknown")
    lacking = service.http.post(**declare, headers=service.key("label"))
    assert (lacking.status_code, lacking.json()["type"]) == (403, "/problems/scope-missing")
    assert service.http.get("/readyz").json()["tree_size"] == 0


def test_a_key_is_never_logged(service: Service, picture: bytes, caplog: pytest.LogCaptureFixture):
    key = "rmq_" + "s" * 43
    with caplog.at_level(0):
        service.http.post("/v1/declarations", files=form(picture), headers=bearer(key))
    assert key not in caplog.text


def test_a_first_start_writes_the_operator_key_once(tmp_path: Path, databases):
    with databases.fresh(tmp_path) as url:
        settings = Settings(data_dir=tmp_path / "data", database_url=url)
        assert prepare(settings).operator_key == tmp_path / "data" / "operator.key"
        path = tmp_path / "data" / "operator.key"
        written = path.read_text()
        assert written.startswith("rmq_")
        assert written.endswith("\n")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE((tmp_path / "data" / "pki" / "key.pem").stat().st_mode) == 0o600
        assert prepare(settings).operator_key is None
        assert path.read_text() == written


def test_a_start_that_was_cut_off_keeps_the_key_it_wrote(tmp_path: Path):
    settings = Settings(data_dir=tmp_path)
    (tmp_path / "operator.key").write_text("rmq_written-before-the-cut\n")
    prepare(settings)
    database = Database(settings.database)
    with database.reading() as session:
        assert _knows(session, "rmq_written-before-the-cut")
    database.close()


def _knows(session: Session, key: str) -> bool:
    hashes = session.exec(select(ApiKey.key_hash).join(Party).where(Party.id == "operator")).all()
    return hashlib.sha256(key.encode()).digest() in hashes


def test_too_many_new_parties_are_told_to_wait(small_service: Service):
    answers = [small_service.http.post("/v1/parties", json={}) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [201] * 5 + [429]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 3600
