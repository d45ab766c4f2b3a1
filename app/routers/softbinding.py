"""The C2PA Soft Binding Resolution API 2.4: manifests that were stripped, found again by anyone.

Read alone: labels are stored by labelling, so that nobody can hang a manifest on somebody else's picture. Receipts of
manifests and queries by reference are optional there and not offered: every label is in the log already, and nothing is
fetched on behalf of a stranger.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from app import softbinding
from app.bodies import content_type, parse_json, read_body, unsupported
from app.deps import KEY_IS_OPTIONAL, IndexDep, MaybeCaller, ReadSession, ResourcesDep
from app.problems import RESOLUTION_API, documented
from app.routers.declarations import PICTURE_PROBLEMS
from app.schemas.bodies import BINARY, body
from app.schemas.softbinding import Algorithm, BindingQuery, QueryResult, SupportedAlgorithms
from app.softbinding import Binding
from remarque.errors import (
    InvalidFingerprint,
    InvalidRequest,
    KeyUnknown,
    NotFound,
    NotReady,
    QueryTooLong,
    TooManyRequests,
    UnsupportedEncoding,
)
from remarque.labels.binding import ALGORITHM

router = APIRouter(prefix=RESOLUTION_API, tags=["C2PA Soft Binding Resolution"])

C2PA = "application/c2pa"
JSON = "application/json"
RAW_TYPES = ("image/*", "application/octet-stream")
#: A value of MOST_CODES codes, and the form around it.
MOST_JSON = 20_000
#: A manifest never changes; a label that is made again has another one.
FOR_EVER = "public, max-age=31536000, immutable"

QUERY_PROBLEMS = (InvalidRequest, InvalidFingerprint, KeyUnknown, TooManyRequests, NotReady)

MaxResults = Annotated[int, Query(alias="maxResults", ge=1, description="At most so many matches, the best.")]
AlgQuery = Annotated[str | None, Query(description=f"The algorithm: {ALGORITHM}.")]


def _admitted(request: Request, held: ResourcesDep, caller: MaybeCaller) -> None:
    if caller is None:
        held.limiter.count_anonymous(request.client.host if request.client else "")


ADMITTED = [Depends(_admitted)]


async def _binding(request: Request) -> Binding:
    if content_type(request) != JSON:
        raise InvalidRequest(f"The binding is sent as {JSON}.")
    asked = parse_json(BindingQuery, await read_body(request, MOST_JSON))
    return Binding(asked.alg, asked.value)


async def _picture(request: Request, held: ResourcesDep) -> bytes:
    kind = content_type(request)
    if not kind.startswith("image/") and kind != "application/octet-stream":
        raise unsupported(request, *RAW_TYPES)
    return await read_body(request, held.settings.max_body_bytes)


@router.get(
    "/matches/byBinding",
    dependencies=ADMITTED,
    openapi_extra=KEY_IS_OPTIONAL,
    responses=documented(*QUERY_PROBLEMS, QueryTooLong, path=RESOLUTION_API),
)
def query_by_binding(
    session: ReadSession,
    index: IndexDep,
    alg: Annotated[str, Query(description=f"The algorithm: {ALGORITHM}.")],
    value: Annotated[str, Query(description="The ISCC-SEQ in base64, percent-encoded.")],
    most: MaxResults = 10,
) -> QueryResult:
    """Find manifests by an ISCC."""
    softbinding.require_short(value)
    return softbinding.by_binding(session, index, Binding(alg, value), most)


@router.post(
    "/matches/byBinding",
    dependencies=ADMITTED,
    openapi_extra={**body({JSON: {"schema": {"$ref": "#/components/schemas/BindingQuery"}}}), **KEY_IS_OPTIONAL},
    responses=documented(*QUERY_PROBLEMS, path=RESOLUTION_API),
)
def query_by_large_binding(
    session: ReadSession, index: IndexDep, binding: Annotated[Binding, Depends(_binding)], most: MaxResults = 10
) -> QueryResult:
    """Find manifests by an ISCC that is too long for an address."""
    return softbinding.by_binding(session, index, binding, most)


@router.post(
    "/matches/byContent",
    dependencies=ADMITTED,
    openapi_extra={**body(dict.fromkeys(RAW_TYPES, BINARY)), **KEY_IS_OPTIONAL},
    responses=documented(*QUERY_PROBLEMS, UnsupportedEncoding, *PICTURE_PROBLEMS, path=RESOLUTION_API),
)
def upload_file(
    session: ReadSession,
    index: IndexDep,
    held: ResourcesDep,
    data: Annotated[bytes, Depends(_picture)],
    alg: AlgQuery = None,
    most: MaxResults = 10,
) -> QueryResult:
    """Find manifests by the picture itself: whole, in a border or a page, or a part of it. It is never kept."""
    softbinding.require_algorithm(alg)
    return softbinding.by_content(session, index, held.reader, data, most)


MANIFEST: dict[int | str, dict[str, Any]] = {
    200: {"description": "The manifest store", "content": {C2PA: BINARY}},
    **documented(InvalidRequest, NotFound, path=RESOLUTION_API),
}


@router.get("/manifests/{manifestId}", response_class=Response, responses=MANIFEST)
def get_manifest_by_id(
    session: ReadSession,
    manifest_id: Annotated[str, Path(alias="manifestId", description="The URN of the manifest, or a label's id.")],
    active_only: Annotated[
        bool, Query(alias="returnActiveManifest", description="The active manifest alone, without its history.")
    ] = False,
) -> Response:
    """Fetch a manifest store."""
    store = softbinding.manifest_store(session, manifest_id, active_only=active_only)
    headers = {"Cache-Control": FOR_EVER, "ETag": f'"{hashlib.sha256(store).hexdigest()}"'}
    return Response(store, media_type=C2PA, headers=headers)


@router.get("/services/supportedAlgorithms")
def get_supported_bindings() -> SupportedAlgorithms:
    """What the service can be asked by."""
    return SupportedAlgorithms(watermarks=[], fingerprints=[Algorithm(alg=ALGORITHM)])
