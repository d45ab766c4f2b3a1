"""What the client makes of answers: errors by name, bounded patience, and a key that shows nowhere."""

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from remarque.answers import Depth, Fingerprint
from remarque.client import Client
from remarque.errors import (
    AnswerNotUnderstood,
    InvalidFingerprint,
    InvalidPreference,
    InvalidRequest,
    ServiceRefused,
    ServiceUnreachable,
)
from remarque.preferences import Category, Preference
from remarque.transport import LONGEST_WAIT, RETRIES, retry_after, service_address
from tests.unit.answering import KEY, Service, labelled, ok, problem

ROOT = "0f" * 32
Handler = Callable[[httpx.Request], httpx.Response]

DECLARATION = {
    "id": "d1",
    "status": "active",
    "preferences": {"ai_training": "disallowed"},
    "coverage": ["frame"],
    "claim": "self",
    "declared_at": "2026-11-23T12:00:00Z",
    "log": {"index": 0, "tree_size": 1, "root": ROOT},
    "receipt_url": "https://registry.example/v1/declarations/d1/receipt",
    "page_url": "https://registry.example/d/d1",
}
HASHES = {"tree_size": 1, "root": ROOT, "purpose": "ai_generative_training", "count": 2, "hits": []}


def test_reads_a_declaration_and_sends_the_key() -> None:
    service = Service(ok(DECLARATION))
    with service.client() as client:
        assert client.declaration("d1").preferences == {Category.AI_TRAINING: Preference.DISALLOWED}
    assert service.requests[0].headers["Authorization"] == f"Bearer {KEY}"
    assert service.requests[0].url == "https://registry.example/v1/declarations/d1"


def test_a_problem_becomes_an_error_with_its_slug_and_sentence() -> None:
    with pytest.raises(ServiceRefused) as caught:
        Service(problem(422, "too-plain", "The picture is too plain.")).client().declare(b"x")
    error = caught.value
    assert (error.slug, error.status, str(error)) == ("too-plain", 422, "The picture is too plain.")
    assert error.problem["title"] == "No"


@pytest.mark.parametrize("body", [{}, {"type": "about:blank", "detail": ""}, {"type": 7, "detail": ["x"]}])
def test_a_problem_that_says_little_still_says_the_status(body: Any) -> None:
    answer = httpx.Response(404, content=json.dumps(body), headers={"Content-Type": "application/problem+json"})
    with pytest.raises(ServiceRefused, match="the service answered 404") as caught:
        Service(answer).client().declaration("d1")
    assert caught.value.slug == "http-404"


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(502, text="<html>Bad gateway</html>"),
        httpx.Response(500, content=b"[]", headers={"Content-Type": "application/problem+json"}),
        httpx.Response(500, content=b"{", headers={"Content-Type": "application/problem+json"}),
        httpx.Response(307, headers={"Location": "https://elsewhere.example/"}),
        httpx.Response(200, text="<html>Welcome</html>"),
        httpx.Response(200, content=b"\xff\xfe"),
        httpx.Response(200, content=b"[" * 100_000),
        httpx.Response(200, json=[]),
        httpx.Response(200, json=DECLARATION | {"status": "fine"}),
        httpx.Response(200, stream=httpx.ByteStream(b"not gzip"), headers={"Content-Encoding": "gzip"}),
    ],
    ids=lambda answer: f"{answer.status_code}",
)
def test_what_does_not_fit_the_contract_is_not_understood(answer: httpx.Response) -> None:
    with pytest.raises(AnswerNotUnderstood):
        Service(answer).client().declaration("d1")


def test_no_answer_is_unreachable() -> None:
    service = Service(httpx.ConnectError("connection refused"))
    with pytest.raises(ServiceUnreachable, match=r"no answer from https://registry\.example: connection refused"):
        service.client().declaration("d1")
    assert len(service.requests) == 1


def test_waits_as_long_as_it_is_told_and_asks_again() -> None:
    service = Service(problem(429, "slow-down", **{"Retry-After": "3"}), problem(503, "not-ready"), ok(DECLARATION))
    assert service.client().declare(b"x").id == "d1"
    assert service.waits == [3.0, 1.0]
    assert {request.read() for request in service.requests} == {service.requests[0].read()}


def test_patience_ends() -> None:
    service = Service(problem(503, "not-ready", **{"Retry-After": "1"}))
    with pytest.raises(ServiceRefused) as caught:
        service.client().declaration("d1")
    assert caught.value.slug == "not-ready"
    assert service.waits == [1.0] * RETRIES
    assert len(service.requests) == RETRIES + 1


def test_does_not_wait_longer_than_anybody_would() -> None:
    service = Service(problem(429, "slow-down", **{"Retry-After": str(int(LONGEST_WAIT) + 1)}))
    with pytest.raises(ServiceRefused):
        service.client().declaration("d1")
    assert service.waits == []


def test_a_broken_connection_is_tried_again_only_where_that_is_safe() -> None:
    service = Service(httpx.RemoteProtocolError("Server disconnected"), ok(DECLARATION))
    assert service.client().declare(b"x").id == "d1"
    service = Service(httpx.RemoteProtocolError("Server disconnected"))
    with pytest.raises(ServiceUnreachable):
        service.client().create_party()
    assert len(service.requests) == 1


