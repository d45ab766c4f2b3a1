"""``remarque receipt verify`` and ``remarque log audit``, on files."""

import base64
import json
from pathlib import Path

import pytest

from remarque.log.selftest import cases
from tests.cli.conftest import Run
from tests.log_folder import KEYS, LogFolder

RECEIPTS = {case["name"]: case for case in cases("receipts")}
CHECKS = {case["name"]: case for case in cases("checks")}


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "remarque.json"
    path.write_text(json.dumps(RECEIPTS["happy"]["keys"]))
    return path


def save(path: Path, case: dict[str, str]) -> Path:
    path.write_bytes(base64.b64decode(case["file"]))
    return path


def test_a_receipt_that_verifies_says_what_it_holds(run: Run, tmp_path: Path, keys: Path):
    ran = run("receipt", "verify", save(tmp_path / "r.json", RECEIPTS["one-witness"]), "--keys", keys, "--quorum", 1)
    assert ran.code == 0
    assert "verifies: remarque-receipt/v1, signed by registry.example/log1 at tree size 8" in ran.out
    assert "seen by witness.example/w1 at 2026-" in ran.out
    assert "entry 2: declare" in ran.out
    assert "disallowed" in ran.out


def test_a_receipt_as_json(run: Run, tmp_path: Path, keys: Path):
    ran = run("receipt", "verify", save(tmp_path / "r", RECEIPTS["identity-alone"]), "--keys", keys, "--json")
    assert ran.code == 0
    assert ran.json["verifies"] is True
    assert (ran.json["index"], ran.json["type"], ran.json["not_opened"]) == (2, "declare", ["open"])
    assert ran.json["opened"]["who"]["party"] == "pty_1"


def test_a_receipt_of_a_check(run: Run, tmp_path: Path, keys: Path):
    ran = run("receipt", "verify", save(tmp_path / "r", CHECKS["happy"]), "--keys", keys, "--json")
    assert ran.code == 0
    assert ran.json["counts"] == {"allowed": 1, "disallowed": 2, "unknown": 2}
    told = run("receipt", "verify", tmp_path / "r", "--keys", keys)
    assert "5 items checked" in told.out


@pytest.mark.parametrize("name", ["wrong-entry", "changed-payload", "not-json", "empty", "utf-16"])
def test_a_receipt_that_does_not_verify_is_a_finding(run: Run, tmp_path: Path, keys: Path, name: str):
    file = save(tmp_path / "r", RECEIPTS[name])
    ran = run("receipt", "verify", file, "--keys", keys)
    assert ran.code == 1
    assert ran.out.startswith("does not verify: ")
    assert run("receipt", "verify", file, "--keys", keys, "--json").json["verifies"] is False


def test_a_check_under_another_key_is_a_finding(run: Run, tmp_path: Path, keys: Path):
    assert run("receipt", "verify", save(tmp_path / "r", CHECKS["signed-by-the-log-key"]), "--keys", keys).code == 1
    assert run("receipt", "verify", save(tmp_path / "r", CHECKS["happy"]), "--keys", keys, "--quorum", 1).code == 1


def test_wrong_use(run: Run, tmp_path: Path, keys: Path):
    receipt = save(tmp_path / "r", RECEIPTS["happy"])
    (tmp_path / "no-keys").write_text("{}")
    assert run("receipt", "verify", receipt).code == 2
    assert run("receipt", "verify", receipt, "--keys", tmp_path / "no-keys").code == 2
    assert run("receipt", "verify", tmp_path / "nowhere", "--keys", keys).code == 2
    assert run("log", "audit", tmp_path / "nowhere", "--keys", keys).code == 2
    assert run("log", "audit", "ftp://registry.example", "--keys", keys).code == 2
    assert run("log", "audit", tmp_path, "--keys", keys, "--checkpoints", receipt).code == 2


@pytest.fixture
def log(tmp_path: Path) -> LogFolder:
    (tmp_path / "remarque.json").write_text(json.dumps(KEYS.to_document()))
    log = LogFolder(tmp_path / "log")
    for size in (5, 300):
        log.grow(size)
        kept = tmp_path / "kept" / str(size)
        kept.parent.mkdir(exist_ok=True)
        kept.write_bytes(log.checkpoint())
    (tmp_path / "kept" / "README").write_text("Checkpoints, one a file.\n")
    (tmp_path / "kept" / ".git").mkdir()
    (tmp_path / "kept" / ".git" / "config").write_text("[core]\n")
    return log


def test_a_log_in_order(run: Run, tmp_path: Path, log: LogFolder):
    keys = tmp_path / "remarque.json"
    ran = run("log", "audit", log.folder, "--keys", keys, "--checkpoints", tmp_path / "kept")
    assert ran.code == 0
    assert f"tree size 300, root {log.tree.root().hex()}" in ran.out
    assert "2 checkpoints kept elsewhere agree" in ran.out
    assert "README is no checkpoint" in ran.err
    assert "config" not in ran.err
    alone = run("log", "audit", log.folder, "--keys", keys)
    assert "no checkpoint kept elsewhere was compared" in alone.out
    assert run("log", "audit", log.folder, "--keys", keys, "--json").json["entries"] == {"key": 300}


def test_a_log_that_was_changed_is_a_finding(run: Run, tmp_path: Path, log: LogFolder):
    keys = tmp_path / "remarque.json"
    log.write("tile/0/000", bytes(8192))
    ran = run("log", "audit", log.folder, "--keys", keys)
    assert ran.code == 1
    assert ran.out == "does not verify: tile/0/000 is not what the entries below it give\n"
    assert run("log", "audit", log.folder, "--keys", keys, "--json").json["verifies"] is False


def test_a_log_that_cannot_be_read(run: Run, tmp_path: Path, log: LogFolder):
    keys = tmp_path / "remarque.json"
    assert run("log", "audit", "http://127.0.0.1:1", "--keys", keys).code == 3
    assert run("log", "audit", tmp_path / "kept", "--keys", keys).code == 3
