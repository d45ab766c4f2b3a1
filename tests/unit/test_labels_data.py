"""Real labelled files: every difference from what is published has a known reason."""

from pathlib import Path

import pytest

from bench.provenance import rows


@pytest.mark.data
def test_real_files_read_as_published(data_dir: Path) -> None:
    done = rows(data_dir, b"")
    assert len(done) > 200
    assert [row.file for row in done if row.problem.startswith("BUG")] == []
    assert [row.file for row in done if row.differs and not row.reason] == []
