"""Disputes about declarations, and how they are decided."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from app import disputes
from app.deps import Declarer, LogbookDep, Operator, ReadSession
from app.problems import documented
from app.schemas.requests import DecisionCreate, DisputeCreate
from remarque.answers import Dispute, DisputeList, DisputeStatus
from remarque.errors import (
    BodyTooLarge,
    DeclarationEnded,
    DisputeDecided,
    InvalidRequest,
    KeyRequired,
    KeyUnknown,
    NotFound,
    NotYours,
    ScopeMissing,
)

router = APIRouter(prefix="/v1", tags=["Disputes"])

KEY_PROBLEMS = (KeyRequired, KeyUnknown, ScopeMissing)


@router.post(
    "/declarations/{declaration_id}/disputes",
    status_code=201,
    responses={
        200: {"model": Dispute, "description": "Disputed before, and not decided yet: the same dispute"},
        **documented(InvalidRequest, BodyTooLarge, NotFound, DeclarationEnded, *KEY_PROBLEMS),
    },
)
def dispute_declaration(
    declaration_id: str,
    caller: Declarer,
    body: DisputeCreate,
    logbook: LogbookDep,
    session: ReadSession,
    response: Response,
) -> Dispute:
    """Dispute a declaration of another party. Until the operator has decided, it restricts and permits nothing."""
    dispute_id, new = disputes.dispute(logbook, caller, declaration_id, body)
    response.status_code = 201 if new else 200
    return disputes.read(session, dispute_id, caller=caller)


@router.get("/disputes", responses=documented(InvalidRequest, *KEY_PROBLEMS))
def list_disputes(
    operator: Operator,
    session: ReadSession,
    status: Annotated[DisputeStatus | None, Query(description="Only those that stand so.")] = None,
    cursor: Annotated[str | None, Query(description="The `next_cursor` of the page before.")] = None,
) -> DisputeList:
    """List the disputes, newest first. For the operator."""
    return disputes.list_all(session, status=status, cursor=cursor)


@router.get("/disputes/{dispute_id}", responses=documented(NotFound, NotYours, *KEY_PROBLEMS))
def read_dispute(dispute_id: str, caller: Declarer, session: ReadSession) -> Dispute:
    """Read a dispute. For the party that disputes, the party that declared, and the operator."""
    return disputes.read(session, dispute_id, caller=caller)


@router.post(
    "/disputes/{dispute_id}/decision",
    responses=documented(InvalidRequest, BodyTooLarge, NotFound, DisputeDecided, *KEY_PROBLEMS),
)
def decide_dispute(
    dispute_id: str, operator: Operator, body: DecisionCreate, logbook: LogbookDep, session: ReadSession
) -> Dispute:
    """Decide a dispute, once and with a reason. For the operator.

    `upheld`: the declaration is quarantined and counts for nothing any more. `rejected`: it is what it was before, once
    no other dispute about it is open.
    """
    disputes.decide(logbook, operator, dispute_id, body)
    return disputes.read(session, dispute_id, caller=operator)
