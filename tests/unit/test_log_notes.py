"""Notes, checkpoints and keys: what was written is read, everything else is refused with our error."""

import json
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remarque.errors import LogError
from remarque.log.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from remarque.log.keys import PinnedKeys, make_key, read_key, receipts_name, write_key
from remarque.log.merkle import EMPTY_ROOT
from remarque.log.note import Note, cosign, sign_note
from remarque.log.vkeys import KeyType, SigningKey, VerifierKey
from tests.log_folder import KEYS, LOG, ORIGIN, RECEIPTS, WITNESS, all_broken

# The example of C2SP signed-note and of Go's package note: a published key, text and signature.
PUBLISHED_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PUBLISHED_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)

names = st.text(st.characters(codec="utf-8", categories=("L", "N", "P"), exclude_characters="+"), min_size=1)
keys = st.builds(SigningKey, names, st.sampled_from(KeyType), st.binary(min_size=32, max_size=32))
texts = st.text(st.characters(codec="utf-8", min_codepoint=32)).map(lambda text: text + "\n")


def test_the_published_example_verifies_and_a_changed_one_does_not():
    key = VerifierKey.parse(PUBLISHED_KEY)
    note = Note.parse(PUBLISHED_NOTE.encode())
    assert note.verify([key]) == {key: None}
    assert key.to_text() == PUBLISHED_KEY
    with pytest.raises(LogError):
        Note.parse(PUBLISHED_NOTE.replace("don't", "do").encode()).verify([key])


@given(st.lists(texts, min_size=1, max_size=3).map("\n".join), keys, st.integers(0, 2**63 - 1))
def test_a_note_is_read_as_it_was_written(text: str, key: SigningKey, time: int):
    if key.kind is KeyType.NOTE:
        note = sign_note(text, key)
        assert note.verify([key.verifier]) == {key.verifier: None}
    else:
        note = cosign(sign_note(text, LOG), key, time)
        assert note.verify([key.verifier]) == {key.verifier: time}
    assert Note.parse(note.to_bytes()) == note


@given(keys)
def test_keys_are_read_as_they_were_written(key: SigningKey):
    assert SigningKey.parse(key.to_text()) == key
    assert VerifierKey.parse(key.verifier.to_text()) == key.verifier
    assert key.to_text() not in repr(key)
    assert repr(key.seed) not in repr(key)


def test_no_truncation_and_no_flipped_bit_of_a_checkpoint_goes_through():
    note = cosign(sign_checkpoint(Checkpoint(ORIGIN, 5, bytes(range(32))), LOG), WITNESS, 1_795_464_000).to_bytes()
    assert open_checkpoint(note, LOG.verifier, [WITNESS.verifier], 1).size == 5
    for broken in all_broken(note):
        with pytest.raises(LogError):
            open_checkpoint(broken, LOG.verifier, [WITNESS.verifier], 1)


@pytest.mark.parametrize("text", [LOG.verifier.to_text(), WITNESS.verifier.to_text()])
def test_no_truncation_and_no_flipped_bit_of_a_key_goes_through(text: str):
    for broken in all_broken(text.encode()):
        with pytest.raises((LogError, UnicodeDecodeError)):
            VerifierKey.parse(broken.decode())


def test_a_witness_signs_anew_in_its_own_place():
    note = sign_checkpoint(Checkpoint(ORIGIN, 5, bytes(range(32))), LOG)
    twice = cosign(cosign(note, WITNESS, 1), WITNESS, 2)
    assert twice.verify([WITNESS.verifier]) == {WITNESS.verifier: 2}
    assert len(Note.parse(twice.to_bytes()).signatures) == 2


