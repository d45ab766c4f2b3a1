"""The service's key: exchanged while it runs, or kept by another process; without it there is no label at all."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app import signing as signing_module
from app.settings import Settings
from app.signing import Signing, limited
from remarque.errors import SigningUnavailable
from remarque.labels.reading import read_store
from remarque.labels.signer import callback_key, load_signing_key, make_development_pki
from remarque.labels.stamp import finish, prepare, stamp
from tests import signer_process
from tests.label_pictures import drawn, request
from tests.signer_process import SignerProcess

NAMES = ("chain.pem", "key.pem")


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """A folder with a certificate and its key, which are not the service's own."""
    make_development_pki(tmp_path / "mine")
    return tmp_path / "mine"


def other_pair(tmp_path: Path) -> Path:
    make_development_pki(tmp_path / "new")
    return tmp_path / "new"


def settings(pair: Path, **more: object) -> Settings:
    paths = {"c2pa_chain": pair / "chain.pem"} if "c2pa_signer" in more else {}
    return Settings(
        **{"data_dir": pair.parent, "c2pa_chain": pair / "chain.pem", "c2pa_key": pair / "key.pem"}
        | ({"c2pa_key": None} if paths else {})
        | more
    )


def files(pair: Path, **more: object) -> Signing:
    """Signing with a pair of files, which it looks at on every call."""
    both = (pair / "chain.pem", pair / "key.pem")
    return Signing(lambda: load_signing_key(*both), both, look_seconds=0.0, **more)


def replace(pair: Path, by: Path, *names: str) -> None:
    for name in names:
        (pair / f"{name}.new").write_bytes((by / name).read_bytes())
        os.replace(pair / f"{name}.new", pair / name)


def signed_by(signing: Signing) -> str:
    return signing.current().certificate.thumbprint


def thumbprint(pair: Path) -> str:
    return load_signing_key(pair / "chain.pem", pair / "key.pem").certificate.thumbprint


# Files that are exchanged


def test_a_new_pair_is_taken_without_a_restart(pair: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    signing, new = files(pair), other_pair(tmp_path)
    assert signed_by(signing) == thumbprint(pair)
    with caplog.at_level(logging.INFO):
        replace(pair, new, *NAMES)
        assert signed_by(signing) == thumbprint(new)
    [line] = [record.getMessage() for record in caplog.records]
    for told in (thumbprint(new), "Remarque DEVELOPMENT label signer", str(signing.key.certificate.expires.year)):
        assert told in line
    done = stamp(drawn("png").data, request(), signing.current())
    assert read_store(done.data, done.mime, trust_anchors=(new / "root.pem").read_bytes()).state == "trusted"


def test_files_are_not_looked_at_all_the_time(pair: Path, tmp_path: Path) -> None:
    both = (pair / "chain.pem", pair / "key.pem")
    signing = Signing(lambda: load_signing_key(*both), both, look_seconds=3600.0)
    before = signed_by(signing)
    replace(pair, other_pair(tmp_path), *NAMES)
    assert signed_by(signing) == before
    assert signing_module.LOOK_SECONDS <= 1.0


@pytest.mark.parametrize(
    "half", ["chain-only", "key-only", "chain-cut", "key-cut", "chain-gone", "key-gone", "expired"]
)
def test_a_pair_that_does_not_fit_is_not_used(
    half: str, pair: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    signing, new = files(pair), tmp_path / "new"
    make_development_pki(new, now=datetime.now(UTC) - timedelta(days=9000) if half == "expired" else None)
    before = signed_by(signing)
    name = f"{half.partition('-')[0]}.pem"
    if half == "expired":
        replace(pair, new, *NAMES)
    elif half.endswith("only"):
        replace(pair, new, name)
    elif half.endswith("cut"):
        (pair / name).write_bytes((new / name).read_bytes()[:150])
    else:
        (pair / name).unlink()
    for _ in range(5):
        assert signed_by(signing) == before
        assert stamp(drawn("png").data, request(), signing.current()).layers == ["xmp", "c2pa"]
    [error] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "the one before stays" in error.getMessage()
    for line in (new / "key.pem").read_text().splitlines()[1:-1]:
        assert line not in caplog.text
    # The other half arrives.
    make_development_pki(tmp_path / "third")
    replace(pair, tmp_path / "third", *NAMES)
    assert signed_by(signing) == thumbprint(tmp_path / "third")


def test_a_label_that_is_under_way_keeps_its_key(pair: Path, tmp_path: Path) -> None:
    signing, new = files(pair), other_pair(tmp_path)
    root = (pair / "root.pem").read_bytes()
    key = signing.current()
    prepared = prepare(drawn("jpeg").data, request(), key.certificate)
    replace(pair, new, *NAMES)
    assert signed_by(signing) == thumbprint(new)
    done = finish(prepared, key.signature(prepared.to_be_signed))
    assert read_store(done.data, done.mime, trust_anchors=root).state == "trusted"
    with pytest.raises(SigningUnavailable, match="does not fit"):
        finish(prepared, signing.current().signature(prepared.to_be_signed))


def test_threads_label_while_keys_are_exchanged(pair: Path, tmp_path: Path) -> None:
    signing = files(pair)
    pairs = [tmp_path / str(number) for number in range(6)]
    for folder in pairs:
        make_development_pki(folder)
    roots = b"".join((folder / "root.pem").read_bytes() for folder in [*pairs, pair])
    stop = threading.Event()

    def label() -> set[str]:
        states = set()
        while not stop.is_set():
            done = stamp(drawn("png").data, request(), signing.current())
            states.add(read_store(done.data, done.mime, trust_anchors=roots).state)
        return states

    with ThreadPoolExecutor(4) as threads:
        running = [threads.submit(label) for _ in range(4)]
        for folder in pairs:
            replace(pair, folder, *NAMES)
            time.sleep(0.05)
        stop.set()
        assert {state for one in running for state in one.result()} == {"trusted"}
    assert signed_by(signing) == thumbprint(pairs[-1])


def test_an_expired_certificate_signs_nothing_until_it_is_replaced(pair: Path, tmp_path: Path) -> None:
    now = [datetime.now(UTC)]
    signing = files(pair, now=lambda: now[0])
    assert signing.current()
    now[0] = signing.current().certificate.expires + timedelta(seconds=1)
    for _ in range(2):
        with pytest.raises(SigningUnavailable, match="expired on"):
            signing.current()
    now[0] = datetime.now(UTC)
    replace(pair, other_pair(tmp_path), *NAMES)
    assert signing.current()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"c2pa_key": None}, "together"),
        ({"c2pa_chain": None}, "together"),
        ({"c2pa_signer": "tests.signer_process:factory"}, "exclude"),
        ({"c2pa_key": None, "c2pa_signer": "no colon"}, "package.module:function"),
        ({"c2pa_key": None, "c2pa_signer": "tests.nowhere:factory"}, "ModuleNotFoundError"),
        ({"c2pa_key": None, "c2pa_signer": "tests.signer_process:nothing"}, "AttributeError"),
        ({"c2pa_key": None, "c2pa_signer": "os:getcwd"}, "cannot be called"),
    ],
)
def test_settings_that_make_no_signer(changes: dict[str, object], sentence: str, pair: Path) -> None:
    wrong = Settings(
        **{"data_dir": pair.parent, "c2pa_chain": pair / "chain.pem", "c2pa_key": pair / "key.pem"} | changes
    )
    with pytest.raises(SigningUnavailable, match=sentence):
        Signing.load(wrong)


