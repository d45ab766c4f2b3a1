"""``remarque receipt verify``: does a receipt hold? Asked of nobody: the file and the keys suffice."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from remarque.cli.options import Json
from remarque.cli.output import DONE, FINDING, tell, tell_json
from remarque.cli.pinned import Keys, Quorum, load_keys
from remarque.codec import write_time
from remarque.errors import ReceiptInvalid
from remarque.log import checks, receipts
from remarque.log.checkpoint import Checkpoint
from remarque.log.entries import COMMITMENTS, Entry
from remarque.log.keys import PinnedKeys
from remarque.log.note import Note

app = typer.Typer(no_args_is_help=True, help="Receipts of artists and of builders.")

#: One byte more than the largest receipt is read, so that a larger file is refused and never read whole.
_READ = receipts.MAX_SIZE + 1

_COMMITTED_TO = {"open": "what was said", "who": "who said it"}


@app.command()
def verify(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="An artist's or a builder's receipt.")],
    keys: Keys,
    quorum: Quorum = 0,
    json: Json = False,
) -> None:
    """Verify a receipt offline, with the keys of the log that were saved earlier.

    Exit code 0 where it verifies, 1 where it does not. It shows what the log holds and since when at the latest its
    witnesses saw it; it does not show that a statement is true, or that a check found every copy.
    """
    pinned = load_keys(keys)
    with file.open("rb") as opened:
        data = opened.read(_READ)
    try:
        result = _verify(data, pinned, quorum)
    except ReceiptInvalid as error:
        result = {"verifies": False, "problem": str(error)}
    if json:
        tell_json({"file": str(file)} | result)
    else:
        _tell(result)
    raise typer.Exit(DONE if result["verifies"] else FINDING)


def _verify(data: bytes, keys: PinnedKeys, quorum: int) -> dict[str, Any]:
    """What a receipt says, once it has been verified. Raises ReceiptInvalid."""
    if data.startswith(checks.FORMAT.encode()):
        check = checks.verify_check(data, keys, quorum=quorum)
        return {
            "verifies": True,
            "format": checks.FORMAT,
            **_state(check.checkpoint.encode(), keys),
            **_describe_check(check),
        }
    receipt = receipts.Receipt.parse(data)
    receipts.verify(receipt, keys, quorum=quorum)
    state = _state(receipt.proof.checkpoint, keys)
    return {"verifies": True, "format": receipts.FORMAT, **state, **_describe(receipt)}


def _state(note: bytes, keys: PinnedKeys) -> dict[str, Any]:
    """The state of the log that the receipt holds for, and who saw it when, from a checkpoint that was verified."""
    signed = Note.parse(note)
    times = signed.verify([keys.log_key, *keys.witnesses])
    checkpoint = Checkpoint.parse(signed.text)
    return {
        "origin": checkpoint.origin,
        "tree_size": checkpoint.size,
        "root": checkpoint.root.hex(),
        "witnesses": [{"name": key.name, "time": _time(time)} for key, time in times.items() if time is not None],
    }


def _describe(receipt: receipts.Receipt) -> dict[str, Any]:
    entry = Entry.decode(receipt.entry)
    return {
        "index": receipt.proof.index,
        "type": entry.type,
        "time": _time(entry.t),
        "opened": {name: opened.payload for name, opened in receipt.openings.items()},
        "not_opened": [name for name in COMMITMENTS if name in entry.fields and name not in receipt.openings],
    }


def _time(seconds: int) -> str:
    """Unix seconds as RFC 3339; a number past the year 9999 stays one."""
    try:
        return write_time(datetime.fromtimestamp(seconds, UTC))
    except (ValueError, OverflowError, OSError):
        return str(seconds)


def _describe_check(check: checks.CheckReceipt) -> dict[str, Any]:
    return {
        "time": _time(check.t),
        "engine": check.engine,
        "items": check.items,
        "items_root": check.items_root,
        "counts": dict(check.counts),
        "snapshot_sha256": check.snapshot_sha256,
        "hits": None if check.hits is None else [list(hit) for hit in check.hits],
    }


def _tell(result: dict[str, Any]) -> None:
    if not result["verifies"]:
        tell(f"does not verify: {result['problem']}")
        return
    tell(f"verifies: {result['format']}, signed by {result['origin']} at tree size {result['tree_size']}")
    for witness in result["witnesses"]:
        tell(f"seen by {witness['name']} at {witness['time']}")
    if result["format"] == checks.FORMAT:
        counts = ", ".join(f"{count} {name}" for name, count in sorted(result["counts"].items())) or "nothing"
        tell(f"{result['items']} items checked, by the registry's clock at {result['time']}: {counts}")
        return
    tell(f"entry {result['index']}: {result['type']}, by the registry's clock at {result['time']}")
    for name, payload in result["opened"].items():
        tell(f"{_COMMITTED_TO[name]}: {payload}")
    for name in result["not_opened"]:
        tell(f"{_COMMITTED_TO[name]}: not in this receipt")
