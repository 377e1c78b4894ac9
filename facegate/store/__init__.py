"""The database: tables, transactions, migrations. The one home of sqlalchemy and alembic."""
