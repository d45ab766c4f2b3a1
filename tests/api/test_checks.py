"""A dataset builder asks, by picture and by hash, on both databases."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.api.conftest import Service
from tests.conftest import encoded

HASHES = "/v1/checks"


def test_a_poor_copy_is_disallowed_with_the_declaration_as_the_reason(service: Service, picture: bytes, copy: bytes):
    declared = service.declare(picture, service.party())
    answer = service.http.post("/v1/checks", content=copy, headers={"content-type": "image/jpeg"}).json()
    assert answer["purpose"] == "ai_generative_training"
    assert answer["depth"] == "deep"
    assert (answer["tree_size"], answer["root"]) == (1, declared["log"]["root"])
    [result] = answer["results"]
    assert result["preference"] == "disallowed"
    [reason] = result["reasons"]
    assert (reason["code"], reason["source"], reason["preference"]) == ("declared", "registry", "disallowed")
    assert declared["id"] in reason["detail"]
    [match] = result["matches"]
    assert match["declaration"] == declared["id"]
    assert match["claim"] == "self"
    assert 0 < match["distance"] <= 31


@pytest.mark.parametrize(
    ("turn", "orientation"),
    [
        (ImageOps.mirror, "mirror_left_right"),
        (ImageOps.flip, "mirror_top_bottom"),
        (lambda image: image.rotate(180), "rotate_180"),
        (lambda image: image.rotate(90), "rotate_90_ccw"),
    ],
)
def test_a_mirrored_or_turned_copy_is_found_and_named(service: Service, astronaut: Image.Image, turn, orientation: str):
    service.declare(encoded(astronaut), service.party())
    result = service.check(encoded(turn(astronaut), "JPEG", quality=80))
    assert result["preference"] == "disallowed"
    assert result["matches"][0]["transform"]["orientation"] == orientation


def test_nothing_declared_is_unknown_and_never_allowed(service: Service, picture: bytes, other_picture: bytes):
    service.declare(picture, service.party())
    result = service.check(other_picture)
    assert result["preference"] == "unknown"
    assert [reason["code"] for reason in result["reasons"]] == ["no_statement"]
    assert result["matches"] == []


def test_a_permission_on_nobodys_word_counts_only_where_the_caller_says_so(service: Service, picture: bytes):
    service.declare(picture, service.party(), preferences={"ai_generative_training": "allowed"})
    result = service.check(picture)
    assert result["preference"] == "unknown"
    assert result["reasons"][0]["code"] == "permission_not_verified"
    assert service.check(picture, claims="self")["preference"] == "allowed"
    assert service.check(picture, purpose="ai_training")["preference"] == "disallowed"


def test_a_restriction_wins_over_any_permission(service: Service, picture: bytes):
    service.declare(picture, service.party(), preferences={"ai_generative_training": "allowed"})
    service.declare(picture, service.party(), preferences={"ai_generative_training": "constrained"})
    assert service.check(picture, claims="self")["preference"] == "constrained"
    service.declare(picture, service.party())
    assert service.check(picture, claims="self")["preference"] == "disallowed"


def test_a_use_that_nobody_spoke_about_is_unknown(service: Service, picture: bytes):
    service.declare(picture, service.party())
    result = service.check(picture, purpose="search")
    assert (result["preference"], result["reasons"][0]["code"]) == ("unknown", "not_stated")


def test_several_pictures_each_have_their_answer(service: Service, picture: bytes, other_picture: bytes):
    service.declare(picture, service.party())
    blank = encoded(Image.new("RGB", (300, 300), "white"))
    parts = {
        "mine.png": picture,
        "other.png": other_picture,
        "blank.png": blank,
        "half.png": picture[:2000],
        "no.txt": b"hi",
    }
    files = [("image", (name, data, "image/png")) for name, data in parts.items()]
    answer = service.http.post("/v1/checks", files=files)
    assert answer.status_code == 200
    results = {r["name"]: (r["preference"], r["reasons"][0]["code"]) for r in answer.json()["results"]}
    assert results == {
        "mine.png": ("disallowed", "declared"),
        "other.png": ("unknown", "no_statement"),
        "blank.png": ("unknown", "too_plain"),
        "half.png": ("unknown", "undecodable"),
        "no.txt": ("unknown", "not_a_picture"),
    }


def test_the_type_is_read_from_the_bytes(service: Service, picture: bytes):
    service.declare(picture, service.party())
    answer = service.http.post("/v1/checks", content=picture, headers={"content-type": "image/jpeg"})
    assert answer.json()["results"][0]["preference"] == "disallowed"


def test_one_raw_picture_that_cannot_be_read_is_a_problem(service: Service, picture: bytes):
    for body, status, name in (
        (b"", 415, "not-a-picture"),
        (b"hello", 415, "not-a-picture"),
        (picture[:2000], 422, "undecodable"),
    ):
        response = service.http.post("/v1/checks", content=body, headers={"content-type": "image/png"})
        assert (response.status_code, response.json()["type"]) == (status, f"/problems/{name}")


def near(value: str, bits: int) -> str:
    """The hash with its lowest ``bits`` bits flipped."""
    return f"{int(value, 16) ^ ((1 << bits) - 1):064x}"


def test_hashes_are_answered_sparsely_and_as_bits(service: Service, picture: bytes):
    declared = service.declare(picture, service.party())
    value = declared["fingerprints"][0]["value"]
    rng = np.random.default_rng(2)
    hashes = [rng.bytes(32).hex() for _ in range(19)]
    hashes[3], hashes[9], hashes[18] = value, near(value, 31), near(value, 32)
    answer = service.http.post(HASHES, json={"alg": "pdq", "hashes": hashes}).json()
    assert (answer["tree_size"], answer["root"]) == (1, declared["log"]["root"])
    assert answer["count"] == 19
    assert [(hit["i"], hit["preference"], hit["matches"][0]["distance"]) for hit in answer["hits"]] == [
        (3, "disallowed", 0),
        (9, "disallowed", 31),
    ]
    body = b"".join(map(bytes.fromhex, hashes))
    binary = {"content-type": "application/octet-stream"}
    sparse = service.http.post(HASHES, content=body, params={"alg": "pdq"}, headers=binary)
    assert sparse.json() == answer
    bits = service.http.post(
        HASHES, content=body, params={"alg": "pdq"}, headers={**binary, "accept": binary["content-type"]}
    )
    assert bits.content == bytes([0b00001000, 0b00000010, 0])
    assert bits.headers["remarque-tree-size"] == "1"
    assert bits.headers["remarque-root"] == declared["log"]["root"]


def test_a_phash_finds_and_says_that_it_is_weak(service: Service, picture: bytes):
    party = service.party()
    declared = service.declare(picture, party)
    value = next(f["value"] for f in declared["fingerprints"] if f["alg"] == "phash")
    [hit] = service.http.post(HASHES, json={"alg": "phash", "hashes": [value]}).json()["hits"]
    assert hit["preference"] == "disallowed"
    assert "phash_only" in [reason["code"] for reason in hit["reasons"]]
    permit = {"preferences": {"ai_generative_training": "allowed"}}
    service.http.put(f"/v1/declarations/{declared['id']}/preferences", json=permit, headers=party)
    body = {"content": bytes.fromhex(value), "headers": {"content-type": "application/octet-stream"}}
    [hit] = service.http.post(HASHES, params={"alg": "phash", "claims": "self"}, **body).json()["hits"]
    assert hit["preference"] == "unknown", "a weak match never permits"
    body["headers"] |= {"accept": "application/octet-stream"}
    bits = service.http.post(HASHES, params={"alg": "phash", "claims": "self"}, **body)
    assert bits.content == b"\x01", "what could not be judged is not free"


@pytest.mark.parametrize(
    "hashes",
    [
        ["0" * 63],
        ["0" * 65],
        ["g" * 64],
        ["0" * 63, "0" * 65],
        ["A" * 64],
        [""],
        ["\uff10" * 64],
        [" " + "0" * 63],
        [5],
    ],
)
def test_a_malformed_hash_is_named(service: Service, hashes: list[str]):
    response = service.http.post(HASHES, json={"alg": "pdq", "hashes": hashes})
    assert response.status_code == 422
    assert "hashes" in response.json()["detail"]


def test_a_piece_of_a_hash_is_refused(service: Service):
    response = service.http.post(HASHES, content=bytes(33), headers={"content-type": "application/octet-stream"})
    assert (response.status_code, response.json()["type"]) == (422, "/problems/invalid-fingerprint")


def test_no_hashes_are_no_hits(service: Service):
    assert service.http.post(HASHES, json={"alg": "pdq", "hashes": []}).json()["hits"] == []


def test_without_a_key_ten_pictures_or_a_hundred_hashes(service: Service, picture: bytes):
    builder = service.party()
    files = [("image", (f"{i}.png", picture, "image/png")) for i in range(11)]
    assert service.http.post("/v1/checks", files=files).status_code == 401
    assert service.http.post("/v1/checks", files=files[:10]).status_code == 200
    assert len(service.http.post("/v1/checks", files=files, headers=builder).json()["results"]) == 11
    body = {"alg": "pdq", "hashes": ["0" * 64] * 101}
    assert service.http.post(HASHES, json=body).status_code == 401
    assert service.http.post(HASHES, json=body, headers=service.key("label")).status_code == 403
    assert service.http.post(HASHES, json=body, headers=builder).json()["count"] == 101


def test_a_state_that_is_not_kept_is_said(service: Service, picture: bytes):
    service.declare(picture, service.party())
    raw = {"content": picture, "headers": {"content-type": "image/png"}}
    assert service.http.post("/v1/checks", params={"as_of": 1}, **raw).status_code == 200
    assert service.http.post("/v1/checks", params={"as_of": 99}, **raw).status_code == 410


def test_a_crop_is_found_by_its_regions_and_only_by_them(service: Service, astronaut: Image.Image):
    declared = service.declare(encoded(astronaut), service.party())
    crop = encoded(astronaut.crop((100, 40, 420, 400)).resize((400, 450)), "JPEG", quality=80)
    assert service.check(crop, depth="frame")["preference"] == "unknown"
    result = service.check(crop)
    assert result["preference"] == "disallowed"
    [match] = result["matches"]
    assert (match["declaration"], match["alg"]) == (declared["id"], "pdq-region")
    assert match["regions"] >= 3
    assert match["transform"]["mirrored"] is False
    assert match["transform"]["scale"] == pytest.approx(1.25, rel=0.1)
    assert abs(match["transform"]["rotation"]) < 10


def test_a_permission_for_a_part_is_none_for_the_whole(service: Service, astronaut: Image.Image, coffee: Image.Image):
    """Whoever pastes an allowed picture into another one has not made the other one free."""
    service.declare(encoded(astronaut), service.party(), preferences={"ai_generative_training": "allowed"})
    collage = coffee.resize((1500, 1000))
    collage.paste(astronaut, (500, 250))
    crop = astronaut.crop((100, 40, 420, 400))
    for part in (collage, crop):
        result = service.check(encoded(part), claims="self")
        assert result["matches"]
        assert result["preference"] == "unknown"
        assert result["reasons"][0]["code"] == "permission_not_verified"
    assert service.check(encoded(astronaut, "JPEG", quality=60), claims="self")["preference"] == "allowed"


def test_a_bordered_copy_says_where_the_work_lies(service: Service, astronaut: Image.Image):
    service.declare(encoded(astronaut), service.party())
    page = Image.new("RGB", (712, 612), "white")
    page.paste(astronaut, (100, 50))
    result = service.check(encoded(page), depth="frame")
    assert result["preference"] == "disallowed"
    left, top, right, bottom = result["matches"][0]["transform"]["box"]
    assert (left, top, right, bottom) == pytest.approx((100 / 712, 50 / 612, 612 / 712, 562 / 612), abs=0.01)
