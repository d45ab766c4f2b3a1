"""The log as its specifications say it, slowly and without our library: the judge of the fast code.

Trees are lists of entries. The hashes and proofs are the recursions of RFC 6962 section 2.1, the verifiers the
algorithms of RFC 9162 sections 2.1.3.2 and 2.1.4.2, step by step. Notes are put together by hand.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def jcs(value: Any) -> bytes:
    """RFC 8785, for objects of whole numbers and texts with ASCII names."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def split(n: int) -> int:
    """The largest power of two smaller than n."""
    k = 1
    while k * 2 < n:
        k *= 2
    return k


def mth(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962 section 2.1: the Merkle tree hash."""
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0])
    k = split(len(leaves))
    return sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:]))


def path(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    """RFC 6962 section 2.1.1: the audit path of leaf m."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if m < k:
        return [*path(m, leaves[:k]), mth(leaves[k:])]
    return [*path(m - k, leaves[k:]), mth(leaves[:k])]


def proof(m: int, leaves: Sequence[bytes]) -> list[bytes]:
    """RFC 6962 section 2.1.2: the consistency proof from the first m leaves."""
    return subproof(m, leaves, known=True)


def subproof(m: int, leaves: Sequence[bytes], *, known: bool) -> list[bytes]:
    if m == len(leaves):
        return [] if known else [mth(leaves)]
    k = split(len(leaves))
    if m <= k:
        return [*subproof(m, leaves[:k], known=known), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], known=False), mth(leaves[:k])]


def holds_inclusion(leaf: bytes, index: int, size: int, inclusion: Sequence[bytes], root: bytes) -> bool:
    """RFC 9162 section 2.1.3.2."""
    if not 0 <= index < size:
        return False
    fn, sn, r = index, size - 1, leaf
    for p in inclusion:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = sha256(b"\x01" + p + r)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = sha256(b"\x01" + r + p)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == root


def holds_consistency(first: int, first_hash: bytes, second: int, second_hash: bytes, given: Sequence[bytes]) -> bool:
    """RFC 9162 section 2.1.4.2, and for equal sizes equal roots and an empty proof."""
    if first == second:
        return first_hash == second_hash and not given
    if not 0 < first < second or not given:
        return False
    nodes = [first_hash, *given] if first & (first - 1) == 0 else list(given)
    fn, sn = first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = nodes[0]
    for c in nodes[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = sha256(b"\x01" + c + fr), sha256(b"\x01" + c + sr)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = sha256(b"\x01" + sr + c)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and fr == first_hash and sr == second_hash


def tile(level: int, n: int, leaves: Sequence[bytes]) -> bytes:
    """C2SP tlog-tiles: the hashes of a tile, of as many of its 256 subtrees as are complete."""
    height = 256**level
    starts = [(256 * n + i) * height for i in range(256)]
    return b"".join(mth(leaves[start : start + height]) for start in starts if start + height <= len(leaves))


class Signer(NamedTuple):
    """A key of signed notes: 1 signs notes, 4 cosigns."""

    name: str
    kind: int
    seed: bytes

    @property
    def public(self) -> bytes:
        return Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()

    @property
    def id(self) -> bytes:
        return sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public)[:4]

    @property
    def vkey(self) -> str:
        return f"{self.name}+{self.id.hex()}+{b64(bytes([self.kind]) + self.public)}"

    def line(self, text: str, time: int = 0) -> str:
        private, stamp, message = Ed25519PrivateKey.from_private_bytes(self.seed), b"", text.encode()
        if self.kind == 4:
            stamp, message = time.to_bytes(8, "big"), f"cosignature/v1\ntime {time}\n{text}".encode()
        return f"— {self.name} {b64(self.id + stamp + private.sign(message))}\n"


def note(text: str, *signers: Signer, time: int = 1_795_464_000) -> str:
    return text + "\n" + "".join(signer.line(text, time) for signer in signers)


def checkpoint(log: Signer, leaves: Sequence[bytes], *witnesses: Signer) -> str:
    return note(f"{log.name}\n{len(leaves)}\n{b64(mth(leaves))}\n", log, *witnesses)


def commitment(tag: str, salt: bytes, payload: Any) -> str:
    return sha256(f"remarque/{tag}/v1\0".encode() + salt + jcs(payload)).hex()
