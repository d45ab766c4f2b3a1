"""What a picture says about itself: every layer, and one verdict (docs/verification.md explains the rules).

The verdict, in order: a manifest that fails makes ``invalid_label``; layers that contradict each other ``conflict``;
an intact manifest that says AI ``trusted_label`` or ``untrusted_label``; other data that says AI ``unsigned_metadata``;
else ``nothing_found``, which never means that a picture is not AI. ``ai_generated`` is true where the verdict is a
label or metadata that says AI, false only where a trusted signer states an origin that excludes it and nothing speaks
against that, and null everywhere else.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from remarque.answers import Layer, Verdict
from remarque.labels.claims import systems
from remarque.labels.codes import UNTRUSTED, meaning
from remarque.labels.credentials import EARLIER, credentials_layer
from remarque.labels.formats import sniff_label
from remarque.labels.hints import Said, bounded, read_hints
from remarque.labels.history import mapping, text
from remarque.labels.reading import Store, read_store
from remarque.labels.vocabulary import IN_WORDS, Statement

NOT_PROOF = "This does not mean that the picture is not AI."
_NOT_VOUCHED = "Nobody trusted here vouches for the signer: the name in it may be anyone's."
_UNSIGNED = "Nothing signs that: anyone can write or remove such data."
#: Wording of the C2PA user experience guidance, 2.0.
_INVALID = (
    "This picture carries a label that does not verify: it may have been tampered with, or contain unexpected changes. "
    "The label should not be trusted."
)
#: Layers as they are called in a sentence.
_LAYERS = {
    "c2pa": "its C2PA manifest",
    "xmp": "its XMP metadata",
    "exif": "its EXIF metadata",
    "chunks": "text that a tool left in the file",
    "cn": "its label by GB 45438",
}
_MAX_NAME = 100
#: Failures that a summary names; the layer has them all.
_MAX_FAILURES = 3


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
    mime = sniff_label(data)
    store = read_store(data, mime, trust_anchors=trust_anchors, development_root=development_root)
    hints = [(_compared(layer, store), statement) for layer, statement in read_hints(data, mime)]
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


def _compared(layer: Layer, store: Store) -> Layer:
    """The layer; where XMP names other systems than an intact manifest does, it says so. That is no contradiction."""
    named = [text(name) for name in layer.detail.get("AISystemUsed", [])]
    signed = systems(store.active) if store.state in ("trusted", "valid") else []
    if not named or not signed or {name.casefold() for name in named} & {name.casefold() for name in signed}:
        return layer
    told = bounded({**layer.detail, "systems_in_manifest": signed})
    return replace(layer, says=f"{layer.says}; names another system than the manifest", detail=told)


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
    if verdict in (Verdict.TRUSTED_LABEL, Verdict.UNTRUSTED_LABEL):
        return _label(store)
    if verdict is Verdict.INVALID_LABEL:
        return _invalid(store)
    if verdict is Verdict.CONFLICT:
        return _conflict(store, hints)
    if verdict is Verdict.UNSIGNED_METADATA:
        saying = [layer for layer, statement in hints if statement in (Statement.AI, Statement.POSSIBLY_AI)]
        sure = any(statement is Statement.AI for _, statement in hints)
        what = "was made by AI, at least in part" if sure else "may have been made by AI"
        return f"Data in this file ({_named(saying)}) says that the picture {what}. {_UNSIGNED}"
    return f"{_nothing(store, hints)} {NOT_PROOF}"


def _label(store: Store) -> str:
    if not store.inherited:
        who = _signer(store) if store.trusted else _NOT_VOUCHED
        return f"This picture carries an intact label that says it {IN_WORDS[store.origin]}. {who}"
    earlier = "an earlier signer who is trusted here" if store.trusted else "an earlier signer, trusted by nobody here,"
    now = _signer(store) if store.state == "trusted" else _NOT_VOUCHED
    return (
        f"The history in this picture's manifest holds an intact label: {earlier} says that it "
        f"{IN_WORDS[store.origin]}. What was done to it since is in a later manifest. {now}"
    )


def _signer(store: Store) -> str:
    """Who signed, where the chain ends in an anchor: the certificate's issuer vouched for that name."""
    if store.development:
        return "It was signed under this server's own development root, which no other server trusts."
    name = text(mapping(store.active.get("signature_info")).get("issuer")) or "a signer"
    return f"It was signed by {name[:_MAX_NAME]}, whose certificate is trusted here."


def _invalid(store: Store) -> str:
    failed = [meaning(code) for code in store.failures if code != UNTRUSTED]
    failed += [EARLIER + meaning(code) for code in store.failures_below if code != UNTRUSTED]
    meanings = list(dict.fromkeys(failed))
    found = f" What was found: {'; '.join(meanings[:_MAX_FAILURES])}." if meanings else ""
    return _INVALID + found


def _conflict(store: Store, hints: list[Said]) -> str:
    all_said = [("c2pa", store.statement), *((layer.layer, statement) for layer, statement in hints)]
    ai, otherwise = (
        _listed(_LAYERS[layer] for layer, statement in all_said if statement is wanted)
        for wanted in (Statement.AI, Statement.NOT_AI)
    )
    found = (
        f"What this picture says about itself is contradictory: AI is stated by {ai}, another origin by {otherwise}."
    )
    if store.statement not in (Statement.AI, Statement.NOT_AI):
        return f"{found} {_UNSIGNED}"
    return f"{found} The manifest is intact. {_signer(store) if store.trusted else _NOT_VOUCHED}"


def _nothing(store: Store, hints: list[Said]) -> str:
    if store.statement is Statement.NOT_AI:
        who = _signer(store) if store.trusted else _NOT_VOUCHED
        return f"No AI label was found. A manifest in this file states that it {IN_WORDS[store.origin]}. {who}"
    if store.statement is Statement.POSSIBLY_AI:
        return "No AI label was found: the manifest in this file names an AI system, and not what it did."
    if store.state in ("trusted", "valid"):
        return "No AI label was found: the manifest in this file is intact and says nothing about AI."
    if store.state == "remote":
        return "No label was found in this file; it names a manifest that is kept elsewhere and was not fetched."
    if any(layer.state == "unreadable" for layer, _ in hints):
        return "No label was found, but part of the data in this file could not be read."
    otherwise = [layer for layer, statement in hints if statement is Statement.NOT_AI]
    if otherwise:
        return f"No label was found. Data in this file ({_named(otherwise)}) states another origin. {_UNSIGNED}"
    return "No label was found."


def _named(layers: list[Layer]) -> str:
    return _listed(_LAYERS[layer.layer] for layer in layers)


def _listed(names: Iterable[str]) -> str:
    *most, last = dict.fromkeys(names)
    return f"{', '.join(most)} and {last}" if most else last
