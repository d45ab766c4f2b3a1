"""Declarations: made, read, changed, withdrawn."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from sqlmodel import Session, col, select

from app.access import Caller, new_id
from app.logbook import Ahead, Logbook, first_head, log_position
from app.schemas.requests import DeclarationCreate, FingerprintCreate
from app.standing import Same, Standing, Stands, standing
from app.tables import DeclarationRow, Opening, TreeHead
from app.tail import Tail
from remarque.answers import Declaration, DeclarationList, Fingerprint, Status
from remarque.errors import (
    AlreadyDeclared,
    DeclarationEnded,
    InvalidFingerprint,
    InvalidRequest,
    NotFound,
    NotYours,
    TooPlain,
)
from remarque.fingerprints import MIN_QUALITY
from remarque.fingerprints.packing import pack_regions, region_items, regions_from_items, unpack_regions
from remarque.matching.matcher import PDQ, REGION, algorithm_named, parse_hash
from remarque.preferences import DEFAULT_PREFERENCES, Category, Claim, Preference, parse_preferences, write_preferences

PAGE_SIZE = 100

_ITEM = tuple(field.name for field in fields(Fingerprint))

#: A declaration with the first state of the log that holds it, and its opening unless that was erased.
_SHOWN = (
    select(DeclarationRow, TreeHead, Opening)
    .select_from(DeclarationRow)
    .join(TreeHead, first_head(DeclarationRow.idx))
    .join(Opening, col(Opening.idx) == col(DeclarationRow.idx), isouter=True)
)


@dataclass(frozen=True, slots=True)
class Work:
    """What is known of a picture that is declared: its fingerprints, the upright pdq first, and its SHA-256 if seen."""

    fingerprints: Sequence[Fingerprint]
    sha256: str | None = None


def work_from_fingerprints(items: Sequence[FingerprintCreate]) -> Work:
    """Check fingerprints that a party computed itself.

    Raises InvalidFingerprint without a pdq, or where one is malformed, and TooPlain below the quality that counts.
    """
    fingerprints = []
    for item in items:
        if item.alg != REGION.name:
            parse_hash(algorithm_named(item.alg), item.value)
        if item.quality is not None and item.quality < MIN_QUALITY and item.alg == PDQ.name:
            raise TooPlain(
                f"Quality {item.quality} of a pdq is below {MIN_QUALITY}: too little detail to be recognised."
            )
        fingerprints.append(Fingerprint(**item.model_dump()))
    fingerprints.sort(key=lambda fingerprint: fingerprint.alg != PDQ.name)
    if fingerprints[0].alg != PDQ.name:
        raise InvalidFingerprint("A declaration needs a pdq; other fingerprints can only stand beside it.")
    regions_from_items([item for item in fingerprints if item.alg == REGION.name])
    return Work(fingerprints)


def declare(logbook: Logbook, caller: Caller, work: Work, request: DeclarationCreate) -> tuple[str, bool]:
    """Declare a work. Returns the declaration's id and whether it is new.

    The same party and the same work give the same declaration while it is active. Raises AlreadyDeclared where it
    says something else.
    """
    preferences: dict[Category, Preference] = {**DEFAULT_PREFERENCES, **request.preferences}
    digest = None if work.sha256 is None else bytes.fromhex(work.sha256)
    same = Same(caller.party, bytes.fromhex(work.fingerprints[0].value), digest)
    regions = [item for item in work.fingerprints if item.alg == REGION.name]

    def unit(session: Session, tail: Tail) -> tuple[str, bool]:
        known: Standing = tail.asked
        stands = known.find(same)
        if stands is not None:
            if parse_preferences(stands.preferences) != preferences:
                raise AlreadyDeclared(
                    f"You declared this picture before, as {stands.id}, with other preferences: "
                    f"change them at /v1/declarations/{stands.id}/preferences."
                )
            return stands.id, False
        declaration_id = new_id("dec")
        index = tail.append(
            "declare",
            opening=_present(
                id=declaration_id,
                claim=Claim.SELF,
                preferences=preferences,
                fingerprints=[_item(item) for item in work.fingerprints if item.alg != REGION.name],
                regions=pack_regions(regions_from_items(regions)) if regions else None,
                url=request.url,
                policy_url=request.policy_url,
                constraint=request.constraint,
                valid_until=None if request.valid_until is None else int(request.valid_until.timestamp()),
            ),
            identity=_present(
                party=caller.party, title=request.title, creator=request.creator, contact=request.contact
            ),
        )
        row = {
            "id": declaration_id,
            "idx": index,
            "party_id": caller.party,
            "status": Status.ACTIVE,
            "claim": Claim.SELF,
            "preferences": write_preferences(preferences),
            "pdq": same.pdq,
            "digest": digest,
            "declared_at": tail.now,
            **request.model_dump(exclude={"preferences", "fingerprints"}),
        }
        tail.add(DeclarationRow, row)
        known.add(same, Stands(index, declaration_id, row["preferences"]), request.valid_until)
        return declaration_id, True

    return logbook.transact(unit, Ahead(standing, same))


def change_preferences(
    logbook: Logbook, caller: Caller, declaration_id: str, changes: Mapping[Category, Preference]
) -> None:
    """Let a declaration say something else from now on. Raises NotFound, NotYours, DeclarationEnded."""

    def unit(session: Session, tail: Tail) -> None:
        row = _own(session, caller, declaration_id)
        if row.status == Status.WITHDRAWN:
            raise DeclarationEnded(f"Declaration {declaration_id} was withdrawn; declare the picture again.")
        _require_not_quarantined(row)
        preferences = {**row.preferences, **write_preferences(changes)}
        if preferences == row.preferences:
            return
        row.preferences = preferences
        session.add(row)
        tail.append("change", ref=row.idx, opening={"preferences": preferences}, identity={"party": caller.party})

    logbook.transact(unit)


def withdraw(logbook: Logbook, caller: Caller, declaration_id: str) -> None:
    """End a declaration; a second time changes nothing. Raises NotFound, NotYours, DeclarationEnded if quarantined."""

    def unit(session: Session, tail: Tail) -> None:
        row = _own(session, caller, declaration_id)
        if row.status == Status.WITHDRAWN:
            return
        _require_not_quarantined(row)
        row.status = Status.WITHDRAWN
        session.add(row)
        tail.append("withdraw", ref=row.idx, identity={"party": caller.party})

    logbook.transact(unit)


def read(session: Session, declaration_id: str, *, caller: Caller | None, base_url: str) -> Declaration:
    """Return a declaration as ``caller`` may see it. Raises NotFound."""
    with _letting_go(session):
        found = session.execute(_SHOWN.where(col(DeclarationRow.id) == declaration_id)).one_or_none()
        if found is None:
            raise NotFound(f"There is no declaration {declaration_id[:80]!r}.")
        return _describe(*found, caller=caller, base_url=base_url)


def list_own(session: Session, caller: Caller, *, cursor: str | None, base_url: str) -> DeclarationList:
    """Return one page of the caller's declarations, newest first. Raises InvalidRequest on a cursor not from here."""
    query = _SHOWN.where(col(DeclarationRow.party_id) == caller.party)
    if cursor is not None:
        if not (cursor.isascii() and cursor.isdigit() and len(cursor) < 19):
            raise InvalidRequest("The cursor is the next_cursor of an earlier page.")
        query = query.where(col(DeclarationRow.idx) < int(cursor))
    with _letting_go(session):
        found = session.execute(query.order_by(col(DeclarationRow.idx).desc()).limit(PAGE_SIZE + 1)).all()
        page = found[:PAGE_SIZE]
        return DeclarationList(
            declarations=[_describe(*row, caller=caller, base_url=base_url) for row in page],
            next_cursor=str(page[-1][0].idx) if len(found) > PAGE_SIZE else None,
        )


