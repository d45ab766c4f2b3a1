"""A running service for the integrations: one for all tests here."""

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

from demo.service import Service, running_service
from remarque.client import Client

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="session")
def registry() -> Iterator[Service]:
    with running_service() as running:
        yield running


@pytest.fixture(scope="session")
def label_key(registry: Service) -> str:
    with Client(registry.url, registry.operator_key) as operator:
        return operator.create_key(["label"]).api_key


@pytest.fixture(scope="session")
def anyone(registry: Service) -> Iterator[Client]:
    """Somebody without a key, who verifies."""
    with Client(registry.url) as client:
        yield client


@pytest.fixture(autouse=True)
def unconfigured(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this machine is set to is none of the tests' business."""
    for name in ("REMARQUE_REGISTRY", "REMARQUE_KEY", "REMARQUE_COMMAND"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def configured(unconfigured: None, registry: Service, label_key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment that the READMEs ask for."""
    monkeypatch.setenv("REMARQUE_REGISTRY", registry.url)
    monkeypatch.setenv("REMARQUE_KEY", label_key)


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Path], ModuleType]:
    """Load a module from a file or a package from its folder, as the hosts do; it goes with the test."""

    def load(name: str, path: Path) -> ModuleType:
        file = path / "__init__.py" if path.is_dir() else path
        where = [str(path)] if path.is_dir() else None
        spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=where)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, name, module)
        spec.loader.exec_module(module)
        for part in [part for part in sys.modules if part.startswith(f"{name}.")]:
            monkeypatch.setitem(sys.modules, part, sys.modules.pop(part))
        return module

    return load
