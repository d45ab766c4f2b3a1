"""No byte of a labelled picture can be changed and the label still hold; nothing but PictureErrors comes out."""

import functools
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from remarque.answers import Verdict
from remarque.errors import PictureError
from remarque.labels import reading
from remarque.labels.credentials import credentials_layer
from remarque.labels.hints import MAX_DETAIL
from remarque.labels.stamp import Stamped, stamp
from remarque.labels.verify import read_labels
from tests.label_pictures import development, drawn, request

NAMES = ["jpeg-exif-icc-comment", "png-alpha-exif-icc-text", "webp-lossy-alpha", "avif", "tiff-big-endian"]


@functools.cache
def labelled(name: str) -> Stamped:
    return stamp(drawn(name).data, request(), development().key)


@functools.cache
def signed_places(name: str) -> list[int]:
    """The offsets that the signature covers: not the manifest, nor what C2PA leaves out."""
    done = labelled(name)
    start = done.data.index(done.manifest)  # it lies in one piece in all of these
    end = start + len(done.manifest)
    if done.mime == "image/tiff":  # the directory at the end points to the manifest, the header to the directory
        return list(range(8, len(drawn(name).data)))
    if done.mime == "image/avif":  # C2PA leaves out ftyp, which comes first
        return list(range(end, len(done.data)))
    return [*range(start - 40), *range(end + 8, len(done.data))]


def verdict(data: bytes) -> Verdict | None:
    try:
        return read_labels(data, trust_anchors=development().root).verdict
    except PictureError:
        return None


@settings(max_examples=300)
@given(st.sampled_from(NAMES), st.data())
def test_a_byte_outside_the_manifest_breaks_the_label(name: str, data: st.DataObject) -> None:
    done = labelled(name)
    changed = bytearray(done.data)
    changed[data.draw(st.sampled_from(signed_places(name)))] ^= data.draw(st.integers(1, 255))
    assert verdict(bytes(changed)) not in (Verdict.TRUSTED_LABEL, Verdict.UNTRUSTED_LABEL, Verdict.NOTHING_FOUND)


@settings(max_examples=300)
@given(st.sampled_from(NAMES), st.data())
def test_a_mutated_manifest_is_never_a_leak(name: str, data: st.DataObject) -> None:
    done = labelled(name)
    start = done.data.index(done.manifest)
    changed = bytearray(done.data)
    for _ in range(data.draw(st.integers(1, 3))):
        changed[start + data.draw(st.integers(0, len(done.manifest) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.just(len(changed)) | st.integers(0, len(changed)))
    verdict(bytes(changed[:cut]))  # raises what is no PictureError


#: What stands in reports, and what a hostile manifest may put in its place.
KEYS = st.sampled_from(
    "a b code url label data actions action digitalSourceType softwareAgent name version title type blocks value alg "
    "contentProfile humanOversightLevel entries use modelName cawg:AISystemUsed cawg:other success failure".split()
)
TEXTS = st.sampled_from(
    "a b trainedAlgorithmicMedia digitalCapture signingCredential.trusted timeStamp.validated cawg.x.untrusted "
    "self#jumbf=/c2pa/a/c2pa.signature self#jumbf=/c2pa/b/c2pa.signature prompt".split()
) | st.sampled_from(["x" * 3000, ""])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=12,
)
STATUSES = st.lists(st.fixed_dictionaries({"code": TEXTS, "url": TEXTS}) | ANYTHING, max_size=3) | ANYTHING
FOUND = st.fixed_dictionaries({}, optional={"success": STATUSES, "failure": STATUSES, "informational": STATUSES})
RESULTS = st.fixed_dictionaries(
    {"activeManifest": FOUND | ANYTHING},
    optional={"ingredientDeltas": st.lists(st.fixed_dictionaries({"validationDeltas": FOUND}) | ANYTHING, max_size=2)},
)
LABELS = st.sampled_from(
    "c2pa.actions c2pa.actions.v2 c2pa.soft-binding cawg.metadata c2pa.ai-disclosure__1 cawg.training-mining".split()
)
ASSERTION = st.fixed_dictionaries({"label": LABELS | ANYTHING, "data": ANYTHING}, optional={"created": ANYTHING})
INGREDIENT = st.fixed_dictionaries(
    {
        "relationship": st.sampled_from(["parentOf", "componentOf", [], {}]) | ANYTHING,
        "active_manifest": TEXTS | ANYTHING,
    },
    optional={"title": ANYTHING, "data_types": ANYTHING, "validation_status": STATUSES, "validation_results": RESULTS},
)
MANIFEST = st.fixed_dictionaries(
    {
        "assertions": st.lists(ASSERTION | ANYTHING, max_size=3),
        "ingredients": st.lists(INGREDIENT | ANYTHING, max_size=3),
    },
    optional={
        "title": ANYTHING,
        "claim_version": ANYTHING,
        "signature_info": ANYTHING,
        "claim_generator": ANYTHING,
        "claim_generator_info": ANYTHING,
    },
)
REPORT = st.fixed_dictionaries(
    {
        "active_manifest": st.just("a"),
        "manifests": st.fixed_dictionaries({"a": MANIFEST}, optional={"b": MANIFEST | ANYTHING}),
        "validation_state": st.sampled_from(["Trusted", "Valid", "Invalid"]) | ANYTHING,
        "validation_results": RESULTS | ANYTHING,
    }
)


@settings(max_examples=500)
@given(REPORT)
def test_whatever_a_manifest_holds_its_layer_can_be_told(report: dict[str, Any]) -> None:
    store = reading._judged(report)
    layer = credentials_layer(store)
    assert store.state in ("trusted", "valid", "invalid")
    assert all(len(text) <= MAX_DETAIL for text in strings([layer.says, layer.detail]))
    json.dumps(layer.detail)


def strings(value: Any) -> Iterator[str]:
    """Every string in a JSON-like value, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from strings(list(value))
        yield from strings(list(value.values()))
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)
