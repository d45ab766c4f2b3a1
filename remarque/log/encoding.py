"""The small encodings under the log's formats. Each value has one spelling; every other raises LogError."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any

from remarque.errors import LogError

#: Sizes and times fit a signed 64-bit integer everywhere.
MAX_NUMBER = 2**63 - 1
#: The largest whole number that every JSON program reads alike (RFC 8259 section 6).
MAX_EXACT = 2**53 - 1

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


def read_base64(text: str) -> bytes:
    """Read standard base64 with padding (RFC 4648 section 4), in its canonical spelling only."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise LogError(f"not base64: {error}") from None
    if write_base64(data) != text:
        raise LogError("base64 with bits that mean nothing")
    return data


def write_base64(data: bytes) -> str:
    """Inverse of ``read_base64``."""
    return base64.b64encode(data).decode("ascii")


def read_decimal(text: str) -> int:
    """Read a whole number, not negative, at most MAX_NUMBER, without leading zeros. Inverse: ``str``."""
    if _DECIMAL.fullmatch(text) is None or int(text) > MAX_NUMBER:
        raise LogError(f"not a whole number in plain decimal: {text[:40]!r}")
    return int(text)


def read_digest(value: object) -> bytes:
    """Read 64 lower-case hexadecimal digits. Inverse: ``bytes.hex``."""
    if not isinstance(value, str) or _DIGEST.fullmatch(value) is None:
        raise LogError("a digest has 64 lower-case hexadecimal digits")
    return bytes.fromhex(value)


def read_text(data: bytes) -> str:
    """Read UTF-8. Inverse: ``str.encode``."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise LogError(f"not UTF-8: {error}") from None


def read_object(data: bytes) -> dict[str, Any]:
    """Read a JSON object (UTF-8) in any spelling. Names that come twice or are not ASCII, halves of characters, and
    numbers that are not whole or beyond 2**53 raise: other programs would read something else."""
    try:
        value = json.loads(
            read_text(data),
            object_pairs_hook=_no_name_twice,
            parse_int=_exact,
            parse_float=_not_whole,
            parse_constant=_not_whole,
        )
        json.dumps(value, ensure_ascii=False).encode()  # "\ud800" alone is JSON and no text: UnicodeEncodeError
    except (ValueError, RecursionError) as error:
        raise LogError(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise LogError("not a JSON object")
    return value


def _no_name_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs) or not all(name.isascii() for name in value):
        raise LogError("a JSON object with the same name twice, or a name that is not ASCII")
    return value


def _exact(text: str) -> int:
    if len(text) > 17 or abs(int(text)) > MAX_EXACT:
        raise LogError(f"a number that not every program reads alike: {text[:40]}")
    return int(text)


def _not_whole(text: str) -> Any:
    raise LogError(f"only whole numbers are used here, not {text[:40]}")
