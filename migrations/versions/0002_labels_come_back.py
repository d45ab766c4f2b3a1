"""Labels come back: which manifest and which certificate, what was not done, and how many a key may have.

A label's fingerprints lie in its opening alone, where they can be erased; the row keeps none.

Revision: 0002, after 0001.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_column("label", "pdq")
    for column in ("manifest_id", "signer"):
        op.add_column("label", sa.Column(column, sa.String(), nullable=False, server_default=""))
    op.add_column("label", sa.Column("warnings", sa.JSON(), nullable=False, server_default="[]"))
    op.create_index("ix_label_manifest_id", "label", ["manifest_id"])
    op.add_column("api_key", sa.Column("labels_a_day", sa.Integer(), nullable=True))
    op.create_table(
        "label_count",
        sa.Column("key_id", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["api_key.id"], name="fk_label_count_key_id_api_key"),
        sa.PrimaryKeyConstraint("key_id", "day", name="pk_label_count"),
    )


def downgrade() -> None:
    op.drop_table("label_count")
    op.drop_column("api_key", "labels_a_day")
    op.drop_index("ix_label_manifest_id", "label")
    for column in ("warnings", "signer", "manifest_id"):
        op.drop_column("label", column)
    op.add_column("label", sa.Column("pdq", sa.LargeBinary()))
