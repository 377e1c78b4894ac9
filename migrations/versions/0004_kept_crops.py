"""Pictures of enrolled faces, kept only where the setting `keep_crops` says so."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade():
    """Make the table; it starts empty."""
    op.create_table(
        "kept_crops",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subject_id", sa.Integer(), nullable=False),
        sa.Column("source_sha256", sa.String(64), nullable=False),
        sa.Column("source", sa.String(500), nullable=False),
        sa.Column("image", sa.LargeBinary(), nullable=False),
        sa.Column("landmarks", sa.LargeBinary(), nullable=False),
        sa.Column("quality", sa.Float(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "quality >= 0 AND quality <= 1", name="ck_kept_crops_quality_is_fraction"
        ),
        sa.ForeignKeyConstraint(
            ["subject_id"],
            ["subjects.id"],
            name="fk_kept_crops_subject_id_subjects",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_kept_crops"),
        sa.UniqueConstraint(
            "subject_id", "source_sha256", name="uq_kept_crops_subject_id_source_sha256"
        ),
        sqlite_autoincrement=True,
    )


def downgrade():
    """Delete all kept pictures; templates stay."""
    op.drop_table("kept_crops")
