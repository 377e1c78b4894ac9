"""Alembic's environment: runs revisions on a connection that FaceGate opened, or on FACEGATE's own
database when a developer calls the `alembic` command."""

from alembic import context

from facegate.store import policy_tables  # noqa: F401 - registers its tables
from facegate.store.tables import metadata


def run(connection):
    """Run all wanted revisions in the caller's transaction."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,  # SQLite changes a table by copying it
        compare_type=True,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    from facegate.config import load_settings
    from facegate.store.engine import open_engine

    with open_engine(load_settings().url).execution_options(writes=True).begin() as opened:
        run(opened)
