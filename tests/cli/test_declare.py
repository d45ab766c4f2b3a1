"""``remarque declare``: what is told, what is remembered, and what goes on when one picture fails."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from demo.service import Service
from remarque.cli.journal import Journal
from remarque.client import Client
from remarque.preferences import Category, Preference
from tests.cli.conftest import Run, draw, png, save, smaller


def test_declares_a_picture_with_what_is_said_about_it(
    run: Run, service: Service, client: Client, key: str, tmp_path: Path
) -> None:
    ran = run(
        *("declare", save(tmp_path / "a.png", 100), "--registry", service.url, "--key", key),
        *("--preference", "ai_training=constrained", "--preference", "search=allowed"),
        *(
            "--creator",
            "Ana Ruiz",
            "--title",
            "Dawn",
            "--constraint",
            "Ask first.",
            "--valid-until",
            "2040-01-01T00:00:00Z",
        ),
    )
    assert ran.code == 0
    assert ran.out.startswith("declared ")
    assert key not in ran.out + ran.err
    [declaration] = client.all_declarations()
    assert declaration.id in ran.out
    assert declaration.preferences[Category.AI_TRAINING] is Preference.CONSTRAINED
    assert declaration.preferences[Category.SEARCH] is Preference.ALLOWED
    assert declaration.preferences[Category.AI_GENERATIVE_TRAINING] is Preference.DISALLOWED
    assert (declaration.creator, declaration.title, declaration.constraint) == ("Ana Ruiz", "Dawn", "Ask first.")
    assert declaration.valid_until is not None


def test_one_that_fails_does_not_stop_the_others(
    run: Run, service: Service, client: Client, key: str, tmp_path: Path
) -> None:
    folder = tmp_path / "works"
    save(folder / "deep" / "b.JPG", 101)
    save(folder / "z.webp", 102)
    save(folder / ".hidden.png", 103)
    save(folder / ".trash" / "c.png", 104)
    (folder / "notes.txt").write_text("no picture")
    (folder / "broken.png").write_bytes(png(draw(105))[:2000])
    Image.new("RGB", (300, 300), "grey").save(folder / "plain.png")
    ran = run("declare", folder, "--registry", service.url, "--key", key, "--json")
    assert ran.code == 3
    told = {Path(result["path"]).name: result for result in ran.json["results"]}
    assert {name: result["status"] for name, result in told.items()} == {
        "broken.png": "failed",
        "plain.png": "failed",
        "z.webp": "declared",
        "b.JPG": "declared",
    }
    assert told["broken.png"]["problem"]["code"] == "undecodable"
    assert told["plain.png"]["problem"]["code"] == "too_plain"
    assert ran.json["counts"] == {"pictures": 4, "declared": 2, "failed": 2}
    assert ran.json["stopped"] is None
    assert {d.id for d in client.all_declarations()} == {told["z.webp"]["id"], told["b.JPG"]["id"]}


def test_started_again_it_sends_nothing_twice(
    run: Run, service: Service, client: Client, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = save(tmp_path / "a.png", 106), save(tmp_path / "b.png", 107)
    first = run("declare", one, "--registry", service.url, "--key", key, "--json").json["results"][0]

    sent = []
    declare = Client.declare

    def counting(self: Client, image: tuple[str, bytes], **statement: object) -> object:
        sent.append(image[0])
        return declare(self, image, **statement)  # type: ignore[arg-type]  # handed on as it came

    monkeypatch.setattr(Client, "declare", counting)
    again = run("declare", one, two, "--registry", service.url, "--key", key, "--json")
    assert again.code == 0
    assert [result["status"] for result in again.json["results"]] == ["declared_before", "declared"]
    assert again.json["results"][0]["id"] == first["id"]
    assert sent == ["b.png"]


def test_what_was_withdrawn_meanwhile_is_declared_anew(
    run: Run, service: Service, client: Client, key: str, tmp_path: Path
) -> None:
    command = ("declare", save(tmp_path / "a.png", 108), "--registry", service.url, "--key", key, "--json")
    first = run(*command).json["results"][0]
    client.withdraw(first["id"])
    second = run(*command).json["results"][0]
    assert second["status"] == "declared"
    assert second["id"] != first["id"]


def test_saying_something_else_is_not_taken_for_said(run: Run, service: Service, key: str, tmp_path: Path) -> None:
    command = ("declare", save(tmp_path / "a.png", 109), "--registry", service.url, "--key", key, "--json")
    assert run(*command).code == 0
    ran = run(*command, "--preference", "ai_training=allowed")
    assert ran.code == 3
    assert ran.json["results"][0]["problem"]["code"] == "already_declared"


def test_without_uploading_it_protects_as_well(
    run: Run, service: Service, client: Client, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(Client, "declare")
    Image.new("RGB", (300, 300), "grey").save(tmp_path / "plain.png")
    ran = run(
        *("declare", save(tmp_path / "a.png", 110), tmp_path / "plain.png", "--no-upload", "--json"),
        *("--registry", service.url, "--key", key),
    )
    declared, plain = ran.json["results"]
    assert plain["problem"]["code"] == "too_plain"
    assert declared["status"] == "declared"
    result = client.check(smaller(tmp_path / "copy.jpg", 110)).results[0]
    assert result.preference == Preference.DISALLOWED
    assert [match.declaration for match in result.matches] == [declared["id"]]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--preference", "ai_training"),
        ("--preference", "training=allowed"),
        ("--preference", "ai_training=yes"),
        ("--preference", "ai_training=allowed", "--preference", "ai_training=disallowed"),
        ("--valid-until", "tomorrow"),
        ("--url", "https://ana.example/a.png", "elsewhere.png"),
    ],
)
def test_wrong_use_is_told_before_anything_is_sent(
    run: Run, arguments: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "a.png", 111)
    save(tmp_path / "elsewhere.png", 112)
    ran = run("declare", "a.png", *arguments, "--registry", "http://127.0.0.1:9", "--key", "rmq_x")
    assert (ran.code, ran.out) == (2, "")


def test_what_is_missing_is_wrong_use(run: Run, tmp_path: Path) -> None:
    picture = save(tmp_path / "a.png", 113)
    assert run("declare", picture, "--registry", "http://127.0.0.1:9").code == 2
    assert run("declare", picture, "--key", "rmq_x").code == 2
    assert run("declare", tmp_path / "nothing.png", "--registry", "http://127.0.0.1:9", "--key", "rmq_x").code == 2
    (tmp_path / "empty").mkdir()
    ran = run("declare", tmp_path / "empty", "--registry", "http://127.0.0.1:9", "--key", "rmq_x")
    assert ran.code == 2
    assert "no picture is there" in ran.err


def test_a_key_that_is_not_known_stops_the_run_in_one_line(run: Run, service: Service, tmp_path: Path) -> None:
    pictures = [save(tmp_path / name, 114) for name in ("a.png", "b.png")]
    ran = run("declare", *pictures, "--registry", service.url, "--key", "rmq_not-a-key", "--json")
    assert ran.code == 3
    assert ran.json["stopped"]["code"] == "key_unknown"
    assert ran.json["results"] == []
    assert ran.err.splitlines()[0] == "0 of 2 pictures were sent; start again to go on with the others"
    assert ran.err.splitlines()[1].startswith("remarque: ")
    assert "rmq_not-a-key" not in ran.out + ran.err


def test_a_service_that_does_not_answer_is_told_in_one_line(run: Run, tmp_path: Path) -> None:
    ran = run("declare", save(tmp_path / "a.png", 115), "--registry", "http://127.0.0.1:9", "--key", "rmq_x")
    assert ran.code == 3
    assert "remarque: no answer from http://127.0.0.1:9" in ran.err


def test_the_environment_may_name_registry_and_key(
    run: Run, service: Service, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REMARQUE_REGISTRY", service.url)
    monkeypatch.setenv("REMARQUE_KEY", key)
    assert run("declare", save(tmp_path / "a.png", 116)).code == 0
    assert key not in run("declare", "--help").out


def test_names_of_files_cannot_act_on_the_terminal(run: Run, service: Service, key: str, tmp_path: Path) -> None:
    picture = save(tmp_path / "a\x1b[31m[bold]\n.png", 117)
    ran = run("declare", picture, "--registry", service.url, "--key", key)
    assert ran.code == 0
    assert "\x1b" not in ran.out
    assert "[bold]" in ran.out
    assert ran.out.count("\n") == 1


def test_the_progress_bar_keeps_out_of_a_pipe(service: Service, key: str, state: Path, tmp_path: Path) -> None:
    pictures = [save(tmp_path / f"{i}.png", 120 + i) for i in range(5)]
    terminal, theirs = pty.openpty()
    command = [sys.executable, "-m", "remarque.cli", "declare", *map(str, pictures), "--registry", service.url]
    environment = os.environ | {"REMARQUE_KEY": key, "TERM": "xterm"}
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=theirs, env=environment, text=True, check=True)
    os.close(theirs)
    shown = os.read(terminal, 100_000)
    os.close(terminal)
    assert [line.split()[0] for line in ended.stdout.splitlines()] == ["declared"] * 5
    assert b"declaring" in shown
    assert b"dec_" not in shown


def test_the_journal_survives_a_kill_in_the_middle_of_a_line(tmp_path: Path) -> None:
    with Journal(tmp_path, "https://r.example", "rmq_x") as journal:
        journal.remember("aa", "s", "dec_1")
    with journal.path.open("ab") as file:
        file.write(b'{"sha256": "bb", "stat')
    with Journal(tmp_path, "https://r.example", "rmq_x") as journal:
        assert journal.find("aa", "s") == "dec_1"
        assert journal.find("bb", "s") is None
        journal.remember("cc", "s", "dec_3")
    with Journal(tmp_path, "https://r.example", "rmq_x") as journal:
        assert (journal.find("aa", "s"), journal.find("cc", "s")) == ("dec_1", "dec_3")
    with Journal(tmp_path, "https://r.example", "rmq_y") as other:
        assert other.find("aa", "s") is None
    assert journal.path.stat().st_mode & 0o777 == 0o600
    assert b"rmq_x" not in journal.path.read_bytes()
