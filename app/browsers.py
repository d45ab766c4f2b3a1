"""Programs on other sites: which routes they may ask from a browser."""

from __future__ import annotations

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from app.problems import RESOLUTION_API

#: How long a browser remembers that it may ask, seconds.
A_DAY = 86_400


class OpenToBrowsers:
    """ASGI middleware: pages of any origin may use the Soft Binding Resolution API.

    Viewers of Content Credentials run in browsers, and what the API tells is public and the same for everybody: no
    cookie is read anywhere. All other routes keep to pages of their own origin.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._open = CORSMiddleware(
            app,
            allow_origins=["*"],
            allow_methods=["GET", "POST"],
            allow_headers=["Content-Type"],
            expose_headers=["ETag", "Retry-After"],
            max_age=A_DAY,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        theirs = scope["type"] == "http" and scope["path"].startswith(f"{RESOLUTION_API}/")
        await (self._open if theirs else self._app)(scope, receive, send)
