"""The database beneath the ledger: how it is reached, what it holds, and its errors as sentences."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError

from auditor.store.errors import StoreError
from auditor.store.tables import REVISIONS, SCHEMA_TABLE

#: Execution option of a connection whose transaction will write.
WRITE: Final = "auditor_write"

#: An arbitrary number that every auditor uses for the lock of its schema on a PostgreSQL server.
_SCHEMA_LOCK: Final = 2_026_031_711

_EXAMPLE: Final = "sqlite:////path/ledger.db"


def parsed(url: str) -> URL:
    """The address of a ledger; raises StoreError where it is no address of a lasting database."""
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        raise StoreError(f"The ledger's address is no database URL; write for example {_EXAMPLE}.") from None
    if address.get_backend_name() == "sqlite" and address.database in (None, "", ":memory:"):
        raise StoreError(f"A ledger must outlive the process; name a file, for example {_EXAMPLE}.")
    return address


def file_of(url: URL) -> Path | None:
    """The file of an SQLite ledger; None where a server holds it."""
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def make_engine(url: URL, busy_timeout: float) -> Engine:
    """Connections to the database; `busy_timeout` (seconds) is how long SQLite waits for another writer."""
    local = file_of(url) is not None
    try:
        # hide_parameters: an error's text must not quote a row
        engine = create_engine(url, hide_parameters=True, connect_args={"timeout": busy_timeout} if local else {})
    except (ArgumentError, ImportError):
        raise StoreError(f"There is no database driver for {url.drivername}; install its package.") from None
    if local:
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # `_begin` says BEGIN
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")


def _begin(connection: Connection) -> None:
    # A writer locks before it reads: a lock taken later could fail halfway and lose its turn
    write = connection.get_execution_options().get(WRITE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")


def one_maker(connection: Connection) -> None:
    """Let one process at a time make or change the schema; SQLite's writers take turns as they are."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_SCHEMA_LOCK})")


def write_ahead(engine: Engine) -> None:
    """Let SQLite's readers go on while one process writes (WAL); the file remembers it."""
    connection = engine.raw_connection()
    try:
        connection.cursor().execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()


def revision(connection: Connection, name: str) -> str | None:
    """The schema revision of a ledger; None for an empty database.

    Raises StoreError where the database is something else, or was made by a newer version.
    """
    if not connection.dialect.has_table(connection, SCHEMA_TABLE):
        if connection.dialect.name == "sqlite" and inspect(connection).get_table_names():
            raise StoreError(f"{name} is another program's database, not a ledger; name another file.")
        return None
    found = connection.execute(text(f"SELECT version_num FROM {SCHEMA_TABLE}")).scalar_one_or_none()  # noqa: S608 - a constant
    if found is not None and found not in REVISIONS:
        raise StoreError(f"The ledger {name} was made by a newer version of auditor; update auditor to use it.")
    return None if found is None else str(found)


@contextmanager
def clearly(name: str) -> Iterator[None]:
    """Turn the database's errors into sentences about the ledger `name`; they never carry a row's values."""
    try:
        yield
    except IntegrityError as error:
        raise StoreError(_broken_rule(error.orig)) from None
    except DBAPIError as error:
        raise StoreError(_failure(error.orig, name)) from None
    except sqlite3.Error as error:  # raised while a connection is made ready
        raise StoreError(_failure(error, name)) from None
    except SQLAlchemyError as error:
        raise StoreError(f"The ledger {name} refused the request ({type(error).__name__}).") from None


def _failure(error: BaseException | None, name: str) -> str:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return f"The ledger {name} is locked by another process; try again when it is done."
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return f"{name} is not a ledger or is damaged; restore it from a back-up or name another."
    if code == sqlite3.SQLITE_CANTOPEN:
        return f"The ledger {name} cannot be opened; check that the file and its folder are there."
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        return f"The ledger {name} cannot be written; check permissions and free space."
    return f"The ledger {name} cannot be used ({type(error).__name__}); check its address and its server."


def _broken_rule(error: BaseException | None) -> str:
    """Which rule a row breaks, told apart by SQLite's error code or PostgreSQL's SQLSTATE."""
    foreign = (
        getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY
        or getattr(error, "sqlstate", None) == "23503"
    )
    if foreign:
        return "A row names another row that is not in the ledger; record that one first."
    return "A row with the same key is in the ledger already; nothing was recorded."
