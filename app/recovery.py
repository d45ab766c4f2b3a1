"""Labels that were found by a picture, with what the database says of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import defer
from sqlmodel import Session, col, select

from app.addresses import label_page, manifest_address
from app.logbook import first_head
from app.tables import LabelRow, TreeHead
from remarque.labels.recovered import Similar
from remarque.matching.labels import FoundLabel

#: More labels than this are not told of one picture; the nearest are.
MOST_LABELS = 1000


@dataclass(frozen=True, slots=True)
class Candidate:
    """A label that may be that of a picture. ``index`` is that of its log entry, ``logged_at`` when it was made.

    ``manifest_id`` is the URN of its manifest, or the label's own id.
    """

    found: FoundLabel
    index: int
    logged_at: datetime
    system: str
    provider: str | None
    digital_source_type: str
    signer: str
    manifest_id: str


def candidates(session: Session, found: Sequence[FoundLabel]) -> list[Candidate]:
    """The labels that were found and are still on record, in the order in which they were logged."""
    nearest = sorted(found, key=lambda label: -label.score)[:MOST_LABELS]
    by_id = {label.id: label for label in nearest}
    rows = session.exec(
        select(LabelRow, TreeHead.at)
        .join(TreeHead, first_head(LabelRow.idx))
        .where(col(LabelRow.id).in_(by_id))
        .order_by(col(LabelRow.idx))
        # The manifest is kilobytes, and not needed. SQLModel's types do not know its attributes for SQLAlchemy's own.
        .options(defer(LabelRow.manifest, raiseload=True))  # type: ignore[arg-type]
    )
    return [
        Candidate(
            found=by_id[row.id],
            index=row.idx,
            logged_at=logged_at,
            system=row.system,
            provider=row.provider,
            digital_source_type=row.digital_source_type,
            signer=row.signer,
            manifest_id=row.manifest_id or row.id,
        )
        for row, logged_at in rows
    ]


def as_similar(candidate: Candidate, *, base_url: str) -> Similar:
    """The candidate as a verification tells of it.

    Its time is that of the log, not the one that its maker stated: anybody can state an earlier one.
    """
    found = candidate.found
    return Similar(
        label=found.id,
        system=candidate.system,
        provider=candidate.provider,
        digital_source_type=candidate.digital_source_type,
        created_at=candidate.logged_at,
        signer=candidate.signer or None,
        alg=found.alg,
        distance=found.distance,
        regions=found.regions,
        whole=found.whole,
        page_url=label_page(base_url, found.id),
        manifest_url=manifest_address(base_url, candidate.manifest_id),
    )
