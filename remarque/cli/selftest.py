"""``remarque selftest``: does this installation compute what it should?"""

import tempfile
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import typer
from PIL import Image

from remarque.answers import Verdict
from remarque.cli.options import Json
from remarque.cli.output import DONE, FAILED, tell_json, tell_table
from remarque.errors import MissingExtra, RemarqueError


def selftest(json: Json = False) -> None:
    """Run the shipped test vectors on this installation.

    Exit code 3 where a part fails. A part that is not installed is told, and is no failure.
    """
    results = [_run(name, part) for name, part in _PARTS.items()]
    if json:
        tell_json({"parts": results})
    else:
        rows = [(r["part"], r["state"].replace("_", " "), "; ".join(r["detail"])) for r in results]
        tell_table(("part", "state", "detail"), rows)
    raise typer.Exit(FAILED if any(result["state"] == "failed" for result in results) else DONE)


def _run(name: str, part: Callable[[], list[str]]) -> dict[str, Any]:
    try:
        failures = part()
    except MissingExtra as error:
        return {"part": name, "state": "not_installed", "detail": [str(error)]}
    except RemarqueError as error:
        failures = [str(error)]
    return {"part": name, "state": "failed" if failures else "ok", "detail": failures}


def _fingerprints() -> list[str]:
    """Drawn pictures against hashes of the reference implementations."""
    from remarque.fingerprints import pdq_dihedral
    from remarque.fingerprints.selftest import selftest

    pdq_dihedral(np.zeros((64, 64), np.float32))  # where the extra is missing, it is told here
    return selftest()


def _labels() -> list[str]:
    """A label made with a key of the moment has to verify, and has to fail once a byte is added to the file."""
    from remarque.labels.request import LabelRequest
    from remarque.labels.signer import load_signing_key, make_development_pki
    from remarque.labels.stamp import stamp
    from remarque.labels.verify import read_labels

    picture = BytesIO()
    Image.linear_gradient("L").save(picture, "PNG")
    request = LabelRequest(id=str(uuid.uuid4()), system="selftest", created_at=datetime.now(UTC))
    with tempfile.TemporaryDirectory() as folder:
        make_development_pki(Path(folder))
        key = load_signing_key(Path(folder, "chain.pem"), Path(folder, "key.pem"))
        root = Path(folder, "root.pem").read_bytes()
    labelled = stamp(picture.getvalue(), request, key).data
    expected = {
        "a label": (labelled, Verdict.TRUSTED_LABEL),
        "a label of a file that was changed": (labelled + b"\0", Verdict.INVALID_LABEL),
        "a file without a label": (picture.getvalue(), Verdict.NOTHING_FOUND),
    }
    got = {
        name: read_labels(data, trust_anchors=b"", development_root=root).verdict
        for name, (data, _) in expected.items()
    }
    return [
        f"{name} reads as {got[name]}, not {verdict}" for name, (_, verdict) in expected.items() if got[name] != verdict
    ]


def _log() -> list[str]:
    """Proofs, notes, entries and receipts, good ones and broken ones, against what they have to be judged."""
    from remarque.log.selftest import selftest

    return selftest()


#: What is tried: a name, and a function that returns what is wrong, one line each.
_PARTS: dict[str, Callable[[], list[str]]] = {"fingerprints": _fingerprints, "labels": _labels, "log": _log}
