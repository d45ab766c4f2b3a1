"""Disputes: somebody objects to a declaration, and the operator decides (docs/disputes.md).

What is said stands in the identities of the entries alone, so that erasing those erases it.
"""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from app.access import Caller, new_id
from app.logbook import Logbook, first_head, log_position
from app.registry import PAGE_SIZE
from app.schemas.requests import DecisionCreate, DisputeCreate
from app.tables import DeclarationRow, DisputeRow, Identity, TreeHead
from app.tail import Tail
from remarque.answers import Dispute, DisputeList, DisputeStatus, Outcome, Status
from remarque.errors import DeclarationEnded, DisputeDecided, InvalidRequest, NotFound, NotYours

_DECISION = aliased(Identity)
#: A dispute, whose declaration it is about, the first state of the log that holds it, and what was said unless erased.
_SHOWN = (
    sqlalchemy.select(DisputeRow, col(DeclarationRow.party_id), TreeHead, Identity, _DECISION)
    .select_from(DisputeRow)
    .join(DeclarationRow, col(DeclarationRow.id) == col(DisputeRow.declaration_id))
    .join(TreeHead, first_head(DisputeRow.idx))
    .join(Identity, col(Identity.idx) == col(DisputeRow.idx), isouter=True)
    .join(_DECISION, col(_DECISION.idx) == col(DisputeRow.decided_idx), isouter=True)
)


def dispute(logbook: Logbook, caller: Caller, declaration_id: str, request: DisputeCreate) -> tuple[str, bool]:
    """Dispute a declaration. Returns the dispute's id and whether it is new: a party has one open at a time.

    Raises NotFound, InvalidRequest for the caller's own declaration, DeclarationEnded.
    """

    def unit(session: Session, tail: Tail) -> tuple[str, bool]:
        row = session.get(DeclarationRow, declaration_id)
        if row is None:
            raise NotFound(f"There is no declaration {declaration_id[:80]!r}.")
        if row.party_id == caller.party:
            raise InvalidRequest("This declaration is your own: change its preferences, or withdraw it.")
        expired = row.valid_until is not None and row.valid_until <= tail.now
        if expired or row.status in (Status.WITHDRAWN, Status.QUARANTINED):
            raise DeclarationEnded(f"Declaration {declaration_id} counts for nothing any more: nothing is to dispute.")
        known = session.exec(_open_about(declaration_id).where(DisputeRow.party_id == caller.party)).first()
        if known is not None:
            return known.id, False
        index = tail.append(
            "dispute", ref=row.idx, identity={"party": caller.party, **request.model_dump(exclude_none=True)}
        )
        found = DisputeRow(
            id=new_id("dsp"),
            idx=index,
            declaration_id=declaration_id,
            party_id=caller.party,
            status=DisputeStatus.OPEN,
            created_at=tail.now,
        )
        row.status = Status.DISPUTED
        session.add_all([row, found])
        return found.id, True

    return logbook.transact(unit)


def decide(logbook: Logbook, caller: Caller, dispute_id: str, decision: DecisionCreate) -> None:
    """Decide a dispute, once. A declaration that ended meanwhile stays what it is.

    Raises NotFound, DisputeDecided.
    """

    def unit(session: Session, tail: Tail) -> None:
        found = session.get(DisputeRow, dispute_id)
        if found is None:
            raise NotFound(f"There is no dispute {dispute_id[:80]!r}.")
        if found.status != DisputeStatus.OPEN:
            raise DisputeDecided(f"Dispute {dispute_id} was decided before: it was {found.status}.")
        row = session.get_one(DeclarationRow, found.declaration_id)
        left = len(session.exec(_open_about(row.id)).all()) - 1
        found.decided_idx = tail.append(
            "decide",
            ref=row.idx,
            # What the declaration says from here on follows from these, for all who have no table of disputes.
            opening={"dispute": found.idx, "outcome": decision.outcome, "still_open": left},
            identity={"party": caller.party, "reason": decision.reason},
        )
        found.status, found.decided_at = decision.outcome, tail.now
        if row.status == Status.DISPUTED:
            if decision.outcome is Outcome.UPHELD:
                row.status = Status.QUARANTINED
            elif not left:
                row.status = Status.ACTIVE
        session.add_all([row, found])

    logbook.transact(unit)


def read(session: Session, dispute_id: str, *, caller: Caller) -> Dispute:
    """Return a dispute. Raises NotFound; NotYours unless the caller disputes, is disputed or is the operator."""
    with session:  # the connection is given back before the answer is checked, as in app.registry
        found = session.execute(_SHOWN.where(col(DisputeRow.id) == dispute_id)).one_or_none()
        if found is None:
            raise NotFound(f"There is no dispute {dispute_id[:80]!r}.")
        row, declared_by, *said = found
        if caller.party not in (row.party_id, declared_by) and not caller.operates:
            raise NotYours("A dispute is read by the party that disputes, the one that declared, and the operator.")
        return _describe(row, *said)


def list_all(session: Session, *, status: DisputeStatus | None, cursor: str | None) -> DisputeList:
    """Return one page of the disputes, newest first. Raises InvalidRequest on a cursor not from here."""
    query = _SHOWN if status is None else _SHOWN.where(col(DisputeRow.status) == status)
    if cursor is not None:
        if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
            raise InvalidRequest("The cursor is the next_cursor of an earlier page.")
        query = query.where(col(DisputeRow.idx) < int(cursor))
    with session:
        found = session.execute(query.order_by(col(DisputeRow.idx).desc()).limit(PAGE_SIZE + 1)).all()
        page = found[:PAGE_SIZE]
        return DisputeList(
            disputes=[_describe(row, *said) for row, _, *said in page],
            next_cursor=str(page[-1][0].idx) if len(found) > PAGE_SIZE else None,
        )


def _open_about(declaration_id: str) -> Any:
    return select(DisputeRow).where(
        DisputeRow.declaration_id == declaration_id, DisputeRow.status == DisputeStatus.OPEN
    )


def _describe(row: DisputeRow, head: TreeHead, said: Identity | None, decided: Identity | None) -> Dispute:
    told = {} if said is None else json.loads(said.payload)
    return Dispute(
        id=row.id,
        declaration=row.declaration_id,
        status=DisputeStatus(row.status),
        created_at=row.created_at,
        log=log_position(row.idx, head),
        reason=told.get("reason"),
        evidence_url=told.get("evidence_url"),
        decided_at=row.decided_at,
        decision_index=row.decided_idx,
        decision_reason=None if decided is None else json.loads(decided.payload)["reason"],
    )
