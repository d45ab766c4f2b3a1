"""Pages for people. Everything that a user supplied is escaped by the templates; no script runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import checking, registry
from app.bodies import one_image, read_form
from app.checking import Question, Upload
from app.deps import BaseUrl, IndexDep, ReadSession, ResourcesDep
from app.problems import OTHERS, TABLE, slug
from remarque import __version__
from remarque.errors import NotFound, PictureError
from remarque.preferences import DEFAULT_PURPOSE

HERE = Path(__file__).parent

router = APIRouter(include_in_schema=False)
_templates = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.globals["version"] = __version__
_templates.filters["code"] = lambda text: Markup(re.sub(r"`([^`]*)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704  (escaped first)

SECURITY_HEADERS = {
    b"content-security-policy": b"default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    b"frame-ancestors 'none'; base-uri 'none'",
    b"x-content-type-options": b"nosniff",
    b"referrer-policy": b"same-origin",
}


class SecurityHeaders:
    """ASGI middleware: what a browser may do with any answer of this service."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *SECURITY_HEADERS.items()]}
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


def _page(template: str, /, **values: Any) -> HTMLResponse:
    return HTMLResponse(_templates.get_template(template).render(values))


@router.get("/")
def home(index: IndexDep, base_url: BaseUrl) -> Response:
    """What this is, and how to begin."""
    return _page("home.html", view=index.view, base_url=base_url)


async def _picture(request: Request, held: ResourcesDep) -> Upload:
    held.limiter.count_anonymous(request.client.host if request.client else "")
    uploads, _ = await read_form(request, held.settings)
    return one_image(uploads)


@router.post("/look-up")
def look_up(
    upload: Annotated[Upload, Depends(_picture)], index: IndexDep, held: ResourcesDep, base_url: BaseUrl
) -> Response:
    """What is declared about a picture, and what its labels say."""
    try:
        check = checking.check_pictures(index, held.reader, [upload], Question(purpose=DEFAULT_PURPOSE), strict=True)
        found = held.verifier.verify(upload.data, base_url=base_url)
    except PictureError as error:
        return _page("unreadable.html", name=upload.name, error=error)
    return _page("look-up.html", name=upload.name, check=check, result=check.results[0], found=found)


@router.get("/declarations/{declaration_id}")
def declaration(declaration_id: str, session: ReadSession, base_url: BaseUrl) -> Response:
    """The public page of a declaration."""
    try:
        shown = registry.read(session, declaration_id, caller=None, base_url=base_url)
    except NotFound as error:
        page = _page("not-found.html", error=error)
        page.status_code = 404
        return page
    return _page("declaration.html", declaration=shown)


@router.get("/problems/{name}")
def problem(name: str) -> Response:
    """What a problem means."""
    rows = {slug(error): row for error, row in TABLE.items()} | OTHERS
    says = {slug(error): (error.__doc__ or "").partition("``")[0].strip() for error in TABLE}
    if name not in rows:
        raise NotFound(f"There is no problem {name[:80]!r}.")
    return _page("problem.html", name=name, row=rows[name], says=says.get(name, ""))


@router.get("/docs")
def reference(request: Request) -> Response:
    """The API reference, from the OpenAPI document."""
    app: FastAPI = request.app
    return _page("reference.html", document=app.openapi())


def install(app: FastAPI) -> None:
    """Add the pages, their files, and the headers that every answer carries."""
    app.include_router(router)
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    app.add_middleware(SecurityHeaders)
