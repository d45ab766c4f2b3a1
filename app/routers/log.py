"""The log as files (C2SP tlog-tiles), and the keys that it signs with."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response

from app import published
from app.deps import LogbookDep, ReadSession, ResourcesDep
from app.problems import documented
from app.published import WellKnown
from remarque.errors import NotFound, NotReady

router = APIRouter(tags=["Log"])

A_DAY = 86_400
#: A checkpoint is replaced with every commit; a full or partial tile never changes, and may be kept for a year.
BRIEFLY, FOR_EVER = "public, max-age=2", f"public, max-age={365 * A_DAY}, immutable"

IfNoneMatch = Annotated[str | None, Header(description="The ETag of the copy that you have.")]


def _file(kind: str, description: str) -> dict[int | str, dict[str, Any]]:
    return {
        200: {"description": description, "content": {kind: {"schema": {"type": "string", "format": "binary"}}}},
        304: {"description": "The copy that you have is the same"},
    }


def _answer(data: bytes, media_type: str, cache: str, known: str | None) -> Response:
    etag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Cache-Control": cache}
    if known is not None and (
        known.strip() == "*" or etag in {tag.strip().removeprefix("W/") for tag in known.split(",")}
    ):
        return Response(status_code=304, headers=headers)
    return Response(data, media_type=media_type, headers=headers)


CHECKPOINT = {**_file("text/plain", "A signed note: origin, size, root"), **documented(NotReady)}
TILE = {**_file("application/octet-stream", "The bytes"), **documented(NotFound, NotReady)}


@router.get("/.well-known/remarque.json", response_model_exclude_none=True)
def read_keys(held: ResourcesDep, logbook: LogbookDep) -> WellKnown:
    """The name of this registry and the keys that it signs with. Save it once; verify against what you saved."""
    return published.well_known(logbook.publisher, held.signing, held.settings)


@router.get("/log/checkpoint", response_class=Response, responses=CHECKPOINT)
def read_checkpoint(session: ReadSession, logbook: LogbookDep, if_none_match: IfNoneMatch = None) -> Response:
    """The newest signed checkpoint (C2SP tlog-checkpoint)."""
    note = published.newest_checkpoint(session, logbook.publisher)
    return _answer(note, "text/plain", BRIEFLY, if_none_match)


@router.get("/log/tile/entries/{path:path}", response_class=Response, responses=TILE)
def read_entries(path: str, session: ReadSession, logbook: LogbookDep, if_none_match: IfNoneMatch = None) -> Response:
    """A bundle of up to 256 entries (C2SP tlog-tiles): `x001/234`, or `x001/234.p/5` for its first five."""
    data = published.log_file(session, logbook.publisher, f"tile/entries/{path}")
    return _answer(data, "application/octet-stream", FOR_EVER, if_none_match)


@router.get("/log/tile/{level}/{path:path}", response_class=Response, responses=TILE)
def read_tile(
    level: str, path: str, session: ReadSession, logbook: LogbookDep, if_none_match: IfNoneMatch = None
) -> Response:
    """A tile of up to 256 hashes (C2SP tlog-tiles): level, then `x001/234`, or `x001/234.p/5` for its first five."""
    data = published.log_file(session, logbook.publisher, f"tile/{level}/{path}")
    return _answer(data, "application/octet-stream", FOR_EVER, if_none_match)
