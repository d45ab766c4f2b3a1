"""Disputes about declarations, and which keys and certificates the log has named.

Revision: 0006, after 0005.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def _entry(table: str, column: str) -> sa.ForeignKeyConstraint:
    name = f"fk_{table}_{column}_log_entry"
    return sa.ForeignKeyConstraint([column], ["log_entry.idx"], name=name, deferrable=True, initially="DEFERRED")


def upgrade() -> None:
    op.create_table(
        "dispute",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("idx", sa.BigInteger(), nullable=False),
        sa.Column("declaration_id", sa.String(), nullable=False),
        sa.Column("party_id", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_idx", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_dispute"),
        sa.UniqueConstraint("idx", name="uq_dispute_idx"),
        sa.UniqueConstraint("decided_idx", name="uq_dispute_decided_idx"),
        sa.ForeignKeyConstraint(["declaration_id"], ["declaration.id"], name="fk_dispute_declaration_id_declaration"),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name="fk_dispute_party_id_party"),
        _entry("dispute", "idx"),
        _entry("dispute", "decided_idx"),
    )
    op.create_index("ix_dispute_declaration_id", "dispute", ["declaration_id"])
    op.create_index("ix_dispute_party_id", "dispute", ["party_id"])
    op.create_index("ix_dispute_status_idx", "dispute", ["status", "idx"])
    op.create_table(
        "key_event",
        sa.Column("idx", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("idx", name="pk_key_event"),
        _entry("key_event", "idx"),
    )


def downgrade() -> None:
    op.drop_table("key_event")
    op.drop_table("dispute")
