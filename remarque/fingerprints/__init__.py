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
from remarque.fingerprints.frames import Frames, asked_frames, stored_frames
from remarque.fingerprints.interop import phash
from remarque.fingerprints.iscc import image_code
from remarque.fingerprints.luma import rgb_to_luma
from remarque.fingerprints.packing import region_items
from remarque.fingerprints.pdq import MIN_QUALITY, ORIENTATIONS, Pdq, pdq_dihedral
from remarque.fingerprints.regions import Regions, asked_regions, stored_regions

__all__ = [
    "MIN_QUALITY",
    "ORIENTATIONS",
    "Candidate",
    "Fingerprints",
    "Limits",
    "Pdq",
    "Picture",
    "Regions",
    "decode",
    "examine",
    "fingerprint",
    "image_code",
    "pdq_dihedral",
    "phash",
    "require_detail",
    "rgb_to_luma",
    "sniff",
    "warm",
]


@dataclass(frozen=True, slots=True, eq=False)
class Fingerprints:
    """What is kept of a picture that is declared: everything here, and none of its pixels.

    ``sha256``: lower-case hex of the bytes as sent. ``width``, ``height``: pixels as displayed. ``frames``: PDQ in its
    eight orientations first. ``phash``: 8 bytes, ``regions``: those to be stored, ``iscc``: the 32 bytes of the
    Image-Code; None where not asked for.
    """

    sha256: str
    mime: str
    width: int
    height: int
    frames: Frames
    phash: bytes | None
    regions: Regions | None
    iscc: bytes | None = None

    @property
    def pdq(self) -> NDArray[np.uint8]:
        """PDQ, uint8 (8, 32), rows as in ORIENTATIONS."""
        return self.frames.hashes[: len(ORIENTATIONS)]

    @property
    def quality(self) -> int:
        """Of the PDQ, 0-100."""
        return int(self.frames.quality[0])

    def to_items(self) -> list[Fingerprint]:
        """The fingerprints as the contract writes them: PDQ in its forms, further frames, pHash, ISCC, regions."""
        frames = self.frames
        items = [
            Fingerprint(
                alg="pdq",
                value=frames.hashes[i].tobytes().hex(),
                quality=int(frames.quality[i]),
                orientation=frames.orientations[i],
                size=float(frames.sides[i]),
            )
            # What holds too little would match what it is not.
            for i in np.flatnonzero(frames.counts).tolist()
        ]
        if self.phash is not None:
            items.append(Fingerprint(alg="phash", value=self.phash.hex()))
        if self.iscc is not None:
            items.append(Fingerprint(alg="iscc", value=self.iscc.hex()))
        return items if self.regions is None else [*items, *region_items(self.regions)]


@dataclass(frozen=True, slots=True, eq=False)
class Candidate:
    """What is asked about a picture: its frames as they may hang somewhere else, and its regions for a deep check."""

    mime: str
    width: int
    height: int
    frames: Frames
    regions: Regions | None

    @property
    def quality(self) -> int:
        """Of the PDQ of the whole picture, 0-100."""
        return int(self.frames.quality[0])

    def to_items(self) -> list[Fingerprint]:
        """The PDQ of the picture as it is."""
        return [Fingerprint(alg="pdq", value=self.frames.hashes[0].tobytes().hex(), quality=self.quality)]


def fingerprint(
    data: bytes,
    limits: Limits = Limits(),  # noqa: B008 - frozen, without state
    *,
    interop: bool = True,
    regions: bool = True,
    iscc: bool = False,
) -> Fingerprints:
    """Fingerprint a picture that is to be declared or labelled, decoding it once.

    ``interop`` adds the pHash, for datasets that know nothing else; ``regions`` those by which parts are found again;
    ``iscc`` the Image-Code of ISO 24138, the soft binding of a label.

    Raises BodyTooLarge or one of the PictureError family, never TooPlain: what little detail means is the caller's to
    say (``require_detail``). Raises MissingExtra where the extra ``filter`` is not installed.
    """
    picture = decode(data, limits)
    return Fingerprints(
        sha256=hashlib.sha256(data).hexdigest(),
        mime=picture.mime,
        width=picture.width,
        height=picture.height,
        frames=stored_frames(picture),
        phash=phash(picture) if interop else None,
        regions=stored_regions(picture) if regions else None,
        iscc=image_code(picture) if iscc else None,
    )


def examine(
    data: bytes,
    limits: Limits = Limits(),  # noqa: B008 - frozen, without state
    *,
    deep: bool = True,
) -> Candidate:
    """Fingerprint a picture that is asked about, decoding it once; regions only for a ``deep`` check.

    Raises as ``fingerprint`` does.
    """
    picture = decode(data, limits)
    return Candidate(
        mime=picture.mime,
        width=picture.width,
        height=picture.height,
        frames=asked_frames(picture),
        regions=asked_regions(picture) if deep else None,
    )


def require_detail(fingerprints: Fingerprints | Candidate) -> None:
    """Raise TooPlain if the picture holds too little detail to be told from others."""
    if not fingerprints.frames.counts.any():
        raise TooPlain(
            f"The picture holds too little detail to be recognised again: "
            f"its quality is {fingerprints.quality}, the least that counts is {MIN_QUALITY}, "
            "and no part of it tells more."
        )


def warm() -> None:
    """Fingerprint a small drawn picture, so that the first real one does not wait for imports and compiled code."""
    rows, columns = np.indices((64, 96))
    for form in ("JPEG", "PNG"):
        file = BytesIO()
        Image.fromarray((rows * columns % 256).astype(np.uint8)).convert("RGB").save(file, form)
        fingerprint(file.getvalue())
        examine(file.getvalue())
