"""The C2PA Soft Binding Resolution API, on both databases, held against its own document."""

from __future__ import annotations

import base64
import hashlib
import io
import json
from typing import Any

import pytest
from PIL import Image

from app import index as index_module
from remarque.fingerprints import fingerprint
from remarque.labels.binding import ALGORITHM, soft_binding_value
from remarque.labels.contexts import c2pa, reading_context
from remarque.labels.jumbf import manifests, only_active
from tests.api.conftest import Service
from tests.api.labelled import Labelled, bordered, cropped, half, label, opened
from tests.api.resolution import Resolution
from tests.conftest import encoded

BINDING, CONTENT = "/matches/byBinding", "/matches/byContent"
PNG = {"content-type": "image/png"}


@pytest.fixture
def api(service: Service) -> Resolution:
    return Resolution(service.http)


@pytest.fixture
def labelled(service: Service, picture: bytes) -> Labelled:
    return label(service, picture)


def iscc_of(data: bytes) -> str:
    code = fingerprint(data, interop=False, regions=False, iscc=True).iscc
    assert code is not None
    return soft_binding_value(code)


def test_the_algorithm_that_is_listed_is_supported(api: Resolution) -> None:
    answer = api.ask("GET", "/services/supportedAlgorithms").json()
    assert answer == {"watermarks": [], "fingerprints": [{"alg": "io.iscc.v0"}]}


def test_a_stripped_picture_leads_to_its_manifest_by_iscc(api: Resolution, labelled: Labelled) -> None:
    stripped = half(opened(labelled.data))
    by_get = api.matches("GET", BINDING, params={"alg": ALGORITHM, "value": iscc_of(stripped)})
    by_post = api.matches("POST", BINDING, json={"alg": ALGORITHM, "value": iscc_of(stripped)})
    assert by_get == by_post
    [match] = by_get
    assert match["manifestId"] == labelled.manifest_id
    assert 84 <= match["similarityScore"] <= 100
    exact = api.matches("GET", BINDING, params={"alg": ALGORITHM, "value": iscc_of(labelled.data)})
    assert [one["similarityScore"] for one in exact] == [100]


def test_the_64_bits_that_iscc_tools_give_by_default_are_found_too(api: Resolution, labelled: Labelled) -> None:
    code = base64.b64decode(iscc_of(labelled.data))[2:10]
    for value in (base64.b64encode(code).decode(), base64.b64encode(b"\x21\x01" + code).decode()):
        [match] = api.matches("GET", BINDING, params={"alg": ALGORITHM, "value": value})
        assert match == {"manifestId": labelled.manifest_id, "similarityScore": 100}


@pytest.mark.parametrize("change", [half, bordered, cropped], ids=lambda change: change.__name__)
def test_a_stripped_picture_leads_to_its_manifest_by_content(api: Resolution, labelled: Labelled, change: Any) -> None:
    sent = {"content": change(opened(labelled.data)), "headers": {"content-type": "image/jpeg"}}
    [match] = api.matches("POST", CONTENT, **sent)
    assert match["manifestId"] == labelled.manifest_id
    assert 50 < match["similarityScore"] <= 100
    assert api.matches("POST", CONTENT, params={"alg": ALGORITHM}, **sent) == [match]
    hinted = {"hintAlg": "com.example.mark", "hintValue": "AAAA"}
    assert api.matches("POST", CONTENT, params=hinted, **sent) == [match]


def test_what_was_not_labelled_is_not_found(api: Resolution, labelled: Labelled, other_picture: bytes) -> None:
    assert api.matches("POST", CONTENT, content=other_picture, headers=PNG) == []
    assert api.matches("GET", BINDING, params={"alg": ALGORITHM, "value": iscc_of(other_picture)}) == []
    plain = encoded(Image.new("RGB", (200, 200), "white"))
    assert api.matches("POST", CONTENT, content=plain, headers=PNG) == []
    text = base64.b64encode(bytes.fromhex("2007") + bytes(32)).decode()
    assert api.matches("GET", BINDING, params={"alg": ALGORITHM, "value": text}) == []


def test_a_declaration_is_not_found_and_a_label_is_no_declaration(
    api: Resolution, service: Service, picture: bytes, other_picture: bytes
) -> None:
    service.declare(other_picture, service.party())
    label(service, picture)
    assert api.matches("POST", CONTENT, content=other_picture, headers=PNG) == []
    assert service.check(picture)["matches"] == []
    assert len(service.check(other_picture)["matches"]) == 1


