"""The extension in a stand-in of the web UI, against a real service: saved images are labelled, or set aside."""

import ast
import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from demo.service import Service
from remarque.client import Client
from tests.integrations.conftest import ROOT

EXTENSION = ROOT / "integrations" / "a1111"
COMMAND = str(Path(sys.executable).with_name("remarque"))


class OptionInfo:
    """A setting (modules/options.py)."""

    def __init__(self, default: Any = None, label: str = "", *, section: tuple[str, str] | None = None) -> None:
        self.default, self.label, self.section = default, label, section


class Options:
    """``shared.opts``: a setting that nobody registered is no attribute."""

    def __init__(self) -> None:
        self.data: dict[str, Any] = {"export_for_4chan": False}

    def add_option(self, key: str, info: OptionInfo) -> None:
        self.data.setdefault(key, info.default)

    def __getattr__(self, name: str) -> Any:
        if name in self.data:
            return self.data[name]
        raise AttributeError(name)


class Host:
    """What the extension uses of the web UI (modules/script_callbacks.py, modules/shared.py), and its habits."""

    def __init__(self, outputs: Path) -> None:
        self.outputs = outputs
        self.opts = Options()
        self.saved: list[Callable[[Any], None]] = []
        self.settings: list[Callable[[], None]] = []
        self.logged: list[Exception] = []
        self.warned: list[str] = []

    def modules(self) -> dict[str, ModuleType]:
        callbacks, shared, gradio = (
            ModuleType("modules.script_callbacks"),
            ModuleType("modules.shared"),
            ModuleType("gr"),
        )
        vars(callbacks).update(on_image_saved=self.saved.append, on_ui_settings=self.settings.append)
        vars(shared).update(opts=self.opts, OptionInfo=OptionInfo)
        vars(gradio).update(Warning=self.warned.append)
        package = ModuleType("modules")
        vars(package).update(script_callbacks=callbacks, shared=shared)
        return {"modules": package, callbacks.__name__: callbacks, shared.__name__: shared, "gradio": gradio}

    def show_pages(self) -> None:
        for callback in self.settings:
            callback()

    def save(self, name: str, seed: int) -> Path:
        """Save an image as the web UI does, and call back; whatever a callback raises is logged and forgotten."""
        path = self.outputs / name
        blots = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
        image = Image.fromarray(blots).resize((128, 128), Image.Resampling.BICUBIC)
        info = PngImagePlugin.PngInfo()
        info.add_text("parameters", "a boat at dawn, Steps: 20")
        image.save(path, **({"pnginfo": info} if path.suffix == ".png" else {}))
        if self.opts.export_for_4chan:
            image.save(path.with_suffix(".jpg"), quality=80)
        for callback in self.saved:
            try:
                callback(SimpleNamespace(image=image, p=None, filename=str(path), pnginfo={}))
            except Exception as error:
                self.logged.append(error)
        return path

    def files(self) -> list[str]:
        return sorted(path.name for path in self.outputs.iterdir())


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The extension where the host looks for it."""
    shutil.copytree(EXTENSION, tmp_path / "extensions" / "remarque")
    return tmp_path / "extensions" / "remarque"


@pytest.fixture
def host(
    tmp_path: Path, installed: Path, load: Callable[[str, Path], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> Host:
    (tmp_path / "outputs").mkdir()
    host = Host(tmp_path / "outputs")
    for name, module in host.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    load("remarque_label", installed / "scripts" / "remarque_label.py")
    assert (len(host.saved), len(host.settings)) == (1, 1)
    return host


@pytest.fixture(params=["library", "command"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The library loads, or the host's Python is too old for it and a command does the work."""
    if request.param == "command":
        monkeypatch.setitem(sys.modules, "remarque.client", None)  # type: ignore[arg-type]  # an import of it fails
        monkeypatch.setenv("REMARQUE_COMMAND", COMMAND)
    return str(request.param)


@pytest.mark.usefixtures("configured")
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_an_image_is_labelled_where_it_lies(way: str, host: Host, anyone: Client, suffix: str) -> None:
    host.show_pages()
    path = host.save(f"00001-7{suffix}", 1)
    path.chmod(0o640)
    path = host.save(f"00001-7{suffix}", 1)
    assert host.files() == [f"00001-7{suffix}"]
    assert path.stat().st_mode & 0o777 == 0o640
    verification = anyone.verify(path)
    assert verification.verdict == "trusted_label"
    assert b"Stable Diffusion web UI" in path.read_bytes()
    if suffix == ".png":
        with Image.open(path) as image:
            assert image.info["parameters"] == "a boat at dawn, Steps: 20"
    assert (host.warned, host.logged) == ([], [])


@pytest.mark.usefixtures("configured")
def test_the_settings_are_written_into_the_label(host: Host) -> None:
    host.show_pages()
    host.opts.data |= {"remarque_system": "Atelier", "remarque_system_version": "xl-7", "remarque_provider": "Ana Ruiz"}
    written = host.save("a.png", 2).read_bytes()
    assert all(text in written for text in (b"Atelier", b"xl-7", b"Ana Ruiz"))


