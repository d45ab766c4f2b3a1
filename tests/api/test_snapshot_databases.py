"""A snapshot is a function of the log: the same bytes, whichever database it is made from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sqlalchemy import select, text
from sqlmodel import SQLModel

from app import snapshots
from app.db import Database
from app.settings import Settings
from tests.api.conftest import Service
from tests.conftest import Databases
from tests.postgresql import answers


def copied(source: Database, target: Database) -> None:
    """Put every row of one migrated database into another one, empty but for what a migration writes."""
    with source.engine.connect() as reader, target.engine.begin() as writer:
        for table in SQLModel.metadata.sorted_tables:
            writer.execute(table.delete() if table.name != "log_entry" else text("SELECT 1"))
        for table in SQLModel.metadata.sorted_tables:
            rows = [dict(row) for row in reader.execute(select(table)).mappings()]
            if rows:
                writer.execute(table.insert(), rows)


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_bytes_are_the_same_on_both_databases(
    service: Service, tmp_path: Path, picture: bytes, other_picture: bytes
):
    if not answers() and not os.environ.get("CI"):
        pytest.skip("PostgreSQL is not reachable")
    headers = service.party()
    first = service.declare(
        picture, headers, title="First", url="https://ana.example/1", valid_until="2031-01-01T00:00:00Z"
    )
    second = service.declare(other_picture, headers, preferences={"search": "allowed"})
    change = {"preferences": {"data_mining": "constrained"}}
    service.http.put(f"/v1/declarations/{second['id']}/preferences", json=change, headers=headers)
    hashes = [{"alg": "pdq", "value": f"{n:02x}" * 32, "quality": 90} for n in (0x3C, 0x5A)]
    for item in hashes:
        service.http.post("/v1/declarations", json={"fingerprints": [item]}, headers=headers)
    service.http.post(f"/v1/declarations/{first['id']}/withdraw", headers=headers)
    held = service.http.app.state.resources
    here = snapshots.build(held.database, held.settings)
    other = Databases("postgresql" if "sqlite" in held.settings.database else "sqlite", tmp_path)
    (tmp_path / "elsewhere").mkdir()
    keys = {"log_key": _key(held.settings, "log"), "receipts_key": _key(held.settings, "receipts")}
    with other.fresh(tmp_path / "elsewhere") as url:
        there = Database(url)
        copied(held.database, there)
        again = snapshots.build(there, held.settings.model_copy(update={"data_dir": tmp_path / "elsewhere", **keys}))
        there.close()
    other.close()
    assert again.new
    assert again.directory != here.directory
    assert files_of(here.directory) == files_of(again.directory)
    assert len(files_of(here.directory)) > 3


def _key(settings: Settings, name: str) -> Path:
    return settings.data_dir / "log" / f"{name}.key"
