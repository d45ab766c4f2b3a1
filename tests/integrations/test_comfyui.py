"""The ComfyUI node in a stand-in of its host, against a real service: labelled files, or none."""

import ast
import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from demo.service import Service
from remarque.client import Client
from tests.integrations.conftest import ROOT

NODE = ROOT / "integrations" / "comfyui"
PROMPT = {"3": {"class_type": "KSampler", "inputs": {"text": "a boat at dawn"}}}
WORKFLOW = {"workflow": {"nodes": [1, 2, 3]}}


class Tensor:
    """What the node may know of a tensor: its shape, its items, and how it becomes an array."""

    def __init__(self, array: np.ndarray[Any, Any]) -> None:
        self._array = array
        self.shape = array.shape

    def __len__(self) -> int:
        return len(self._array)

    def __getitem__(self, i: int) -> "Tensor":
        if i >= len(self._array):
            raise IndexError(i)
        return Tensor(self._array[i])

    def cpu(self) -> "Tensor":
        return self

    def numpy(self) -> np.ndarray[Any, Any]:
        return self._array


class Host(ModuleType):
    """The host's ``folder_paths``, as far as the node uses it (ComfyUI, folder_paths.py)."""

    def __init__(self, output: Path) -> None:
        super().__init__("folder_paths")
        self._output = output

    def get_output_directory(self) -> str:
        return str(self._output)

    def get_save_image_path(
        self, prefix: str, output_dir: str, width: int = 0, height: int = 0
    ) -> tuple[str, str, int, str, str]:
        prefix = prefix.replace("%width%", str(width)).replace("%height%", str(height))
        subfolder, _, name = prefix.rpartition("/")
        folder = Path(output_dir, subfolder)
        folder.mkdir(parents=True, exist_ok=True)
        taken = [re.fullmatch(rf"{re.escape(name)}_(\d+)_.*", path.name) for path in folder.iterdir()]
        counter = max((int(found[1]) for found in taken if found), default=0) + 1
        return str(folder), name, counter, subfolder, prefix


@pytest.fixture
def output(tmp_path: Path) -> Path:
    (tmp_path / "output").mkdir()
    return tmp_path / "output"


