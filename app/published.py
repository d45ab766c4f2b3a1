"""What the log shows to everybody: its newest checkpoint, its tiles and bundles, and the keys that it signs with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlmodel import Session

from app.checkpoints import Publisher
from app.cosigned import shown_note
from app.settings import Settings
from app.signing import Signing
from app.tiles import read_file
from app.witness_client import witnesses_of
from remarque.errors import NotFound, NotReady

#: Where things are, below the address of the registry.
ROUTES: Mapping[str, str] = {
    "checkpoint": "/log/checkpoint",
    "tiles": "/log/tile/{level}/{path}",
    "entries": "/log/tile/entries/{path}",
    "declarations": "/v1/declarations",
    "checks": "/v1/checks",
    "labels": "/v1/labels",
    "verifications": "/v1/verifications",
    "changes": "/v1/changes",
    "snapshots": "/v1/snapshots/latest",
    "soft_bindings": "/c2pa/matches/byContent",
}


@dataclass(frozen=True, slots=True)
class WellKnown:
    """Who this registry is: its keys as C2SP vkeys, to be saved by whoever verifies, and where things are."""

    origin: str
    log_key: str
    receipts_key: str
    witnesses: Sequence[str]
    routes: Mapping[str, str]
    c2pa_root_pem: str | None = None


def well_known(publisher: Publisher, signing: Signing, settings: Settings) -> WellKnown:
    """The document; with the development root where labels are signed below one."""
    root = signing.development_root
    pinned = replace(publisher.keys.pinned, witnesses=tuple(witness.key for witness in witnesses_of(settings)))
    return WellKnown(**pinned.to_document(), routes=ROUTES, c2pa_root_pem=root.decode() if root else None)


def newest_checkpoint(session: Session, publisher: Publisher) -> bytes:
    """The newest signed checkpoint that witnesses saw, or without them the newest; published by this. Raises NotReady
    without one."""
    note = shown_note(session, publisher.newest(session))
    if note is None:
        raise NotReady("The log has no signed checkpoint yet.")
    return note


def log_file(session: Session, publisher: Publisher, path: str) -> bytes:
    """The tile or bundle at ``path``, no further than what is published. Raises NotFound."""
    try:
        return read_file(session, path, publisher.published_size)
    except NotFound:
        return read_file(session, path, publisher.newest(session).size)  # another worker may have gone on
