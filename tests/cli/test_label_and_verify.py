"""``remarque label`` and ``remarque verify``: pixels stay, OUT is labelled or not there, verdicts are honest."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from demo.pictures import stripped, tampered
from demo.service import Service
from remarque.client import Client
from tests.cli.conftest import Run, draw, png, save
from tests.unit import answering


@pytest.fixture
def label_key(service: Service) -> str:
    with Client(service.url, service.operator_key) as operator:
        return operator.create_key(["label"]).api_key


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp"])
def test_a_development_key_signs_and_is_named_as_such(run: Run, state: Path, tmp_path: Path, suffix: str) -> None:
    source, out = save(tmp_path / f"a{suffix}", 400), tmp_path / f"b{suffix}"
    ran = run("label", source, out, "--system", "Brush", "--system-version", "2", "--json")
    assert ran.code == 0
    assert "the local development key" in ran.err
    assert "nobody else trusts" in ran.err
    assert (state / "development-pki" / "key.pem").stat().st_mode & 0o777 == 0o600
    [result] = ran.json["results"]
    assert (result["status"], result["out"], result["record"]) == ("labelled", str(out), None)
    assert "c2pa" in result["layers"]
    with Image.open(source) as before, Image.open(out) as after:
        assert before.format == after.format
        assert np.array_equal(np.asarray(before), np.asarray(after))
    verified = run("verify", out, "--json")
    assert verified.code == 0
    assert verified.json["results"][0]["verdict"] == "trusted_label"
    assert verified.json["results"][0]["ai_generated"] is True
    assert "development" in verified.json["results"][0]["summary"].lower()


def test_the_service_signs_with_a_key_that_may(run: Run, service: Service, label_key: str, tmp_path: Path) -> None:
    source, out = save(tmp_path / "a.png", 401), tmp_path / "b.png"
    command = ("label", source, out, "--system", "Brush", "--registry", service.url)
    ran = run(*command, "--key", label_key, "--json")
    assert ran.code == 0
    assert ran.json["signer"] == service.url
    assert ran.json["results"][0]["record"].endswith(ran.json["results"][0]["id"])
    remote = run("verify", out, "--registry", service.url, "--json").json["results"][0]
    assert remote["verdict"] == "trusted_label"
    assert remote["registry"]["label"] == ran.json["results"][0]["id"]
    local = run("verify", out, "--json").json["results"][0]
    assert local["verdict"] == "untrusted_label"
    assert local["registry"] is None


def test_without_the_scope_nothing_is_written(run: Run, service: Service, key: str, tmp_path: Path) -> None:
    source, out = save(tmp_path / "a.png", 402), tmp_path / "b.png"
    command = ("label", source, out, "--system", "Brush", "--registry", service.url)
    for more in ((), ("--key", key)):
        ran = run(*command, *more)
        assert ran.code == 3
        assert ran.err.splitlines()[-1].startswith("remarque: ")
        assert not out.exists()
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["a.png"]


def test_a_folder_becomes_a_folder_and_goes_on_past_what_fails(run: Run, tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    save(source / "a.png", 403)
    save(source / "deep" / "b.jpg", 404)
    (source / "broken.png").write_bytes(b"no picture")
    (source / "tampered.png").write_bytes(_label(run, tmp_path, 405, tampered_with=True))
    ran = run("label", source, out, "--system", "Brush", "--json")
    assert ran.code == 3
    told = {Path(result["path"]).name: result for result in ran.json["results"]}
    assert {name: result["status"] for name, result in told.items()} == {
        "a.png": "labelled",
        "broken.png": "failed",
        "tampered.png": "failed",
        "b.jpg": "labelled",
    }
    assert told["broken.png"]["problem"]["code"] == "not_a_picture"
    assert told["tampered.png"]["problem"]["code"] == "invalid_manifest_present"
    assert {path.relative_to(out) for path in out.rglob("*") if path.is_file()} == {Path("a.png"), Path("deep/b.jpg")}
    replaced = run("label", source / "tampered.png", out, "--system", "Brush", "--on-invalid", "replace")
    assert replaced.code == 0
    assert run("verify", out / "tampered.png").code == 0


def test_wrong_use(run: Run, tmp_path: Path) -> None:
    source, out = save(tmp_path / "a.png", 406), tmp_path / "b.png"
    (tmp_path / "empty").mkdir()
    for arguments in (
        (source, out),
        (source, source, "--system", "Brush"),
        (source, tmp_path, "--system", "Brush"),
        (tmp_path / "empty", out, "--system", "Brush"),
        (tmp_path, source, "--system", "Brush"),
        (source, out, "--system", " "),
        (source, out, "--system", "Brush", "--digital-source-type", "humanEdits"),
        (source, out, "--system", "Brush", "--preference", "search=allowed"),
        (source, out, "--system", "Brush", "--cert", source),
    ):
        ran = run("label", *arguments)
        assert (ran.code, ran.out) == (2, ""), arguments
    assert not out.exists()


def test_a_certificate_that_cannot_sign_is_told(run: Run, tmp_path: Path) -> None:
    source, out = save(tmp_path / "a.png", 407), tmp_path / "b.png"
    (tmp_path / "cert.pem").write_text("nothing")
    ran = run(
        *("label", source, out, "--system", "Brush"),
        *("--cert", tmp_path / "cert.pem", "--cert-key", tmp_path / "cert.pem"),
    )
    assert ran.code == 3
    assert ran.err.startswith("remarque: ")
    assert not out.exists()


def test_a_label_that_does_not_hold_is_a_finding(run: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(_label(run, tmp_path, 408, tampered_with=True))
    (tmp_path / "notes.txt").write_text("no picture")
    ran = run("verify", tmp_path / "bad.png", tmp_path / "notes.txt")
    assert ran.code == 1
    assert "invalid_label" in ran.out
    assert "failed" in ran.out


def test_nothing_found_is_said_honestly(run: Run, tmp_path: Path) -> None:
    (tmp_path / "clean.png").write_bytes(stripped(_label(run, tmp_path, 409)))
    ran = run("verify", tmp_path / "clean.png", "--json")
    assert ran.code == 0
    [result] = ran.json["results"]
    assert (result["verdict"], result["ai_generated"], result["layers"]) == ("nothing_found", None, [])
    assert "does not mean" in result["summary"]


@pytest.mark.parametrize("remote", [False, True], ids=["local", "registry"])
def test_what_cannot_be_read_is_no_verdict(run: Run, service: Service, tmp_path: Path, remote: bool) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    where = ("--registry", service.url) if remote else ()
    ran = run("verify", tmp_path / "notes.txt", save(tmp_path / "a.png", 410), "--json", *where)
    assert ran.code == 3
    unread, read = ran.json["results"]
    assert (unread["verdict"], unread["problem"]["code"]) == (None, "not_a_picture")
    assert (read["verdict"], read["problem"]) == ("nothing_found", None)
    assert unread.keys() == read.keys()


def test_anchors_are_trusted_where_they_are_named(run: Run, state: Path, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(_label(run, tmp_path, 411))
    anchors = (state / "development-pki").rename(tmp_path / "elsewhere") / "root.pem"
    assert run("verify", tmp_path / "a.png", "--json").json["results"][0]["verdict"] == "untrusted_label"
    ran = run("verify", tmp_path / "a.png", "--json", "--trust-anchors", anchors)
    assert ran.json["results"][0]["verdict"] == "trusted_label"
    both = run("verify", tmp_path / "a.png", "--trust-anchors", anchors, "--registry", "http://127.0.0.1:9")
    assert both.code == 2


def _label(run: Run, folder: Path, seed: int, *, tampered_with: bool = False) -> bytes:
    source, out = folder / "source" / f"{seed}.png", folder / "source" / f"{seed}-labelled.png"
    source.parent.mkdir(exist_ok=True)
    source.write_bytes(png(draw(seed)))
    assert run("label", source, out, "--system", "Brush").code == 0
    return tampered(out.read_bytes()) if tampered_with else out.read_bytes()


def test_what_is_asked_for_is_written_and_nothing_else(run: Run, tmp_path: Path) -> None:
    source, out = save(tmp_path / "a.png", 412), tmp_path / "b.png"
    (tmp_path / "prompt.txt").write_text("a boat at dawn, 舟\n", encoding="utf-8")
    constrained = ("--preference", "data_mining=constrained", "--constraint", "for museums only")
    assert run("label", source, out, "--system", "Brush").code == 0
    assert b"a boat at dawn" not in out.read_bytes()
    ran = run("label", source, out, "--system", "Brush", "--prompt-file", tmp_path / "prompt.txt", *constrained)
    assert ran.code == 0
    assert "a boat at dawn, 舟".encode() in out.read_bytes()
    assert b"for museums only" in out.read_bytes()


def test_what_tools_wrote_is_kept_unless_it_is_to_go(run: Run, tmp_path: Path) -> None:
    source, out = tmp_path / "a.png", tmp_path / "b.png"
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", "a boat at dawn, Steps: 20")
    draw(415).save(source, pnginfo=info)
    assert run("label", source, out, "--system", "Brush").code == 0
    assert b"a boat at dawn" in out.read_bytes()
    assert run("label", source, out, "--system", "Brush", "--strip-metadata").code == 0
    assert b"a boat at dawn" not in out.read_bytes()
    assert run("verify", out, "--json").json["results"][0]["verdict"] == "trusted_label"


def test_the_chinese_label_names_the_producer_that_was_given(run: Run, tmp_path: Path) -> None:
    source, out = save(tmp_path / "a.png", 416), tmp_path / "b.png"
    ran = run("label", source, out, "--system", "Brush", "--profile", "cn", "--cn-producer", "00119134", "--json")
    assert ran.code == 0
    assert "cn" in ran.json["results"][0]["layers"]
    assert b"00119134" in out.read_bytes()


def test_wrong_use_of_what_is_written(run: Run, tmp_path: Path) -> None:
    source, out = save(tmp_path / "a.png", 413), tmp_path / "b.png"
    (tmp_path / "latin").write_bytes(b"\xe9")
    registry = ("--registry", "http://127.0.0.1:9")
    for more in (
        ("--prompt-file", tmp_path / "latin"),
        ("--prompt-file", tmp_path / "missing"),
        ("--constraint", "for museums only"),
        ("--profile", "cn"),
        ("--profile", "us", *registry),
        ("--cn-producer", "P", *registry),
        ("--profile", "cn", "--cn-producer", "P", *registry),
    ):
        ran = run("label", source, out, "--system", "Brush", *more)
        assert (ran.code, ran.out) == (2, ""), more
    assert not out.exists()


def test_the_registry_is_asked_for_what_the_options_say_and_its_warnings_are_told(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = save(tmp_path / "a.png", 414), tmp_path / "b.png"
    (tmp_path / "prompt.txt").write_text("a boat\n")
    registry = answering.Service(answering.labelled(b"labelled", **{"Remarque-Warnings": "no_time_stamp"}))
    monkeypatch.setattr("remarque.cli.signers.Client", lambda address, key, sleep: registry.client(key))
    command = ("label", source, out, "--system", "Brush", "--registry", "https://registry.example")
    more = ("--prompt-file", tmp_path / "prompt.txt", "--strip-metadata", "--profile", "cn", "--provider", "Ana")
    plain = run(*command)
    assert plain.code == 0
    assert plain.out.endswith("(c2pa, xmp)  warning: no_time_stamp\n")
    asked = run(*command, *more, "--json")
    assert asked.json["results"][0]["warnings"] == ["no_time_stamp"]
    assert out.read_bytes() == b"labelled"
    first, second = (answering.sent(request)[1] for request in registry.requests)
    assert first.keys() == {"system", "digital_source_type", "preferences", "on_invalid"}
    assert {name: second[name] for name in second.keys() - first.keys()} == {
        "prompt": "a boat",
        "keep_metadata": False,
        "profiles": ["cn"],
        "provider": "Ana",
    }
