"""Tokens are shown once, read what they are for, end, and can be taken back."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from auditor.access import tokens
from auditor.access.tokens import TokenError
from auditor.signing import people
from auditor.store.ledger import Ledger

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
MONTH = AT + timedelta(days=30)


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:
    made = Ledger(database_url)
    made.create()
    people.add(made, "ada", "Dr Ada Lang", ["engineer"], "correct horse battery", "test", AT)
    yield made
    made.close()


def made(ledger: Ledger, **more: object) -> str:
    asked = {"user": "ada", "name": "grafana", "scopes": ["fleet", "metrics"], "ends_at": MONTH} | more
    return tokens.make(ledger, **asked, actor="ada", at=AT)  # type: ignore[arg-type]


def test_a_token_speaks_for_its_person_and_the_ledger_does_not_hold_it(ledger: Ledger) -> None:
    secret = made(ledger)
    bearer = tokens.bearer(ledger, secret, AT)
    assert bearer is not None
    assert (bearer.user, bearer.roles, bearer.scopes) == ("ada", ("engineer",), ("fleet", "metrics"))
    (row,) = tokens.listed(ledger)
    assert "digest" not in row
    assert secret not in "".join(entry.record for entry, _, _ in ledger.journal())


def test_a_token_ends(ledger: Ledger) -> None:
    secret = made(ledger)
    assert tokens.bearer(ledger, secret, MONTH - timedelta(seconds=1)) is not None
    assert tokens.bearer(ledger, secret, MONTH) is None


def test_a_token_is_taken_back_and_stays_so(ledger: Ledger) -> None:
    secret = made(ledger)
    tokens.revoke(ledger, 1, "ada", AT)
    tokens.revoke(ledger, 1, "ada", MONTH)
    assert tokens.bearer(ledger, secret, AT) is None
    assert tokens.listed(ledger)[0]["revoked_at"] == AT


def test_a_token_of_a_closed_account_is_nobodys(ledger: Ledger) -> None:
    secret = made(ledger)
    people.change(ledger, "ada", "test", AT, active=False)
    assert tokens.bearer(ledger, secret, AT) is None


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"name": " "}, "needs a name"),
        ({"scopes": []}, "Say what the token may read"),
        ({"scopes": ["everything"]}, "no scope 'everything'"),
        ({"ends_at": AT}, "at most a year"),
        ({"ends_at": AT + timedelta(days=366)}, "at most a year"),
        ({"user": "eve"}, "no open account eve"),
    ],
)
def test_what_cannot_be_made_is_said_in_a_sentence(ledger: Ledger, more: dict[str, object], sentence: str) -> None:
    with pytest.raises(TokenError, match=sentence):
        made(ledger, **more)
    assert tokens.listed(ledger) == []


def test_a_token_that_never_was_cannot_be_taken_back(ledger: Ledger) -> None:
    with pytest.raises(TokenError, match="no token 7"):
        tokens.revoke(ledger, 7, "ada", AT)
