"""The chain of receipts. Triggers refuse to change what must not change.

A later migration that copies one of these tables on SQLite (batch mode) must make its triggers
again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
REFUSED = (
    ("receipts", "UPDATE"),
    ("receipts", "DELETE"),
    ("receipt_parts", "UPDATE"),  # deleting is how a person is erased
    ("receipt_pictures", "UPDATE"),
    ("receipt_anchors", "UPDATE"),
    ("receipt_anchors", "DELETE"),
)


def upgrade():
    """Make the tables; they start empty."""
    op.create_table(
        "receipts",
        sa.Column("sequence", NUMBER, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("door", sa.Text(), nullable=False),
        sa.Column("reason", sa.String(40), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("previous_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name="pk_receipts"),
        sa.UniqueConstraint("previous_hash", name="uq_receipts_previous_hash"),
        sa.UniqueConstraint("hash", name="uq_receipts_hash"),
    )
    op.create_index("ix_receipts_at", "receipts", ["at"])
    op.create_index("ix_receipts_door", "receipts", ["door"])
    op.create_table(
        "receipt_parts",
        sa.Column("sequence", NUMBER, autoincrement=False, nullable=False),
        sa.Column("part", sa.String(20), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=True),
        sa.Column("subject_name", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["sequence"], ["receipts.sequence"], name="fk_receipt_parts_sequence_receipts"
        ),
        sa.PrimaryKeyConstraint("sequence", "part", name="pk_receipt_parts"),
    )
    op.create_index("ix_receipt_parts_subject_id", "receipt_parts", ["subject_id"])
    op.create_index("ix_receipt_parts_subject_name", "receipt_parts", ["subject_name"])
    op.create_table(
        "receipt_pictures",
        sa.Column("sequence", NUMBER, autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("image", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["sequence"], ["receipts.sequence"], name="fk_receipt_pictures_sequence_receipts"
        ),
        sa.PrimaryKeyConstraint("sequence", "number", name="pk_receipt_pictures"),
    )
    op.create_table(
        "receipt_anchors",
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sequence", NUMBER, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("anchor_hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_receipt_anchors"),
    )
    dialect = op.get_bind().dialect.name
    if dialect == "postgresql":
        op.execute(
            "CREATE FUNCTION facegate_refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'receipts are never changed'; END $$"
        )
    for table, action in REFUSED:
        name = f"refuse_{action.lower()}_{table}"
        if dialect == "sqlite":
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {action} ON {table} "
                "BEGIN SELECT RAISE(ABORT, 'receipts are never changed'); END"
            )
        elif dialect == "postgresql":
            op.execute(
                f"CREATE TRIGGER {name} BEFORE {action} ON {table} "
                "FOR EACH ROW EXECUTE FUNCTION facegate_refuse()"
            )


def downgrade():
    """Delete all receipts: an older program cannot go on with the chain. Export them before."""
    for table in ("receipt_anchors", "receipt_pictures", "receipt_parts", "receipts"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION facegate_refuse()")
