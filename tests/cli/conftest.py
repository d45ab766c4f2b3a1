"""The command against a real service: one for all tests here, so each test draws pictures of its own."""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from demo.service import Service, running_service
from remarque.cli import main
from remarque.client import Client


@dataclass(frozen=True)
class Ran:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Ran]


@pytest.fixture(scope="session")
def service() -> Iterator[Service]:
    with running_service() as running:
        yield running


@pytest.fixture
def key(service: Service) -> str:
    """The key of a party of its own for each test."""
    with Client(service.url) as anyone:
        return anyone.create_party().api_key


@pytest.fixture
def client(service: Service, key: str) -> Iterator[Client]:
    with Client(service.url, key) as client:
        yield client


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "remarque"


@pytest.fixture
def run(state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command in this process."""
    for name in ("REMARQUE_REGISTRY", "REMARQUE_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["remarque", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return Ran(int(ended.value.code or 0), said.out, said.err)

    return run


def draw(seed: int, size: int = 256) -> Image.Image:
    """Coloured clouds: detail enough to be recognised, another picture for each seed."""
    blots = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), np.uint8)
    return Image.fromarray(blots).resize((size, size), Image.Resampling.BICUBIC)


def save(path: Path, seed: int) -> Path:
    """Draw a picture into a file; the suffix tells the format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draw(seed).save(path)
    return path


def smaller(path: Path, seed: int) -> Path:
    """A re-encoded copy at half the size."""
    draw(seed).resize((128, 128)).save(path, "JPEG", quality=60)
    return path


def png(image: Image.Image) -> bytes:
    out = BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
