"""A running service on a fresh database, and clients of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.prepare import prepare
from app.reading import Processes
from app.settings import Settings


@dataclass
class Service:
    """A service, its HTTP client without a key, and the operator's key."""

    http: TestClient
    operator: dict[str, str]

    def party(self) -> dict[str, str]:
        """The headers of a new party."""
        return bearer(self.http.post("/v1/parties", json={}).json()["api_key"])

    def key(self, *scopes: str) -> dict[str, str]:
        """The headers of a key with these scopes."""
        answer = self.http.post("/v1/keys", json={"scopes": list(scopes)}, headers=self.operator)
        return bearer(answer.json()["api_key"])

    def declare(self, image: bytes, headers: dict[str, str], **declaration: object) -> dict[str, object]:
        """Declare a picture; the answer."""
        response = self.http.post("/v1/declarations", files=form(image, declaration), headers=headers)
        assert response.status_code in {200, 201}, response.text
        return response.json()

    def check(self, image: bytes, **query: str) -> dict[str, object]:
        """Check one picture; its result."""
        response = self.http.post("/v1/checks", content=image, headers={"content-type": "image/png"}, params=query)
        assert response.status_code == 200, response.text
        return response.json()["results"][0]


def bearer(key: str) -> dict[str, str]:
    """The header that carries a key."""
    return {"authorization": f"Bearer {key}"}


def form(image: bytes, declaration: dict[str, object] | None = None) -> dict[str, tuple]:
    """A multipart body of a picture and a declaration."""
    parts: dict[str, tuple] = {"image": ("picture.png", image, "image/png")}
    if declaration:
        parts["declaration"] = (None, json.dumps(declaration), "application/json")
    return parts


@pytest.fixture(scope="session")
def processes() -> Iterator[Processes]:
    """Reading and signing processes that all services of the tests share: they keep nothing of a request."""
    shared = Processes(2, 20.0)
    yield shared
    shared.close()


def start(settings: Settings, processes: Processes | None = None) -> Iterator[Service]:
    """Prepare and run a service."""
    prepare(settings)
    key = (settings.data_dir / "operator.key").read_text().strip()
    with TestClient(create_app(settings, processes), raise_server_exceptions=False) as http:
        yield Service(http, bearer(key))


@pytest.fixture
def service(settings_for: Callable[..., Settings], database_url: str, processes: Processes) -> Iterator[Service]:
    yield from start(settings_for(database_url=database_url), processes)


@pytest.fixture
def small_service(settings_for: Callable[..., Settings], processes: Processes) -> Iterator[Service]:
    """A service with low limits, on SQLite: limits do not depend on the database."""
    limits = {
        "max_body_bytes": 2_000_000,
        "max_pixels": 1_000_000,
        "max_hashes": 1000,
        "max_images": 20,
        "anonymous_rate": "100/minute",
        "party_rate": "5/hour",
    }
    yield from start(settings_for(**limits), processes)
