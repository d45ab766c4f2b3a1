"""Real labelled files and the official trust lists: every difference from what is published has a known reason."""

from pathlib import Path

import pytest
from cryptography import x509

from bench.provenance import rows
from remarque.answers import Verdict
from remarque.labels.stamp import stamp
from remarque.labels.verify import Reading, read_labels
from tests.label_claims import TRAINED, signed, signer
from tests.label_pictures import development, request


def read(folder: Path, name: str, anchors: bytes = b"") -> Reading:
    [path] = (folder / "provenance").rglob(f"*{name}")
    return read_labels(path.read_bytes(), trust_anchors=anchors)


@pytest.mark.data
def test_real_files_read_as_published(data_dir: Path) -> None:
    done = rows(data_dir, b"")
    assert len(done) > 1000
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


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "state", "time"),
    [
        ("C_with_CAWG_data.jpg", "untrusted", "2025-07-29T23:13:49+00:00"),  # claim version 2
        ("adobe-20220124-CA.jpg", "unchecked", "2023-01-24T14:48:56+00:00"),  # claim version 1
        ("CA_ct.jpg", "failed", None),  # malformed
        ("adobe-20220124-E-sig-CA.jpg", "failed", None),  # of another signature
        ("composite-dst.jpg", "none", None),
    ],
)
def test_time_stamps_of_real_files(data_dir: Path, name: str, state: str, time: str | None) -> None:
    told = read(data_dir, name).layers[0].detail["time_stamp"]
    assert (told["state"], told.get("time")) == (state, time)


@pytest.mark.data
def test_the_official_lists_load_and_stand_beside_a_root_of_ones_own(trust_lists: bytes) -> None:
    assert len(x509.load_pem_x509_certificates(trust_lists)) > 40
    labelled = signed(source_type=TRAINED)
    assert read_labels(labelled, trust_anchors=trust_lists).verdict is Verdict.UNTRUSTED_LABEL
    reading = read_labels(labelled, trust_anchors=trust_lists + signer(0).root)
    assert reading.verdict is Verdict.TRUSTED_LABEL
    assert "whose certificate is trusted here" in reading.summary
    beside = read_labels(labelled, trust_anchors=trust_lists, development_root=signer(0).root)
    assert "development root" in beside.summary


@pytest.mark.data
def test_no_public_test_file_is_signed_by_anyone_on_the_official_lists(data_dir: Path, trust_lists: bytes) -> None:
    done = rows(data_dir, trust_lists)
    assert sum(row.state == "valid" for row in done) > 20
    assert [row.file for row in done if row.state == "trusted"] == []
