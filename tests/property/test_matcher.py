"""The matcher against a slow judge that replays the log for every question."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from remarque.answers import Fingerprint
from remarque.matching.matcher import PDQ, Matcher
from remarque.preferences import Category, Claim, Preference

USE = Category.AI_TRAINING
#: Few base hashes with few bits flipped, so that near ones are common.
BASES = [bytes(32), bytes([255] * 32), bytes([0xAA] * 32)]


@st.composite
def hashes(draw: st.DrawFn) -> bytes:
    base = int.from_bytes(draw(st.sampled_from(BASES)), "big")
    flips = draw(st.integers(0, 40))
    return (base ^ ((1 << flips) - 1)).to_bytes(32, "big")


events = st.lists(
    st.one_of(
        st.tuples(st.just("declare"), st.lists(hashes(), min_size=1, max_size=3)),
        st.tuples(st.just("change"), st.sampled_from(Preference)),
        st.tuples(st.just("withdraw"), st.none()),
    ),
    max_size=12,
)


def replay(history: list, size: int, query: bytes) -> dict[str, tuple[int, Preference]]:
    """What the first ``size`` entries say about a hash: declaration -> (distance, preference)."""
    alive: dict[int, tuple[list[bytes], Preference]] = {}
    for index, (kind, ref, value) in enumerate(history[:size]):
        if kind == "declare":
            alive[index] = (value, Preference.DISALLOWED)
        elif kind == "change" and ref in alive:
            alive[ref] = (alive[ref][0], value)
        elif kind == "withdraw":
            alive.pop(ref, None)
    found = {}
    for index, (values, said) in alive.items():
        distance = min((int.from_bytes(v, "big") ^ int.from_bytes(query, "big")).bit_count() for v in values)
        if distance <= PDQ.radius:
            found[f"dec_{index:032x}"] = (distance, said)
    return found


@settings(max_examples=60)
@given(events, st.lists(hashes(), min_size=1, max_size=4), st.data())
def test_every_state_answers_as_the_log_up_to_it(wanted: list, queries: list[bytes], data: st.DataObject):
    matcher = Matcher()
    history: list[tuple[str, int, object]] = []
    views = [matcher.view]
    for kind, value in wanted:
        declared = [i for i, (k, _, _) in enumerate(history) if k == "declare"]
        ended = {ref for k, ref, _ in history if k == "withdraw"}
        index = len(history)
        if kind == "declare":
            prints = [Fingerprint(alg="pdq", value=v.hex()) for v in value]
            said = {USE: Preference.DISALLOWED}
            matcher.declare(index, id=f"dec_{index:032x}", claim=Claim.SELF, preferences=said, fingerprints=prints)
            history.append((kind, index, value))
        else:
            open_ones = [i for i in declared if i not in ended]
            if not open_ones:
                continue
            ref = data.draw(st.sampled_from(open_ones))
            if kind == "change":
                matcher.change(index, ref=ref, preferences={USE: value})
            else:
                matcher.withdraw(index, ref=ref)
            history.append((kind, ref, value))
        matcher.advance(len(history), "00" * 32)
        views.append(matcher.view)
    asked = np.frombuffer(b"".join(queries), np.uint8).reshape(-1, 32)
    stored = matcher.arrays(matcher.freeze())
    opened = Matcher(stored, matcher.view)
    matcher.rebase(stored)
    for view, judged in [(view, held) for view in views for held in (matcher, opened)]:
        answer = judged.match(view, PDQ, asked)
        for place, query in enumerate(queries):
            matches = answer.get(place, [])
            found = {m.declaration: (m.distance, m.preferences[USE]) for m in matches}
            assert found == replay(history, view.tree_size, query)
            assert len(found) == len(matches), "a declaration is listed once"
            assert [m.distance for m in matches] == sorted(m.distance for m in matches)


def test_an_expired_declaration_does_not_match():
    matcher = Matcher()
    prints = [Fingerprint(alg="pdq", value="00" * 32)]
    said = {USE: Preference.DISALLOWED}
    matcher.declare(0, id="dec_" + "0" * 32, claim=Claim.SELF, preferences=said, fingerprints=prints, valid_until=1000)
    matcher.advance(1, "00" * 32)
    asked = np.zeros((1, 32), np.uint8)
    assert 0 in matcher.match(matcher.view, PDQ, asked, now=999.9)
    assert matcher.match(matcher.view, PDQ, asked, now=1000) == {}
