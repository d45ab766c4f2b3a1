"""The command as a whole: its parts, its help, and what it says where something is not installed."""

import json
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from remarque import __version__
from remarque.cli import selftest, service
from remarque.cli.files import find_pictures
from remarque.client import write_whole
from remarque.errors import LogError, MissingExtra, RemarqueError
from tests.cli.conftest import Run, save

#: The options of the command contract that exist today.
OPTIONS = {
    "serve": ["--host", "--port", "--data-dir", "--database-url", "--workers"],
    "declare": ["--registry", "--key", "--preference", "--creator"],
    "check": ["--registry", "--purpose", "--depth", "--json", "--claims"],
    "label": ["--system", "--registry", "--key", "--cert", "--cert-key"],
    "verify": ["--json", "--registry", "--trust-anchors"],
    "selftest": ["--json"],
    "receipt verify": ["--keys", "--quorum", "--json"],
    "log audit": ["--keys", "--checkpoints", "--quorum", "--json"],
}


def test_the_installed_command_tells_its_version() -> None:
    command = Path(sys.executable).with_name("remarque")
    assert subprocess.run([command, "--version"], capture_output=True, text=True, check=True).stdout == (
        f"remarque {__version__}\n"
    )


def test_help_names_every_command(run: Run) -> None:
    ran = run("--help")
    assert ran.code == 0
    assert all(name.partition(" ")[0] in ran.out for name in OPTIONS)


@pytest.mark.parametrize("command", OPTIONS)
def test_help_names_every_option(run: Run, command: str) -> None:
    ran = run(*command.split(), "--help")
    assert ran.code == 0
    assert all(option in ran.out for option in OPTIONS[command])


def test_no_command_and_unknown_commands_are_wrong_use(run: Run) -> None:
    assert run().code == 2
    assert run("bless").code == 2


#: What a base install does not have.
EXTRAS = {"app", "c2pa", "defusedxml", "fastapi", "imagehash", "numba", "scipy", "sqlalchemy", "sqlmodel", "starlette"}


def test_the_command_loads_no_extra_until_it_is_needed() -> None:
    program = "import sys, remarque.cli; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
    assert not EXTRAS & set(loaded)


#: Runs the command as if nothing of the extras were installed.
BASE_INSTALL = f"""
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {sorted(EXTRAS)}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Missing())
from remarque.cli import main
main()
"""


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("verify a.png", "pip install 'remarque[label]'"),
        ("label a.png b.png --system Brush", "pip install 'remarque[label]'"),
        ("check a.png --no-upload --registry http://127.0.0.1:9", "pip install 'remarque[filter]'"),
        ("declare a.png --no-upload --registry http://127.0.0.1:9 --key rmq_x", "pip install 'remarque[filter]'"),
        ("check a.png --registry http://127.0.0.1:9", "no answer from http://127.0.0.1:9"),
        ("serve", "it runs from the source tree"),
    ],
)
def test_a_command_whose_extra_is_missing_says_which(state: Path, tmp_path: Path, command: str, told: str) -> None:
    save(tmp_path / "a.png", 500)
    run = [sys.executable, "-c", BASE_INSTALL, *command.split()]
    ended = subprocess.run(run, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert ended.returncode == 3
    assert told in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "b.png").exists()


def test_selftest_of_a_base_install_fails_nothing() -> None:
    run = [sys.executable, "-c", BASE_INSTALL, "selftest", "--json"]
    ended = subprocess.run(run, capture_output=True, text=True, check=True)
    states = {part["part"]: part["state"] for part in json.loads(ended.stdout)["parts"]}
    assert states == {"fingerprints": "not_installed", "labels": "not_installed", "log": "ok"}


@pytest.mark.parametrize("missing", ["app.nowhere:serve", "json:serve"])
def test_serve_says_what_to_do_where_the_service_is_not_installed(
    run: Run, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    found = [EntryPoint("serve", missing, "remarque.commands")]
    monkeypatch.setattr(service, "entry_points", lambda **_: found)
    ran = run("serve", "--port", "1")
    assert ran.code == 3
    assert "source tree" in ran.err
    found.clear()
    assert run("serve").code == 3


def test_selftest_passes_here(run: Run) -> None:
    ran = run("selftest", "--json")
    assert ran.code == 0
    states = {part["part"]: part["state"] for part in ran.json["parts"]}
    assert states == {"fingerprints": "ok", "labels": "ok", "log": "ok"}


def test_selftest_notices_another_fingerprint(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from remarque.fingerprints import selftest as vectors

    changed = [vector | {"quality": vector["quality"] + 1} for vector in vectors.vectors()]
    monkeypatch.setattr(vectors, "vectors", lambda: changed)
    ran = run("selftest", "--json")
    assert ran.code == 3
    assert [part["state"] for part in ran.json["parts"]] == ["failed", "ok", "ok"]
    assert len(ran.json["parts"][0]["detail"]) == len(changed)


def test_selftest_tells_failed_from_not_installed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> list[str]:
        raise MissingExtra("filter", "hashing")

    def failing() -> list[str]:
        raise LogError("vector 3: another root")

    monkeypatch.setattr(selftest, "_PARTS", {"fingerprints": missing})
    ran = run("selftest", "--json")
    assert (ran.code, ran.json["parts"][0]["state"]) == (0, "not_installed")
    monkeypatch.setattr(selftest, "_PARTS", {"log": failing, "fingerprints": missing})
    ran = run("selftest")
    assert ran.code == 3
    assert "vector 3: another root" in ran.out


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_whole(tmp_path / "out", b"first")
    write_whole(tmp_path / "out", b"second")
    assert (tmp_path / "out").read_bytes() == b"second"

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_whole(tmp_path / "out", b"third")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out").read_bytes() == b"second"


def test_a_named_file_is_taken_whatever_it_is_called_and_once(tmp_path: Path) -> None:
    odd = tmp_path / ".odd.dat"
    odd.touch()
    (tmp_path / "b.PNG").touch()
    (tmp_path / "a.jpeg").touch()
    (tmp_path / "readme.md").touch()
    assert find_pictures([odd, tmp_path, tmp_path / "a.jpeg"]) == [odd, tmp_path / "a.jpeg", tmp_path / "b.PNG"]


def test_an_error_of_the_family_is_one_line(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RemarqueError("a sentence\nwith a second line")

    monkeypatch.setattr(selftest, "_run", lambda *_: fail())
    ran = run("selftest")
    assert (ran.code, ran.out, ran.err.count("\n")) == (3, "", 1)
