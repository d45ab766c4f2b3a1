"""The soft binding of a label: how an Image-Code is written for others, and read when they ask by it.

C2PA leaves the form of a value to its algorithm. For ``io.iscc.v0`` that is IEP-0020 of the ISCC Foundation (a draft):
an ISCC-SEQ, units of 256 bits one after the other, each with its header; in a query, base64 of these bytes. We write
one unit, the Image-Code.

Read is more than is written. Beside an ISCC-SEQ: its text form (``ISCC:`` and base32), and the bare bits that some
signers write, 32 or 8 bytes. IEP-0020 has units under 256 bits ignored, because they collide; the 64-bit Image-Code is
what ISCC software computes unless told otherwise, so it is answered where no longer one was sent, as the candidate that
it is.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import NamedTuple

from remarque.errors import InvalidFingerprint
from remarque.fingerprints.iscc import BYTES, SHORT_BYTES
from remarque.labels.jumbf import active_manifest_id

__all__ = ["ALGORITHM", "active_manifest_id", "iscc_seq", "parse_binding_value", "soft_binding_value"]

#: Entry 3 of the C2PA soft binding algorithm list.
ALGORITHM = "io.iscc.v0"
TEXT_PREFIX = "ISCC:"

#: Numbers of ISO 24138: the main type Content-Code and its subtype Image; the main types that stand in an ISCC-SEQ.
_CONTENT, _IMAGE, _VERSION = 2, 1, 0
_MAIN_TYPES = range(5)
#: A unit has 32 bits for every step of its length field, and one such step more; the field goes to 7.
_STEP_BYTES, _MOST_LENGTH = 4, 7
_HEADER = bytes([_CONTENT << 4 | _IMAGE, _VERSION << 4 | (BYTES // _STEP_BYTES - 1)])


class _Form(NamedTuple):
    """How a number is written: in hexadecimal digits, which begin with the mark; 3 bits a digit, from ``least`` on."""

    digits: int
    mark: int
    least: int


_FORMS = (_Form(1, 0b0, 0), _Form(2, 0b10, 8), _Form(3, 0b110, 72), _Form(4, 0b1110, 584))
#: Four numbers of four digits.
_MOST_HEADER = 8


class Unit(NamedTuple):
    """One unit of an ISCC-SEQ: what it is of, and its bits."""

    main: int
    sub: int
    version: int
    body: bytes


def iscc_seq(iscc: bytes) -> bytes:
    """The Image-Code as an ISCC-SEQ of one unit: what stands, as bytes, in a ``c2pa.soft-binding``.

    ``iscc``: 32 bytes (``Fingerprints.iscc``). Raises InvalidFingerprint on another length.
    """
    if len(iscc) != BYTES:
        raise InvalidFingerprint(f"an Image-Code has {BYTES} bytes here, this one {len(iscc)}")
    return _HEADER + iscc


def soft_binding_value(iscc: bytes) -> str:
    """The Image-Code as the Soft Binding Resolution API carries it: base64 of the ISCC-SEQ, padded."""
    return base64.b64encode(iscc_seq(iscc)).decode()


def parse_binding_value(value: str) -> list[bytes]:
    """Inverse of ``soft_binding_value``: the Image-Codes in a value, each 32 bytes; or 8 where only short ones are.

    Empty for an ISCC of something else, a text for instance. Raises InvalidFingerprint on what is no value.
    """
    if value.startswith(TEXT_PREFIX):
        return _image_codes(_base32(value.removeprefix(TEXT_PREFIX)))
    raw = _base64(value)
    # No Image-Code of use fits into 32 bytes with its header: such a value is the bare code.
    return [raw] if len(raw) in (BYTES, SHORT_BYTES) else _image_codes(raw)


def _image_codes(seq: bytes) -> list[bytes]:
    bodies = [u.body for u in _units(seq) if (u.main, u.sub, u.version) == (_CONTENT, _IMAGE, _VERSION)]
    full = [body for body in bodies if len(body) == BYTES]
    return full or [body[:SHORT_BYTES] for body in bodies if len(body) >= SHORT_BYTES]


def _units(seq: bytes) -> Iterator[Unit]:
    """The units of an ISCC-SEQ (IEP-0020, "Decoding")."""
    if not seq:
        raise InvalidFingerprint("an ISCC holds one unit at least")
    while seq:
        (main, sub, version, length), size = _header(seq)
        if main not in _MAIN_TYPES or length > _MOST_LENGTH:
            raise InvalidFingerprint("an ISCC of a kind that is no unit of content")
        end = size + _STEP_BYTES * (length + 1)
        if len(seq) < end:
            raise InvalidFingerprint("the ISCC is cut short")
        yield Unit(main, sub, version, seq[size:end])
        seq = seq[end:]


def _header(seq: bytes) -> tuple[list[int], int]:
    """The four numbers at the beginning of a unit, and how many bytes they take (ISO 24138, variable-length header)."""
    digits = seq[:_MOST_HEADER].hex()
    numbers: list[int] = []
    at = 0
    while len(numbers) < 4:
        form = next((f for f in _FORMS if at < len(digits) and int(digits[at], 16) >> (4 - f.digits) == f.mark), None)
        if form is None or at + form.digits > len(digits):
            raise InvalidFingerprint("the ISCC has a broken header, or ends in it")
        numbers.append(form.least + (int(digits[at : at + form.digits], 16) & ((1 << 3 * form.digits) - 1)))
        at += form.digits
    if at % 2 and digits[at] != "0":
        raise InvalidFingerprint("the header of the ISCC is not padded with zero")
    return numbers, (at + 1) // 2


def _base64(value: str) -> bytes:
    try:
        raw = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidFingerprint(
            "the value is not base64 (RFC 4648, section 4, padded; in a query '+' is written %2B)"
        ) from error
    if base64.b64encode(raw).decode() != value:
        raise InvalidFingerprint("the value is not base64 as it is written: bits are left over at its end")
    return raw


def _base32(text: str) -> bytes:
    try:
        raw = base64.b32decode(text + "=" * (-len(text) % 8))
    except (binascii.Error, ValueError) as error:
        raise InvalidFingerprint("an ISCC is written in base32 (RFC 4648, upper case, no padding)") from error
    if base64.b32encode(raw).decode().rstrip("=") != text:
        raise InvalidFingerprint("the ISCC is not base32 as it is written: bits are left over at its end")
    return raw
