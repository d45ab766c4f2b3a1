"""Which keys sign is told by the log, before what they signed."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from fastapi.testclient import TestClient
from sqlmodel import delete, select

from app.db import Database
from app.main import create_app
from app.reading import Processes
from app.rebuilding import rebuild
from app.settings import Settings
from app.tables import KeyEvent, LogEntry
from remarque.labels.signer import load_signing_key, make_development_pki
from remarque.log.entries import Entry
from remarque.log.keys import PinnedKeys
from tests.api.conftest import Service, bearer, start
from tests.api.test_label_options import wished

NAMES = ("chain.pem", "key.pem")


def entries(service: Service) -> list[Entry]:
    with service.http.app.state.resources.database.reading() as session:
        bodies = session.exec(select(LogEntry.body).order_by(LogEntry.idx)).all()
    return [Entry.decode(body) for body in bodies]


def log_keys(service: Service) -> list[str]:
    """The digests of the keys of the log and of the receipts, as anybody computes them from the saved document."""
    pinned = PinnedKeys.from_document(service.http.get("/.well-known/remarque.json").json())
    return [hashlib.sha256(key.public).hexdigest() for key in (pinned.log_key, pinned.receipts_key)]


def signer(service: Service, response: object) -> str:
    record = service.http.get(f"/v1/labels/{response.headers['remarque-label-id']}").json()
    return record["signer"]


def test_the_keys_stand_before_the_first_label_once(
    service: Service, settings_for: Callable[..., Settings], database_url: str, processes: Processes, picture: bytes
):
    assert service.http.get("/readyz").json()["tree_size"] == 0
    signed_by = signer(service, wished(service, picture))
    wished(service, picture)
    with TestClient(create_app(settings_for(database_url=database_url), processes)) as http:  # another worker
        assert wished(Service(http, service.operator), picture).status_code == 200
    found = entries(service)
    assert [entry.type for entry in found] == ["key"] * 3 + ["label"] * 3
    assert [entry.fields["digest"] for entry in found[:3]] == [*log_keys(service), signed_by]


def test_a_label_that_was_refused_names_no_key(service: Service, picture: bytes):
    body = {"scopes": ["label"], "labels_a_day": 0}
    key = bearer(service.http.post("/v1/keys", json=body, headers=service.operator).json()["api_key"])
    assert wished(service, picture, key).status_code == 429
    assert entries(service) == []


def test_another_certificate_is_named_before_its_first_label(
    tmp_path: Path, settings_for: Callable[..., Settings], database_url: str, processes: Processes, picture: bytes
):
    for folder in ("pair", "next"):
        make_development_pki(tmp_path / folder)
    pair = [tmp_path / "pair" / name for name in NAMES]
    expected = [load_signing_key(*(tmp_path / f / n for n in NAMES)).certificate.thumbprint for f in ("pair", "next")]
    for service in start(settings_for(database_url=database_url, c2pa_chain=pair[0], c2pa_key=pair[1]), processes):
        assert signer(service, wished(service, picture)) == expected[0]
        for name in NAMES:
            os.replace(tmp_path / "next" / name, tmp_path / "pair" / name)
        deadline = time.monotonic() + 20
        while signer(service, wished(service, picture)) != expected[1]:
            assert time.monotonic() < deadline, "the new certificate is not used"
        wished(service, picture)
        found = entries(service)
        named = [entry.fields["digest"] for entry in found if entry.type == "key"]
        assert named == [*log_keys(service), *expected]
        assert [entry.type for entry in found[-3:]] == ["key", "label", "label"]


def test_what_was_named_is_known_again_after_entries_were_put_back(service: Service, database_url: str, picture: bytes):
    service.declare(picture, service.party())
    wished(service, picture)
    database = Database(database_url)
    with database.writing() as session:
        held = session.exec(select(KeyEvent).order_by(KeyEvent.idx)).all()
        expected = [row.model_dump() for row in held]
        session.execute(delete(KeyEvent))  # as in an older backup
        rebuild(session, service.http.app.state.resources.logbook.publisher)
        session.expunge_all()
        assert [row.model_dump() for row in session.exec(select(KeyEvent).order_by(KeyEvent.idx))] == expected
        session.commit()
    database.close()
    assert [row["idx"] for row in expected] == [1, 2, 3]
    wished(service, picture)
    assert [entry.type for entry in entries(service)] == ["declare", *["key"] * 3, "label", "label"]
