"""Reading the C2PA manifest store of a picture: state, failures, and what it says about the picture's origin.

Whatever cannot be read of a store that is there makes it invalid; a file that cannot be read and shows no trace of a
store is Undecodable. Names in a store are claims: nothing here treats one as an identity.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import Literal

from remarque.errors import Undecodable
from remarque.labels.carriers import READABLE
from remarque.labels.codes import TRUSTED, UNREADABLE, UNTRUSTED
from remarque.labels.contexts import c2pa, reading_context
from remarque.labels.history import (
    History,
    Json,
    Said,
    Step,
    code,
    codes,
    deltas,
    manifest_of,
    mapping,
    sequence,
    terms,
    text,
)
from remarque.labels.vocabulary import COMPOSITE, TRAINED, Statement, statement_of

__all__ = ["State", "Store", "read_store"]

State = Literal["absent", "remote", "trusted", "valid", "invalid"]

#: Bytes that a manifest store leaves in every container: JUMBF box types, its label, chunk names of PNG and RIFF.
_TRACES = (b"jumb", b"jumd", b"c2pa", b"caBX", b"C2PA")
_STATES: Mapping[str, State] = {"Trusted": "trusted", "Valid": "valid"}
#: Assertions that name a model or a system without saying what came of it.
_DISCLOSURE = "c2pa.ai-disclosure"
_METADATA = ("cawg.metadata", "c2pa.metadata")


@dataclass(frozen=True, slots=True)
class Store:
    """What a picture's manifest store says.

    ``statement`` is what the active manifest, or an intact one that it was made from, says about AI; ``trusted``
    whether a trusted signer says so; ``inherited`` whether only an earlier manifest does; ``origin`` the source type
    that the statement rests on, one of the known terms. ``passed``, ``noted`` and ``failures`` are C2PA status codes of
    the active manifest, ``failures_below`` of those that it was made from; a store that cannot be read has the failure
    ``unreadable``. ``report`` is the library's.
    """

    state: State
    statement: Statement = Statement.NOTHING
    trusted: bool = False
    inherited: bool = False
    development: bool = False
    origin: str = ""
    source_types: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    passed: tuple[str, ...] = ()
    noted: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    failures_below: tuple[str, ...] = ()
    report: Json = field(default_factory=dict)

    @property
    def active(self) -> Json:
        """The active manifest as the library reports it; empty where there is none."""
        return mapping(mapping(self.report.get("manifests")).get(text(self.report.get("active_manifest"))))


def read_store(data: bytes, mime: str, *, trust_anchors: bytes = b"", development_root: bytes = b"") -> Store:
    """Read and verify the manifest store of a picture. Anchors are concatenated PEM. Nothing is fetched.

    Raises Undecodable if the file is broken and no store is in it, NotReady if the anchors are no certificates.
    """
    context = reading_context(trust_anchors, development_root)
    try:
        reader = c2pa.Reader.try_create(mime, BytesIO(data), context=context)
        if reader is None:
            hidden = _is_broken(data, mime) and _shows_a_store(data)
            return Store("invalid", failures=(UNREADABLE,)) if hidden else Store("absent")
        with reader:
            report = json.loads(reader.json())
    except c2pa.C2paError.NotSupported:
        return Store("absent")
    except (c2pa.C2paError, ValueError, RecursionError) as error:
        if str(error).startswith("Remote:"):
            return Store("remote")
        if _shows_a_store(data):
            return Store("invalid", failures=(UNREADABLE,))
        if mime in READABLE and not _is_broken(data, mime):
            return Store("absent")  # the library refuses what can hold no store, as a bare JPEG XL codestream
        raise Undecodable("the picture's container is broken") from error
    return _judged(report)


def _is_broken(data: bytes, mime: str) -> bool:
    """Whether the container cannot be walked: the C2PA library sees no store behind a chunk of the wrong length."""
    carrier = READABLE.get(mime)
    try:
        if carrier:
            carrier.read_xmp(data)
    except Undecodable:
        return True
    return False


def _shows_a_store(data: bytes) -> bool:
    return any(trace in data for trace in _TRACES)


def _judged(report: Json) -> Store:
    results = mapping(report.get("validation_results"))
    passed, noted, failures = (
        tuple(dict.fromkeys(codes(results, kind))) for kind in ("success", "informational", "failure")
    )
    state = _STATES.get(text(report.get("validation_state")), "invalid")
    if state == "valid" and _own_signer_is_trusted(results, text(report.get("active_manifest"))):
        state = "trusted"
    store = Store(
        state,
        development=state == "trusted" and results.get("trustListUri") == "user_anchors",
        passed=passed,
        noted=noted,
        failures=failures,
        failures_below=tuple(dict.fromkeys(map(code, deltas(results, "failure")))),
        report=report,
    )
    if not store.active:
        return Store("invalid", failures=(*failures, UNREADABLE), report=report)
    return _with_statement(store)


def _own_signer_is_trusted(results: Json, active: str) -> bool:
    """Whether this signer is trusted, and all that failed is trust in others: persons beside it, earlier signers.

    c2pa-rs 0.91.3 then says Valid. The claim of this signer stands without them.
    """
    successes = sequence(mapping(results.get("activeManifest")).get("success"))
    trusted = any(code(one) == TRUSTED and manifest_of(one) == active for one in successes)
    of_persons = all(one.startswith("cawg.") for one in codes(results, "failure"))
    below = [code(one) for one in deltas(results, "failure")]
    return trusted and of_persons and all(one == UNTRUSTED or one.startswith("cawg.") for one in below)


def _with_statement(store: Store) -> Store:
    history = History(store.report, trusted=store.state == "trusted")
    said = history.said
    ai = [one for one in said if statement_of(one.term) is Statement.AI]
    excluding = [term for term in _attributed_terms(store.active) if statement_of(term) is Statement.NOT_AI]
    statement, trusted, inherited, origin = Statement.NOTHING, False, False, ""
    if ai:
        # What a trusted signer says counts before what anybody says, then the latest.
        chosen = next((one for one in ai if one.vouched), ai[0])
        statement, trusted, inherited = Statement.AI, chosen.vouched, chosen.inherited
        origin = _origin(chosen)
    elif _names_a_system(store.active):
        statement = Statement.POSSIBLY_AI
    elif excluding:
        statement, trusted, origin = Statement.NOT_AI, store.state == "trusted", excluding[0]
    return replace(
        store,
        statement=statement,
        trusted=trusted,
        inherited=inherited,
        origin=origin,
        source_types=tuple(dict.fromkeys(one.term for one in said)),
        steps=tuple(history.steps),
    )


def _origin(said: Said) -> str:
    """What is left of a whole picture that was made by AI is a part."""
    return COMPOSITE if said.term == TRAINED and not said.whole else said.term


def _attributed_terms(manifest: Json) -> list[str]:
    """The source types that the signer states itself: *created* assertions; claim version 1 knew no others."""
    first_version = manifest.get("claim_version", 1) == 1
    found = []
    for assertion in map(mapping, sequence(manifest.get("assertions"))):
        own = first_version or assertion.get("created") is True
        if own and text(assertion.get("label")).startswith("c2pa.actions"):
            found += terms(assertion.get("data"))
    return found


def _names_a_system(manifest: Json) -> bool:
    """Whether an AI model or system is named, which rules nothing out and says nothing of the picture's origin."""
    for assertion in map(mapping, sequence(manifest.get("assertions"))):
        label = text(assertion.get("label")).split("__")[0]
        keys = [key.rsplit(":", 1)[-1] for key in mapping(assertion.get("data"))]
        if label == _DISCLOSURE or (label in _METADATA and "AISystemUsed" in keys):
            return True
    return False
