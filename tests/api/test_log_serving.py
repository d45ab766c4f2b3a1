"""The log as files: what anybody can download, and what stays inside."""

from __future__ import annotations

import pytest

from app.db import Database
from app.published import ROUTES
from app.routers.log import FOR_EVER
from remarque.log.audit import audit
from remarque.log.checkpoint import open_checkpoint
from remarque.log.keys import PinnedKeys
from remarque.log.merkle import EMPTY_ROOT, HASH_SIZE, leaf_hash
from remarque.log.tiles import FULL, decode_bundle
from tests.api.conftest import Service
from tests.api.test_group_commit import declare_many


def pinned(service: Service) -> PinnedKeys:
    return PinnedKeys.from_document(service.http.get("/.well-known/remarque.json").json())


def read(service: Service, path: str) -> bytes | None:
    response = service.http.get(f"/log/{path}")
    return None if response.status_code == 404 else response.raise_for_status().content


@pytest.fixture
def large(service: Service, database_url: str) -> Service:
    """A service with 300 entries: a full tile and a partial one."""
    database = Database(database_url)
    declare_many(service, database, 300)
    database.close()
    return service


def test_a_fresh_registry_has_a_signed_checkpoint_of_nothing(service: Service):
    checkpoint = open_checkpoint(read(service, "checkpoint"), pinned(service).log_key)
    assert (checkpoint.size, checkpoint.root) == (0, EMPTY_ROOT)
    assert read(service, "tile/0/000.p/1") is None


def test_invariant_2_anybody_can_compute_the_whole_log_again(large: Service):
    audited = audit(lambda path: read(large, path), pinned(large))
    assert (audited.checkpoint.size, audited.types) == (300, {"declare": 300})
    assert audited.checkpoint.root.hex() == large.http.get("/readyz").json()["root"]
    assert (audited.bundles, audited.tiles) == (2, 3)


def test_invariant_7_a_partial_tile_is_the_beginning_of_the_full_one(large: Service):
    full, bundle = read(large, "tile/0/000"), read(large, "tile/entries/000")
    entries = decode_bundle(bundle, FULL)
    for width in (1, 100, 255):
        part = read(large, f"tile/0/000.p/{width}")
        assert part == full[: width * HASH_SIZE]
        entries_part = read(large, f"tile/entries/000.p/{width}")
        assert bundle.startswith(entries_part)
        assert decode_bundle(entries_part, width) == entries[:width]
    assert full == b"".join(leaf_hash(entry) for entry in entries)


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/001",
        "tile/0/001.p/45",
        "tile/1/000",
        "tile/1/000.p/2",
        "tile/2/000.p/1",
        "tile/entries/001",
        "tile/entries/001.p/45",
        "tile/entries/002.p/1",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
    ],
)
def test_invariant_7_nothing_beyond_the_published_size_is_served(large: Service, path: str):
    assert read(large, "tile/0/001.p/44") is not None
    assert large.http.get(f"/log/{path}").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        *("tile/0/0", "tile/00/000", "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01", "tile/-1/000"),
        *("tile/64/000", "tile/0/x000/000", "tile/entries/abc", "tile/0/000/", "tile/0/000.p/1/x", "openings/000"),
        "tile/\N{ARABIC-INDIC DIGIT ZERO}/000",
    ],
)
def test_a_path_has_one_spelling(large: Service, path: str):
    response = large.http.get(f"/log/{path}")
    assert response.status_code == 404
    assert response.json()["type"] == "/problems/not-found"


def test_tiles_are_kept_for_ever_and_checkpoints_are_not(large: Service):
    tile = large.http.get("/log/tile/0/000")
    assert tile.headers["cache-control"] == FOR_EVER
    assert tile.headers["content-type"] == "application/octet-stream"
    again = large.http.get("/log/tile/0/000", headers={"if-none-match": tile.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert large.http.get("/log/tile/0/000", headers={"if-none-match": '"other"'}).content == tile.content
    checkpoint = large.http.get("/log/checkpoint")
    assert checkpoint.headers["cache-control"] == "public, max-age=2"
    assert checkpoint.headers["content-type"].startswith("text/plain")


def test_the_keys_come_with_the_routes_that_there_are(service: Service):
    document = service.http.get("/.well-known/remarque.json").json()
    assert document["origin"] == "localhost/log1"
    assert document["witnesses"] == []
    assert "BEGIN CERTIFICATE" in document["c2pa_root_pem"]
    paths = service.http.get("/openapi.json").json()["paths"]
    assert document["routes"] == dict(ROUTES)
    assert set(ROUTES.values()) <= set(paths)
