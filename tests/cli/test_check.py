"""``remarque check``: the answers, their reasons, and the exit code that a script goes by."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo.service import Service
from remarque.answers import Check, CheckResult, Reason
from remarque.cli.check import batches, exit_code
from remarque.client import Client, Image
from remarque.errors import ServiceUnreachable
from remarque.preferences import Preference
from tests.cli.conftest import Run, draw, png, save, smaller


def test_a_copy_of_a_declared_picture_is_a_finding(run: Run, service: Service, client: Client, tmp_path: Path) -> None:
    declaration = client.declare(png(draw(200)))
    ran = run("check", smaller(tmp_path / "copy.jpg", 200), "--registry", service.url)
    assert ran.code == 1
    assert "copy.jpg" in ran.out
    assert "disallowed" in ran.out
    assert declaration.id in ran.out


def test_what_nobody_declared_is_unknown_and_no_finding(run: Run, service: Service, tmp_path: Path) -> None:
    ran = run("check", save(tmp_path / "new.png", 201), "--registry", service.url)
    assert ran.code == 0
    assert "unknown" in ran.out
    assert "Nothing is declared" in ran.out
    assert "allowed" not in ran.out
    assert "unknown is not a permission" in ran.err


@pytest.mark.parametrize("no_upload", [(), ("--no-upload",)], ids=["upload", "no-upload"])
def test_the_json_of_a_mixed_folder(
    run: Run, service: Service, client: Client, tmp_path: Path, no_upload: Sequence[str]
) -> None:
    client.declare(png(draw(202)))
    folder = tmp_path / "set"
    save(folder / "declared.png", 202)
    save(folder / "new.png", 203)
    (folder / "broken.png").write_bytes(png(draw(204))[:3000])
    ran = run("check", folder, "--registry", service.url, "--json", "--purpose", "data_mining", *no_upload)
    assert ran.code == 1
    assert ran.json["purpose"] == "data_mining"
    assert ran.json["registry"] == service.url
    assert ran.json["counts"] == {"allowed": 0, "disallowed": 1, "constrained": 0, "unknown": 2, "not_judged": 1}
    told = {Path(result["path"]).name: result for result in ran.json["results"]}
    assert list(told) == ["broken.png", "declared.png", "new.png"]
    assert told["declared.png"]["preference"] == "disallowed"
    assert told["declared.png"]["matches"][0]["distance"] == 0
    assert len(told["declared.png"]["root"]) == 64
    assert told["declared.png"]["tree_size"] >= 1
    assert [reason["code"] for reason in told["new.png"]["reasons"]] == ["no_statement"]
    assert told["new.png"]["judged"] is True
    assert [reason["code"] for reason in told["broken.png"]["reasons"]] == ["undecodable"]
    assert (told["broken.png"]["judged"], told["broken.png"]["preference"]) == (False, "unknown")


def test_what_cannot_be_read_is_no_clean_answer(run: Run, service: Service, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(png(draw(205))[:3000])
    ran = run("check", tmp_path / "broken.png", save(tmp_path / "new.png", 206), "--registry", service.url)
    assert ran.code == 3
    assert "1 of 2 pictures could not be judged" in ran.err


def test_one_that_is_too_large_does_not_take_the_others_with_it(run: Run, service: Service, tmp_path: Path) -> None:
    with (tmp_path / "huge.png").open("wb") as file:
        file.write(png(draw(207)))
        file.truncate(51_000_000)
    ran = run("check", tmp_path / "huge.png", save(tmp_path / "new.png", 208), "--registry", service.url, "--json")
    assert ran.code == 3
    huge, new = ran.json["results"]
    assert huge["reasons"][0]["code"] == "body_too_large"
    assert (huge["judged"], new["judged"]) == (False, True)


def test_a_permission_counts_where_it_is_asked_for(run: Run, service: Service, client: Client, tmp_path: Path) -> None:
    client.declare(png(draw(209)), preferences={"ai_generative_training": "allowed"})
    picture = save(tmp_path / "a.png", 209)
    doubted = run("check", picture, "--registry", service.url, "--json")
    assert (doubted.code, doubted.json["results"][0]["preference"]) == (0, "unknown")
    assert doubted.json["results"][0]["judged"] is True
    believed = run("check", picture, "--registry", service.url, "--json", "--claims", "self")
    assert (believed.code, believed.json["results"][0]["preference"]) == (0, "allowed")


def test_without_a_key_a_folder_goes_in_batches(run: Run, service: Service, tmp_path: Path) -> None:
    for i in range(23):
        save(tmp_path / "many" / f"{i:02}.png", 300 + i)
    ran = run("check", tmp_path / "many", "--registry", service.url, "--json")
    assert ran.code == 0
    assert [Path(result["path"]).name for result in ran.json["results"]] == [f"{i:02}.png" for i in range(23)]


@pytest.mark.parametrize(
    "arguments", [("--purpose", "training"), ("--depth", "deeper"), ("--claims", "all"), ("--verbose",)]
)
def test_wrong_use(run: Run, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    ran = run("check", save(tmp_path / "a.png", 210), "--registry", "http://127.0.0.1:9", *arguments)
    assert (ran.code, ran.out) == (2, "")


@pytest.mark.parametrize("address", ["ftp://registry.example", "nonsense", "https://user:secret@registry.example"])
def test_an_address_that_is_none_is_wrong_use(run: Run, tmp_path: Path, address: str) -> None:
    ran = run("check", save(tmp_path / "a.png", 211), "--registry", address)
    assert (ran.code, ran.out) == (2, "")
    assert "secret" not in ran.err


def test_a_key_that_is_none_is_wrong_use_and_not_repeated(run: Run, tmp_path: Path) -> None:
    ran = run("check", save(tmp_path / "a.png", 211), "--registry", "http://127.0.0.1:9", "--key", "rmq_x y")
    assert (ran.code, ran.out) == (2, "")
    assert "rmq_x" not in ran.err


def test_no_answer_is_no_permission(run: Run, tmp_path: Path) -> None:
    command = ("check", save(tmp_path / "a.png", 211), "--registry", "http://127.0.0.1:9")
    ran = run(*command, "--json")
    assert ran.code == 3
    assert ran.json["results"] == []
    assert ran.json["stopped"]["code"] == "service_unreachable"
    told = run(*command)
    assert (told.code, told.out) == (3, "")
    assert told.err.startswith("remarque: no answer from http://127.0.0.1:9")
    assert told.err.count("\n") == 1


def test_what_was_judged_before_the_service_ended_is_told(
    run: Run, service: Service, client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.declare(png(draw(212)))
    pictures = [save(tmp_path / f"{i:02}.png", 212 + i) for i in range(12)]
    check = Client.check

    def ending(self: Client, *images: Image, **asked: Any) -> Check:
        if len(images) < 10:
            raise ServiceUnreachable("the service ended")
        return check(self, *images, **asked)

    monkeypatch.setattr(Client, "check", ending)
    ran = run("check", *pictures, "--registry", service.url, "--json")
    assert ran.code == 1
    assert len(ran.json["results"]) == 10
    assert ran.json["stopped"] == {"code": "service_unreachable", "detail": "the service ended"}
    assert run("check", *pictures[1:], pictures[1], "--registry", service.url).code == 3


def result(preference: Preference, *reasons: Reason) -> CheckResult:
    return CheckResult(name="a", preference=preference, reasons=list(reasons))


NOTHING_SAID = Reason(code="no_statement", source="registry", detail="")
OTHER_FAILURE = Reason(code="signals_unreachable", source="robots.txt", detail="")
results = st.sampled_from(
    [
        (result(Preference.ALLOWED), 0),
        (result(Preference.UNKNOWN, NOTHING_SAID), 0),
        (
            result(Preference.UNKNOWN, Reason(code="permission", source="r", detail="", preference=Preference.ALLOWED)),
            0,
        ),
        (result(Preference.DISALLOWED, OTHER_FAILURE), 1),
        (result(Preference.CONSTRAINED), 1),
        (result(Preference.UNKNOWN, OTHER_FAILURE), 3),
        (result(Preference.UNKNOWN, NOTHING_SAID, OTHER_FAILURE), 3),
    ]
)


@given(st.lists(results))
def test_a_finding_comes_before_a_failure_and_both_before_done(several: list[tuple[CheckResult, int]]) -> None:
    codes = {code for _, code in several}
    expected = 1 if 1 in codes else 3 if 3 in codes else 0
    assert exit_code([result for result, _ in several]) == expected


def test_an_unknown_without_any_reason_is_no_clean_answer() -> None:
    assert exit_code([result(Preference.UNKNOWN)]) == 3


def test_batches_keep_order_and_limits(tmp_path: Path) -> None:
    sizes = [1, 39_999_999, 1, 50_000_000, *[1] * 12]
    paths = []
    for i, size in enumerate(sizes):
        paths.append(tmp_path / f"{i:02}")
        with paths[-1].open("wb") as file:
            file.truncate(size)
    made = list(batches(paths))
    assert [path for batch in made for path in batch] == paths
    assert [len(batch) for batch in made] == [2, 1, 1, 10, 2]
