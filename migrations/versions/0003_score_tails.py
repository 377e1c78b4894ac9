"""Score tails and a calibration beside each tuned threshold, and the target that tau shall keep."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

COLUMNS = ("tails", "calibration")


def upgrade():
    """Add both columns, empty, and the table of targets. SQLite adds columns in place."""
    for column in COLUMNS:
        op.add_column("thresholds", sa.Column(column, sa.Text(), nullable=True))
    op.create_table(
        "threshold_targets",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("target", sa.String(60), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("length(target) > 0", name="ck_threshold_targets_target_given"),
        sa.PrimaryKeyConstraint("id", name="pk_threshold_targets"),
        sqlite_autoincrement=True,
    )


def downgrade():
    """Drop them: the door goes back to the F1 threshold, which is kept."""
    op.drop_table("threshold_targets")
    for column in COLUMNS:
        op.drop_column("thresholds", column)
