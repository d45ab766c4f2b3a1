"""Snapshots from the service: made, handed out to those who may have them, kept up to date, withdrawn."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from app import snapshots
from app.checkpoints import Publisher
from app.db import Database
from app.logkeys import LogKeys
from app.prepare import prepare
from app.settings import Settings
from app.snapshots import Built
from app.tables import Identity, LogEntry, Opening
from app.tail import Tail
from remarque.codec import to_json
from remarque.errors import LogError, NotReady, SegmentDamaged, ServiceRefused
from remarque.log.entries import Entry
from remarque.log.keys import PinnedKeys
from remarque.log.merkle import leaf_hash
from remarque.preferences import Category, Preference
from remarque.snapshots import Pulled, open_snapshot, pull, pulling, verify_snapshot
from tests.api.conftest import Service, start
from tests.conftest import encoded


class Registry:
    """A running service with its data directory: what an operator and a builder do with it."""

    def __init__(self, service: Service, settings: Settings, database: Database) -> None:
        self.service, self.settings, self.database = service, settings, database
        self.folder = settings.data_dir / snapshots.FOLDER
        self.asked: list[httpx.Request] = []

    @property
    def keys(self) -> PinnedKeys:
        return LogKeys.load(self.settings).pinned

    def build(self) -> Built:
        return snapshots.build(self.database, self.settings)

    def forward(self, request: httpx.Request) -> httpx.Response:
        """A request of the library's client, to the service in memory."""
        self.asked.append(request)
        told = self.service.http.request(request.method, str(request.url.raw_path, "ascii"), headers=request.headers)
        return httpx.Response(told.status_code, headers=dict(told.headers), content=told.content)

    def pull(self, folder: Path, headers: dict[str, str] | None = None) -> Pulled:
        key = (headers or self.service.operator)["authorization"].removeprefix("Bearer ")
        transport = httpx.MockTransport(self.forward)
        return pull("http://registry.test", folder, keys=self.keys, key=key, transport=transport)

    def erase(self, declaration: dict[str, Any]) -> None:
        """What an erasure does to the log: an entry, and the openings are gone."""
        ref = declaration["log"]["index"]
        publisher = Publisher.load(self.settings)
        with self.database.writing() as session:
            tail = Tail.lock(session)
            index = tail.edge.tree.size
            body = Entry("erase", int(tail.now.timestamp()), {"ref": ref}).encode()
            tail._held[LogEntry].append({"idx": index, "body": body})
            tail._leaves.append(leaf_hash(body))
            for table in (Opening, Identity):
                row = session.get(table, ref)
                assert row is not None
                session.delete(row)
            note = tail.finish(publisher.sign)
            session.commit()
        assert note is not None
        publisher.publish(note)


@pytest.fixture
def registry(tmp_path: Path, database_url: str, processes: Any) -> Iterator[Registry]:
    settings = Settings(data_dir=tmp_path / "data", readers=1, database_url=database_url)
    prepare(settings)
    database = Database(settings.database)
    for service in start(settings, processes):
        yield Registry(service, settings, database)
    database.close()


def drawn(seed: int) -> bytes:
    """Coloured clouds: detail enough to be recognised, another picture for each seed."""
    blots = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), np.uint8)
    return encoded(Image.fromarray(blots).resize((256, 256), Image.Resampling.BICUBIC))


def test_a_builder_checks_as_the_service_does(
    registry: Registry, picture: bytes, copy: bytes, other_picture: bytes, tmp_path: Path
):
    artist = registry.service.party()
    said = registry.service.declare(picture, artist, url="https://a.example/x.png", constraint="Ask first.")
    built = registry.build()
    assert built.new
    assert built.manifest.counts["declarations"] == 1
    pulled = registry.pull(tmp_path / "pulled")
    assert pulled.since is None
    assert pulled.received == pulled.manifest.bytes
    snapshot = open_snapshot(tmp_path / "pulled", registry.keys)
    for asked in (picture, copy, other_picture):
        here = snapshot.check_picture(asked, name="")
        there = registry.service.check(asked)
        assert to_json(here) == there
    assert snapshot.facts(str(said["id"])).url == "https://a.example/x.png"
    everything = b"".join(path.read_bytes() for path in pulled.directory.iterdir())
    assert b"pty_" not in everything, "no party is named in a snapshot"
    assert not registry.build().new, "nothing has changed"


