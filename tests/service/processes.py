"""A registry and a witness as processes on directories of the test, with what they say on stderr in files."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.checkpoints import Publisher
from app.prepare import prepare
from app.settings import Settings

#: Starts and publishing are waited for as long as a machine at work may need.
PATIENCE = 60.0
COMMAND = [sys.executable, "-m", "remarque.cli"]


@dataclass(frozen=True)
class Registry:
    """A running registry."""

    url: str
    folder: Path
    errors: Path

    def party(self) -> dict[str, str]:
        key = httpx.post(f"{self.url}/v1/parties", json={}).raise_for_status().json()["api_key"]
        return {"authorization": f"Bearer {key}"}

    def declare(self, headers: dict[str, str], *numbers: int) -> list[dict[str, Any]]:
        """Declare made-up fingerprints, one after the other."""
        with httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE) as client:
            bodies = [{"fingerprints": [{"alg": "pdq", "value": f"{number:064x}"}]} for number in numbers]
            return [client.post("/v1/declarations", json=body).raise_for_status().json() for body in bodies]

    def saved_keys(self, path: Path) -> Path:
        path.write_bytes(httpx.get(f"{self.url}/.well-known/remarque.json").content)
        return path


def log_vkey(folder: Path) -> str:
    """Make the keys of a registry; its log's key."""
    prepare(Settings(data_dir=folder))
    return Publisher.load(Settings(data_dir=folder)).keys.log.verifier.to_text()


@contextmanager
def registry(folder: Path, settings: Mapping[str, str]) -> Iterator[Registry]:
    """``remarque serve`` on a directory that outlives it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url, errors = f"http://127.0.0.1:{port}", folder.with_name(f"{folder.name}.stderr")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("REMARQUE_")}
    environment |= {"REMARQUE_READERS": "1", "REMARQUE_PUBLISH_SECONDS": "0.1", **settings}
    command = [*COMMAND, "serve", "--data-dir", str(folder), "--port", str(port)]
    with errors.open("ab") as stderr, ended(subprocess.Popen(command, env=environment, stderr=stderr)) as process:
        wait_for(lambda: answers(f"{url}/readyz", process), lambda: errors.read_text())
        yield Registry(url, folder, errors)


@contextmanager
def witness(folder: Path, *options: str) -> Iterator[tuple[str, str]]:
    """``remarque log witness`` on a directory that outlives it: its vkey and its address."""
    errors = folder.with_name(f"{folder.name}.stderr")
    command = [*COMMAND, "log", "witness", str(folder), "--port", "0", *options]
    with (
        errors.open("wb") as stderr,
        ended(subprocess.Popen(command, stderr=stderr, stdout=subprocess.PIPE)) as process,
    ):
        wait_for(lambda: "witness of" in errors.read_text() or process.poll() is not None, lambda: errors.read_text())
        found = re.search(r"http://\S+", errors.read_text())
        assert found, errors.read_text()
        assert process.stdout is not None
        yield process.stdout.readline().decode().strip(), found[0]


@contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """Let the process end when it is no longer needed."""
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.terminate()


def answers(url: str, process: subprocess.Popen[bytes]) -> bool:
    """Whether it answers. Fails the test where the process has ended."""
    assert process.poll() is None, "the process has ended"
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False


def wait_for(happened: Any, told: Any = lambda: "") -> None:
    """Wait until it has happened, and fail the test if it does not."""
    deadline = time.monotonic() + PATIENCE
    while not happened():
        if time.monotonic() > deadline:
            pytest.fail(f"it did not happen; {told()}")
        time.sleep(0.05)


def remarque(*arguments: object, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a person would, with these variables in the environment."""
    command, environment = [*COMMAND, *map(str, arguments)], os.environ | settings
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE)
