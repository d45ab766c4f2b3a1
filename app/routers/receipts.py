"""Receipts: what their holders verify without asking anybody (docs/receipts.md)."""

from __future__ import annotations

from fastapi import APIRouter, Response

from app import receipts
from app.deps import Checker, Declarer, LogbookDep, ReadSession
from app.problems import documented
from app.schemas.requests import BuilderCheck
from remarque.errors import (
    BodyTooLarge,
    Busy,
    InvalidRequest,
    KeyRequired,
    KeyUnknown,
    NotFound,
    NotReady,
    NotYours,
    ScopeMissing,
)

router = APIRouter(prefix="/v1", tags=["Receipts"])

TEXT = "text/plain"

#: The form of a receipt; docs/receipts.md describes it, and the proofs of this one are cut short.
EXAMPLE = {
    "format": "remarque-receipt/v1",
    "entry": "eyJvcGVuIjoi…",
    "proof": "c2sp.org/tlog-proof@v1\nindex 7\n…\n\nregistry.example/log1\n8\n…\n",
    "log_vkey": "registry.example/log1+…",
    "openings": {
        "open": {"salt": "…", "payload": {"id": "dec_…", "preferences": {"ai_training": "disallowed"}}},
        "who": {"salt": "…", "payload": {"party": "pty_…", "creator": "Ana Ruiz"}},
    },
}


def _as_file(data: bytes, name: str, media_type: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "private, no-store"}
    return Response(data, media_type=media_type, headers=headers)


@router.get(
    "/declarations/{declaration_id}/receipt",
    response_class=Response,
    responses={
        200: {
            "description": "The receipt, a file of the format `remarque-receipt/v1`",
            "content": {"application/json": {"schema": {"type": "object"}, "example": EXAMPLE}},
        },
        **documented(NotFound, NotYours, KeyRequired, KeyUnknown, ScopeMissing, NotReady),
    },
)
def read_receipt(declaration_id: str, caller: Declarer, session: ReadSession, logbook: LogbookDep) -> Response:
    """The receipt of a declaration: proof that the log holds it, and what it says. For its party and the operator."""
    data = receipts.of_declaration(session, logbook.publisher, declaration_id, caller)
    return _as_file(data, f"remarque-receipt-{declaration_id}.json", "application/json")


@router.post(
    "/receipts/checks",
    response_class=Response,
    responses={
        200: {
            "description": "The receipt: a signed note of the format `remarque-check/v1`",
            "content": {TEXT: {"schema": {"type": "string"}}},
        },
        **documented(InvalidRequest, BodyTooLarge, KeyRequired, KeyUnknown, ScopeMissing, NotReady, Busy),
    },
)
def create_check_receipt(caller: Checker, body: BuilderCheck, logbook: LogbookDep) -> Response:
    """Have a check logged that you made against a snapshot. The receipt says that it is your statement: the registry
    vouches for its time, and for the state that it names."""
    return _as_file(receipts.of_builder(logbook, body), "remarque-check.txt", TEXT)
