"""The commands of docs/witness.md, run as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from app.settings import Settings
from app.witness_client import witnesses_of
from tests.service.processes import log_vkey, registry, remarque, wait_for, witness

DOCUMENT = (Path(__file__).parents[2] / "docs/witness.md").read_text()


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def test_checkpoints_in_a_git_repository_are_pushed_and_audited(tmp_path: Path):
    [line] = re.findall(r"```sh\n(.*?)\n```", DOCUMENT, re.DOTALL)
    tree, remote, clone, data = (tmp_path / name for name in ("tree", "remote.git", "clone", "data"))
    git(tmp_path, "init", "--quiet", "--bare", str(remote))
    git(tmp_path, "clone", "--quiet", str(remote), str(tree))
    author = {f"GIT_{role}_{field}": "x@a.example" for role in ("AUTHOR", "COMMITTER") for field in ("NAME", "EMAIL")}
    (tree / "README").write_text("Checkpoints of registry.example/log1.\n")

    def published() -> None:
        command = line.replace("/srv/checkpoints", str(tree))
        subprocess.run(["bash", "-euo", "pipefail", "-c", command], env=os.environ | author, check=True)

    with registry(data, {"REMARQUE_PUBLISH_DIR": str(tree)}) as running:
        wait_for((tree / "0").exists)
        published()
        published()  # nothing new is no failure
        running.declare(running.party(), 1, 2)
        wait_for((tree / "2").exists)
        published()
        git(tmp_path, "clone", "--quiet", str(remote), str(clone))
        kept = {path.name for path in clone.iterdir()} - {".git"}
        assert {"0", "2"} <= kept <= {"0", "1", "2"}
        assert len(git(clone, "log", "--oneline").splitlines()) == 2
        keys = running.saved_keys(tmp_path / "keys.json")
        audited = remarque("log", "audit", running.url, "--keys", keys, "--checkpoints", clone)
        assert audited.returncode == 0, audited.stdout + audited.stderr
        assert f"{len(kept)} checkpoints kept elsewhere agree" in audited.stdout


def test_a_witness_is_started_with_the_command_of_the_document(tmp_path: Path):
    [command] = re.findall(r"^    remarque (log witness .*)$", DOCUMENT, re.MULTILINE)
    vkey = log_vkey(tmp_path / "data")
    _, _, folder, *options = command.replace("VKEY", vkey).split()
    assert folder == "/var/lib/witness"
    with witness(tmp_path / "witness", *options) as (printed, address):
        assert printed.startswith("witness.museum.example/w1+")
        [known] = witnesses_of(Settings(witnesses=f"{printed} {address}"))
        assert (known.key.name, known.url) == ("witness.museum.example/w1", address)