def test_what_may_not_be_done_twice_is_repeated_after_429_only() -> None:
    unavailable = Service(problem(503, "signing-unavailable", **{"Retry-After": "1"}))
    with pytest.raises(ServiceRefused):
        unavailable.client().label(b"x", system="s")
    assert unavailable.waits == []
    slow = Service(problem(429, "slow-down", **{"Retry-After": "1"}), ok({"id": "p1", "api_key": "rmq_new"}))
    assert slow.client().create_party().id == "p1"
    assert slow.waits == [1.0]


def test_a_service_that_has_not_begun_is_asked_again_whatever_it_was_asked_for() -> None:
    service = Service(problem(503, "busy", **{"Retry-After": "2"}), problem(503, "not-ready"), labelled())
    assert service.client().label(b"x", system="s").label_id == "l1"
    assert service.waits == [2.0, 1.0]


def test_the_key_shows_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client = Service(problem(401, "key-unknown", f"The key {KEY} is not known.")).client()
    with pytest.raises(ServiceRefused) as caught:
        client.declaration("d1")
    told = repr(client) + str(caught.value) + repr(caught.value.problem) + caplog.text
    assert KEY not in told
    with pytest.raises(ServiceUnreachable) as unreachable:
        Service(httpx.ConnectError(f"Bearer {KEY}")).client().declaration("d1")
    assert KEY not in str(unreachable.value)


@pytest.mark.parametrize("key", ["", "rmq_x\n", "rmq_x y", "rmq_\u00e9"])
def test_a_key_that_cannot_be_one_is_refused_without_repeating_it(key: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Client("https://registry.example", key)
    assert "rmq_" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "registry.example",
        "ftp://registry.example",
        "https://",
        "https://user:pw@registry.example",
        "https://x/?a=1",
    ],
)
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        service_address(address)
    assert "pw" not in str(caught.value)


def test_a_service_may_live_below_a_path() -> None:
    service = Service(ok(DECLARATION))
    with Client("https://x.example/registry/", transport=httpx.MockTransport(service)) as client:
        client.declaration("d1")
    assert service.requests[0].url == "https://x.example/registry/v1/declarations/d1"


@pytest.mark.parametrize("id", ["", ".", "..", "a/b", "a?b", "a b", "../keys"])
def test_an_id_stays_one_segment_of_the_path(id: str) -> None:
    service = Service(ok(DECLARATION))
    with pytest.raises(InvalidRequest):
        service.client().withdraw(id)
    assert service.requests == []


@given(st.text(), st.text())
def test_any_retry_after_gives_a_wait(header: str, other: str) -> None:
    assert retry_after(header + other, default=1.0) >= 0.0


def test_retry_after_may_be_a_date() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    assert 17.0 < retry_after(soon, default=1.0) <= 20.0
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT", default=1.0) == 0.0


def test_a_declaration_is_sent_as_picture_and_json() -> None:
    service = Service(ok(DECLARATION))
    service.client().declare(
        ("dawn.png", b"PIXELS"),
        preferences={Category.AI_TRAINING: Preference.ALLOWED, "search": "disallowed"},
        title="Dawn",
        creator=None,
        valid_until=datetime(2030, 1, 1, tzinfo=UTC),
    )
    body = service.requests[0].read()
    assert b'name="image"; filename="dawn.png"' in body
    assert b"PIXELS" in body
    sent = json.loads(body[body.index(b'{"') : body.rindex(b"}") + 1])
    assert sent == {
        "preferences": {"ai_training": "allowed", "search": "disallowed"},
        "title": "Dawn",
        "valid_until": "2030-01-01T00:00:00Z",
    }


def test_fingerprints_are_sent_as_json() -> None:
    service = Service(ok(DECLARATION))
    service.client().declare_fingerprints([Fingerprint(alg="pdq", value=ROOT, quality=100)], creator="Ada")
    assert json.loads(service.requests[0].read()) == {
        "fingerprints": [{"alg": "pdq", "value": ROOT, "quality": 100}],
        "creator": "Ada",
    }


def test_a_wrong_statement_is_told_before_anything_is_sent() -> None:
    service = Service(ok(DECLARATION))
    with pytest.raises(InvalidPreference):
        service.client().declare(b"x", preferences={"training": "allowed"})
    with pytest.raises(InvalidPreference):
        service.client().set_preferences("d1", {"search": "notAllowed"})
    with pytest.raises(InvalidRequest):
        service.client().declare(b"x", valid_until=datetime(2030, 1, 1))  # noqa: DTZ001 - the mistake is the point
    with pytest.raises(TypeError, match="author"):
        service.client().declare(b"x", author="Ada")  # type: ignore[call-arg]  # the mistake is the point
    assert service.requests == []


