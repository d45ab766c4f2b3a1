"""The arrows of the design hold: who may import whom."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

#: Parts of the library, lowest first; a part imports from its own layer and those below, never from above.
LAYERS = [
    {"errors", "compiled", "durable"},
    {"preferences"},
    {"answers"},
    {"codec", "fingerprints", "log", "nursery"},
    {"sandbox", "transport"},
    {"matching", "labels", "client"},
    {"snapshots"},
    {"cli"},
]
NOT_IN_THE_LIBRARY = {"app", "fastapi", "starlette", "sqlmodel", "sqlalchemy", "pydantic", "uvicorn", "alembic"}
MAX_LINES = 400


def sources(folder: str) -> list[Path]:
    return sorted(path for path in (ROOT / folder).rglob("*.py") if "versions" not in path.parts)


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            if node.module == "remarque":
                yield from (f"remarque.{alias.name}" for alias in node.names)
            else:
                yield node.module or ""


def layer(part: str) -> int:
    return next((i for i, parts in enumerate(LAYERS) if part in parts), -1)


@pytest.mark.parametrize("path", sources("remarque"), ids=lambda p: str(p.relative_to(ROOT)))
def test_the_library_knows_no_framework_and_its_arrows_point_down(path: Path):
    own = path.relative_to(ROOT / "remarque").parts[0].removesuffix(".py")
    for name in imports(path):
        top, _, rest = name.partition(".")
        assert top not in NOT_IN_THE_LIBRARY, f"{path} imports {name}"
        if top == "remarque" and rest and not own.startswith("__") and not rest.startswith("__"):
            part = rest.partition(".")[0]
            assert layer(part) >= 0, f"{part} has no place among the layers"
            assert layer(part) < layer(own) or part == own, f"{path}: {own} may not import {part}"


def test_routers_do_not_query():
    for path in sources("app/routers"):
        for name in imports(path):
            assert name.partition(".")[0] not in {"sqlalchemy", "sqlmodel"}, f"{path} imports {name}"
            assert name not in {"app.tables", "app.db"}, f"{path} imports {name}"


def test_status_codes_stay_in_one_place():
    for path in sources("app"):
        if path.name not in {"problems.py"} and "routers" not in path.parts:
            assert "HTTPStatus" not in path.read_text(), f"{path} knows HTTP status codes"
    for path in sources("app/routers"):
        assert "HTTPException" not in path.read_text(), f"{path} raises an error of HTTP"


@pytest.mark.parametrize(
    "folder", ["remarque", "app", "demo", "bench", "tests", "migrations", "integrations", "examples"]
)
def test_files_stay_short(folder: str):
    for path in sources(folder):
        lines = path.read_text().count("\n")
        assert lines <= MAX_LINES, f"{path} has {lines} lines; split it by what it does"


def test_the_base_install_needs_none_of_the_extras():
    blocked = sorted(NOT_IN_THE_LIBRARY | {"c2pa", "numba", "imagehash", "cv2", "scipy", "defusedxml"})
    program = (
        "import sys\n"
        f"for name in {blocked!r}: sys.modules[name] = None\n"
        "import remarque, remarque.client, remarque.preferences, remarque.answers, remarque.log.entries\n"
        "import remarque.log.merkle, remarque.cli\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, cwd=ROOT)
