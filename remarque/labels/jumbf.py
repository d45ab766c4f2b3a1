"""The boxes of a C2PA manifest store (ISO/IEC 19566-5, JUMBF): which manifests are in it, and the active one alone.

A store is one superbox labelled ``c2pa``; after its description box come the manifests, superboxes labelled with their
URN, of which the last is the active one (C2PA 2.4, "Manifest Store"). Nothing inside a manifest is read here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from remarque.errors import Undecodable

STORE_LABEL = "c2pa"
#: Length and type of a box; and the length that announces a longer one of eight bytes.
_HEADER, _LONG_HEADER, _IS_LONG = 8, 16, 1
_SUPERBOX, _DESCRIPTION = b"jumb", b"jumd"
#: A description box: 16 bytes of type, a byte of switches, then the label, ended by a zero byte.
_TYPE_SIZE, _HAS_LABEL = 16, 0b11


@dataclass(frozen=True, slots=True)
class Box:
    """Where a box lies in the store: from ``start`` to ``stop``, its content from ``inside`` on."""

    kind: bytes
    start: int
    inside: int
    stop: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """One manifest of a store: its label (a URN) and the bytes of its superbox."""

    label: str
    box: bytes


def manifests(store: bytes) -> list[Manifest]:
    """The manifests of a store in their order, the active one last. Raises Undecodable on anything else."""
    _, inner = _opened(store)
    found = [Manifest(_label(store, box), store[box.start : box.stop]) for box in inner]
    if not found:
        raise Undecodable("the manifest store holds no manifest")
    return found


def active_manifest_id(store: bytes) -> str:
    """The URN of the active manifest. Raises Undecodable where the bytes are no manifest store."""
    return manifests(store)[-1].label


def only_active(store: bytes) -> bytes:
    """A store with the active manifest alone. The manifests that its ingredients refer to are then not there.

    The signature covers the claim inside a manifest, not the store around it. Raises Undecodable.
    """
    description, inner = _opened(store)
    if not inner:
        raise Undecodable("the manifest store holds no manifest")
    active = inner[-1]
    content = store[description.start : description.stop] + store[active.start : active.stop]
    return (_HEADER + len(content)).to_bytes(4, "big") + _SUPERBOX + content


def _opened(store: bytes) -> tuple[Box, list[Box]]:
    """The description box of a store and its manifests; the store is all there is, and nothing follows it."""
    outer = list(_boxes(store, 0, len(store)))
    if len(outer) != 1 or outer[0].kind != _SUPERBOX:
        raise Undecodable("the manifest store is no single superbox")
    if _label(store, outer[0]) != STORE_LABEL:
        raise Undecodable("the superbox is no manifest store")
    description, *inner = _boxes(store, outer[0].inside, outer[0].stop)
    if any(box.kind != _SUPERBOX for box in inner):
        raise Undecodable("the manifest store holds something that is no manifest")
    return description, inner


def _label(store: bytes, superbox: Box) -> str:
    first = next(_boxes(store, superbox.inside, superbox.stop), None)
    if first is None or first.kind != _DESCRIPTION:
        raise Undecodable("a superbox does not begin with its description")
    at = first.inside + _TYPE_SIZE
    if at >= first.stop or store[at] & _HAS_LABEL != _HAS_LABEL:
        raise Undecodable("a superbox has no label")
    end = store.find(b"\0", at + 1, first.stop)
    if end <= at + 1:
        raise Undecodable("the label of a superbox is empty or has no end")
    try:
        return store[at + 1 : end].decode()
    except UnicodeDecodeError as error:
        raise Undecodable("the label of a superbox is not UTF-8") from error


def _boxes(data: bytes, start: int, stop: int) -> Iterator[Box]:
    """The boxes that lie side by side from ``start`` to ``stop``, which they fill."""
    while start < stop:
        size, inside = int.from_bytes(data[start : start + 4], "big"), start + _HEADER
        if size == _IS_LONG:
            size, inside = int.from_bytes(data[start + _HEADER : start + _LONG_HEADER], "big"), start + _LONG_HEADER
        if size < inside - start or start + size > stop:
            raise Undecodable("a box of the manifest store is cut short, or has no room for its own header")
        yield Box(data[start + 4 : start + 8], start, inside, start + size)
        start += size
