"""The tables. The log's entries are the truth; everything else is a view of them, or can be erased."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    TypeDecorator,
)
from sqlmodel import Field, SQLModel

# Named constraints: SQLite can only change a table by rebuilding it, and finds what to rebuild by these names.
SQLModel.metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC datetimes on both databases; SQLite alone would give naive ones back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("a datetime without a time zone")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _time(*, nullable: bool = False) -> Any:
    return Field(default=None, sa_column=Column(UtcDateTime(), nullable=nullable))


def _entry() -> ForeignKey:
    # Checked at the commit: entries are written after the rows that refer to them, those of many requests at once.
    return ForeignKey("log_entry.idx", deferrable=True, initially="DEFERRED")


def _of_entry(*, nullable: bool = False) -> Any:
    return Field(default=None, sa_column=Column(BigInteger(), _entry(), nullable=nullable, unique=True))


def _bytes(*, nullable: bool = False) -> Any:
    return Field(default=None, sa_column=Column(LargeBinary(), nullable=nullable))


class Party(SQLModel, table=True):
    """Who holds keys. Nothing is known of a party but what it chose to say."""

    id: str = Field(primary_key=True)
    display_name: str | None = None
    kind: str | None = None
    created_at: datetime = _time()


class ApiKey(SQLModel, table=True):
    """A key: only its SHA-256 is stored, which suffices as keys are 256 random bits."""

    __tablename__ = "api_key"
    __table_args__ = (CheckConstraint("length(key_hash) = 32", name="hash_length"),)

    id: str = Field(primary_key=True)
    key_hash: bytes = Field(sa_column=Column(LargeBinary(), nullable=False, unique=True))
    party_id: str = Field(sa_column=Column(String(), ForeignKey("party.id"), nullable=False, index=True))
    scopes: str
    label: str | None = None
    labels_a_day: int | None = None
    created_at: datetime = _time()


class LogEntry(SQLModel, table=True):
    """One leaf. ``idx`` comes from the log's state under its lock, never from a sequence."""

    __tablename__ = "log_entry"

    idx: int = Field(sa_column=Column(BigInteger(), primary_key=True, autoincrement=False))
    body: bytes = _bytes()


class Opening(SQLModel, table=True):
    """What an entry's ``open`` commits to: fingerprints and preferences. Erasable."""

    idx: int = Field(sa_column=Column(BigInteger(), ForeignKey("log_entry.idx"), primary_key=True, autoincrement=False))
    salt: bytes = _bytes()
    payload: bytes = _bytes()


class Identity(SQLModel, table=True):
    """What an entry's ``who`` commits to: party and claims. Erasable, never public as a whole."""

    idx: int = Field(sa_column=Column(BigInteger(), ForeignKey("log_entry.idx"), primary_key=True, autoincrement=False))
    salt: bytes = _bytes()
    payload: bytes = _bytes()


class EntryRef(SQLModel, table=True):
    """An entry that is about an earlier one, and who made it: what has to be found when either is erased."""

    __tablename__ = "entry_ref"

    idx: int = Field(sa_column=Column(BigInteger(), ForeignKey("log_entry.idx"), primary_key=True, autoincrement=False))
    ref: int = Field(sa_column=Column(BigInteger(), ForeignKey("log_entry.idx"), nullable=False, index=True))
    party_id: str | None = Field(default=None, index=True)


class LogState(SQLModel, table=True):
    """The end of the log: one row, locked by whoever appends."""

    __tablename__ = "log_state"
    __table_args__ = (CheckConstraint("one = 1", name="single_row"),)

    one: int = Field(default=1, primary_key=True)
    size: int = Field(sa_column=Column(BigInteger(), nullable=False))
    peaks: bytes = _bytes()


class TreeHead(SQLModel, table=True):
    """The root of the log at each size at which a transaction ended, and the signed checkpoint that says so.

    Without ``note``: written by a version that did not sign.
    """

    __tablename__ = "tree_head"

    size: int = Field(sa_column=Column(BigInteger(), primary_key=True, autoincrement=False))
    root: bytes = _bytes()
    at: datetime = _time()
    note: bytes | None = _bytes(nullable=True)


