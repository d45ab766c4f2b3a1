"""Checkpoints that witnesses signed, beside those that the log signed alone.

Revision: 0005, after 0004.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "cosigned",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("size", name="pk_cosigned"),
        sa.ForeignKeyConstraint(["size"], ["tree_head.size"], name="fk_cosigned_size_tree_head"),
    )


def downgrade() -> None:
    op.drop_table("cosigned")
