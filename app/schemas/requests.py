"""The bodies of requests. A field that is not listed is refused: a misspelt preference must not be lost in silence."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.access import Scope
from app.schemas.text import Line, Moment, Paragraph, WebAddress
from remarque.answers import Outcome
from remarque.log.asked import SEARCH
from remarque.matching.matcher import REGION
from remarque.preferences import DEFAULT_PURPOSE, Category, Preference

#: Frames in eight orientations and regions of one picture; more than any client has reason to send.
MAX_FINGERPRINTS = 400

_DIGEST = "6f1ed002ab5595859014ebf0951522d9f1d0b7a4cf0b9f6e0cf5c1f4f3c7a1de"
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Count = Annotated[int, Field(strict=True, ge=0, lt=2**52)]
Finite = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=-1e6, le=1e6)]
Preferences = Annotated[
    dict[Category, Preference],
    Field(examples=[{"ai_generative_training": "disallowed", "search": "allowed"}]),
]


class Request(BaseModel):
    """The strictness that all requests share."""

    model_config = ConfigDict(extra="forbid")


class PartyCreate(Request):
    """A new party. Both fields are what the party likes to be called; neither is checked."""

    display_name: Line | None = Field(None, examples=["Ana Ruiz"])
    kind: Line | None = Field(None, examples=["artist"])


class KeyCreate(Request):
    """A key that the operator hands out; without ``party`` a new party is made for it."""

    party: Line | None = Field(None, examples=[None])
    scopes: list[Scope] = Field(min_length=1, max_length=5, examples=[["label"]])
    label: Line | None = Field(None, examples=["our image generator"])
    labels_a_day: Annotated[int, Field(strict=True, ge=0, le=1_000_000_000)] | None = Field(
        None, examples=[10_000], description="How many labels this key may have in a day (UTC); without it, any number."
    )


class DeclarationCreate(Request):
    """What a party says about a picture. Preferences that are not named keep the default: ``disallowed``."""

    preferences: Preferences = Field(default_factory=dict)
    title: Line | None = Field(None, examples=["The red boat"])
    creator: Line | None = Field(None, examples=["Ana Ruiz"])
    url: WebAddress | None = Field(None, examples=["https://ana.example/boat.jpg"])
    policy_url: WebAddress | None = Field(None, examples=["https://ana.example/ai-policy"])
    contact: Line | None = Field(None, examples=["studio@ana.example"])
    constraint: Paragraph | None = Field(None, examples=["Research only; ask first."])
    valid_until: Moment | None = Field(None, examples=["2031-01-01T00:00:00Z"])


class FingerprintCreate(Request):
    """A fingerprint that was computed on the party's own device."""

    alg: Line = Field(examples=["pdq"])
    value: Line = Field(examples=["f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22"])
    quality: Annotated[int, Field(strict=True, ge=0, le=100)] | None = Field(None, examples=[100])
    orientation: Line | None = Field(None, examples=["identity"])
    x: Finite | None = Field(None, examples=[None], description="Of a pdq-region: its centre, pixels of the picture.")
    y: Finite | None = Field(None, examples=[None])
    size: Finite | None = Field(
        None, examples=[512], description="The shorter side of the frame, or the side of a pdq-region, pixels."
    )
    angle: Finite | None = Field(None, examples=[None], description="Of a pdq-region: degrees.")

    @model_validator(mode="after")
    def _fits(self) -> Self:
        """Regions are kept packed. Of all others the log holds whole numbers alone: a receipt is read by anyone."""
        if self.alg != REGION.name:
            if (self.x, self.y, self.angle) != (None, None, None):
                raise ValueError(f"x, y and angle belong to a {REGION.name}")
            self.size = None if self.size is None else float(round(self.size))
        return self


class FingerprintDeclaration(DeclarationCreate):
    """A declaration without a picture: its fingerprints stand for it, the first ``pdq`` upright."""

    fingerprints: list[FingerprintCreate] = Field(min_length=1, max_length=MAX_FINGERPRINTS)


class PreferencesChange(Request):
    """New values for the categories that are named; the others stay."""

    preferences: Annotated[dict[Category, Preference], Field(min_length=1, examples=[{"ai_inference": "allowed"}])]


class DisputeCreate(Request):
    """Why a declaration should not stand, for the operator and the party that made it."""

    reason: Paragraph = Field(examples=["I painted this picture; that party did not."])
    evidence_url: WebAddress | None = Field(None, examples=["https://ana.example/boat-in-the-making"])


class DecisionCreate(Request):
    """What the operator decided about a dispute, and why, for both parties."""

    outcome: Outcome = Field(examples=["upheld"])
    reason: Paragraph = Field(examples=["The evidence shows the picture in the making."])


class HashesCheck(Request):
    """Hashes to be checked, as lower-case hexadecimal."""

    alg: Line = Field(examples=["pdq"])
    hashes: list[str] = Field(examples=[["f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22"]])


class BuilderCheck(Request):
    """A check that was made elsewhere, against the snapshot of a state of this registry."""

    tree_size: Annotated[int, Field(strict=True, ge=0, lt=2**53, description="Of the state that was asked.")]
    root: Digest = Field(examples=[_DIGEST], description="Of that state, hexadecimal.")
    items_root: Digest = Field(
        examples=[_DIGEST], description="The RFC 6962 root over the leaves `<alg> <value>` of what was asked, in order."
    )
    counts: dict[Preference, Count] = Field(
        min_length=1, examples=[{"disallowed": 3, "unknown": 97}], description="How many items of each preference."
    )
    engine: Annotated[str, Field(pattern=SEARCH, max_length=80)] | None = Field(
        None, examples=["pdq/hamming<=31/exact"], description="Algorithm, threshold and method of the search."
    )
    purpose: Category = DEFAULT_PURPOSE
    claims: Literal["verified", "self"] = Field("verified", description="Whose permissions counted.")
    snapshot_sha256: Digest | None = Field(
        None, examples=[_DIGEST], description="SHA-256 of the file `manifest` of the snapshot."
    )


class LabelCreate(Request):
    """What a label says. The vocabulary is fixed: nothing else can be claimed."""

    system: Line = Field(examples=["Atelier Diffusion"])
    system_version: Line | None = Field(None, examples=["3.1"])
    provider: Line | None = Field(None, examples=["Atelier Ltd"])
    digital_source_type: Line = Field("trainedAlgorithmicMedia", examples=["trainedAlgorithmicMedia"])
    created_at: Moment | None = None
    preferences: Preferences = Field(default_factory=dict)
    constraint: Line | None = Field(
        None, examples=[None], description="What a use that is `constrained` is subject to, for everybody to read."
    )
    prompt: Annotated[str, Field(min_length=1, max_length=10_000)] | None = Field(
        None, examples=[None], description="Written into the picture, for everybody to read. Not kept here."
    )
    profiles: list[Literal["cn"]] = Field(
        default_factory=list,
        max_length=1,
        examples=[[]],
        description="`cn`: the implicit label of GB 45438-2025 as well, where the operator has a producer code.",
    )
    keep_metadata: bool = Field(
        True,
        description="Without it, what generation tools write (parameters, prompts, workflows) is taken out first.",
    )
    watermark: bool = Field(False, description="Not offered: no watermark that was measured survives a crop.")
    on_invalid: Literal["refuse", "replace"] = "refuse"
