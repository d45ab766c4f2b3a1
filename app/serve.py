"""``remarque serve``: prepare the data directory, then run the service. The library finds it by its entry point."""

import os
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from app.prepare import prepare
from app.settings import Settings

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # readers are processes of their own; threads would fight


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.")] = 8000,
    data_dir: Annotated[
        Path, typer.Option(help="Where the database and the keys lie.", envvar="REMARQUE_DATA_DIR")
    ] = Path("data"),
    database_url: Annotated[
        str | None, typer.Option(help="A PostgreSQL URL instead of SQLite.", envvar="REMARQUE_DATABASE_URL")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that answer requests.")] = 1,
) -> None:
    """Serve the pages and the API. A fresh data directory is made ready first."""
    # The workers are processes of their own and read the same environment.
    os.environ["REMARQUE_DATA_DIR"] = str(data_dir.resolve())
    if database_url is not None:
        os.environ["REMARQUE_DATABASE_URL"] = database_url
    settings = Settings()
    made = prepare(settings)
    if made.operator_key is not None:
        print(f"The operator key was written to {made.operator_key} (only you can read it).")
    if made.development_keys:
        print("Labels are signed with a DEVELOPMENT certificate that only this server trusts.")
    print(f"Remarque is at http://{f'[{host}]' if ':' in host else host}:{port}/", flush=True)
    uvicorn.run(
        "app.main:from_environment",
        factory=True,
        host=host,
        port=port,
        workers=workers,
        log_level="warning",
        server_header=False,
    )
