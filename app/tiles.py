"""The tiles of the log in the database: one row each, grown in place, cut when read. Bundles are made of entries."""

from __future__ import annotations

from collections.abc import Mapping

from sqlmodel import Session, col, select, text

from app.tables import LogEntry, TileRow
from remarque.errors import LogError, NotFound
from remarque.log.merkle import EMPTY_ROOT, HASH_SIZE
from remarque.log.proofs import tree_root
from remarque.log.tiles import ENTRIES, FULL, Tile, edge_tiles, encode_bundle, hash_reader, width_at

_UPSERT = text(
    "INSERT INTO tile (level, n, data) VALUES (:level, :n, :data) "
    "ON CONFLICT (level, n) DO UPDATE SET data = excluded.data"
)


def write_tiles(session: Session, tiles: Mapping[Tile, bytes]) -> None:
    """Store tiles as they are now."""
    session.connection().execute(
        _UPSERT, [{"level": tile.level, "n": tile.n, "data": data} for tile, data in tiles.items()]
    )


def read_hashes(session: Session, tile: Tile) -> bytes:
    """The hashes of a tile, as many as it is wide. Raises LogError where they are not stored."""
    data = session.exec(select(TileRow.data).where(TileRow.level == tile.level, TileRow.n == tile.n)).one_or_none()
    if data is None or len(data) < tile.width * HASH_SIZE:
        raise LogError(f"{tile.path()} is not in the database")
    return data[: tile.width * HASH_SIZE]


def read_bundle(session: Session, tile: Tile) -> bytes:
    """The entries of a bundle. Raises LogError where they are not stored."""
    begin = tile.n * FULL
    rows = session.exec(
        select(LogEntry.idx, LogEntry.body)
        .where(LogEntry.idx >= begin, LogEntry.idx < begin + tile.width)
        .order_by(col(LogEntry.idx))
    ).all()
    if [row[0] for row in rows] != list(range(begin, begin + tile.width)):
        raise LogError(f"{tile.path()} is not in the database")
    return encode_bundle(row[1] for row in rows)


def read_file(session: Session, path: str, size: int) -> bytes:
    """The tile or bundle at ``path``, of a log of which ``size`` entries are published. Raises NotFound."""
    try:
        tile = Tile.parse(path)
    except LogError as error:
        raise NotFound(f"{error}.") from None
    if tile.width > width_at(tile.level, tile.n, size):
        raise NotFound(f"{path} is not in a log of {size} entries.")
    return read_bundle(session, tile) if tile.level == ENTRIES else read_hashes(session, tile)


def edge_at(session: Session, size: int) -> dict[int, bytes]:
    """The partial tiles at the right edge, by level. Raises LogError where one is not stored."""
    return {tile.level: read_hashes(session, tile) for tile in edge_tiles(size)}


def root_at(session: Session, size: int) -> bytes:
    """The root of the first ``size`` entries, from the tiles. Raises LogError where one is not stored."""
    if size == 0:
        return EMPTY_ROOT
    return tree_root(hash_reader(lambda tile: read_hashes(session, tile), size), size)
