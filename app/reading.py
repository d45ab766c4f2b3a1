"""Hostile bytes are read in processes that can be killed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from app.settings import Settings
from remarque.answers import Depth, Verdict
from remarque.errors import BodyTooLarge, PictureError
from remarque.fingerprints import Candidate, Fingerprints, examine, fingerprint, require_detail
from remarque.fingerprints.decode import Limits
from remarque.labels.verify import Reading, read_labels
from remarque.sandbox import Sandbox

#: What is loaded and compiled before it is needed, so that replacing a killed process is quick.
PRELOAD = ("remarque.fingerprints:warm", "remarque.labels.verify", "remarque.labels.stamp")

R = TypeVar("R")


class Processes:
    """The processes of one worker that read what strangers sent. They hold no key."""

    def __init__(self, count: int, read_seconds: float) -> None:
        self.readers = Sandbox(count, seconds=read_seconds, preload=PRELOAD)

    def close(self) -> None:
        """End them."""
        self.readers.close()


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """What the labels of a file say; where that is nothing, what is asked about its picture.

    ``candidate`` is None where labels were found, and where the picture cannot be compared: then ``comparable`` is
    False.
    """

    reading: Reading
    candidate: Candidate | None
    comparable: bool = True


class Reader:
    """Reads pictures: their fingerprints, and the labels they carry."""

    def __init__(self, settings: Settings, sandbox: Sandbox) -> None:
        self._limits = Limits(max_bytes=settings.max_body_bytes, max_pixels=settings.max_pixels)
        self._sandbox = sandbox

    def declared(self, data: bytes) -> Fingerprints:
        """Return everything that is kept of a picture to be declared. Raises PictureError, BodyTooLarge, or Busy."""
        self._require_size(data)
        return self._sandbox.run(fingerprint, data, self._limits)

    def asked(self, data: bytes, depth: Depth) -> Candidate:
        """Return what is asked about a picture. Raises PictureError, BodyTooLarge, or Busy."""
        self._require_size(data)
        return self._sandbox.run(_examine, data, self._limits, depth is Depth.DEEP)

    def labels(self, data: bytes, trust_anchors: bytes, development_root: bytes) -> Looked:
        """Return what the labels of a file say; the picture is decoded only where they say nothing.

        Raises PictureError, BodyTooLarge, or Busy.
        """
        self._require_size(data)
        return self._sandbox.run(_look, data, self._limits, trust_anchors, development_root)

    def run(self, function: Callable[..., R], data: bytes, *arguments: Any) -> R:
        """Run a function of the picture, the limits and ``arguments``, all of which can be pickled.

        Raises what it raises of the one tree, ReadingStopped, BodyTooLarge, or Busy.
        """
        self._require_size(data)
        return self._sandbox.run(function, data, self._limits, *arguments)

    def _require_size(self, data: bytes) -> None:
        # Before the bytes are copied to another process.
        if len(data) > self._limits.max_bytes:
            raise BodyTooLarge(f"A picture has at most {self._limits.max_bytes} bytes, this one {len(data)}.")


def _examine(data: bytes, limits: Limits, deep: bool) -> Candidate:
    return examine(data, limits, deep=deep)


def _look(data: bytes, limits: Limits, trust_anchors: bytes, development_root: bytes) -> Looked:
    reading = read_labels(data, trust_anchors=trust_anchors, development_root=development_root)
    if reading.verdict is not Verdict.NOTHING_FOUND:
        return Looked(reading, None)
    try:
        candidate = examine(data, limits, deep=True)
        require_detail(candidate)
    except PictureError:
        # A file whose labels can be read and whose pixels cannot, or are of one colour: an answer, and the caller is
        # told that no picture was compared.
        return Looked(reading, None, comparable=False)
    return Looked(reading, candidate)
