"""Write remarque/vectors/log/*.json: proofs, notes, entries and receipts, good ones and broken ones.

    python -m tests.make_log_vectors

Each broken case is a good one with one thing changed, and is named by the change. Everything is made by
tests/slow_log.py, nothing by the library that the vectors judge; keys and salts are fixed, so that the files come out
the same on every machine.
"""

import json
from pathlib import Path
from typing import Any

import remarque
from tests import log_vectors_notes, log_vectors_receipts, log_vectors_tree

FOLDER = Path(remarque.__file__).parent / "vectors" / "log"


def files() -> dict[str, str]:
    """What each file holds, by its name."""
    made: dict[str, list[dict[str, Any]]] = {
        **log_vectors_tree.made(),
        **log_vectors_notes.made(),
        **log_vectors_receipts.made(),
    }
    for kind, cases in made.items():
        names = [case["name"] for case in cases]
        assert len(set(names)) == len(names), f"{kind}: a name comes twice"
    about = "made by tests/make_log_vectors.py; docs/log.md tells the formats"
    return {
        f"{kind}.json": json.dumps({"about": about, "cases": cases}, indent=1) + "\n" for kind, cases in made.items()
    }


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, text in files().items():
        (FOLDER / name).write_text(text, encoding="ascii")


if __name__ == "__main__":
    main()
