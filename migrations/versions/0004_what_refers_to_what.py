"""Which entries are about which: erasing a declaration reaches its changes and its withdrawal without reading the log.

Filled from the log that is there, in batches. ``party_id`` is taken from what the entry commits to, unless that was
erased.

Revision: 0004, after 0003.
"""

import json

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

BATCH = 10_000


def upgrade() -> None:
    op.create_table(
        "entry_ref",
        sa.Column("idx", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ref", sa.BigInteger(), nullable=False),
        sa.Column("party_id", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("idx", name="pk_entry_ref"),
        sa.ForeignKeyConstraint(["idx"], ["log_entry.idx"], name="fk_entry_ref_idx_log_entry"),
        sa.ForeignKeyConstraint(["ref"], ["log_entry.idx"], name="fk_entry_ref_ref_log_entry"),
    )
    op.create_index("ix_entry_ref_ref", "entry_ref", ["ref"])
    op.create_index("ix_entry_ref_party_id", "entry_ref", ["party_id"])
    _fill()


def _fill() -> None:
    connection = op.get_bind()
    read = sa.text(
        "SELECT e.idx, e.body, i.payload FROM log_entry e LEFT JOIN identity i ON i.idx = e.idx "
        "WHERE e.idx >= :begin AND e.idx < :end"
    )
    write = sa.text("INSERT INTO entry_ref (idx, ref, party_id) VALUES (:idx, :ref, :party)")
    end = connection.execute(sa.text("SELECT coalesce(max(idx), -1) + 1 FROM log_entry")).scalar_one()
    for begin in range(0, end, BATCH):
        found = []
        for idx, body, identity in connection.execute(read, {"begin": begin, "end": begin + BATCH}):
            entry = json.loads(bytes(body))
            if "ref" in entry and "who" in entry:
                party = None if identity is None else json.loads(bytes(identity)).get("party")
                found.append({"idx": idx, "ref": entry["ref"], "party": party})
        if found:
            connection.execute(write, found)


def downgrade() -> None:
    op.drop_table("entry_ref")
