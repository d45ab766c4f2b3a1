"""The tour holds, and where a step does not it says so and fails; either way it leaves nothing behind."""

import dataclasses
import tempfile
from pathlib import Path

import pytest

from demo import __main__ as tour
from demo.steps import Tour
from remarque.answers import CheckResult
from remarque.preferences import Preference


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Temporary files where they can be counted; the handlers of signals stay pytest's."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setenv("REMARQUE_DATA_DIR", str(tmp_path / "not-this-one"))


def test_every_step_holds(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert tour.main() == 0
    assert "All 9 steps hold." in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_a_step_that_does_not_hold_fails_loudly(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = Tour.checked

    def permitting(self: Tour, name: str, data: bytes) -> CheckResult:
        return dataclasses.replace(checked(self, name, data), preference=Preference.ALLOWED)

    monkeypatch.setattr(Tour, "checked", permitting)
    assert tour.main() == 1
    told = " ".join(capsys.readouterr().out.split())
    assert "Step 2. A dataset builder finds copies of it: does not hold." in told
    assert "expected disallowed, got allowed" in told
    assert "steps hold." not in told
    assert list(tmp_path.iterdir()) == []


def test_a_service_that_does_not_start_is_told_with_its_words(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/bin/echo")
    assert tour.main() == 1
    told = capsys.readouterr().out
    assert "did not become ready" in told
    assert "remarque.cli serve" in told
    assert list(tmp_path.iterdir()) == []
