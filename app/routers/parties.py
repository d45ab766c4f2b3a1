"""Parties and their keys."""

from fastapi import APIRouter, Request

from app import access
from app.deps import Declarer, EraserDep, Operator, ResourcesDep, WriteSession
from app.problems import documented
from app.schemas.requests import KeyCreate, PartyCreate
from remarque.answers import Credentials, Erasure
from remarque.errors import (
    BodyTooLarge,
    InvalidRequest,
    KeyRequired,
    KeyUnknown,
    NotFound,
    NotYours,
    ScopeMissing,
    TooManyRequests,
)

router = APIRouter(prefix="/v1", tags=["Parties and keys"])


@router.post("/parties", status_code=201, responses=documented(InvalidRequest, BodyTooLarge, TooManyRequests))
def create_party(request: Request, body: PartyCreate, session: WriteSession, held: ResourcesDep) -> Credentials:
    """Register a party, under any name or none, and get its key. The key is shown this once."""
    held.limiter.count_party(request.client.host if request.client else "")
    return access.create_party(session, display_name=body.display_name, kind=body.kind)


@router.post(
    "/keys",
    status_code=201,
    responses=documented(InvalidRequest, BodyTooLarge, KeyRequired, KeyUnknown, ScopeMissing, NotFound),
)
def create_key(operator: Operator, body: KeyCreate, session: WriteSession) -> Credentials:
    """Make a key with the scopes that are named. Needs the scope `operate`. The key is shown this once."""
    return access.create_key(
        session, party_id=body.party, scopes=body.scopes, label=body.label, labels_a_day=body.labels_a_day
    )


@router.post(
    "/parties/{party_id}/erase",
    responses=documented(InvalidRequest, KeyRequired, KeyUnknown, ScopeMissing, NotYours, NotFound),
)
def erase_party(party_id: str, caller: Declarer, eraser: EraserDep) -> Erasure:
    """Erase a party: what it declared, labelled and said of itself, and its keys. For that party and the operator.

    It cannot be undone. The log keeps that there were entries, and nothing of what they said.
    """
    return eraser.party(caller, party_id)
