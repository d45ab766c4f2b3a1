"""ISO base media boxes (ISO/IEC 14496-12, 4.2): walking and writing them, reading numbers."""

import struct

from remarque.errors import Undecodable
from remarque.fingerprints.containers import Box, boxes

__all__ = ["Box", "Numbers", "box", "boxes", "full_box"]


def box(kind: bytes, body: bytes) -> bytes:
    """Write one box."""
    return struct.pack(">I", 8 + len(body)) + kind + body


def full_box(kind: bytes, version: int, flags: bytes, body: bytes) -> bytes:
    """Write one box that carries a version and three bytes of flags."""
    return box(kind, bytes([version]) + flags + body)


class Numbers:
    """Reads big-endian numbers one after the other. Raises Undecodable past the end, or if ``done`` finds a rest."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, size: int) -> int:
        """Return the unsigned number in the next ``size`` bytes; 0 bytes are 0."""
        return int.from_bytes(self.take_bytes(size), "big")

    def take_bytes(self, size: int) -> bytes:
        """Return the next ``size`` bytes."""
        part = self._data[self._at : self._at + size]
        if len(part) != size:
            raise Undecodable("a box ends before its content")
        self._at += size
        return part

    def rest(self) -> bytes:
        """Return what was not read yet."""
        return self._data[self._at :]

    def done(self) -> None:
        """Raise Undecodable if something is left."""
        if self._at != len(self._data):
            raise Undecodable("a box holds more than its content")
