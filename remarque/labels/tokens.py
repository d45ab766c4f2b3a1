"""Reading the answer of a time-stamp authority (RFC 3161, 2.4.2) as far as it has to be checked.

The token inside is a CMS SignedData (RFC 5652) whose content is the TSTInfo. Certificates and signatures are stepped
over. They are not required to be in the order that DER has for sets: OpenSSL, behind many authorities, does not sort
them, and parsers that insist refuse its tokens.
"""

from collections.abc import Iterator
from typing import NamedTuple

#: Tags of DER (X.690): what is looked at has one byte.
_INTEGER, _OCTETS, _OID, _SEQUENCE, _EXPLICIT = 0x02, 0x04, 0x06, 0x30, 0xA0
_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")  # 1.2.840.113549.1.7.2
_TST_INFO = bytes.fromhex("2a864886f70d0109100104")  # 1.2.840.113549.1.9.16.1.4
_GRANTED = (0, 1)  # granted, grantedWithMods
_LONG_FORM, _MOST_LENGTH_BYTES = 0x80, 4


class NotAToken(Exception):
    """The answer is no time-stamp token; says why. Callers turn it into what they do without one."""


class Token(NamedTuple):
    """A token (DER), and what it says: digest algorithm (OID, DER content), digest, the nonce of the request if any."""

    der: bytes
    algorithm: bytes
    digest: bytes
    nonce: int | None


class _Value(NamedTuple):
    """One DER value: its bytes, its tag, and its content."""

    whole: bytes
    tag: int
    content: bytes


def read_answer(answer: bytes) -> Token:
    """Read an answer that grants a time-stamp. Raises NotAToken for every other."""
    (response,) = _exactly(_values(answer), _SEQUENCE)
    status, tokens = _at(_values(response.content), 0), _values(response.content)[1:]
    code = int.from_bytes(_first(status, _INTEGER).content, "big")
    if code not in _GRANTED or len(tokens) != 1:
        raise NotAToken(f"not granted: status {code}")
    kind, wrapped = _exactly(_values(tokens[0].content), _OID, _EXPLICIT)
    (signed,) = _exactly(_values(wrapped.content), _SEQUENCE)
    encapsulated = _at(_values(signed.content), 2)  # behind version and digest algorithms
    inner, boxed = _exactly(_values(encapsulated.content), _OID, _EXPLICIT)
    if (kind.content, inner.content) != (_SIGNED_DATA, _TST_INFO):
        raise NotAToken("the answer holds something else than a time-stamp")
    (octets,) = _exactly(_values(boxed.content), _OCTETS)
    (info,) = _exactly(_values(octets.content), _SEQUENCE)
    said = _values(info.content)  # version, policy, imprint, serial number, time, and optional fields
    algorithm, digest = _exactly(_values(_at(said, 2).content), _SEQUENCE, _OCTETS)
    # Of the optional fields only the nonce is a plain INTEGER.
    nonces = [int.from_bytes(value.content, "big", signed=True) for value in said[5:] if value.tag == _INTEGER]
    return Token(tokens[0].whole, _first(algorithm, _OID).content, digest.content, nonces[0] if nonces else None)


def _values(data: bytes) -> list[_Value]:
    """The values that fill ``data``."""
    return list(_walk(data))


def _walk(data: bytes) -> Iterator[_Value]:
    at = 0
    while at < len(data):
        start, tag = at, data[at]
        size, at = int.from_bytes(data[at + 1 : at + 2], "big"), at + 2
        if size >= _LONG_FORM:
            more = size - _LONG_FORM
            if not 1 <= more <= _MOST_LENGTH_BYTES:
                raise NotAToken("a length that DER does not have")
            size, at = int.from_bytes(data[at : at + more], "big"), at + more
        if at + size > len(data):
            raise NotAToken("the answer breaks off")
        yield _Value(data[start : at + size], tag, data[at : at + size])
        at += size


def _exactly(values: list[_Value], *tags: int) -> list[_Value]:
    if [value.tag for value in values] != list(tags):
        raise NotAToken("the answer is not nested as a time-stamp is")
    return values


def _at(values: list[_Value], index: int) -> _Value:
    if len(values) <= index:
        raise NotAToken("the answer is not nested as a time-stamp is")
    return values[index]


def _first(value: _Value, tag: int) -> _Value:
    inside = _values(value.content)
    if value.tag != _SEQUENCE or not inside or inside[0].tag != tag:
        raise NotAToken("the answer is not nested as a time-stamp is")
    return inside[0]
