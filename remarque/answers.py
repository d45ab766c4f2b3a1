"""The value types of the HTTP contract: what the service answers and the client returns, one definition for both.

Times are aware datetimes (UTC), digests and roots lower-case hexadecimal, distances bits.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from remarque.preferences import Category, Claim, Preference


class Status(StrEnum):
    """Where a declaration stands."""

    ACTIVE = "active"
    WITHDRAWN = "withdrawn"
    DISPUTED = "disputed"
    QUARANTINED = "quarantined"
    EXPIRED = "expired"


class Outcome(StrEnum):
    """How the operator decided a dispute."""

    UPHELD = "upheld"
    REJECTED = "rejected"


class DisputeStatus(StrEnum):
    """Where a dispute stands: open, or how it was decided."""

    OPEN = "open"
    UPHELD = "upheld"
    REJECTED = "rejected"


class Depth(StrEnum):
    """How hard a check looks: whole frames, or regions too."""

    FRAME = "frame"
    DEEP = "deep"


class Verdict(StrEnum):
    """What a verification found, in one word."""

    TRUSTED_LABEL = "trusted_label"
    UNTRUSTED_LABEL = "untrusted_label"
    INVALID_LABEL = "invalid_label"
    UNSIGNED_METADATA = "unsigned_metadata"
    RECOVERED = "recovered"
    CONFLICT = "conflict"
    NOTHING_FOUND = "nothing_found"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """A new key. It is shown this once; only its hash is stored."""

    id: str
    api_key: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One statement, or one failure, that led to an answer.

    ``source`` says who made it: ``registry``, or the name of a signal; ``preference`` what it says, if anything.
    """

    code: str
    source: str
    detail: str
    preference: Preference | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fingerprint:
    """A perceptual fingerprint with its algorithm.

    ``value`` is hexadecimal, ``quality`` 0-100 where the algorithm has one.
    ``orientation`` names the mirroring or quarter turn whose picture this is the fingerprint of, where it is known.
    ``size`` is the shorter side of the frame in pixels. A ``pdq-region`` has its place too: the centre ``x``, ``y`` and
    the side ``size`` in pixels of the declared picture, ``angle`` in degrees; its ``quality`` is how many of its 64
    parts hold texture.
    """

    alg: str
    value: str
    quality: int | None = None
    orientation: str | None = None
    x: float | None = None
    y: float | None = None
    size: float | None = None
    angle: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogPosition:
    """Where an entry stands in the log, and the state of the log that was signed with it."""

    index: int
    tree_size: int
    root: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What one party says about one work.

    ``fingerprints`` is null for everybody but the declaring party and the operator. ``title``, ``creator``, ``url`` …
    are claims of the party.
    """

    id: str
    status: Status
    preferences: dict[Category, Preference]
    coverage: list[str]
    claim: Claim
    declared_at: datetime
    log: LogPosition
    receipt_url: str
    page_url: str
    title: str | None = None
    creator: str | None = None
    url: str | None = None
    policy_url: str | None = None
    contact: str | None = None
    constraint: str | None = None
    valid_until: datetime | None = None
    fingerprints: list[Fingerprint] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclarationList:
    """One page of a party's own declarations, newest first. ``next_cursor`` is null on the last page."""

    declarations: list[Declaration]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute:
    """What one party objects to about a declaration of another, and how that was decided.

    ``declaration`` is its id. ``reason``, ``evidence_url`` and ``decision_reason`` are null once they were erased.
    ``decided_at`` and ``decision_index``, the entry of the decision, are null while the dispute is open.
    """

    id: str
    declaration: str
    status: DisputeStatus
    created_at: datetime
    log: LogPosition
    reason: str | None = None
    evidence_url: str | None = None
    decided_at: datetime | None = None
    decision_index: int | None = None
    decision_reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeList:
    """One page of disputes, newest first. ``next_cursor`` is null on the last page."""

    disputes: list[Dispute]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """What was erased of a party: how many declarations and labels, and how many keys that it had."""

    declarations: int
    labels: int
    keys: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Transform:
    """What was done to the declared picture to get the one that was asked about, as far as known.

    ``orientation`` is set where a whole frame was found, ``rotation`` (degrees clockwise, after mirroring left to right
    if ``mirrored``) and ``scale`` where regions were. ``box`` is where the work lies in the picture: left, top, right
    and bottom as shares of it, 0..1.
    """

    orientation: str | None = None
    box: list[float] | None = None
    rotation: float | None = None
    mirrored: bool | None = None
    scale: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A declaration that the picture was found to show.

    ``distance`` is that of the nearest fingerprints, in bits; ``regions`` how many of them agreed on one place, where
    regions were compared. ``disputed``: what it permits does not count for now, and is not among ``preferences``.
    """

    declaration: str
    alg: str
    distance: int
    claim: Claim
    preferences: dict[Category, Preference]
    transform: Transform | None = None
    regions: int | None = None
    disputed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The answer for one picture."""

    name: str
    preference: Preference
    reasons: list[Reason]
    matches: list[Match] = field(default_factory=list)
    signals: list[Reason] = field(default_factory=list)
    fingerprints: list[Fingerprint] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """The answer to a check of pictures, for the state of the registry that it names.

    ``receipt``: the signed note, where one was asked for.
    """

    tree_size: int
    root: str
    purpose: Category
    depth: Depth
    results: list[CheckResult]
    receipt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One hash of a batch that something is declared about; ``i`` is its place in the batch, from 0."""

    i: int
    preference: Preference
    matches: list[Match]
    reasons: list[Reason]


@dataclass(frozen=True, slots=True, kw_only=True)
class HashCheck:
    """The sparse answer to a check of hashes: whatever is not among ``hits`` is ``unknown``, nothing is declared.

    ``receipt``: the signed note, where one was asked for.
    """

    tree_size: int
    root: str
    purpose: Category
    count: int
    hits: list[Hit]
    receipt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """What one layer says: ``c2pa``, ``xmp``, ``exif``, ``chunks``, ``cn``, ``fingerprint`` or ``watermark``."""

    layer: str
    state: str
    says: str
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryFinding:
    """What the registry knows of these exact bytes."""

    tree_size: int
    root: str
    label: str | None = None
    page_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """The reading of a file's labels. ``ai_generated`` is null where nothing is known: never a probability."""

    verdict: Verdict
    ai_generated: bool | None
    summary: str
    layers: list[Layer]
    registry: RegistryFinding


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelRecord:
    """The public record of a label. No prompt and no personal data is in it.

    ``signer`` is the SHA-256 of the certificate that signed; ``manifest_url`` where the manifest store can be fetched;
    ``warnings`` what was not done, as codes.
    """

    id: str
    created_at: datetime
    system: str
    digital_source_type: str
    preferences: dict[Category, Preference]
    format: str
    layers: list[str]
    sha256: str
    log: LogPosition
    page_url: str
    system_version: str | None = None
    provider: str | None = None
    signer: str | None = None
    manifest_url: str | None = None
    warnings: list[str] = field(default_factory=list)
