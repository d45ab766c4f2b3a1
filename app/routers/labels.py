"""Labels and verifications: what generators write and anybody reads."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from app import labelling
from app.addresses import label_page
from app.bodies import content_type, one_image, parse_fields, parse_json, read_body, read_form, unsupported
from app.checking import Upload
from app.deps import KEY_IS_OPTIONAL, BaseUrl, LabelMaker, MaybeCaller, ReadSession, ResourcesDep
from app.problems import documented
from app.routers.declarations import KEY_PROBLEMS, PICTURE_PROBLEMS
from app.schemas.bodies import BINARY, body, multipart
from app.schemas.requests import LabelCreate
from remarque.answers import LabelRecord, Verification
from remarque.errors import (
    InvalidLabelRequest,
    InvalidManifestPresent,
    InvalidRequest,
    KeyUnknown,
    NotFound,
    NotReady,
    SigningUnavailable,
    TooManyItems,
    TooManyRequests,
    UnsupportedEncoding,
)

router = APIRouter(prefix="/v1", tags=["Labels"])

RAW_TYPES = ("image/*", "application/octet-stream")

Wish = tuple[Upload, LabelCreate]


def _is_raw(kind: str) -> bool:
    return kind.startswith("image/") or kind == "application/octet-stream"


async def _wish(request: Request, held: ResourcesDep, caller: LabelMaker) -> Wish:
    kind = content_type(request)
    if kind == "multipart/form-data":
        uploads, fields = await read_form(request, held.settings)
        if fields.keys() != {"label"}:
            raise InvalidRequest("Send the picture in the part 'image' and the label's JSON in the part 'label'.")
        return one_image(uploads), parse_json(LabelCreate, fields["label"])
    if not _is_raw(kind):
        raise unsupported(request, *RAW_TYPES, "multipart/form-data")
    wish = parse_fields(LabelCreate, request.query_params)
    return Upload("", await read_body(request, held.settings.max_body_bytes)), wish


async def _file(request: Request, held: ResourcesDep, caller: MaybeCaller) -> Upload:
    if caller is None:
        held.limiter.count_anonymous(request.client.host if request.client else "")
    kind = content_type(request)
    if kind == "multipart/form-data":
        uploads, _ = await read_form(request, held.settings)
        return one_image(uploads)
    if not _is_raw(kind):
        raise unsupported(request, *RAW_TYPES, "multipart/form-data")
    return Upload("", await read_body(request, held.settings.max_body_bytes))


def _query(name: str, description: str, *, required: bool = False) -> dict[str, Any]:
    schema = {"type": "string", "minLength": 1, "maxLength": 200}
    return {"name": name, "in": "query", "required": required, "description": description, "schema": schema}


LABEL: dict[str, Any] = {
    "parameters": [
        _query("system", "The system that made the picture; with a raw body only, and required there."),
        _query("system_version", "Its version; with a raw body only."),
        _query("provider", "Who provides it; with a raw body only."),
        {
            **_query("digital_source_type", "How the picture was made; with a raw body only."),
            "schema": {"type": "string", "enum": sorted(labelling.LABEL_TYPES)},
        },
        {
            **_query("created_at", "When it was made; with a raw body only."),
            "schema": {"type": "string", "format": "date-time"},
        },
        _query("constraint", "What a use that is constrained is subject to; with a raw body only."),
        {
            **_query("keep_metadata", "Whether what generation tools wrote stays; with a raw body only."),
            "schema": {"type": "boolean", "default": True},
        },
        {
            **_query("on_invalid", "What to do with a manifest that does not verify; with a raw body only."),
            "schema": {"type": "string", "enum": ["refuse", "replace"]},
        },
    ],
    **body({**dict.fromkeys(RAW_TYPES, BINARY), "multipart/form-data": multipart(label="LabelCreate")}),
}

FILE = body({**dict.fromkeys(RAW_TYPES, BINARY), "multipart/form-data": multipart()})


@router.post(
    "/labels",
    response_class=Response,
    openapi_extra=LABEL,
    responses={
        200: {
            "description": "The picture, same format, same pixels, with its label",
            "content": {"image/*": BINARY},
            "headers": {
                "Remarque-Label-Id": {"description": "The id of the label", "schema": {"type": "string"}},
                "Remarque-Layers": {"description": "The layers that were written", "schema": {"type": "string"}},
                "Remarque-Warnings": {
                    "description": "What was not done, as codes: `no_time_stamp`, `not_recoverable` (no copy without "
                    "metadata will be found), `replaced_invalid_manifest`",
                    "schema": {"type": "string"},
                },
                "Link": {"description": "The public record, rel=describedby", "schema": {"type": "string"}},
            },
        },
        **documented(
            InvalidRequest,
            InvalidLabelRequest,
            InvalidManifestPresent,
            UnsupportedEncoding,
            TooManyItems,
            SigningUnavailable,
            TooManyRequests,
            *KEY_PROBLEMS,
            *PICTURE_PROBLEMS,
        ),
    },
)
def create_label(
    caller: LabelMaker, wish: Annotated[Wish, Depends(_wish)], held: ResourcesDep, base_url: BaseUrl
) -> Response:
    """Label a picture as AI-generated: C2PA, signed, and the IPTC properties that platforms read."""
    upload, asked = wish
    label = held.labeller.label(caller, upload.data, asked)
    headers = {
        "Remarque-Label-Id": label.id,
        "Remarque-Layers": ",".join(label.stamped.layers),
        "Link": f'<{label_page(base_url, label.id)}>; rel="describedby"; type="application/json"',
    }
    if label.warnings:
        headers["Remarque-Warnings"] = ",".join(label.warnings)
    return Response(label.stamped.data, media_type=label.stamped.mime, headers=headers)


@router.get("/labels/{label_id}", responses=documented(NotFound))
def read_label(label_id: str, session: ReadSession, base_url: BaseUrl) -> LabelRecord:
    """Read the public record of a label."""
    return labelling.read_label(session, label_id, base_url=base_url)


@router.post(
    "/verifications",
    openapi_extra={**FILE, **KEY_IS_OPTIONAL},
    responses=documented(
        InvalidRequest, UnsupportedEncoding, TooManyItems, KeyUnknown, TooManyRequests, NotReady, *PICTURE_PROBLEMS
    ),
)
def create_verification(file: Annotated[Upload, Depends(_file)], held: ResourcesDep, base_url: BaseUrl) -> Verification:
    """Read what the labels of a file say, and whether they hold.

    `nothing_found` does not mean that the picture is not AI-generated: labels are easily lost.
    """
    return held.verifier.verify(file.data, base_url=base_url)
