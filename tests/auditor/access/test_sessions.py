"""Sessions begin, are used, end by themselves, and can be ended; the ledger lets nobody in."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from auditor.access import sessions
from auditor.access.sessions import IDLE, LONGEST
from auditor.signing import people
from auditor.store import tables as t
from auditor.store.ledger import Ledger

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    made = Ledger(database_url)
    made.create()
    people.add(made, "ada", "Dr Ada Lang", ["committee"], "correct horse battery", "test", AT)
    yield made
    made.close()


def test_a_login_is_journalled_and_its_secret_is_not_kept(ledger: Ledger) -> None:
    secret = sessions.begin(ledger, "ada", "password", AT)
    session = sessions.current(ledger, secret, AT)
    assert session is not None
    assert (session.user, session.full_name, session.roles, session.method) == (
        "ada", "Dr Ada Lang", ("committee",), "password",
    )  # fmt: skip
    assert [row["user"] for row in ledger.read(sa.select(t.logins))] == ["ada"]
    held = [str(dict(row)) for row in ledger.read(sa.select(t.sessions))]
    assert secret not in "".join(held) + "".join(entry.record for entry, _, _ in ledger.journal())
    assert "sessions" not in {entry.table for entry, _, _ in ledger.journal()}


@pytest.mark.parametrize("wrong", ["", "x", "ada", "\ud800", "' OR 1=1 --", "a" * 10_000])
def test_another_secret_is_nobody(ledger: Ledger, wrong: str) -> None:
    sessions.begin(ledger, "ada", "password", AT)
    assert sessions.current(ledger, wrong, AT) is None


def test_the_digest_that_the_ledger_holds_is_no_secret(ledger: Ledger) -> None:
    secret = sessions.begin(ledger, "ada", "password", AT)
    assert sessions.current(ledger, sessions.digest_of(secret), AT) is None


def test_a_session_ends_without_use_and_lives_on_with_it(ledger: Ledger) -> None:
    secret = sessions.begin(ledger, "ada", "password", AT)
    used = AT
    while used < AT + LONGEST - IDLE:
        used += IDLE - timedelta(minutes=1)
        assert sessions.current(ledger, secret, used) is not None
    assert sessions.current(ledger, secret, used + IDLE + timedelta(seconds=1)) is None


def test_a_session_ends_after_a_day_of_work_however_it_is_used(ledger: Ledger) -> None:
    secret = sessions.begin(ledger, "ada", "password", AT)
    moment = AT
    while moment <= AT + LONGEST:
        assert sessions.current(ledger, secret, moment) is not None
        moment += timedelta(minutes=20)
    assert sessions.current(ledger, secret, moment) is None


def test_sessions_are_ended_one_or_all(ledger: Ledger) -> None:
    first, second = (sessions.begin(ledger, "ada", "password", AT) for _ in range(2))
    assert len(sessions.listed(ledger, AT)) == 2
    sessions.revoke(ledger, sessions.digest_of(first))
    assert sessions.current(ledger, first, AT) is None
    assert sessions.current(ledger, second, AT) is not None
    sessions.revoke_all(ledger, "ada")
    assert sessions.listed(ledger, AT) == []


def test_a_closed_account_is_out_at_once_and_roles_are_those_of_now(ledger: Ledger) -> None:
    secret = sessions.begin(ledger, "ada", "password", AT)
    people.change(ledger, "ada", "test", AT, roles=["viewer"])
    session = sessions.current(ledger, secret, AT)
    assert session is not None
    assert session.roles == ("viewer",)
    people.change(ledger, "ada", "test", AT, active=False)
    assert sessions.current(ledger, secret, AT) is None


def test_sessions_that_are_over_are_forgotten_at_the_next_login(ledger: Ledger) -> None:
    sessions.begin(ledger, "ada", "password", AT)
    sessions.begin(ledger, "ada", "password", AT + LONGEST)
    assert len(ledger.read(sa.select(t.sessions))) == 1