@contextmanager
def _letting_go(session: Session) -> Iterator[None]:
    """Give the connection back at the end. The session of a request lasts until its answer was checked, and for that
    it waits for a thread: if it kept the connection, and all threads waited for connections, nobody would go on."""
    try:
        yield
    finally:
        session.close()


def _require_not_quarantined(row: DeclarationRow) -> None:
    """A decision stands: whoever could withdraw and declare anew would escape it."""
    if row.status == Status.QUARANTINED:
        raise DeclarationEnded(f"Declaration {row.id} was quarantined after a dispute, and counts for nothing.")


def _own(session: Session, caller: Caller, declaration_id: str) -> DeclarationRow:
    row = session.get(DeclarationRow, declaration_id)
    if row is None:
        raise NotFound(f"There is no declaration {declaration_id[:80]!r}.")
    if row.party_id != caller.party:
        raise NotYours("This declaration belongs to another party; only that party can change it.")
    return row


def _item(fingerprint: Fingerprint) -> dict[str, Any]:
    return {name: value for name in _ITEM if (value := getattr(fingerprint, name)) is not None}


def _present(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _describe(
    row: DeclarationRow, head: TreeHead, opening: Opening | None, *, caller: Caller | None, base_url: str
) -> Declaration:
    expired = row.valid_until is not None and row.valid_until <= datetime.now(UTC)
    own = caller is not None and (caller.party == row.party_id or caller.operates)
    return Declaration(
        id=row.id,
        status=Status.EXPIRED if expired and row.status == Status.ACTIVE else Status(row.status),
        preferences=parse_preferences(row.preferences),
        fingerprints=_fingerprints(opening) if own else None,
        coverage=_coverage(opening),
        claim=Claim(row.claim),
        declared_at=row.declared_at,
        log=log_position(row.idx, head),
        receipt_url=f"{base_url}/v1/declarations/{row.id}/receipt",
        page_url=f"{base_url}/declarations/{row.id}",
        title=row.title,
        creator=row.creator,
        url=row.url,
        policy_url=row.policy_url,
        contact=row.contact,
        constraint=row.constraint,
        valid_until=row.valid_until,
    )


def _coverage(opening: Opening | None) -> list[str]:
    if opening is None:
        return []
    return ["frame", "region"] if "regions" in json.loads(opening.payload) else ["frame"]


def _fingerprints(opening: Opening | None) -> list[Fingerprint] | None:
    if opening is None:
        return None
    payload = json.loads(opening.payload)
    regions = region_items(unpack_regions(payload["regions"])) if "regions" in payload else []
    return [*(Fingerprint(**item) for item in payload["fingerprints"]), *regions]
