"""How an ISCC is written for the Soft Binding Resolution API, beside the reference and the vectors of IEP-0020."""

import base64

import iscc_core
import pytest
from hypothesis import given
from hypothesis import strategies as st

from remarque.errors import InvalidFingerprint
from remarque.labels.binding import iscc_seq, parse_binding_value, soft_binding_value

#: IEP-0020, Vector 1: Meta-Code, Content-Code of a text, Data-Code, Instance-Code.
VECTOR_1 = (
    "AAdXjHyPv721jyn2Pv6zhxVT+qdf+XRY1J7/XuTd82u2ySAHqIJIxTqFLI1+nFRwR8mjbEBStqyr7x4qTOFeWG4MswUwBwW0HzRySTIl0n7cvbYy"
    "NoRqU+4o3speNWGswMm734G1QAelIq9KLJy/aoCJJK/SrPoHkzR7k2Z49ZguIv3T3UoONw=="
)
#: Vector 2: Image-Code of 64 bits, Content-Code of 128 bits of a sound, Data-Code of 256.
VECTOR_2 = (
    "21018c3585376ee22d5a22039f07f3ff9e0061ff3ef7cbffffef37ff300705b41f3472493225d27edcbdb63236846a53ee28deca5e3561acc0"
    "c9bbdf81b5"
)
CODES = st.binary(min_size=32, max_size=32)


def written(data: bytes) -> str:
    return base64.b64encode(data).decode()


def unit(body: bytes, main: int = iscc_core.MT.CONTENT, sub: int = iscc_core.ST_CC.IMAGE) -> bytes:
    header: bytes = iscc_core.encode_header(main, sub, 0, len(body) // 4 - 1)
    return header + body


@given(CODES)
def test_a_value_is_the_reference_s_and_is_read_back(code: bytes) -> None:
    pixels_of = iscc_core.encode_component(iscc_core.MT.CONTENT, iscc_core.ST_CC.IMAGE, 0, 256, code)
    assert iscc_seq(code) == iscc_core.encode_seq([f"ISCC:{pixels_of}"])
    assert base64.b64decode(soft_binding_value(code)) == iscc_seq(code)
    assert parse_binding_value(soft_binding_value(code)) == [code]
    assert parse_binding_value(f"ISCC:{pixels_of}") == [code]
    assert parse_binding_value(written(code)) == [code]


@given(st.binary(min_size=8, max_size=8))
def test_a_short_code_is_read_in_each_form(code: bytes) -> None:
    text = iscc_core.encode_component(iscc_core.MT.CONTENT, iscc_core.ST_CC.IMAGE, 0, 64, code)
    for value in (f"ISCC:{text}", written(unit(code)), written(code)):
        assert parse_binding_value(value) == [code]


@given(CODES, CODES, st.binary(min_size=8, max_size=8))
def test_short_codes_are_passed_over_where_long_ones_stand(one: bytes, other: bytes, short: bytes) -> None:
    seq = unit(short) + unit(one) + unit(other, main=iscc_core.MT.DATA, sub=0) + unit(other)
    assert parse_binding_value(written(seq)) == [one, other]


def test_the_vectors_are_read() -> None:
    assert parse_binding_value(VECTOR_1) == []
    assert parse_binding_value(written(bytes.fromhex(VECTOR_2))) == [bytes.fromhex("8c3585376ee22d5a")]
    assert parse_binding_value(written(bytes.fromhex("270000000000"))) == [], "an unknown subtype is no error"


@pytest.mark.parametrize(
    "seq",
    [
        "",
        "28000100000000",
        "200800" + "00" * 36,
        "3000000000",
        "30000000000000",
        "5005578c7c8fbfbdb58fa88248c53a852c8d05b41f3472493225a522af4a2c9cbf6a",
        "60100000000000000000",
        "2",
        "f10700",
        "21",
    ],
)
def test_what_iep_0020_rejects_is_rejected(seq: str) -> None:
    with pytest.raises(InvalidFingerprint):
        parse_binding_value(written(bytes.fromhex(seq.ljust(len(seq) + len(seq) % 2, "0"))))


@given(st.binary(max_size=120))
def test_whatever_is_accepted_the_reference_accepts_too(seq: bytes) -> None:
    if len(seq) in (8, 32):
        return  # bare codes have no form that could be wrong
    try:
        found = parse_binding_value(written(seq))
    except InvalidFingerprint:
        with pytest.raises(ValueError):  # noqa: PT011 - the reference has no errors of its own
            iscc_core.decode_seq(seq)
        return
    units = iscc_core.decode_seq(seq)
    assert len(found) <= len(units)


@pytest.mark.parametrize(
    "value", ["", "AAE", "AAE=\n", "AAF=", "not base64", "A" * 43 + "-", "ISCC:", "ISCC:eadwq", "ISCC:EA1", "iscc:EAAA"]
)
def test_what_is_no_value_is_refused(value: str) -> None:
    with pytest.raises(InvalidFingerprint):
        parse_binding_value(value)


def test_a_code_of_another_length_is_not_written() -> None:
    with pytest.raises(InvalidFingerprint):
        soft_binding_value(b"12345678")
