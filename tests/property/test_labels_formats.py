"""Any packet comes back from every format; broken files are Undecodable to carriers, stripping and decoding alike."""

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from remarque.errors import InvalidLabelRequest, NotAPicture, PictureError, Undecodable
from remarque.fingerprints import Limits, decode
from remarque.labels import exif, xmp
from remarque.labels.carriers import WRITABLE, gif, png
from remarque.labels.formats import sniff_label
from remarque.labels.tooldata import strip
from tests.label_pictures import Drawn, drawings, drawn, pictures

EVERYTHING = [*pictures(), *drawings()]
#: Text that XML can carry; the packet itself is made by xmp.write.
texts = st.text(
    st.characters(min_codepoint=32, exclude_categories=["Cs", "Cn", "Cc"], exclude_characters="\ufffe\uffff")
)


@given(st.sampled_from(EVERYTHING), texts, texts)
def test_a_packet_comes_back_and_writing_twice_is_writing_once(picture: Drawn, one: str, other: str) -> None:
    carrier = WRITABLE[picture.mime]
    first, second = xmp.write({xmp.CREDIT: one}), xmp.write({xmp.CREDIT: other})
    written = carrier.write_xmp(picture.data, first)
    assert carrier.read_xmp(written) == first
    again = carrier.write_xmp(carrier.write_xmp(written, second), first)
    assert carrier.read_xmp(again) == first
    assert again == written or picture.mime == "image/tiff"  # a TIFF only grows
    assert carrier.read_exif(written) == carrier.read_exif(picture.data) or picture.mime == "image/tiff"


@given(st.binary(min_size=1, max_size=600).filter(lambda packet: b"\0" not in packet))
def test_any_bytes_but_zero_come_back_from_a_gif(packet: bytes) -> None:
    written = gif.write_xmp(drawn("gif").data, packet)
    assert gif.read_xmp(written) == packet
    assert gif.write_xmp(written, b"a") == gif.write_xmp(drawn("gif").data, b"a")


@given(st.text("abc \xa9", min_size=1), st.text() | st.text(st.characters(categories=["Cs"]), min_size=1))
def test_a_png_text_comes_back_or_is_refused(keyword: str, text: str) -> None:
    data = drawn("png-alpha-exif-icc-text").data
    try:
        written = png.write_text(data, keyword, text)
    except InvalidLabelRequest:
        assert len(keyword) > 79 or keyword != keyword.strip() or "\0" in text or not can_be_encoded(text)
        return
    assert png.read_text(written) == {**png.read_text(data), keyword: text}
    assert png.without_text(written, {keyword}) == png.without_text(data, {keyword})


@settings(max_examples=400)
@given(st.sampled_from(EVERYTHING), st.data())
def test_a_mutated_file_is_read_or_undecodable(picture: Drawn, data: st.DataObject) -> None:
    packet = xmp.write({xmp.AI_PROMPT_INFORMATION: "a fox"})
    broken = mutated(WRITABLE[picture.mime].write_xmp(picture.data, packet), data)
    carrier = WRITABLE[picture.mime]
    calls: list[Callable[[], object]] = [
        lambda: carrier.read_xmp(broken),
        lambda: carrier.read_exif(broken),
        lambda: carrier.write_xmp(broken, packet),
        lambda: strip(broken, picture.mime),
    ]
    for call in calls:
        try:
            call()
        except Undecodable:
            pass  # the one thing that may happen
    try:
        sniff_label(broken)
    except NotAPicture:
        pass  # and to its name


@settings(max_examples=200)
@given(st.sampled_from([one for one in pictures() if one.mime in ("image/heic", "image/jxl")]), st.data())
def test_a_mutated_heic_or_jpeg_xl_is_decoded_or_refused(picture: Drawn, data: st.DataObject) -> None:
    try:
        decode(mutated(picture.data, data), Limits(max_pixels=1 << 20))
    except PictureError:
        pass  # whatever the decoders say, it is one of ours


@given(st.binary(max_size=120), st.sampled_from([b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"]))
def test_exif_loses_fields_or_is_undecodable_and_keeps_its_length(rest: bytes, head: bytes) -> None:
    block = head + rest
    try:
        clean = exif.without(block, lambda name, text: True)
    except Undecodable:
        return
    assert len(clean) == len(block)
    assert exif.read(clean) == {}


def can_be_encoded(text: str) -> bool:
    return not any(0xD800 <= ord(letter) < 0xE000 for letter in text)


def mutated(original: bytes, data: st.DataObject) -> bytes:
    """A few bytes changed, most of them where headers and tables stand; then perhaps cut."""
    broken = bytearray(original)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, min(len(broken), 700) - 1) | st.integers(0, len(broken) - 1))
        broken[at] = data.draw(st.integers(0, 255))
    return bytes(broken[: data.draw(st.just(len(broken)) | st.integers(0, len(broken)))])