def test_all_declarations_walks_the_pages_and_stops_where_they_go_round() -> None:
    page = {"declarations": [DECLARATION], "next_cursor": "c1"}
    last = {"declarations": [DECLARATION | {"id": "d2"}], "next_cursor": None}
    service = Service(ok(page), ok(last))
    assert [declaration.id for declaration in service.client().all_declarations()] == ["d1", "d2"]
    assert "cursor" not in service.requests[0].url.params
    assert service.requests[1].url.params["cursor"] == "c1"
    with pytest.raises(AnswerNotUnderstood, match="twice"):
        list(Service(ok(page)).client().all_declarations())


def test_pictures_are_checked_in_one_request(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"AAA")
    result = {"name": "a.png", "preference": "unknown", "reasons": []}
    answer = {"tree_size": 3, "root": ROOT, "purpose": "ai_training", "depth": "frame", "results": [result, result]}
    service = Service(ok(answer))
    check = service.client(None).check(
        tmp_path / "a.png", b"BBB", purpose="ai_training", depth=Depth.FRAME, claims="self"
    )
    assert [entry.preference for entry in check.results] == [Preference.UNKNOWN] * 2
    request = service.requests[0]
    assert dict(request.url.params) == {"purpose": "ai_training", "depth": "frame", "claims": "self"}
    assert request.read().count(b'name="image"; filename=') == 2
    assert "Authorization" not in request.headers


def test_a_missing_result_is_not_taken_for_unknown() -> None:
    answer = {"tree_size": 3, "root": ROOT, "purpose": "ai_training", "depth": "frame", "results": []}
    with pytest.raises(AnswerNotUnderstood, match="1 pictures were sent, 0 results"):
        Service(ok(answer)).client().check(b"x")


def test_hashes_go_as_text_or_as_bytes() -> None:
    service = Service(ok(HASHES))
    client = service.client()
    packed = bytes(range(64))
    client.check_hashes([packed[:32].hex(), packed[32:].hex()])
    client.check_hashes(packed)
    client.check_hashes(np.frombuffer(packed, np.uint8).reshape(2, 32))
    text, octets, array = service.requests
    assert json.loads(text.read()) == {"alg": "pdq", "hashes": [packed[:32].hex(), packed[32:].hex()]}
    assert octets.read() == array.read() == packed
    assert octets.headers["Content-Type"] == "application/octet-stream"
    assert octets.url.params["alg"] == "pdq"


@pytest.mark.parametrize("hashes", [b"x" * 31, np.zeros((2, 31), np.uint8), np.zeros(64, np.uint8)])
def test_hashes_of_another_size_are_not_sent(hashes: Any) -> None:
    service = Service(ok(HASHES))
    with pytest.raises(InvalidFingerprint):
        service.client().check_hashes(hashes)
    with pytest.raises(InvalidFingerprint):
        service.client().check_bitmap(hashes)
    assert service.requests == []


@pytest.mark.parametrize("change", [{"count": 3}, {"hits": [{"i": 2}]}, {"hits": [{"i": -1}]}])
def test_an_answer_about_other_hashes_is_not_understood(change: dict[str, Any]) -> None:
    hit = {"preference": "disallowed", "matches": [], "reasons": []}
    body: dict[str, Any] = HASHES | change
    body["hits"] = [hit | entry for entry in body["hits"]]
    with pytest.raises(AnswerNotUnderstood):
        Service(ok(body)).client().check_hashes([ROOT, ROOT])


def bitmap(content: bytes, **headers: str) -> httpx.Response:
    told = {"Content-Type": "application/octet-stream", "Remarque-Tree-Size": "7", "Remarque-Root": ROOT}
    return httpx.Response(200, content=content, headers=told | headers)


@given(st.lists(st.booleans(), max_size=40))
def test_a_bitmap_is_read_least_significant_bit_first(bits: list[bool]) -> None:
    octets = bytearray((len(bits) + 7) // 8)
    for i, bit in enumerate(bits):
        octets[i // 8] |= bit << (i % 8)
    answer = Service(bitmap(bytes(octets))).client().check_bitmap(bytes(32 * len(bits)))
    assert answer.bits.tolist() == bits
    assert (str(answer.bits.dtype), answer.tree_size, answer.root) == ("bool", 7, ROOT)


@pytest.mark.parametrize(
    "answer",
    [
        bitmap(b""),
        bitmap(b"\0\0"),
        bitmap(b"\x04"),
        bitmap(b"\0", **{"Content-Type": "text/plain"}),
        bitmap(b"\0", **{"Remarque-Root": ""}),
        bitmap(b"\0", **{"Remarque-Tree-Size": "many"}),
    ],
    ids=["short", "long", "bit-after-the-end", "another-type", "no-root", "no-tree-size"],
)
def test_a_bitmap_that_does_not_fit_is_not_understood(answer: httpx.Response) -> None:
    with pytest.raises(AnswerNotUnderstood):
        Service(answer).client().check_bitmap(bytes(64))


def test_ready_is_true_only_on_200() -> None:
    assert Service(ok({"status": "ready"})).client().ready() is True
    assert Service(problem(503, "not-ready")).client().ready() is False
    assert Service(httpx.ConnectError("refused")).client().ready() is False
