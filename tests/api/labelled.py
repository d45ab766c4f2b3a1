"""Labelled pictures in a running service, and what becomes of them on the way."""

from __future__ import annotations

import io
import uuid
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from app.access import identify
from app.tables import LabelRow
from remarque.fingerprints import fingerprint
from remarque.fingerprints.packing import pack_regions
from remarque.labels.binding import active_manifest_id
from remarque.labels.stamp import LabelRequest, stamp
from tests.api.conftest import Service
from tests.conftest import encoded


@dataclass(frozen=True)
class Labelled:
    """A label that was made: its id, the labelled file, and the URN of its manifest."""

    id: str
    data: bytes
    manifest_id: str


def label(service: Service, image: bytes, **label: str) -> Labelled:
    """Label a picture, PNG or JPEG."""
    held = service.http.app.state.resources
    when = datetime.fromisoformat(label["created_at"]) if "created_at" in label else datetime.now(UTC)
    request = LabelRequest(id=str(uuid.uuid4()), system=label.get("system", "Atelier"), created_at=when)
    done = stamp(image, request, held.labeller._signing.key)
    prints = fingerprint(image, interop=False, iscc=True)
    items = [{k: v for k, v in asdict(i).items() if v is not None} for i in prints.to_items() if i.alg != "pdq-region"]
    opening = {"id": request.id, "sha256": done.sha256, "manifest_id": active_manifest_id(done.manifest)}
    opening |= {"fingerprints": items, "regions": pack_regions(prints.regions)}
    with held.database.reading() as session:
        caller = identify(session, service.operator["authorization"])

    def unit(session, tail):
        index = tail.append("label", opening=opening, identity={"party": caller.party, "key": caller.key})
        session.add(
            LabelRow(
                id=request.id,
                idx=index,
                party_id=caller.party,
                key_id=caller.key,
                system=request.system,
                digital_source_type=done.digital_source_type,
                preferences={},
                format=done.mime,
                layers=done.layers,
                digest_in=bytes(32),
                digest_out=bytes.fromhex(done.sha256),
                manifest=done.manifest,
                manifest_id=opening["manifest_id"],
                signer="ab" * 32,
                warnings=[],
                created_at=request.created_at,
            )
        )

    held.logbook.transact(unit)
    return Labelled(request.id, done.data, opening["manifest_id"])


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
