"""Receipts: what an artist declared and since when, and what a builder checked against which state."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from sqlmodel import Session, col, select

from app.access import Caller
from app.checking import Question, Upload
from app.checkpoints import Publisher
from app.cosigned import cosigned_note
from app.logbook import Logbook
from app.schemas.requests import BuilderCheck
from app.tables import Cosigned, DeclarationRow, Identity, LogEntry, Opening, TreeHead
from app.tail import Tail
from app.tiles import read_hashes
from remarque.answers import Check, HashCheck
from remarque.errors import InvalidRequest, LogError, NotFound, NotReady, NotYours
from remarque.log import receipts
from remarque.log.asked import Checker, Engine, counts_of, picture_items
from remarque.log.checks import CheckReceipt, items_root, make_check
from remarque.log.proofs import inclusion_proof
from remarque.log.receipts import Opened
from remarque.log.tiles import hash_reader
from remarque.matching.engines import hash_search, picture_search
from remarque.matching.searchable import Algorithm

#: What servers and proxies take as one header line.
MAX_HEADER = 8000
#: What a builder's check was searched by, where it is not told.
NOT_TOLD = "not-told"


def of_declaration(session: Session, publisher: Publisher, declaration_id: str, caller: Caller) -> bytes:
    """The receipt of a declaration, under the newest checkpoint that witnesses signed if it holds the declaration, else
    under the newest. Eight small questions, whatever the size of the log.

    What was erased is not opened in it. Raises NotFound; NotYours unless the caller is its party or the operator.
    """
    found = session.execute(
        select(DeclarationRow, LogEntry, Opening, Identity)
        .select_from(DeclarationRow)
        .join(LogEntry, col(LogEntry.idx) == col(DeclarationRow.idx))
        .join(Opening, col(Opening.idx) == col(DeclarationRow.idx), isouter=True)
        .join(Identity, col(Identity.idx) == col(DeclarationRow.idx), isouter=True)
        .where(col(DeclarationRow.id) == declaration_id)
    ).one_or_none()
    if found is None:
        raise NotFound(f"There is no declaration {declaration_id[:80]!r}.")
    row, entry, opening, identity = found
    if caller.party != row.party_id and not caller.operates:
        raise NotYours("This declaration belongs to another party; its receipt says who declared, and is theirs alone.")
    head = cosigned_note(session, at_least_size=row.idx + 1) or publisher.newest(session)
    if head.note is None or head.size <= row.idx:
        raise NotReady("The declaration is in no signed checkpoint yet; ask for it in a moment.")
    path = inclusion_proof(hash_reader(lambda tile: read_hashes(session, tile), head.size), row.idx, head.size)
    openings = {
        name: Opened(sealed.salt, json.loads(sealed.payload))
        for name, sealed in (("open", opening), ("who", identity))
        if sealed is not None
    }
    return receipts.make(entry.body, row.idx, path, head.note, publisher.keys.pinned, openings).to_bytes()


def with_pictures(logbook: Logbook, answer: Check, uploads: Sequence[Upload], question: Question) -> Check:
    """The answer with its receipt, which is logged. An item is the upright pdq of a picture, in their order."""
    items = picture_items(answer.results, [upload.data for upload in uploads])
    root = items_root(items).hex()
    receipt = _of_answer(logbook, answer, root, picture_search(answer.depth), question)
    return replace(answer, receipt=receipt.decode())


def with_hashes(
    logbook: Logbook, answer: HashCheck, algorithm: Algorithm, hashes: NDArray[np.uint8], question: Question
) -> HashCheck:
    """The answer with its receipt, which is logged. ``hashes``: (n, size), the items in their order."""
    root = items_root((algorithm.name, row.tobytes().hex()) for row in hashes).hex()
    receipt = _of_answer(logbook, answer, root, hash_search(algorithm), question)
    return replace(answer, receipt=receipt.decode())


def in_header(receipt: str) -> str:
    """A receipt as the value of a header: base64. Raises InvalidRequest where it is too long for one."""
    value = base64.b64encode(receipt.encode()).decode()
    if len(value) > MAX_HEADER:
        raise InvalidRequest("The receipt is too long for a header; ask for the answer as JSON.")
    return value


def of_builder(logbook: Logbook, told: BuilderCheck) -> bytes:
    """The receipt of a check that a builder made itself, against a state that was signed here; it is logged.

    It says that the registry did not make the check. Raises InvalidRequest on what cannot have been.
    """
    engine = Engine(
        checker=Checker.BUILDER, search=told.engine or NOT_TOLD, purpose=told.purpose, claims=told.claims
    ).to_text()
    counts = {preference.value: count for preference, count in told.counts.items()}
    return _write(logbook, told.tree_size, told.root, told.items_root, counts, engine, told.snapshot_sha256)


def _of_answer(logbook: Logbook, answer: Check | HashCheck, root: str, search: str, question: Question) -> bytes:
    claims = "self" if question.honour_self else "verified"
    engine = Engine(checker=Checker.REGISTRY, search=search, purpose=question.purpose, claims=claims).to_text()
    return _write(logbook, answer.tree_size, answer.root, root, counts_of(answer), engine, None)


def _write(
    logbook: Logbook,
    tree_size: int,
    root: str,
    asked: str,
    counts: dict[str, int],
    engine: str,
    snapshot_sha256: str | None,
) -> bytes:
    """Sign a receipt and log its digest, in one transaction: nothing is signed that the log does not hold."""
    keys = logbook.publisher.keys

    def unit(session: Session, tail: Tail) -> bytes:
        head = session.get(TreeHead, tree_size)
        if head is None or head.note is None or head.root.hex() != root:
            raise InvalidRequest(f"No checkpoint of tree size {tree_size} with the root {root} was signed here.")
        witnessed = session.get(Cosigned, tree_size)
        receipt = CheckReceipt(
            checkpoint=(head.note if witnessed is None else witnessed.note).decode(),
            counts=counts,
            engine=engine,
            items=sum(counts.values()),
            items_root=asked,
            t=int(tail.now.timestamp()),
            snapshot_sha256=snapshot_sha256,
        )
        try:
            note = make_check(receipt, keys.pinned, keys.receipts)
        except LogError as error:
            raise InvalidRequest(f"There is no such check: {error}.") from None
        tail.append_bare("check", {"digest": hashlib.sha256(note).hexdigest()})
        return note

    return logbook.transact(unit)
