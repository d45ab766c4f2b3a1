"""One example of each answer, made from the value types themselves so that it cannot drift from them."""

from dataclasses import is_dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter

from app.published import ROUTES, WellKnown
from app.routers.health import Alive, Ready
from app.schemas.softbinding import Algorithm, BindingMatch, QueryResult, SupportedAlgorithms
from remarque.answers import (
    Check,
    CheckResult,
    Credentials,
    Declaration,
    DeclarationList,
    Depth,
    Dispute,
    DisputeList,
    DisputeStatus,
    Erasure,
    Fingerprint,
    LabelRecord,
    Layer,
    LogPosition,
    Match,
    Reason,
    RegistryFinding,
    Status,
    Transform,
    Verdict,
    Verification,
)
from remarque.preferences import DEFAULT_PREFERENCES, DEFAULT_PURPOSE, Claim, Preference
from remarque.snapshots.manifest import SnapshotHead

_WHEN = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
_ROOT = "b2d4f5c0a1e37f5d86b0c9e2d4f1a3b5c7d9e0f2a4b6c8d0e1f3a5b7c9d1e3f5"
_SHA256 = "6f1ed002ab5595859014ebf0951522d9f1d0b7a4cf0b9f6e0cf5c1f4f3c7a1de"
_PDQ = "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22"
_DECLARATION = "dec_3f0c5a2b9d8e4f71a6b5c4d3e2f1a0b9"
_LABEL = "7d9f1c56-2f4e-4c1e-9a53-1b7a4f0c2d10"
_MANIFEST = "urn:c2pa:3f0c5a2b-9d8e-4f71-a6b5-c4d3e2f1a0b9"
_FINGERPRINT = Fingerprint(alg="pdq", value=_PDQ, quality=100, orientation="identity")
_PREFERENCES = dict(DEFAULT_PREFERENCES)

_declaration = Declaration(
    id=_DECLARATION,
    status=Status.ACTIVE,
    preferences=_PREFERENCES,
    coverage=["frame"],
    claim=Claim.SELF,
    declared_at=_WHEN,
    log=LogPosition(index=41, tree_size=42, root=_ROOT),
    receipt_url=f"https://registry.example/v1/declarations/{_DECLARATION}/receipt",
    page_url=f"https://registry.example/declarations/{_DECLARATION}",
    title="The red boat",
    creator="Ana Ruiz",
    fingerprints=[_FINGERPRINT],
)

_dispute = Dispute(
    id="dsp_0a9b8c7d6e5f40312233445566778899",
    declaration=_DECLARATION,
    status=DisputeStatus.OPEN,
    created_at=_WHEN,
    log=LogPosition(index=41, tree_size=42, root=_ROOT),
    reason="I painted this picture; that party did not.",
    evidence_url="https://ana.example/boat-in-the-making",
)

_check = Check(
    tree_size=42,
    root=_ROOT,
    purpose=DEFAULT_PURPOSE,
    depth=Depth.FRAME,
    results=[
        CheckResult(
            name="found.jpg",
            preference=Preference.DISALLOWED,
            reasons=[
                Reason(
                    code="declared",
                    source="registry",
                    preference=Preference.DISALLOWED,
                    detail=f"Declaration {_DECLARATION} (found by pdq at distance 8) says disallowed.",
                )
            ],
            matches=[
                Match(
                    declaration=_DECLARATION,
                    alg="pdq",
                    distance=8,
                    claim=Claim.SELF,
                    preferences=_PREFERENCES,
                    transform=Transform(orientation="identity"),
                )
            ],
            fingerprints=[_FINGERPRINT],
        )
    ],
)

_verification = Verification(
    verdict=Verdict.TRUSTED_LABEL,
    ai_generated=True,
    summary="This picture carries an intact label that says it was made by AI.",
    layers=[Layer(layer="c2pa", state="trusted", says="intact, signed by a signer that is trusted here")],
    registry=RegistryFinding(
        tree_size=42, root=_ROOT, label=_LABEL, page_url=f"https://registry.example/v1/labels/{_LABEL}"
    ),
)

_label = LabelRecord(
    id=_LABEL,
    created_at=_WHEN,
    system="Atelier Diffusion",
    system_version="3.1",
    provider="Atelier Ltd",
    digital_source_type="trainedAlgorithmicMedia",
    preferences=_PREFERENCES,
    format="image/png",
    layers=["xmp", "c2pa"],
    sha256=_SHA256,
    log=LogPosition(index=41, tree_size=42, root=_ROOT),
    page_url=f"https://registry.example/v1/labels/{_LABEL}",
)


def _json(answer: Any) -> Any:
    assert is_dataclass(answer)  # noqa: S101  (a programming error, seen by the first test)
    return TypeAdapter(type(answer)).dump_python(answer, mode="json")


#: By the name of the type: the example of an answer.
ANSWERS: dict[str, Any] = {
    type(answer).__name__: _json(answer)
    for answer in (
        Credentials(id="pty_9b1d2c3e4f5061728394a5b6c7d8e9f0", api_key="rmq_shown-this-once"),
        _declaration,
        DeclarationList(declarations=[_declaration]),
        _dispute,
        DisputeList(disputes=[_dispute]),
        Erasure(declarations=12, labels=0, keys=1),
        _check,
        _verification,
        _label,
        Alive(),
        Ready(tree_size=42, root=_ROOT),
        WellKnown(
            origin="registry.example/log1",
            log_key="registry.example/log1+c1b5d8e2+AdVKrkmsvuVTTrGr8Ou1Bu5qeVQ0bcU0mvE6k0HcIQ8S",
            receipts_key="registry.example/log1/receipts+7a90c2d4+AVhqZ2VvXk0rqM3yKq2b0qvXyq2tq6cS3iP0b1C0b5xG",
            witnesses=[],
            routes=ROUTES,
        ),
        SnapshotHead(
            tree_size=42,
            root=_ROOT,
            bytes=1_572_864,
            files_url="https://registry.example/v1/snapshots/42",
            manifest='remarque-snapshot/v1\n{"checkpoint":"…","tree_size":42}\n\n— registry.example/log1/receipts …\n',
        ),
        QueryResult(matches=[BindingMatch(manifestId=_MANIFEST, similarityScore=98)]),
        SupportedAlgorithms(watermarks=[], fingerprints=[Algorithm(alg="io.iscc.v0")]),
    )
}
