"""Receipts by the command: saved where they are made, verified with nothing but the saved keys."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from demo.service import Service
from remarque.cli import check as command
from remarque.client import Client
from remarque.log.asked import Checker, Engine
from tests.cli.conftest import Run, save, smaller
from tests.cli.test_snapshot import Registry
from tests.cli.test_snapshot import registry as registry

ROOT = Path(__file__).parents[2]


def saved_keys(url: str, folder: Path) -> Path:
    path = folder / "remarque.json"
    path.write_bytes(httpx.get(f"{url}/.well-known/remarque.json").raise_for_status().content)
    return path


def both_verify(run: Run, receipt: Path, keys: Path) -> dict[str, object]:
    """What the command says of a receipt, which the verifier of the documents has to find good too."""
    ran = run("receipt", "verify", receipt, "--keys", keys, "--json")
    assert ran.code == 0, ran.out
    elsewhere = [sys.executable, ROOT / "docs/verify_receipt.py", receipt, keys]
    assert subprocess.run(elsewhere, check=True, capture_output=True).stdout.startswith(b"verifies")
    return dict(ran.json)


def test_declaring_saves_one_receipt_each_and_goes_on_where_it_ended(
    run: Run, service: Service, client: Client, key: str, tmp_path: Path
) -> None:
    for seed in (900, 901):
        save(tmp_path / "works" / f"{seed}.png", seed)
    declare = ("declare", tmp_path / "works", "--registry", service.url, "--key", key, "--title", "Dawn")
    assert run(*declare).code == 0
    folder, keys = tmp_path / "receipts" / "mine", saved_keys(service.url, tmp_path)
    again = run(*declare, "--receipts", folder, "--json")
    assert [result["status"] for result in again.json["results"]] == ["declared_before"] * 2
    files = sorted(folder.iterdir())
    assert sorted(result["receipt"] for result in again.json["results"]) == [str(path) for path in files]
    assert {path.name for path in files} == {f"remarque-receipt-{one.id}.json" for one in client.all_declarations()}
    for path in files:
        said = both_verify(run, path, keys)
        assert said["opened"]["who"]["title"] == "Dawn"
    files[0].unlink()
    kept = files[1].read_bytes()
    save(tmp_path / "works" / "902.png", 902)
    assert run(*declare, "--receipts", folder).code == 0
    assert len(list(folder.iterdir())) == 3
    assert files[1].read_bytes() == kept, "what is there is left alone"


def test_a_receipt_that_cannot_be_saved_is_told_and_the_declaration_stands(
    run: Run, service: Service, client: Client, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("remarque.cli.receipts.write_whole", full)
    picture = save(tmp_path / "a.png", 903)
    ran = run("declare", picture, "--registry", service.url, "--key", key, "--receipts", tmp_path / "r", "--json")
    assert ran.code == 3
    [result] = ran.json["results"]
    [declared] = client.all_declarations()
    assert (result["status"], result["id"]) == ("declared", declared.id)
    assert result["problem"]["code"] == "receipt_not_saved"
    assert "No space left" in result["problem"]["detail"]


def test_a_check_over_http_has_a_receipt(
    run: Run, service: Service, client: Client, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.declare(save(tmp_path / "mine.png", 904))
    folder = tmp_path / "found"
    folder.mkdir()
    smaller(folder / "a.jpg", 904)
    save(folder / "b.png", 905)
    (folder / "c.png").write_bytes(b"broken")
    keys = saved_keys(service.url, tmp_path)
    check = ("check", folder, "--registry", service.url, "--key", key)
    ran = run(*check, "--receipt", tmp_path / "check.txt")
    assert ran.code == 1
    assert f"receipt: {tmp_path / 'check.txt'}" in ran.err
    said = both_verify(run, tmp_path / "check.txt", keys)
    assert said["counts"] == {"allowed": 0, "constrained": 0, "disallowed": 1, "unknown": 2}
    assert Engine.parse(str(said["engine"])).checker is Checker.REGISTRY
    assert "3 items checked" in run("receipt", "verify", tmp_path / "check.txt", "--keys", keys).out
    refused = run(*check, "--receipt", tmp_path / "check.txt")
    assert refused.code == 2
    monkeypatch.setattr(command, "_BATCH_WITH_RECEIPT", 2)
    many = run(*check, "--receipt", tmp_path / "many.txt", "--json")
    assert many.json["receipts"] == [str(tmp_path / "many.txt"), str(tmp_path / "many.2.txt")]
    assert [both_verify(run, Path(path), keys)["items"] for path in many.json["receipts"]] == [2, 1]
    hashed = run(*check, "--no-upload", "--receipt", tmp_path / "hashed.txt", "--json")
    assert hashed.json["counts"]["disallowed"] == 1
    assert both_verify(run, tmp_path / "hashed.txt", keys)["items"] == 2


def test_a_receipt_needs_a_registry_and_a_key(run: Run, service: Service, tmp_path: Path) -> None:
    picture = save(tmp_path / "a.png", 906)
    for missing in ((), ("--registry", service.url)):
        assert run("check", picture, *missing, "--receipt", tmp_path / "r").code == 2
    assert not (tmp_path / "r").exists()


def test_a_check_of_a_snapshot_is_witnessed(run: Run, registry: Registry, tmp_path: Path) -> None:
    registry.declare(907)
    snapshot = registry.build()
    registry.declare(908)  # the registry has gone on since
    folder = tmp_path / "found"
    folder.mkdir()
    smaller(folder / "a.jpg", 907)
    save(folder / "b.png", 909)
    with Client(registry.url) as anyone:
        key = anyone.create_party().api_key
    receipt = tmp_path / "check.txt"
    local = ("check", folder, "--snapshot", snapshot, "--keys", registry.keys, "--receipt", receipt, "--json")
    ran = run(*local, "--registry", registry.url, "--key", key)
    assert ran.code == 1, ran.err
    assert ran.json["receipts"] == [str(receipt)]
    said = both_verify(run, receipt, registry.keys)
    assert said["tree_size"] == int(snapshot.name)
    assert said["counts"] == {"allowed": 0, "constrained": 0, "disallowed": 1, "unknown": 1}
    engine = Engine.parse(str(said["engine"]))
    assert (engine.checker, engine.search) == (Checker.BUILDER, "pdq/hamming<=48+pdq-region/hamming<=40/deep")
    assert len(str(said["snapshot_sha256"])) == 64
    assert json.loads(json.dumps(said))["root"] == ran.json["results"][0]["root"]
