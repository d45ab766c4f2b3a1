"""``remarque snapshot`` and ``remarque check --snapshot``, against a service whose snapshots are made here."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer
import uvicorn
from typer.testing import CliRunner

from app.db import Database
from app.logkeys import LogKeys
from app.main import create_app
from app.prepare import prepare
from app.settings import Settings
from app.snapshot_command import snapshot_build
from app.snapshots import build
from remarque.client import Client
from remarque.log.keys import make_key
from remarque.snapshots.manifest import MANIFEST
from tests.cli.conftest import Run, draw, png, save, smaller


@dataclass(frozen=True)
class Registry:
    """A service, the folder of its data, and the file of keys that a builder saved."""

    url: str
    settings: Settings
    keys: Path

    @property
    def key(self) -> str:
        return (self.settings.data_dir / "operator.key").read_text().strip()

    def build(self) -> Path:
        database = Database(self.settings.database)
        try:
            return build(database, self.settings).directory
        finally:
            database.close()

    def declare(self, seed: int, **statement: object) -> None:
        with Client(self.url, self.key) as client:
            client.declare(png(draw(seed)), **statement)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    folder = tmp_path_factory.mktemp("registry")
    settings = Settings(data_dir=folder / "data", readers=1)
    prepare(settings)
    keys = folder / "keys.json"
    keys.write_text(json.dumps(LogKeys.load(settings).pinned.to_document()))
    server = uvicorn.Server(uvicorn.Config(create_app(settings), host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the service did not start"
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    made = Registry(f"http://127.0.0.1:{port}", settings, keys)
    made.declare(900)
    made.declare(901, preferences={"search": "constrained"}, url="https://a.example/901.png")
    made.build()
    yield made
    server.should_exit = True
    thread.join()


@pytest.fixture
def pulled(run: Run, registry: Registry, tmp_path: Path) -> Path:
    folder = tmp_path / "snapshot"
    ran = run("snapshot", "pull", registry.url, folder, "--key", registry.key, "--keys", registry.keys)
    assert ran.code == 0, ran.err
    assert "declarations" in ran.out
    return folder


def test_a_snapshot_answers_as_the_registry_does(run: Run, registry: Registry, tmp_path: Path) -> None:
    registry.build()
    folder = tmp_path / "snapshot"
    run("snapshot", "pull", registry.url, folder, "--key", registry.key, "--keys", registry.keys)
    pictures = tmp_path / "set"
    save(pictures / "declared.png", 900)
    save(pictures / "new.png", 902)
    smaller(pictures / "copy.jpg", 901)
    (pictures / "broken.png").write_bytes(png(draw(903))[:3000])
    draw(904).resize((8, 8)).resize((64, 64)).point(lambda _: 128).save(pictures / "plain.png")
    for more in ((), ("--depth", "frame"), ("--purpose", "search"), ("--claims", "self")):
        there = run("check", pictures, "--registry", registry.url, "--json", *more)
        here = run("check", pictures, "--snapshot", folder, "--keys", registry.keys, "--json", *more)
        assert here.code == there.code
        expected, found = there.json, here.json
        assert expected.pop("registry") == registry.url
        assert found.pop("snapshot") == str(folder)
        assert found == expected
    assert run("check", pictures / "declared.png", "--snapshot", folder).code == 1
    assert run("check", pictures / "new.png", "--snapshot", folder).code == 0


def test_what_is_asked_must_be_clear(run: Run, registry: Registry, pulled: Path, tmp_path: Path) -> None:
    picture = save(tmp_path / "new.png", 905)
    assert run("check", picture, "--snapshot", pulled, "--registry", registry.url).code == 2
    assert run("check", picture).code == 2
    assert run("check", picture, "--registry", registry.url, "--keys", registry.keys).code == 2
    assert run("check", picture, "--snapshot", tmp_path / "nowhere").code == 2
    (tmp_path / "empty").mkdir()
    assert run("check", picture, "--snapshot", tmp_path / "empty").code == 3


def test_a_registry_of_the_environment_gives_way(
    run: Run, pulled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REMARQUE_REGISTRY", "http://127.0.0.1:9")
    assert run("check", save(tmp_path / "new.png", 906), "--snapshot", pulled).code == 0


def test_verify_and_info_tell_what_it_is(run: Run, registry: Registry, pulled: Path) -> None:
    verified = run("snapshot", "verify", pulled, "--keys", registry.keys, "--json")
    assert verified.code == 0
    assert verified.json["verifies"] is True
    told = run("snapshot", "info", pulled, "--json")
    assert told.code == 0
    assert told.json["counts"]["declarations"] >= 2
    assert told.json["root"] == verified.json["root"]


def inside(folder: Path) -> Path:
    [directory] = folder.iterdir()
    return directory


def largest(folder: Path) -> Path:
    return max(inside(folder).glob("*.npy"), key=lambda path: path.stat().st_size)


def alter(folder: Path) -> str:
    path = largest(folder)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    return path.name


def shorten(folder: Path) -> str:
    path = largest(folder)
    path.write_bytes(path.read_bytes()[:-1])
    return path.name


def lose(folder: Path) -> str:
    path = largest(folder)
    path.unlink()
    return path.name


def add(folder: Path) -> str:
    (inside(folder) / "more.npy").write_bytes(b"")
    return "more.npy"


def add_beside(folder: Path) -> str:
    (folder / "notes.txt").write_text("mine")
    return "notes.txt"


def mix(folder: Path) -> str:
    first, second = sorted(inside(folder).glob("pdq_*.npy"))[:2]
    shutil.copy(first, second)
    return second.name


def rename(folder: Path) -> str:
    inside(folder).rename(folder / "9999")
    return "manifest"


def edit(folder: Path) -> str:
    path = inside(folder) / MANIFEST
    path.write_bytes(path.read_bytes().replace(b'"declarations":', b'"declarationz":'))
    return "does not verify"


def lose_the_manifest(folder: Path) -> str:
    (inside(folder) / MANIFEST).unlink()
    return "manifest"


DAMAGES = [alter, shorten, lose, add, add_beside, mix, rename, edit, lose_the_manifest]


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_not_as_it_was_signed_is_refused_by_name(
    run: Run, registry: Registry, pulled: Path, damage: Callable[[Path], str]
) -> None:
    named = damage(pulled)
    ran = run("snapshot", "verify", pulled, "--keys", registry.keys)
    assert ran.code == 1
    assert named in ran.err


def test_another_registry_signed_it(run: Run, registry: Registry, pulled: Path, tmp_path: Path) -> None:
    document = json.loads(registry.keys.read_text())
    other = make_key(document["origin"] + "/receipts").verifier
    keys = tmp_path / "other.json"
    keys.write_text(json.dumps(document | {"receipts_key": other.to_text()}))
    assert run("snapshot", "verify", pulled, "--keys", keys).code == 1
    refused = run("snapshot", "pull", registry.url, tmp_path / "n", "--key", registry.key, "--keys", keys, "--json")
    assert refused.code == 1
    assert refused.json["verifies"] is False
    keys.write_text("{}")
    assert run("snapshot", "verify", pulled, "--keys", keys).code == 2


@pytest.mark.parametrize("damage", [alter, lose, lose_the_manifest])
def test_a_damaged_snapshot_is_fetched_anew(
    run: Run, registry: Registry, pulled: Path, damage: Callable[[Path], str]
) -> None:
    damage(pulled)
    ran = run("snapshot", "pull", registry.url, pulled, "--key", registry.key, "--keys", registry.keys)
    assert ran.code == 0
    assert "is not used" in ran.err
    assert run("snapshot", "verify", pulled, "--keys", registry.keys).code == 0


def test_who_may_not_have_it_is_told(run: Run, registry: Registry, tmp_path: Path) -> None:
    with Client(registry.url) as client:
        key = client.create_party().api_key
    ran = run("snapshot", "pull", registry.url, tmp_path / "s", "--key", key, "--keys", registry.keys)
    assert ran.code == 3
    assert "snapshot" in ran.err


def test_the_operator_makes_one_by_command(registry: Registry) -> None:
    command = typer.Typer()
    command.command()(snapshot_build)
    registry.declare(907)
    for how in ("made of the one at", "is there already"):
        ran = CliRunner().invoke(command, ["--data-dir", str(registry.settings.data_dir)])
        assert ran.exit_code == 0, ran.output
        assert how in ran.output
