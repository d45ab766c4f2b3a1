"""Who signs for a running service: a signer in another process, a time-stamp authority, certificates that change."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from app.reading import Processes
from app.settings import Settings
from remarque.labels.signer import load_signing_key, make_development_pki
from tests import authority, signer_process
from tests.api.conftest import Service, start
from tests.api.test_label_options import wished
from tests.api.test_labels import verify
from tests.authority import Authority
from tests.signer_process import SignerProcess


class Remote(NamedTuple):
    """A service whose key is in another process."""

    service: Service
    signer: SignerProcess


class Stamping(NamedTuple):
    """A service with a time-stamp authority."""

    service: Service
    authority: Authority


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    make_development_pki(tmp_path / "mine")
    return tmp_path / "mine"


@pytest.fixture
def remote(
    pair: Path, settings_for: Callable[..., Settings], processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Remote]:
    with signer_process.running(pair.parent, pair / "key.pem") as signer:
        monkeypatch.setenv(signer_process.SOCKET, signer.address)
        (pair / "key.pem").unlink()  # it is nowhere else
        settings = settings_for(
            c2pa_chain=pair / "chain.pem",
            c2pa_signer="tests.signer_process:factory",
            c2pa_signer_seconds=1.0,
            trust_anchors=pair / "root.pem",
        )
        for service in start(settings, processes):
            yield Remote(service, signer)


@pytest.fixture
def stamping(tmp_path: Path, settings_for: Callable[..., Settings], processes: Processes) -> Iterator[Stamping]:
    (tmp_path / "tsa").mkdir()
    with authority.running(tmp_path / "tsa") as running:
        (tmp_path / "anchors.pem").write_bytes(running.root)
        settings = settings_for(tsa_url=running.url, tsa_seconds=0.5, trust_anchors=tmp_path / "anchors.pem")
        for service in start(settings, processes):
            yield Stamping(service, running)


def test_a_signer_elsewhere_signs(remote: Remote, picture: bytes):
    response = wished(remote.service, picture)
    assert response.status_code == 200, response.text
    assert verify(remote.service, response.content)["verdict"] == "trusted_label"


@pytest.mark.parametrize("mode", ["fail", "wrong", "garbage", "short", "hang"])
def test_a_signer_that_misbehaves_never_gives_an_unlabelled_picture(remote: Remote, picture: bytes, mode: str):
    headers = remote.service.key("label")
    remote.signer.behave(mode)
    refused = wished(remote.service, picture, headers)
    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/signing-unavailable")
    assert int(refused.headers["retry-after"]) > 0
    assert remote.service.http.get("/readyz").json()["tree_size"] == 0
    remote.signer.behave("sign")
    assert wished(remote.service, picture, headers).status_code == 200


def test_a_label_carries_the_time_of_an_authority(stamping: Stamping, picture: bytes):
    response = wished(stamping.service, picture)
    assert "time_stamp" in response.headers["remarque-layers"].split(",")
    assert "remarque-warnings" not in response.headers
    [c2pa] = [layer for layer in verify(stamping.service, response.content)["layers"] if layer["layer"] == "c2pa"]
    assert {"timeStamp.validated", "timeStamp.trusted"} <= set(c2pa["detail"]["passed"])


@pytest.mark.parametrize("mode", ["error", "garbage", "hang"])
def test_without_an_authority_the_label_says_that_its_time_is_missing(stamping: Stamping, picture: bytes, mode: str):
    stamping.authority.mode = mode
    response = wished(stamping.service, picture)
    assert response.status_code == 200
    assert response.headers["remarque-warnings"] == "no_time_stamp"
    assert verify(stamping.service, response.content)["verdict"] == "trusted_label"


def test_an_authority_that_is_down_is_left_alone_for_a_while(stamping: Stamping, picture: bytes):
    stamping.authority.mode = "error"
    for _ in range(6):
        assert wished(stamping.service, picture).headers["remarque-warnings"] == "no_time_stamp"
    assert stamping.authority.asked == 3


def test_a_certificate_is_exchanged_while_the_service_runs(
    pair: Path, tmp_path: Path, settings_for: Callable[..., Settings], processes: Processes, picture: bytes
):
    make_development_pki(tmp_path / "next")
    names = ("chain.pem", "key.pem")
    for service in start(settings_for(c2pa_chain=pair / names[0], c2pa_key=pair / names[1]), processes):
        assert _signer(service, picture) == _thumbprint(pair)
        expected = _thumbprint(tmp_path / "next")
        for name in names:
            os.replace(tmp_path / "next" / name, pair / name)
        deadline = time.monotonic() + 20
        while (used := _signer(service, picture)) != expected:
            assert time.monotonic() < deadline, "the new certificate is not used"
        assert used == expected


def _thumbprint(folder: Path) -> str:
    return load_signing_key(folder / "chain.pem", folder / "key.pem").certificate.thumbprint


def _signer(service: Service, image: bytes) -> str:
    response = wished(service, image, service.operator)
    assert response.status_code == 200, response.text
    record = service.http.get(f"/v1/labels/{response.headers['remarque-label-id']}").json()
    assert record["sha256"] == hashlib.sha256(response.content).hexdigest()
    return str(record["signer"])
