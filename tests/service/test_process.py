"""The service as a process: started, killed, cut off, shared by workers."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from remarque.log.audit import audit
from remarque.log.keys import PinnedKeys
from remarque.log.merkle import Tree, leaf_hash
from remarque.log.sources import log_client, read_address
from remarque.log.tiles import ENTRIES, decode_bundle, tiles_at
from tests.conftest import Databases

START_SECONDS = 60
RUNS_OF_KILL = 5


@contextmanager
def serving(folder: Path, url: str, *, workers: int = 1) -> Iterator[tuple[str, subprocess.Popen]]:
    """``remarque serve`` on a directory that outlives it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "remarque.cli", "serve", "--data-dir", str(folder), "--port", str(port)]
    command += ["--workers", str(workers), "--database-url", url]
    environment = {**os.environ, "REMARQUE_READERS": "1"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            _wait(f"http://127.0.0.1:{port}", process)
            yield f"http://127.0.0.1:{port}", process
        finally:
            if process.poll() is None:
                process.terminate()


def _wait(address: str, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{address}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    pytest.fail(f"the service did not start; exit code {process.poll()}")


def _party(address: str) -> dict[str, str]:
    key = httpx.post(f"{address}/v1/parties", json={}).json()["api_key"]
    return {"authorization": f"Bearer {key}"}


def _descendants(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                status = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it has ended meanwhile
            if int(status[1]) == pid:
                found += [int(entry.name), *_descendants(int(entry.name))]
    return found


def test_what_was_acknowledged_survives_kill_9_and_nothing_stays_behind(databases: Databases, tmp_path: Path):
    acknowledged: dict[str, dict] = {}
    with databases.fresh(tmp_path) as url:
        for run in range(RUNS_OF_KILL):
            with serving(tmp_path, url) as (address, process):
                headers = _party(address)

                def declare(number: int, address: str = address, headers: dict = headers, run: int = run) -> None:
                    for n in range(1000):
                        value = f"{(run << 20) + (number << 10) + n:064x}"
                        body = {"fingerprints": [{"alg": "pdq", "value": value}]}
                        try:
                            response = httpx.post(f"{address}/v1/declarations", json=body, headers=headers)
                        except httpx.TransportError:
                            return  # the service is gone
                        assert response.status_code == 201
                        acknowledged[value] = response.json()["log"]

                threads = [threading.Thread(target=declare, args=(n,)) for n in range(4)]
                for thread in threads:
                    thread.start()
                time.sleep(0.3 + 0.2 * run)
                children = _descendants(process.pid)
                process.send_signal(signal.SIGKILL)
                process.wait()
                for thread in threads:
                    thread.join()
                deadline = time.monotonic() + 10
                while any(Path(f"/proc/{child}").exists() for child in children) and time.monotonic() < deadline:
                    time.sleep(0.05)
                assert not [child for child in children if Path(f"/proc/{child}").exists()]
        assert len(acknowledged) > 10
        with serving(tmp_path, url) as (address, _):
            state = httpx.get(f"{address}/readyz").json()
            assert state["tree_size"] >= len(acknowledged)
            assert len({log["index"] for log in acknowledged.values()}) == len(acknowledged)
            headers = _party(address)
            body = {"alg": "pdq", "hashes": sorted(acknowledged)}
            answer = httpx.post(f"{address}/v1/checks", json=body, headers=headers, timeout=60).json()
            assert [hit["i"] for hit in answer["hits"]] == list(range(len(acknowledged)))
            assert (answer["tree_size"], answer["root"]) == (state["tree_size"], state["root"])
            _audited(address, acknowledged)


def _audited(address: str, acknowledged: dict[str, dict]) -> None:
    """Invariants 1 to 3: the log computes again, with every root that was ever told."""
    with log_client() as client:
        read = read_address(client, f"{address}/log")
        keys = PinnedKeys.from_document(httpx.get(f"{address}/.well-known/remarque.json").json())
        size = audit(read, keys).checkpoint.size
        entries = [e for tile in tiles_at(ENTRIES, size) for e in decode_bundle(read(tile.path()) or b"", tile.width)]
    told = {log["tree_size"]: log["root"] for log in acknowledged.values()}
    tree = Tree()
    for entry in entries:
        tree = tree.push(leaf_hash(entry))
        assert told.get(tree.size, tree.root().hex()) == tree.root().hex()
    assert all(log["index"] < log["tree_size"] <= tree.size for log in acknowledged.values())


def test_more_requests_at_once_than_threads_or_connections_are_all_answered(databases: Databases, tmp_path: Path):
    """None waits for what another one holds that waits itself."""
    with databases.fresh(tmp_path) as url, serving(tmp_path, url) as (address, _):
        host, port = address.removeprefix("http://").split(":")
        key = _party(address)["authorization"]

        def ask(number: int) -> socket.socket:
            body = json.dumps({"fingerprints": [{"alg": "pdq", "value": f"{number:064x}"}]})
            connection = socket.create_connection((host, int(port)), timeout=60)
            head = f"POST /v1/declarations HTTP/1.1\r\nHost: {host}\r\nAuthorization: {key}\r\nConnection: close\r\n"
            connection.sendall(
                f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
            )
            return connection

        answers = []
        for connection in [ask(number) for number in range(250)]:
            with connection, connection.makefile("rb") as answer:
                answers.append(answer.readline())
        assert set(answers) == {b"HTTP/1.1 201 Created\r\n"}


def test_an_upload_that_is_cut_off_leaves_nothing(databases: Databases, tmp_path: Path, picture: bytes):
    with databases.fresh(tmp_path) as url, serving(tmp_path, url) as (address, _):
        key = _party(address)["authorization"]
        host, port = address.removeprefix("http://").split(":")
        head = (
            f"POST /v1/declarations HTTP/1.1\r\nHost: {host}\r\nAuthorization: {key}\r\n"
            f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {len(picture) + 500}\r\n\r\n"
            '--x\r\nContent-Disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
        )
        with socket.create_connection((host, int(port))) as connection:
            connection.sendall(head.encode() + picture[: len(picture) // 2])
        time.sleep(0.5)
        assert httpx.get(f"{address}/readyz").json()["tree_size"] == 0
        assert httpx.get(f"{address}/v1/declarations", headers={"authorization": key}).json()["declarations"] == []


def test_every_worker_sees_a_declaration_within_a_second(databases: Databases, tmp_path: Path):
    with databases.fresh(tmp_path) as url, serving(tmp_path, url, workers=2) as (address, _):
        headers = _party(address)
        body = {"fingerprints": [{"alg": "pdq", "value": "ab" * 32}]}
        declared = httpx.post(f"{address}/v1/declarations", json=body, headers=headers).json()
        time.sleep(1)
        seen = set()
        for _ in range(30):  # a new connection each time, so that either worker may answer
            question = {"alg": "pdq", "hashes": ["ab" * 32]}
            answer = httpx.post(f"{address}/v1/checks", json=question).json()
            seen.add((answer["root"], answer["hits"][0]["preference"]))
        assert seen == {(declared["log"]["root"], "disallowed")}
