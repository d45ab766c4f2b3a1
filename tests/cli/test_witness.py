"""``remarque log witness``: over HTTP, across restarts, and when several ask at once."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from remarque.cli.witness import MAX_REFUSED, Witness, opened
from remarque.errors import LogError
from remarque.log.audit import Kept, audit
from remarque.log.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from remarque.log.proofs import consistency_proof
from remarque.log.sources import read_directory
from remarque.log.tiles import hash_reader
from remarque.log.witness import MAX_REQUEST, SIZE_TYPE, AddCheckpoint, with_cosignatures
from tests.cli.conftest import Run
from tests.log_folder import KEYS, LOG, ORIGIN, RECEIPTS, WITNESS, LogFolder
from tests.witnesses import witness


@pytest.fixture
def log(tmp_path: Path) -> LogFolder:
    log = LogFolder(tmp_path / "log")
    log.grow(300)
    return log


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[Witness, str]]:
    with witness(tmp_path / "witness", LOG.verifier) as started:
        yield started


def request_for(log: LogFolder, old: int) -> bytes:
    size = log.tree.size
    proof = consistency_proof(hash_reader(log.read_tile, size), old, size) if old else []
    return AddCheckpoint(old, tuple(proof), log.checkpoint()).to_bytes()


def post(address: str, data: bytes) -> httpx.Response:
    return httpx.post(f"{address}/add-checkpoint", content=data)


def test_a_growing_log_is_signed(log: LogFolder, running: tuple[Witness, str]):
    held, address = running
    assert httpx.get(f"{address}/checkpoint").status_code == 404
    for old, size in ((0, 300), (300, 300), (300, 700)):
        log.grow(size)
        answer = post(address, request_for(log, old))
        assert answer.status_code == 200
        note = with_cosignatures(log.checkpoint(), answer.content, held.key.verifier)
        assert open_checkpoint(note, LOG.verifier, [held.key.verifier], quorum=1).size == size
        assert httpx.get(f"{address}/checkpoint").content == note
        assert (held.folder / "checkpoint").read_bytes() == note


def test_what_is_refused_and_how(log: LogFolder, running: tuple[Witness, str]):
    held, address = running
    post(address, request_for(log, 0))
    elsewhere = post(address, request_for(log, 0))
    assert (elsewhere.status_code, elsewhere.headers["content-type"], elsewhere.text) == (409, SIZE_TYPE, "300\n")
    forked = sign_checkpoint(Checkpoint(ORIGIN, 300, b"\1" * 32), LOG).to_bytes()
    fork = post(address, AddCheckpoint(300, (), forked).to_bytes())
    assert (fork.status_code, fork.headers["content-type"]) == (409, "text/plain; charset=utf-8")
    later = sign_checkpoint(Checkpoint(ORIGIN, 301, b"\1" * 32), LOG).to_bytes()
    assert post(address, AddCheckpoint(300, (), later).to_bytes()).status_code == 422
    false_key = sign_checkpoint(Checkpoint(RECEIPTS.name, 300, log.tree.root()), RECEIPTS).to_bytes()
    assert post(address, AddCheckpoint(0, (), false_key).to_bytes()).status_code == 404
    assert post(address, b"old 0\n").status_code == 400
    assert post(address, b"x" * (MAX_REQUEST + 1)).status_code == 413
    assert httpx.post(f"{address}/add-checkpoint", content=iter([b"x"])).status_code == 411
    assert httpx.post(f"{address}/elsewhere", content=b"x").status_code == 404
    assert httpx.put(f"{address}/add-checkpoint").status_code == 501
    assert held.latest == Checkpoint(ORIGIN, 300, log.tree.root())
    kept = sorted(path.name for path in (held.folder / "refused").iterdir())
    assert kept == ["300-" + "01" * 8, "301-" + "01" * 8]
    first = Kept(kept[0], (held.folder / "refused" / kept[0]).read_bytes())
    with pytest.raises(LogError, match="300-0101010101010101 was signed at size 300 with root 0101"):
        audit(read_directory(log.folder), KEYS, [first])


def test_what_was_signed_is_remembered(log: LogFolder, tmp_path: Path):
    with witness(tmp_path / "witness", LOG.verifier) as (held, address):
        vkey = held.key.to_text()
        post(address, request_for(log, 0))
    log.grow(301)
    with witness(tmp_path / "witness", LOG.verifier) as (held, address):
        assert held.key.to_text() == vkey
        assert post(address, request_for(log, 0)).text == "300\n"
        assert post(address, request_for(log, 300)).status_code == 200


def test_of_many_at_once_none_rolls_the_witness_back(log: LogFolder, running: tuple[Witness, str]):
    held, address = running
    post(address, request_for(log, 0))
    asked = []
    for size in range(301, 331):
        log.grow(size)
        asked.append(request_for(log, 300))
    answers: list[int] = []
    threads = [threading.Thread(target=lambda d=d: answers.append(post(address, d).status_code)) for d in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [200] + [409] * 29
    assert held.latest is not None
    assert held.latest.size > 300


def test_a_full_disk_means_no_signature(log: LogFolder, running: tuple[Witness, str]):
    held, address = running
    (held.folder / "checkpoint").mkdir()
    assert post(address, request_for(log, 0)).status_code == 500
    assert held.latest is None
    (held.folder / "checkpoint").rmdir()
    assert post(address, request_for(log, 0)).status_code == 200


def test_refused_checkpoints_do_not_fill_the_disk(log: LogFolder, running: tuple[Witness, str]):
    held, _ = running
    held.add_checkpoint(request_for(log, 0))
    for number in range(MAX_REFUSED + 5):
        forked = sign_checkpoint(Checkpoint(ORIGIN, 300, number.to_bytes(32, "little")), LOG).to_bytes()
        held.add_checkpoint(AddCheckpoint(300, (), forked).to_bytes())
    assert len(list((held.folder / "refused").iterdir())) == MAX_REFUSED


def test_a_request_that_is_cut_off_is_not_signed(log: LogFolder, running: tuple[Witness, str]):
    held, address = running
    data = request_for(log, 0)
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        head = f"POST /add-checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data) + 1}\r\n\r\n"
        connection.sendall(head.encode() + data)
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1000) == b""
    assert held.latest is None


def test_keys_and_log_are_fixed_by_the_first_start(tmp_path: Path):
    folder = tmp_path / "witness"

    def start(**changes: Any) -> str:
        with opened(folder, **({"log_key": None, "name": None} | changes)) as held:
            return held.key.to_text()

    with pytest.raises(LogError, match="--log"):
        start()
    with pytest.raises(LogError, match="--log"):
        start(log_key=WITNESS.verifier)
    with pytest.raises(LogError, match="--name"):
        start(log_key=LOG.verifier)
    key = start(log_key=LOG.verifier, name="witness.example/w1")
    assert start() == start(log_key=LOG.verifier, name="witness.example/w1") == key
    assert (folder / "witness.key").stat().st_mode & 0o777 == 0o600
    with pytest.raises(LogError, match="a directory of its own"):
        start(log_key=RECEIPTS.verifier)
    with pytest.raises(LogError, match=r"not of witness\.example/w2"):
        start(name="witness.example/w2")
    with opened(folder, None, None), pytest.raises(LogError, match="another witness runs"):
        start()


def test_a_state_that_was_tampered_with_is_refused(log: LogFolder, tmp_path: Path):
    folder = tmp_path / "witness"
    with opened(folder, LOG.verifier, "witness.example/w1") as held:
        held.add_checkpoint(request_for(log, 0))
    signed = (folder / "checkpoint").read_bytes()
    (folder / "checkpoint").write_bytes(log.checkpoint())
    with pytest.raises(LogError, match="0 of the known witnesses"), opened(folder, None, None):
        pass
    (folder / "checkpoint").write_bytes(signed)
    (folder / "witness.key").unlink()
    with pytest.raises(LogError, match=r"witness\.key is gone"), opened(folder, None, "witness.example/w1"):
        pass


def test_wrong_use_of_the_command(run: Run, tmp_path: Path):
    assert run("log", "witness", tmp_path / "w", "--log", "no key", "--name", "w").code == 2
    assert run("log", "witness", tmp_path / "w", "--log", LOG.verifier.to_text(), "--name", "a name").code == 2
    missing = run("log", "witness", tmp_path / "w")
    assert missing.code == 3
    assert "needs --log" in missing.err
