"""Declarations a second over HTTP, acknowledged: committed, published and visible to checks.

    python -m bench.log_http [--connections 128] [--seconds 8]

Fingerprints in JSON, one request after the other on each connection. The service runs as it does for an operator, with
one worker and with two, on both databases. The client is another process; its CPU is told, as both share the machine.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import os
import statistics
import tempfile
import time
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table
from sqlmodel import func, select

from app.db import Database
from app.tables import TreeHead
from bench.log import databases
from bench.processes import cpu_seconds, family
from bench.serving import Told, declare_on_one_connection, serving


def load(address: str, key: str, connections: int, seconds: float) -> tuple[int, float, float, float, float]:
    """What a client process does: how many were acknowledged, the seconds, p50 and p99 in milliseconds, and its CPU."""
    told: list[Told] = []
    begin, begin_cpu = time.perf_counter(), time.process_time()
    pdqs = iter(lambda: os.urandom(32).hex(), "")

    def go_on() -> bool:
        return time.perf_counter() - begin < seconds

    async def run() -> None:
        one = (declare_on_one_connection(address, key, pdqs, go_on, told) for _ in range(connections))
        await asyncio.gather(*one)

    asyncio.run(run())
    took, cpu = time.perf_counter() - begin, time.process_time() - begin_cpu
    waits = sorted(one.waited for one in told)
    return len(told), took, 1000 * statistics.median(waits), 1000 * waits[len(waits) * 99 // 100], cpu


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--connections", type=int, default=128)
    parser.add_argument("--seconds", type=float, default=8.0)
    options = parser.parse_args()
    columns = ("workers", "declarations/s", "p50 ms", "p99 ms", "transactions", "service CPU µs", "client CPU µs")
    shown = Table("database", *columns, title=f"over HTTP, {options.connections} connections; CPU a declaration")
    client = multiprocessing.get_context("spawn").Pool(1)
    with tempfile.TemporaryDirectory(prefix="remarque-bench-") as name, client, databases(Path(name)) as made:
        for database, settings in made.items():
            for workers in (1, 2):
                with serving(settings, workers=workers) as service:
                    key = service.party()
                    client.apply(load, (service.address, key, options.connections, 1.0))
                    before, begin_cpu = heads(settings.database), cpu_seconds(family(service.process.pid))
                    given = (service.address, key, options.connections, options.seconds)
                    count, took, p50, p99, client_cpu = client.apply(load, given)
                    cpu = cpu_seconds(family(service.process.pid)) - begin_cpu
                    size = httpx.get(f"{service.address}/readyz").json()["tree_size"]
                    commits = heads(settings.database) - before
                if size < count:
                    raise AssertionError(f"{count} were acknowledged, and the log has {size}")
                cells = (f"{workers}", f"{count / took:,.0f}", f"{p50:.0f}", f"{p99:.0f}", f"{commits}")
                shown.add_row(database, *cells, f"{1e6 * cpu / count:,.0f}", f"{1e6 * client_cpu / count:,.0f}")
    Console(width=140).print(shown)
    return 0


def heads(url: str) -> int:
    """How many states the log went through: transactions that appended."""
    database = Database(url)
    try:
        with database.reading() as session:
            return int(session.exec(select(func.count()).select_from(TreeHead)).one())
    finally:
        database.close()


if __name__ == "__main__":
    raise SystemExit(main())
