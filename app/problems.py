"""From errors to answers: the one place that knows HTTP status codes (RFC 9457)."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from remarque import errors

MEDIA_TYPE = "application/problem+json"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Row:
    """What a class of errors is in HTTP."""

    status: HTTPStatus
    title: str


#: One row for each error that can reach a caller. A class without a row of its own takes its parent's.
TABLE: dict[type[errors.RemarqueError], Row] = {
    errors.RemarqueError: Row(HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong here"),
    errors.InvalidInput: Row(HTTPStatus.UNPROCESSABLE_ENTITY, "The request cannot be used as it is"),
    errors.InvalidRequest: Row(HTTPStatus.UNPROCESSABLE_ENTITY, "The form of the request is wrong"),
    errors.UnsupportedEncoding: Row(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "An encoding that is not read here"),
    errors.InvalidPreference: Row(HTTPStatus.UNPROCESSABLE_ENTITY, "No such category or preference"),
    errors.InvalidFingerprint: Row(HTTPStatus.UNPROCESSABLE_ENTITY, "Not a fingerprint"),
    errors.InvalidLabelRequest: Row(HTTPStatus.UNPROCESSABLE_ENTITY, "Not a claim that a label may carry"),
    errors.BodyTooLarge: Row(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Too many bytes"),
    errors.TooManyItems: Row(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Too many items in one request"),
    errors.QueryTooLong: Row(HTTPStatus.REQUEST_URI_TOO_LONG, "Too long for an address"),
    errors.NotAPicture: Row(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Not a picture in a format that is read here"),
    errors.Undecodable: Row(HTTPStatus.UNPROCESSABLE_ENTITY, "The picture cannot be decoded"),
    errors.TooManyPixels: Row(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Too many pixels"),
    errors.ReadingStopped: Row(HTTPStatus.UNPROCESSABLE_ENTITY, "Reading the picture was stopped"),
    errors.TooPlain: Row(HTTPStatus.UNPROCESSABLE_ENTITY, "Too plain to be recognised"),
    errors.KeyRequired: Row(HTTPStatus.UNAUTHORIZED, "A key is needed"),
    errors.KeyUnknown: Row(HTTPStatus.UNAUTHORIZED, "The key is not known"),
    errors.ScopeMissing: Row(HTTPStatus.FORBIDDEN, "The key may not do this"),
    errors.NotYours: Row(HTTPStatus.FORBIDDEN, "It belongs to another party"),
    errors.NotFound: Row(HTTPStatus.NOT_FOUND, "There is no such thing"),
    errors.AlreadyDeclared: Row(HTTPStatus.CONFLICT, "Declared before, with other preferences"),
    errors.DeclarationEnded: Row(HTTPStatus.CONFLICT, "The declaration has ended"),
    errors.DisputeDecided: Row(HTTPStatus.CONFLICT, "The dispute was decided before"),
    errors.InvalidManifestPresent: Row(HTTPStatus.CONFLICT, "The picture carries a manifest that does not verify"),
    errors.NotKept: Row(HTTPStatus.GONE, "That state is not kept"),
    errors.TooManyRequests: Row(HTTPStatus.TOO_MANY_REQUESTS, "Too many requests"),
    errors.Unavailable: Row(HTTPStatus.SERVICE_UNAVAILABLE, "Not at the moment"),
    errors.NotReady: Row(HTTPStatus.SERVICE_UNAVAILABLE, "The service is not ready"),
    errors.NotOfferedYet: Row(HTTPStatus.SERVICE_UNAVAILABLE, "Not offered by this version"),
    errors.Busy: Row(HTTPStatus.SERVICE_UNAVAILABLE, "Every reader is occupied"),
    errors.SigningUnavailable: Row(HTTPStatus.SERVICE_UNAVAILABLE, "Labels cannot be signed at the moment"),
}

#: Problems that no class of ours stands for.
METHOD_NOT_ALLOWED = "method-not-allowed"
INTERNAL = "internal"
OTHERS = {
    METHOD_NOT_ALLOWED: Row(HTTPStatus.METHOD_NOT_ALLOWED, "That method is not offered there"),
    INTERNAL: Row(HTTPStatus.INTERNAL_SERVER_ERROR, "Something went wrong here"),
}
#: What HTTP itself, or the framework, says with a bare status.
OF_HTTP: dict[int, type[errors.RemarqueError]] = {400: errors.InvalidRequest, 404: errors.NotFound}

#: The C2PA Soft Binding Resolution API (specification 2.4) names every status that its routes answer with, and knows no
#: others: what we would say with these is said with the nearest that it has. The problem's type stays what it is.
RESOLUTION_API = "/c2pa"
RESOLUTION_STATUS: dict[int, HTTPStatus] = {
    HTTPStatus.UNAUTHORIZED: HTTPStatus.FORBIDDEN,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: HTTPStatus.BAD_REQUEST,
    HTTPStatus.UNPROCESSABLE_ENTITY: HTTPStatus.BAD_REQUEST,
    HTTPStatus.TOO_MANY_REQUESTS: HTTPStatus.FORBIDDEN,
    HTTPStatus.SERVICE_UNAVAILABLE: HTTPStatus.INTERNAL_SERVER_ERROR,
}


class FieldProblem(BaseModel):
    """One field that has to change, as a JSON Pointer-like path."""

    field: str
    detail: str


class Problem(BaseModel):
    """An answer that says no (RFC 9457)."""

    type: str = Field(examples=["/problems/too-plain"])
    title: str = Field(examples=["Too plain to be recognised"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["Quality 12 is below 50: too little detail to be told from other pictures."])
    errors: list[FieldProblem] | None = None


def slug(error: type[errors.RemarqueError]) -> str:
    """The last part of a problem's type: ``TooPlain`` is ``too-plain``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", error.__name__).lower()


