"""Writing a soft binding's value as the byte string that C2PA 2.4 ("Soft binding") and IEP-0020 ask for.

The C2PA library writes text there and cannot be told otherwise (c2pa-rs 0.91.3). So it is given text of the same
length, which is then replaced by the bytes; the claim gets the new digest of the assertion, before it is signed.
"""

import base64
import binascii
import hashlib
from typing import Any

import cbor2

from remarque.errors import Undecodable
from remarque.labels.parts import CLAIM, active_parts

LABEL = "c2pa.soft-binding"
#: The one fingerprint of images on the C2PA list that is free to use; IEP-0020 says how its value is written.
ALGORITHM = "io.iscc.v0"


def assertion(value: str) -> dict[str, Any]:
    """The assertion as the library takes it, filler instead of the value. ``value``: base64, as a query has it."""
    return {"alg": ALGORITHM, "blocks": [{"scope": {}, "value": _filler(_raw(value))}]}


def with_bytes(store: bytes, value: str) -> bytes:
    """Return the store, of the same length, with the bytes of the value where the filler was.

    Its signature is invalid from here on. Raises Undecodable if the store is not as expected.
    """
    raw = _raw(value)
    parts = active_parts(store)
    if LABEL not in parts:
        raise Undecodable("the manifest lacks the soft binding that it was given")
    part, claim = parts[LABEL], parts[CLAIM]
    said = _once(store[part.start : part.stop], cbor2.dumps(_filler(raw)), cbor2.dumps(raw))
    changed = store[: part.start] + said + store[part.stop :]
    old, new = (hashlib.sha256(one[part.hashed : part.stop]).digest() for one in (store, changed))
    return changed[: claim.start] + _once(changed[claim.start : claim.stop], old, new) + changed[claim.stop :]


def _raw(value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("the value of a soft binding is base64") from error


def _filler(raw: bytes) -> str:
    return "~" * len(raw)


def _once(text: bytes, old: bytes, new: bytes) -> bytes:
    if text.count(old) != 1 or len(old) != len(new):
        raise Undecodable("the soft binding is not written as it was when this was tested")
    return text.replace(old, new)
