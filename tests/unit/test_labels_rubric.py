"""What a label's manifest says, judged by the rules of the C2PA conformance rubric 0.2 for 2.4, ported by hand.

The rubric (c2pa-org/conformance-public, asset-rubrics) evaluates the C2PA library's conformance report.
"""

import base64
import io
import json
import re
from typing import Any

import pytest

from remarque.labels.binding import soft_binding_value
from remarque.labels.contexts import c2pa, reading_context
from remarque.labels.stamp import Stamped, stamp
from tests.label_pictures import development, drawn, request

#: Every ``c2pa.*`` label that the rubric knows and that a picture may hold.
KNOWN = {
    "c2pa.actions.v2",
    "c2pa.ai-disclosure",
    "c2pa.asset-ref",
    "c2pa.asset-type.v2",
    "c2pa.certificate-status",
    "c2pa.cloud-data",
    "c2pa.depthmap.GDepth",
    "c2pa.embedded-data",
    "c2pa.hash.bmff.v3",
    "c2pa.hash.boxes",
    "c2pa.hash.data",
    "c2pa.ingredient.v3",
    "c2pa.metadata",
    "c2pa.soft-binding",
    "c2pa.thumbnail.claim",
    "c2pa.thumbnail.ingredient",
    "c2pa.time-stamp",
}
DEPRECATED_ACTIONS = {"c2pa.watermarked", "c2pa.copied", "c2pa.formatted", "c2pa.version_updated", "c2pa.printed"}
ISCC = bytes(range(32))
PICTURES = ("jpeg", "png", "webp-lossy", "avif", "heic", "tiff-little-endian", "gif", "jxl")


def labelled(name: str, *, edited: bool = False, **changes: Any) -> Stamped:
    key, root = development()
    data = drawn(name).data
    if edited:
        data = stamp(data, request(), key).data
    return stamp(data, request(**changes), key, trust_anchors=root, soft_binding=soft_binding_value(ISCC))


def report(done: Stamped) -> dict[str, Any]:
    """The conformance report of the active manifest."""
    with c2pa.Reader(done.mime, io.BytesIO(done.data), context=reading_context(development().root, b"")) as reader:
        found: dict[str, Any] = json.loads(reader.crjson())
        assert reader.get_validation_state() == "Trusted"
    active: dict[str, Any] = found["manifests"][0]
    return active


def base(label: str) -> str:
    """An assertion's label without the number of its instance."""
    return label.partition("__")[0]


def actions_assertions(active: dict[str, Any]) -> list[dict[str, Any]]:
    return [value for label, value in active["assertions"].items() if label.startswith("c2pa.actions")]


@pytest.mark.parametrize("edited", [False, True])
@pytest.mark.parametrize("name", PICTURES)
def test_the_manifest_keeps_the_rules(name: str, edited: bool) -> None:
    active = report(labelled(name, edited=edited))
    claim, assertions = active["claim.v2"], active["assertions"]
    # Claim and labels
    assert re.fullmatch(r"urn:c2pa:[0-9a-f-]{36}(:.*)?", active["label"])
    assert re.match(r"2\.4(\.|$)", claim["claim_generator_info"]["specVersion"])
    for label in assertions:
        assert "." in label
        assert not label.startswith("stds.")
        assert not label.startswith("c2pa.") or base(label) in KNOWN
    # Actions
    for one in actions_assertions(active):
        assert "allActionsIncluded" in one
    created = [entry["url"].rsplit("/", 1)[-1] for entry in claim["created_assertions"]]
    first_actions = next(label for label in created if label.startswith("c2pa.actions"))
    first, *others = assertions[first_actions]["actions"]
    assert first["action"] in {"c2pa.created", "c2pa.opened"}
    for action in [action for one in actions_assertions(active) for action in one["actions"]]:
        assert action["action"] not in DEPRECATED_ACTIONS
        if action["action"] == "c2pa.opened":
            assert "digitalSourceType" not in action
            assert len(action["parameters"]["ingredients"]) == 1
        if action["action"] == "c2pa.created":
            assert action["digitalSourceType"]
    # Ingredients
    for label, value in assertions.items():
        if base(label) == "c2pa.ingredient.v3":
            assert not {"activeManifest", "digitalSourceType"} <= value.keys()
    # And what is ours: everything is attributed to the signer, and nothing else is in it.
    assert claim.get("gathered_assertions", []) == []
    assert set(created) == set(assertions)
    assert first["action"] == ("c2pa.opened" if edited else "c2pa.created")
    assert [one["action"] for one in others] == (["c2pa.edited"] if edited else [])
    assert all(action["when"] == "2026-11-23T12:00:00Z" for action in [first, *others])
    assert assertions["c2pa.actions.v2"]["allActionsIncluded"] is True


def test_the_signal_of_a_picture_that_a_model_made() -> None:
    active = report(labelled("jpeg"))
    [action] = active["assertions"]["c2pa.actions.v2"]["actions"]
    assert action["action"] == "c2pa.created"
    assert action["digitalSourceType"].endswith("/trainedAlgorithmicMedia")
    assert action["softwareAgent"] == {"name": "Drawing machine", "version": "1.2"}


def test_the_model_is_disclosed_as_far_as_it_is_known() -> None:
    def disclosed(**changes: Any) -> Any:
        return report(labelled("jpeg", **changes))["assertions"].get("c2pa.ai-disclosure")

    plain = {"modelType": "c2pa.types.model", "modelName": "Drawing machine 1.2"}
    assert disclosed() == plain
    assert disclosed(system_version=None) == plain | {"modelName": "Drawing machine"}
    assert disclosed(prompt="a fox") == plain | {"contentProfile": {"humanOversightLevel": "prompt_guided"}}
    assert disclosed(digital_source_type="algorithmicMedia") is None


def test_the_metadata_mirror_the_xmp() -> None:
    said = report(labelled("png"))["assertions"]["cawg.metadata"]
    assert said == {
        "@context": {
            "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
            "xmp": "http://ns.adobe.com/xap/1.0/",
            "xmpMM": "http://ns.adobe.com/xap/1.0/mm/",
            "photoshop": "http://ns.adobe.com/photoshop/1.0/",
        },
        "Iptc4xmpExt:DigitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
        "Iptc4xmpExt:AISystemUsed": "Drawing machine",
        "Iptc4xmpExt:AISystemVersionUsed": "1.2",
        "xmp:CreatorTool": "Drawing machine 1.2",
        "xmp:CreateDate": "2026-11-23T12:00:00Z",
        "xmpMM:DocumentID": request().urn,
        "photoshop:Credit": "Example Studio",
    }
    assert report(labelled("png", prompt="a fox"))["assertions"]["cawg.metadata"] == said


@pytest.mark.parametrize("name", PICTURES)
def test_the_soft_binding_is_a_byte_string(name: str) -> None:
    done = labelled(name)
    assert done.layers == ["xmp", "c2pa", "iscc"]
    said = report(done)["assertions"]["c2pa.soft-binding"]
    raw = base64.b64decode(soft_binding_value(ISCC))
    assert said == {"alg": "io.iscc.v0", "blocks": [{"scope": {}, "value": list(raw)}]}  # bytes, as the report has them
    assert b"\x65value\x58" + bytes([len(raw)]) + raw in done.manifest  # RFC 8949: a byte string behind its key


def test_without_a_soft_binding_there_is_none() -> None:
    done = stamp(drawn("png").data, request(), development().key)
    assert "c2pa.soft-binding" not in report(done)["assertions"]
    with pytest.raises(ValueError, match="base64"):
        stamp(drawn("png").data, request(), development().key, soft_binding="no base64!")