@pytest.fixture
def node(output: Path, tmp_path: Path, load: Callable[[str, Path], ModuleType], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The node, loaded from a copy in the host's folder of custom nodes."""
    monkeypatch.setitem(sys.modules, "folder_paths", Host(output))
    shutil.copytree(NODE, tmp_path / "custom_nodes" / "remarque")
    package = load("custom_nodes_remarque", tmp_path / "custom_nodes" / "remarque")
    [cls] = package.NODE_CLASS_MAPPINGS.values()
    assert package.NODE_CLASS_MAPPINGS.keys() == package.NODE_DISPLAY_NAME_MAPPINGS.keys()
    return cls()


def batch(seed: int, count: int = 1, channels: int = 3) -> Tensor:
    """Images of clouds, values 0..1, float32, (count, 96, 128, channels)."""
    noise = np.random.default_rng(seed).integers(0, 256, (count, 8, 8, 3), np.uint8)
    images = [Image.fromarray(item).resize((128, 96), Image.Resampling.BICUBIC) for item in noise]
    whole = np.stack([np.asarray(image) for image in images]).astype(np.float32) / 255
    if channels == 4:
        whole = np.concatenate([whole, whole[..., :1]], axis=3)
    return Tensor(whole[..., :channels])


def files(output: Path) -> list[str]:
    return sorted(str(path.relative_to(output)) for path in output.rglob("*") if path.is_file())


def run(node: Any, images: Tensor, **inputs: Any) -> Any:
    """Run the node as the host does: by the name that FUNCTION gives, hidden inputs too."""
    return getattr(node, node.FUNCTION)(images=images, prompt=PROMPT, extra_pnginfo=WORKFLOW, **inputs)


@pytest.mark.usefixtures("configured")
def test_a_whole_batch_is_labelled_and_shown(node: Any, output: Path, anyone: Client) -> None:
    images = batch(1, 3)
    shown = run(node, images, filename_prefix="boats/%width%_dawn_%batch_num%", system="Brush", system_version="7")
    assert shown == {
        "ui": {
            "images": [
                {"filename": f"128_dawn_{i}_0000{i + 1}_.png", "subfolder": "boats", "type": "output"} for i in range(3)
            ]
        }
    }
    assert files(output) == [f"boats/128_dawn_{i}_0000{i + 1}_.png" for i in range(3)]
    for i, name in enumerate(files(output)):
        assert anyone.verify(output / name).verdict == "trusted_label"
        with Image.open(output / name) as saved:
            assert np.array_equal(np.asarray(saved), np.clip(255.0 * images[i].numpy(), 0, 255).astype(np.uint8))
            assert (json.loads(saved.info["prompt"]), json.loads(saved.info["workflow"])) == (
                PROMPT,
                WORKFLOW["workflow"],
            )


@pytest.mark.usefixtures("configured")
def test_the_next_run_takes_the_next_number(node: Any, output: Path) -> None:
    run(node, batch(2))
    run(node, batch(3))
    assert files(output) == ["ComfyUI_00001_.png", "ComfyUI_00002_.png"]


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize(("format", "channels"), [("png", 1), ("png", 4), ("webp", 3), ("webp", 4), ("jpeg", 3)])
def test_every_format_is_labelled(node: Any, output: Path, anyone: Client, format: str, channels: int) -> None:
    run(node, batch(10 + channels, 1, channels), format=format)
    [name] = files(output)
    assert name == f"ComfyUI_00001_.{format}"
    assert anyone.verify(output / name).verdict == "trusted_label"
    with Image.open(output / name) as saved:
        assert saved.format == format.upper()
        assert len(saved.getbands()) == channels
        if format == "webp":
            assert saved.getexif()[0x0110] == f"prompt:{json.dumps(PROMPT)}"
            assert saved.getexif()[0x010F] == f"workflow:{json.dumps(WORKFLOW['workflow'])}"


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize("format", ["png", "webp", "jpeg"])
@pytest.mark.parametrize("how", ["input", "host"])
def test_the_workflow_can_be_left_out(
    node: Any, output: Path, format: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if how == "host":
        arguments = SimpleNamespace(args=SimpleNamespace(disable_metadata=True))
        monkeypatch.setitem(sys.modules, "comfy.cli_args", arguments)  # type: ignore[arg-type]  # a stand-in
    run(node, batch(20), format=format, keep_workflow=how == "host")
    [name] = files(output)
    assert b"boat at dawn" not in (output / name).read_bytes()
    assert b"KSampler" not in (output / name).read_bytes()


def test_without_an_address_or_a_key_nothing_is_written(node: Any, output: Path, monkeypatch: Any) -> None:
    with pytest.raises(Exception, match=r"Image 1 of 1 was not labelled.*set REMARQUE_REGISTRY"):
        run(node, batch(30))
    monkeypatch.setenv("REMARQUE_REGISTRY", "http://127.0.0.1:9")
    with pytest.raises(Exception, match="set REMARQUE_KEY"):
        run(node, batch(30))
    monkeypatch.setenv("REMARQUE_KEY", "rmq_x")
    with pytest.raises(Exception, match="Is the registry running, and is its address right"):
        run(node, batch(30))
    assert files(output) == []


def test_a_key_that_may_not_label_is_told_with_what_to_do(
    node: Any, output: Path, registry: Service, anyone: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REMARQUE_REGISTRY", registry.url)
    monkeypatch.setenv("REMARQUE_KEY", anyone.create_party().api_key)
    with pytest.raises(Exception, match="scope label") as caught:
        run(node, batch(31))
    assert "rmq_" not in str(caught.value)
    assert files(output) == []


@pytest.mark.usefixtures("configured")
def test_an_image_that_fails_is_not_written_and_those_before_it_stay(node: Any, output: Path, anyone: Client) -> None:
    class Second(Tensor):
        def __getitem__(self, i: int) -> Tensor:
            return batch(32, 1, 4)[0] if i == 1 else super().__getitem__(i)

    with pytest.raises(Exception, match=r"Image 2 of 3 was not labelled.*The 1 before it are saved"):
        run(node, Second(batch(33, 3).numpy()), format="jpeg")
    assert files(output) == ["ComfyUI_00001_.jpeg"]
    assert anyone.verify(output / "ComfyUI_00001_.jpeg").verdict == "trusted_label"


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize("inputs", [{"system": " "}, {"provider": "x" * 201}, {"digital_source_type": "humanEdits"}])
def test_a_claim_that_is_refused_leaves_nothing(node: Any, output: Path, inputs: dict[str, str]) -> None:
    with pytest.raises(Exception, match="was not labelled"):
        run(node, batch(34), **inputs)
    assert files(output) == []


def test_the_file_beside_the_node_configures_it_too(
    node: Any, output: Path, tmp_path: Path, registry: Service, label_key: str
) -> None:
    config = tmp_path / "custom_nodes" / "remarque" / "remarque.json"
    config.write_text(json.dumps({"registry": registry.url, "key": label_key}))
    run(node, batch(35))
    assert files(output) == ["ComfyUI_00001_.png"]
    config.write_text(json.dumps({"registry": registry.url, "kee": label_key}))
    with pytest.raises(Exception, match="and nothing else") as caught:
        run(node, batch(36))
    assert label_key not in str(caught.value)


def test_nothing_secret_is_an_input_and_every_input_is_one_of_the_function(node: Any) -> None:
    kinds = node.INPUT_TYPES()
    names = {name for group in kinds.values() for name in group}
    assert names == set(node.save.__code__.co_varnames[1 : node.save.__code__.co_argcount])
    assert not any(word in name for name in names for word in ("key", "registry", "address", "url"))
    assert (node.OUTPUT_NODE, node.RETURN_TYPES) == (True, ())


def test_it_loads_the_client_and_nothing_else_of_the_library() -> None:
    allowed = {"remarque.client", "remarque.errors", "PIL", "numpy", "folder_paths"} | set(sys.stdlib_module_names)
    for path in NODE.glob("*.py"):
        for item in ast.walk(ast.parse(path.read_text())):
            if isinstance(item, ast.Import):
                assert {alias.name for alias in item.names} <= allowed
            elif isinstance(item, ast.ImportFrom) and not item.level:
                assert item.module in allowed
