"""Erasure reaches the files beside the tables: SQLite's pages and journal, snapshots, the stored index."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from app import index, snapshots
from app.db import Database
from app.settings import Settings
from app.tables import DeclarationRow
from remarque.preferences import Preference
from remarque.snapshots import open_snapshot
from tests.api.conftest import Service, start
from tests.api.test_erasing import SAID, drawn, erase, eventually, party


def test_snapshots_that_hold_it_are_withdrawn(service: Service, picture: bytes):
    held = service.http.app.state.resources
    artist = service.party()
    kept = service.declare(drawn(1), artist)
    earlier = snapshots.build(held.database, held.settings).directory
    said = service.declare(picture, artist, **SAID)
    later = snapshots.build(held.database, held.settings).directory
    erase(service, said, artist)
    assert (earlier.exists(), later.exists()) == (True, False)
    fresh = snapshots.build(held.database, held.settings)
    assert fresh.manifest.counts["declarations"] == 1
    holds = b"".join(path.read_bytes() for path in fresh.directory.iterdir())
    assert b"erasable" not in holds
    snapshot = open_snapshot(fresh.directory)
    assert snapshot.check_picture(picture).preference is Preference.UNKNOWN
    assert snapshot.check_picture(drawn(1)).preference is Preference.DISALLOWED
    party_id = said_by(held.database, kept["id"])
    service.http.post(f"/v1/parties/{party_id}/erase", headers=service.operator)
    assert list(snapshots._newest_first(held.settings.data_dir / snapshots.FOLDER)) == []


def said_by(database: Database, declaration: str) -> str:
    with database.reading() as session:
        return session.exec(select(DeclarationRow.party_id).where(DeclarationRow.id == declaration)).one()


@pytest.fixture
def on_sqlite(settings_for: Callable[..., Settings], processes: Any) -> Iterator[Service]:
    yield from start(settings_for(), processes)


def test_no_byte_of_it_is_left_in_the_files_of_sqlite(on_sqlite: Service, tmp_path: Path, picture: bytes):
    service = on_sqlite
    party_id, artist = party(service, display_name="Erasable Ruiz")
    key = artist["authorization"].removeprefix("Bearer ")
    said = [
        service.declare(drawn(seed), artist, **{**SAID, "url": f"https://erasable.example/{seed}"})
        for seed in range(12)
    ]
    other = service.declare(picture, service.party(), title="It stays")
    erase(service, said[0], artist)

    def files() -> bytes:
        kept = {"operator.key", "log", "pki"}
        return b"\0".join(
            path.read_bytes()
            for path in sorted(tmp_path.rglob("*"))
            if path.is_file() and path.relative_to(tmp_path).parts[0] not in kept
        )

    def left(one: dict[str, Any]) -> list[str]:
        held = files()
        marks = [item["value"] for item in one["fingerprints"] if item["alg"] in ("pdq", "phash")]
        return [mark for mark in marks if bytes.fromhex(mark) in held or mark.encode() in held]

    assert left(said[0]) == []
    assert left(said[1]) != []
    assert b"Erasable Ruiz" in files()
    assert service.http.post(f"/v1/parties/{party_id}/erase", headers=artist).status_code == 200
    held = files()
    for trace in ("Erasable", "erasable", party_id, key):
        assert trace.encode() not in held, trace
    assert [left(one) for one in said] == [[]] * len(said)
    assert left(other) != []
    assert b"It stays" in held


def test_what_the_index_stored_is_replaced(
    settings_for: Callable[..., Settings], processes: Any, picture: bytes, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(index, "ROWS_BEYOND_BASE", 1)
    settings = settings_for()
    folder = settings.data_dir / "index"

    def sizes() -> list[int]:
        return index.Bases(folder).sizes()

    for service in start(settings, processes):
        artist = service.party()
        said = service.declare(picture, artist)
        eventually(lambda: sizes() == [1])
        monkeypatch.setattr(index, "ROWS_BEYOND_BASE", 1_000_000)
        service.declare(drawn(1), artist)
        erase(service, said, artist)
        assert sizes() == [1], "many erasures are one replacement"
        monkeypatch.setattr(index, "ERASED_SECONDS", 0.0)
        eventually(lambda: sizes() == [3])
        assert service.check(drawn(1))["preference"] == "disallowed"
    for again in start(settings, processes):
        assert again.check(picture)["matches"] == []
        assert again.check(drawn(1))["preference"] == "disallowed"
        assert sizes() == [3]