@given(names, st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32))
def test_a_checkpoint_is_read_as_it_was_written(origin: str, size: int, root: bytes):
    checkpoint = Checkpoint(origin, size, root if size else EMPTY_ROOT)
    assert Checkpoint.parse(checkpoint.to_text()) == checkpoint


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: sign_checkpoint(Checkpoint("registry.example/log2", 5, bytes(32)), LOG),
        lambda: sign_checkpoint(Checkpoint(ORIGIN, 0, bytes(32)), LOG),
        lambda: sign_checkpoint(Checkpoint(ORIGIN, -1, bytes(32)), LOG),
        lambda: sign_checkpoint(Checkpoint(ORIGIN, 1, bytes(31)), LOG),
        lambda: sign_note("no newline", LOG),
        lambda: sign_note("a\tb\n", LOG),
        lambda: sign_note("text\n", WITNESS),
        lambda: cosign(sign_note("text\n", LOG), LOG, 5),
        lambda: cosign(sign_note("text\n", LOG), WITNESS, -1),
        lambda: Note("text\n", ()).to_bytes(),
        lambda: Note.parse(bytes(1_000_001)),
        lambda: SigningKey("a b", KeyType.NOTE, bytes(32)),
        lambda: SigningKey("", KeyType.NOTE, bytes(32)),
        lambda: SigningKey("a+b", KeyType.NOTE, bytes(32)),
        lambda: SigningKey("a", KeyType.NOTE, bytes(31)),
        lambda: SigningKey.parse(LOG.verifier.to_text()),
        lambda: SigningKey.parse(LOG.to_text() + "\n"),
        lambda: SigningKey.parse(LOG.to_text().replace(LOG.name, "another.example")),
        lambda: PinnedKeys(ORIGIN, LOG.verifier, LOG.verifier),
        lambda: PinnedKeys(ORIGIN, LOG.verifier, SigningKey("r", KeyType.NOTE, LOG.seed).verifier),
        lambda: PinnedKeys(ORIGIN, RECEIPTS.verifier, LOG.verifier),
        lambda: PinnedKeys(ORIGIN, LOG.verifier, RECEIPTS.verifier, (RECEIPTS.verifier,)),
        lambda: PinnedKeys(ORIGIN, LOG.verifier, WITNESS.verifier),
    ],
)
def test_what_cannot_be_written_is_refused(wrong):
    with pytest.raises(LogError):
        wrong()


def test_two_keys_that_cannot_be_told_apart_are_refused(monkeypatch: pytest.MonkeyPatch):
    other = SigningKey(ORIGIN, KeyType.NOTE, bytes(32)).verifier
    monkeypatch.setattr("remarque.log.vkeys.key_id", lambda name, kind, public: b"same")
    with pytest.raises(LogError, match="same id"):
        sign_note("text\n", LOG).verify([LOG.verifier, other])


def test_a_key_file_is_its_owners_and_is_never_written_over(tmp_path: Path):
    path, key = tmp_path / "log.key", make_key(ORIGIN)
    write_key(path, key)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_key(path, ORIGIN) == key
    assert make_key(ORIGIN) != key
    with pytest.raises(FileExistsError):
        write_key(path, make_key(ORIGIN))
    assert read_key(path, ORIGIN) == key
    with pytest.raises(LogError, match="not of"):
        read_key(path, receipts_name(ORIGIN))


@pytest.mark.parametrize("content", [b"", b"\xff", b"PRIVATE+KEY+a", b"x" * 200_000])
def test_a_file_that_holds_no_key_is_refused(tmp_path: Path, content: bytes):
    path = tmp_path / "log.key"
    path.write_bytes(content)
    with pytest.raises(LogError):
        read_key(path, ORIGIN)


def test_pinned_keys_are_read_from_a_saved_document(tmp_path: Path):
    path = tmp_path / "remarque.json"
    path.write_text(json.dumps({**KEYS.to_document(), "c2pa_root_pem": "PEM", "routes": {"log": "/log"}}))
    assert PinnedKeys.load(path) == KEYS


@pytest.mark.parametrize(
    "change",
    [
        {"origin": "registry.example/log2"},
        {"origin": None},
        {"log_key": "key"},
        {"log_key": WITNESS.verifier.to_text()},
        {"receipts_key": LOG.verifier.to_text()},
        {"witnesses": None},
        {"witnesses": [1]},
        {"witnesses": [LOG.verifier.to_text()]},
    ],
)
def test_a_document_without_usable_keys_is_refused(change: dict[str, object]):
    with pytest.raises(LogError):
        PinnedKeys.from_document({**KEYS.to_document(), **change})
