"""How many labels a key may have in a day (UTC). Counted in the transaction that records the label."""

from __future__ import annotations

import math
from datetime import UTC, datetime, time, timedelta

from sqlmodel import Session

from app.access import Caller
from app.tables import LabelCount
from remarque.errors import TooManyRequests


def require_quota(session: Session, caller: Caller) -> None:
    """Refuse before any work is done. Raises TooManyRequests where the key's labels of today are used up."""
    if caller.labels_a_day is not None:
        now = datetime.now(UTC)
        _refuse(session.get(LabelCount, (caller.key, now.date())), caller.labels_a_day, now)


def count_label(session: Session, caller: Caller, now: datetime) -> None:
    """Count one label, in the transaction that writes it: the end of the log is locked, so no two count at once.

    Raises TooManyRequests where another request used up the quota meanwhile.
    """
    counted = session.get(LabelCount, (caller.key, now.date()))
    if caller.labels_a_day is not None:
        _refuse(counted, caller.labels_a_day, now)
    if counted is None:
        counted = LabelCount(key_id=caller.key, day=now.date(), count=0)
    counted.count += 1
    session.add(counted)


def _refuse(counted: LabelCount | None, quota: int, now: datetime) -> None:
    if (0 if counted is None else counted.count) >= quota:
        midnight = datetime.combine(now.date() + timedelta(days=1), time(), UTC)
        raise TooManyRequests(
            f"This key may have {quota} labels a day, and has had them; the day ends at midnight UTC.",
            retry_after=max(1, math.ceil((midnight - now).total_seconds())),
        )
