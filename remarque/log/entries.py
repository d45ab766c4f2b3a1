"""Entries of the log, and the salted commitments in them.

An entry is canonical JSON (RFC 8785) of ASCII strings and integers; exactly these bytes are stored and hashed. It
holds no text, no fingerprint and no name: those stand in two payloads, the *opening* (fingerprints, preferences)
and the *identity* (who), each bound by a commitment with a salt of its own. Erasing a salt and its payload leaves
the log valid and says nothing about what they were.
"""

from __future__ import annotations

import hashlib
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import rfc8785

from remarque.errors import LogError

VERSION = 1
SALT_SIZE = 32
#: An entry is a leaf of the log for ever: it stays small.
MAX_ENTRY_SIZE = 1024

OPENING_TAG = b"remarque/opening/v1\0"
IDENTITY_TAG = b"remarque/identity/v1\0"

#: The commitments that an entry may carry, with the tag of each.
COMMITMENTS: Mapping[str, bytes] = {"open": OPENING_TAG, "who": IDENTITY_TAG}

#: Whole numbers beyond this are no JSON numbers that everybody reads alike (RFC 8785 section 3.2.2.3, RFC 7493).
_MAX_INTEGER = 2**53 - 1
#: Several times as fast as rfc8785; the same bytes on what ``_is_plain`` lets through (tests/property/test_entries.py).
_encode_plain = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, allow_nan=False, sort_keys=True, separators=(",", ":")
).encode

_DIGEST = re.compile(r"[0-9a-f]{64}\Z")

#: Which fields each type of entry has beside ``type``, ``t`` (Unix seconds) and ``v``. ``open`` and ``who`` are
#: commitments, ``ref`` is the index of the earlier entry that this one is about, ``digest`` is a SHA-256: of the
#: receipt of a check, or of the public key or certificate (DER) that begins to be used.
FIELDS: Mapping[str, frozenset[str]] = {
    "declare": frozenset({"open", "who"}),
    "change": frozenset({"open", "ref", "who"}),
    "withdraw": frozenset({"ref", "who"}),
    "dispute": frozenset({"ref", "who"}),
    "decide": frozenset({"open", "ref", "who"}),
    "label": frozenset({"open", "who"}),
    "check": frozenset({"digest"}),
    "erase": frozenset({"ref"}),
    "key": frozenset({"digest"}),
}
#: What an entry may have besides: the reason of a dispute is told or not.
OPTIONAL_FIELDS: Mapping[str, frozenset[str]] = {"dispute": frozenset({"open"})}


def canonical_json(value: Any) -> bytes:
    """Return the RFC 8785 form. Raises LogError on what JSON or RFC 8785 cannot hold."""
    try:
        return _encode_plain(value).encode() if _is_plain(value) else rfc8785.dumps(value)
    except (ValueError, RecursionError) as error:  # ValueError: CanonicalizationError, and text that is no Unicode
        raise LogError(f"not canonical JSON: {error}") from error


def _is_plain(value: object) -> bool:
    """Whether Python's encoder writes the RFC 8785 form: no floats, whole numbers of 53 bits, and ASCII names only, as
    RFC 8785 sorts names by UTF-16 and Python by code points."""
    if isinstance(value, str) or value is None or value is True or value is False:
        return True
    kind = type(value)
    if kind is dict:
        for name, item in cast(dict[object, object], value).items():
            if not (isinstance(name, str) and name.isascii() and (type(item) is str or _is_plain(item))):
                return False
        return True
    if kind is list:
        return all(map(_is_plain, cast(list[object], value)))
    return kind is int and -_MAX_INTEGER <= cast(int, value) <= _MAX_INTEGER


@dataclass(frozen=True, slots=True)
class Sealed:
    """A payload (canonical JSON), its salt, and the commitment to both that an entry carries (64 hex digits)."""

    salt: bytes
    payload: bytes
    commitment: str


def commitment(tag: bytes, salt: bytes, payload: bytes) -> str:
    """Return ``SHA-256(tag || salt || payload)`` as 64 hex digits. Raises LogError on a salt that is not 32 bytes."""
    if len(salt) != SALT_SIZE:
        raise LogError(f"a salt has {SALT_SIZE} bytes, this one {len(salt)}")
    return hashlib.sha256(tag + salt + payload).hexdigest()


def seal(tag: bytes, payload: Mapping[str, Any]) -> Sealed:
    """Commit to a payload with a fresh salt."""
    salt, encoded = secrets.token_bytes(SALT_SIZE), canonical_json(payload)
    return Sealed(salt, encoded, commitment(tag, salt, encoded))


@dataclass(frozen=True, slots=True)
class Entry:
    """One leaf of the log: its type, its time (Unix seconds, the registry's claim) and the fields of that type."""

    type: str
    t: int
    fields: Mapping[str, str | int]

    def encode(self) -> bytes:
        """Return the bytes that are stored and hashed. Raises LogError on a field that the type does not have."""
        _check_fields(self.type, self.fields)
        if type(self.t) is not int or self.t < 0:
            raise LogError("the time of an entry is a whole number of seconds, not negative")
        encoded = canonical_json({"type": self.type, "t": self.t, "v": VERSION, **self.fields})
        if len(encoded) > MAX_ENTRY_SIZE:
            raise LogError(f"an entry has at most {MAX_ENTRY_SIZE} bytes, this one {len(encoded)}")
        return encoded

    @classmethod
    def decode(cls, encoded: bytes) -> Entry:
        """Inverse of ``encode``. Raises LogError on any byte that ``encode`` would not have written."""
        if len(encoded) > MAX_ENTRY_SIZE:
            raise LogError(f"an entry has at most {MAX_ENTRY_SIZE} bytes, this one {len(encoded)}")
        try:
            value = json.loads(encoded)
        except (ValueError, RecursionError) as error:
            raise LogError(f"an entry is not JSON: {error}") from error
        if not isinstance(value, dict) or not {"type", "t", "v"} <= value.keys():
            raise LogError("an entry is an object with type, t and v")
        if value.pop("v") != VERSION:
            raise LogError("an entry of an unknown version")
        entry = cls(type=value.pop("type"), t=value.pop("t"), fields=value)
        if entry.encode() != encoded:
            raise LogError("an entry is not in canonical form")
        return entry


def _check_fields(entry_type: object, fields: Mapping[str, str | int]) -> None:
    if not isinstance(entry_type, str) or entry_type not in FIELDS:
        raise LogError(f"an entry of an unknown type: {entry_type!r}")
    if fields.keys() - OPTIONAL_FIELDS.get(entry_type, frozenset()) != FIELDS[entry_type]:
        raise LogError(f"an entry of type {entry_type} has the fields {', '.join(sorted(FIELDS[entry_type]))}")
    for name, value in fields.items():
        if name == "ref":
            if type(value) is not int or value < 0:
                raise LogError("ref is the index of an earlier entry")
        elif not isinstance(value, str) or not _DIGEST.match(value):
            raise LogError(f"{name} is a SHA-256 of 64 hexadecimal digits")