class Cosigned(SQLModel, table=True):
    """The checkpoint of a state with the signatures of witnesses that saw it: the whole note (docs/witness.md)."""

    size: int = Field(
        sa_column=Column(BigInteger(), ForeignKey("tree_head.size"), primary_key=True, autoincrement=False)
    )
    note: bytes = _bytes()


class TileRow(SQLModel, table=True):
    """A tile of hashes (``remarque.log.tiles``), up to 256 of them. It grows in place; what it began with stays."""

    __tablename__ = "tile"

    level: int = Field(sa_column=Column(Integer(), primary_key=True, autoincrement=False))
    n: int = Field(sa_column=Column(BigInteger(), primary_key=True, autoincrement=False))
    data: bytes = _bytes()


class DeclarationRow(SQLModel, table=True):
    """A declaration as it stands now. Its fingerprints lie in the opening of entry ``idx``."""

    __tablename__ = "declaration"
    __table_args__ = (
        Index("ix_declaration_party_pdq", "party_id", "pdq"),
        Index("ix_declaration_party_digest", "party_id", "digest"),
        Index("ix_declaration_party_idx", "party_id", "idx"),
    )

    id: str = Field(primary_key=True)
    idx: int = _of_entry()
    party_id: str = Field(sa_column=Column(String(), ForeignKey("party.id"), nullable=False))
    status: str
    claim: str
    preferences: Mapping[str, str] = Field(sa_column=Column(JSON(), nullable=False))
    pdq: bytes = _bytes()
    digest: bytes | None = _bytes(nullable=True)
    title: str | None = None
    creator: str | None = None
    url: str | None = None
    policy_url: str | None = None
    contact: str | None = None
    constraint: str | None = None
    valid_until: datetime | None = _time(nullable=True)
    declared_at: datetime = _time()


class LabelRow(SQLModel, table=True):
    """A label that was written, with its manifest store. Its fingerprints lie in the opening of entry ``idx``.

    ``manifest_id`` is the URN of the active manifest, ``signer`` the SHA-256 of the certificate that signed it (hex).
    """

    __tablename__ = "label"

    id: str = Field(primary_key=True)
    idx: int = _of_entry()
    party_id: str = Field(sa_column=Column(String(), ForeignKey("party.id"), nullable=False, index=True))
    key_id: str = Field(sa_column=Column(String(), ForeignKey("api_key.id"), nullable=False))
    system: str
    system_version: str | None = None
    provider: str | None = None
    digital_source_type: str
    preferences: Mapping[str, str] = Field(sa_column=Column(JSON(), nullable=False))
    format: str
    layers: list[str] = Field(sa_column=Column(JSON(), nullable=False))
    digest_in: bytes = _bytes()
    digest_out: bytes = Field(sa_column=Column(LargeBinary(), nullable=False, index=True))
    manifest: bytes = _bytes()
    manifest_id: str = Field(sa_column=Column(String(), nullable=False, index=True))
    signer: str
    warnings: list[str] = Field(sa_column=Column(JSON(), nullable=False))
    created_at: datetime = _time()


class LabelCount(SQLModel, table=True):
    """How many labels a key was given on one day (UTC)."""

    __tablename__ = "label_count"

    key_id: str = Field(sa_column=Column(String(), ForeignKey("api_key.id"), primary_key=True))
    day: date = Field(primary_key=True)
    count: int


class DisputeRow(SQLModel, table=True):
    """A dispute about a declaration. What was said lies in the identities of entry ``idx`` and of the decision."""

    __tablename__ = "dispute"
    __table_args__ = (Index("ix_dispute_status_idx", "status", "idx"),)

    id: str = Field(primary_key=True)
    idx: int = _of_entry()
    declaration_id: str = Field(sa_column=Column(String(), ForeignKey("declaration.id"), nullable=False, index=True))
    party_id: str = Field(sa_column=Column(String(), ForeignKey("party.id"), nullable=False, index=True))
    status: str
    created_at: datetime = _time()
    decided_idx: int | None = _of_entry(nullable=True)
    decided_at: datetime | None = _time(nullable=True)


class KeyEvent(SQLModel, table=True):
    """An entry ``key``, so that the newest is found: ``digest`` is what it names, hexadecimal."""

    __tablename__ = "key_event"

    idx: int = Field(sa_column=Column(BigInteger(), _entry(), primary_key=True, autoincrement=False))
    digest: str