def test_the_best_comes_first_then_the_earliest(api: Resolution, service: Service, picture: bytes, copy: bytes) -> None:
    first, second = label(service, picture), label(service, picture, system="Another")
    worse = label(service, copy)
    sent: dict[str, Any] = {"content": encoded(opened(picture)), "headers": PNG}
    found = api.matches("POST", CONTENT, **sent)
    assert [one["manifestId"] for one in found] == [first.manifest_id, second.manifest_id, worse.manifest_id]
    scores = [one["similarityScore"] for one in found]
    assert scores == sorted(scores, reverse=True)
    assert scores[:2] == [100, 100]
    assert api.matches("POST", CONTENT, params={"maxResults": 1}, **sent) == found[:1]
    query = {"alg": ALGORITHM, "value": iscc_of(picture)}
    assert api.matches("GET", BINDING, params={**query, "maxResults": 2}) == found[:2]
    assert api.matches("POST", BINDING, params={"maxResults": 2}, json=query) == found[:2]


def test_ten_are_told_unless_more_are_asked_for(api: Resolution, service: Service, copy: bytes) -> None:
    for _ in range(11):
        label(service, copy)
    query = {"alg": ALGORITHM, "value": iscc_of(copy)}
    assert len(api.matches("GET", BINDING, params=query)) == 10
    assert len(api.matches("GET", BINDING, params={**query, "maxResults": 10**9})) == 11


@pytest.mark.parametrize("twice", [False, True], ids=["once", "labelled twice"])
def test_a_manifest_is_fetched_and_says_that_the_stripped_picture_is_not_its_file(
    api: Resolution, service: Service, labelled: Labelled, twice: bool
) -> None:
    asked = label(service, labelled.data, system="Second") if twice else labelled
    response = api.ask("GET", f"/manifests/{asked.manifest_id}")
    assert response.headers["content-type"] == "application/c2pa"
    assert "immutable" in response.headers["cache-control"]
    assert response.headers["etag"] == f'"{hashlib.sha256(response.content).hexdigest()}"'
    assert api.ask("GET", f"/manifests/{asked.id}").content == response.content, "the label's id names it too"
    assert manifests(response.content)[-1].label == asked.manifest_id
    roots = service.http.app.state.resources.labeller._signing.development_root
    stripped = encoded(opened(asked.data))
    with c2pa.Reader("image/png", io.BytesIO(stripped), response.content, context=reading_context(roots, b"")) as read:
        report = json.loads(read.json())
    results = report["validation_results"]["activeManifest"]
    assert "claimSignature.validated" in {one["code"] for one in results["success"]}
    assert {one["code"] for one in results["failure"]} == {"assertion.dataHash.mismatch"}
    assert report["active_manifest"] == asked.manifest_id


def test_the_active_manifest_comes_alone_where_that_is_asked_for(
    api: Resolution, service: Service, labelled: Labelled
) -> None:
    second = label(service, labelled.data, system="Second")
    path = f"/manifests/{second.manifest_id}"
    whole = api.ask("GET", path).content
    alone = api.ask("GET", path, params={"returnActiveManifest": "true"}).content
    assert len(manifests(whole)) == 2
    assert alone == only_active(whole)
    assert api.ask("GET", path, params={"returnActiveManifest": "false"}).content == whole


@pytest.mark.parametrize(
    ("query", "valid"),
    [
        ({"alg": ALGORITHM}, False),
        ({"value": "AAAA"}, False),
        ({"alg": ALGORITHM, "value": "AAAA", "maxResults": "0"}, False),
        ({"alg": ALGORITHM, "value": "AAAA", "maxResults": "many"}, False),
        ({"alg": ALGORITHM, "value": "AAAA"}, True),
        ({"alg": ALGORITHM, "value": "not base64"}, True),
        ({"alg": "com.adobe.trustmark.P", "value": "AAAA"}, True),
        ({"alg": "pdq", "value": "00" * 32}, True),
    ],
)
def test_a_query_that_cannot_be_answered_is_a_400(api: Resolution, query: dict[str, str], valid: bool) -> None:
    assert api.ask("GET", BINDING, params=query, valid=valid).status_code == 400
    if "maxResults" not in query:
        assert api.ask("POST", BINDING, json=query, valid=valid).status_code == 400


def test_an_empty_value_is_a_400(api: Resolution) -> None:
    empty = {"alg": ALGORITHM, "value": ""}
    assert api.ask("GET", BINDING, params=empty, valid=False).status_code == 400
    assert api.ask("POST", BINDING, json=empty).status_code == 400


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b'{"alg": 1, "value": []}'])
def test_a_body_that_is_no_query_is_a_400(api: Resolution, body: bytes) -> None:
    sent = {"content": body, "headers": {"content-type": "application/json"}}
    assert api.ask("POST", BINDING, valid=False, **sent).status_code == 400
    sent["headers"] = {"content-type": "text/plain"}
    assert api.ask("POST", BINDING, valid=False, **sent).status_code == 400


def test_a_value_too_long_for_an_address_goes_into_a_body(api: Resolution, labelled: Labelled) -> None:
    seq = base64.b64decode(iscc_of(labelled.data))
    many = base64.b64encode(seq + (b"\x30\x07" + bytes(32)) * 60).decode()
    query = {"alg": ALGORITHM, "value": many}
    assert api.ask("GET", BINDING, params=query).status_code == 414
    [match] = api.matches("POST", BINDING, json=query)
    assert match["manifestId"] == labelled.manifest_id
    codes = base64.b64encode(seq * 17).decode()
    assert api.ask("POST", BINDING, json={"alg": ALGORITHM, "value": codes}).status_code == 400
    assert api.ask("POST", BINDING, json={"alg": ALGORITHM, "value": "A" * 30_000}).status_code == 400


