"""The asynchronous client against the application in memory: no socket, no thread of its own, the same answers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx
import pytest
from PIL import Image

from remarque.answers import Status
from remarque.client import AsyncClient
from remarque.errors import ServiceRefused
from remarque.preferences import Preference
from tests.api.conftest import Service

T = TypeVar("T")


def asked(service: Service, key: str | None, scene: Callable[[AsyncClient], Awaitable[T]]) -> T:
    """Play a scene with a client whose requests go straight into the application."""

    async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
        # What the application's start made; a server hands it to every request.
        await service.http.app({**scope, "state": dict(service.http.app_state)}, receive, send)

    async def play() -> T:
        transport = httpx.ASGITransport(app=application)
        async with AsyncClient("http://registry.test", key, transport=transport) as client:
            return await scene(client)

    return asyncio.run(play())


def key_of(headers: dict[str, str]) -> str:
    return headers["authorization"].removeprefix("Bearer ")


def test_a_declaration_is_made_found_changed_and_withdrawn(service: Service, picture: bytes, copy: bytes) -> None:
    async def scene(client: AsyncClient) -> None:
        party = await client.create_party("Ana")
        assert party.api_key.startswith("rmq_")
        declared = await client.declare(picture, title="Dawn")
        check = await client.check(copy, ("same.png", picture))
        assert [result.preference for result in check.results] == [Preference.DISALLOWED] * 2
        changed = await client.set_preferences(declared.id, {"data_mining": "allowed"})
        assert changed.id == declared.id
        assert [one.id async for one in client.all_declarations()] == [declared.id]
        assert (await client.withdraw(declared.id)).status is Status.WITHDRAWN
        assert (await client.check_hashes(["0f" * 32])).count == 1
        assert (await client.check_bitmap(bytes(64))).bits.tolist() == [False, False]

    asked(service, key_of(service.party()), scene)


def test_a_picture_is_stamped_and_verified(service: Service, astronaut: Image.Image) -> None:
    async def scene(client: AsyncClient) -> None:
        labelled = await client.stamp_image(astronaut, format="WEBP", system="Brush")
        assert (await client.verify(labelled.data)).verdict == "trusted_label"
        assert (await client.label_record(labelled.label_id)).format == "image/webp"

    asked(service, key_of(service.key("label")), scene)


def test_a_refusal_is_the_same_error(service: Service, picture: bytes) -> None:
    async def scene(client: AsyncClient) -> None:
        with pytest.raises(ServiceRefused) as caught:
            await client.stamp_bytes(picture, system="Brush")
        assert (caught.value.slug, caught.value.status) == ("scope-missing", 403)

    asked(service, key_of(service.party()), scene)
