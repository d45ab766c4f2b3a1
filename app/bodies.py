"""Bodies of requests, read up to a limit and never further."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.checking import Upload
from app.problems import answer as problem
from app.problems import row, slug, status_at
from app.settings import Settings
from remarque.errors import BodyTooLarge, InvalidRequest, TooManyItems, UnsupportedEncoding

#: What one pdq takes in a JSON array: 64 digits, two quotes, a comma and a space.
JSON_BYTES_A_HASH = 68
#: Room around the hashes of a JSON body.
JSON_ROOM = 10_000
#: Room around the pictures of a multipart body: part headers, and the declaration beside them.
FORM_ROOM = 1_000_000
#: How much of an oversized body is read and thrown away, so that its sender gets to read the answer.
DRAIN_FACTOR = 4
MAX_FIELDS = 20
MAX_FIELD_BYTES = 100_000

Form = TypeVar("Form", bound=BaseModel)


class BodyLimit:
    """ASGI middleware: a body over the limit is refused, by its announced length or as soon as it grows past it."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._limit = max(settings.max_body_bytes + FORM_ROOM, settings.max_hashes * JSON_BYTES_A_HASH + JSON_ROOM)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = _content_length(scope)
        if announced > self._limit:
            await _drain(receive, DRAIN_FACTOR * self._limit)
            found = row(BodyTooLarge)
            status = status_at(scope["path"], found.status)
            response = problem(status, slug(BodyTooLarge), found.title, self._detail())
            await response(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._limit:
                raise BodyTooLarge(self._detail())
            return message

        await self._app(scope, counted, send)

    def _detail(self) -> str:
        return f"A request has at most {self._limit} bytes."


def _content_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


async def _drain(receive: Receive, most: int) -> None:
    drained = 0
    while drained < most:
        message = await receive()
        drained += len(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return


def content_type(request: Request) -> str:
    """The media type of a request's body, without parameters, in lower case."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


async def read_body(request: Request, limit: int) -> bytes:
    """Return the whole body. Raises BodyTooLarge beyond ``limit`` bytes."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise BodyTooLarge(f"This body has at most {limit} bytes.")
        chunks.append(chunk)
    return b"".join(chunks)


def parse_json(model: type[Form], body: bytes | str) -> Form:
    """Read a JSON body. Raises InvalidRequest, naming every field that has to change."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise _invalid(error) from None


def parse_fields(model: type[Form], fields: Mapping[str, Any]) -> Form:
    """Read values that came one by one, for instance in a query. Raises InvalidRequest."""
    try:
        return model.model_validate_json(json.dumps(dict(fields)))
    except ValidationError as error:
        raise _invalid(error) from None


def _invalid(error: ValidationError) -> InvalidRequest:
    found = [f"{'/'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in error.errors(include_url=False)]
    return InvalidRequest("; ".join(found[:5]))


async def read_form(request: Request, settings: Settings) -> tuple[list[Upload], dict[str, str]]:
    """Read a multipart body: the parts named ``image``, and the text of all other parts by name.

    Raises InvalidRequest where it is malformed, TooManyItems, BodyTooLarge.
    """
    limits = {"max_files": settings.max_images, "max_fields": MAX_FIELDS, "max_part_size": MAX_FIELD_BYTES}
    try:
        async with request.form(**limits) as form:
            return await _parts(form, settings.max_body_bytes)
    except HTTPException as error:
        # What Starlette makes of a malformed form; "Too many …" is the beginning of its words for the two counts.
        message = str(error.detail)
        raise (TooManyItems if message.startswith("Too many") else InvalidRequest)(message) from None


async def _parts(form: FormData, max_bytes: int) -> tuple[list[Upload], dict[str, str]]:
    uploads: list[Upload] = []
    fields: dict[str, str] = {}
    size = 0
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            if name != "image":
                raise InvalidRequest(f"Pictures are sent in parts named 'image', not {name[:80]!r}.")
            size += value.size or 0
            if size > max_bytes:
                raise BodyTooLarge(f"A request has at most {max_bytes} bytes of pictures.")
            uploads.append(Upload(name=value.filename or "", data=await value.read()))
        elif name in fields:
            raise InvalidRequest(f"The part {name[:80]!r} stands there twice.")
        else:
            fields[name] = value
    return uploads, fields


def one_image(uploads: list[Upload]) -> Upload:
    """Return the only picture of a form. Raises InvalidRequest where there is none, or more."""
    if len(uploads) != 1:
        raise InvalidRequest(f"One picture is expected, in a part named 'image'; {len(uploads)} were sent.")
    return uploads[0]


def unsupported(request: Request, *expected: str) -> UnsupportedEncoding:
    """The error for a body in an encoding that is not read."""
    return UnsupportedEncoding(
        f"{content_type(request) or 'a body without a Content-Type'} is not read here; send {', '.join(expected)}."
    )
