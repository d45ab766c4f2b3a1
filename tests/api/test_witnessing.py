"""Checkpoints are published: what witnesses sign is kept and shown, what they refuse is told, files stay."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select, update

from app.checkpoints import newest_head
from app.cosigned import PATIENCE, cosigned_note, shown_note
from app.db import Database
from app.settings import Settings
from app.tables import Cosigned, TreeHead
from app.witness_client import FAILURES, PAUSE, NotCosigned, WitnessAddress, WitnessClient, witnesses_of
from app.witnessing import Witnessing
from remarque.errors import LogError
from remarque.log.checkpoint import open_checkpoint
from remarque.log.keys import make_key
from remarque.log.note import Note, cosign
from remarque.log.receipts import Receipt, verify
from remarque.log.vkeys import KeyType, VerifierKey
from remarque.log.witness import AddCheckpoint, write_cosignatures
from tests.api.conftest import Service
from tests.api.test_group_commit import declare_many
from tests.api.test_log_serving import pinned, read
from tests.witnesses import Answer, answering, witness

FALSE = make_key("witness.example/w1", KeyType.COSIGNATURE)


@pytest.fixture
def database(service: Service) -> Database:
    return service.http.app.state.resources.database


@pytest.fixture
def publishing(service: Service, database: Database, settings_for: Callable[..., Settings]) -> Iterator[Callable]:
    """Makes what publishes for the service, without its thread."""
    with ExitStack() as stack:

        def make(*witnesses: tuple[VerifierKey, str], **changes: object) -> Witnessing:
            listed = ", ".join(WitnessAddress(key, url).to_text() for key, url in witnesses)
            publisher = service.http.app.state.resources.logbook.publisher
            made = Witnessing(settings_for(witnesses=listed, **changes), database, publisher)
            stack.callback(made.stop)
            return made

        yield make


def log_key(service: Service) -> VerifierKey:
    return pinned(service).log_key


def shown(service: Service, *witnesses: VerifierKey, quorum: int = 0) -> int:
    """The size of /log/checkpoint, which so many witnesses have signed."""
    return open_checkpoint(read(service, "checkpoint"), log_key(service), witnesses, quorum).size


def test_the_newest_checkpoint_is_signed_and_shown(
    service: Service, database: Database, publishing: Callable, picture: bytes, tmp_path: Path
):
    artist = service.party()
    with witness(tmp_path / "w1", log_key(service)) as (held, address):
        publishes = publishing((held.key.verifier, address))
        publishes.turn()
        assert shown(service, held.key.verifier, quorum=1) == 0
        said = service.declare(picture, artist)
        assert shown(service) == 0, "until it is published, the one before is shown"
        plain = Receipt.parse(service.http.get(said["receipt_url"], headers=artist).content)
        with pytest.raises(LogError, match="0 of the known witnesses"):
            verify(plain, pinned(service), [held.key.verifier], quorum=1)
        publishes.turn()
        assert shown(service, held.key.verifier, quorum=1) == 1
        seen = Receipt.parse(service.http.get(said["receipt_url"], headers=artist).content)
        verify(seen, pinned(service), [held.key.verifier], quorum=1)
        declare_many(service, database, 300)
        publishes.turn()
        assert shown(service, held.key.verifier, quorum=1) == 301
        first = read(service, "checkpoint")
        publishes.turn()
        assert read(service, "checkpoint") == first, "it is not signed again: the first time is the one that counts"
    declare_many(service, database, 1)
    assert Receipt.parse(service.http.get(said["receipt_url"], headers=artist).content).proof.checkpoint == first


def test_two_witnesses_sign_the_same_checkpoint_and_one_that_is_new_is_asked_too(
    service: Service, database: Database, publishing: Callable, tmp_path: Path
):
    key = log_key(service)
    with witness(tmp_path / "w1", key) as (one, first), witness(tmp_path / "w2", key, "w2") as (two, second):
        keys = one.key.verifier, two.key.verifier
        declare_many(service, database, 3)
        publishing((keys[0], first)).turn()
        declare_many(service, database, 5)
        # A process that was just started knows nothing of where its witnesses stand.
        publishing((keys[0], first), (keys[1], second)).turn()
        assert shown(service, *keys, quorum=2) == 8


def test_a_witness_that_is_away_holds_up_nobody(
    service: Service, publishing: Callable, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    with witness(tmp_path / "w1", log_key(service)) as (held, address):
        away = make_key("away.example/w", KeyType.COSIGNATURE).verifier
        publishes = publishing((away, "http://127.0.0.1:1"), (held.key.verifier, address))
        publishes.turn()
        publishes.turn()
        assert shown(service, held.key.verifier, quorum=1) == 0
    told = [record for record in caplog.records if "away.example/w" in record.getMessage()]
    assert [record.levelno for record in told] == [logging.WARNING], "said once"


def signed_by(key, *, text: str | None = None) -> Answer:
    """A witness that signs with that key, or another text."""

    def answer(body: bytes) -> tuple[int, str, bytes]:
        note = Note.parse(AddCheckpoint.parse(body).checkpoint)
        lines = cosign(Note(text or note.text, note.signatures), key, 1_795_464_000).signatures
        return 200, "text/plain", write_cosignatures(lines[-1:])

    return answer


OTHER = make_key("other.example/w", KeyType.COSIGNATURE)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        pytest.param(lambda body: (404, "text/plain", b"unknown log\n"), "404 unknown log", id="404"),
        pytest.param(lambda body: (403, "text/plain", b"not signed\n"), "403 not signed", id="403"),
        pytest.param(lambda body: (422, "text/plain", b"\n"), "THE LOG MAY HAVE TWO HISTORIES", id="422"),
        pytest.param(lambda body: (409, "text/plain", b"no\n"), "THE LOG MAY HAVE TWO HISTORIES", id="409, a root"),
        pytest.param(lambda body: (409, "text/x.tlog.size", b"0\n"), "MAY HAVE TWO HISTORIES", id="409, the same size"),
        pytest.param(lambda body: (409, "text/x.tlog.size", b"9\n"), "it signed one at size 9", id="409, ahead"),
        pytest.param(lambda body: (409, "text/x.tlog.size", b"many\n"), "cannot be read", id="409, no size"),
        pytest.param(lambda body: (200, "text/plain", b"thanks\n"), "no signature", id="no signature"),
        pytest.param(signed_by(OTHER), "0 signatures of witness.example/w1", id="another's signature"),
        pytest.param(signed_by(FALSE, text="something else\n"), "does not verify", id="a signature of another text"),
    ],
)
def test_what_a_witness_refuses_is_an_error_that_names_it(
    service: Service, publishing: Callable, caplog: pytest.LogCaptureFixture, answer: Answer, told: str
):
    with answering(answer) as (address, _):
        publishes = publishing((FALSE.verifier, address))
        publishes.turn()
        publishes.turn()
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "The witness witness.example/w1 did not sign" in record.getMessage()
    assert told in record.getMessage()
    assert shown(service) == 0
    with pytest.raises(LogError):
        shown(service, FALSE.verifier, quorum=1)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(lambda body: (503, "text/plain", b"later\x1b[31m\nforged line\n"), id="503"),
        pytest.param(lambda body: (302, "text/plain", b""), id="redirect"),
        pytest.param(lambda body: (200, "text/plain", b"x" * 100_000), id="endless"),
    ],
)
def test_what_may_pass_is_a_warning_of_one_line(
    service: Service, publishing: Callable, caplog: pytest.LogCaptureFixture, answer: Answer
):
    with answering(answer) as (address, _):
        publishing((FALSE.verifier, address)).turn()
    [record] = [record for record in caplog.records if record.name == "app.witness_client"]
    assert record.levelno == logging.WARNING
    assert record.getMessage().isprintable()


def test_a_witness_that_hangs_is_left_alone_for_a_while(caplog: pytest.LogCaptureFixture):
    go, now = threading.Event(), [0.0]

    def hang(body: bytes) -> tuple[int, str, bytes]:
        go.wait()
        return 503, "text/plain", b""

    with answering(hang) as (address, bodies):
        client = WitnessClient(WitnessAddress(FALSE.verifier, address), timeout=0.05, clock=lambda: now[0])
        for failures in range(1, FAILURES + 1):
            assert not client.resting
            with pytest.raises(NotCosigned, match="no answer") as caught:
                client.cosignatures(0, lambda old: AddCheckpoint(old, (), b""))
            client.failed(caught.value)
            assert client.resting is (failures == FAILURES)
        now[0] = PAUSE
        assert not client.resting
        client.succeeded()
        assert "signs again" in caplog.text
        go.set()
        client.close()
    assert len(bodies) <= FAILURES


def test_without_witnesses_for_long_the_newest_is_shown_and_the_operator_warned_once(
    service: Service, database: Database, publishing: Callable, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    with witness(tmp_path / "w1", log_key(service)) as (held, address):
        publishing((held.key.verifier, address)).turn()
    publishes = publishing((held.key.verifier, "http://127.0.0.1:1"))
    declare_many(service, database, 2)
    now = datetime.now(UTC)
    with database.reading() as session:
        head = newest_head(session)
        assert shown_note(session, head, now) == cosigned_note(session).note
        assert shown_note(session, head, now + PATIENCE + timedelta(minutes=1)) == head.note
        assert cosigned_note(session, at_least_size=1) is None
    with database.writing() as session:
        session.execute(update(TreeHead).where(TreeHead.size > 0).values(at=now - 2 * PATIENCE))
        session.commit()
    assert shown(service) == 2
    publishes._since -= 2 * PATIENCE  # the service has been running for as long
    publishes.turn()
    publishes.turn()
    assert [r.getMessage().partition(" of this log")[0] for r in caplog.records if r.name == "app.witnessing"] == [
        "No witness has signed a checkpoint"
    ]


def test_a_quiet_log_is_not_late(service: Service, database: Database, publishing: Callable, tmp_path: Path):
    with witness(tmp_path / "w1", log_key(service)) as (held, address):
        publishing((held.key.verifier, address)).turn()
    with database.reading() as session:
        head = newest_head(session)
        assert shown_note(session, head, head.at + 1000 * PATIENCE) == cosigned_note(session).note


def test_settings_name_witnesses(settings_for: Callable[..., Settings]):
    one, two = (
        WitnessAddress(FALSE.verifier, "https://w.example/a"),
        WitnessAddress(OTHER.verifier, "http://[::1]:8080"),
    )
    assert witnesses_of(settings_for(witnesses=f"{one.to_text()},\n{two.to_text()}\n")) == (one, two)
    assert witnesses_of(settings_for()) == witnesses_of(settings_for(witnesses="")) == ()
    note_key = make_key("registry.example/log1").verifier
    for wrong in (
        FALSE.verifier.to_text(),
        f"https://w.example {FALSE.verifier.to_text()}",
        f"{FALSE.verifier.to_text()} ftp://w.example",
        f"{FALSE.verifier.to_text()} https://user@w.example",
        f"{note_key.to_text()} https://w.example",
        f"{one.to_text()}, {one.to_text()}",
    ):
        with pytest.raises(LogError):
            witnesses_of(settings_for(witnesses=wrong))


def test_one_worker_publishes_at_a_time(service: Service, publishing: Callable, tmp_path: Path):
    folders = tmp_path / "one", tmp_path / "two"
    first, second = (publishing(publish_dir=folder, publish_seconds=0.01) for folder in folders)
    first.start()
    wait_for(lambda: (folders[0] / "0").exists())
    second.start()
    assert not folders[1].exists()
    first.stop()
    wait_for(lambda: (folders[1] / "0").exists())


def wait_for(happened: Callable[[], bool]) -> None:
    patience = threading.Event()
    for _ in range(1000):
        if happened():
            return
        patience.wait(0.02)
    pytest.fail("it did not happen")


@contextmanager
def unchanged(folder: Path) -> Iterator[None]:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    yield
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_each_published_checkpoint_is_a_file(
    service: Service, database: Database, publishing: Callable, tmp_path: Path
):
    folder = tmp_path / "published"
    with witness(tmp_path / "w1", log_key(service)) as (held, address):
        publishes = publishing((held.key.verifier, address), publish_dir=folder)
        for count in (0, 2, 300):
            declare_many(service, database, count)
            publishes.turn()
        assert sorted(path.name for path in folder.iterdir()) == ["0", "2", "302"]
        note = (folder / "302").read_bytes()
        assert open_checkpoint(note, log_key(service), [held.key.verifier], quorum=1).size == 302
    with unchanged(folder):
        again = publishing(publish_dir=folder)
        again.start()
        again.turn()


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        pytest.param(lambda folder: (folder / "0").write_bytes(b"x"), "0 is no checkpoint of this log", id="rubbish"),
        pytest.param(
            lambda folder: (folder / "0").rename(folder / "7"), "7 holds the checkpoint of size 0", id="renamed"
        ),
    ],
)
def test_a_folder_that_was_changed_is_refused(
    service: Service, publishing: Callable, tmp_path: Path, spoil: Callable[[Path], object], told: str
):
    folder = tmp_path / "published"
    publishing(publish_dir=folder).turn()
    spoil(folder)
    with unchanged(folder), pytest.raises(LogError, match=told):
        publishing(publish_dir=folder).start()


def test_what_is_signed_stays_when_a_witness_is_given_up(
    service: Service, database: Database, publishing: Callable, tmp_path: Path
):
    with witness(tmp_path / "w1", log_key(service)) as (held, address):
        publishing((held.key.verifier, address)).turn()
    publishing().turn()
    with database.reading() as session:
        assert [row.size for row in session.exec(select(Cosigned)).all()] == [0]
