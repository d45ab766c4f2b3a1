"""A log of ours, audited by Go's golang.org/x/mod/sumdb (Debian: golang-go, golang-golang-x-mod-dev).

Its notes, tiles, proofs and records are an implementation that shares nothing with ours.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.log_folder import KEYS, LogFolder, flip
from tests.service.processes import log_vkey, registry, remarque, wait_for, witness

#: Where Debian's package puts its source.
GOPATH = Path("/usr/share/gocode")


@pytest.fixture(scope="module")
def auditor(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, compiled without any network."""
    if shutil.which("go") is None or not (GOPATH / "src/golang.org/x/mod/sumdb").is_dir():
        said = "Go or its package sumdb is not installed (golang-go, golang-golang-x-mod-dev)"
        if os.environ.get("CI"):
            pytest.fail(said)
        pytest.skip(said)
    folder = tmp_path_factory.mktemp("go")
    environment = {
        **os.environ,
        "GO111MODULE": "off",
        "GOPATH": str(GOPATH),
        "GOCACHE": str(folder / "cache"),
        "GOPROXY": "off",
        "CGO_ENABLED": "0",
    }
    source = Path(__file__).with_name("audit.go")
    subprocess.run(["go", "build", "-o", folder / "audit", source], env=environment, check=True)
    return folder / "audit"


@pytest.fixture
def log(tmp_path: Path) -> LogFolder:
    log = LogFolder(tmp_path / "log")
    for size in (1000, 70_123):
        log.grow(size)
        (tmp_path / f"{size}").write_bytes(log.checkpoint())
    return log


def audit(auditor: Path, folder: Path, vkey: str, old: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([auditor, folder, vkey, old], capture_output=True, text=True, check=False)


def test_go_agrees_with_our_log_and_not_with_a_changed_one(auditor: Path, log: LogFolder, tmp_path: Path):
    vkey = KEYS.log_key.to_text()
    for old in ("1000", "70123"):
        ended = audit(auditor, log.folder, vkey, tmp_path / old)
        assert (ended.stdout, ended.returncode) == (f"ok 70123 {log.tree.root().hex()}\n", 0), ended.stderr
    for path in ("tile/0/012", "tile/1/001.p/17", "tile/entries/100", "checkpoint"):
        whole = (log.folder / path).read_bytes()
        log.write(path, flip(whole, 8 * (len(whole) // 2)))
        assert audit(auditor, log.folder, vkey, tmp_path / "1000").returncode == 1, path
        log.write(path, whole)


def test_go_agrees_with_what_a_running_registry_serves(auditor: Path, tmp_path: Path):
    vkey = log_vkey(tmp_path / "data")
    with witness(tmp_path / "witness", "--log", vkey, "--name", "witness.example/w1") as (name, address):
        published = tmp_path / "published"
        settings = {"REMARQUE_WITNESSES": f"{name} {address}", "REMARQUE_PUBLISH_DIR": str(published)}
        with registry(tmp_path / "data", settings) as running:
            artist = running.party()
            running.declare(artist, *range(3))
            wait_for((published / "3").exists)
            root = running.declare(artist, *range(3, 300))[-1]["log"]["root"]
            wait_for((published / "300").exists)
            exported = remarque("log", "export", running.url, tmp_path / "exported")
            assert exported.returncode == 0, exported.stderr
    # Both checkpoints carry the witness's signature, which Go's package does not know and leaves aside.
    for note in (published / "3", tmp_path / "exported/checkpoint"):
        assert "witness.example/w1" in note.read_text()
    ended = audit(auditor, tmp_path / "exported", vkey, published / "3")
    assert (ended.stdout, ended.returncode) == (f"ok 300 {root}\n", 0), ended.stderr
