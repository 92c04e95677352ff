"""The ledger: what was received, measured and decided, in a database, each change in a hash-chained journal.

A change and its journal entry are one transaction. Writers take turns (SQLite: BEGIN IMMEDIATE; elsewhere a
lock on the one row of `chain_head`), so there is one chain whoever writes. Time comes in as a parameter.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, Select, Table, delete, func, insert, select, tuple_, update

from auditor.store.chain import GENESIS, Entry, first_break, rebuild, stamp
from auditor.store.database import WRITE, clearly, file_of, make_engine, one_maker, parsed, revision, write_ahead
from auditor.store.errors import StoreError
from auditor.store.rows import from_record, normalised, record_of
from auditor.store.tables import KEYS, PROJECTIONS, REVISIONS, chain_head, clock_lease, credentials, journal

#: One value of a single-column primary key, or the values of a composite one, in the order of its columns.
Key = str | int | tuple[str | int, ...]

_KEYS_AT_ONCE: Final = 500  # bound parameters in one statement
_ROWS_AT_ONCE: Final = 5_000


class Transaction:
    """One writer's transaction: every row goes to its table and to the journal."""

    def __init__(self, connection: Connection, actor: str, at: datetime, name: str) -> None:
        self._connection = connection
        self._name = name  # of the ledger, for messages
        self._spoilt = False
        self.actor = actor
        self.at = at
        self._stamp = stamp(at)
        head = connection.execute(select(chain_head).with_for_update()).mappings().one()
        self._seq: int = head["seq"]
        self._hash: str = head["hash"]

    def read(self, query: Select[Any]) -> list[RowMapping]:
        """The rows of a query, this transaction's own changes included."""
        with clearly(self._name):
            return list(self._connection.execute(query).mappings())

    def next(self, table: Table) -> int:
        """The next free number of the table's counter: its column `seq`, else its integer `id`."""
        column = table.c.seq if "seq" in table.c else table.c.id
        return int(self.read(select(func.coalesce(func.max(column), 0).label("last")))[0]["last"]) + 1

    def insert(self, table: Table, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add rows. Raises StoreError where one does not fit its table or its key is taken."""
        whole = [normalised(_projection(table), row) for row in rows]
        if whole:
            with self._changing():
                self._connection.execute(insert(table), whole)
                self._record("insert", table, whole)

    def insert_new(self, table: Table, rows: Iterable[Mapping[str, Any]]) -> int:
        """Add the rows whose primary key is not there yet (the first of several wins); says how many."""
        columns = list(_projection(table).primary_key)
        named: dict[tuple[Any, ...], Mapping[str, Any]] = {}
        for row in rows:
            named.setdefault(tuple(row.get(column.name) for column in columns), row)
        keys = list(named)
        known: set[tuple[Any, ...]] = set()
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            query = select(*columns).where(tuple_(*columns).in_(keys[start : start + _KEYS_AT_ONCE]))
            known.update(tuple(row.values()) for row in self.read(query))
        new = [named[key] for key in keys if key not in known]
        self.insert(table, new)
        return len(new)

    def update(self, table: Table, key: Key, changes: Mapping[str, Any]) -> None:
        """Change columns of one row. Raises StoreError where there is no such row or its key would change."""
        columns = list(_projection(table).primary_key)
        values = key if isinstance(key, tuple) else (key,)
        if len(values) != len(columns):
            raise StoreError(f"A key of {table.name} has {len(columns)} values; {len(values)} were given.")
        here = [column == value for column, value in zip(columns, values, strict=True)]
        found = self.read(select(table).where(*here))
        if not found:
            raise StoreError(f"Table {table.name} has no such row to change.")
        old = {str(name): value for name, value in found[0].items()}
        whole = normalised(table, {**old, **changes})
        if any(whole[column.name] != old[column.name] for column in columns):
            raise StoreError(f"The key of a row of {table.name} cannot change; insert another row.")
        with self._changing():
            self._connection.execute(update(table).where(*here).values(whole))
            self._record("update", table, [whole])

    def lease(self, holder: str, until: datetime) -> bool:
        """Take or renew the scheduler's lease until then; False where another holds it at this transaction's time.

        Writers take turns, so that of two schedulers only one can find it free. The journal does not keep it.
        """
        with clearly(self._name):
            held = self._connection.execute(select(clock_lease)).mappings().one_or_none()
            if held is None:
                self._connection.execute(insert(clock_lease).values(id=1, holder=holder, until=until))
            elif held["holder"] == holder or held["until"] <= self.at:
                self._connection.execute(update(clock_lease).values(holder=holder, until=until))
            else:
                return False
        return True

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """A change that fails halfway spoils the transaction, even if the caller goes on."""
        self._refuse_if_spoilt()
        try:
            with clearly(self._name):
                yield
        except BaseException:
            self._spoilt = True
            raise

    def _record(self, action: str, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
        entries = []
        for row in rows:
            entry = Entry(self._seq + 1, self._stamp, self.actor, action, table.name, record_of(row))
            link = entry.link(self._hash)
            entries.append(_journal_row(entry, self._hash, link))
            self._seq, self._hash = entry.seq, link
        self._connection.execute(insert(journal), entries)

    def keep_credential(self, user: str, hashed: str) -> None:
        """Keep what a password became; the journal holds only its digest, in `users`."""
        self._refuse_if_spoilt()
        self._connection.execute(delete(credentials).where(credentials.c.user == user))
        self._connection.execute(insert(credentials).values(user=user, hash=hashed))

    def finish(self) -> None:
        """Record the journal's new head. `Ledger.transaction` calls it last."""
        self._refuse_if_spoilt()
        self._connection.execute(update(chain_head).values(seq=self._seq, hash=self._hash))

    def _refuse_if_spoilt(self) -> None:
        if self._spoilt:
            raise StoreError("A change of this transaction failed, so nothing of it was recorded.")


def _projection(table: Table) -> Table:
    if PROJECTIONS.get(table.name) is not table:
        raise StoreError(f"Table {table.name} is not written directly.")
    return table


def _journal_row(entry: Entry, previous: str, own: str) -> dict[str, Any]:
    """An entry as its table keeps it."""
    return {
        "seq": entry.seq,
        "at": entry.at,
        "actor": entry.actor,
        "action": entry.action,
        "table_name": entry.table,
        "record": entry.record,
        "previous": previous,
        "hash": own,
    }


def journal_of(connection: Connection) -> Iterator[tuple[Entry, str, str]]:
    """The whole journal, oldest first: (entry, previous hash, own hash)."""
    for row in connection.execute(select(journal).order_by(journal.c.seq)).yield_per(_ROWS_AT_ONCE).mappings():
        entry = Entry(row["seq"], row["at"], row["actor"], row["action"], row["table_name"], row["record"])
        yield entry, row["previous"], row["hash"]


class Ledger:
    """A ledger by its SQLAlchemy URL (`sqlite:////path` or `postgresql+psycopg://…`).

    Opens nothing until it is used; `create` makes it or brings it up to this version. `busy_timeout`
    (seconds) is how long to wait for another writer.
    """

    def __init__(self, url: str, busy_timeout: float = 60.0) -> None:
        address = parsed(url)
        self._name = address.render_as_string(hide_password=True)
        self._file = file_of(address)
        self._engine = make_engine(address, busy_timeout)
        self._checked = False

    def create(self) -> None:
        """Make the tables, or bring an older ledger up to this version. Harmless to repeat.

        Raises StoreError where the folder is missing, the file is something else, or the ledger is newer.
        """
        from auditor.store.migrations import upgrade  # Alembic takes 0.2 s to import; opening does without

        if self._file is not None and not self._file.parent.is_dir():
            raise StoreError(f"There is no folder {self._file.parent} to put the ledger in; create it first.")
        with self._connected(write=True) as connection:
            one_maker(connection)
            revision(connection, self._name)
            upgrade(connection)
            if connection.execute(select(func.count()).select_from(chain_head)).scalar_one() == 0:
                connection.execute(insert(chain_head).values(id=1, seq=0, hash=GENESIS))
        if self._file is not None:
            with clearly(self._name):
                write_ahead(self._engine)
        self._checked = True

    def revision(self) -> str | None:
        """The schema revision of the ledger as it is, None where there is none. Makes no file."""
        if self._file is not None and not self._file.is_file():
            return None
        with self._connected(write=False) as connection:
            return revision(connection, self._name)

    @contextmanager
    def transaction(self, actor: str, at: datetime) -> Iterator[Transaction]:
        """One transaction of `actor` at time `at` (aware): all that is inside happens, or nothing."""
        self._check()
        with self._connected(write=True) as connection:
            tx = Transaction(connection, actor, at, self._name)
            yield tx
            tx.finish()

    @contextmanager
    def unjournalled(self) -> Iterator[Connection]:
        """A connection that writes what the journal does not keep: who is logged in now. Never a projection."""
        self._check()
        with self._connected(write=True) as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """A connection that sees one state of the ledger, whoever writes meanwhile."""
        self._check()
        with self._connected(write=False) as connection:
            yield connection

    def read(self, query: Select[Any]) -> list[RowMapping]:
        """The rows of a query."""
        with self.snapshot() as connection:
            return list(connection.execute(query).mappings())

    def take_over(
        self, chained: Iterable[tuple[Entry, str, str]], passwords: Mapping[str, str] | None = None
    ) -> None:
        """Fill this empty ledger from another's journal: (entry, previous hash, own hash) in order.

        The journal goes in as it is, and every table is made from it; `passwords` are the hashes that it does not
        hold. Raises StoreError where this ledger is not
        empty or the chain does not hold; then nothing has changed.
        """
        self._check()
        known = list(chained)
        if (broken := first_break(known)) is not None:
            raise StoreError(f"The journal to restore is damaged: {broken[1]}")
        with self._connected(write=True) as connection, clearly(self._name):
            if connection.execute(select(chain_head)).mappings().one()["seq"]:
                raise StoreError(f"{self._name} holds a ledger already; restore into an empty one.")
            rows = [_journal_row(entry, previous, own) for entry, previous, own in known]
            for start in range(0, len(rows), _ROWS_AT_ONCE):
                connection.execute(insert(journal), rows[start : start + _ROWS_AT_ONCE])
            tables = rebuild((entry for entry, _, _ in known), KEYS)
            # tables in an order that foreign keys allow, rows in that in which they were first written
            for name, table in PROJECTIONS.items():
                whole = [from_record(table, record) for record in tables[name]]
                for start in range(0, len(whole), _ROWS_AT_ONCE):
                    connection.execute(insert(table), whole[start : start + _ROWS_AT_ONCE])
            if passwords:
                rows = [{"user": user, "hash": hashed} for user, hashed in passwords.items()]
                connection.execute(insert(credentials), rows)
            if known:
                last = known[-1]
                connection.execute(update(chain_head).values(seq=last[0].seq, hash=last[2]))

    def journal(self) -> Iterator[tuple[Entry, str, str]]:
        """The whole journal, oldest first: (entry, previous hash, own hash)."""
        with self.snapshot() as connection:
            yield from journal_of(connection)

    def head(self) -> tuple[int, str]:
        """Number and hash of the newest journal entry: printed in a report, it fixes all before it."""
        (row,) = self.read(select(chain_head))
        return int(row["seq"]), str(row["hash"])

    def close(self) -> None:
        """Give back the database connections."""
        self._engine.dispose()

    def _check(self) -> None:
        """Refuse what is no ledger of this version, once."""
        if self._checked:
            return
        if self._file is not None and not self._file.is_file():
            raise StoreError(f"There is no ledger at {self._file}; make one with 'auditor init'.")
        found = self.revision()
        if found is None:
            raise StoreError(f"{self._name} is empty and not a ledger yet; make it one with 'auditor init'.")
        if found != REVISIONS[-1]:
            raise StoreError(
                f"The ledger {self._name} was made by an older version; back it up, then run 'auditor init'."
            )
        self._checked = True

    @contextmanager
    def _connected(self, *, write: bool) -> Iterator[Connection]:
        options: dict[str, Any] = {WRITE: True} if write else {}
        if not write and self._file is None:
            options["isolation_level"] = "REPEATABLE READ"  # SQLite's readers see one state as they are
        with (
            clearly(self._name),
            self._engine.connect().execution_options(**options) as connection,
            connection.begin(),
        ):
            yield connection
