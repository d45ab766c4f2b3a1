"""A service of its own for a measurement, and declarations over HTTP by a client that costs little itself."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from app.settings import Settings

START_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Serving:
    """A running service."""

    address: str
    process: subprocess.Popen[bytes]

    def party(self) -> str:
        """The key of a new party."""
        return str(httpx.post(f"{self.address}/v1/parties", json={}).raise_for_status().json()["api_key"])


@contextmanager
def serving(settings: Settings, *, workers: int = 1) -> Iterator[Serving]:
    """``remarque serve`` on a folder and a database that outlive it; stopped at the end, if it still runs."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "remarque.cli", "serve", "--data-dir", str(settings.data_dir), "--port", str(port)]
    command += ["--workers", str(workers), "--database-url", settings.database]
    environment = {**os.environ, "REMARQUE_READERS": "1"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            address = f"http://127.0.0.1:{port}"
            _wait(address, process)
            yield Serving(address, process)
        finally:
            if process.poll() is None:
                process.terminate()


def _wait(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{address}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.02)
    raise RuntimeError(f"the service did not start; exit code {process.poll()}")


@dataclass(frozen=True, slots=True)
class Told:
    """What the service told of one declaration, and how long it took to (seconds)."""

    pdq: str
    declaration: dict[str, Any]
    waited: float


async def declare_on_one_connection(
    address: str, key: str, pdqs: Iterator[str], go_on: Callable[[], bool], told: list[Told]
) -> None:
    """Declare one fingerprint after the other until ``go_on`` says no, or the service is gone. Raises RuntimeError on
    any answer but 201."""
    host, port = address.removeprefix("http://").split(":")
    try:
        reader, writer = await asyncio.open_connection(host, int(port))
    except OSError:
        return
    try:
        while go_on():
            pdq = next(pdqs)
            body = json.dumps({"fingerprints": [{"alg": "pdq", "value": pdq, "quality": 100}]}).encode()
            head = f"POST /v1/declarations HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n"
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            begin = time.perf_counter()
            writer.write(head.encode() + body)
            answer = await reader.readuntil(b"\r\n\r\n")
            lines = answer.decode("ascii").lower().split("\r\n")
            [length] = [line.partition(":")[2] for line in lines if line.startswith("content-length:")]
            content = await reader.readexactly(int(length))
            if lines[0].split()[1] != "201":
                raise RuntimeError(f"{lines[0]}: {content[:300]!r}")
            told.append(Told(pdq, json.loads(content), time.perf_counter() - begin))
    except (ConnectionError, asyncio.IncompleteReadError):
        return  # the service is gone: what it did not answer was not told
    finally:
        writer.close()