def row(error: type[errors.RemarqueError]) -> Row:
    """The row of a class, or of its nearest parent that has one."""
    return next(TABLE[parent] for parent in error.__mro__ if parent in TABLE)


def status_at(path: str, status: int) -> HTTPStatus:
    """The status with which a problem is answered at that path."""
    found = HTTPStatus(status)
    return RESOLUTION_STATUS.get(found, found) if path.startswith(RESOLUTION_API + "/") else found


def documented(*classes: type[errors.RemarqueError], path: str = "") -> dict[int | str, dict[str, Any]]:
    """The ``responses=`` of a route below ``path`` that can answer with these problems, an example for each."""
    found: dict[int | str, dict[str, Any]] = {}
    for error in classes:
        status = status_at(f"{path}/", row(error).status)
        entry = found.setdefault(
            int(status),
            {"description": status.phrase, "content": {MEDIA_TYPE: {"examples": {}}}},
        )
        entry["content"][MEDIA_TYPE]["examples"][slug(error)] = {
            "value": {
                "type": f"/problems/{slug(error)}",
                "title": row(error).title,
                "status": int(status),
                "detail": (error.__doc__ or "").strip(),
            }
        }
    return found


def answer(
    status: int, name: str, title: str, detail: str, fields: Sequence[FieldProblem] = (), retry_after: int | None = None
) -> Response:
    """A problem+json answer."""
    problem = Problem(type=f"/problems/{name}", title=title, status=status, detail=detail, errors=list(fields) or None)
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(problem.model_dump(exclude_none=True), status, headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Let every error leave the service as a problem, and none with a stack trace."""

    @app.exception_handler(errors.RemarqueError)
    def _ours(request: Request, error: errors.RemarqueError) -> Response:
        found = row(type(error))
        if found.status == HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("%s %s failed", request.method, request.url.path, exc_info=error)
            return _internal()
        status = status_at(request.url.path, found.status)
        retry_after = getattr(error, "retry_after", None)
        return answer(status, slug(type(error)), found.title, str(error), retry_after=retry_after)

    @app.exception_handler(RequestValidationError)
    def _invalid(request: Request, error: RequestValidationError) -> Response:
        fields = [FieldProblem(field="/".join(map(str, e["loc"])), detail=e["msg"]) for e in error.errors()]
        detail = "; ".join(f"{f.field}: {f.detail}" for f in fields[:5])
        found = TABLE[errors.InvalidRequest]
        status = status_at(request.url.path, found.status)
        return answer(status, slug(errors.InvalidRequest), found.title, detail, fields)

    @app.exception_handler(HTTPException)
    def _http(request: Request, error: HTTPException) -> Response:
        where = f"{request.method} {request.url.path}"
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            title, name = OTHERS[METHOD_NOT_ALLOWED].title, METHOD_NOT_ALLOWED
            response = answer(error.status_code, name, title, f"{where} is not offered; see the Allow header.")
        else:
            ours = OF_HTTP.get(error.status_code, errors.RemarqueError)
            found = row(ours)
            status = status_at(request.url.path, found.status)
            response = answer(status, slug(ours), found.title, f"{where}: {error.detail}.")
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(Exception)
    def _bug(request: Request, error: Exception) -> Response:
        # The server logs the trace itself; the caller learns only that it is our fault.
        return _internal()


def _internal() -> Response:
    found = OTHERS[INTERNAL]
    return answer(found.status, INTERNAL, found.title, "The request failed through a fault of the service.")
