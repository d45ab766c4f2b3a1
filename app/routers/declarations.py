"""Declarations: what artists say."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from app import registry
from app.bodies import content_type, one_image, parse_json, read_body, read_form, unsupported
from app.checking import Upload
from app.deps import KEY_IS_OPTIONAL, BaseUrl, Declarer, EraserDep, LogbookDep, MaybeCaller, ReadSession, ResourcesDep
from app.problems import documented
from app.schemas.bodies import body, multipart
from app.schemas.requests import DeclarationCreate, FingerprintDeclaration, PreferencesChange
from remarque.answers import Declaration, DeclarationList
from remarque.errors import (
    AlreadyDeclared,
    BodyTooLarge,
    Busy,
    DeclarationEnded,
    InvalidFingerprint,
    InvalidRequest,
    KeyRequired,
    KeyUnknown,
    NotAPicture,
    NotFound,
    NotYours,
    ReadingStopped,
    ScopeMissing,
    TooManyItems,
    TooManyPixels,
    TooPlain,
    Undecodable,
    UnsupportedEncoding,
)
from remarque.fingerprints import require_detail

router = APIRouter(prefix="/v1/declarations", tags=["Declarations"])

#: A declaration without a picture is small.
MAX_JSON_BYTES = 200_000
KEY_PROBLEMS = (KeyRequired, KeyUnknown, ScopeMissing)
PICTURE_PROBLEMS = (NotAPicture, Undecodable, TooManyPixels, ReadingStopped, BodyTooLarge, Busy)

Declared = tuple[Upload | None, DeclarationCreate]


async def _declared(request: Request, held: ResourcesDep, caller: Declarer) -> Declared:
    # The key is asked for first: nobody's bytes are read before.
    match content_type(request):
        case "application/json":
            return None, parse_json(FingerprintDeclaration, await read_body(request, MAX_JSON_BYTES))
        case "multipart/form-data":
            uploads, fields = await read_form(request, held.settings)
            text = fields.pop("declaration", "{}")
            if fields:
                raise InvalidRequest(
                    f"Only the parts 'image' and 'declaration' are read, not {', '.join(fields)[:200]}."
                )
            return one_image(uploads), parse_json(DeclarationCreate, text)
        case _:
            raise unsupported(request, "multipart/form-data", "application/json")


BODY = body(
    {
        "multipart/form-data": multipart(declaration="DeclarationCreate", required=False),
        "application/json": {"schema": {"$ref": "#/components/schemas/FingerprintDeclaration"}},
    }
)


@router.post(
    "",
    status_code=201,
    response_model=Declaration,
    openapi_extra=BODY,
    responses={
        200: {"model": Declaration, "description": "Declared before: the same declaration"},
        **documented(
            InvalidRequest,
            InvalidFingerprint,
            UnsupportedEncoding,
            AlreadyDeclared,
            TooPlain,
            TooManyItems,
            *KEY_PROBLEMS,
            *PICTURE_PROBLEMS,
        ),
    },
)
def create_declaration(
    caller: Declarer,
    declared: Annotated[Declared, Depends(_declared)],
    held: ResourcesDep,
    session: ReadSession,
    base_url: BaseUrl,
    response: Response,
) -> Declaration:
    """Declare a picture, by sending it or by sending fingerprints that were computed where it lies."""
    upload, statement = declared
    work = _work(held, upload, statement)
    declaration_id, new = registry.declare(held.logbook, caller, work, statement)
    response.status_code = 201 if new else 200
    return registry.read(session, declaration_id, caller=caller, base_url=base_url)


def _work(held: ResourcesDep, upload: Upload | None, statement: DeclarationCreate) -> registry.Work:
    if upload is None:
        assert isinstance(statement, FingerprintDeclaration)  # noqa: S101  (what _declared pairs with no upload)
        return registry.work_from_fingerprints(statement.fingerprints)
    fingerprints = held.reader.declared(upload.data)
    require_detail(fingerprints)
    return registry.Work(fingerprints.to_items(), fingerprints.sha256)


@router.get("", responses=documented(InvalidRequest, *KEY_PROBLEMS))
def list_declarations(
    caller: Declarer,
    session: ReadSession,
    base_url: BaseUrl,
    cursor: Annotated[str | None, Query(description="The `next_cursor` of the page before.")] = None,
) -> DeclarationList:
    """List the caller's own declarations, newest first."""
    return registry.list_own(session, caller, cursor=cursor, base_url=base_url)


@router.get("/{declaration_id}", responses=documented(NotFound, KeyUnknown), openapi_extra=KEY_IS_OPTIONAL)
def read_declaration(declaration_id: str, caller: MaybeCaller, session: ReadSession, base_url: BaseUrl) -> Declaration:
    """Read a declaration. Its fingerprints are shown to its party and the operator only."""
    return registry.read(session, declaration_id, caller=caller, base_url=base_url)


@router.put(
    "/{declaration_id}/preferences",
    responses=documented(InvalidRequest, BodyTooLarge, NotFound, NotYours, DeclarationEnded, *KEY_PROBLEMS),
)
def change_preferences(
    declaration_id: str,
    caller: Declarer,
    body: PreferencesChange,
    logbook: LogbookDep,
    session: ReadSession,
    base_url: BaseUrl,
) -> Declaration:
    """Change what a declaration says about the categories that are named; the others stay."""
    registry.change_preferences(logbook, caller, declaration_id, body.preferences)
    return registry.read(session, declaration_id, caller=caller, base_url=base_url)


@router.post("/{declaration_id}/withdraw", responses=documented(NotFound, NotYours, DeclarationEnded, *KEY_PROBLEMS))
def withdraw(
    declaration_id: str, caller: Declarer, logbook: LogbookDep, session: ReadSession, base_url: BaseUrl
) -> Declaration:
    """Withdraw a declaration. The log keeps that it was made, and when it ended."""
    registry.withdraw(logbook, caller, declaration_id)
    return registry.read(session, declaration_id, caller=caller, base_url=base_url)


@router.post("/{declaration_id}/erase", responses=documented(NotFound, NotYours, *KEY_PROBLEMS))
def erase(
    declaration_id: str, caller: Declarer, eraser: EraserDep, session: ReadSession, base_url: BaseUrl
) -> Declaration:
    """Erase a declaration: its fingerprints and all that it says are deleted, and it reads as withdrawn and blank.

    For its party and the operator. It cannot be undone. The log keeps that there was an entry, and nothing of it.
    """
    eraser.declaration(caller, declaration_id)
    return registry.read(session, declaration_id, caller=caller, base_url=base_url)
