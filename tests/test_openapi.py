"""The committed OpenAPI document is the one that the code makes, is valid, and is complete."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from openapi_spec_validator import validate

from app.openapi import document

COMMITTED = Path(__file__).parent.parent / "openapi" / "openapi.json"
DOCUMENT = json.loads(COMMITTED.read_text())
OPERATIONS = [
    pytest.param(operation, id=f"{method} {path}")
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]


def test_the_committed_document_is_up_to_date():
    assert COMMITTED.read_text() == document(), "run: make openapi"


def test_it_is_valid():
    validate(DOCUMENT)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_answer_is_described_with_an_example(operation: dict):
    assert operation["description"]
    for status, response in operation["responses"].items():
        for kind, content in response.get("content", {}).items():
            if kind == "application/problem+json":
                for example in content["examples"].values():
                    assert example["value"]["status"] == int(status)
            elif kind == "application/json":
                assert "example" in content, f"{status} has no example"


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_error_is_a_problem(operation: dict):
    for status, response in operation["responses"].items():
        if int(status) >= 400:
            assert set(response["content"]) == {"application/problem+json"}, f"{status} is no problem+json"
