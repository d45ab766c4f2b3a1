"""What a generator can ask of a label beyond the ordinary: every format, metadata, prompts, profiles, quotas."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator

import pytest
from PIL import Image, PngImagePlugin

from app.reading import Processes
from app.settings import Settings
from remarque.fingerprints.decode import sniff
from remarque.labels.carriers import png
from tests.api.conftest import Service, bearer, start
from tests.api.test_labels import LABEL, verify
from tests.conftest import encoded
from tests.label_pictures import drawings, pictures, pixels

PARAMETERS = "a lighthouse\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1"


def wished(service: Service, image: bytes, headers: dict | None = None, **wish: object):
    parts = {"image": ("a", image, "image/png"), "label": (None, json.dumps({**LABEL, **wish}), "application/json")}
    return service.http.post("/v1/labels", files=parts, headers=headers or service.key("label"))


@pytest.fixture
def in_china(settings_for: Callable[..., Settings], processes: Processes) -> Iterator[Service]:
    """A service whose operator has a producer code."""
    yield from start(settings_for(cn_producer="001191110000MA01"), processes)


@pytest.mark.parametrize("drawn", pictures(), ids=lambda drawn: drawn.name)
def test_every_format_that_can_be_labelled_is(small_service: Service, drawn):
    response = wished(small_service, drawn.data)
    if drawn.name == "tiff-pages-lzw":
        assert (response.status_code, response.json()["type"]) == (415, "/problems/not-a-picture")
        return
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == drawn.mime
    assert pixels(response.content) == pixels(drawn.data)
    found = verify(small_service, response.content)
    assert (found["verdict"], found["ai_generated"]) == ("trusted_label", True)
    assert {"c2pa", "xmp"} <= {layer["layer"] for layer in found["layers"]}


@pytest.mark.parametrize("drawn", drawings(), ids=lambda drawn: drawn.name)
def test_a_drawing_is_labelled_and_its_answer_says_that_no_copy_will_be_found(small_service: Service, drawn):
    response = wished(small_service, drawn.data)
    assert response.status_code == 200, response.text
    assert response.headers["remarque-warnings"] == "not_recoverable"
    assert "iscc" not in response.headers["remarque-layers"]
    assert verify(small_service, response.content)["verdict"] == "trusted_label"


def test_a_picture_of_one_colour_is_labelled_and_never_found_again(service: Service):
    grey = encoded(Image.new("RGB", (300, 300), "grey"))
    response = wished(service, grey)
    assert response.headers["remarque-warnings"] == "not_recoverable"
    record = service.http.get(f"/v1/labels/{response.headers['remarque-label-id']}").json()
    assert record["warnings"] == ["not_recoverable"]
    assert verify(service, grey)["verdict"] == "nothing_found"


def test_the_prompt_is_written_only_where_asked(service: Service, picture: bytes):
    kept = wished(service, picture).content
    told = wished(service, picture, prompt="a lighthouse at dusk").content
    assert b"lighthouse" not in kept
    assert b"a lighthouse at dusk" in told


def test_what_a_tool_wrote_stays_unless_it_is_unwanted(service: Service, astronaut: Image.Image):
    text = PngImagePlugin.PngInfo()
    text.add_text("parameters", PARAMETERS)
    text.add_text("Author", "Ana")
    image = encoded(astronaut, "PNG", pnginfo=text)
    assert png.read_text(wished(service, image).content)["parameters"] == PARAMETERS
    stripped = wished(service, image, keep_metadata=False).content
    assert png.read_text(stripped).keys() == {"Author"}
    assert pixels(stripped) == pixels(image)
    raw = {"headers": {**service.key("label"), "content-type": "image/png"}}
    response = service.http.post("/v1/labels", content=image, params={**LABEL, "keep_metadata": "false"}, **raw)
    assert response.status_code == 200, response.text
    assert b"Sampler" not in response.content


def test_a_constraint_stands_in_the_manifest(service: Service, picture: bytes):
    wish = {"preferences": {"ai_training": "constrained"}, "constraint": "research only; ask first"}
    assert b"research only; ask first" in wished(service, picture, **wish).content
    assert wished(service, picture, constraint="of nothing").status_code == 422


def test_the_chinese_label_needs_a_code_and_is_never_made_up(service: Service, in_china: Service, picture: bytes):
    refused = wished(service, picture, profiles=["cn"])
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/invalid-label-request")
    response = wished(in_china, picture, profiles=["cn"])
    assert response.status_code == 200, response.text
    told = json.loads(png.read_text(response.content)["AIGC"])
    assert (told["Label"], told["ContentProducer"]) == ("1", "001191110000MA01")
    assert told["ProduceID"] == response.headers["remarque-label-id"]
    found = verify(in_china, response.content)
    assert {"c2pa", "xmp", "cn"} <= {layer["layer"] for layer in found["layers"]}
    assert "cn" in response.headers["remarque-layers"].split(",")


def test_no_watermark_is_claimed(service: Service, picture: bytes):
    refused = wished(service, picture, watermark=True)
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/invalid-label-request")


def test_a_key_has_the_labels_of_its_quota_and_no_more(service: Service, picture: bytes, copy: bytes):
    body = {"scopes": ["label"], "labels_a_day": 2}
    key = bearer(service.http.post("/v1/keys", json=body, headers=service.operator).json()["api_key"])
    assert [wished(service, image, key).status_code for image in (picture, copy)] == [200, 200]
    refused = wished(service, picture, key)
    assert (refused.status_code, refused.json()["type"]) == (429, "/problems/too-many-requests")
    assert 0 < int(refused.headers["retry-after"]) <= 86_400
    assert sniff(wished(service, picture).content) == "image/png"  # another key has its own
    assert service.http.get("/readyz").json()["tree_size"] == 3 + 3, "three labels, and the keys before them"


def test_what_failed_is_not_counted(service: Service, picture: bytes):
    body = {"scopes": ["label"], "labels_a_day": 1}
    key = bearer(service.http.post("/v1/keys", json=body, headers=service.operator).json()["api_key"])
    assert wished(service, b"no picture", key).status_code == 415
    assert wished(service, picture, key).status_code == 200


def test_the_record_names_who_signed_and_where_the_manifest_is(service: Service, picture: bytes):
    response = wished(service, picture)
    record = service.http.get(f"/v1/labels/{response.headers['remarque-label-id']}").json()
    store = service.http.get(record["manifest_url"]).content
    assert store in response.content
    [c2pa] = [layer for layer in verify(service, response.content)["layers"] if layer["layer"] == "c2pa"]
    assert record["manifest_url"].endswith(c2pa["detail"]["manifest"])
    assert len(bytes.fromhex(record["signer"])) == 32
    assert Image.open(io.BytesIO(response.content)).format == "PNG"
