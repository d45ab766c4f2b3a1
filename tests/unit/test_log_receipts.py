"""Receipts: made from a log, verified with keys alone; whatever is changed in them, they do not verify."""

import base64
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remarque.errors import LogError, ReceiptInvalid
from remarque.log import receipts
from remarque.log.checkpoint import Checkpoint, sign_checkpoint
from remarque.log.checks import CheckReceipt, items_root, make_check, verify_check
from remarque.log.entries import IDENTITY_TAG, OPENING_TAG, Entry, seal
from remarque.log.merkle import Tree, leaf_hash
from remarque.log.note import Note, cosign, sign_note
from remarque.log.proofs import inclusion_proof
from remarque.log.receipts import Opened, Proof, Receipt
from remarque.log.tiles import fold
from remarque.preferences import Preference
from tests import slow_log
from tests.log_folder import KEYS, LOG, ORIGIN, RECEIPTS, WITNESS, all_broken, entry

OPENING = {"fingerprints": [{"alg": "pdq", "value": "ab" * 32}], "preferences": {"ai_training": "disallowed"}}
IDENTITY = {"party": "pty_1", "creator": "Zo\u00eb"}
INDEX, SIZE = 37, 100


def checkpoint_of(entries: list[bytes]) -> bytes:
    tree = Tree().extend(map(leaf_hash, entries))
    return cosign(sign_checkpoint(Checkpoint(ORIGIN, tree.size, tree.root()), LOG), WITNESS, 1).to_bytes()


@pytest.fixture(scope="module")
def receipt() -> Receipt:
    opened, who = seal(OPENING_TAG, OPENING), seal(IDENTITY_TAG, IDENTITY)
    body = Entry("declare", 1_795_464_000, {"open": opened.commitment, "who": who.commitment}).encode()
    entries = [entry(i) if i != INDEX else body for i in range(SIZE)]
    hashes = [leaf_hash(each) for each in entries]
    path = inclusion_proof(lambda level, i: fold(b"".join(hashes[i << level : (i + 1) << level])), INDEX, SIZE)
    openings = {"open": Opened(opened.salt, OPENING), "who": Opened(who.salt, IDENTITY)}
    return receipts.make(body, INDEX, path, checkpoint_of(entries), KEYS, openings)


def test_a_receipt_verifies_and_is_read_as_it_was_written(receipt: Receipt):
    again = Receipt.parse(receipt.to_bytes())
    assert again == receipt
    receipts.verify(again, KEYS)
    receipts.verify(again, KEYS, quorum=1)
    assert json.loads(receipt.to_bytes())["format"] == "remarque-receipt/v1"
    assert len(receipt.to_bytes()) < 2500


def test_no_truncation_and_no_flipped_bit_of_a_receipt_goes_through(receipt: Receipt):
    """JSON has more than one spelling: what still verifies says exactly the same."""
    data = receipt.to_bytes()
    refused = 0
    for broken in all_broken(data):
        try:
            read = Receipt.parse(broken)
            receipts.verify(read, KEYS, quorum=1)
        except ReceiptInvalid:
            refused += 1
        else:
            assert read == receipt
    assert refused >= 9 * len(data) - 20


def test_a_quorum_counts_witnesses_that_are_known(receipt: Receipt):
    alone = replace(KEYS, witnesses=())
    with pytest.raises(ReceiptInvalid, match="0 of the known witnesses"):
        receipts.verify(receipt, alone, quorum=1)
    receipts.verify(receipt, alone, witnesses=[WITNESS.verifier], quorum=1)


def test_an_erased_opening_may_be_left_out_and_never_be_replaced(receipt: Receipt):
    receipts.verify(replace(receipt, openings={}), KEYS)
    salt = receipt.openings["who"].salt
    for openings in ({"who": Opened(salt, {"party": "pty_2"})}, {"why": Opened(salt, {})}, {"who": Opened(b"", {})}):
        with pytest.raises(ReceiptInvalid):
            receipts.verify(replace(receipt, openings=openings), KEYS)


def test_a_receipt_that_does_not_hold_is_not_made(receipt: Receipt):
    for index, path in ((INDEX + 1, receipt.proof.path), (INDEX, receipt.proof.path[:-1])):
        with pytest.raises(ReceiptInvalid):
            receipts.make(receipt.entry, index, path, receipt.proof.checkpoint, KEYS, receipt.openings)


