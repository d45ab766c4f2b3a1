"""Labelled pictures in a running service, and what becomes of them on the way."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from tests.api.conftest import Service
from tests.conftest import encoded


@dataclass(frozen=True)
class Labelled:
    """A label that was made: its id, the labelled file, and the URN of its manifest."""

    id: str
    data: bytes
    manifest_id: str


def label(service: Service, image: bytes, **label: str) -> Labelled:
    """Label a picture with the operator's key."""
    headers = {**service.operator, "content-type": "application/octet-stream"}
    response = service.http.post("/v1/labels", content=image, params={"system": "Atelier", **label}, headers=headers)
    assert response.status_code == 200, response.text
    record = service.http.get(f"/v1/labels/{response.headers['remarque-label-id']}").json()
    return Labelled(record["id"], response.content, record["manifest_url"].rpartition("/")[2])


def opened(data: bytes) -> Image.Image:
    """The pixels of a labelled file, and nothing else of it."""
    return Image.open(io.BytesIO(data)).convert("RGB")


def half(image: Image.Image) -> bytes:
    """Half the size, as a poor JPEG."""
    return encoded(image.resize((image.width // 2, image.height // 2)), "JPEG", quality=60)


def bordered(image: Image.Image) -> bytes:
    """With a white border of a tenth."""
    return encoded(ImageOps.expand(image, max(image.size) // 10, "white"), "JPEG", quality=88)


def cropped(image: Image.Image, share: float = 0.75) -> bytes:
    """The part of that share of the area, a little off the middle."""
    width, height = (int(side * share**0.5) for side in image.size)
    left, top = int((image.width - width) * 0.6), int((image.height - height) * 0.4)
    return encoded(image.crop((left, top, left + width, top + height)), "JPEG", quality=88)


def page(image: Image.Image) -> bytes:
    """A screenshot of a page that shows it, between lines of text."""
    shot = Image.new("RGB", (int(image.width * 1.7), int(image.height * 2.0)), "white")
    draw = ImageDraw.Draw(shot)
    lines = np.random.default_rng(5).integers(3, 12, (200, 14))
    for row, words in enumerate(lines):
        text = " ".join("".join(chr(97 + (n * k) % 26) for k in range(n)) for n in words.tolist())
        draw.text((20, 14 * row + 8), text, fill="black")
    shot.paste(image, (int(image.width * 0.3), int(image.height * 0.4)))
    return encoded(shot, "JPEG", quality=80)
