"""Hostile bytes are read in processes that can be killed."""

from __future__ import annotations

from app.settings import Settings
from remarque.errors import BodyTooLarge
from remarque.fingerprints import Fingerprints, fingerprint
from remarque.fingerprints.decode import Limits
from remarque.labels.verify import Reading, read_labels
from remarque.sandbox import Sandbox

#: What a reader loads before it is needed, so that replacing a killed one is quick.
PRELOAD = (
    "remarque.fingerprints",
    "remarque.fingerprints.pdq",
    "remarque.fingerprints.interop",
    "remarque.labels.verify",
)


class Reader:
    """Reads pictures: their fingerprints, and the labels they carry."""

    def __init__(self, settings: Settings) -> None:
        self._limits = Limits(max_bytes=settings.max_body_bytes, max_pixels=settings.max_pixels)
        self._sandbox = Sandbox(settings.readers, seconds=settings.read_seconds, preload=PRELOAD)

    def fingerprint(self, data: bytes) -> Fingerprints:
        """Return the fingerprints of a picture. Raises PictureError, BodyTooLarge, or Busy."""
        self._require_size(data)
        return self._sandbox.run(fingerprint, data, self._limits)

    def labels(self, data: bytes, trust_anchors: bytes, development_root: bytes) -> Reading:
        """Return what the labels of a file say. Raises PictureError, BodyTooLarge, or Busy."""
        self._require_size(data)
        return self._sandbox.run(_read_labels, data, trust_anchors, development_root)

    def _require_size(self, data: bytes) -> None:
        # Before the bytes are copied to another process.
        if len(data) > self._limits.max_bytes:
            raise BodyTooLarge(f"A picture has at most {self._limits.max_bytes} bytes, this one {len(data)}.")

    def close(self) -> None:
        """End the processes."""
        self._sandbox.close()


def _read_labels(data: bytes, trust_anchors: bytes, development_root: bytes) -> Reading:
    return read_labels(data, trust_anchors=trust_anchors, development_root=development_root)
