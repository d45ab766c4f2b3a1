"""The COSE signature of a claim: what is to be signed, and putting a signature where room was kept for it.

RFC 9052: a COSE_Sign1 is tag 18 around [protected header, unprotected header, payload, signature]; signed is the
Sig_structure (section 4.4). In C2PA the payload is detached: it is the claim (2.4, "Signing a claim"). The unprotected
header holds ``pad``, zeros that may shrink where a time-stamp moves in, so that no length changes, and ``sigTst2``.

The signature's box is hashed by nothing, and its unprotected header, empty payload and signature are the last bytes of
a store: its *tail*. To sign is to write another tail.
"""

from typing import Any

from remarque.errors import MissingExtra, Undecodable
from remarque.labels.parts import CLAIM, SIGNATURE, active_parts

try:
    import cbor2
except ModuleNotFoundError as error:  # pragma: no cover - an installation without the extra
    raise MissingExtra("label", "signing C2PA labels") from error

_COSE_SIGN1 = 18
#: Tag 18 and an array of four, as CBOR writes them (RFC 8949, section 3.1); the empty payload.
_OPENING, _NIL = b"\xd2\x84", b"\xf6"
_PAD, _SECOND_PAD, _TIME_STAMPS = "pad", "pad2", "sigTst2"
#: CBOR cannot write byte strings of every total length: 25 bytes, for instance, can be neither 23 + 2 nor 24 + 2. Then
#: a second pad takes one to three bytes more.
_SECOND_PADS = (None, 0, 1, 2)


def to_be_signed(store: bytes) -> tuple[bytes, int]:
    """Return the Sig_structure of the store's active manifest and how many bytes its tail has.

    Raises Undecodable if the signature is not written as the C2PA library writes it.
    """
    parts = active_parts(store)
    signature, claim = parts[SIGNATURE], parts[CLAIM]
    envelope = store[signature.start : signature.stop]
    protected, unprotected, payload, value = _opened(envelope)
    head = _OPENING + cbor2.dumps(protected)
    size = len(envelope) - len(head)
    pads = unprotected if isinstance(unprotected, dict) else {}
    plain = pads.keys() <= {_PAD, _SECOND_PAD} and not any(map(any, pads.values()))
    if payload is not None or not plain or not envelope.startswith(head) or tail(size, value) != envelope[len(head) :]:
        raise Undecodable("the signature of the manifest is not written as it was when this was tested")
    return cbor2.dumps(["Signature1", protected, b"", store[claim.start : claim.stop]]), size


def tail(size: int, signature: bytes, time_stamp: bytes | None = None) -> bytes | None:
    """The last ``size`` bytes of a store with this signature and time-stamp token, or None if they do not fit."""
    header: dict[str, Any] = {}
    if time_stamp is not None:
        header[_TIME_STAMPS] = {"tstTokens": [{"val": time_stamp}]}
    ending = _NIL + cbor2.dumps(signature)
    for second in _SECOND_PADS:
        more = {} if second is None else {_SECOND_PAD: bytes(second)}
        room = size - len(ending) - len(cbor2.dumps(header | {_PAD: b""} | more))
        for pad in range(room, room - 5, -1):  # the head of a byte string has up to five bytes, one is counted
            if pad >= 0:
                written: bytes = cbor2.dumps(header | {_PAD: bytes(pad)} | more) + ending
                if len(written) == size:
                    return written
    return None


def to_be_time_stamped(signed: bytes, signature: bytes) -> bytes:
    """What a time-stamp is about: a counter-signature structure around the signature as a CBOR byte string.

    ``signed`` is what the signature is over. C2PA 2.4, "Time-stamps", ``sigTst2``; as c2pa-rs 0.91.3 writes it.
    """
    _, protected, _, _ = cbor2.loads(signed)
    return cbor2.dumps(["CounterSignature", protected, b"", cbor2.dumps(signature)])


def _opened(envelope: bytes) -> tuple[bytes, object, object, bytes]:
    try:
        tag = cbor2.loads(envelope)
    except (cbor2.CBORDecodeError, RecursionError) as error:
        raise Undecodable("the signature of the manifest is not CBOR") from error
    if isinstance(tag, cbor2.CBORTag) and tag.tag == _COSE_SIGN1:
        match tag.value:
            case [bytes() as protected, unprotected, payload, bytes() as signature]:
                return protected, unprotected, payload, signature
    raise Undecodable("the signature of the manifest is no COSE_Sign1")
