"""A label that was stripped comes back, as what it is: the label of a similar picture. On both databases."""

from __future__ import annotations

import struct
import zlib
from datetime import datetime
from typing import Any

import pytest
from PIL import Image

from app import index as index_module
from remarque.labels import vocabulary
from tests.api.conftest import Service
from tests.api.labelled import bordered, cropped, half, label, opened, page
from tests.conftest import encoded


def verify(service: Service, data: bytes) -> dict[str, Any]:
    response = service.http.post(
        "/v1/verifications", content=data, headers={"content-type": "application/octet-stream"}
    )
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def candidates(found: dict[str, Any]) -> list[dict[str, Any]]:
    """The labelled pictures that the answer names."""
    return [
        one for layer in found["layers"] if layer["layer"] == "fingerprint" for one in layer["detail"]["candidates"]
    ]


def without_pixels() -> bytes:
    """A PNG whose container is sound, and whose pixels are not."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 300, 200, 8, 2, 0, 0, 0)), (b"IDAT", b"no pixels"), (b"IEND", b"")]
    each = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(each)


@pytest.mark.parametrize("change", [encoded, half, bordered], ids=lambda change: change.__name__)
def test_a_stripped_picture_is_recovered_and_said_to_be_similar(service: Service, picture: bytes, change: Any) -> None:
    made = label(service, picture, system="Atelier Diffusion")
    found = verify(service, change(opened(made.data)))
    assert (found["verdict"], found["ai_generated"]) == ("recovered", True)
    assert "similar" in found["summary"].lower()
    assert "not proof" in found["summary"]
    [candidate] = candidates(found)
    assert (candidate["label"], candidate["system"], candidate["whole"]) == (made.id, "Atelier Diffusion", True)
    assert candidate["alg"] == "pdq"
    assert candidate["distance"] <= 31
    assert candidate["page_url"].endswith(f"/v1/labels/{made.id}")
    assert candidate["manifest_url"].endswith(f"/c2pa/manifests/{made.manifest_id}")
    assert service.http.get(candidate["manifest_url"]).headers["content-type"] == "application/c2pa"
    ready = service.http.get("/readyz").json()
    assert (found["registry"]["tree_size"], found["registry"]["root"]) == (ready["tree_size"], ready["root"])
    assert found["registry"]["label"] is None, "these bytes were never labelled"


@pytest.mark.parametrize("change", [page, cropped], ids=lambda change: change.__name__)
def test_a_picture_in_a_page_and_a_part_of_one_are_found(service: Service, picture: bytes, change: Any) -> None:
    made = label(service, picture)
    found = verify(service, change(opened(made.data)))
    assert found["verdict"] == "recovered"
    assert found["ai_generated"] is None, "that the page, or the crop, is itself AI nobody said"
    [candidate] = candidates(found)
    assert (candidate["label"], candidate["whole"]) == (made.id, False)


def test_all_candidates_are_told_the_first_that_was_logged_first(service: Service, picture: bytes) -> None:
    made = [label(service, picture, system=name) for name in ("First", "Second", "Third", "Fourth")]
    found = candidates(verify(service, half(opened(picture))))
    assert [one["label"] for one in found] == [one.id for one in made]
    times = [datetime.fromisoformat(one["created_at"]) for one in found]
    assert times == sorted(times)


def test_who_states_an_early_date_is_not_first(service: Service, picture: bytes) -> None:
    honest = label(service, picture)
    label(service, picture, created_at="1999-01-01T00:00:00+00:00")
    found = candidates(verify(service, half(opened(picture))))
    assert found[0]["label"] == honest.id
    assert not any(one["created_at"].startswith("1999") for one in found)


def test_a_picture_that_was_not_labelled_is_not_found(service: Service, picture: bytes, other_picture: bytes) -> None:
    label(service, picture)
    found = verify(service, other_picture)
    assert (found["verdict"], found["ai_generated"]) == ("nothing_found", None)
    assert not candidates(found)


def test_a_declared_picture_is_no_labelled_one(service: Service, picture: bytes) -> None:
    service.declare(picture, service.party())
    found = verify(service, picture)
    assert found["verdict"] == "nothing_found"
    assert found["registry"]["tree_size"] == 1


def test_a_file_that_carries_its_label_is_told_by_that(service: Service, picture: bytes) -> None:
    made = label(service, picture)
    label(service, picture, system="Somebody else")
    found = verify(service, made.data)
    assert found["verdict"] == "trusted_label"
    assert found["registry"]["label"] == made.id
    assert not candidates(found)


def test_what_cannot_be_compared_says_so(service: Service, picture: bytes) -> None:
    label(service, picture)
    plain = verify(service, encoded(Image.new("RGB", (300, 200), "teal")))
    for found in (plain, verify(service, without_pixels())):
        assert (found["verdict"], found["ai_generated"]) == ("nothing_found", None)
        assert "could not be compared" in found["summary"]
    assert "could not be compared" not in verify(service, encoded(opened(picture).rotate(90)))["summary"]


def test_other_metadata_speaks_for_itself_and_no_picture_is_compared(service: Service, picture: bytes) -> None:
    label(service, picture)
    packet = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description xmlns:e="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" e:DigitalSourceType="'
        f'{vocabulary.source_type_uri("trainedAlgorithmicMedia")}"/></rdf:RDF></x:xmpmeta>'
    )
    found = verify(service, encoded(opened(picture), "JPEG", xmp=packet.encode()))
    assert found["verdict"] == "unsigned_metadata"
    assert not candidates(found)


def test_an_index_that_may_miss_a_label_answers_nothing(
    service: Service, picture: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = label(service, picture)
    monkeypatch.setattr(index_module, "STALE_SECONDS", -1.0)
    for data in (made.data, half(opened(made.data))):
        response = service.http.post("/v1/verifications", content=data, headers={"content-type": "image/png"})
        assert (response.status_code, response.json()["type"]) == (503, "/problems/not-ready")
