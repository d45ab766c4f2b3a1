"""What a picture says about itself: every layer, and one verdict (docs/verification.md explains the rules).

The verdict, in order: a manifest that fails makes ``invalid_label``; layers that contradict each other ``conflict``;
an intact manifest that says AI ``trusted_label`` or ``untrusted_label``; other data that says AI ``unsigned_metadata``;
else ``nothing_found``, which never means that a picture is not AI. ``ai_generated`` is true where the verdict is a
label or metadata that says AI, false only where a trusted signer states an origin that excludes it and nothing speaks
against that, and null everywhere else.
"""

from dataclasses import dataclass

from remarque.answers import Layer, Verdict
from remarque.errors import NotAPicture
from remarque.fingerprints.decode import sniff
from remarque.labels.credentials import credentials_layer, statement_in_words
from remarque.labels.hints import Said, read_hints
from remarque.labels.reading import Store, mapping, read_store, text
from remarque.labels.vocabulary import Statement

_NOT_PROOF = "This does not mean that the picture is not AI."
_NOT_VOUCHED = "Nobody trusted here vouches for the signer: the name in it may be anyone's."
_UNSIGNED = "Nothing signs that: anyone can write or remove such data."
#: Wording of the C2PA user experience guidance, 2.0.
_INVALID = (
    "This picture carries a label that does not verify: it may have been tampered with, or contain unexpected changes. "
    "The label should not be trusted."
)
_MAX_NAME = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a file says about itself. Text in ``layers`` comes from the file: not to be believed, nor rendered raw."""

    verdict: Verdict
    ai_generated: bool | None
    summary: str
    layers: list[Layer]


def read_labels(data: bytes, *, trust_anchors: bytes, development_root: bytes = b"") -> Reading:
    """Read and verify every label of a picture.

    ``trust_anchors`` and ``development_root`` are PEM; the latter is trusted too, and named in the summary; it
    should not stand among the former. Raises NotAPicture for other bytes, Undecodable for a container that is broken
    and shows no trace of a manifest, NotReady if the anchors are no certificates.
    """
    mime = _sniffed(data)
    store = read_store(data, mime, trust_anchors=trust_anchors, development_root=development_root)
    hints = read_hints(data, mime)
    layers = [layer for layer, _ in hints]
    if store.state != "absent":
        layers.insert(0, credentials_layer(store))
    verdict = _verdict(store, hints)
    return Reading(
        verdict=verdict,
        ai_generated=_ai_generated(verdict, store, hints),
        summary=_summary(verdict, store, hints),
        layers=layers,
    )


def _sniffed(data: bytes) -> str:
    """The MIME type; HEIC and JPEG XL can carry labels although no pixel of them is read here."""
    if data[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypheim", b"ftypheis"):
        try:
            return sniff(data)  # AVIF may come under the brand mif1
        except NotAPicture:
            return "image/heic"
    return "image/jxl" if data.startswith(b"\x00\x00\x00\x0cJXL \r\n\x87\n") else sniff(data)


def _verdict(store: Store, hints: list[Said]) -> Verdict:
    said = {statement for _, statement in hints}
    if store.state == "invalid":
        return Verdict.INVALID_LABEL
    if {Statement.AI, Statement.NOT_AI} <= said | {store.statement}:
        return Verdict.CONFLICT
    if store.statement is Statement.AI:
        return Verdict.TRUSTED_LABEL if store.trusted else Verdict.UNTRUSTED_LABEL
    if said & {Statement.AI, Statement.POSSIBLY_AI}:
        return Verdict.UNSIGNED_METADATA
    return Verdict.NOTHING_FOUND


def _ai_generated(verdict: Verdict, store: Store, hints: list[Said]) -> bool | None:
    if verdict in (Verdict.TRUSTED_LABEL, Verdict.UNTRUSTED_LABEL):
        return True
    if verdict is Verdict.UNSIGNED_METADATA:
        return True if any(statement is Statement.AI for _, statement in hints) else None
    if verdict is Verdict.NOTHING_FOUND and store.trusted and store.statement is Statement.NOT_AI:
        return False
    return None


def _summary(verdict: Verdict, store: Store, hints: list[Said]) -> str:
    if verdict is Verdict.TRUSTED_LABEL:
        return f"This picture carries an intact label that says it {statement_in_words(store)}. {_signer(store)}"
    if verdict is Verdict.UNTRUSTED_LABEL:
        return f"This picture carries an intact label that says it {statement_in_words(store)}. {_NOT_VOUCHED}"
    if verdict is Verdict.INVALID_LABEL:
        return _INVALID
    if verdict is Verdict.CONFLICT:
        return "What this picture says about itself is contradictory: one part says AI, another part says otherwise."
    if verdict is Verdict.UNSIGNED_METADATA:
        sure = any(statement is Statement.AI for _, statement in hints)
        return f"Data in this file says that the picture {'was' if sure else 'may have been'} made by AI. {_UNSIGNED}"
    return f"{_nothing(store, hints)} {_NOT_PROOF}"


def _signer(store: Store) -> str:
    """Who signed, where the chain ends in an anchor: the certificate's issuer vouched for that name."""
    if store.development:
        return "It was signed under this server's own development root, which no other server trusts."
    name = text(mapping(store.active.get("signature_info")).get("issuer")) or "a signer"
    return f"It was signed by {name[:_MAX_NAME]}, whose certificate is trusted here."


def _nothing(store: Store, hints: list[Said]) -> str:
    if store.statement is Statement.NOT_AI:
        who = _signer(store) if store.trusted else _NOT_VOUCHED
        return f"No AI label was found. A manifest in this file states that it {statement_in_words(store)}. {who}"
    if store.state in ("trusted", "valid"):
        return "No AI label was found: the manifest in this file is intact and says nothing about AI."
    if store.state == "remote":
        return "No label was found in this file; it names a manifest that is kept elsewhere and was not fetched."
    if any(layer.state == "unreadable" for layer, _ in hints):
        return "No label was found, but part of the data in this file could not be read."
    return "No label was found."
