"""The parts of the active manifest in a store that the C2PA library has just made: claim, signature, assertions.

A manifest is a JUMBF superbox of superboxes (C2PA 2.4, "Manifests"); JUMBF boxes are written like those of ISO media.
"""

from collections.abc import Iterator
from typing import NamedTuple

from remarque.errors import Undecodable
from remarque.labels.carriers.boxes import Box, boxes

ASSERTIONS, CLAIM, SIGNATURE = "c2pa.assertions", "c2pa.claim.v2", "c2pa.signature"
#: A description box: its UUID and a byte of switches, then the label, ended by a zero.
_BEFORE_LABEL = 17


class Part(NamedTuple):
    """One superbox of the store with a single content box: ``hashed`` begins what a claim hashes of it (C2PA 2.4,
    "Hashing JUMBF boxes": all but the header), ``start`` its content."""

    hashed: int
    start: int
    stop: int


def active_parts(store: bytes) -> dict[str, Part]:
    """Claim, signature and assertions by their labels. Raises Undecodable if the store is not as expected."""
    (whole,) = _only_superboxes(store, 0, len(store), one=True)
    manifest = _only_superboxes(store, *_behind_label(store, whole))[-1]
    found: dict[str, Part] = {}
    for child in _only_superboxes(store, *_behind_label(store, manifest)):
        if _label(store, child) == ASSERTIONS:
            members = _only_superboxes(store, *_behind_label(store, child))
            found.update((_label(store, member), part) for member in members if (part := _part(store, member)))
        elif part := _part(store, child):
            found[_label(store, child)] = part
    if not {CLAIM, SIGNATURE} <= found.keys() or found[SIGNATURE].stop != len(store):
        raise Undecodable("the manifest store does not end with the signature of its claim")
    return found


def _only_superboxes(store: bytes, start: int, stop: int, *, one: bool = False) -> list[Box]:
    found = list(boxes(store, start, stop))
    if not found or (one and len(found) > 1) or any(box.kind != b"jumb" for box in found):
        raise Undecodable("the manifest store is not nested as it has to be")
    return found


def _part(store: bytes, superbox: Box) -> Part | None:
    """The part where the superbox has one content box; embedded files, for instance, have two."""
    content: Iterator[Box] = boxes(store, *_behind_label(store, superbox))
    first, more = next(content, None), next(content, None)
    return Part(superbox.body, first.body, first.end) if first and not more else None


def _description(store: bytes, superbox: Box) -> Box:
    first = next(boxes(store, superbox.body, superbox.end), None)
    if first is None or first.kind != b"jumd":
        raise Undecodable("a superbox of the manifest store does not say what it is")
    return first


def _behind_label(store: bytes, superbox: Box) -> tuple[int, int]:
    return _description(store, superbox).end, superbox.end


def _label(store: bytes, superbox: Box) -> str:
    description = _description(store, superbox)
    text, _, _ = store[description.body + _BEFORE_LABEL : description.end].partition(b"\0")
    return text.decode("utf-8", "replace")
