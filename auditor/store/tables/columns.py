"""What every table is made of: the naming of keys, column types that two databases read alike, and helpers."""

import json
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import BigInteger, Column, DateTime, Dialect, ForeignKey, MetaData, Text
from sqlalchemy.types import TypeDecorator

from auditor.store.chain import canonical
from auditor.store.errors import StoreError


class Moment(TypeDecorator[datetime]):
    """An aware datetime in UTC. SQLite forgets the zone, so it is taken off and put back there."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise StoreError("A time without a zone cannot be recorded; give it one, for example UTC.")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class CanonicalJson(TypeDecorator[Any]):
    """Plain JSON values, stored as canonical text: equal values are equal bytes on every database."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else canonical(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def text_column(name: str, *constraints: ForeignKey, null: bool = False, key: bool = False) -> Column[str]:
    return Column(name, Text, *constraints, nullable=null, primary_key=key)


def count_column(name: str, *, null: bool = False, key: bool = False) -> Column[int]:
    # autoincrement off: numbers are dealt under the writer's lock, so that the journal knows them
    return Column(name, BigInteger, nullable=null, primary_key=key, autoincrement=False)


def moment_column(name: str, *, null: bool = False) -> Column[datetime]:
    return Column(name, Moment, nullable=null)


def system_column(*, key: bool = False) -> Column[str]:
    return text_column("system", ForeignKey("systems.name"), key=key)


def audit_column(*, key: bool = False) -> Column[str]:
    return text_column("audit", ForeignKey("audits.id"), key=key)
