"""Print the OpenAPI document: ``make openapi`` writes it, a test compares."""

import json
from pathlib import Path

from app.main import create_app
from app.settings import Settings


def document() -> str:
    """The document as it is committed."""
    app = create_app(Settings(data_dir=Path("data"), readers=1))
    return json.dumps(app.openapi(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(document(), end="")
