"""Regions as bytes and as items: many are kept of each work, so that they are packed.

A record has 49 bytes: the hash (32), x, y, size and angle (float32, little-endian), and how much the region says (one
byte). Records follow one another; base64 (RFC 4648) makes text of them.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from remarque.answers import Fingerprint
from remarque.errors import InvalidFingerprint
from remarque.fingerprints.regions import Regions

ALG = "pdq-region"

RECORD = np.dtype([("hash", np.uint8, 32), ("place", "<f4", 4), ("says", np.uint8)])


def pack_regions(regions: Regions) -> str:
    """Return the records as text."""
    records = np.empty(len(regions), RECORD)
    records["hash"], records["place"], records["says"] = regions.hashes, regions.places, regions.says
    return base64.b64encode(records.tobytes()).decode()


def unpack_regions(text: str) -> Regions:
    """Inverse of ``pack_regions``. Raises InvalidFingerprint on anything that it would not have written."""
    try:
        packed = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidFingerprint(f"packed regions are base64: {error}") from error
    if len(packed) % RECORD.itemsize or base64.b64encode(packed).decode() != text:
        raise InvalidFingerprint(f"packed regions are whole records of {RECORD.itemsize} bytes")
    records = np.frombuffer(packed, RECORD)
    places = records["place"].astype(np.float32)
    if not np.isfinite(places).all():
        raise InvalidFingerprint("the place of a region is a number")
    return declared_regions(records["hash"].copy(), places, records["says"].copy())


def declared_regions(hashes: NDArray[np.uint8], places: NDArray[np.float32], says: NDArray[np.uint8]) -> Regions:
    """Regions of a declared work: they are never mirrored, and the size of the picture is not kept."""
    return Regions(hashes, places, says, np.zeros(len(hashes), np.bool_), 0, 0)


def region_items(regions: Regions) -> list[Fingerprint]:
    """The regions as the contract writes them."""
    return [
        Fingerprint(alg=ALG, value=value.tobytes().hex(), quality=says, x=x, y=y, size=size, angle=angle)
        for value, says, (x, y, size, angle) in zip(
            regions.hashes, regions.says.tolist(), regions.places.tolist(), strict=True
        )
    ]


def regions_from_items(items: Sequence[Fingerprint]) -> Regions:
    """Inverse of ``region_items``. Raises InvalidFingerprint where a hash or a place is missing or malformed."""
    hashes = np.empty((len(items), 32), np.uint8)
    places = np.empty((len(items), 4), np.float32)
    says = np.empty(len(items), np.uint8)
    for i, item in enumerate(items):
        place = (item.x, item.y, item.size, item.angle)
        if item.alg != ALG or None in place or item.quality is None or not 0 <= item.quality <= 64:
            raise InvalidFingerprint(f"a {ALG} has value, x, y, size, angle and quality (0 to 64)")
        try:
            value = bytes.fromhex(item.value)
        except ValueError:
            value = b""
        if len(value) != 32 or value.hex() != item.value:
            raise InvalidFingerprint(f"{item.value[:80]!r} is no {ALG}: 64 lower-case hexadecimal digits are expected")
        hashes[i] = np.frombuffer(value, np.uint8)
        places[i] = place
        says[i] = item.quality
    if not np.isfinite(places).all():
        raise InvalidFingerprint("the place of a region is a number")
    return declared_regions(hashes, places, says)