@pytest.mark.usefixtures("configured")
def test_without_pages_the_host_registers_no_settings_and_images_are_labelled_all_the_same(
    host: Host, anyone: Client
) -> None:
    assert anyone.verify(host.save("a.png", 3)).verdict == "trusted_label"


@pytest.mark.usefixtures("configured")
def test_the_small_jpeg_beside_it_is_labelled_too_and_older_files_are_left_alone(host: Host, anyone: Client) -> None:
    Image.new("RGB", (64, 64), "red").save(host.outputs / "b.jpg")
    before = (host.outputs / "b.jpg").read_bytes()
    os.utime(host.outputs / "b.jpg", (1, 1))
    host.save("b.png", 4)
    host.opts.data["export_for_4chan"] = True
    host.save("a.png", 5)
    assert anyone.verify(host.outputs / "a.jpg").verdict == "trusted_label"
    assert (host.outputs / "b.jpg").read_bytes() == before
    assert host.logged == []


def test_an_image_that_cannot_be_labelled_is_set_aside_and_the_user_is_told(
    host: Host, label_key: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REMARQUE_KEY", label_key)
    host.opts.data["remarque_registry"] = "http://127.0.0.1:9"
    for _ in range(2):
        host.save("a.png", 6)
    assert host.files() == ["a.unlabelled-1.png", "a.unlabelled.png"]
    [first, _] = host.warned
    assert "a.png could not be labelled: no answer from http://127.0.0.1:9" in first
    assert "Is the registry running" in first
    assert str(host.outputs / "a.unlabelled.png") in first
    assert first in capsys.readouterr().err
    assert label_key not in "".join(host.warned)
    assert host.logged == []


def test_a_key_that_may_not_label_sets_the_image_aside(
    way: str, host: Host, registry: Service, anyone: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = anyone.create_party().api_key
    monkeypatch.setenv("REMARQUE_REGISTRY", registry.url)
    monkeypatch.setenv("REMARQUE_KEY", key)
    host.save("a.png", 7)
    assert host.files() == ["a.unlabelled.png"]
    assert "label" in host.warned[0]
    assert key not in host.warned[0]


@pytest.mark.usefixtures("configured")
def test_what_is_no_picture_is_set_aside(way: str, host: Host) -> None:
    path = host.outputs / "a.png"
    path.write_bytes(b"cut off")
    host.saved[0](SimpleNamespace(filename=str(path)))
    assert host.files() == ["a.unlabelled.png"]
    assert len(host.warned) == 1


def test_where_nothing_is_configured_nothing_passes(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.save("a.png", 8)
    host.opts.data["remarque_registry"] = "http://127.0.0.1:9"
    host.save("b.png", 8)
    assert host.files() == ["a.unlabelled.png", "b.unlabelled.png"]
    assert "Settings > Remarque" in host.warned[0]
    assert "Set REMARQUE_KEY" in host.warned[1]


def test_without_library_and_command_the_message_says_what_to_do(
    host: Host, installed: Path, load: Callable[[str, Path], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "remarque.client", None)  # type: ignore[arg-type]  # an import of it fails
    monkeypatch.setenv("REMARQUE_KEY", "rmq_x")
    host.opts.data["remarque_registry"] = "http://127.0.0.1:9"
    host.saved.clear()
    load("remarque_label", installed / "scripts" / "remarque_label.py")
    host.save("a.png", 9)
    assert host.files() == ["a.unlabelled.png"]
    assert "REMARQUE_COMMAND" in host.warned[0]


def test_the_file_beside_it_holds_address_and_key_too(
    host: Host, installed: Path, registry: Service, label_key: str, anyone: Client
) -> None:
    (installed / "remarque.json").write_text(json.dumps({"registry": registry.url, "key": label_key}))
    assert anyone.verify(host.save("a.png", 10)).verdict == "trusted_label"
    (installed / "remarque.json").write_text(f'{{"key": "{label_key}"')
    host.save("b.png", 10)
    assert host.files() == ["a.png", "b.unlabelled.png"]
    assert label_key not in host.warned[0]


def test_a_file_that_cannot_be_set_aside_is_named_loudly(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "rename", refuse)
    path = host.save("a.png", 11)
    assert f"IT STILL LIES AT {path} WITHOUT A LABEL" in host.warned[0]


def test_it_can_be_switched_off(host: Host) -> None:
    host.show_pages()
    host.opts.data["remarque_label"] = False
    host.save("a.png", 12)
    assert host.files() == ["a.png"]


def test_it_runs_on_the_hosts_python_and_loads_the_client_alone() -> None:
    [path] = EXTENSION.rglob("*.py")
    allowed = {"remarque.client", "modules", "gradio"} | set(sys.stdlib_module_names)
    for item in ast.walk(ast.parse(path.read_text(), feature_version=(3, 10))):
        if isinstance(item, ast.Import):
            assert {alias.name for alias in item.names} <= allowed
        elif isinstance(item, ast.ImportFrom):
            assert item.module in allowed
