"""No byte of a labelled picture can be changed and the label still hold; nothing but PictureErrors comes out."""

import functools

from hypothesis import given, settings
from hypothesis import strategies as st

from remarque.answers import Verdict
from remarque.errors import PictureError
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
