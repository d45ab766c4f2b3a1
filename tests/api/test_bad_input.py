"""Whatever is sent, the answer is a problem that says what to change, and nothing is left behind."""

from __future__ import annotations

import zlib
from struct import pack

import pytest
from PIL import Image

from tests.api.conftest import Service, form
from tests.conftest import encoded

CHECKS = "/v1/checks"
PNG = {"content-type": "image/png"}


def is_problem(response, status: int, name: str) -> None:
    assert (response.status_code, response.json()["type"]) == (status, f"/problems/{name}")
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["status"] == status
    assert len(response.json()["detail"]) > 10


def bomb(side: int) -> bytes:
    """A PNG of side x side black pixels, in a few kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(bytes(side * (1 + side)), 9)
    header = pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_too_many_pixels_are_refused_by_the_header(small_service: Service):
    is_problem(small_service.http.post(CHECKS, content=bomb(1001), headers=PNG), 413, "too-many-pixels")


def test_a_body_over_the_limit_is_refused_announced_or_not(small_service: Service):
    big = bytes(2_000_001)
    is_problem(small_service.http.post(CHECKS, content=big, headers=PNG), 413, "body-too-large")

    def in_pieces():
        for _ in range(40):
            yield bytes(100_000)

    is_problem(small_service.http.post(CHECKS, content=in_pieces(), headers=PNG), 413, "body-too-large")
    is_problem(small_service.http.post("/v1/parties", content=bytes(10_000_000)), 413, "body-too-large")
    parts = {"image": ("a.png", big, "image/png")}
    is_problem(small_service.http.post(CHECKS, files=parts), 413, "body-too-large")


def test_too_many_items_are_refused(small_service: Service, picture: bytes):
    body = {"alg": "pdq", "hashes": ["0" * 64] * 1001}
    is_problem(small_service.http.post(CHECKS, json=body, headers=small_service.operator), 413, "too-many-items")
    octets = {"content-type": "application/octet-stream", **small_service.operator}
    is_problem(small_service.http.post(CHECKS, content=bytes(32 * 1001), headers=octets), 413, "body-too-large")
    files = [("image", (f"{i}.png", b"x", "image/png")) for i in range(21)]
    is_problem(small_service.http.post(CHECKS, files=files, headers=small_service.operator), 413, "too-many-items")


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"{", {"content-type": "application/json"}),
        (b"[" * 30_000, {"content-type": "application/json"}),
        (b'{"alg":"pdq","hashes":"' + b"0" * 64 + b'"}', {"content-type": "application/json"}),
        (b'{"alg":"pdq","hashes":[],"extra":1}', {"content-type": "application/json"}),
        (b'{"alg":"pdq","hashes":["\\ud800"]}', {"content-type": "application/json"}),
        (b"\xff\xfe", {"content-type": "application/json; charset=utf-16"}),
        (b"", {"content-type": "application/json"}),
        (b"no boundary", {"content-type": "multipart/form-data"}),
        (b"--x\r\nbroken", {"content-type": "multipart/form-data; boundary=x"}),
        (b"--x--\r\n", {"content-type": "multipart/form-data; boundary=x"}),
    ],
)
def test_a_malformed_body_is_a_problem(small_service: Service, body: bytes, headers: dict[str, str]):
    response = small_service.http.post(CHECKS, content=body, headers=headers)
    assert response.status_code == 422, response.text
    assert response.headers["content-type"] == "application/problem+json"


def test_json_that_is_not_utf8_is_a_problem_everywhere(small_service: Service):
    for address, headers in (("/v1/parties", {}), ("/v1/keys", small_service.operator)):
        headers = {**headers, "content-type": "application/json"}
        is_problem(
            small_service.http.post(address, content=b'{"label":"\xff"}', headers=headers), 422, "invalid-request"
        )


def test_an_encoding_that_is_not_read_is_named(small_service: Service):
    artist = small_service.party()
    for address in (CHECKS, "/v1/declarations", "/v1/verifications"):
        response = small_service.http.post(address, content=b"x", headers={**artist, "content-type": "text/plain"})
        is_problem(response, 415, "unsupported-encoding")
        assert "text/plain" in response.json()["detail"]


def test_unknown_routes_and_methods_are_problems(small_service: Service):
    is_problem(small_service.http.get("/v1/nothing"), 404, "not-found")
    is_problem(small_service.http.delete("/v1/checks"), 405, "method-not-allowed")


def test_a_form_without_its_picture_or_with_two_is_named(small_service: Service, copy: bytes):
    artist = small_service.party()
    two = [("image", ("a.jpg", copy, "image/jpeg")), ("image", ("b.jpg", copy, "image/jpeg"))]
    for files in (two, {"declaration": (None, "{}")}, {"picture": ("a.jpg", copy, "image/jpeg")}):
        response = small_service.http.post("/v1/declarations", files=files, headers=artist)
        is_problem(response, 422, "invalid-request")
        assert "image" in response.json()["detail"]
    wrong = {"image": ("a.jpg", copy, "image/jpeg"), "declaration": (None, "{oops")}
    is_problem(small_service.http.post("/v1/declarations", files=wrong, headers=artist), 422, "invalid-request")


def test_a_reader_that_takes_too_long_is_ended_and_the_next_one_answers(settings_for, picture: bytes):
    from tests.api.conftest import start

    for service in start(settings_for(read_seconds=0.001)):
        response = service.http.post(CHECKS, content=encoded(Image.effect_noise((3000, 3000), 90)), headers=PNG)
        is_problem(response, 422, "reading-stopped")
        again = service.http.post("/v1/declarations", files=form(picture), headers=service.party())
        assert again.status_code in {201, 422}
        assert service.http.get("/readyz").status_code == 200


def test_markup_in_what_users_say_stays_text(small_service: Service, copy: bytes):
    attack = '<img src=x onerror="alert(1)">'
    declared = small_service.declare(copy, small_service.party(), title=attack, creator=attack, constraint=attack)
    page = small_service.http.get(f"/declarations/{declared['id']}")
    assert page.status_code == 200
    assert attack not in page.text
    assert "&lt;img src=x" in page.text
    looked_up = small_service.http.post("/look-up", files={"image": (attack, copy, "image/jpeg")})
    assert looked_up.status_code == 200
    assert attack not in looked_up.text
    for answer in (page, looked_up):
        assert "default-src 'none'" in answer.headers["content-security-policy"]
