"""The OpenAPI document: what FastAPI makes of the routes, completed with examples, bodies and problems.

``python -m app.openapi`` prints it; ``make openapi`` writes it, a test compares.
"""

import json
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from app.examples import ANSWERS
from app.problems import MEDIA_TYPE, Problem, documented, status_at
from app.schemas.requests import DeclarationCreate, FingerprintDeclaration, HashesCheck, LabelCreate
from app.schemas.softbinding import BindingQuery
from remarque.errors import InvalidRequest

#: Bodies that are read by hand, because a route takes several encodings.
BODIES = (DeclarationCreate, FingerprintDeclaration, HashesCheck, LabelCreate, BindingQuery)
REF = "#/components/schemas/"


def complete(app: FastAPI) -> dict[str, Any]:
    """Build the document of an application, once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            description=app.description,
            routes=app.routes,
            license_info=app.license_info,
        )
        _, definitions = models_json_schema(
            [(model, "validation") for model in (*BODIES, Problem)], ref_template=REF + "{model}"
        )
        schemas = made["components"]["schemas"]
        schemas.update(definitions["$defs"])
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        for path, operations in made["paths"].items():
            for operation in operations.values():
                if status_at(path, 422) != 422:  # where what is malformed is told by another status
                    operation["responses"].pop("422", None)
                for status, response in operation["responses"].items():
                    operation["responses"][status] = _completed(int(status), response)
        app.openapi_schema = made
    return app.openapi_schema


def _completed(status: int, response: dict[str, Any]) -> dict[str, Any]:
    content = response.get("content", {})
    if status >= 400:
        if MEDIA_TYPE not in content:  # FastAPI's own idea of a validation error
            response = documented(InvalidRequest)[status]
        return {
            **response,
            "content": {MEDIA_TYPE: {"schema": {"$ref": REF + Problem.__name__}, **response["content"][MEDIA_TYPE]}},
        }
    schema = content.get("application/json", {}).get("schema", {})
    name = schema.get("$ref", schema.get("anyOf", [{}])[0].get("$ref", "")).removeprefix(REF)
    if name:
        content["application/json"]["example"] = ANSWERS[name]
    return response


def document() -> str:
    """The document as it is committed."""
    from app.main import create_app  # it needs this module to describe itself
    from app.settings import Settings

    return json.dumps(create_app(Settings(data_dir=Path("data"))).openapi(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(document(), end="")
