"""Labels that a file has lost, found again: similar pictures that were labelled here, beside what the file itself says.

A fingerprint binds nothing: whoever labels a picture first, or a picture made to look alike, is found too. So all
candidates are told, earliest first, none is picked, and what they say is said of *similar pictures*, never of the file.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from remarque.answers import Layer, Verdict
from remarque.labels.hints import bounded
from remarque.labels.verify import Reading
from remarque.labels.vocabulary import COMPOSITE, TRAINED, Statement, statement_of

LAYER, STATE = "fingerprint", "similar"
#: Candidates that a summary names; the layer has them all.
_NAMED = 3
_MAX_NAME = 100
_AS = {
    TRAINED: "as made by AI",
    COMPOSITE: "as containing parts made by AI",
    "compositeSynthetic": "as containing parts made by AI",
    "algorithmicMedia": "as made by an algorithm",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Similar:
    """A labelled picture that this one resembles.

    ``label``: its id; ``system``, ``provider`` and ``digital_source_type``: what the label says; ``signer``: SHA-256 of
    the certificate that signed it; ``alg`` and ``distance`` (bits): of the nearest fingerprints; ``regions``: how many
    agreed, where parts were compared; ``whole``: the whole picture matches as one frame, within 31 bits.
    """

    label: str
    system: str
    digital_source_type: str
    created_at: datetime
    distance: int
    alg: str
    whole: bool
    page_url: str
    provider: str | None = None
    signer: str | None = None
    regions: int | None = None
    manifest_url: str | None = None


def with_recovered(reading: Reading, candidates: Sequence[Similar]) -> Reading:
    """The reading with the labelled pictures that resemble the file; without any, the reading as it is.

    ``nothing_found`` becomes ``recovered``, but for a file whose trusted signer states an origin that excludes AI: no
    likeness outweighs that, and anybody could have labelled a picture of it. To every other verdict the candidates are
    added as a layer. ``ai_generated`` is true only where a whole picture that says AI matches, and the file itself
    states no other origin; else it is null.
    """
    if not candidates:
        return reading
    found = sorted(candidates, key=lambda one: (one.created_at, one.label))
    layers = [*reading.layers, _layer(found)]
    if reading.verdict is not Verdict.NOTHING_FOUND or reading.ai_generated is not None:
        return replace(reading, layers=layers)
    otherwise = any(layer.detail.get("statement") == Statement.NOT_AI for layer in reading.layers)
    whole = any(one.whole and statement_of(one.digital_source_type) is Statement.AI for one in found)
    return Reading(
        verdict=Verdict.RECOVERED,
        ai_generated=True if whole and not otherwise else None,
        summary=_summary(reading, found, otherwise=otherwise),
        layers=layers,
    )


def _layer(found: list[Similar]) -> Layer:
    whole = sum(one.whole for one in found)
    seen = [
        *([_counted(whole, "resembles it as a whole", "resemble it as a whole")] if whole else []),
        *([_counted(len(found) - whole, "shares parts", "share parts")] if whole < len(found) else []),
    ]
    says = f"similar pictures were labelled here, earliest first: {', '.join(seen)}"
    # Each is bounded by itself: all are listed, however many there are.
    return Layer(layer=LAYER, state=STATE, says=says, detail={"candidates": [bounded(_told(one)) for one in found]})


def _told(one: Similar) -> dict[str, Any]:
    return {
        "label": one.label,
        "system": one.system,
        "provider": one.provider,
        "digital_source_type": one.digital_source_type,
        "created_at": one.created_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "signer": one.signer,
        "alg": one.alg,
        "distance": one.distance,
        "regions": one.regions,
        "whole": one.whole,
        "page_url": one.page_url,
        "manifest_url": one.manifest_url,
    }


def _summary(reading: Reading, found: list[Similar], *, otherwise: bool) -> str:
    said = [_label(one) for one in found[:_NAMED]]
    carries = "This file carries no AI label." if reading.layers else "This file carries no label."
    if len(found) == 1:
        similar = f"A similar picture was labelled {said[0]}."
    else:
        more = f"; {len(found) - _NAMED} more are listed" if len(found) > _NAMED else ""
        similar = f"{len(found)} similar pictures were labelled, earliest first: {'; '.join(said)}{more}."
    if all(one.whole for one in found):
        alike = "The fingerprints of the whole pictures are alike"
    elif any(one.whole for one in found):
        alike = "The fingerprints are alike, of some only those of parts"
    else:
        alike = "The fingerprints of parts of them are alike"
    file = " The file itself states another origin." if otherwise else ""
    return f"{carries} {similar} {alike}; this is not proof for this file.{file}"


def _label(one: Similar) -> str:
    as_what = _AS.get(one.digital_source_type, "with an origin that is not known here")
    return f"{as_what} by {one.system[:_MAX_NAME]} on {one.created_at.astimezone(UTC).date().isoformat()}"


def _counted(count: int, one: str, several: str) -> str:
    return f"{count} {one if count == 1 else several}"
