"""What unsigned data in a file says about its origin: XMP, EXIF, text chunks, the Chinese implicit label.

Anyone can write or remove all of this, so none of it is proof. Only traces that a tool is known to leave count as
saying AI: AUTOMATIC1111's and Fooocus' ``parameters``, ComfyUI's graph, InvokeAI's and NovelAI's keywords, IPTC's
properties, GB 45438's JSON. What is merely suggestive does not. Prompts are not repeated in an answer: they may be
private to whoever made the picture.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from remarque.answers import Layer
from remarque.errors import Undecodable
from remarque.labels import exif, traces, xmp
from remarque.labels.carriers import READABLE, png, scan_for_packet
from remarque.labels.history import mapping
from remarque.labels.vocabulary import Statement, source_type_term, statement_of

Said = tuple[Layer, Statement]

#: GB 45438-2025, `Label`: 1 generated, 2 possibly, 3 suspected.
_AIGC_LABELS = {"1": Statement.AI, "2": Statement.POSSIBLY_AI, "3": Statement.POSSIBLY_AI}
#: Its fields. Others may hold anything, and are not repeated.
_AIGC_FIELDS = (
    "Label",
    "ContentProducer",
    "ProduceID",
    "ReservedCode1",
    "ContentPropagator",
    "PropagateID",
    "ReservedCode2",
)
_IPTC_PROPERTIES = (
    xmp.DIGITAL_SOURCE_TYPE,
    xmp.AI_SYSTEM_USED,
    xmp.AI_SYSTEM_VERSION_USED,
    xmp.AI_PROMPT_INFORMATION,
)


def read_hints(data: bytes, mime: str) -> list[Said]:
    """Return the unsigned layers that say something about the origin, or could not be read. Raises nothing."""
    found: list[Said] = []
    properties: dict[xmp.Name, tuple[str, ...]] = {}
    fields: dict[str, str] = {}
    chunks: dict[str, str] = {}
    try:
        properties = _xmp_properties(data, mime)
    except Undecodable as error:
        found.append(_unreadable("xmp", error))
    try:
        fields = _exif_fields(data, mime)
    except Undecodable as error:
        found.append(_unreadable("exif", error))
    try:
        chunks = png.read_text(data) if mime == "image/png" else {}
    except Undecodable as error:
        found.append(_unreadable("chunks", error))
    return [
        *found,
        *_from_xmp(properties),
        *_from_exif(fields),
        *_from_chunks(chunks),
        *_cn(properties, fields, chunks),
    ]


def _unreadable(layer: str, error: Undecodable) -> Said:
    detail = {"statement": Statement.NOTHING.value, "why": str(error)}
    return Layer(layer=layer, state="unreadable", says="could not be read", detail=detail), Statement.NOTHING


def _said(layer: str, statement: Statement, says: str, detail: Mapping[str, Any]) -> Said:
    told = bounded({"statement": statement.value, **detail})
    return Layer(layer=layer, state="unsigned", says=says, detail=told), statement


def _xmp_properties(data: bytes, mime: str) -> dict[xmp.Name, tuple[str, ...]]:
    carrier = READABLE.get(mime)
    packet = carrier.read_xmp(data) if carrier else scan_for_packet(data)
    return xmp.read(packet) if packet else {}


def _exif_fields(data: bytes, mime: str) -> dict[str, str]:
    carrier = READABLE.get(mime)
    block = carrier.read_exif(data) if carrier else None
    return exif.read(block) if block else {}


def _from_xmp(properties: Mapping[xmp.Name, tuple[str, ...]]) -> Iterator[Said]:
    named = {name.local: list(properties[name]) for name in _IPTC_PROPERTIES if properties.get(name)}
    if not named:
        return
    if xmp.AI_PROMPT_INFORMATION in properties:
        named[xmp.AI_PROMPT_INFORMATION.local] = ["present"]
    terms = [source_type_term(uri) for uri in properties.get(xmp.DIGITAL_SOURCE_TYPE, ())]
    statements = {statement_of(term) for term in terms}
    statement = Statement.NOTHING
    if Statement.AI in statements:
        statement = Statement.AI
    elif xmp.AI_SYSTEM_USED in properties:
        # Beside an origin that excludes AI, as a telephone's, the system may have done next to nothing.
        statement = Statement.POSSIBLY_AI if Statement.NOT_AI in statements else Statement.AI
    elif Statement.NOT_AI in statements:
        statement = Statement.NOT_AI
    says = f"digital source type {', '.join(terms)}" if terms else "an AI system was used"
    yield _said("xmp", statement, cut(says), named)


def _from_exif(fields: Mapping[str, str]) -> Iterator[Said]:
    if found := traces.of_fields(fields):
        yield _said("exif", Statement.AI, "traces of an image generator", {"traces": found})


def _from_chunks(chunks: Mapping[str, str]) -> Iterator[Said]:
    if found := traces.of_chunks(chunks):
        yield _said("chunks", Statement.AI, "traces of an image generator", {"traces": found})


def _cn(
    properties: Mapping[xmp.Name, tuple[str, ...]], fields: Mapping[str, str], chunks: Mapping[str, str]
) -> Iterator[Said]:
    places = [("XMP", text) for text in properties.get(xmp.AIGC, ())]
    places += [("PNG text", chunks.get("AIGC", "")), ("EXIF UserComment", fields.get("UserComment", ""))]
    for place, text in places:
        label = mapping(_json(text))
        label = mapping(label.get("AIGC")) or label
        value = label.get("Label")
        if isinstance(value, str | int) and ("ContentProducer" in label or "ProduceID" in label):
            statement = _AIGC_LABELS.get(str(value), Statement.POSSIBLY_AI)
            says = "AI-generated" if statement is Statement.AI else "possibly or suspected AI-generated"
            fields = {name: label[name] for name in _AIGC_FIELDS if name in label}
            yield _said("cn", statement, says, {"place": place, "label": fields})
            return


def _json(text: str) -> Any:
    if not text.lstrip().startswith("{"):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


#: Long enough for every name and most prompts, short enough for an answer.
MAX_DETAIL = 2_000
_MAX_LENGTH = 50
_MAX_DEPTH = 6


def cut(text: str) -> str:
    """The text, shortened to what an answer carries."""
    return text if len(text) <= MAX_DETAIL else text[: MAX_DETAIL - 1] + "…"


def bounded(value: Any, depth: int = 0) -> Any:
    """A copy of a JSON-like value with long text, long lists and deep nesting cut."""
    if isinstance(value, str):
        return cut(value)
    if depth >= _MAX_DEPTH:
        return None if isinstance(value, Mapping | list | tuple) else value
    if isinstance(value, Mapping):
        return {cut(str(key)): bounded(inner, depth + 1) for key, inner in list(value.items())[:_MAX_LENGTH]}
    if isinstance(value, list | tuple):
        return [bounded(inner, depth + 1) for inner in value[:_MAX_LENGTH]]
    return value
