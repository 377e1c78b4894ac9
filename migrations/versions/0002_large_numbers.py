"""Room for 64-bit template numbers and revisions, which are drawn by chance from now on.

SQLite's integers have 64 bits already; there is nothing to change.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

COLUMNS = (("templates", "id"), ("gallery_state", "revision"))


def upgrade():
    """Widen both columns; template numbers no longer come from a sequence."""
    if op.get_bind().dialect.name == "sqlite":
        return
    for table, column in COLUMNS:
        op.alter_column(table, column, existing_type=sa.Integer(), type_=sa.BigInteger())
    op.alter_column("templates", "id", existing_type=sa.BigInteger(), server_default=None)


def downgrade():
    """Number templates from 1 again and narrow both columns; cached indexes become another's."""
    if op.get_bind().dialect.name == "sqlite":
        return
    op.execute(
        "UPDATE templates SET id = -numbered.place FROM (SELECT id, row_number() OVER "
        "(ORDER BY created_at, id) AS place FROM templates) AS numbered "
        "WHERE templates.id = numbered.id"
    )
    op.execute("UPDATE templates SET id = -id")
    op.execute("UPDATE gallery_state SET revision = 0, store_id = md5(random()::text)")
    for table, column in COLUMNS:
        op.alter_column(table, column, existing_type=sa.BigInteger(), type_=sa.Integer())
    op.execute("ALTER TABLE templates ALTER COLUMN id SET DEFAULT nextval('templates_id_seq')")
    op.execute(
        "SELECT setval('templates_id_seq', coalesce((SELECT max(id) FROM templates), 0) + 1, false)"
    )