def test_a_pull_fetches_what_changed_and_no_file(registry: Registry, picture: bytes, tmp_path: Path):
    service, artist = registry.service, registry.service.party()
    first = service.declare(picture, artist)
    service.declare(drawn(0), artist)
    registry.build()
    registry.pull(tmp_path / "s")
    service.declare(drawn(1), artist, preferences={"search": "disallowed"})
    service.http.post(f"/v1/declarations/{first['id']}/withdraw", headers=artist)
    registry.build()
    registry.asked.clear()
    pulled = registry.pull(tmp_path / "s")
    assert pulled.note is None
    assert pulled.saved == pulled.manifest.bytes
    paths = {request.url.path for request in registry.asked if not request.url.path.startswith("/log/tile/")}
    assert paths == {"/v1/snapshots/latest", "/v1/changes"}
    verify_snapshot(tmp_path / "s", registry.keys)
    snapshot = open_snapshot(tmp_path / "s")
    assert len(snapshot) == 2
    assert snapshot.check_picture(picture).preference is Preference.UNKNOWN
    assert [path.name for path in (tmp_path / "s").iterdir()] == [str(pulled.manifest.tree_size)]
    again = registry.pull(tmp_path / "s")
    assert (again.received, again.saved) == (0, pulled.manifest.bytes)


