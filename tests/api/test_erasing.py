"""Erasure: nothing of what was erased is found anywhere any more, and the log stays whole."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from sqlmodel import Session, SQLModel, select, text

from app import erasing, snapshots
from app.access import Caller, Scope
from app.db import Database
from app.erasing import NOBODY, repeat
from app.main import create_app
from app.prepare import prepare
from app.registry import change_preferences, declare, withdraw
from app.schemas.requests import DeclarationCreate
from app.settings import Settings
from app.tables import ApiKey, DeclarationRow, Identity, LabelRow, Opening, Party
from app.tail import Tail
from remarque.errors import DeclarationEnded
from remarque.log.audit import audit
from remarque.log.receipts import Receipt, verify
from remarque.preferences import Category, Preference
from tests.api.conftest import Service, bearer, start
from tests.api.test_group_commit import together, work
from tests.api.test_log_serving import pinned, read
from tests.api.test_receipts import entries, receipt_of
from tests.conftest import encoded

SAID = {
    "title": "Erasable title",
    "creator": "Erasable Ruiz",
    "url": "https://erasable.example/boat.png",
    "policy_url": "https://erasable.example/policy",
    "contact": "erasable@a.example",
    "constraint": "Erasable terms",
}


def drawn(seed: int) -> bytes:
    """Coloured clouds, another picture for each seed."""
    blots = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), np.uint8)
    return encoded(Image.fromarray(blots).resize((256, 256), Image.Resampling.BICUBIC))


def party(service: Service, **said: str) -> tuple[str, dict[str, str]]:
    """A new party: its id, and its headers."""
    made = service.http.post("/v1/parties", json=said).json()
    return made["id"], bearer(made["api_key"])


def erase(service: Service, declaration: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
    answer = service.http.post(f"/v1/declarations/{declaration['id']}/erase", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def tables(url: str) -> str:
    """Every row of every table, as text; bytes as hexadecimal, and as text where they are some."""
    database = Database(url)
    told: list[str] = []
    with database.reading() as session:
        for table in SQLModel.metadata.sorted_tables:
            for row in session.execute(select(table)).all():
                told += [
                    value.hex() + value.decode("latin-1") if isinstance(value, bytes) else repr(value) for value in row
                ]
    database.close()
    return "\n".join(told)


def traces(declaration: dict[str, Any]) -> list[str]:
    """What must be nowhere once a declaration with SAID is erased."""
    frames = [item["value"] for item in declaration["fingerprints"] if item["alg"] in ("pdq", "phash")]
    return ["Erasable", "erasable", *frames]


def whole_log(service: Service) -> bytes:
    """Everything that is published."""
    files = [read(service, "checkpoint")]
    size = int(files[0].split(b"\n")[1])
    return b"".join([*files, read(service, f"tile/entries/000.p/{size}"), read(service, f"tile/0/000.p/{size}")])


def test_what_is_erased_is_nowhere_and_the_log_is_whole(service: Service, database_url: str, picture: bytes):
    artist = service.party()
    said = service.declare(picture, artist, **SAID)
    kept = service.declare(drawn(1), artist, title="It stays")
    url = f"/v1/declarations/{said['id']}"
    change = {"preferences": {"ai_inference": "constrained"}}
    assert service.http.put(f"{url}/preferences", json=change, headers=artist).status_code == 200
    held = tables(database_url)
    assert all(trace in held for trace in traces(said)), "the test would see them"
    answer = erase(service, said, artist)
    assert (answer["status"], answer["preferences"], answer["coverage"]) == ("withdrawn", {}, [])
    assert [answer[name] for name in SAID] == [None] * len(SAID)
    assert answer["fingerprints"] is None
    held, published = tables(database_url), whole_log(service)
    for trace in traces(said):
        assert trace not in held
        assert trace.encode() not in published
        assert not trace.islower() or bytes(trace, "ascii") not in published.hex().encode()
    assert "It stays" in held
    assert [entry.type for entry in entries(service)] == ["declare", "declare", "change", "erase"]
    assert entries(service)[-1].fields == {"ref": said["log"]["index"]}
    audited = audit(lambda path: read(service, path), pinned(service))
    assert audited.checkpoint.size == 4
    page = service.http.get(f"/declarations/{said['id']}")
    assert page.status_code == 200
    assert "rasable" not in page.text
    assert service.http.get(f"/v1/declarations/{kept['id']}").json()["title"] == "It stays"


def test_an_erased_work_matches_nowhere(
    settings_for: Callable[..., Settings], database_url: str, processes: Any, picture: bytes, copy: bytes
):
    settings = settings_for(database_url=database_url)
    for service in start(settings, processes):
        artist = service.party()
        said = service.declare(picture, artist)
        crop = encoded(Image.open(io.BytesIO(picture)).crop((100, 40, 420, 400)))
        with TestClient(create_app(settings, processes)) as another:
            raw = {"content": copy, "headers": {"content-type": "image/jpeg"}}
            assert another.post("/v1/checks", **raw).json()["results"][0]["preference"] == "disallowed"
            erase(service, said, artist)
            for asked in (picture, copy, crop):
                assert service.check(asked)["matches"] == []
                assert service.check(asked, as_of=str(said["log"]["tree_size"]))["matches"] == []
            eventually(lambda raw=raw: not another.post("/v1/checks", **raw).json()["results"][0]["matches"])
    for again in start(settings, processes):
        assert again.check(picture)["matches"] == []
        assert again.http.post("/v1/declarations", files={"image": picture}, headers=artist).status_code == 201
        assert again.check(picture)["preference"] == "disallowed"


def test_who_may_have_it_erased_and_how_often(service: Service, picture: bytes):
    artist = service.party()
    said = service.declare(picture, artist)
    url = f"/v1/declarations/{said['id']}/erase"
    assert service.http.post(url).status_code == 401
    refused = service.http.post(url, headers=service.party())
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/not-yours")
    assert service.http.post(url, headers=service.key("check")).status_code == 403
    assert service.http.post("/v1/declarations/dec_0/erase", headers=artist).status_code == 404
    first = erase(service, said, service.operator)
    assert erase(service, said, artist) == first
    assert [entry.type for entry in entries(service)] == ["declare", "erase"]
    change = service.http.put(
        f"/v1/declarations/{said['id']}/preferences", json={"preferences": {"search": "allowed"}}, headers=artist
    )
    assert change.status_code == 409


def test_the_receipt_of_what_was_erased_opens_nothing(service: Service, picture: bytes):
    artist = service.party()
    said = service.declare(picture, artist, **SAID)
    before = Receipt.parse(receipt_of(service, said, artist))
    erase(service, said, artist)
    after = Receipt.parse(receipt_of(service, said, artist))
    verify(after, pinned(service))
    verify(before, pinned(service))
    assert (after.entry, after.openings) == (before.entry, {})


def test_a_party_is_erased_with_its_keys(
    service: Service, database_url: str, picture: bytes, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(erasing, "BATCH", 2)
    party_id, artist = party(service, display_name="Erasable Ruiz", kind="erasable kind")
    key = {"party": party_id, "scopes": ["label"], "label": "erasable label"}
    labels = bearer(service.http.post("/v1/keys", json=key, headers=service.operator).json()["api_key"])
    said = [
        service.declare(drawn(seed), artist, **{**SAID, "url": f"https://erasable.example/{seed}"}) for seed in range(5)
    ]
    service.http.post(f"/v1/declarations/{said[0]['id']}/withdraw", headers=artist)
    label = {"label": (None, json.dumps({"system": "Erasable Diffusion", "provider": "Erasable Ltd"}))}
    made = service.http.post("/v1/labels", files={"image": drawn(9), **label}, headers=labels)
    assert made.status_code == 200, made.text
    kept = service.declare(picture, service.party(), title="It stays")
    assert party_id in tables(database_url)
    url = f"/v1/parties/{party_id}/erase"
    assert service.http.post(url).status_code == 401
    assert service.http.post(url, headers=service.party()).status_code == 403
    assert service.http.post(url, headers=labels).status_code == 403
    answer = service.http.post(url, headers=artist)
    assert answer.json() == {"declarations": 5, "labels": 1, "keys": 2}, answer.text
    held = tables(database_url)
    for trace in ("rasable", party_id, *(trace for one in said for trace in traces(one))):
        assert trace not in held
    assert "It stays" in held
    for headers in (artist, labels):
        assert service.http.get("/v1/declarations", headers=headers).status_code == 401
    assert service.http.post(url, headers=service.operator).status_code == 404
    assert service.http.get(f"/v1/labels/{made.headers['remarque-label-id']}").status_code == 404
    recovered = service.http.post("/v1/verifications", content=made.content, headers={"content-type": "image/png"})
    assert recovered.json()["registry"]["label"] is None
    assert service.check(drawn(3))["matches"] == []
    assert service.http.get(f"/v1/declarations/{said[1]['id']}").json()["status"] == "withdrawn"
    assert service.http.get(f"/v1/declarations/{kept['id']}").json()["status"] == "active"
    assert {entry.fields["ref"] for entry in entries(service) if entry.type == "erase"} == {0, 1, 2, 3, 4, 9}
    audit(lambda path: read(service, path), pinned(service))


def test_the_operator_erases_any_party_but_its_own(service: Service):
    party_id, artist = party(service, display_name="Nothing declared")
    answer = service.http.post(f"/v1/parties/{party_id}/erase", headers=service.operator)
    assert answer.json() == {"declarations": 0, "labels": 0, "keys": 1}
    assert service.http.get("/v1/declarations", headers=artist).status_code == 401
    assert service.http.post("/v1/parties/operator/erase", headers=service.operator).status_code == 422
    for unknown in ("pty_0", NOBODY, party_id):
        assert service.http.post(f"/v1/parties/{unknown}/erase", headers=service.operator).status_code == 404


def test_what_a_party_said_about_works_of_others_goes_and_the_works_stay(
    service: Service, database_url: str, picture: bytes
):
    said = service.declare(picture, service.party())
    critic_id, critic = party(service)

    def dispute(session: Session, tail: Tail) -> int:
        opening, identity = {"reason": "erasable reason"}, {"party": critic_id}
        return tail.append("dispute", ref=said["log"]["index"], opening=opening, identity=identity)

    disputed = service.http.app.state.resources.logbook.transact(dispute)
    assert "erasable reason" in tables(database_url)
    assert service.http.post(f"/v1/parties/{critic_id}/erase", headers=critic).status_code == 200
    assert "erasable reason" not in tables(database_url)
    assert entries(service)[-1].fields == {"ref": disputed}
    assert service.check(picture)["preference"] == "disallowed"
    for _ in start(service.http.app.state.resources.settings, None):
        pass  # the log that has such an entry can be read from the beginning


def test_in_one_transaction_with_others_the_order_is_kept(service: Service, database_url: str):
    held = service.http.app.state.resources
    party_id, _ = party(service)
    caller = Caller(party_id, "key", frozenset({Scope.DECLARE}))
    name, _ = declare(held.logbook, caller, work(1), DeclarationCreate(title="erasable"))
    other = {Category.SEARCH: Preference.ALLOWED}
    eraser = erasing.Eraser(held.database, held.logbook, held.settings.data_dir / snapshots.FOLDER)
    outcomes = together(
        held.logbook,
        [
            lambda: change_preferences(held.logbook, caller, name, other),
            lambda: eraser.declaration(caller, name),
            lambda: change_preferences(held.logbook, caller, name, other),
            lambda: withdraw(held.logbook, caller, name),
            lambda: declare(held.logbook, caller, work(1), DeclarationCreate()),
        ],
    )
    assert isinstance(outcomes[2], DeclarationEnded)
    assert outcomes[4][1] is True
    assert [entry.type for entry in entries(service)] == ["declare", "change", "erase", "declare"]
    assert "erasable" not in tables(database_url)


def test_a_restored_backup_forgets_again(service: Service, database_url: str, picture: bytes):
    artist = service.party()
    said = service.declare(picture, artist, **SAID)
    service.http.put(
        f"/v1/declarations/{said['id']}/preferences", json={"preferences": {"search": "allowed"}}, headers=artist
    )
    database = Database(database_url)
    classes = (DeclarationRow, Opening, Identity)  # which entries are about which is found in the log
    with database.reading() as session:
        backup = [row.model_dump() for table in classes for row in session.exec(select(table)).all()]
        counts = [len(session.exec(select(table)).all()) for table in classes]
    erase(service, said, artist)
    with database.writing() as session:
        for table, count in zip(classes, counts, strict=True):
            for values in backup[:count]:
                session.merge(table(**values))
            del backup[:count]
            session.flush()
        session.commit()
    assert "erasable@a.example" in tables(database_url)
    size = service.http.get("/readyz").json()["tree_size"]
    with database.writing() as session:
        assert repeat(session) == 1
        session.commit()
    held = tables(database_url)
    assert all(trace not in held for trace in traces(said))
    assert service.http.get("/readyz").json()["tree_size"] == size
    database.close()


def test_nothing_points_at_what_is_gone(service: Service, database_url: str):
    party_id, artist = party(service)
    service.declare(drawn(0), artist)
    service.http.post(f"/v1/parties/{party_id}/erase", headers=artist)
    database = Database(database_url)
    with database.reading() as session:
        assert session.exec(select(LabelRow)).all() == []
        assert {row.id for row in session.exec(select(Party)).all()} == {"operator", NOBODY}
        assert [row.party_id for row in session.exec(select(ApiKey)).all()] == ["operator"]
        if database.engine.dialect.name == "sqlite":
            assert session.execute(text("PRAGMA foreign_key_check")).all() == []
    database.close()


def test_a_prepared_registry_can_be_started_after_everything_was_erased(
    settings_for: Callable[..., Settings], database_url: str, processes: Any
):
    settings = settings_for(database_url=database_url)
    for service in start(settings, processes):
        party_id, artist = party(service)
        service.declare(drawn(0), artist)
        service.http.post(f"/v1/parties/{party_id}/erase", headers=artist)
    prepare(settings)
    for service in start(settings, processes):
        assert service.check(drawn(0))["preference"] == "unknown"
        audit(lambda path, service=service: read(service, path), pinned(service))


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until it holds, or fail."""
    until = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)
