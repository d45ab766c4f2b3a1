"""Does this installation judge proofs, notes, entries and receipts as it should? The shipped vectors say.

They were made by tests/make_log_vectors.py from the definitions of the RFCs, not by this code. Each broken one is a
good one with one thing changed, and has to be refused with a LogError and nothing else.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any

from remarque.errors import LogError
from remarque.log import checks, receipts
from remarque.log.checkpoint import open_checkpoint
from remarque.log.entries import Entry
from remarque.log.keys import PinnedKeys
from remarque.log.note import Note
from remarque.log.proofs import verify_consistency, verify_inclusion
from remarque.log.tiles import Tile, decode_bundle, encode_bundle
from remarque.log.vkeys import VerifierKey

Case = dict[str, Any]


def selftest() -> list[str]:
    """Judge every shipped case; return one line for each that is not judged as it should be."""
    found = [(f"{kind}/{case['name']}", wrong(kind, case)) for kind in KINDS for case in cases(kind)]
    return [f"{name}: {problem}" for name, problem in found if problem]


def cases(kind: str) -> list[Case]:
    """The shipped cases of a kind, one of KINDS."""
    text = files("remarque").joinpath(f"vectors/log/{kind}.json").read_text(encoding="ascii")
    read: list[Case] = json.loads(text)["cases"]
    return read


def wrong(kind: str, case: Case) -> str | None:
    """What is wrong with how a case is judged, or None."""
    try:
        got = KINDS[kind](case)
    except LogError as error:
        return f"refused: {error}" if case["valid"] else None
    if not case["valid"]:
        return "accepted"
    return None if got else "read as something else"


def _inclusion(case: Case) -> bool:
    leaf, root, *proof = _hex(case["leaf"], case["root"], *case["proof"])
    verify_inclusion(leaf, case["index"], case["size"], proof, root)
    return True


def _consistency(case: Case) -> bool:
    old, new, *proof = _hex(case["old_root"], case["new_root"], *case["proof"])
    verify_consistency(case["old_size"], old, case["new_size"], new, proof)
    return True


def _path(case: Case) -> bool:
    tile = Tile.parse(case["path"])
    return tile == Tile(case["level"], case["n"], case["width"]) and tile.path() == case["path"]


def _bundle(case: Case) -> bool:
    data = base64.b64decode(case["bundle"])
    entries = decode_bundle(data, case["width"])
    return entries == [base64.b64decode(entry) for entry in case["entries"]] and encode_bundle(entries) == data


def _entry(case: Case) -> bool:
    data = base64.b64decode(case["entry"])
    return Entry.decode(data).encode() == data


def _note(case: Case) -> bool:
    data = base64.b64decode(case["note"])
    note = Note.parse(data)
    verified = note.verify([VerifierKey.parse(text) for text in case["keys"]])
    return [key.to_text() for key in verified] == case["verified"] and note.to_bytes() == data


def _checkpoint(case: Case) -> bool:
    witnesses = [VerifierKey.parse(text) for text in case["witnesses"]]
    note = base64.b64decode(case["note"])
    found = open_checkpoint(note, VerifierKey.parse(case["log_key"]), witnesses, case["quorum"])
    return found.size == case["size"] and found.to_text() == Note.parse(note).text


def _receipt(case: Case) -> bool:
    receipt = receipts.Receipt.parse(base64.b64decode(case["file"]))
    receipts.verify(receipt, PinnedKeys.from_document(case["keys"]), quorum=case["quorum"])
    return receipts.Receipt.parse(receipt.to_bytes()) == receipt


def _check(case: Case) -> bool:
    note = base64.b64decode(case["file"])
    receipt = checks.verify_check(note, PinnedKeys.from_document(case["keys"]), quorum=case["quorum"])
    return receipt.to_text() == Note.parse(note).text


def _hex(*texts: str) -> list[bytes]:
    return [bytes.fromhex(text) for text in texts]


#: The kinds of cases, and what judges one: it returns whether it was read as what it is, or raises LogError.
KINDS: Mapping[str, Callable[[Case], bool]] = {
    "inclusion": _inclusion,
    "consistency": _consistency,
    "paths": _path,
    "bundles": _bundle,
    "entries": _entry,
    "notes": _note,
    "checkpoints": _checkpoint,
    "receipts": _receipt,
    "checks": _check,
}
