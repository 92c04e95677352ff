"""Changes of the ledger's schema over time (Alembic), one file a revision in `versions`."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection


def config() -> Config:
    """Alembic's configuration: where the revisions are; no file of its own."""
    settings = Config()
    settings.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    settings.set_main_option("path_separator", "os")
    return settings


def upgrade(connection: Connection) -> None:
    """Bring the schema up to the newest revision, inside the connection's own transaction."""
    settings = config()
    settings.attributes["connection"] = connection
    command.upgrade(settings, "head")
