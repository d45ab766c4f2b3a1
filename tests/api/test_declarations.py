"""An artist declares, reads, changes and withdraws, on both databases."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from remarque.codec import to_json
from remarque.fingerprints import fingerprint
from tests.api.conftest import Service, form
from tests.conftest import encoded

PDQ = {"alg": "pdq", "value": "ab" * 32}
REGION = {"alg": "pdq-region", "value": "ab" * 32, "quality": 9, "x": 1, "y": 1, "size": 9, "angle": 0}
CAWG = ("ai_generative_training", "ai_training", "ai_inference", "data_mining")


def test_a_declaration_reserves_the_four_uses_and_says_where_it_stands(service: Service, picture: bytes):
    artist = service.party()
    response = service.http.post("/v1/declarations", files=form(picture, {"title": "Flight"}), headers=artist)
    assert response.status_code == 201
    declared = response.json()
    assert declared["status"] == "active"
    assert declared["preferences"] == dict.fromkeys(CAWG, "disallowed")
    assert declared["coverage"] == ["frame", "region"]
    assert declared["title"] == "Flight"
    assert declared["log"]["index"] == 0
    assert declared["log"]["tree_size"] == 1
    assert len(declared["log"]["root"]) == 64
    upright = declared["fingerprints"][0]
    assert upright["alg"] == "pdq"
    assert len(upright["value"]) == 64
    assert upright["quality"] >= 50
    turned = [f["orientation"] for f in declared["fingerprints"] if f["alg"] == "pdq"]
    assert len(set(turned)) == 8
    regions = [f for f in declared["fingerprints"] if f["alg"] == "pdq-region"]
    assert len(regions) >= 32
    assert all(0 <= f["x"] <= 512 and 0 <= f["y"] <= 512 and f["size"] > 0 for f in regions)


def test_the_same_picture_again_is_the_same_declaration(service: Service, picture: bytes):
    artist = service.party()
    first = service.http.post("/v1/declarations", files=form(picture), headers=artist)
    second = service.http.post("/v1/declarations", files=form(picture), headers=artist)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json()["id"] == second.json()["id"]
    assert second.json()["log"] == first.json()["log"]


def test_the_same_picture_with_other_preferences_is_refused_and_named(service: Service, picture: bytes):
    artist = service.party()
    first = service.declare(picture, artist)
    again = {"preferences": {"ai_inference": "allowed"}}
    response = service.http.post("/v1/declarations", files=form(picture, again), headers=artist)
    assert response.status_code == 409
    assert response.json()["type"].endswith("already-declared")
    assert first["id"] in response.json()["detail"]


def test_two_parties_may_declare_the_same_picture(service: Service, picture: bytes):
    ids = {service.declare(picture, service.party())["id"] for _ in range(2)}
    assert len(ids) == 2
    assert len(service.check(picture)["matches"]) == 2


def test_anyone_reads_a_declaration_and_only_its_party_sees_the_fingerprints(service: Service, picture: bytes):
    artist, stranger = service.party(), service.party()
    declared = service.declare(picture, artist, creator="Ana <b>Ruiz</b>")
    address = f"/v1/declarations/{declared['id']}"
    for headers, sees in ((None, False), (stranger, False), (artist, True), (service.operator, True)):
        shown = service.http.get(address, headers=headers).json()
        assert (shown["fingerprints"] is not None) is sees
        assert shown["creator"] == "Ana <b>Ruiz</b>"
    assert service.http.get("/v1/declarations/dec_0").status_code == 404


def test_a_change_is_an_entry_and_the_check_follows(service: Service, picture: bytes):
    artist = service.party()
    declared = service.declare(picture, artist)
    address = f"/v1/declarations/{declared['id']}/preferences"
    changed = service.http.put(address, json={"preferences": {"ai_inference": "constrained"}}, headers=artist).json()
    assert changed["preferences"]["ai_inference"] == "constrained"
    assert changed["preferences"]["ai_training"] == "disallowed"
    assert service.check(picture, purpose="ai_inference")["preference"] == "constrained"
    before = service.http.get("/readyz").json()
    same = service.http.put(address, json={"preferences": {"ai_inference": "constrained"}}, headers=artist)
    assert same.status_code == 200
    assert service.http.get("/readyz").json() == before, "what changes nothing is no entry"
    assert before["tree_size"] == 2


def test_a_withdrawal_ends_it_and_the_picture_can_be_declared_anew(service: Service, picture: bytes):
    artist = service.party()
    declared = service.declare(picture, artist)
    withdraw = f"/v1/declarations/{declared['id']}/withdraw"
    assert service.http.post(withdraw, headers=artist).json()["status"] == "withdrawn"
    assert service.http.post(withdraw, headers=artist).status_code == 200, "a second time changes nothing"
    result = service.check(picture)
    assert (result["preference"], result["reasons"][0]["code"]) == ("unknown", "no_statement")
    change = service.http.put(
        f"/v1/declarations/{declared['id']}/preferences", json={"preferences": {"search": "allowed"}}, headers=artist
    )
    assert change.status_code == 409
    again = service.http.post("/v1/declarations", files=form(picture), headers=artist)
    assert again.status_code == 201
    assert again.json()["id"] != declared["id"]
    assert service.check(picture)["preference"] == "disallowed"


def test_another_party_can_neither_change_nor_withdraw(service: Service, picture: bytes):
    declared = service.declare(picture, service.party())
    stranger = service.party()
    address = f"/v1/declarations/{declared['id']}"
    change = service.http.put(f"{address}/preferences", json={"preferences": {"search": "allowed"}}, headers=stranger)
    assert change.status_code == 403
    assert service.http.post(f"{address}/withdraw", headers=stranger).status_code == 403
    assert service.http.get(address).json()["status"] == "active"


def test_a_party_lists_its_own_newest_first_page_by_page(service: Service):
    artist = service.party()
    rng = np.random.default_rng(1)
    mine = []
    for _ in range(103):
        item = {"alg": "pdq", "value": rng.bytes(32).hex(), "quality": 90}
        mine.append(service.http.post("/v1/declarations", json={"fingerprints": [item]}, headers=artist).json()["id"])
    service.http.post(
        "/v1/declarations",
        json={"fingerprints": [{"alg": "pdq", "value": rng.bytes(32).hex()}]},
        headers=service.party(),
    )
    first = service.http.get("/v1/declarations", headers=artist).json()
    second = service.http.get("/v1/declarations", params={"cursor": first["next_cursor"]}, headers=artist).json()
    listed = [d["id"] for d in first["declarations"] + second["declarations"]]
    assert listed == mine[::-1]
    assert second["next_cursor"] is None
    assert service.http.get("/v1/declarations", params={"cursor": "x"}, headers=artist).status_code == 422
    assert service.http.get("/v1/declarations").status_code == 401


def test_fingerprints_alone_declare_without_a_picture(service: Service, picture: bytes, copy: bytes):
    artist = service.party()
    items = [
        {name: value for name, value in to_json(item).items() if value is not None}
        for item in fingerprint(picture).to_items()
    ]
    response = service.http.post("/v1/declarations", json={"fingerprints": items, "title": "Kept"}, headers=artist)
    assert response.status_code == 201
    assert response.json()["coverage"] == ["frame", "region"]
    assert service.check(copy)["preference"] == "disallowed"
    again = service.http.post("/v1/declarations", files=form(picture), headers=artist)
    assert again.status_code == 200, "the same pdq is the same work"
    assert again.json()["id"] == response.json()["id"]


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({}, "fingerprints"),
        ({"fingerprints": []}, "fingerprints"),
        ({"fingerprints": [{"alg": "phash", "value": "0" * 16}]}, "pdq"),
        ({"fingerprints": [{"alg": "md5", "value": "0" * 64}]}, "md5"),
        ({"fingerprints": [{"alg": "pdq", "value": "0" * 63}]}, "64"),
        ({"fingerprints": [{"alg": "pdq", "value": "F" * 64}]}, "lower-case"),
        ({"fingerprints": [{"alg": "pdq", "value": "f" * 64, "quality": 101}]}, "quality"),
        ({"fingerprints": [{"alg": "pdq", "value": "ab" * 32, "quality": 49}]}, "49"),
        ({"fingerprints": [PDQ, {"alg": "pdq-region", "value": "ab" * 32, "quality": 9}]}, "pdq-region"),
        ({"fingerprints": [PDQ, {**REGION, "x": 1e9}]}, "x"),
        ({"fingerprints": [{**PDQ, "angle": False}]}, "angle"),
        ({"fingerprints": [{**PDQ, "quality": "90"}]}, "quality"),
        ({"fingerprints": [PDQ, {**REGION, "quality": 65}]}, "64"),
        ({"fingerprints": [{"alg": "pdq", "value": "ab" * 32}], "preferences": {"ai": "allowed"}}, "preferences"),
        ({"fingerprints": [{"alg": "pdq", "value": "ab" * 32}], "preferences": {"search": "yes"}}, "preferences"),
        ({"fingerprints": [{"alg": "pdq", "value": "ab" * 32}], "preference": {"search": "allowed"}}, "preference"),
        ({"fingerprints": [{"alg": "pdq", "value": "ab" * 32}], "url": "javascript:alert(1)"}, "url"),
        ({"fingerprints": [{"alg": "pdq", "value": "ab" * 32}], "title": "a\x00b"}, "title"),
        ({"fingerprints": [{"alg": "pdq", "value": "ab" * 32}], "title": ""}, "title"),
        ({"fingerprints": [{"alg": "pdq", "value": "ab" * 32}], "valid_until": "tomorrow"}, "valid_until"),
        ({"fingerprints": [{"alg": "pdq", "value": "ab" * 32}], "valid_until": "2031-01-01T00:00:00"}, "valid_until"),
        ({"fingerprints": [{"alg": "pdq", "value": "ab" * 32}], "valid_until": "9999-12-31T23:59:59-10:00"}, "valid"),
        ([], "object"),
    ],
)
def test_what_cannot_be_used_is_named_and_leaves_nothing(service: Service, body: object, names: str):
    response = service.http.post("/v1/declarations", json=body, headers=service.party())
    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    assert names in response.json()["detail"]
    assert service.http.get("/readyz").json()["tree_size"] == 0


def test_a_picture_without_detail_is_refused(service: Service):
    blank = encoded(Image.new("RGB", (300, 300), "white"))
    response = service.http.post("/v1/declarations", files=form(blank), headers=service.party())
    assert response.status_code == 422
    assert response.json()["type"].endswith("/too-plain")


def test_an_expired_declaration_says_so_and_counts_no_more(service: Service, picture: bytes):
    artist = service.party()
    declared = service.declare(picture, artist, valid_until="2020-01-01T00:00:00Z")
    assert declared["status"] == "expired"
    assert service.check(picture)["preference"] == "unknown"
    assert service.http.post("/v1/declarations", files=form(picture), headers=artist).status_code == 201
