"""What the receipt of a check says about itself: read back as it was written, or refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remarque.errors import LogError
from remarque.log.asked import SEARCH, Checker, Engine
from remarque.log.checks import MAX_ENGINE_LENGTH
from remarque.preferences import Category

ENGINES = st.builds(
    Engine,
    checker=st.sampled_from(Checker),
    search=st.from_regex(SEARCH, fullmatch=True).filter(lambda text: not text.endswith("\n")),
    purpose=st.sampled_from(Category),
    claims=st.sampled_from(["verified", "self"]),
)


@given(ENGINES)
def test_an_engine_is_read_as_it_was_written(engine: Engine):
    text = engine.to_text()
    assert Engine.parse(text) == engine
    assert len(text) <= MAX_ENGINE_LENGTH
    assert text.startswith(f"{engine.checker}: ")


@given(ENGINES, st.text(max_size=3), st.integers(min_value=0, max_value=200))
def test_whatever_is_read_is_written_so(engine: Engine, more: str, at: int):
    text = engine.to_text()
    changed = text[:at] + more + text[at:]
    try:
        assert Engine.parse(changed).to_text() == changed
    except LogError:
        assert changed != text


@pytest.mark.parametrize("search", ["", "registry: pdq", "a b", "pdq\n", "PDQ", "p" * 81, "-", "pdq\u00e9"])
def test_a_search_cannot_pass_for_another_member(search: str):
    with pytest.raises(LogError):
        Engine(checker=Checker.BUILDER, search=search, purpose=Category.SEARCH).to_text()
