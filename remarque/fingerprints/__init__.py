"""Bytes to pixels to fingerprints.

    from remarque.fingerprints import fingerprint
    fingerprint(Path("print.jpg").read_bytes()).to_items()

Importing this package needs Pillow and numpy alone; hashing a picture needs the extra ``filter``.
"""

import hashlib
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from remarque.answers import Fingerprint
from remarque.errors import TooPlain
from remarque.fingerprints.decode import Limits, Picture, decode, sniff
from remarque.fingerprints.interop import phash
from remarque.fingerprints.luma import rgb_to_luma
from remarque.fingerprints.pdq import MIN_QUALITY, ORIENTATIONS, Pdq, pdq_dihedral

__all__ = [
    "MIN_QUALITY",
    "ORIENTATIONS",
    "Fingerprints",
    "Limits",
    "Pdq",
    "Picture",
    "decode",
    "fingerprint",
    "pdq_dihedral",
    "phash",
    "require_detail",
    "rgb_to_luma",
    "sniff",
    "warm",
]


@dataclass(frozen=True, slots=True, eq=False)
class Fingerprints:
    """What is kept of a picture: everything here, and none of its pixels. Under a kilobyte when pickled.

    ``sha256``: lower-case hex of the bytes as sent. ``width``, ``height``: pixels as displayed. ``quality``: 0-100.
    ``pdq``: uint8 (8, 32), rows as in ORIENTATIONS. ``phash``: 8 bytes, or None where it was not asked for.
    """

    sha256: str
    mime: str
    width: int
    height: int
    quality: int
    pdq: NDArray[np.uint8]
    phash: bytes | None

    def to_items(self) -> list[Fingerprint]:
        """The fingerprints as the contract writes them: PDQ upright, its seven other orientations, pHash."""
        items = [
            Fingerprint(alg="pdq", value=row.tobytes().hex(), quality=self.quality, orientation=name)
            for row, name in zip(self.pdq, ORIENTATIONS, strict=True)
        ]
        if self.phash is not None:
            items.append(Fingerprint(alg="phash", value=self.phash.hex()))
        return items


def fingerprint(
    data: bytes,
    limits: Limits = Limits(),  # noqa: B008 - frozen, without state
    *,
    interop: bool = True,
) -> Fingerprints:
    """Fingerprint one picture, decoding it once.

    ``interop`` adds the pHash, for datasets that know nothing else; it takes as long as decoding a small picture.

    Raises BodyTooLarge or one of the PictureError family, never TooPlain: what little detail means is the caller's to
    say (``require_detail``). Raises MissingExtra where the extra ``filter`` is not installed.
    """
    picture = decode(data, limits)
    pdq = pdq_dihedral(picture.luma)
    return Fingerprints(
        sha256=hashlib.sha256(data).hexdigest(),
        mime=picture.mime,
        width=picture.width,
        height=picture.height,
        quality=pdq.quality,
        pdq=pdq.hashes,
        phash=phash(picture) if interop else None,
    )


def require_detail(fingerprints: Fingerprints) -> None:
    """Raise TooPlain if the picture holds too little detail to be told from others."""
    if fingerprints.quality < MIN_QUALITY:
        raise TooPlain(
            f"The picture holds too little detail to be recognised again: "
            f"its quality is {fingerprints.quality}, the least that counts is {MIN_QUALITY}."
        )


def warm() -> None:
    """Fingerprint a small drawn picture, so that the first real one does not wait for imports and compiled code."""
    rows, columns = np.indices((64, 96))
    for form in ("JPEG", "PNG"):
        file = BytesIO()
        Image.fromarray((rows * columns % 256).astype(np.uint8)).convert("RGB").save(file, form)
        fingerprint(file.getvalue())
