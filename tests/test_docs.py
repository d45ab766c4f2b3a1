"""What the documents say is what the software does: their commands and programs are run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from app.settings import Settings
from demo.service import Service, running_service

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
ADDRESS = "http://127.0.0.1:8000"
BIN = Path(sys.executable).parent


def blocks(language: str, *, after: str) -> list[str]:
    """The code blocks of one section of the README."""
    section = README.partition(f"## {after}\n")[2].partition("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)


@pytest.fixture(scope="module")
def registry() -> Iterator[Service]:
    with running_service() as service:
        yield service


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory, registry: Service) -> Path:
    """A folder with what the README's commands name."""
    import skimage.data

    folder = tmp_path_factory.mktemp("workshop")
    for name, picture in (("pictures/boat.png", "astronaut"), ("found/other.png", "coffee"), ("made.png", "chelsea")):
        (folder / name).parent.mkdir(exist_ok=True)
        Image.fromarray(getattr(skimage.data, picture)()).save(folder / name)
    Image.fromarray(skimage.data.astronaut()).resize((256, 256)).save(folder / "found/boat.jpg", quality=60)
    (folder / "data").mkdir()
    (folder / "data/operator.key").write_text(registry.operator_key + "\n")
    return folder


def run(command: str, folder: Path, registry: Service, key: str = "") -> subprocess.CompletedProcess[str]:
    """Run a block of the README as a person would, against the service of this test."""
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "REMARQUE_KEY": key, "COLUMNS": "200"}
    environment["XDG_STATE_HOME"] = str(folder / "state")
    program = command.replace(ADDRESS, registry.url)
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", program],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_artist_follows_the_readme(registry: Service, workshop: Path):
    [block] = blocks("sh", after="For artists")
    party, _, declare = block.splitlines()
    made = run(party, workshop, registry)
    key = re.search(r"rmq_[\w-]+", made.stdout)
    assert key, made
    declared = run(declare, workshop, registry, key[0])
    assert declared.returncode == 0, declared.stderr
    assert "dec_" in declared.stdout


def test_a_builder_follows_the_readme(registry: Service, workshop: Path):
    test_an_artist_follows_the_readme(registry, workshop)
    [block] = blocks("sh", after="For dataset builders")
    for command in block.splitlines():
        checked = run(command, workshop, registry)
        assert checked.returncode == 1, checked.stderr
        assert "disallowed" in checked.stdout
    [program] = blocks("python", after="For dataset builders")
    (workshop / "program.py").write_text(program.replace(ADDRESS, registry.url))
    checked = run("python program.py", workshop, registry)
    assert checked.stdout.startswith("boat.jpg disallowed ['declared'"), checked.stderr


def test_a_generator_and_anyone_follow_the_readme(registry: Service, workshop: Path):
    test_an_artist_follows_the_readme(registry, workshop)
    [block] = blocks("sh", after="For generators")
    make_key, _, label = block.partition("remarque label")
    made = run(make_key, workshop, registry)
    key = re.search(r"rmq_[\w-]+", made.stdout)
    assert key, made
    labelled = run("remarque label" + label, workshop, registry, key[0])
    assert labelled.returncode == 0, labelled.stderr
    [verify] = blocks("sh", after="For anyone")
    verified = run(verify, workshop, registry)
    assert verified.returncode == 0, verified.stderr
    assert "trusted_label" in verified.stdout
    assert "verifies: remarque-receipt/v1" in verified.stdout
    assert "tiles and" in verified.stdout


def test_every_setting_is_documented_with_its_default():
    text = (ROOT / "docs/settings.md").read_text()
    for name, field in Settings.model_fields.items():
        [line] = [line for line in text.splitlines() if line.startswith(f"| `REMARQUE_{name.upper()}` |")]
        assert field.description in line
        if name != "readers" and field.default is not None:
            assert f"`{field.default}`" in line


def test_links_between_documents_lead_somewhere():
    for document in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?://|#)([^)#]+)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_the_make_targets_that_documents_name_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for document in (README, (ROOT / "CONTRIBUTING.md").read_text()):
        assert set(re.findall(r"`?make ([a-z]+)", document)) - {"alone"} <= targets | {"are", "it"}


def test_the_dockerfile_copies_what_exists_and_passes_the_linter():
    text = (ROOT / "Dockerfile").read_text()
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for line in re.findall(r"^COPY (.*)$", text, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert f"!{source}" in ignored, f"{source} is kept out of the build by .dockerignore"
    assert "\nUSER 10001\n" in text
    assert 'CMD ["remarque", "serve"' in text
    subprocess.run([BIN / "hadolint", ROOT / "Dockerfile"], check=True)
