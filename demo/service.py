"""A service of one's own for as long as it is needed: a process, a free port, a data directory that goes with it."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from remarque.client import Client

#: Seconds for a start. It took 1.4 on two cores with nothing else to do; a machine at work may need many times that.
START_SECONDS = 60.0

#: Seconds for a polite end before the process is killed.
STOP_SECONDS = 10.0


class ServiceDidNotStart(Exception):
    """The service ended or was not ready in time; the message holds the end of what it printed."""


@dataclass(frozen=True, slots=True)
class Service:
    """A running service: its address, and the operator's key."""

    url: str
    operator_key: str = field(repr=False)


@contextmanager
def running_service(settings: Mapping[str, str] | None = None, *, workers: int = 1) -> Iterator[Service]:
    """Start ``remarque serve`` on 127.0.0.1 with a data directory of its own; end both at the end.

    ``settings`` are environment variables of the service. Raises ServiceDidNotStart.
    """
    with tempfile.TemporaryDirectory(prefix="remarque-") as folder:
        data_dir, log = Path(folder, "data"), Path(folder, "log")
        port = _free_port()
        url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "remarque.cli", "serve", "--port", str(port), "--data-dir", str(data_dir)]
        command += ["--workers", str(workers)]
        # Settings of another service on this machine are not for this one.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("REMARQUE_")}
        environment.update(settings or {})
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
            )
        try:
            _wait(process, url, log)
            yield Service(url, (data_dir / "operator.key").read_text().strip())
        finally:
            _end(process)


def _wait(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    with Client(url, timeout=5.0) as client:
        while process.poll() is None and time.monotonic() < deadline:
            if client.ready():
                return
            time.sleep(0.1)
    told = log.read_text(errors="replace")[-2000:]
    raise ServiceDidNotStart(f"the service at {url} did not become ready; it said:\n{told}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
