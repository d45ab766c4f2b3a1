"""Real labelled files: every difference from what is published has a known reason."""

from pathlib import Path

import pytest

from bench.provenance import rows
from remarque.answers import Verdict
from remarque.labels.stamp import stamp
from remarque.labels.verify import read_labels
from tests.label_pictures import development, request


@pytest.mark.data
def test_real_files_read_as_published(data_dir: Path) -> None:
    done = rows(data_dir, b"")
    assert len(done) > 200
    assert [row.file for row in done if row.problem.startswith("BUG")] == []
    assert [row.file for row in done if row.differs and not row.reason] == []


@pytest.mark.data
def test_a_personal_identity_that_nobody_vouches_for_does_not_spoil_the_label(data_dir: Path) -> None:
    [path] = (data_dir / "provenance").rglob("*C_with_CAWG_data.jpg")
    done = stamp(path.read_bytes(), request(), development().key, trust_anchors=development().root)
    reading = read_labels(done.data, trust_anchors=development().root)
    assert done.kept_parent
    assert reading.verdict is Verdict.TRUSTED_LABEL
    assert [one["code"] for one in reading.layers[0].detail["failures"]] == ["cawg.x509.credential.untrusted"]
