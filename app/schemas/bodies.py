"""How bodies that are read by hand stand in the OpenAPI document."""

from typing import Any

BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}
IMAGE: dict[str, Any] = {"type": "string", "format": "binary", "description": "The picture. It is never kept."}


def multipart(image: dict[str, Any] = IMAGE, *, required: bool = True, **json_parts: str) -> dict[str, Any]:
    """A form with the part ``image`` and parts that hold JSON, each by the name of its schema; required or not."""
    properties = {name: {"$ref": f"#/components/schemas/{schema}"} for name, schema in json_parts.items()}
    schema = {
        "type": "object",
        "required": ["image", *json_parts] if required else ["image"],
        "properties": {"image": image, **properties},
    }
    if not json_parts:
        return {"schema": schema}
    return {"schema": schema, "encoding": {name: {"contentType": "application/json"} for name in json_parts}}


def body(content: dict[str, Any]) -> dict[str, Any]:
    """The ``openapi_extra`` of a route that reads these media types."""
    return {"requestBody": {"required": True, "content": content}}