def test_a_file_that_is_too_large_is_not_read(receipt: Receipt):
    with pytest.raises(ReceiptInvalid, match="more than"):
        Receipt.parse(receipt.to_bytes() + b" " * receipts.MAX_SIZE)


@given(st.integers(0, 2**63 - 1), st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.text(max_size=40))
def test_a_proof_is_read_as_it_was_written(index: int, path: list[bytes], checkpoint: str):
    proof = Proof(index, tuple(path), checkpoint.encode())
    assert Proof.parse(proof.to_text()) == proof


@given(st.text(max_size=60))
def test_other_text_is_no_proof_or_the_only_spelling_of_one(text: str):
    text = f"{receipts.PROOF_MAGIC}\nindex {text}"
    try:
        proof = Proof.parse(text)
    except LogError:
        return
    assert proof.to_text() == text


ITEMS = [("pdq", f"{i:064x}") for i in range(7)]


def a_check(**changes: object) -> CheckReceipt:
    said = {
        "checkpoint": checkpoint_of([entry(i) for i in range(9)]).decode(),
        "counts": {Preference.DISALLOWED: 3, Preference.UNKNOWN: 4},
        "engine": "pdq256/hamming<=31/exact",
        "items": 7,
        "items_root": items_root(ITEMS).hex(),
        "t": 1_795_464_000,
        "hits": [(0, 8, 31), (2, 3, 0), (6, 1, 12)],
        "snapshot_sha256": "ab" * 32,
    }
    return CheckReceipt(**{**said, **changes})  # type: ignore[arg-type]  # some are wrong on purpose


def test_the_receipt_of_a_check_verifies_and_is_read_as_it_was_written():
    note = make_check(a_check(), KEYS, RECEIPTS)
    receipt = verify_check(note, KEYS, quorum=1)
    assert receipt == a_check()
    assert CheckReceipt.parse(receipt.to_text()) == receipt
    assert note.startswith(b"remarque-check/v1\n{")
    with pytest.raises(ReceiptInvalid):
        verify_check(note, KEYS, quorum=2)


def test_no_truncation_and_no_flipped_bit_of_a_check_goes_through():
    for broken in all_broken(make_check(a_check(), KEYS, RECEIPTS)):
        with pytest.raises(ReceiptInvalid):
            verify_check(broken, KEYS)


@pytest.mark.parametrize("key", [LOG, WITNESS, replace(RECEIPTS, seed=bytes(32))])
def test_a_check_under_another_key_is_not_made(key):
    with pytest.raises(LogError):
        make_check(a_check(), KEYS, key)


@pytest.mark.parametrize(
    "change",
    [
        {"counts": {"allowed": 6}},
        {"counts": {"free": 7}},
        {"items": True},
        {"hits": [(7, 0, 0)]},
        {"hits": [(0, 9, 0)]},
        {"hits": [[0, 1, 2]]},
        {"items_root": b"x"},
        {"engine": ""},
        {"checkpoint": "a checkpoint"},
        {"t": 1.5},
        {"t": 2**60},
    ],
)
def test_a_check_that_says_what_cannot_be_is_not_made(change: dict[str, object]):
    with pytest.raises(LogError):
        make_check(a_check(**change), KEYS, RECEIPTS)


@given(st.lists(st.tuples(st.sampled_from(["pdq", "phash"]), st.binary(max_size=32).map(bytes.hex)), max_size=40))
def test_the_root_over_items_is_the_one_that_the_definition_gives(items: list[tuple[str, str]]):
    assert items_root(items) == slow_log.mth([f"{alg} {value}".encode() for alg, value in items])
    if len(set(items)) > 1:
        assert items_root(items[::-1]) != items_root(items) or items == items[::-1]


@given(st.binary(max_size=200))
def test_junk_is_no_receipt(junk: bytes):
    for data in (junk, b'{"format":' + junk, base64.b64encode(junk)):
        with pytest.raises(ReceiptInvalid):
            Receipt.parse(data)
        with pytest.raises(ReceiptInvalid):
            verify_check(data, KEYS)
        with pytest.raises(LogError):
            Note.parse(data).verify([LOG.verifier])


def test_a_note_of_the_receipts_key_that_is_no_check_is_refused():
    with pytest.raises(ReceiptInvalid, match="not a remarque-check/v1"):
        verify_check(sign_note("something\n{}\n", RECEIPTS).to_bytes(), KEYS)
