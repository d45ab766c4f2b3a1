"""Disputes: what holds meanwhile, how they end, who reads them, and what is erased of them."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from sqlmodel import select

from app import snapshots
from app.access import Scope
from app.db import Database
from app.tables import DisputeRow, EntryRef, Identity, LogEntry, Opening
from remarque.answers import DisputeStatus, Outcome, Status
from remarque.client import AsyncClient, Client
from remarque.errors import ServiceRefused
from remarque.log.entries import IDENTITY_TAG, Entry, commitment
from remarque.preferences import Category, Claim
from remarque.snapshots import open_snapshot
from tests.api.conftest import Service, bearer
from tests.api.test_async_client import asked, key_of
from tests.api.test_client_receipts import through

SAID = {"reason": "I painted it; erasable words.", "evidence_url": "https://erasable.example/sketch"}
PERMISSION = {"preferences": {"search": "allowed"}}


def dispute(service: Service, declared: dict[str, Any], headers: dict[str, str], status: int = 201) -> dict[str, Any]:
    response = service.http.post(f"/v1/declarations/{declared['id']}/disputes", json=SAID, headers=headers)
    assert response.status_code == status, response.text
    return response.json()


def decide(service: Service, disputed: dict[str, Any], outcome: str, status: int = 200) -> dict[str, Any]:
    body = {"outcome": outcome, "reason": "We looked at the erasable sketch."}
    response = service.http.post(f"/v1/disputes/{disputed['id']}/decision", json=body, headers=service.operator)
    assert response.status_code == status, response.text
    return response.json()


def status_of(service: Service, declared: dict[str, Any]) -> str:
    return service.http.get(f"/v1/declarations/{declared['id']}").json()["status"]


def answers(service: Service, image: bytes) -> tuple[str, str]:
    """What a check says about training, and about search where permissions of anybody count."""
    searched = service.check(image, purpose="search", claims="self")
    return service.check(image)["preference"], searched["preference"]


def disputes(service: Service, query: str) -> list[dict[str, Any]]:
    return service.http.get(f"/v1/disputes{query}", headers=service.operator).json()["disputes"]


def changes(service: Service, headers: dict[str, str]) -> list[dict[str, Any]]:
    text = service.http.get("/v1/changes?since=0", headers=headers).text
    return [json.loads(line) for line in text.splitlines()][:-1]


def party(service: Service) -> tuple[str, dict[str, str]]:
    made = service.http.post("/v1/parties", json={}).json()
    return made["id"], bearer(made["api_key"])


def rows(database_url: str, table: type) -> list[Any]:
    database = Database(database_url)
    try:
        with database.reading() as session:
            return list(session.exec(select(table)).all())
    finally:
        database.close()


def test_while_it_is_disputed_it_restricts_and_permits_nothing(service: Service, picture: bytes):
    declared = service.declare(picture, service.party(), **PERMISSION)
    assert answers(service, picture) == ("disallowed", "allowed")
    critic = service.party()
    made = dispute(service, declared, critic)
    assert made["id"].startswith("dsp_")
    assert {name: made[name] for name in ("declaration", "status", "decided_at", *SAID)} == {
        "declaration": declared["id"],
        "status": "open",
        "decided_at": None,
        **SAID,
    }
    assert made["log"]["index"] == declared["log"]["index"] + 1
    assert made["log"]["tree_size"] == made["log"]["index"] + 1
    assert status_of(service, declared) == "disputed"
    assert answers(service, picture) == ("disallowed", "unknown")
    searched = service.check(picture, purpose="search", claims="self")
    assert [reason["code"] for reason in searched["reasons"]] == ["disputed"]
    assert [match["disputed"] for match in searched["matches"]] == [True]
    assert dispute(service, declared, critic, 200)["id"] == made["id"]
    other = dispute(service, declared, service.party())
    assert decide(service, made, "rejected")["status"] == "rejected"
    assert status_of(service, declared) == "disputed", "another one is open"
    assert answers(service, picture) == ("disallowed", "unknown")
    decide(service, other, "rejected")
    assert status_of(service, declared) == "active"
    assert answers(service, picture) == ("disallowed", "allowed")
    assert dispute(service, declared, critic)["id"] not in (made["id"], other["id"]), "it may be disputed again"


def test_one_that_is_upheld_ends_the_declaration_whatever_comes_after(service: Service, picture: bytes):
    artist = service.party()
    declared = service.declare(picture, artist, **PERMISSION)
    one, other = (dispute(service, declared, service.party()) for _ in range(2))
    before = service.check(picture)
    assert before["preference"] == "disallowed"
    size = other["log"]["tree_size"]
    told = decide(service, one, "upheld")
    assert (told["status"], told["decision_reason"]) == ("upheld", "We looked at the erasable sketch.")
    assert told["decision_index"] == size
    assert status_of(service, declared) == "quarantined"
    assert service.check(picture)["matches"] == []
    assert service.check(picture, as_of=str(size))["preference"] == "disallowed", "then it did count"
    assert decide(service, one, "rejected", 409)["type"] == "/problems/dispute-decided"
    decide(service, other, "rejected")
    assert status_of(service, declared) == "quarantined"
    dispute(service, declared, service.party(), 409)
    # Said again it is the same declaration; its party can neither change nor withdraw it, to say it anew.
    assert service.declare(picture, artist, **PERMISSION)["id"] == declared["id"]
    url = f"/v1/declarations/{declared['id']}"
    changed = service.http.put(f"{url}/preferences", json={"preferences": {"search": "disallowed"}}, headers=artist)
    withdrawn = service.http.post(f"{url}/withdraw", headers=artist)
    assert [changed.status_code, withdrawn.status_code] == [409, 409]
    assert status_of(service, declared) == "quarantined"
    assert answers(service, picture) == ("unknown", "unknown")


def test_who_may_dispute_and_what(service: Service, picture: bytes, other_picture: bytes):
    artist, critic = service.party(), service.party()
    declared = service.declare(picture, artist)
    url = f"/v1/declarations/{declared['id']}/disputes"
    assert service.http.post(url, json=SAID).status_code == 401
    assert service.http.post(url, json=SAID, headers=service.key("check")).status_code == 403
    own = service.http.post(url, json=SAID, headers=artist)
    assert (own.status_code, own.json()["type"]) == (422, "/problems/invalid-request")
    for wrong in ({}, {"reason": ""}, {"reason": "x", "evidence_url": "file:///x"}, {"reason": "x", "more": 1}):
        assert service.http.post(url, json=wrong, headers=critic).status_code == 422
    assert service.http.post("/v1/declarations/dec_0/disputes", json=SAID, headers=critic).status_code == 404
    assert status_of(service, declared) == "active"
    assert service.http.get("/readyz").json()["tree_size"] == 1, "nothing was logged"
    service.http.post(f"/v1/declarations/{declared['id']}/withdraw", headers=artist)
    dispute(service, declared, critic, 409)
    gone = service.declare(other_picture, artist)
    service.http.post(f"/v1/declarations/{gone['id']}/erase", headers=artist)
    dispute(service, gone, critic, 409)
    expired = service.declare(other_picture, artist, valid_until="2001-01-01T00:00:00Z")
    dispute(service, expired, critic, 409)


def test_its_parties_and_the_operator_read_it_and_only_the_operator_decides(
    service: Service, picture: bytes, other_picture: bytes
):
    artist, critic = service.party(), service.party()
    made = [dispute(service, service.declare(image, artist), critic) for image in (picture, other_picture)]
    url = f"/v1/disputes/{made[0]['id']}"
    for headers in (artist, critic, service.operator):
        assert service.http.get(url, headers=headers).json() == made[0]
    assert service.http.get(url).status_code == 401
    assert service.http.get(url, headers=service.party()).status_code == 403
    assert service.http.get("/v1/disputes/dsp_0", headers=service.operator).status_code == 404
    assert service.http.get("/v1/disputes", headers=artist).status_code == 403
    decision = {"outcome": "upheld", "reason": "Yes."}
    for headers, status in ((artist, 403), (critic, 403), ({}, 401)):
        assert service.http.post(f"{url}/decision", json=decision, headers=headers).status_code == status
    for wrong in ({"outcome": "open", "reason": "x"}, {"outcome": "upheld"}):
        assert service.http.post(f"{url}/decision", json=wrong, headers=service.operator).status_code == 422
    decide(service, made[0], "rejected")
    listed = {
        query: [one["id"] for one in disputes(service, query)]
        for query in ("", "?status=open", "?status=rejected", f"?cursor={made[1]['log']['index']}")
    }
    first, second = (one["id"] for one in made)
    assert list(listed.values()) == [[second, first], [second], [first], [first]]
    for wrong in ("cursor=x", "status=lost"):
        assert service.http.get(f"/v1/disputes?{wrong}", headers=service.operator).status_code == 422


def test_disputes_come_in_pages(service: Service, picture: bytes, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("app.disputes.PAGE_SIZE", 2)
    declared = service.declare(picture, service.party())
    made = [dispute(service, declared, service.party())["id"] for _ in range(3)]
    first = service.http.get("/v1/disputes", headers=service.operator).json()
    last = service.http.get("/v1/disputes", params={"cursor": first["next_cursor"]}, headers=service.operator).json()
    assert [one["id"] for one in (*first["disputes"], *last["disputes"])] == made[::-1]
    assert last["next_cursor"] is None


def test_a_dispute_outlives_what_it_is_about(service: Service, picture: bytes):
    artist = service.party()
    declared = service.declare(picture, artist)
    made = dispute(service, declared, service.party())
    service.http.post(f"/v1/declarations/{declared['id']}/withdraw", headers=artist)
    assert decide(service, made, "rejected")["status"] == "rejected"
    assert status_of(service, declared) == "withdrawn"
    assert service.check(picture)["matches"] == []


def test_the_log_holds_no_word_of_it_and_the_outcome_is_told(service: Service, picture: bytes, database_url: str):
    declared = service.declare(picture, service.party())
    made = dispute(service, declared, service.party())
    decide(service, made, "upheld")
    bodies = [Entry.decode(row.body) for row in sorted(rows(database_url, LogEntry), key=lambda row: row.idx)]
    assert [entry.type for entry in bodies] == ["declare", "dispute", "decide"]
    assert [entry.fields["ref"] for entry in bodies[1:]] == [0, 0]
    assert "open" not in bodies[1].fields
    said = {row.idx: row for row in rows(database_url, Identity)}
    for index in (1, 2):
        assert "erasable" in said[index].payload.decode()
        assert commitment(IDENTITY_TAG, said[index].salt, said[index].payload) == bodies[index].fields["who"]
    opened = {row.idx: json.loads(row.payload) for row in rows(database_url, Opening)}
    assert opened[2] == {"dispute": 1, "outcome": "upheld", "still_open": 0}
    for headers in ({}, service.operator):
        told = changes(service, headers)
        assert [(one["type"], one["declaration"], one.get("outcome")) for one in told] == [
            ("declare", declared["id"], None),
            ("dispute", declared["id"], None),
            ("decide", declared["id"], "upheld"),
        ]
        assert "erasable" not in json.dumps(told)


def test_snapshots_are_told_too(service: Service, picture: bytes, other_picture: bytes):
    held = service.http.app.state.resources
    artist = service.party()
    declared = [service.declare(image, artist, **PERMISSION) for image in (picture, other_picture)]
    made = [dispute(service, one, service.party()) for one in declared]
    keys = held.logbook.publisher.keys.pinned

    def said(image: bytes) -> tuple[str, str]:
        built = open_snapshot(snapshots.build(held.database, held.settings).directory, keys)
        asked = (
            built.check_picture(image),
            built.check_picture(image, purpose=Category.SEARCH, claims=frozenset(Claim)),
        )
        return asked[0].preference.value, asked[1].preference.value

    assert said(picture) == said(other_picture) == ("disallowed", "unknown")
    decide(service, made[0], "upheld")
    decide(service, made[1], "rejected")
    assert said(picture) == ("unknown", "unknown")
    assert said(other_picture) == answers(service, other_picture) == ("disallowed", "allowed")


def test_erasing_the_declaration_erases_its_disputes(service: Service, picture: bytes, database_url: str):
    artist, critic = service.party(), service.party()
    declared = service.declare(picture, artist)
    made = dispute(service, declared, critic)
    decide(service, made, "rejected")
    dispute(service, declared, critic)
    assert service.http.post(f"/v1/declarations/{declared['id']}/erase", headers=artist).status_code == 200
    for table in (DisputeRow, Identity, Opening, EntryRef):
        assert rows(database_url, table) == []
    assert service.http.get(f"/v1/disputes/{made['id']}", headers=critic).status_code == 404


def test_erasing_the_party_that_disputes_leaves_the_case_and_no_word(
    service: Service, picture: bytes, other_picture: bytes, database_url: str
):
    (critic_id, critic), artist = party(service), service.party()
    declared = [service.declare(image, artist, **PERMISSION) for image in (picture, other_picture)]
    decided, left = (dispute(service, one, critic) for one in declared)
    decide(service, decided, "upheld")
    assert service.http.post(f"/v1/parties/{critic_id}/erase", headers=critic).status_code == 200
    held = repr([rows(database_url, table) for table in (DisputeRow, Identity, Opening, EntryRef)])
    assert "erasable" not in held
    assert critic_id not in held
    assert status_of(service, declared[0]) == "quarantined"
    assert status_of(service, declared[1]) == "disputed"
    [shown] = disputes(service, "?status=open")
    assert (shown["id"], shown["reason"], shown["evidence_url"]) == (left["id"], None, None)
    decide(service, left, "rejected")
    assert answers(service, other_picture) == ("disallowed", "allowed")
    assert service.check(picture)["matches"] == []


def test_erasing_a_party_that_decided_leaves_what_it_decided(service: Service, picture: bytes, database_url: str):
    party_id, _ = party(service)
    body = {"scopes": [Scope.OPERATE], "party": party_id}
    judge = bearer(service.http.post("/v1/keys", json=body, headers=service.operator).json()["api_key"])
    declared = service.declare(picture, service.party())
    made = dispute(service, declared, service.party())
    decision = {"outcome": "upheld", "reason": "Clear."}
    url = f"/v1/disputes/{made['id']}"
    assert service.http.post(f"{url}/decision", json=decision, headers=judge).status_code == 200
    assert service.http.post(f"/v1/parties/{party_id}/erase", headers=service.operator).status_code == 200
    assert party_id not in repr([rows(database_url, table) for table in (Identity, EntryRef)])
    shown = service.http.get(url, headers=service.operator).json()
    assert (shown["status"], shown["decision_reason"]) == ("upheld", None)
    assert status_of(service, declared) == "quarantined"
    assert changes(service, {})[-1]["outcome"] == "upheld"


def test_both_clients_dispute_and_decide(service: Service, picture: bytes):
    declared = service.declare(picture, service.party())
    critic = httpx.MockTransport(through(service))
    with Client("https://registry.example", key_of(service.party()), transport=critic) as client:
        made = client.dispute(declared["id"], **SAID)
        assert client.dispute(declared["id"], "Again.") == made == client.read_dispute(made.id)
        assert (made.status, made.reason) == (DisputeStatus.OPEN, SAID["reason"])
        with pytest.raises(ServiceRefused, match="operate"):
            client.disputes()

    async def scene(client: AsyncClient) -> None:
        assert (await client.disputes(DisputeStatus.OPEN)).disputes == [made]
        assert (await client.decide(made.id, Outcome.UPHELD, "It is so.")).status is DisputeStatus.UPHELD
        assert (await client.disputes("open")).disputes == []
        assert (await client.declaration(declared["id"])).status is Status.QUARANTINED
        with pytest.raises(ServiceRefused, match="before"):
            await client.decide(made.id, "rejected", "It is not.")

    asked(service, key_of(service.operator), scene)
