"""Subjects, templates, thresholds, events and the gallery's revision."""

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade():
    """Make all tables of the first version."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "subjects",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.CheckConstraint("length(name) > 0", name="ck_subjects_name_given"),
        sa.PrimaryKeyConstraint("id", name="pk_subjects"),
        sa.UniqueConstraint("name", name="uq_subjects_name"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "templates",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("model_id", sa.String(120), nullable=False),
        sa.Column("embedding", sa.LargeBinary(), nullable=False),
        sa.Column("quality", sa.Float(), nullable=False),
        sa.Column("source", sa.String(500), nullable=False),
        sa.Column("source_sha256", sa.String(64), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.CheckConstraint(
            "quality >= 0 AND quality <= 1", name="ck_templates_quality_is_fraction"
        ),
        sa.ForeignKeyConstraint(
            ["subject_id"],
            ["subjects.id"],
            name="fk_templates_subject_id_subjects",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_templates"),
        sa.UniqueConstraint(
            "subject_id",
            "model_id",
            "source_sha256",
            name="uq_templates_subject_id_model_id_source_sha256",
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_templates_model_id", "templates", ["model_id"])
    rates = [
        sa.Column(f"{rate}_{part}", kind, nullable=False)
        for rate in ("fmr", "fnmr")
        for part, kind in (
            ("errors", sa.Integer()),
            ("trials", sa.Integer()),
            ("low", sa.Float()),
            ("high", sa.Float()),
        )
    ]
    op.create_table(
        "thresholds",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("model_id", sa.String(120), nullable=False),
        sa.Column("tau", sa.Float(), nullable=False),
        sa.Column("margin", sa.Float(), nullable=False),
        sa.Column("method", sa.String(40), nullable=False),
        sa.Column("f1", sa.Float(), nullable=True),
        *rates,
        sa.Column("data", sa.String(500), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.CheckConstraint("tau >= -1 AND tau <= 1", name="ck_thresholds_tau_is_cosine"),
        sa.CheckConstraint("margin >= 0 AND margin <= 2", name="ck_thresholds_margin_is_distance"),
        sa.PrimaryKeyConstraint("id", name="pk_thresholds"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_thresholds_model_id", "thresholds", ["model_id"])
    op.create_table(
        "events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", moment, nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("subject_name", sa.String(200), nullable=False),
        sa.Column("detail", sa.String(500), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_events"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_at", "events", ["at"])
    state = op.create_table(
        "gallery_state",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("store_id", sa.String(32), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.CheckConstraint("id = 1", name="ck_gallery_state_single_row"),
        sa.PrimaryKeyConstraint("id", name="pk_gallery_state"),
    )
    op.bulk_insert(state, [{"id": 1, "store_id": uuid.uuid4().hex, "revision": 0}])


def downgrade():
    """Drop everything: there is no older version. All people are lost."""
    for table in ("gallery_state", "events", "thresholds", "templates", "subjects"):
        op.drop_table(table)
