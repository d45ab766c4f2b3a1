"""A generator labels, anybody verifies, on both databases."""

from __future__ import annotations

import io
import json
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from tests.api.conftest import Service
from tests.conftest import encoded

LABEL = {"system": "Atelier Diffusion", "system_version": "3.1", "provider": "Atelier Ltd"}


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))


def verify(service: Service, data: bytes) -> dict:
    response = service.http.post(
        "/v1/verifications", content=data, headers={"content-type": "application/octet-stream"}
    )
    assert response.status_code == 200, response.text
    return response.json()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF", "TIFF"])
def test_a_labelled_picture_keeps_its_pixels_and_verifies(service: Service, astronaut: Image.Image, kind: str):
    image = encoded(astronaut, kind)
    response = service.http.post(
        "/v1/labels",
        content=image,
        params=LABEL,
        headers={**service.key("label"), "content-type": f"image/{kind.lower()}"},
    )
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == f"image/{kind.lower()}"
    assert np.array_equal(pixels(response.content), pixels(image))
    assert {"c2pa", "xmp"} <= set(response.headers["remarque-layers"].split(","))
    found = verify(service, response.content)
    assert found["verdict"] == "trusted_label"
    assert found["ai_generated"] is True
    assert "development" in found["summary"].lower()
    assert {"c2pa", "xmp"} <= {layer["layer"] for layer in found["layers"]}
    assert found["registry"]["label"] == response.headers["remarque-label-id"]


def test_the_record_of_a_label_is_public_and_in_the_log(service: Service, picture: bytes):
    wish = {**LABEL, "prompt": "a secret prompt", "preferences": {"data_mining": "allowed"}}
    parts = {"image": ("a.png", picture, "image/png"), "label": (None, json.dumps(wish), "application/json")}
    response = service.http.post("/v1/labels", files=parts, headers=service.key("label"))
    assert response.status_code == 200, response.text
    address, _, rest = response.headers["link"].partition(">")
    assert 'rel="describedby"' in rest
    record = service.http.get(urlsplit(address[1:]).path).json()
    assert record["id"] == response.headers["remarque-label-id"]
    assert (record["system"], record["provider"]) == ("Atelier Diffusion", "Atelier Ltd")
    assert record["digital_source_type"] == "trainedAlgorithmicMedia"
    assert record["preferences"]["data_mining"] == "allowed"
    assert record["preferences"]["ai_training"] == "disallowed"
    assert record["log"]["index"] == 3, "after the keys of the log, of the receipts, and the certificate"
    assert record["log"]["tree_size"] == 4
    assert "secret" not in json.dumps(record)
    assert service.http.get("/v1/labels/0").status_code == 404


def test_a_changed_picture_and_a_stripped_one_are_told_apart(service: Service, picture: bytes):
    raw = {"headers": {**service.key("label"), "content-type": "image/png"}}
    labelled = service.http.post("/v1/labels", content=picture, params=LABEL, **raw).content
    at = labelled.index(b"IDAT") + 1000
    tampered = labelled[:at] + bytes([labelled[at] ^ 1]) + labelled[at + 1 :]
    found = verify(service, tampered)
    assert (found["verdict"], found["ai_generated"]) == ("invalid_label", None)
    assert found["registry"]["label"] is None
    found = verify(service, encoded(Image.open(io.BytesIO(labelled)).convert("RGB")))
    assert (found["verdict"], found["ai_generated"]) == ("recovered", True)
    assert "similar picture" in found["summary"]


def test_an_invalid_manifest_is_refused_or_replaced_on_request(service: Service, copy: bytes):
    headers = {**service.key("label"), "content-type": "image/jpeg"}
    labelled = service.http.post("/v1/labels", content=copy, params=LABEL, headers=headers).content
    tampered = labelled.replace(b"Atelier Ltd", b"Atelier Lt!", 1)
    refused = service.http.post("/v1/labels", content=tampered, params=LABEL, headers=headers)
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/invalid-manifest-present")
    replaced = service.http.post(
        "/v1/labels", content=tampered, params={**LABEL, "on_invalid": "replace"}, headers=headers
    )
    assert replaced.headers["remarque-warnings"] == "replaced_invalid_manifest"
    assert verify(service, replaced.content)["verdict"] == "trusted_label"


def test_a_labelled_picture_that_is_labelled_again_keeps_its_history(service: Service, picture: bytes):
    headers = {**service.key("label"), "content-type": "image/png"}
    first = service.http.post("/v1/labels", content=picture, params=LABEL, headers=headers).content
    second = service.http.post("/v1/labels", content=first, params={"system": "Upscaler"}, headers=headers)
    found = verify(service, second.content)
    assert found["verdict"] == "trusted_label"
    [c2pa] = [layer for layer in found["layers"] if layer["layer"] == "c2pa"]
    assert [a["action"] for a in c2pa["detail"]["claims"]["actions"]] == ["c2pa.opened", "c2pa.edited"]
    record = service.http.get(f"/v1/labels/{second.headers['remarque-label-id']}").json()
    assert record["digital_source_type"] == "compositeWithTrainedAlgorithmicMedia"


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({}, 422),
        ({"system": ""}, 422),
        ({"system": "x" * 201}, 422),
        ({"system": "a", "digital_source_type": "digitalCapture"}, 422),
        ({"system": "a", "on_invalid": "ignore"}, 422),
        ({"system": "a", "assertion": "mine"}, 422),
        ({"system": "a\u202eb"}, 422),
    ],
)
def test_nothing_but_the_fixed_vocabulary_is_signed(service: Service, picture: bytes, query: dict, status: int):
    headers = {**service.key("label"), "content-type": "image/png"}
    response = service.http.post("/v1/labels", content=picture, params=query, headers=headers)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    assert service.http.get("/readyz").json()["tree_size"] == 0


def test_labelling_takes_a_key_with_its_scope(service: Service, picture: bytes):
    raw = {"url": "/v1/labels", "content": picture, "params": LABEL}
    assert service.http.post(**raw, headers={"content-type": "image/png"}).status_code == 401
    assert service.http.post(**raw, headers={**service.party(), "content-type": "image/png"}).status_code == 403


def test_a_format_that_cannot_carry_a_label_is_named(service: Service, astronaut: Image.Image):
    headers = {**service.key("label"), "content-type": "image/bmp"}
    response = service.http.post("/v1/labels", content=encoded(astronaut, "BMP"), params=LABEL, headers=headers)
    assert (response.status_code, response.json()["type"]) == (415, "/problems/not-a-picture")


def test_what_is_no_picture_cannot_be_verified(service: Service):
    response = service.http.post("/v1/verifications", content=b"hello", headers={"content-type": "image/png"})
    assert response.status_code == 415