@pytest.mark.parametrize(
    ("kind", "content", "status"),
    [
        ("image/png", b"hello", 415),
        ("application/octet-stream", b"%PDF-1.7", 415),
        ("text/plain", b"hello", 415),
        ("video/mp4", b"hello", 415),
        ("image/png", b"\x89PNG\r\n\x1a\n" + bytes(40), 400),
    ],
)
def test_what_is_no_picture_is_told(api: Resolution, kind: str, content: bytes, status: int) -> None:
    response = api.ask("POST", CONTENT, content=content, headers={"content-type": kind})
    assert response.status_code == status


def test_content_is_searched_by_one_algorithm(api: Resolution, copy: bytes) -> None:
    sent = {"content": copy, "headers": {"content-type": "image/jpeg"}}
    assert api.ask("POST", CONTENT, params={"alg": "com.adobe.icn.dense"}, **sent).status_code == 400
    assert api.ask("POST", CONTENT, params={"maxResults": "-1"}, valid=False, **sent).status_code == 400


def test_too_much_is_a_400(small_service: Service) -> None:
    api = Resolution(small_service.http)
    large = encoded(Image.effect_noise((1100, 1000), 60), "JPEG")
    assert api.ask("POST", CONTENT, content=large, headers=PNG).status_code == 400
    assert api.ask("POST", CONTENT, content=bytes(2_500_000), headers=PNG).status_code == 400
    assert api.ask("POST", CONTENT, content=bytes(9_000_000), headers=PNG).status_code == 400


@pytest.mark.parametrize(
    "name", ["urn:c2pa:00000000-0000-0000-0000-000000000000", "x", "0" * 500, "%00", "%F0%9F%A6%8A"]
)
def test_a_manifest_that_is_not_there_is_a_404(api: Resolution, name: str) -> None:
    assert api.ask("GET", f"/manifests/{name}").status_code == 404


def test_a_key_that_is_not_known_may_not_ask_and_strangers_may_only_so_often(
    api: Resolution, small_service: Service, copy: bytes
) -> None:
    wrong = {"content-type": "image/jpeg", "authorization": "Bearer rmq_wrong"}
    assert api.ask("POST", CONTENT, content=copy, headers=wrong).status_code == 403
    few = Resolution(small_service.http)
    query = {"params": {"alg": ALGORITHM, "value": "AAAA"}}
    statuses = [few.ask("GET", BINDING, **query).status_code for _ in range(101)]
    assert set(statuses[:100]) == {400}
    assert statuses[100] == 403
    refused = few.ask("GET", BINDING, **query)
    assert refused.json()["type"] == "/problems/too-many-requests"
    assert int(refused.headers["retry-after"]) > 0
    key = few.ask("GET", BINDING, headers=small_service.party(), **query)
    assert key.json()["type"] == "/problems/invalid-fingerprint"


def test_an_index_that_may_miss_a_label_answers_nothing(
    api: Resolution, labelled: Labelled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_module, "STALE_SECONDS", -1.0)
    response = api.ask("GET", BINDING, params={"alg": ALGORITHM, "value": iscc_of(labelled.data)})
    assert response.status_code == 500
    assert response.json()["type"] == "/problems/not-ready"
    assert response.headers["retry-after"]
    sent = {"content": labelled.data, "headers": PNG}
    assert api.ask("POST", CONTENT, **sent).status_code == 500


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/c2pa/manifests"),
        ("DELETE", "/c2pa/manifests/x"),
        ("POST", "/c2pa/bindings"),
        ("PUT", "/c2pa/bindings"),
        ("POST", "/c2pa/matches/byReference"),
        ("GET", "/c2pa/manifests/x/receipts"),
    ],
)
def test_what_is_not_offered_is_not_there(service: Service, method: str, path: str) -> None:
    assert service.http.request(method, path).status_code in {404, 405}


def test_a_page_of_another_origin_may_ask_here_and_nowhere_else(service: Service, copy: bytes) -> None:
    origin = {"origin": "https://viewer.example"}
    preflight = {**origin, "access-control-request-method": "POST", "access-control-request-headers": "content-type"}
    allowed = service.http.options(f"/c2pa{CONTENT}", headers=preflight)
    assert allowed.headers["access-control-allow-origin"] == "*"
    assert "content-type" in allowed.headers["access-control-allow-headers"].lower()
    answered = service.http.get("/c2pa/services/supportedAlgorithms", headers=origin)
    assert answered.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answered.headers
    for path in ("/healthz", "/v1/labels/x", "/c2paX"):
        assert "access-control-allow-origin" not in service.http.get(path, headers=origin).headers