def test_a_pull_that_was_broken_off_goes_on_and_the_old_one_stays(
    registry: Registry, picture: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    registry.service.declare(picture, registry.service.party())
    registry.build()
    monkeypatch.setattr(pulling, "PART", 1000)
    real, calls = registry.forward, []

    def breaks(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        if len(calls) == 6:
            return httpx.Response(418, content=b"")
        return real(request)

    monkeypatch.setattr(registry, "forward", breaks)
    with pytest.raises(Exception, match="418"):
        registry.pull(tmp_path / "s")
    with pytest.raises(SegmentDamaged, match="holds no snapshot"):
        open_snapshot(tmp_path / "s")
    pulled = registry.pull(tmp_path / "s")
    assert pulled.received + pulled.saved == pulled.manifest.bytes
    assert 0 < pulled.saved
    verify_snapshot(tmp_path / "s", registry.keys)


def test_changes_that_lie_are_told_by_the_digests(
    registry: Registry, picture: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    artist = registry.service.party()
    registry.service.declare(picture, artist)
    registry.build()
    registry.pull(tmp_path / "s")
    registry.service.declare(drawn(0), artist)
    registry.build()
    real = registry.forward

    def lies(request: httpx.Request) -> httpx.Response:
        told = real(request)
        if request.url.path != "/v1/changes":
            return told
        return httpx.Response(200, content=told.content.replace(b"disallowed", b"allowed"))

    monkeypatch.setattr(registry, "forward", lies)
    pulled = registry.pull(tmp_path / "s")
    assert "otherwise than they were signed" in str(pulled.note)
    assert 0 < pulled.received
    verify_snapshot(tmp_path / "s", registry.keys)


def test_what_is_erased_leaves_the_states_and_the_snapshots(registry: Registry, picture: bytes, tmp_path: Path):
    service, artist = registry.service, registry.service.party()
    gone = service.declare(picture, artist, url="https://secret.example/")
    kept = service.declare(drawn(0), artist)
    registry.build()
    registry.pull(tmp_path / "s")
    registry.erase(gone)
    assert snapshots.withdraw(registry.folder, gone["log"]["index"]) == [kept["log"]["tree_size"]]
    answer = service.http.get("/v1/snapshots/latest", headers=service.operator)
    assert answer.status_code == 404
    registry.build()
    pulled = registry.pull(tmp_path / "s")
    assert pulled.note is None, "the erasure travels with the changes"
    everything = b"".join(path.read_bytes() for path in pulled.directory.iterdir())
    assert b"secret.example" not in everything
    assert len(open_snapshot(tmp_path / "s")) == 1
    service.http.app.state.resources.index.catch_up()
    for as_of in ({}, {"as_of": str(kept["log"]["tree_size"])}):
        found = service.check(picture, **as_of)["matches"]
        assert str(gone["id"]) not in {match["declaration"] for match in found}


def test_who_may_have_snapshots(registry: Registry, picture: bytes):
    service = registry.service
    artist = service.party()
    service.declare(picture, artist)
    size = registry.build().manifest.tree_size
    for path in ("/v1/snapshots/latest", f"/v1/snapshots/{size}/manifest"):
        assert service.http.get(path).status_code == 401
        assert service.http.get(path, headers=artist).status_code == 403
        assert service.http.get(path, headers=service.key("snapshot")).status_code == 200
    told = [json.loads(line) for line in service.http.get("/v1/changes?since=0").text.splitlines()]
    assert "opening" not in told[0]
    assert told[-1] == {"tree_size": size, "root": told[-1]["root"], "next": size}
    granted = service.http.get("/v1/changes?since=0", headers=service.key("snapshot")).text
    assert "fingerprints" in json.loads(granted.splitlines()[0])["opening"]


@pytest.mark.parametrize(("who", "anonymous", "party"), [("keyed", 401, 200), ("public", 200, 200)])
def test_the_setting_moves_the_line(
    settings_for: Any, processes: Any, picture: bytes, who: str, anonymous: int, party: int
):
    settings = settings_for(snapshots=who)
    for service in start(settings, processes):
        artist = service.party()
        service.declare(picture, artist)
        database = Database(settings.database)
        snapshots.build(database, settings)
        database.close()
        assert service.http.get("/v1/snapshots/latest").status_code == anonymous
        assert service.http.get("/v1/snapshots/latest", headers=artist).status_code == party
        assert ("opening" in service.http.get("/v1/changes?since=0").text) == (who == "public")


def test_files_have_ranges_and_digests_as_etags(registry: Registry, picture: bytes):
    registry.service.declare(picture, registry.service.party())
    manifest = registry.build().manifest
    http, headers = registry.service.http, registry.service.operator
    base = f"/v1/snapshots/{manifest.tree_size}"
    [name, file] = max(manifest.files.items(), key=lambda item: item[1].bytes)
    whole = http.get(f"{base}/{name}", headers=headers)
    assert whole.headers["etag"] == f'"{file.sha256}"'
    part = http.get(f"{base}/{name}", headers={**headers, "range": "bytes=10-19"})
    assert part.status_code == 206
    assert part.content == whole.content[10:20]
    same = http.get(f"{base}/{name}", headers={**headers, "if-none-match": whole.headers["etag"]})
    assert same.status_code == 304
    assert http.get(f"{base}/../operator.key", headers=headers).status_code == 404
    assert http.get(f"{base}/operator.key", headers=headers).status_code == 404
    assert http.get("/v1/snapshots/99/manifest", headers=headers).status_code == 410


def test_only_so_many_are_kept(registry: Registry, picture: bytes):
    registry.settings.snapshots_kept = 2
    artist = registry.service.party()
    sizes = []
    for turn in range(3):
        registry.service.declare(drawn(turn), artist)
        sizes.append(registry.build().manifest.tree_size)
    there = sorted(int(path.name) for path in registry.folder.iterdir() if path.name.isdigit())
    assert there == sizes[1:]


def test_an_opening_that_was_altered_is_never_signed(registry: Registry, picture: bytes):
    said = registry.service.declare(picture, registry.service.party())
    with registry.database.writing() as session:
        row = session.get(Opening, said["log"]["index"])
        assert row is not None
        row.payload = row.payload.replace(b"disallowed", b"allowed")
        session.commit()
    with pytest.raises(LogError, match="not what the entry commits to"):
        registry.build()
    assert not [path for path in registry.folder.iterdir() if path.name.isdigit()]


def test_two_do_not_build_at_once(registry: Registry):
    with snapshots._alone(registry.folder), pytest.raises(NotReady):
        registry.build()


def test_a_state_that_goes_back_is_refused(registry: Registry, picture: bytes, tmp_path: Path):
    artist = registry.service.party()
    registry.service.declare(picture, artist)
    registry.build()
    registry.service.declare(drawn(0), artist)
    newest = registry.build()
    registry.pull(tmp_path / "s")
    newest.directory.rename(tmp_path / "away")
    with pytest.raises(LogError, match="older"):
        registry.pull(tmp_path / "s")
    verify_snapshot(tmp_path / "s", registry.keys)


def test_a_registry_with_two_histories_is_caught(settings_for: Any, processes: Any, tmp_path: Path):
    shown = []
    for name, turns in (("one", 1), ("two", 2)):
        own = {"log_key": tmp_path / "log.key", "receipts_key": tmp_path / "receipts.key"}
        settings = settings_for(data_dir=tmp_path / name, **own)
        for service in start(settings, processes):
            database = Database(settings.database)
            registry = Registry(service, settings, database)
            artist = service.party()
            for turn in range(turns):
                service.declare(drawn(turn), artist)
            registry.build()
            if not shown:
                shown.append(registry.pull(tmp_path / "s").manifest)
            else:
                with pytest.raises(LogError):
                    registry.pull(tmp_path / "s")
            database.close()
    assert open_snapshot(tmp_path / "s").manifest == shown[0], "what was there stays"


@pytest.mark.parametrize("since", ["-1", "99", "x", ""])
def test_a_range_of_changes_that_is_none(registry: Registry, since: str):
    answer = registry.service.http.get("/v1/changes", params={"since": since})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_earlier_state_is_judged_as_it_was(registry: Registry, picture: bytes):
    service, artist = registry.service, registry.service.party()
    said = service.declare(picture, artist)
    changed = {"preferences": {"ai_generative_training": "constrained"}}
    service.http.put(f"/v1/declarations/{said['id']}/preferences", json=changed, headers=artist)
    service.http.post(f"/v1/declarations/{said['id']}/withdraw", headers=artist)
    size = said["log"]["tree_size"]
    answers = [service.check(picture, as_of=str(size + more))["preference"] for more in (0, 1, 2)]
    assert answers == ["disallowed", "constrained", "unknown"]
    purpose = {"purpose": Category.SEARCH.value, "as_of": str(size)}
    assert service.check(picture, **purpose)["preference"] == "unknown"


def test_expiry_is_judged_by_the_time_of_the_state(registry: Registry, picture: bytes):
    service, artist = registry.service, registry.service.party()
    soon = (datetime.now(UTC) + timedelta(seconds=1.5)).replace(microsecond=0) + timedelta(seconds=1)
    said = service.declare(picture, artist, valid_until=soon.isoformat())
    while datetime.now(UTC) <= soon:
        time.sleep(0.1)
    assert service.check(picture)["preference"] == "unknown"
    assert service.check(picture, as_of=str(said["log"]["tree_size"]))["preference"] == "disallowed"


def test_a_key_that_may_not_is_told_so_by_a_pull(registry: Registry, picture: bytes, tmp_path: Path):
    registry.service.declare(picture, registry.service.party())
    registry.build()
    with pytest.raises(ServiceRefused, match="snapshot"):
        registry.pull(tmp_path / "s", registry.service.party())
