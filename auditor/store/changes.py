"""When something of the record changed last: what was read before stays true until then."""

from collections.abc import Sequence

import sqlalchemy as sa

from auditor.store.segments import Readable
from auditor.store.tables import journal


def newest_entry(source: Readable, tables: Sequence[sa.Table]) -> int:
    """The number of the newest journal entry about any of these tables, 0 where there is none.

    One look into an index for each table, however long the journal is.
    """
    looks = [
        sa.select(sa.func.max(journal.c.seq)).where(journal.c.table_name == table.name).scalar_subquery()
        for table in tables
    ]
    columns = [look.label(f"n{number}") for number, look in enumerate(looks)]
    (row,) = source.read(sa.select(*columns))
    return max((value for value in row.values() if value is not None), default=0)
