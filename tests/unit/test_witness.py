"""The rule of a witness, and its wire format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remarque.errors import LogError
from remarque.log.checkpoint import Checkpoint, sign_checkpoint
from remarque.log.merkle import EMPTY_ROOT
from remarque.log.note import Note, cosign
from remarque.log.proofs import consistency_proof
from remarque.log.tiles import hash_reader
from remarque.log.vkeys import KeyType, SigningKey
from remarque.log.witness import (
    AddCheckpoint,
    Refusal,
    Why,
    is_cosigned_by,
    judge,
    read_cosignatures,
    read_size,
    with_cosignatures,
    write_cosignatures,
    write_size,
)
from tests.log_folder import LOG, ORIGIN, WITNESS, LogFolder, all_broken

OTHER = SigningKey(ORIGIN, KeyType.NOTE, bytes(range(3, 35)))
SIZES = (0, 1, 2, 3, 255, 256, 257, 700)


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> tuple[LogFolder, dict[int, Checkpoint]]:
    """A log of 700 entries, and what it was at each of the sizes."""
    log = LogFolder(tmp_path_factory.mktemp("log"))
    found = {}
    for size in SIZES:
        log.grow(size)
        found[size] = Checkpoint(ORIGIN, size, log.tree.root())
    return log, found


@pytest.fixture(scope="module")
def request_for(states: tuple[LogFolder, dict[int, Checkpoint]]) -> Callable[[int, int], AddCheckpoint]:
    log, found = states

    def make(old: int, new: int) -> AddCheckpoint:
        proof = consistency_proof(hash_reader(log.read_tile, new), old, new) if old else []
        return AddCheckpoint(old, tuple(proof), sign_checkpoint(found[new], LOG).to_bytes())

    return make


def test_what_continues_is_signed(states, request_for):
    _, found = states
    for old in SIZES:
        for new in [size for size in SIZES if size >= old]:
            judged = judge(request_for(old, new).to_bytes(), LOG.verifier, found[old])
            assert isinstance(judged, Note), (old, new)
            assert Checkpoint.parse(judged.text) == found[new]
    assert isinstance(judge(request_for(0, 3).to_bytes(), LOG.verifier, None), Note)
    assert isinstance(judge(request_for(0, 0).to_bytes(), LOG.verifier, None), Note)


def test_what_does_not_continue_is_refused(states, request_for):
    _, found = states
    fork = Checkpoint(ORIGIN, 257, b"\7" * 32)
    proof = request_for(3, 257).proof
    cases = {
        "another root at the same size": (AddCheckpoint(257, (), signed(fork)), 257, Why.CONFLICT),
        "a root that the proof does not lead to": (AddCheckpoint(3, proof, signed(fork)), 3, Why.INCONSISTENT),
        "no proof": (replace(request_for(3, 257), proof=()), 3, Why.INCONSISTENT),
        "a proof too long": (replace(request_for(3, 257), proof=(*proof, proof[0])), 3, Why.INCONSISTENT),
        "a proof at the same size": (replace(request_for(3, 3), proof=proof[:1]), 3, Why.INCONSISTENT),
        "a proof from nothing": (replace(request_for(0, 3), proof=proof[:1]), 0, Why.INCONSISTENT),
    }
    for name, (request, seen, why) in cases.items():
        refused = judge(request.to_bytes(), LOG.verifier, found[seen])
        assert isinstance(refused, Refusal), name
        assert (refused.why, refused.size) == (why, None), name
        assert refused.checkpoint == Checkpoint.parse(Note.parse(request.checkpoint).text), name


def signed(checkpoint: Checkpoint, key: SigningKey = LOG) -> bytes:
    return sign_checkpoint(checkpoint, key).to_bytes()


def test_a_log_that_asks_from_elsewhere_is_told_where_the_witness_stands(states, request_for):
    _, found = states
    for old, seen in ((0, 3), (3, 256), (256, 3), (3, 0)):
        refused = judge(request_for(old, 257).to_bytes(), LOG.verifier, found[seen])
        assert isinstance(refused, Refusal)
        assert (refused.why, refused.size, refused.checkpoint) == (Why.CONFLICT, seen, None)
    rolled_back = judge(request_for(3, 3).to_bytes(), LOG.verifier, found[256])
    assert isinstance(rolled_back, Refusal)
    assert (rolled_back.why, rolled_back.size) == (Why.CONFLICT, 256)
    backwards = replace(request_for(3, 3), old_size=256, proof=())
    assert judge(backwards.to_bytes(), LOG.verifier, found[256]).why is Why.MALFORMED


def test_only_the_pinned_key_of_the_pinned_log_counts(states, request_for):
    _, found = states
    elsewhere = SigningKey("other.example/log1", KeyType.NOTE, LOG.seed)
    unknown = AddCheckpoint(0, (), signed(Checkpoint(elsewhere.name, 3, found[3].root), elsewhere))
    assert judge(unknown.to_bytes(), LOG.verifier, None).why is Why.UNKNOWN_LOG
    false_key = AddCheckpoint(0, (), signed(found[3], OTHER))
    assert judge(false_key.to_bytes(), LOG.verifier, None).why is Why.NOT_SIGNED
    note = Note.parse(request_for(0, 3).checkpoint)
    bad = Note(note.text, (replace(note.signatures[0], blob=bytes(64)),))
    assert judge(AddCheckpoint(0, (), bad.to_bytes()).to_bytes(), LOG.verifier, None).why is Why.NOT_SIGNED
    extended = note.text + "an extension line\n"
    extension = Note(extended, (replace(note.signatures[0], blob=LOG.sign(extended)),))
    assert judge(AddCheckpoint(0, (), extension.to_bytes()).to_bytes(), LOG.verifier, None).why is Why.MALFORMED


def test_signatures_of_others_are_left_out(request_for):
    request = request_for(0, 3)
    others = cosign(Note.parse(request.checkpoint), WITNESS, 1_795_464_000)
    same_name = replace(others.signatures[0], key_id=b"\0\0\0\1")
    with_others = Note(others.text, (*others.signatures, same_name)).to_bytes()
    judged = judge(replace(request, checkpoint=with_others).to_bytes(), LOG.verifier, None)
    assert isinstance(judged, Note)
    assert judged.to_bytes() == request.checkpoint


@given(st.integers(0, 2**63 - 1), st.lists(st.binary(min_size=32, max_size=32), max_size=63))
def test_a_request_is_read_as_it_was_written(old_size: int, proof: list[bytes]):
    request = AddCheckpoint(old_size, tuple(proof), signed(Checkpoint(ORIGIN, 0, EMPTY_ROOT)))
    assert AddCheckpoint.parse(request.to_bytes()) == request


def test_a_request_that_is_cut_or_changed_is_never_signed_in_its_place(states, request_for):
    _, found = states
    request = request_for(3, 257)
    for data in all_broken(request.to_bytes(), every=5):
        assert isinstance(judge(data, LOG.verifier, found[3]), Refusal)
    assert isinstance(judge(request.to_bytes(), LOG.verifier, found[3]), Note)


@pytest.mark.parametrize(
    "head",
    [
        *("", "old", "old ", "old -1", "old 03", "old 3 ", " old 3", "old 3\r", "OLD 3", "old 9223372036854775808"),
        *("old 3\nAAAA", "old 3\n" + "A" * 43, "old 3\n" + "\n".join(["A" * 43 + "="] * 64), "size 3"),
    ],
)
def test_a_request_has_one_spelling(head: str):
    note = signed(Checkpoint(ORIGIN, 0, EMPTY_ROOT))
    with pytest.raises(LogError):
        AddCheckpoint.parse(f"{head}\n\n".encode() + note)


def test_the_largest_request_can_be_written_and_no_larger():
    note = signed(Checkpoint(ORIGIN, 0, EMPTY_ROOT))
    assert AddCheckpoint(1, (bytes(32),) * 63, note).to_bytes()
    for request in (AddCheckpoint(1, (bytes(32),) * 64, note), AddCheckpoint(1, (bytes(31),), note)):
        with pytest.raises(LogError):
            request.to_bytes()


@given(st.integers(0, 2**63 - 1))
def test_sizes_are_read_as_they_were_written(size: int):
    assert read_size(write_size(size)) == size


@pytest.mark.parametrize("data", [b"", b"3", b"\n", b"03\n", b"3\n\n", b"-1\n", b"3 \n", b"\xff\n"])
def test_a_size_has_one_spelling(data: bytes):
    with pytest.raises(LogError):
        read_size(data)


def test_signature_lines_are_verified_before_they_are_added():
    note = signed(Checkpoint(ORIGIN, 0, EMPTY_ROOT))
    line = cosign(Note.parse(note), WITNESS, 1_795_464_000).signatures[-1]
    stranger = replace(line, name="stranger.example")
    answer = write_cosignatures((stranger, line))
    assert read_cosignatures(answer) == (stranger, line)
    added = with_cosignatures(note, answer, WITNESS.verifier)
    assert Note.parse(added).verify([LOG.verifier, WITNESS.verifier])[WITNESS.verifier] == 1_795_464_000
    assert is_cosigned_by(added, WITNESS.verifier)
    assert not is_cosigned_by(note, WITNESS.verifier)
    later = cosign(Note.parse(note), WITNESS, 1_795_464_009).signatures[-1:]
    again = with_cosignatures(added, write_cosignatures(later), WITNESS.verifier)
    assert Note.parse(again).verify([WITNESS.verifier]) == {WITNESS.verifier: 1_795_464_009}
    for wrong in (b"", b"\n", answer[:-1], answer + b"\n", write_cosignatures((stranger,)), answer + answer):
        with pytest.raises(LogError):
            with_cosignatures(note, wrong, WITNESS.verifier)
    elsewhere = signed(Checkpoint(ORIGIN, 1, b"\1" * 32))
    with pytest.raises(LogError, match="does not verify"):
        with_cosignatures(elsewhere, answer, WITNESS.verifier)
