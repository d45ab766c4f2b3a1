"""Snapshots depend on the state alone, and answer as the log up to it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from remarque.log.checkpoint import Checkpoint, sign_checkpoint
from remarque.log.keys import PinnedKeys, make_key
from remarque.matching.matcher import PDQ, Matcher
from remarque.preferences import Category
from remarque.snapshots import open_snapshot
from remarque.snapshots.draft import Draft
from remarque.snapshots.manifest import MANIFEST, File, Manifest, read_manifest, sign_manifest
from tests.histories import History, histories

LOG, RECEIPTS = make_key("log.example/log1"), make_key("log.example/log1/receipts")
KEYS = PinnedKeys(LOG.name, LOG.verifier, RECEIPTS.verifier)


def store(folder: Path, draft: Draft, history: History, size: int) -> Path:
    """Write and sign a snapshot."""
    root = history.root(size)
    counts, files = draft.write(folder, size, root)
    note = sign_checkpoint(Checkpoint(LOG.name, size, bytes.fromhex(root)), LOG).to_bytes().decode()
    manifest = Manifest(tree_size=size, root=root, checkpoint=note, counts=counts, files=files)
    (folder / MANIFEST).write_bytes(sign_manifest(manifest, KEYS, RECEIPTS))
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@settings(max_examples=40)
@given(histories(), st.data())
def test_however_it_was_made_the_bytes_are_the_same(history: History, data: st.DataObject):
    size = len(history.events)
    middle = data.draw(st.integers(0, size))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # One who followed the log entry by entry, and one who reads it at the end, when openings are erased.
        followed = Draft()
        for index in range(size):
            history.feed(followed, index, index + 1, seen_at=index + 1)
        at_once = store(folder / "at-once", history.feed(Draft(), 0, size, seen_at=size), history, size)
        assert content(store(folder / "followed", followed, history, size)) == content(at_once)
        # One who goes on from an older snapshot.
        store(folder / "old", history.feed(Draft(), 0, middle, seen_at=middle), history, middle)
        draft = history.feed(Draft(open_snapshot(folder / "old", KEYS)), middle, size, seen_at=size)
        assert content(store(folder / "gone-on", draft, history, size)) == content(at_once)


@settings(max_examples=40)
@given(histories())
def test_it_holds_what_speaks_and_nothing_of_the_rest(history: History):
    size = len(history.events)
    with tempfile.TemporaryDirectory() as name:
        folder = store(Path(name) / "s", history.feed(Draft(), 0, size, seen_at=0), history, size)
        snapshot = open_snapshot(folder, KEYS)
        speaking = history.speaking(size)
        assert len(snapshot) == len(speaking)
        openings = {i: e.opening for i, e in enumerate(history.events) if e.type == "declare" and e.opening}
        for index in speaking:
            opening = openings[index]
            facts = snapshot.facts(opening["id"])
            assert facts.url == opening.get("url")
            assert facts.constraint == opening.get("constraint")
            assert facts.valid_until == opening.get("valid_until")
            hits = snapshot.check([opening["fingerprints"][1]["value"]], purpose=Category.AI_TRAINING, now=0).hits
            said = {m.declaration: m.preferences for hit in hits for m in hit.matches if m.distance == 0}
            assert said[opening["id"]].get(Category.AI_TRAINING) == history.preference(index, size)
        everything = b"".join(content(folder).values())
        kept = b"".join(bytes.fromhex(openings[i]["id"].removeprefix("dec_")) for i in speaking)
        for index in set(openings) - set(speaking):
            assert bytes.fromhex(openings[index]["id"].removeprefix("dec_")) not in kept
            assert openings[index]["id"].encode() not in everything


def fed(history: History, size: int) -> Matcher:
    draft = history.feed(Draft(), 0, size, seen_at=0)
    draft._matcher.advance(size, history.root(size))
    return draft._matcher


@settings(max_examples=40)
@given(histories(), st.data())
def test_what_is_erased_matches_in_no_state_and_is_in_no_array(history: History, data: st.DataObject):
    size = len(history.events)
    earlier = data.draw(st.integers(0, size))
    matcher = fed(history, size)
    view = matcher.view_at(earlier, history.root(earlier))
    erased = {e.ref for e in history.events if e.type == "erase"}
    expected = {f"dec_{i:032x}" for i in history.speaking(earlier) if i not in erased}
    stored = matcher.arrays(matcher.freeze())
    asked = [e.opening["fingerprints"][0]["value"] for e in history.events if e.type == "declare" and e.opening]
    hashes = np.frombuffer(bytes.fromhex("".join(asked)), np.uint8).reshape(-1, 32)
    for judged in (matcher, Matcher(stored, matcher.view)):
        answer = judged.match(view, PDQ, hashes, now=0)
        assert {match.declaration for matches in answer.values() for match in matches} == expected
    alone = Matcher(stored, matcher.view)
    for ref in erased & {i for i, e in enumerate(history.events) if e.type == "declare"}:
        slot = alone._works.slot_of(int(ref or 0))
        start, stop = alone._searchable["pdq"].rows_of(slot, matcher.view.rows["pdq"])
        assert not alone._searchable["pdq"].hashes(start, stop).any()


digests = st.text("0123456789abcdef", min_size=64, max_size=64)
files = st.builds(File, st.integers(0, 2**53 - 1), digests)


@given(
    st.builds(
        Manifest,
        tree_size=st.integers(0, 2**53 - 1),
        root=digests,
        checkpoint=st.text(st.characters(exclude_categories=["Cs"])),
        counts=st.dictionaries(st.text("abc-", min_size=1), st.integers(0, 2**53 - 1), max_size=3),
        files=st.dictionaries(st.from_regex(r"[a-z_]{1,9}\.npy", fullmatch=True), files, min_size=1, max_size=3),
    )
)
def test_manifests_are_read_as_they_were_written(manifest: Manifest):
    assert Manifest.parse(manifest.to_text()) == manifest


def test_an_empty_log_has_a_snapshot(tmp_path: Path):
    folder = store(tmp_path / "0", Draft(), History(), 0)
    snapshot = open_snapshot(tmp_path, KEYS)
    assert len(snapshot) == 0
    assert snapshot.check(["00" * 32]).hits == []
    assert read_manifest((folder / MANIFEST).read_bytes()).counts["declarations"] == 0
