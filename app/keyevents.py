"""Which keys and certificates sign, as entries of the log.

An entry ``key`` stands before the first label that was signed with another certificate than the label before it: the
certificate of a label is named by the last such entry before the label's. Before the first of them stand the keys of
the log and of the receipts, which never change.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import Table, insert
from sqlmodel import Session

from app.logkeys import LogKeys
from app.tables import KeyEvent
from app.tail import Tail
from remarque.log.entries import Entry

_TABLE: Table = cast(Any, KeyEvent).__table__
#: As it is, without the session: that would write the rows of other labels one by one first.
_NEWEST = "SELECT digest FROM key_event ORDER BY idx DESC LIMIT 1"


def log_signer(session: Session, tail: Tail, keys: LogKeys, certificate: str) -> None:
    """Append that a certificate (the SHA-256 of its DER, hex) signs from now on, unless it is the one that did.

    In the transaction that writes the label, which holds the end of the log: of several workers one is first.
    """
    newest = session.connection().exec_driver_sql(_NEWEST).scalar_one_or_none()
    if newest == certificate:
        return
    first = [] if newest is not None else [_digest(keys.log.verifier.public), _digest(keys.receipts.verifier.public)]
    rows = [{"idx": tail.append_bare("key", {"digest": each}), "digest": each} for each in (*first, certificate)]
    session.connection().execute(insert(_TABLE), rows)


def find(session: Session, start: int, bodies: Sequence[bytes]) -> None:
    """Write down the key events among entries that were put back into a database; ``start``: the index of the first."""
    entries = [(index, Entry.decode(body)) for index, body in enumerate(bodies, start) if b'"type":"key"' in body]
    rows = [{"idx": index, "digest": entry.fields["digest"]} for index, entry in entries if entry.type == "key"]
    if rows:
        session.connection().execute(insert(_TABLE), rows)


def _digest(public: bytes) -> str:
    return hashlib.sha256(public).hexdigest()
