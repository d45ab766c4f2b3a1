"""The C2PA Soft Binding Resolution API: which manifests belong to a picture, or to its ISCC, and the manifests."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from sqlmodel import Session, col, or_, select

from app.index import Index
from app.reading import Reader
from app.recovery import candidates
from app.schemas.softbinding import BindingMatch, QueryResult
from app.tables import LabelRow
from remarque.answers import Depth
from remarque.errors import InvalidFingerprint, NotFound, QueryTooLong
from remarque.labels.binding import ALGORITHM, parse_binding_value
from remarque.labels.jumbf import only_active
from remarque.matching.labels import FoundLabel

#: An ISCC-SEQ of every unit that there is stays far below this many characters; a longer one is sent in a body.
MOST_QUERY = 2000
#: Image-Codes in one value: a picture has one, a film would have many.
MOST_CODES = 16


@dataclass(frozen=True, slots=True)
class Binding:
    """A soft binding that somebody asks by: its algorithm, and its value as the API carries it."""

    alg: str
    value: str


def require_algorithm(alg: str | None) -> None:
    """Raise InvalidFingerprint unless this is the one algorithm that is answered, or none is named."""
    if alg is not None and alg != ALGORITHM:
        raise InvalidFingerprint(f"{alg[:80]!r} is not searched here; the algorithm of this service is {ALGORITHM}.")


def require_short(value: str) -> None:
    """Raise QueryTooLong for a value that belongs in a body."""
    if len(value) > MOST_QUERY:
        raise QueryTooLong(f"A value in a query has at most {MOST_QUERY} characters; send it with POST.")


def by_binding(session: Session, index: Index, binding: Binding, most: int) -> QueryResult:
    """The manifests whose picture has an ISCC near this one. Raises InvalidFingerprint, NotReady."""
    require_algorithm(binding.alg)
    codes = parse_binding_value(binding.value)
    if len(codes) > MOST_CODES:
        raise InvalidFingerprint(f"A value has at most {MOST_CODES} Image-Codes, this one {len(codes)}.")
    view = index.label_view
    nearest: dict[str, FoundLabel] = {}
    for code in codes:
        for found in index.labels.bound(view, code):
            if found.id not in nearest or found.score > nearest[found.id].score:
                nearest[found.id] = found
    return _result(session, list(nearest.values()), most)


def by_content(session: Session, index: Index, reader: Reader, data: bytes, most: int) -> QueryResult:
    """The manifests of pictures that this one shows, whole or in part. Raises PictureError, Busy, NotReady."""
    asked = reader.asked(data, Depth.DEEP)
    return _result(session, index.labels.similar(index.label_view, asked), most)


def manifest_store(session: Session, manifest_id: str, *, active_only: bool) -> bytes:
    """The manifest store of a label, by the URN of its active manifest or the label's own id. Raises NotFound."""
    store = None
    if "\0" not in manifest_id:  # PostgreSQL has no text with a zero byte, and would fail
        store = session.exec(
            select(LabelRow.manifest)
            .where(or_(col(LabelRow.manifest_id) == manifest_id, col(LabelRow.id) == manifest_id))
            .order_by(col(LabelRow.idx))
            .limit(1)
        ).first()
    if store is None:
        raise NotFound(f"There is no manifest {manifest_id[:80]!r} here.")
    return only_active(store) if active_only else store


def _result(session: Session, found: Sequence[FoundLabel], most: int) -> QueryResult:
    """Best first; of equals, the one that was logged first."""
    with closing(session):  # the answer is checked in a thread that may have to be waited for: not with a connection
        known = candidates(session, found) if found else []
    best = sorted(known, key=lambda one: (-one.found.score, one.index))[:most]
    return QueryResult(
        matches=[BindingMatch(manifestId=one.manifest_id, similarityScore=one.found.score) for one in best]
    )
