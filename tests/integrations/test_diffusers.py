"""The example for diffusers, with a pipeline that has the real interface and no weights."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from demo.service import Service
from remarque.client import Client
from remarque.errors import ServiceRefused, ServiceUnreachable
from tests.integrations.conftest import ROOT


@dataclass
class Output:
    """As ``StableDiffusionPipelineOutput``: it holds PIL images and no more is asked of it."""

    images: list[Image.Image]


class Pipeline:
    """A pipeline as diffusers has them: ``config._name_or_path``, and a call that returns ``.images``."""

    def __init__(self) -> None:
        self.config = SimpleNamespace(_name_or_path="example/clouds-1")
        self.asked: list[Any] = []

    @classmethod
    def from_pretrained(cls, model: str) -> "Pipeline":
        made = cls()
        made.config._name_or_path = model
        return made

    def __call__(self, prompt: str | list[str], num_images_per_prompt: int = 1, **_: Any) -> Output:
        self.asked.append(prompt)
        blots = np.random.default_rng(len(self.asked)).integers(0, 256, (num_images_per_prompt, 8, 8, 3), np.uint8)
        return Output([Image.fromarray(item).resize((128, 128), Image.Resampling.BICUBIC) for item in blots])


@pytest.fixture
def example(load: Callable[[str, Path], ModuleType]) -> ModuleType:
    return load("diffusers_pipeline", ROOT / "examples" / "diffusers_pipeline.py")


@pytest.fixture
def client(registry: Service, label_key: str) -> Iterator[Client]:
    with Client(registry.url, label_key) as client:
        yield client


def test_every_picture_comes_out_labelled(example: ModuleType, client: Client, anyone: Client) -> None:
    pipe = Pipeline()
    made = example.LabellingPipeline(pipe, client)("a boat at dawn", num_images_per_prompt=3)
    pixels = [np.asarray(image) for image in Pipeline()("", num_images_per_prompt=3).images]
    assert len(made) == 3
    for labelled, expected in zip(made, pixels, strict=True):
        assert anyone.verify(labelled.data).verdict == "trusted_label"
        assert anyone.label_record(labelled.label_id).system == "example/clouds-1"
        assert b"boat" not in labelled.data
        with Image.open(BytesIO(labelled.data)) as image:
            assert np.array_equal(np.asarray(image), expected)


def test_the_prompt_is_written_only_where_it_is_asked_for(example: ModuleType, client: Client) -> None:
    pipe = example.LabellingPipeline(Pipeline(), client, system="Atelier", provider="Ana Ruiz", include_prompt=True)
    for labelled in (*pipe("a boat at dawn"), *pipe(prompt="a boat at dawn")):
        assert all(text in labelled.data for text in (b"a boat at dawn", b"Atelier", b"Ana Ruiz"))
    with pytest.raises(ValueError, match="several prompts"):
        pipe(["a boat", "a train"])


def test_there_is_no_way_round_the_label(example: ModuleType, client: Client, anyone: Client) -> None:
    pipe = Pipeline()
    for more in ({"output_type": "latent"}, {"return_dict": False}):
        with pytest.raises(ValueError, match="labels are written into pictures"):
            example.LabellingPipeline(pipe, client)("a boat", **more)
    assert pipe.asked == []
    with pytest.raises(ServiceRefused):
        example.LabellingPipeline(pipe, anyone)("a boat")
    with Client("http://127.0.0.1:9") as nobody, pytest.raises(ServiceUnreachable):
        example.LabellingPipeline(pipe, nobody)("a boat")


@pytest.mark.usefixtures("configured")
def test_the_program_writes_labelled_files(
    example: ModuleType, tmp_path: Path, anyone: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    diffusers = ModuleType("diffusers")
    vars(diffusers).update(DiffusionPipeline=Pipeline)
    monkeypatch.setitem(sys.modules, "diffusers", diffusers)
    monkeypatch.setattr(sys, "argv", ["diffusers_pipeline.py", "example/clouds-2", "a boat", str(tmp_path / "boat")])
    example.main()
    [path] = tmp_path.iterdir()
    assert path.name == "boat-0.png"
    assert anyone.verify(path).verdict == "trusted_label"
