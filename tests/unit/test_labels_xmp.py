"""Reading and setting properties of an XMP packet."""

import pytest

from remarque.errors import InvalidLabelRequest, Undecodable
from remarque.labels import xmp

#: As an editor writes it: other prefixes, attributes, arrays, structures, comments, line ends in an attribute.
EXISTING = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Editor 1">
 <r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <r:Description r:about="uuid:abc" xmlns:q="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
     xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:n="urn:notes/"
     q:DigitalSourceType="digitalCapture" n:note="one&#10;two &amp; &quot;three&quot;">
   <!-- kept -->
   <dc:title><r:Alt><r:li xml:lang="x-default">A title</r:li><r:li xml:lang="de">Ein Titel</r:li></r:Alt></dc:title>
   <dc:subject><r:Bag><r:li>red</r:li><r:li>blue</r:li></r:Bag></dc:subject>
   <dc:relation r:resource="https://example.org/"/>
   <q:LocationShown><r:Bag><r:li r:parseType="Resource"><q:City>Basel</q:City></r:li></r:Bag></q:LocationShown>
   <n:qualified r:parseType="Resource"><r:value>seven</r:value><n:unit>m</n:unit></n:qualified>
   <n:empty/>
  </r:Description>
  <r:Description r:about="uuid:abc" xmlns:q="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">
   <q:DigitalSourceType>print</q:DigitalSourceType>
  </r:Description>
 </r:RDF>
</x:xmpmeta>
<?xpacket end="w"?>""".encode()

DC = "http://purl.org/dc/elements/1.1/"
NOTES = "urn:notes/"
OURS = {xmp.DIGITAL_SOURCE_TYPE: "trainedAlgorithmicMedia", xmp.CREDIT: "R&D <Studio>"}


def test_every_form_of_a_property_is_read() -> None:
    found = xmp.read(EXISTING)
    assert found[xmp.DIGITAL_SOURCE_TYPE] == ("digitalCapture", "print")
    assert found[xmp.Name(DC, "title")] == ("A title", "Ein Titel")
    assert found[xmp.Name(DC, "subject")] == ("red", "blue")
    assert found[xmp.Name(DC, "relation")] == ("https://example.org/",)
    assert found[xmp.Name(NOTES, "note")] == ('one\ntwo & "three"',)
    assert found[xmp.Name(NOTES, "qualified")] == ("seven",)
    assert found[xmp.Name(NOTES, "empty")] == ("",)


def test_setting_replaces_the_same_properties_and_keeps_the_rest() -> None:
    before, after = xmp.read(EXISTING), xmp.read(xmp.write(OURS, EXISTING))
    assert after == {**before, **{name: (text,) for name, text in OURS.items()}}
    written = xmp.write(OURS, EXISTING).decode()
    assert "<!-- kept -->" in written
    assert "<q:City>Basel</q:City>" in written
    assert written.count('about="uuid:abc"') == 2  # the description that said nothing else is gone, ours is there


def test_setting_twice_is_setting_once() -> None:
    once = xmp.write(OURS, EXISTING)
    assert xmp.write(OURS, once) == once
    assert xmp.write(OURS, xmp.write(OURS)) == xmp.write(OURS, xmp.write(OURS, xmp.write(OURS)))


def test_a_new_packet_says_exactly_what_it_was_given() -> None:
    assert xmp.read(xmp.write(OURS)) == {name: (text,) for name, text in OURS.items()}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-be", "utf-16-le"])
def test_the_encodings_of_packets(encoding: str) -> None:
    packet = EXISTING.decode().encode(encoding)
    assert xmp.read(packet) == xmp.read(EXISTING)
    assert xmp.read(xmp.write(OURS, packet)) == xmp.read(xmp.write(OURS, EXISTING))


def test_an_empty_frame_says_nothing_and_can_be_filled() -> None:
    empty = b"<x:xmpmeta xmlns:x='adobe:ns:meta/' key='value'/>"
    assert xmp.read(empty) == {}
    assert xmp.read(xmp.write(OURS, empty)) == {name: (text,) for name, text in OURS.items()}


def test_padding_around_a_packet_does_not_matter() -> None:
    assert xmp.read(b"\n " + EXISTING + b" \n" * 1000 + b"\0\0") == xmp.read(EXISTING)


@pytest.mark.parametrize("text", ["\0", "\x0b", "\x1f", "\ufffe", "\uffff", "\ud800", "fine until \x07 here"])
def test_what_xml_cannot_carry_is_refused(text: str) -> None:
    with pytest.raises(InvalidLabelRequest):
        xmp.write({xmp.CREDIT: text})


@pytest.mark.parametrize(
    ("mutation", "packet"),
    [
        ("empty", b""),
        ("no-rdf", b"<x:xmpmeta xmlns:x='adobe:ns:meta/'><b/></x:xmpmeta>"),
        ("cut", EXISTING[:700]),
        ("garbage-after", EXISTING + b"<more/>"),
        ("unbound-prefix", EXISTING.replace(b"xmlns:n=", b"xmlns:m=")),
        ("dtd", b"<!DOCTYPE a SYSTEM 'http://localhost/'>" + EXISTING[EXISTING.index(b"<x:xmpmeta") :]),
        ("entity", b"<!DOCTYPE a [<!ENTITY e 'boom'>]><a>&e;</a>"),
        ("encoding-unknown", b"<?xml version='1.0' encoding='klingon'?><a/>"),
        ("utf-16-cut", EXISTING.decode().encode("utf-16-be")[:-1]),
        ("too-large", b"<a>" + b" " * (5 << 20) + b"</a>"),
    ],
)
def test_a_packet_that_cannot_be_read_is_undecodable(mutation: str, packet: bytes) -> None:
    with pytest.raises(Undecodable):
        xmp.read(packet)
    with pytest.raises(Undecodable):
        xmp.write(OURS, packet)


def test_a_packet_that_nests_without_end_is_refused() -> None:
    deep = b"<n:a>" * 5000 + b"</n:a>" * 5000
    packet = EXISTING.replace(b"<n:empty/>", deep)
    assert xmp.read(packet)[xmp.DIGITAL_SOURCE_TYPE] == ("digitalCapture", "print")
    with pytest.raises(Undecodable, match="nests"):
        xmp.write(OURS, packet)
