"""First tables: parties, keys, the log with its openings, declarations, labels.

Revision: 0001, after none.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    _create_parties()
    _create_log()
    _create_declarations()
    _create_labels()
    _protect_entries()


def _create_parties() -> None:
    op.create_table(
        "party",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("display_name", sa.String()),
        sa.Column("kind", sa.String()),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_party"),
    )
    op.create_table(
        "api_key",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("party_id", sa.String(), nullable=False),
        sa.Column("scopes", sa.String(), nullable=False),
        sa.Column("label", sa.String()),
        sa.Column("created_at", TIME, nullable=False),
        sa.CheckConstraint("length(key_hash) = 32", name=op.f("ck_api_key_hash_length")),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name="fk_api_key_party_id_party"),
        sa.PrimaryKeyConstraint("id", name="pk_api_key"),
        sa.UniqueConstraint("key_hash", name="uq_api_key_key_hash"),
    )
    op.create_index("ix_api_key_party_id", "api_key", ["party_id"])


def _create_log() -> None:
    op.create_table(
        "log_entry",
        sa.Column("idx", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("idx", name="pk_log_entry"),
    )
    for name in ("opening", "identity"):
        op.create_table(
            name,
            sa.Column("idx", sa.BigInteger(), autoincrement=False, nullable=False),
            sa.Column("salt", sa.LargeBinary(), nullable=False),
            sa.Column("payload", sa.LargeBinary(), nullable=False),
            sa.ForeignKeyConstraint(["idx"], ["log_entry.idx"], name=f"fk_{name}_idx_log_entry"),
            sa.PrimaryKeyConstraint("idx", name=f"pk_{name}"),
        )
    state = op.create_table(
        "log_state",
        sa.Column("one", sa.Integer(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("peaks", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("one = 1", name=op.f("ck_log_state_single_row")),
        sa.PrimaryKeyConstraint("one", name="pk_log_state"),
    )
    op.bulk_insert(state, [{"one": 1, "size": 0, "peaks": b""}])
    op.create_table(
        "tree_head",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("size", name="pk_tree_head"),
    )


def _create_declarations() -> None:
    op.create_table(
        "declaration",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("idx", sa.BigInteger(), nullable=False),
        sa.Column("party_id", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("claim", sa.String(), nullable=False),
        sa.Column("preferences", sa.JSON(), nullable=False),
        sa.Column("pdq", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.LargeBinary()),
        sa.Column("title", sa.String()),
        sa.Column("creator", sa.String()),
        sa.Column("url", sa.String()),
        sa.Column("policy_url", sa.String()),
        sa.Column("contact", sa.String()),
        sa.Column("constraint", sa.String()),
        sa.Column("valid_until", TIME),
        sa.Column("declared_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["idx"], ["log_entry.idx"], name="fk_declaration_idx_log_entry"),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name="fk_declaration_party_id_party"),
        sa.PrimaryKeyConstraint("id", name="pk_declaration"),
        sa.UniqueConstraint("idx", name="uq_declaration_idx"),
    )
    for column in ("pdq", "digest", "idx"):
        op.create_index(f"ix_declaration_party_{column}", "declaration", ["party_id", column])


def _create_labels() -> None:
    op.create_table(
        "label",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("idx", sa.BigInteger(), nullable=False),
        sa.Column("party_id", sa.String(), nullable=False),
        sa.Column("key_id", sa.String(), nullable=False),
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("system_version", sa.String()),
        sa.Column("provider", sa.String()),
        sa.Column("digital_source_type", sa.String(), nullable=False),
        sa.Column("preferences", sa.JSON(), nullable=False),
        sa.Column("format", sa.String(), nullable=False),
        sa.Column("layers", sa.JSON(), nullable=False),
        sa.Column("digest_in", sa.LargeBinary(), nullable=False),
        sa.Column("digest_out", sa.LargeBinary(), nullable=False),
        sa.Column("pdq", sa.LargeBinary()),
        sa.Column("manifest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["idx"], ["log_entry.idx"], name="fk_label_idx_log_entry"),
        sa.ForeignKeyConstraint(["key_id"], ["api_key.id"], name="fk_label_key_id_api_key"),
        sa.ForeignKeyConstraint(["party_id"], ["party.id"], name="fk_label_party_id_party"),
        sa.PrimaryKeyConstraint("id", name="pk_label"),
        sa.UniqueConstraint("idx", name="uq_label_idx"),
    )
    op.create_index("ix_label_party_id", "label", ["party_id"])
    op.create_index("ix_label_digest_out", "label", ["digest_out"])


def _protect_entries() -> None:
    """An entry is never changed and never removed, whoever asks the database to."""
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER log_entry_no_{verb.lower()} BEFORE {verb} ON log_entry "
                "BEGIN SELECT RAISE(ABORT, 'entries of the log are never changed'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION log_entry_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'entries of the log are never changed'; END $$"
    )
    op.execute(
        "CREATE TRIGGER log_entry_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON log_entry "
        "FOR EACH STATEMENT EXECUTE FUNCTION log_entry_refuse()"
    )


def downgrade() -> None:
    for table in (
        "label",
        "declaration",
        "tree_head",
        "log_state",
        "identity",
        "opening",
        "log_entry",
        "api_key",
        "party",
    ):
        op.drop_table(table)
    if op.get_bind().dialect.name != "sqlite":
        op.execute("DROP FUNCTION log_entry_refuse()")