# A signer in another process


@pytest.fixture
def signer(pair: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SignerProcess]:
    with signer_process.running(tmp_path, pair / "key.pem") as found:
        monkeypatch.setenv(signer_process.SOCKET, found.address)
        # The key is nowhere else.
        (pair / "key.pem").unlink()
        yield found


def remote(pair: Path, seconds: float = 5.0) -> Signing:
    return Signing.load(settings(pair, c2pa_signer="tests.signer_process:factory", c2pa_signer_seconds=seconds))


def test_a_signer_elsewhere_labels(pair: Path, signer: SignerProcess) -> None:
    signing = remote(pair)
    for name in ("png", "jpeg"):
        done = stamp(drawn(name).data, request(), signing.current())
        root = (pair / "root.pem").read_bytes()
        assert read_store(done.data, done.mime, trust_anchors=root).state == "trusted"


@pytest.mark.parametrize("mode", ["fail", "wrong", "garbage", "short", "hang"])
def test_a_signer_that_misbehaves_makes_no_label(mode: str, pair: Path, signer: SignerProcess) -> None:
    signing = remote(pair, seconds=1.0 if mode == "hang" else 5.0)
    signer.behave(mode)
    with pytest.raises(SigningUnavailable):
        stamp(drawn("png").data, request(), signing.current())
    signer.behave("sign")
    assert stamp(drawn("png").data, request(), signing.current()).layers == ["xmp", "c2pa"]


@pytest.mark.parametrize("mode", ["fail", "wrong", "garbage", "short"])
def test_a_service_does_not_start_with_a_signer_that_misbehaves(mode: str, pair: Path, signer: SignerProcess) -> None:
    signer.behave(mode)
    with pytest.raises(SigningUnavailable):
        remote(pair)


def test_a_slow_signer_is_given_up(pair: Path, signer: SignerProcess) -> None:
    signing = remote(pair, seconds=1.0)
    signer.behave("sign", seconds=3.0)
    with pytest.raises(SigningUnavailable, match="did not answer in 1 seconds"):
        signing.current().signature(b"message")


def test_many_wait_for_the_signer_at_the_same_time(pair: Path, signer: SignerProcess) -> None:
    key = remote(pair, seconds=30.0).current()
    signer.behave("together")  # nobody gets an answer before 32 ask
    with ThreadPoolExecutor(signer_process.TOGETHER) as threads:
        messages = [bytes([number]) for number in range(signer_process.TOGETHER)]
        assert len(set(threads.map(key.signature, messages))) == signer_process.TOGETHER


def test_a_signer_that_hangs_is_refused_quickly_and_taken_back(caplog: pytest.LogCaptureFixture) -> None:
    released = threading.Event()
    sign = limited(lambda message: b"signed" if released.wait() else b"", 0.2)
    places = 64
    with ThreadPoolExecutor(places) as threads:
        for one in [threads.submit(sign, b"") for _ in range(places)]:
            with pytest.raises(SigningUnavailable, match="did not answer"):
                one.result()
    assert "all 64 calls hang" in caplog.text
    for _ in range(200):  # were each to wait, this would be 40 seconds
        with pytest.raises(SigningUnavailable, match="none of 64 calls has come back"):
            sign(b"")
    released.set()
    for _ in range(100):
        try:
            assert sign(b"") == b"signed"
            break
        except SigningUnavailable:
            time.sleep(0.02)
    else:
        pytest.fail("the signer came back and was not asked again")


def test_a_chain_for_another_key_is_not_taken(pair: Path, tmp_path: Path, signer: SignerProcess) -> None:
    chain = pair / "chain.pem"
    signing = Signing(lambda: callback_key(chain.read_bytes(), signer.sign), (chain,), look_seconds=0.0)
    before = signed_by(signing)
    replace(pair, other_pair(tmp_path), "chain.pem")
    assert signed_by(signing) == before
    assert stamp(drawn("png").data, request(), signing.current()).layers == ["xmp", "c2pa"]
