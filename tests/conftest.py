"""Pictures, databases and services for the tests."""

from __future__ import annotations

import io
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import hypothesis
import pytest
import skimage.data
from PIL import Image

from app.migrate import migrate
from app.settings import Settings
from tests.postgresql import POSTGRESQL, address_of, administer, answers

# Compiled code and shared machines: a first call may take seconds. Tests assert no times.
hypothesis.settings.register_profile("remarque", deadline=None)
hypothesis.settings.load_profile("remarque")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--data", metavar="DIR", help="a folder of real pictures, for the tests marked data")
    parser.addoption(
        "--trust",
        metavar="DIR",
        help="a folder with the official C2PA trust lists, *.pem, for those tests marked data that need them",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--data"):
        for item in items:
            if "data" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="needs pictures of others: pytest --data DIR"))


def pytest_report_header(config: pytest.Config) -> str:
    return f"PostgreSQL: {'tested too' if answers() else 'NOT REACHABLE, its tests are left out'}"


@pytest.fixture(scope="session")
def data_dir(request: pytest.FixtureRequest) -> Path:
    return Path(request.config.getoption("--data"))


@pytest.fixture(scope="session")
def trust_lists(request: pytest.FixtureRequest) -> bytes:
    """The official trust lists, one behind the other, PEM."""
    folder = request.config.getoption("--trust")
    if not folder:
        pytest.skip("needs the official C2PA trust lists: pytest --trust DIR")
    lists = [path.read_bytes() for path in sorted(Path(folder).glob("*.pem"))]
    assert lists, f"{folder} holds no *.pem"
    return b"\n".join(lists)


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """The picture as a file of that kind."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def astronaut() -> Image.Image:
    return Image.fromarray(skimage.data.astronaut())


@pytest.fixture(scope="session")
def coffee() -> Image.Image:
    return Image.fromarray(skimage.data.coffee())


@pytest.fixture(scope="session")
def picture(astronaut: Image.Image) -> bytes:
    """A detailed picture, as PNG."""
    return encoded(astronaut)


@pytest.fixture(scope="session")
def copy(astronaut: Image.Image) -> bytes:
    """The same picture, half the size and saved as a poor JPEG."""
    return encoded(astronaut.resize((256, 256)), "JPEG", quality=50)


@pytest.fixture(scope="session")
def other_picture(coffee: Image.Image) -> bytes:
    """Another picture, that no test declares."""
    return encoded(coffee)


class Databases:
    """Migrated databases, one for each test: a migrated template is copied, not migrated again."""

    def __init__(self, kind: str, folder: Path) -> None:
        self._kind = kind
        self._template = folder / "template.db" if kind == "sqlite" else f"remarque_template_{uuid.uuid4().hex}"
        if isinstance(self._template, str):
            administer(f'CREATE DATABASE "{self._template}"')
        migrate(self._url(self._template))

    def _url(self, name: Path | str) -> str:
        return f"sqlite:///{name}" if isinstance(name, Path) else address_of(name)

    @contextmanager
    def fresh(self, folder: Path) -> Iterator[str]:
        """The URL of a migrated, empty database."""
        if isinstance(self._template, Path):
            shutil.copy(self._template, folder / "remarque.db")
            yield self._url(folder / "remarque.db")
            return
        name = f"remarque_test_{uuid.uuid4().hex}"
        administer(f'CREATE DATABASE "{name}" TEMPLATE "{self._template}"')
        try:
            yield self._url(name)
        finally:
            administer(f'DROP DATABASE "{name}" WITH (FORCE)')

    def close(self) -> None:
        if isinstance(self._template, str):
            administer(f'DROP DATABASE "{self._template}" WITH (FORCE)')


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    if request.param == "postgresql" and not answers():
        if os.environ.get("CI"):
            pytest.fail(f"CI tests on PostgreSQL too, and none answers at {POSTGRESQL}")
        pytest.skip("PostgreSQL is not reachable")
    made = Databases(request.param, tmp_path_factory.mktemp("databases"))
    yield made
    made.close()


@pytest.fixture
def database_url(databases: Databases, tmp_path: Path) -> Iterator[str]:
    with databases.fresh(tmp_path) as url:
        yield url


@pytest.fixture
def settings_for(tmp_path: Path) -> Callable[..., Settings]:
    """Settings of a service in the test's own folder."""

    def make(**changes: object) -> Settings:
        return Settings(**{"data_dir": tmp_path, "readers": 1, **changes})

    return make
