"""Snapshots, and what changed since one: what dataset builders keep."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import FileResponse, StreamingResponse

from app import changes, snapshots
from app.deps import KEY_IS_OPTIONAL, BaseUrl, MaybeCaller, ResourcesDep
from app.problems import documented
from remarque.errors import (
    InvalidRequest,
    KeyRequired,
    KeyUnknown,
    NotFound,
    NotKept,
    NotReady,
    ScopeMissing,
    TooManyRequests,
)
from remarque.snapshots.manifest import SnapshotHead

router = APIRouter(prefix="/v1", tags=["Snapshots"])

NDJSON = "application/x-ndjson"
TreeSize = Annotated[int, Path(ge=0, lt=2**63, description="The tree size of the snapshot.")]


@router.get(
    "/snapshots/latest",
    openapi_extra=KEY_IS_OPTIONAL,
    responses=documented(KeyRequired, KeyUnknown, ScopeMissing, NotFound),
)
def read_latest_snapshot(held: ResourcesDep, caller: MaybeCaller, base_url: BaseUrl) -> SnapshotHead:
    """The newest snapshot: its signed manifest, and where its files lie."""
    snapshots.require_access(held.settings, caller)
    return snapshots.latest(held.settings.data_dir / snapshots.FOLDER, base_url)


@router.get(
    "/snapshots/{tree_size}/{file}",
    response_class=FileResponse,
    openapi_extra=KEY_IS_OPTIONAL,
    responses={
        200: {
            "description": "The file; with Range, a part of it (206)",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        },
        206: {
            "description": "The part that Range names",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        },
        304: {"description": "It is what If-None-Match names"},
        **documented(InvalidRequest, KeyRequired, KeyUnknown, ScopeMissing, NotFound, NotKept),
    },
)
def read_snapshot_file(
    request: Request, held: ResourcesDep, caller: MaybeCaller, tree_size: TreeSize, file: str
) -> Response:
    """A file of a snapshot. Its ETag is the SHA-256 that the manifest names; Range is understood."""
    snapshots.require_access(held.settings, caller)
    path, signed = snapshots.find_file(held.settings.data_dir / snapshots.FOLDER, tree_size, file)
    headers = {"Cache-Control": "private, no-cache"}  # it can be withdrawn: ask again, which costs no bytes
    if signed is not None:
        headers["ETag"] = f'"{signed.sha256}"'
        if headers["ETag"] in request.headers.get("if-none-match", "").split(", "):
            return Response(status_code=304, headers=headers)
    return FileResponse(path, headers=headers, media_type="application/octet-stream")


@router.get(
    "/changes",
    response_class=StreamingResponse,
    openapi_extra=KEY_IS_OPTIONAL,
    responses={
        200: {
            "description": "One JSON object a line: the entries about declarations in order, then the state of the "
            "registry and the `next` entry, from which to go on where that is not its `tree_size`",
            "content": {NDJSON: {"schema": {"type": "string"}}},
        },
        **documented(InvalidRequest, KeyUnknown, TooManyRequests, NotReady),
    },
)
def read_changes(
    request: Request,
    held: ResourcesDep,
    caller: MaybeCaller,
    since: Annotated[int, Query(ge=0, lt=2**63, description="The tree size of the state that you know.")],
    until: Annotated[int | None, Query(ge=0, lt=2**63, description="Only entries before this one.")] = None,
) -> Response:
    """What changed since a state of the registry. With a key that may have snapshots, the fingerprints too."""
    if caller is None:
        held.limiter.count_anonymous(request.client.host if request.client else "")
    openings = snapshots.may_have(held.settings, caller)
    lines = changes.changes(held.database, held.logbook.publisher, since=since, until=until, openings=openings)
    return StreamingResponse(lines, media_type=NDJSON, headers={"Cache-Control": "no-store"})
