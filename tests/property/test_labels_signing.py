"""Stores in pieces, tails of any size, and answers of time-stamp authorities that were made of anything."""

import base64
import zlib
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from remarque.errors import SigningUnavailable, Undecodable
from remarque.labels import cose, signatures, splice
from remarque.labels.parts import active_parts
from remarque.labels.splice import Fragment
from remarque.labels.stamp import prepare
from remarque.labels.tokens import NotAToken, read_answer
from tests.authority import Authority
from tests.label_pictures import development, drawn, request

#: What a format writes around the pieces of a store, as the slow judge of what finds them; around it, what looks alike.
LOOK_ALIKE = st.sampled_from([b"", b"\xff\xeb\x00\x20JP", b"!\xff\x0bC2PA_GIF\x01\x00\x00\x05", b"caBX", b"JP\xff\xeb"])
STORES = st.binary(min_size=24, max_size=2000).map(lambda tail: b"\0\0\0\x18jumb" + b"a fresh random name" + tail)


def in_jpeg(store: bytes, size: int) -> bytes:
    header, rest = store[:8], store[8:]
    parts = [rest[at : at + size] for at in range(0, len(rest), size)]
    return b"".join(
        b"\xff\xeb" + (18 + len(part)).to_bytes(2, "big") + b"JP\x02\x11" + number.to_bytes(4, "big") + header + part
        for number, part in enumerate(parts, 1)
    )


def in_gif(store: bytes, _: int) -> bytes:
    parts = [store[at : at + 255] for at in range(0, len(store), 255)]
    return b"!\xff\x0bC2PA_GIF\x01\x00\x00" + b"".join(bytes([len(part)]) + part for part in parts) + b"\0"


def in_png(store: bytes, _: int) -> bytes:
    return len(store).to_bytes(4, "big") + b"caBX" + store + zlib.crc32(b"caBX" + store).to_bytes(4, "big")


WRITERS = {
    "image/jpeg": in_jpeg,
    "image/gif": in_gif,
    "image/png": in_png,
    "image/svg+xml": lambda store, _: b"<c2pa:manifest>" + base64.b64encode(store) + b"</c2pa:manifest>",
    "image/webp": lambda store, _: b"C2PA" + len(store).to_bytes(4, "little") + store,
}


@pytest.mark.parametrize("mime", WRITERS)
@given(
    store=STORES,
    size=st.integers(40, 900),
    around=st.tuples(LOOK_ALIKE, LOOK_ALIKE, st.binary(max_size=60), st.binary(max_size=60)),
    key=st.integers(0, 255),
)
def test_a_store_is_found_and_replaced(
    mime: str, store: bytes, size: int, around: tuple[bytes, bytes, bytes, bytes], key: int
) -> None:
    before, after, first, last = around
    write = WRITERS[mime]
    data = first + before + write(store, size) + after + last
    places = splice.fragments(data, mime, store)
    # A store always begins with the same eight bytes: its length and type.
    other = store[:8] + bytes(byte ^ key for byte in store[8:])
    assert splice.replaced(data, places, other) == first + before + write(other, size) + after + last
    assert splice.replaced(data, places, store) == data
    with pytest.raises(Undecodable):
        splice.fragments(data + write(store, size), mime, store)


@given(
    size=st.integers(70, 700),
    signature=st.binary(min_size=64, max_size=64),
    token=st.none() | st.binary(max_size=600),
)
def test_a_tail_has_the_size_that_was_asked_for(size: int, signature: bytes, token: bytes | None) -> None:
    tail = cose.tail(size, signature, token)
    least = len(cbor2.dumps(_header(token) | {"pad": b""})) + 1 + 66
    if tail is None:
        assert size < least
    else:
        assert len(tail) == size
        _, header, payload, value = cbor2.loads(b"\x84\x40" + tail)
        assert (payload, value) == (None, signature)
        assert not any(header["pad"])
        assert not any(header.get("pad2", b""))
        assert _plain(header).get("sigTst2") == _header(token).get("sigTst2")


def _header(token: bytes | None) -> dict[str, object]:
    return {} if token is None else {"sigTst2": {"tstTokens": [{"val": token}]}}


def _plain(header: object) -> dict[str, object]:
    """CBOR maps and arrays as dicts and lists."""

    def plain(value: object) -> object:
        if hasattr(value, "items"):
            return {name: plain(one) for name, one in value.items()}
        return [plain(one) for one in value] if isinstance(value, list | tuple) else value

    found = plain(header)
    assert isinstance(found, dict)
    return found


@given(signature=st.binary(max_size=150), algorithm=st.sampled_from(["es256", "es384", "es512", "ed25519"]))
def test_no_bytes_but_a_signature_pass_for_one(signature: bytes, algorithm: str) -> None:
    with pytest.raises(SigningUnavailable):
        signatures.in_cose_form(_key(algorithm), b"message", signature)


@cache
def _key(algorithm: str) -> signatures.PublicKey:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    if algorithm == "ed25519":
        return ed25519.Ed25519PrivateKey.generate().public_key()
    curve = {"es256": ec.SECP256R1(), "es384": ec.SECP384R1(), "es512": ec.SECP521R1()}[algorithm]
    return ec.generate_private_key(curve).public_key()


@cache
def _store() -> bytes:
    return prepare(drawn("webp-lossy").data, request(), development().key.certificate).manifest


@given(at=st.integers(0, 10_000), by=st.integers(1, 255), cut=st.integers(0, 20_000))
def test_a_changed_store_is_refused_or_read(at: int, by: int, cut: int) -> None:
    store = bytearray(_store()[:cut])
    if at < len(store):
        store[at] ^= by
    try:
        parts = active_parts(bytes(store))
        cose.to_be_signed(bytes(store))
    except Undecodable:
        return
    assert {"c2pa.claim.v2", "c2pa.signature"} <= parts.keys()


@cache
def _answer() -> bytes:
    from rfc3161_client import HashAlgorithm, TimestampRequestBuilder

    with TemporaryDirectory() as folder:
        asked = TimestampRequestBuilder().data(b"message").hash_algorithm(HashAlgorithm.SHA256).nonce(nonce=True)
        return Authority(Path(folder)).answer(asked.build().as_bytes())[1]


@given(at=st.integers(0, 1500), by=st.integers(1, 255), cut=st.integers(0, 3000), more=st.binary(max_size=3))
def test_a_changed_answer_is_refused_or_read(at: int, by: int, cut: int, more: bytes) -> None:
    answer = bytearray(_answer()[:cut] + more)
    if at < len(answer):
        answer[at] ^= by
    try:
        token = read_answer(bytes(answer))
    except NotAToken:
        return
    assert token.der in answer


@given(st.binary(max_size=200))
def test_no_bytes_at_all_crash_the_reader_of_answers(data: bytes) -> None:
    with pytest.raises(NotAToken):
        read_answer(data)


def test_the_pieces_of_a_store_are_told_by_their_places() -> None:
    data = in_png(b"\0\0\0\x18jumb and more", 0)
    assert splice.fragments(data, "image/png", b"\0\0\0\x18jumb and more") == (
        Fragment(8, 0, 17, "bytes"),
        Fragment(25, 0, 17, "checksum"),
    )
