"""Reading the C2PA manifest store of a picture: state, failures, and what it says about the picture's origin.

Whatever cannot be read of a store that is there makes it invalid; a file that cannot be read and shows no trace of a
store is Undecodable. Names in a store are claims: nothing here treats one as an identity.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from io import BytesIO
from typing import Any, Literal

from remarque.errors import Undecodable
from remarque.labels.carriers import READABLE
from remarque.labels.contexts import c2pa, reading_context
from remarque.labels.vocabulary import Statement, source_type_term, statement_of

State = Literal["absent", "remote", "trusted", "valid", "invalid"]

#: Bytes that a manifest store leaves in every container: JUMBF box types, its label, chunk names of PNG and RIFF.
_TRACES = (b"jumb", b"jumd", b"c2pa", b"caBX", b"C2PA")
#: Said of every signer that no anchor vouches for; the state already tells.
_UNTRUSTED = "signingCredential.untrusted"
_TRUSTED = "signingCredential.trusted"
#: Ingredients that are part of what is seen; `inputTo` is not.
_SHOWN = frozenset({"parentOf", "componentOf"})
#: Assertions of real manifests nest a few levels; recursion must not follow a hostile one further.
_MAX_DEPTH = 32

Json = dict[str, Any]
_STATES: Mapping[str, State] = {"Trusted": "trusted", "Valid": "valid"}


@dataclass(frozen=True, slots=True)
class Store:
    """What a picture's manifest store says.

    ``statement`` is what the active manifest, or an intact one that it was made from, says about AI; ``trusted``
    whether a trusted signer says so. ``passed`` and ``failures`` are C2PA status codes; a store that cannot be read has
    the failure ``unreadable``. ``report`` is the library's.
    """

    state: State
    statement: Statement = Statement.NOTHING
    trusted: bool = False
    development: bool = False
    source_types: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
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
            return Store("invalid", failures=("unreadable",)) if hidden else Store("absent")
        with reader:
            report = json.loads(reader.json())
    except c2pa.C2paError.NotSupported:
        return Store("absent")
    except (c2pa.C2paError, ValueError, RecursionError) as error:
        if str(error).startswith("Remote:"):
            return Store("remote")
        if _shows_a_store(data):
            return Store("invalid", failures=("unreadable",))
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
    passed, failures = (tuple(dict.fromkeys(_codes(results, kind))) for kind in ("success", "failure"))
    state = _STATES.get(text(report.get("validation_state")), "invalid")
    if state == "valid" and _only_identity_failed(results, text(report.get("active_manifest"))):
        state = "trusted"
    store = Store(
        state,
        development=state == "trusted" and results.get("trustListUri") == "user_anchors",
        passed=passed,
        failures=failures,
        report=report,
    )
    if not store.active:
        return Store("invalid", failures=(*failures, "unreadable"), report=report)
    return _with_statement(store)


def _only_identity_failed(results: Json, active: str) -> bool:
    """Whether the signer is trusted and nothing but a CAWG identity, be it an ingredient's, is not.

    c2pa-rs 0.91.3 then says Valid. A CAWG identity names a person beside the signer; the C2PA claim stands without it.
    """
    successes = map(mapping, sequence(mapping(results.get("activeManifest")).get("success")))
    trusted = any(_code(one) == _TRUSTED and f"/c2pa/{active}/" in text(one.get("url")) for one in successes)
    return trusted and all(code.startswith("cawg.") for code in _codes(results, "failure"))


def _with_statement(store: Store) -> Store:
    said = list(_statements(store))
    ai = [trusted for term, trusted in said if statement_of(term) is Statement.AI]
    own = [source_type_term(uri) for uri in _attributed_types(store.active)]
    if ai:
        statement, trusted = Statement.AI, any(ai)
    elif any(statement_of(term) is Statement.NOT_AI for term in own):
        statement, trusted = Statement.NOT_AI, store.state == "trusted"
    else:
        statement, trusted = Statement.NOTHING, False
    terms = tuple(dict.fromkeys(term for term, _ in said))
    return replace(store, statement=statement, trusted=trusted, source_types=terms)


def _statements(store: Store) -> Iterator[tuple[str, bool]]:
    """Yield each source type that the active manifest or an intact ancestor states, and if its signer is trusted."""
    manifests = mapping(store.report.get("manifests"))
    waiting = [(text(store.report.get("active_manifest")), store.state == "trusted")]
    seen: set[tuple[str, bool]] = set()
    while waiting:
        label, trusted = waiting.pop()
        if (label, trusted) in seen:
            continue
        seen.add((label, trusted))
        manifest = mapping(manifests.get(label))
        for uri in _types(manifest.get("assertions"), 0):
            yield source_type_term(uri), trusted
        for ingredient in map(mapping, sequence(manifest.get("ingredients"))):
            if ingredient.get("relationship") not in _SHOWN:
                continue
            for uri in _types({key: value for key, value in ingredient.items() if isinstance(value, str)}, 0):
                yield source_type_term(uri), trusted
            recorded = mapping(ingredient.get("validation_results"))
            failed = set(_codes(recorded, "failure")) | set(map(_code, sequence(ingredient.get("validation_status"))))
            if not failed - {_UNTRUSTED}:
                vouched = not failed and _TRUSTED in _codes(recorded, "success")
                waiting.append((text(ingredient.get("active_manifest")), trusted and vouched))


def _types(value: Any, depth: int) -> Iterator[str]:
    """Yield every digitalSourceType below ``value``: actions, action templates, IPTC metadata assertions."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            if key.rsplit(":", 1)[-1].replace("_", "").lower() == "digitalsourcetype" and isinstance(inner, str):
                yield inner
            else:
                yield from _types(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            yield from _types(inner, depth + 1)


def _attributed_types(manifest: Json) -> Iterator[str]:
    """The source types that the signer states itself: *created* assertions; claim version 1 knew no others."""
    first_version = manifest.get("claim_version", 1) == 1
    for assertion in map(mapping, sequence(manifest.get("assertions"))):
        if (first_version or assertion.get("created") is True) and text(assertion.get("label")).startswith(
            "c2pa.actions"
        ):
            yield from _types(assertion.get("data"), 0)


def _codes(results: Json, kind: str) -> list[str]:
    """Status codes of one kind, of the manifest itself and of what changed about its ingredients."""
    found = [_code(one) for one in sequence(mapping(results.get("activeManifest")).get(kind))]
    for delta in map(mapping, sequence(results.get("ingredientDeltas"))):
        found += [_code(one) for one in sequence(mapping(delta.get("validationDeltas")).get(kind))]
    return found


def _code(status: Any) -> str:
    return text(mapping(status).get("code"))


def mapping(value: Any) -> Json:
    """``value`` if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: Any) -> list[Any]:
    """``value`` if it is a JSON array, else an empty one."""
    return value if isinstance(value, list) else []


def text(value: Any) -> str:
    """``value`` if it is a JSON string, else an empty one."""
    return value if isinstance(value, str) else ""
