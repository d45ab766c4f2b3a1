"""Histories of a registry, made up by hypothesis: what was declared, changed, withdrawn, disputed, decided, erased."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from hypothesis import strategies as st

from remarque.answers import Outcome
from remarque.fingerprints.packing import pack_regions
from remarque.fingerprints.regions import Regions
from remarque.log.merkle import Tree, leaf_hash
from remarque.preferences import Preference
from remarque.snapshots.draft import Draft


@dataclass(frozen=True)
class Event:
    """One entry: what the log keeps of it, and what it commits to while nothing is erased."""

    type: str
    ref: int | None
    opening: dict[str, Any] | None


@dataclass
class History:
    """Entries in order."""

    events: list[Event] = field(default_factory=list)

    def opening(self, index: int, size: int) -> dict[str, Any] | None:
        """The opening of an entry as it is there in a log of that size."""
        event = self.events[index]
        about = index if event.ref is None else event.ref
        gone = {e.ref for e in self.events[:size] if e.type == "erase"}
        return None if about in gone else event.opening

    def root(self, size: int) -> str:
        """A root that no other prefix has."""
        return Tree().extend(leaf_hash(repr(event).encode()) for event in self.events[:size]).root().hex()

    def feed(self, draft: Draft, start: int, stop: int, seen_at: int) -> Draft:
        """Apply a part of the history as somebody sees it who looks when the log has a size."""
        for index in range(start, stop):
            event = self.events[index]
            draft.apply(index, event.type, event.ref, self.opening(index, seen_at))
        return draft

    def speaking(self, size: int) -> list[int]:
        """The declarations that hold in a log of that size."""
        ended = {e.ref for e in self.events[:size] if e.type in {"withdraw", "erase"} or _is(e, "upheld")}
        return [i for i, e in enumerate(self.events[:size]) if e.type == "declare" and i not in ended]

    def open_disputes(self, declaration: int, size: int) -> list[int]:
        """The disputes about a declaration that nobody has decided in a log of that size."""
        about = [(i, e) for i, e in enumerate(self.events[:size]) if e.ref == declaration]
        decided = {e.opening["dispute"] for _, e in about if e.type == "decide" and e.opening}
        return [i for i, e in about if e.type == "dispute" and i not in decided]

    def preference(self, declaration: int, size: int) -> str | None:
        """What a declaration that speaks says about training in a log of that size; None: nothing that counts."""
        said = "disallowed"
        for event in self.events[:size]:
            if event.type == "change" and event.ref == declaration and event.opening:
                said = event.opening["preferences"]["ai_training"]
        return None if said == "allowed" and self.open_disputes(declaration, size) else said


def _is(event: Event, outcome: str) -> bool:
    return event.type == "decide" and event.opening is not None and event.opening["outcome"] == outcome


def declaration(index: int, seed: int, *, regions: bool = False, **more: Any) -> dict[str, Any]:
    """The opening of a declaration, with fingerprints drawn from a seed."""
    random = np.random.default_rng(seed)
    prints = [{"alg": "pdq", "value": random.bytes(32).hex(), "orientation": "identity"} for _ in range(2)]
    opening = {
        "id": f"dec_{index:032x}",
        "claim": "self",
        "preferences": {"ai_training": "disallowed"},
        "fingerprints": [*prints, {"alg": "phash", "value": random.bytes(8).hex()}],
        **more,
    }
    if regions:
        count = 3
        places = random.uniform(20, 400, (count, 4)).astype(np.float32)
        hashes = random.integers(0, 256, (count, 32), np.uint8)
        says = np.full(count, 60, np.uint8)
        opening["regions"] = pack_regions(Regions(hashes, places, says, np.zeros(count, np.bool_), 0, 0))
    return opening


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Histories of up to sixteen entries, with entries about other things among them."""
    history = History()
    kinds = ["declare", "declare", "change", "withdraw", "dispute", "dispute", "decide", "decide", "erase", "label"]
    for _ in range(draw(st.integers(1, 16))):
        size = len(history.events)
        kind = draw(st.sampled_from(kinds))
        alive = history.speaking(size)
        declared = [i for i, e in enumerate(history.events) if e.type == "declare"]
        erased = {e.ref for e in history.events if e.type == "erase"}
        erasable = [i for i in declared if i not in erased]
        withdrawn = {e.ref for e in history.events if e.type == "withdraw"}
        # A quarantined declaration can be changed and withdrawn as any other; that says nothing any more.
        standing = [i for i in erasable if i not in withdrawn]
        disputes = [(about, dispute) for about in erasable for dispute in history.open_disputes(about, size)]
        disputed = [dispute for _, dispute in disputes if dispute not in erased]
        if kind == "declare":
            more: dict[str, Any] = draw(
                st.fixed_dictionaries(
                    {},
                    optional={
                        "url": st.sampled_from(["https://a.example/é.jpg", "https://b.example/"]),
                        "constraint": st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8),
                        "valid_until": st.integers(1, 2**40),
                    },
                )
            )
            opening = declaration(size, draw(st.integers(0, 5)), regions=draw(st.booleans()), **more)
            history.events.append(Event("declare", None, opening))
        elif kind == "change" and standing:
            said = {"preferences": {"ai_training": draw(st.sampled_from(Preference)).value}}
            history.events.append(Event("change", draw(st.sampled_from(standing)), said))
        elif kind == "withdraw" and standing:
            history.events.append(Event("withdraw", draw(st.sampled_from(standing)), None))
        elif kind == "dispute" and alive:
            history.events.append(Event("dispute", draw(st.sampled_from(alive)), None))
        elif kind == "decide" and disputes:
            about, dispute = draw(st.sampled_from(disputes))
            left = len(history.open_disputes(about, size)) - 1
            outcome = draw(st.sampled_from(Outcome)).value
            history.events.append(Event("decide", about, {"dispute": dispute, "outcome": outcome, "still_open": left}))
        elif kind == "erase" and erasable:
            # A declaration, or what was said about one by a party that is erased.
            history.events.append(Event("erase", draw(st.sampled_from([*erasable, *disputed])), None))
        else:
            history.events.append(Event("label", None, {"id": "lab_"}))
    return history
