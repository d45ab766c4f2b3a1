"""The Soft Binding Resolution API as its specification writes it: what is sent and answered is held against that."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import yaml
from fastapi.testclient import TestClient
from openapi_core import OpenAPI
from openapi_core.datatypes import RequestParameters
from openapi_core.exceptions import OpenAPIError
from werkzeug.datastructures import Headers, ImmutableMultiDict

DOCUMENT = Path(__file__).parent.parent / "data" / "c2pa-soft-binding-resolution.yaml"
HOST, BASE = "http://testserver", "/c2pa"


@cache
def specification() -> dict[str, Any]:
    """The document, served where the service serves it. It is loaded once, and left as it is."""
    document: dict[str, Any] = yaml.safe_load(DOCUMENT.read_text())
    return document | {"servers": [{"url": HOST + BASE}]}


@cache
def validator() -> OpenAPI:
    return OpenAPI.from_dict(specification())


class Sent:
    """A request as the validator takes it."""

    def __init__(self, request: httpx.Request) -> None:
        self.host_url = HOST
        self.path = request.url.path
        self.method = request.method.lower()
        self.content_type = request.headers.get("content-type", "")
        # Where the document has "string" of the format "binary", the validator wants a str: any bytes are one.
        self.body = request.content if "json" in self.content_type else request.content.decode("latin-1")
        query = ImmutableMultiDict(request.url.params.multi_items())
        self.parameters = RequestParameters(query=query, header=Headers(dict(request.headers)))


class Answered:
    """An answer as the validator takes it."""

    def __init__(self, response: httpx.Response) -> None:
        self.data = response.content
        self.status_code = response.status_code
        self.headers = Headers(dict(response.headers))
        self.content_type = response.headers.get("content-type", "")


@dataclass(frozen=True)
class Resolution:
    """A client of the API that lets nothing pass which its document does not know."""

    http: TestClient

    def ask(self, method: str, path: str, *, valid: bool = True, **request: Any) -> httpx.Response:
        """Send a request that fits the document, or does not; the answer fits it in any case."""
        sent = self.http.build_request(method, BASE + path, **request)
        assert self._fits(sent) == valid, f"{method} {sent.url} was meant to be {'valid' if valid else 'invalid'}"
        response = self.http.send(sent)
        template = "/manifests/{manifestId}" if path.startswith("/manifests/") else path
        known = specification()["paths"][template][method.lower()]["responses"]
        assert str(response.status_code) in known, f"{path} answers {response.status_code}: {response.text}"
        if response.is_success:
            with _without_oauth():
                validator().validate_response(Sent(sent), Answered(response))
        else:
            assert response.headers["content-type"] == "application/problem+json"
            assert response.json()["status"] == response.status_code
        return response

    def matches(self, method: str, path: str, **request: Any) -> list[dict[str, Any]]:
        """The matches of a query that succeeds."""
        response = self.ask(method, path, **request)
        assert response.status_code == 200, response.text
        return response.json()["matches"]

    @staticmethod
    def _fits(sent: httpx.Request) -> bool:
        try:
            with _without_oauth():
                validator().validate_request(Sent(sent))
        except OpenAPIError:
            return False
        return True


@contextmanager
def _without_oauth() -> Iterator[None]:
    """The validator warns that it checks no OAuth 2; no token is asked for here, which the document allows."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Unsupported scheme type")
        yield
