"""Checkpoints with the signatures of witnesses: which there are, and which one is shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlmodel import Session, col, select

from app.tables import Cosigned, TreeHead
from remarque.log.vkeys import VerifierKey
from remarque.log.witness import with_cosignatures

#: For so long a checkpoint without witnesses waits for them before it is shown in place of the last one that has them,
#: and before the operator is warned. A witness that is moved or restarted is back within an hour.
PATIENCE = timedelta(hours=1)


def cosigned_note(session: Session, at_least_size: int = 0) -> Cosigned | None:
    """The newest checkpoint with signatures of witnesses, if it covers that many entries; with its size."""
    newest = session.exec(select(Cosigned).order_by(col(Cosigned.size).desc()).limit(1)).one_or_none()
    return newest if newest is not None and newest.size >= at_least_size else None


def shown_note(session: Session, newest: TreeHead, now: datetime | None = None) -> bytes | None:
    """The checkpoint to show: the newest that witnesses signed, unless a later one waits for them for too long."""
    seen = cosigned_note(session)
    if seen is None or is_late(session, seen.size, now or datetime.now(UTC)):
        return newest.note
    return seen.note


def is_late(session: Session, size: int, now: datetime) -> bool:
    """Whether the log went on from ``size`` longer ago than witnesses are waited for."""
    following = select(TreeHead.at).where(TreeHead.size > size).order_by(col(TreeHead.size)).limit(1)
    went_on = session.exec(following).one_or_none()
    return went_on is not None and now - went_on > PATIENCE


def keep(session: Session, head: TreeHead, answer: bytes, witness: VerifierKey) -> None:
    """Add what a witness answered about a state, verified, to its checkpoint. Raises LogError. The caller commits."""
    row = session.get(Cosigned, head.size, with_for_update=True)
    note = with_cosignatures(row.note if row else head.note or b"", answer, witness)
    if row is None:
        row = Cosigned(size=head.size, note=note)
    row.note = note
    session.add(row)
