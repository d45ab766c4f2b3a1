"""``remarque selftest``: does this installation compute what it should?"""

from collections.abc import Callable
from typing import Any

import typer

from remarque.cli.options import Json
from remarque.cli.output import DONE, FAILED, tell_json, tell_table
from remarque.errors import MissingExtra, RemarqueError


def _fingerprints() -> None:
    from remarque.fingerprints.selftest import selftest

    selftest()


#: What is tried: a name, and a function that returns or raises an error of ours.
_PARTS: dict[str, Callable[[], None]] = {"fingerprints": _fingerprints}


def selftest(json: Json = False) -> None:
    """Run the shipped test vectors on this installation. Exit code 3 where a part fails."""
    results = [_run(name, part) for name, part in _PARTS.items()]
    if json:
        tell_json({"parts": results})
    else:
        tell_table(
            ("part", "state", "detail"), [(r["part"], r["state"].replace("_", " "), r["detail"]) for r in results]
        )
    raise typer.Exit(FAILED if any(result["state"] == "failed" for result in results) else DONE)


def _run(name: str, part: Callable[[], None]) -> dict[str, Any]:
    try:
        part()
    except MissingExtra as error:
        return {"part": name, "state": "not_installed", "detail": str(error)}
    except RemarqueError as error:
        return {"part": name, "state": "failed", "detail": str(error)}
    return {"part": name, "state": "ok", "detail": ""}
