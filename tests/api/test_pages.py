"""The pages: what a visitor without a script sees."""

from __future__ import annotations

import re

import pytest

from app.problems import OTHERS, TABLE, slug
from remarque import errors
from tests.api.conftest import Service


@pytest.mark.parametrize("address", ["/", "/docs", "/problems/too-plain"])
def test_pages_load_nothing_from_elsewhere(small_service: Service, address: str):
    page = small_service.http.get(address)
    assert page.status_code == 200
    assert "<script" not in page.text
    for reference in re.findall(r'(?:src|href|action)="([^"]*)"', page.text):
        assert reference.startswith(("/", "#")), reference
    for reference in set(re.findall(r'"(/static/[^"]*)"', page.text)):
        assert small_service.http.get(reference).status_code == 200


def test_the_home_page_names_the_state_of_the_log_and_its_own_address(small_service: Service, copy: bytes):
    declared = small_service.declare(copy, small_service.party())
    page = small_service.http.get("/").text
    assert declared["log"]["root"] in page
    assert "curl -X POST http://testserver/v1/checks" in page


def test_a_visitor_looks_a_picture_up(small_service: Service, copy: bytes, other_picture: bytes):
    declared = small_service.declare(copy, small_service.party())
    page = small_service.http.post("/look-up", files={"image": ("mine.jpg", copy, "image/jpeg")}).text
    assert "disallowed" in page
    assert declared["id"] in page
    page = small_service.http.post("/look-up", files={"image": ("other.png", other_picture, "image/png")}).text
    assert "unknown" in page
    assert "not a permission" in page
    page = small_service.http.post("/look-up", files={"image": ("no.png", b"hello", "image/png")})
    assert page.status_code == 200
    assert "unknown" in page.text


def test_the_reference_names_every_route_of_the_contract(small_service: Service):
    page = small_service.http.get("/docs").text
    for path in small_service.http.get("/openapi.json").json()["paths"]:
        assert path in page


def test_a_declaration_that_is_not_there_has_a_page_that_says_so(small_service: Service):
    page = small_service.http.get("/declarations/dec_0")
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")


def _tree(error: type[errors.RemarqueError]) -> list[type[errors.RemarqueError]]:
    return [error, *(below for child in error.__subclasses__() for below in _tree(child))]


def test_every_error_that_can_reach_a_caller_has_a_row_and_a_page(small_service: Service):
    for parent in (errors.InvalidInput, errors.Refused, errors.Unavailable):
        for error in _tree(parent):
            if error.__subclasses__():
                continue
            assert error in TABLE, f"{error.__name__} has no row of its own in app/problems.py"
            assert small_service.http.get(f"/problems/{slug(error)}").status_code == 200
    for name in OTHERS:
        assert small_service.http.get(f"/problems/{name}").status_code == 200, name
