"""The log is served: tiles, signed checkpoints, and entries that are written after the rows that refer to them.

A transaction takes many requests; its entries are written together at its end. Foreign keys to them are therefore
checked at the commit. The tiles and the checkpoint of a log that is already there are made by ``app.prepare``.

Revision: 0003, after 0002.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

REFERRING = ("declaration", "label")


def upgrade() -> None:
    op.add_column("tree_head", sa.Column("note", sa.LargeBinary(), nullable=True))
    op.create_table(
        "tile",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("n", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("level", "n", name="pk_tile"),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE tile ALTER COLUMN data SET STORAGE EXTERNAL")  # hashes cannot be compressed
    _refer(deferrable=True, initially="DEFERRED")


def _refer(**options: object) -> None:
    for table in REFERRING:
        name = f"fk_{table}_idx_log_entry"
        with op.batch_alter_table(table) as batch:
            batch.drop_constraint(name, type_="foreignkey")
            batch.create_foreign_key(name, "log_entry", ["idx"], ["idx"], **options)


def downgrade() -> None:
    _refer()
    op.drop_table("tile")
    op.drop_column("tree_head", "note")
