"""What is written into a packet is read from it, whatever the text; and hostile containers raise nothing else."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from remarque.errors import InvalidLabelRequest, Undecodable
from remarque.labels import xmp
from remarque.labels.carriers import WRITABLE, items
from tests.label_pictures import Drawn, pictures
from tests.unit.test_labels_xmp import EXISTING

NAMES = [
    xmp.DIGITAL_SOURCE_TYPE,
    xmp.AI_SYSTEM_USED,
    xmp.AI_PROMPT_INFORMATION,
    xmp.CREATOR_TOOL,
    xmp.DOCUMENT_ID,
    xmp.CREDIT,
    xmp.AIGC,
]
#: XML 1.0, Char, said the other way round than in the code: by what it allows.
ALLOWED = re.compile(r"[\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")
texts = st.text() | st.text("<>&\"'\t\n\r ]]>&#13;") | st.text(st.characters(categories=["Cc", "Cs", "Cn"]))
properties = st.dictionaries(st.sampled_from(NAMES), texts, min_size=1)


@given(properties, st.booleans())
def test_text_comes_back_or_is_refused(said: dict[xmp.Name, str], merged: bool) -> None:
    existing = EXISTING if merged else None
    fits = all(ALLOWED.fullmatch(text) for text in said.values())
    try:
        packet = xmp.write(said, existing)
    except InvalidLabelRequest:
        assert not fits
        return
    assert fits
    found = xmp.read(packet)
    assert {name: found[name] for name in said} == {name: (text,) for name, text in said.items()}
    before = xmp.read(EXISTING) if merged else {}
    assert {name: found[name] for name in before if name not in said} == {
        name: text for name, text in before.items() if name not in said
    }


@settings(max_examples=300)
@given(st.sampled_from(pictures()), st.data())
def test_a_mutated_container_is_read_or_undecodable(picture: Drawn, data: st.DataObject) -> None:
    carrier = WRITABLE[picture.mime]
    broken = bytearray(carrier.write_xmp(picture.data, EXISTING))
    for _ in range(data.draw(st.integers(1, 4))):
        # Headers stand at the beginning, directories of a TIFF and appended packets at the end.
        at = data.draw(st.integers(0, min(len(broken), 600) - 1) | st.integers(len(broken) - 600, len(broken) - 1))
        broken[max(at, 0)] = data.draw(st.integers(0, 255))
    shortened = bytes(broken[: data.draw(st.integers(0, len(broken)) | st.just(len(broken)))])
    for function in (carrier.read_xmp, carrier.read_exif, lambda file: carrier.write_xmp(file, EXISTING)):
        try:
            function(shortened)
        except Undecodable:
            pass  # the one thing that may happen


numbers = st.integers(0, 0xFFFF) | st.integers(0, 0xFFFFFFFF)
extents = st.builds(items.Extent, offset=numbers | st.integers(0, 2**64 - 1), length=numbers, index=st.integers(0, 9))
locations = st.builds(
    items.Location,
    id=numbers,
    method=st.integers(0, 2),
    data_reference=st.integers(0, 0xFFFF),
    extents=st.lists(extents, max_size=3).map(tuple),
)


@given(st.lists(locations, max_size=4).map(tuple))
def test_item_locations_come_back(given_locations: tuple[items.Location, ...]) -> None:
    assert items.read_locations(items.write_locations(given_locations)[8:]) == given_locations
