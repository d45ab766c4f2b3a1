"""Parties and keys: who may do what is told by the scopes of a key alone."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from sqlmodel import Session, select

from app.tables import ApiKey, Party
from remarque.answers import Credentials
from remarque.errors import KeyRequired, KeyUnknown, NotFound, ScopeMissing

KEY_PREFIX = "rmq_"
#: The party that holds the key written at the first start.
OPERATOR = "operator"


class Scope(StrEnum):
    """What a key may be used for."""

    DECLARE = "declare"
    CHECK = "check"
    LABEL = "label"
    SNAPSHOT = "snapshot"
    OPERATE = "operate"


#: What a party that registers itself may do.
SELF_SERVICE = (Scope.DECLARE, Scope.CHECK)


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever sent a request with a known key."""

    party: str
    key: str
    scopes: frozenset[Scope]
    labels_a_day: int | None = None

    @property
    def operates(self) -> bool:
        """Whether this is the operator."""
        return Scope.OPERATE in self.scopes

    def require(self, scope: Scope) -> None:
        """Raise ScopeMissing unless the key has the scope; the operator's has every one."""
        if scope not in self.scopes and not self.operates:
            raise ScopeMissing(f"This key lacks the scope '{scope}'; it has {', '.join(sorted(self.scopes))}.")


def new_id(kind: str) -> str:
    """Return an identifier of 128 random bits that tells what it names, for instance ``dec_…``."""
    return f"{kind}_{secrets.token_hex(16)}"


def _hash(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def new_key() -> str:
    """Return a key of 256 random bits."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


def _add_key(
    session: Session,
    party_id: str,
    scopes: Collection[Scope],
    label: str | None,
    key: str | None = None,
    labels_a_day: int | None = None,
) -> Credentials:
    key = key or new_key()
    row = ApiKey(
        id=new_id("key"),
        key_hash=_hash(key),
        party_id=party_id,
        scopes=" ".join(sorted(scopes)),
        label=label,
        labels_a_day=labels_a_day,
        created_at=datetime.now(UTC),
    )
    session.add(row)
    return Credentials(id=row.id, api_key=key)


def _add_party(session: Session, party_id: str, display_name: str | None = None, kind: str | None = None) -> Party:
    party = Party(id=party_id, display_name=display_name, kind=kind, created_at=datetime.now(UTC))
    session.add(party)
    session.flush()  # before the key that refers to it
    return party


def create_party(session: Session, *, display_name: str | None, kind: str | None) -> Credentials:
    """Register a pseudonymous party with a key of its own. The id in the answer is the party's."""
    party = _add_party(session, new_id("pty"), display_name, kind)
    credentials = _add_key(session, party.id, SELF_SERVICE, None)
    session.commit()
    return Credentials(id=party.id, api_key=credentials.api_key)


def create_key(
    session: Session,
    *,
    party_id: str | None,
    scopes: Collection[Scope],
    label: str | None,
    labels_a_day: int | None = None,
) -> Credentials:
    """Make a key for a party, or for a new one. Raises NotFound where the party does not exist."""
    if party_id is None:
        party_id = _add_party(session, new_id("pty")).id
    elif session.get(Party, party_id) is None:
        raise NotFound(f"There is no party {party_id!r}.")
    credentials = _add_key(session, party_id, scopes, label, labels_a_day=labels_a_day)
    session.commit()
    return credentials


def has_operator(session: Session) -> bool:
    """Whether the service was started before on this database."""
    return session.get(Party, OPERATOR) is not None


def create_operator(session: Session, key: str) -> None:
    """Register the operator with ``key``, which may do everything."""
    _add_party(session, OPERATOR, display_name="Operator")
    _add_key(session, OPERATOR, list(Scope), "first start", key)
    session.commit()


def identify(session: Session, authorization: str | None) -> Caller | None:
    """Read an ``Authorization`` header. None without one; raises KeyUnknown for any other than a known bearer key."""
    if authorization is None:
        return None
    scheme, _, key = authorization.partition(" ")
    if scheme.lower() != "bearer" or not key.startswith(KEY_PREFIX):
        raise KeyUnknown(f"Send the key as 'Authorization: Bearer {KEY_PREFIX}…'.")
    row = session.exec(select(ApiKey).where(ApiKey.key_hash == _hash(key))).one_or_none()
    if row is None:
        raise KeyUnknown("This key is not known here.")
    return Caller(
        party=row.party_id,
        key=row.id,
        scopes=frozenset(Scope(s) for s in row.scopes.split()),
        labels_a_day=row.labels_a_day,
    )


def require(caller: Caller | None, scope: Scope) -> Caller:
    """Return the caller. Raises KeyRequired without one, ScopeMissing where its key may not do this."""
    if caller is None:
        raise KeyRequired(f"This needs a key with the scope '{scope}': send 'Authorization: Bearer {KEY_PREFIX}…'.")
    caller.require(scope)
    return caller
