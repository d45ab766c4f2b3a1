"""``remarque snapshot build``: make the snapshot of the newest state. For a timer, or by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.db import Database
from app.settings import Settings
from app.snapshots import build


def snapshot_build(
    data_dir: Annotated[
        Path, typer.Option(help="Where the database and the keys lie.", envvar="REMARQUE_DATA_DIR")
    ] = Path("data"),
    database_url: Annotated[
        str | None, typer.Option(help="A PostgreSQL URL instead of SQLite.", envvar="REMARQUE_DATABASE_URL")
    ] = None,
) -> None:
    """Make and sign the snapshot of the newest published state, beside a running service or without one."""
    settings = Settings(data_dir=data_dir, database_url=database_url)
    database = Database(settings.database)
    try:
        built = build(database, settings)
    finally:
        database.close()
    manifest = built.manifest
    how = "is there already" if not built.new else "made of the whole log" if built.since is None else "made"
    if built.since is not None:
        how += f" of the one at {built.since}"
    typer.echo(
        f"{built.directory}: tree size {manifest.tree_size}, {manifest.counts['declarations']} declarations, "
        f"{manifest.bytes:,} bytes, {how}"
    )
