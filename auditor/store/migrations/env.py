"""What Alembic runs for every command: the connection comes from the ledger, never from a file."""

from alembic import context

from auditor.store.tables import SCHEMA_TABLE, metadata


def run() -> None:
    """Run the migrations on the ledger's connection."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=metadata,
        version_table=SCHEMA_TABLE,
    )
    with context.begin_transaction():
        context.run_migrations()


if __name__ == "env_py":  # the name that Alembic gives this file; an ordinary import runs nothing
    run()
