"""docs/generators.md says what the software does: its commands and programs are run in their order."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from demo.service import Service
from remarque.client import Client, LabelWish
from tests.integrations.conftest import ROOT

PAGE = (ROOT / "docs" / "generators.md").read_text()
BIN = Path(sys.executable).parent


def block(language: str, *, after: str, nth: int = 0) -> str:
    """A code block of a section of the page."""
    section = PAGE.partition(f"## {after}\n")[2].partition("\n## ")[0] if after else PAGE.partition("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)[nth]


@pytest.fixture
def workshop(tmp_path: Path) -> Path:
    """A folder with what the page names."""
    rng = np.random.default_rng(77)
    for name in ("made.png", "also.jpg", "pictures/a.png", "pictures/b.png", "made/c.png"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        blots = Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8))
        blots.resize((128, 128), Image.Resampling.BICUBIC).save(path)
    return tmp_path


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "XDG_STATE_HOME": str(folder / "state")}


def run(folder: Path, *command: str) -> str:
    ended = subprocess.run(command, cwd=folder, env=environment(folder), capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_the_operator_makes_a_key(workshop: Path, registry: Service) -> None:
    (workshop / "data").mkdir()
    (workshop / "data" / "operator.key").write_text(registry.operator_key + "\n")
    program = block("sh", after="").replace("http://127.0.0.1:8000", registry.url)
    assert re.search(r"rmq_[\w-]+", run(workshop, "bash", "-euo", "pipefail", "-c", program))


@pytest.mark.usefixtures("configured")
def test_the_programs_label(workshop: Path, anyone: Client) -> None:
    (workshop / "sync.py").write_text(block("python", after="From Python"))
    (workshop / "async.py").write_text(block("python", after="From Python", nth=1))
    told = run(workshop, sys.executable, "sync.py")
    assert anyone.label_record(told.split()[0]).provider == "Atelier Ltd"
    for name in ("made.png", "teal.webp"):
        assert anyone.verify(workshop / name).verdict == "trusted_label"
    ids = run(workshop, sys.executable, "async.py").split()
    assert len(set(ids)) == 8
    assert anyone.label_record(ids[0]).system == "Atelier Diffusion"


@pytest.mark.usefixtures("configured")
def test_the_commands_label(workshop: Path, anyone: Client) -> None:
    run(workshop, "bash", "-euo", "pipefail", "-c", block("sh", after="From a command"))
    for name in ("labelled.png", "labelled/a.png", "labelled/b.png"):
        assert anyone.verify(workshop / name).verdict == "trusted_label"


@pytest.mark.usefixtures("configured")
def test_the_watcher_labels_until_it_is_interrupted(workshop: Path, anyone: Client) -> None:
    command = block("sh", after="From a folder").strip()
    with subprocess.Popen(
        ["bash", "-c", f"exec {command}"], cwd=workshop, env=environment(workshop), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("labelled  published/c.png")
        process.send_signal(signal.SIGINT)
    assert process.returncode == 0
    assert anyone.verify(workshop / "published" / "c.png").verdict == "trusted_label"


def test_the_table_names_what_a_label_can_hold() -> None:
    section = PAGE.partition("## What a label holds")[2]
    for name in LabelWish.__annotations__:
        assert f"`{name}" in section, f"{name} is not on the page"
