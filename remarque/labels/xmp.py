"""XMP packets: reading simple properties, and setting ours in a new packet or in one that is there.

A packet is RDF/XML (XMP specification 1, ISO 16684-1). Properties are named by namespace and local name, whatever their
prefix; they stand as attributes or elements of a top-level rdf:Description, plain or in an rdf:Alt, Bag or Seq. Reading
returns text only: structures are stepped over. DTDs and entities are refused (defusedxml).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from xml.dom.minidom import Comment, Element, Node, ProcessingInstruction, Text
from xml.parsers.expat import ExpatError
from xml.sax.saxutils import escape

from remarque.errors import InvalidLabelRequest, MissingExtra, Undecodable

try:
    from defusedxml.common import DefusedXmlException
    from defusedxml.minidom import parseString
except ModuleNotFoundError as error:  # pragma: no cover - an installation without the extra
    raise MissingExtra("label", "reading and writing XMP") from error

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_META = "adobe:ns:meta/"
_XMLNS = "http://www.w3.org/2000/xmlns/"

#: The prefixes that are written; readers go by the namespace.
PREFIXES = {
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/": "Iptc4xmpExt",
    "http://ns.adobe.com/xap/1.0/": "xmp",
    "http://ns.adobe.com/xap/1.0/mm/": "xmpMM",
    "http://ns.adobe.com/photoshop/1.0/": "photoshop",
    "http://www.tc260.org.cn/ns/AIGC/1.0/": "TC260",
}
_IPTC, _XMP, _MM, _PHOTOSHOP, _TC260 = PREFIXES


class Name(NamedTuple):
    """A property: its namespace and local name."""

    namespace: str
    local: str


DIGITAL_SOURCE_TYPE = Name(_IPTC, "DigitalSourceType")
AI_SYSTEM_USED = Name(_IPTC, "AISystemUsed")
AI_SYSTEM_VERSION_USED = Name(_IPTC, "AISystemVersionUsed")
AI_PROMPT_INFORMATION = Name(_IPTC, "AIPromptInformation")
AI_PROMPT_WRITER_NAME = Name(_IPTC, "AIPromptWriterName")
CREATOR_TOOL = Name(_XMP, "CreatorTool")
CREATE_DATE = Name(_XMP, "CreateDate")
DOCUMENT_ID = Name(_MM, "DocumentID")
CREDIT = Name(_PHOTOSHOP, "Credit")
AIGC = Name(_TC260, "AIGC")

#: Packets of cameras and editors stay far below; more would only cost time and memory to parse.
MAX_PACKET = 4 << 20
#: RDF in XMP nests a handful of levels; recursion must not follow a hostile packet further.
_MAX_DEPTH = 64
#: Everything that is no Char of XML 1.0 (section 2.2).
_FORBIDDEN = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read(packet: bytes) -> dict[Name, tuple[str, ...]]:
    """Return the text of each simple property; arrays and repeated properties give several. Raises Undecodable."""
    found: dict[Name, list[str]] = {}
    for description in _descriptions(_parse(packet)):
        for (namespace, local), text in description.attributes.itemsNS():
            if namespace and namespace not in (RDF, _XMLNS):
                found.setdefault(Name(namespace, local), []).append(text)
        for element in _elements(description):
            if element.namespaceURI:
                found.setdefault(Name(element.namespaceURI, element.localName), []).extend(_texts(element))
    return {name: tuple(texts) for name, texts in found.items()}


def write(properties: Mapping[Name, str], existing: bytes | None = None) -> bytes:
    """Return a packet that says ``properties``; of ``existing`` everything else stays.

    Raises InvalidLabelRequest for text with characters that XML forbids, Undecodable for an existing packet that cannot
    be read.
    """
    block = _block(properties)
    if existing is None:
        rdf = f'<rdf:RDF xmlns:rdf="{RDF}">{block}</rdf:RDF>'
        return _wrapped(f'<x:xmpmeta xmlns:x="{_META}">{rdf}</x:xmpmeta>')
    root = _parse(existing)
    fresh = _dom(block.encode())
    for description in list(_descriptions(root)):
        # One packet describes one thing, so all say the same about (ISO 16684-1, 7.4).
        fresh.setAttributeNS(RDF, "rdf:about", description.getAttributeNS(RDF, "about"))
        _drop(description, properties)
        if _says_nothing(description):
            _rdf(root).removeChild(description)
    _rdf(root).appendChild(fresh)
    return _wrapped("".join(_serialised(root, 0)))


def without(packet: bytes, drop: Callable[[Name, str], bool]) -> bytes:
    """Return the packet without those properties for which ``drop(name, text)`` is true, ``text`` being everything that
    stands in one, structures included; the very same bytes if there is none. Raises Undecodable.
    """
    root = _parse(packet)
    dropped = False
    for description in _descriptions(root):
        for (namespace, local), text in list(description.attributes.itemsNS()):
            if namespace and namespace not in (RDF, _XMLNS) and drop(Name(namespace, local), text):
                description.removeAttributeNS(namespace, local)
                dropped = True
        for element in _elements(description):
            name = Name(element.namespaceURI or "", element.localName)
            if any(drop(name, text) for text in _texts_below(element)):
                description.removeChild(element)
                dropped = True
    return _wrapped("".join(_serialised(root, 0))) if dropped else packet


def require_xml_text(text: str) -> None:
    """Raise InvalidLabelRequest if ``text`` holds a character that XML 1.0 cannot carry."""
    if _FORBIDDEN.search(text):
        raise InvalidLabelRequest("the text holds a character that metadata cannot carry")


def _wrapped(body: str) -> bytes:
    # The "end=w" tells editors that they may rewrite the packet; no padding, since writers here rebuild the container.
    return f'<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>{body}<?xpacket end="w"?>'.encode()


def _block(properties: Mapping[Name, str]) -> str:
    spaces = {name.namespace: PREFIXES[name.namespace] for name in properties}
    declared = "".join(f' xmlns:{prefix}="{uri}"' for uri, prefix in spaces.items())
    lines = []
    for name, text in properties.items():
        require_xml_text(text)
        tag = f"{spaces[name.namespace]}:{name.local}"
        lines.append(f"<{tag}>{escape(text, {chr(13): '&#13;'})}</{tag}>")
    return f'<rdf:Description xmlns:rdf="{RDF}"{declared} rdf:about="">{"".join(lines)}</rdf:Description>'


def _parse(packet: bytes) -> Element:
    if len(packet) > MAX_PACKET:
        raise Undecodable("the XMP packet is larger than any that makes sense")
    root = _dom(_as_utf8(packet))
    if (root.namespaceURI, root.localName) == (_META, "xmpmeta") and not _elements(root):
        root.appendChild(_dom(f'<rdf:RDF xmlns:rdf="{RDF}"/>'.encode()))  # some writers leave nothing but the frame
    _rdf(root)
    return root


def _as_utf8(packet: bytes) -> bytes:
    """The packet without padding around it, in UTF-8; older writers use UTF-16 without a byte order mark."""
    for encoding in ("utf-16-be", "utf-16-le"):
        if packet.startswith("<".encode(encoding)):
            try:
                return packet.decode(encoding).strip("\x00 \t\r\n").encode()
            except UnicodeError as error:
                raise Undecodable("the XMP packet is not text") from error
    return packet.strip(b"\x00 \t\r\n")


def _dom(text: bytes) -> Element:
    parse: Callable[..., Any] = parseString  # its stub wants str; with bytes the parser finds the encoding itself
    try:
        root = parse(text, forbid_dtd=True).documentElement
    except (ExpatError, DefusedXmlException, ValueError, LookupError) as error:  # the last two: odd encodings
        raise Undecodable("the XMP packet is not well-formed XML, or declares entities") from error
    if not isinstance(root, Element):
        raise Undecodable("the XMP packet is empty")
    return root


def _rdf(root: Element) -> Element:
    for candidate in (root, *_elements(root)):
        if (candidate.namespaceURI, candidate.localName) == (RDF, "RDF"):
            return candidate
    raise Undecodable("the XMP packet holds no rdf:RDF")


def _descriptions(root: Element) -> Iterator[Element]:
    for element in _elements(_rdf(root)):
        if (element.namespaceURI, element.localName) == (RDF, "Description"):
            yield element


def _elements(parent: Element) -> list[Element]:
    return [child for child in parent.childNodes if isinstance(child, Element)]


def _texts(element: Element) -> list[str]:
    """The text values of one property element: itself, its rdf:resource, or the items of its array."""
    if element.hasAttributeNS(RDF, "resource"):
        return [element.getAttributeNS(RDF, "resource")]
    children = _elements(element)
    if not children:
        return [_text(element)]
    texts = []
    for array in children:
        if array.namespaceURI == RDF and array.localName in ("Alt", "Bag", "Seq"):
            for item in _elements(array):
                if item.hasAttributeNS(RDF, "resource"):
                    texts.append(item.getAttributeNS(RDF, "resource"))
                elif not _elements(item):
                    texts.append(_text(item))
        elif (array.namespaceURI, array.localName) == (RDF, "value"):
            texts.append(_text(array))
    return texts


def _texts_below(element: Element) -> Iterator[str]:
    """Every text and attribute in an element, at any depth."""
    waiting = [element]
    while waiting:
        one = waiting.pop()
        yield _text(one)
        yield from (text for (namespace, _), text in one.attributes.itemsNS() if namespace != _XMLNS)
        waiting += _elements(one)


def _text(element: Element) -> str:
    return "".join(node.data for node in element.childNodes if isinstance(node, Text))


def _drop(description: Element, properties: Mapping[Name, str]) -> None:
    for name in properties:
        if description.hasAttributeNS(*name):
            description.removeAttributeNS(*name)
        for element in _elements(description):
            if (element.namespaceURI, element.localName) == name:
                description.removeChild(element)


def _says_nothing(description: Element) -> bool:
    named = {namespace for (namespace, _), _ in description.attributes.itemsNS()}
    return not _elements(description) and named <= {RDF, _XMLNS}


def _serialised(node: Node, depth: int) -> Iterator[str]:
    """Write a node so that it parses to the same; minidom's own writer loses line ends in attributes before 3.13."""
    if depth > _MAX_DEPTH:
        raise Undecodable("the XMP packet nests deeper than any that makes sense")
    if isinstance(node, Element):
        yield f"<{node.tagName}"
        for name, text in node.attributes.items():
            yield f' {name}="{escape(text, _ATTRIBUTE_ESCAPES)}"'
        yield ">"
        for child in node.childNodes:
            yield from _serialised(child, depth + 1)
        yield f"</{node.tagName}>"
    elif isinstance(node, Text):
        yield escape(node.data, {"\r": "&#13;"})
    elif isinstance(node, Comment):
        yield f"<!--{node.data}-->"
    elif isinstance(node, ProcessingInstruction):
        yield f"<?{node.target} {node.data}?>"


_ATTRIBUTE_ESCAPES = {'"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
