"""Whether the log only grew: the state of a snapshot that is there must be the beginning of the one that is offered.

Without it a registry could show one history to one builder and another one to the next, and sign both.
"""

from __future__ import annotations

from http import HTTPStatus

from remarque.errors import ServiceRefused
from remarque.log.merkle import HASH_SIZE
from remarque.log.proofs import consistency_proof, verify_consistency
from remarque.log.tiles import FULL, Tile, hash_reader
from remarque.snapshots.manifest import Manifest
from remarque.transport import Call, Transport


def require_growth(wire: Transport, old: Manifest, new: Manifest) -> None:
    """Raise LogError unless the tiles of the log prove that the old state is a beginning of the new one.

    ServiceError where they cannot be had: what is not shown is not proven.
    """
    if old.tree_size == 0:  # every log begins so
        return
    proof = consistency_proof(hash_reader(lambda tile: _read(wire, tile), new.tree_size), old.tree_size, new.tree_size)
    verify_consistency(old.tree_size, bytes.fromhex(old.root), new.tree_size, bytes.fromhex(new.root), proof)


def _read(wire: Transport, tile: Tile) -> bytes:
    try:
        return wire.send(_call(tile))
    except ServiceRefused as error:
        if error.status != HTTPStatus.NOT_FOUND or tile.width == FULL:
            raise
    # A copy of the log may keep full tiles alone; what a partial one held, the full one begins with.
    return wire.send(_call(tile._replace(width=FULL)))[: tile.width * HASH_SIZE]


def _call(tile: Tile) -> Call[bytes]:
    path = f"/log/{tile.path()}"
    return Call(method="GET", path=path, read=lambda answer: answer.response.content, headers={"Accept": "*/*"})
