"""What a manifest says about origin, and the history of a picture: the manifests that it was made from.

Input is the report of the C2PA library. A manifest records what was found of its ingredients when it was signed; the
library reports as *deltas* what it finds otherwise now, with the anchors of this reading. So whether an ingredient's
signer is trusted is told by the deltas where they speak of it, and by the record where nothing changed.
"""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from remarque.labels.codes import TRUSTED, UNTRUSTED, is_about_trust
from remarque.labels.vocabulary import source_type_term

Json = dict[str, Any]

#: Ingredients that are part of what is seen; `inputTo` is not.
_SHOWN = frozenset({"parentOf", "componentOf"})
#: Assertions of real manifests nest a few levels; recursion must not follow a hostile one further.
_MAX_DEPTH = 32
#: A JUMBF URI names the manifest that a status is about.
_MANIFEST_OF_URI = re.compile(r"/c2pa/([^/]+)(?:/|$)")


@dataclass(frozen=True, slots=True)
class Said:
    """One source type that a manifest states.

    ``vouched``: by a signer who is trusted here, as is everybody between. ``inherited``: by a manifest that the active
    one was made from. ``whole``: of the whole picture, not of a part of it, and by the first statement of its manifest.
    """

    term: str
    vouched: bool
    inherited: bool
    whole: bool


@dataclass(frozen=True, slots=True)
class Step:
    """One ingredient: ``depth`` 1 is what the active manifest was made from. ``state`` is ``absent`` without manifest.

    ``manifest`` is the label of its manifest, ``used_by`` of the one that names it; ``failures`` are codes of what was
    found of it when it was used, and of what is found now.
    """

    depth: int
    manifest: str
    used_by: str
    title: str
    relationship: str
    state: Literal["absent", "trusted", "valid", "invalid"]
    signer: str
    source_types: tuple[str, ...]
    failures: tuple[str, ...]


class History:
    """The manifests of one report, walked from the active one, nearest first."""

    def __init__(self, report: Json, *, trusted: bool) -> None:
        """``trusted``: whether the signer of the active manifest is."""
        self._manifests = mapping(report.get("manifests"))
        results = mapping(report.get("validation_results"))
        self._trusted_now = {manifest_of(one): True for one in deltas(results, "success") if code(one) == TRUSTED}
        self._failed_now: dict[str, list[str]] = {}
        for one in deltas(results, "failure"):
            self._failed_now.setdefault(manifest_of(one), []).append(code(one))
            if code(one) == UNTRUSTED:
                self._trusted_now[manifest_of(one)] = False
        self.said: list[Said] = []
        self.steps: list[Step] = []
        self._seen: set[tuple[str, bool, bool]] = set()
        self._walk(text(report.get("active_manifest")), trusted)

    def _walk(self, active: str, trusted: bool) -> None:
        waiting = deque([(active, trusted, True, 0)])
        while waiting:
            label, vouched, whole, depth = waiting.popleft()
            if (label, vouched, whole) in self._seen:  # hostile manifests are each other's ingredients
                continue
            self._seen.add((label, vouched, whole))
            manifest = mapping(self._manifests.get(label))
            for place, term in enumerate(terms(manifest.get("assertions"))):
                self.said.append(Said(term, vouched, depth > 0, whole and place == 0))
            for ingredient in map(mapping, sequence(manifest.get("ingredients"))):
                step = self._step(ingredient, label, depth + 1)
                self.steps.append(step)
                relationship = step.relationship
                if relationship not in _SHOWN:
                    continue
                undivided = whole and relationship == "parentOf"
                plain = {key: value for key, value in ingredient.items() if isinstance(value, str)}
                self.said += [Said(term, vouched, depth > 0, undivided) for term in terms(plain)]
                if step.state in ("trusted", "valid"):
                    below = vouched and step.state == "trusted"
                    waiting.append((step.manifest, below, undivided, depth + 1))

    def _step(self, ingredient: Json, used_by: str, depth: int) -> Step:
        label = text(ingredient.get("active_manifest"))
        recorded = mapping(ingredient.get("validation_results"))
        failures = [*codes(recorded, "failure"), *map(code, sequence(ingredient.get("validation_status")))]
        failures += self._failed_now.get(label, [])
        manifest = mapping(self._manifests.get(label))
        recorded_trust = TRUSTED in codes(recorded, "success") and UNTRUSTED not in failures
        state: Literal["absent", "trusted", "valid", "invalid"] = "valid"
        if not label:
            state = "absent"
        elif not manifest or not all(map(is_about_trust, failures)):
            state = "invalid"
        elif self._trusted_now.get(label, recorded_trust):
            state = "trusted"
        return Step(
            depth=depth,
            manifest=label,
            used_by=used_by,
            title="" if _is_prompt(ingredient) else text(ingredient.get("title")),
            relationship=text(ingredient.get("relationship")),
            state=state,
            signer=text(mapping(manifest.get("signature_info")).get("common_name")),
            source_types=tuple(dict.fromkeys(terms(manifest.get("assertions")))),
            failures=tuple(dict.fromkeys(one for one in failures if one != UNTRUSTED)),
        )


def terms(value: Any) -> list[str]:
    """The term of every digitalSourceType below ``value``: actions, action templates, IPTC metadata assertions."""
    return [source_type_term(uri) for uri in _types(value, 0)]


def codes(results: Json, kind: str) -> list[str]:
    """Status codes of one kind (success, informational, failure) of the active manifest."""
    return [code(one) for one in sequence(mapping(results.get("activeManifest")).get(kind))]


def deltas(results: Json, kind: str) -> Iterator[Any]:
    """Yield each status of one kind that ingredients have now and had not when they were used."""
    for delta in map(mapping, sequence(results.get("ingredientDeltas"))):
        yield from sequence(mapping(delta.get("validationDeltas")).get(kind))


def code(status: Any) -> str:
    """The code of one status; empty where it has none."""
    return text(mapping(status).get("code"))


def manifest_of(status: Any) -> str:
    """The label of the manifest that a status is about; empty where it names none."""
    found = _MANIFEST_OF_URI.search(text(mapping(status).get("url")))
    return found[1] if found else ""


def _types(value: Any, depth: int) -> Iterator[str]:
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


def _is_prompt(ingredient: Json) -> bool:
    """Whether the ingredient is a prompt (C2PA 2.4, "Data types"), whose title may be the prompt itself."""
    kinds = map(mapping, sequence(ingredient.get("data_types")))
    return any("prompt" in text(kind.get("type")) for kind in kinds)


def mapping(value: Any) -> Json:
    """``value`` if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: Any) -> list[Any]:
    """``value`` if it is a JSON array, else an empty one."""
    return value if isinstance(value, list) else []


def text(value: Any) -> str:
    """``value`` if it is a JSON string, else an empty one."""
    return value if isinstance(value, str) else ""
