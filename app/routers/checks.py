"""Checks: what dataset builders ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from fastapi import APIRouter, Depends, Query, Request, Response
from numpy.typing import NDArray

from app import checking, receipts
from app.access import Caller, Scope, require
from app.bodies import JSON_BYTES_A_HASH, JSON_ROOM, content_type, parse_json, read_body, read_form, unsupported
from app.checking import Question, Upload
from app.deps import KEY_IS_OPTIONAL, IndexDep, MaybeCaller, Resources, ResourcesDep
from app.problems import documented
from app.routers.declarations import PICTURE_PROBLEMS
from app.schemas.bodies import BINARY as BINARY_BODY
from app.schemas.bodies import IMAGE, body, multipart
from app.schemas.requests import HashesCheck
from remarque.answers import Check, Depth, HashCheck
from remarque.errors import (
    InvalidFingerprint,
    InvalidRequest,
    KeyRequired,
    KeyUnknown,
    NotKept,
    NotReady,
    ScopeMissing,
    TooManyItems,
    TooManyRequests,
    UnsupportedEncoding,
)
from remarque.matching.searchable import Algorithm
from remarque.preferences import DEFAULT_PURPOSE, Category

router = APIRouter(prefix="/v1/checks", tags=["Checks"])

BINARY = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class Pictures:
    """Pictures to be checked; one that came alone and cannot be read is an error of the request."""

    uploads: list[Upload]
    alone: bool


@dataclass(frozen=True, slots=True)
class Hashes:
    """Hashes to be checked, (n, size)."""

    algorithm: Algorithm
    values: NDArray[np.uint8]


def _question(
    caller: MaybeCaller,
    purpose: Annotated[Category, Query(description="The use that is asked about.")] = DEFAULT_PURPOSE,
    depth: Annotated[
        Depth | None, Query(description="How hard to look at pictures: whole frames, or parts too (the default).")
    ] = None,
    claims: Annotated[
        Literal["verified", "self"], Query(description="Whose permissions count: with `self`, everybody's.")
    ] = "verified",
    as_of: Annotated[int | None, Query(ge=0, lt=2**63, description="The tree size that is asked about.")] = None,
    receipt: Annotated[
        bool, Query(description="Add a signed receipt, which is logged; needs a key with the scope `check`.")
    ] = False,
) -> Question:
    if receipt:
        _require_receipts(caller)
    return Question(purpose=purpose, depth=depth, honour_self=claims == "self", as_of=as_of, receipt=receipt)


def _require_receipts(caller: Caller | None) -> None:
    if caller is None:
        raise KeyRequired("The receipt of a check stays in the log for ever: it needs a key with the scope 'check'.")
    caller.require(Scope.CHECK)


async def _asked(
    request: Request,
    held: ResourcesDep,
    caller: MaybeCaller,
    alg: Annotated[str, Query(description="The algorithm of hashes in application/octet-stream.")] = "pdq",
) -> Pictures | Hashes:
    settings = held.settings
    if caller is None:
        held.limiter.count_anonymous(request.client.host if request.client else "")
    match content_type(request):
        case "application/json":
            body = await read_body(request, settings.max_hashes * JSON_BYTES_A_HASH + JSON_ROOM)
            asked = parse_json(HashesCheck, body)
            _require_hashes(held, caller, len(asked.hashes))
            return Hashes(*checking.parse_hashes(asked.alg, asked.hashes))
        case "application/octet-stream":
            body = await read_body(request, settings.max_hashes * 32)
            algorithm, values = checking.split_hashes(alg, body)
            _require_hashes(held, caller, len(values))
            return Hashes(algorithm, values)
        case "multipart/form-data":
            uploads, fields = await read_form(request, settings)
            if fields or not uploads:
                raise InvalidRequest("Send pictures in parts named 'image', and everything else in the query.")
            if len(uploads) > settings.anonymous_images:
                require(caller, Scope.CHECK)
            return Pictures(uploads, alone=False)
        case kind if kind.startswith("image/"):
            return Pictures([Upload("", await read_body(request, settings.max_body_bytes))], alone=True)
        case _:
            raise unsupported(request, "image/*", "multipart/form-data", "application/json", BINARY)


def _require_hashes(held: Resources, caller: Caller | None, count: int) -> None:
    if count > held.settings.max_hashes:
        raise TooManyItems(f"A check has at most {held.settings.max_hashes} hashes, this one {count}.")
    if count > held.settings.anonymous_hashes:
        require(caller, Scope.CHECK)


BODY = body(
    {
        "image/*": BINARY_BODY,
        "multipart/form-data": multipart({"type": "array", "items": IMAGE}),
        "application/json": {"schema": {"$ref": "#/components/schemas/HashesCheck"}},
        BINARY: {
            "schema": {"type": "string", "format": "binary", "description": "32 bytes a pdq, 8 a phash, no separator."}
        },
    }
)


@router.post(
    "",
    response_model=Check | HashCheck,
    openapi_extra={**BODY, **KEY_IS_OPTIONAL},
    responses={
        200: {
            "description": "What is declared; with `Accept: application/octet-stream` and hashes, one bit a hash",
            "content": {BINARY: {"schema": {"type": "string", "format": "binary"}}},
        },
        **documented(
            InvalidRequest,
            InvalidFingerprint,
            UnsupportedEncoding,
            TooManyItems,
            KeyRequired,
            KeyUnknown,
            ScopeMissing,
            NotKept,
            TooManyRequests,
            NotReady,
            *PICTURE_PROBLEMS,
        ),
    },
)
def create_check(
    request: Request,
    question: Annotated[Question, Depends(_question)],
    asked: Annotated[Pictures | Hashes, Depends(_asked)],
    index: IndexDep,
    held: ResourcesDep,
) -> Check | HashCheck | Response:
    """Check pictures, or hashes of pictures, against everything that is declared.

    `unknown` with the reason `no_statement` means that nothing is declared; it is not a permission.
    """
    if isinstance(asked, Pictures):
        seen = checking.check_pictures(index, held.reader, asked.uploads, question, strict=asked.alone)
        return receipts.with_pictures(held.logbook, seen, asked.uploads, question) if question.receipt else seen
    answer = checking.check_hashes(index, asked.algorithm, asked.values, question)
    if question.receipt:
        answer = receipts.with_hashes(held.logbook, answer, asked.algorithm, asked.values, question)
    if content_type(request) == BINARY and BINARY in request.headers.get("accept", ""):
        headers = {"Remarque-Tree-Size": str(answer.tree_size), "Remarque-Root": answer.root}
        if answer.receipt is not None:
            headers["Remarque-Receipt"] = receipts.in_header(answer.receipt)
        return Response(checking.bitmap(answer), media_type=BINARY, headers=headers)
    return answer
