"""A registry and its witness, as processes: what a person with the command sees, and what a second history meets."""

from __future__ import annotations

import shutil
from pathlib import Path

import httpx
import pytest

from app.settings import Settings
from remarque.log.keys import PinnedKeys
from tests.service.processes import Registry, log_vkey, registry, remarque, wait_for, witness
from tests.service.test_rollback import grow


def shown(running: Registry) -> int:
    return int(httpx.get(f"{running.url}/log/checkpoint").text.split("\n")[1])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_a_quorum_of_one_is_demanded_and_met(data: Path, tmp_path: Path):
    options = ("--log", log_vkey(data), "--name", "witness.example/w1")
    published = tmp_path / "published"
    with witness(tmp_path / "witness", *options) as (vkey, address):
        settings = {"REMARQUE_WITNESSES": f"{vkey} {address}", "REMARQUE_PUBLISH_DIR": str(published)}
        with registry(data, settings) as running:
            keys = running.saved_keys(tmp_path / "keys.json")
            assert [key.to_text() for key in PinnedKeys.load(keys).witnesses] == [vkey]
            artist = running.party()
            said = running.declare(artist, *range(5))
            wait_for(lambda: shown(running) == 5)
            audited = remarque("log", "audit", running.url, "--keys", keys, "--quorum", 1, "--checkpoints", published)
            assert audited.returncode == 0, audited.stdout + audited.stderr
            assert "at tree size 5" in audited.stdout
            receipt = tmp_path / "receipt.json"
            receipt.write_bytes(httpx.get(said[2]["receipt_url"], headers=artist).content)
            verified = remarque("receipt", "verify", receipt, "--keys", keys, "--quorum", 1)
            assert verified.returncode == 0, verified.stdout
            assert "seen by witness.example/w1 at 20" in verified.stdout
    # The witness is gone: the service answers as before, and what the witness signed is still shown.
    with registry(data, settings) as running:
        said = running.declare(artist, 5)
        wait_for(lambda: "The witness witness.example/w1 did not sign" in running.errors.read_text())
        assert shown(running) == 5
        wait_for((published / "6").exists)
        ahead = remarque("log", "audit", running.url, "--keys", keys, "--quorum", 1, "--checkpoints", published)
        assert ahead.returncode == 0, "what was published since is no contradiction: " + ahead.stdout
        receipt.write_bytes(httpx.get(said[0]["receipt_url"], headers=artist).content)
        assert remarque("receipt", "verify", receipt, "--keys", keys).returncode == 0
        refused = remarque("receipt", "verify", receipt, "--keys", keys, "--quorum", 1)
        assert refused.returncode == 1
        assert "0 of the known witnesses saw it, not 1" in refused.stdout
        # It is back, with nothing but its directory.
        with witness(tmp_path / "witness") as (same, _):
            assert same == vkey


def test_invariant_5_of_two_histories_one_is_signed_and_the_audit_names_where_they_part(data: Path, tmp_path: Path):
    grow(Settings(data_dir=data), 0, 2).close()
    elsewhere, published = tmp_path / "elsewhere", tmp_path / "published"
    shutil.copytree(data, elsewhere)
    grow(Settings(data_dir=elsewhere), 13, 17).close()
    with witness(tmp_path / "witness", "--log", log_vkey(data), "--name", "witness.example/w1") as (vkey, address):
        signing, keeping = {"REMARQUE_WITNESSES": f"{vkey} {address}"}, {"REMARQUE_PUBLISH_DIR": str(published)}
        with registry(data, signing | keeping) as first:
            wait_for((published / "2").exists)
            artist = first.party()
            for number in (3, 4):
                first.declare(artist, number)
                wait_for((published / str(number)).exists)
            with registry(elsewhere, signing) as second:
                wait_for(lambda: "did not sign" in second.errors.read_text())
                told = (
                    "The witness witness.example/w1 did not sign the log's checkpoint: THE LOG MAY HAVE TWO HISTORIES: "
                )
                assert f"{told}at size 6 it answered 422" in second.errors.read_text()
                assert [path.name.partition("-")[0] for path in (tmp_path / "witness/refused").iterdir()] == ["6"]
                keys = second.saved_keys(tmp_path / "keys.json")
                options = ("--keys", keys, "--checkpoints", published)
                assert remarque("log", "audit", first.url, *options, "--quorum", 1).returncode == 0
                audited = remarque("log", "audit", second.url, *options)
                assert audited.returncode == 1, audited.stderr
                assert "published/3 was signed at size 3 with root" in audited.stdout
                unseen = remarque("log", "audit", second.url, *options, "--quorum", 1)
                assert unseen.returncode == 1
                assert "0 of the known witnesses saw it, not 1" in unseen.stdout
        assert first.errors.read_text() == ""
    # With the folder in its settings the second does not even start.
    refused = remarque("serve", "--data-dir", elsewhere, "--port", 0, **keeping)
    assert refused.returncode != 0
    assert "REFUSING TO SIGN: the database has another history than" in refused.stderr
