"""The asynchronous client against the real service, over a socket: many labels at once through one client."""

import asyncio
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from demo.service import Service
from remarque.client import AsyncClient, Labelled

AT_ONCE = 32


def clouds(seed: int) -> Image.Image:
    blots = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    return Image.fromarray(blots).resize((96, 96), Image.Resampling.BICUBIC)


def test_32_pictures_are_labelled_at_once_and_each_comes_back_to_its_own_task(
    registry: Service, label_key: str
) -> None:
    async def label_all() -> list[Labelled]:
        async with AsyncClient(registry.url, label_key) as client:
            tasks = [client.stamp_image(clouds(seed), system="Brush") for seed in range(AT_ONCE)]
            return await asyncio.gather(*tasks)

    labelled = asyncio.run(label_all())
    assert len({one.label_id for one in labelled}) == AT_ONCE
    for seed, one in enumerate(labelled):
        with Image.open(BytesIO(one.data)) as image:
            assert np.array_equal(np.asarray(image), np.asarray(clouds(seed)))


def test_a_file_is_labelled_in_place_and_verifies(registry: Service, label_key: str, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    clouds(99).save(path, quality=90)

    async def scene() -> tuple[str, str]:
        async with AsyncClient(registry.url, label_key) as client:
            assert await client.ready()
            labelled = await client.stamp_file(path, system="Brush", system_version="2")
            record = await client.label_record(labelled.label_id)
            return (await client.verify(path)).verdict, record.system

    assert asyncio.run(scene()) == ("trusted_label", "Brush")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.jpg"]
