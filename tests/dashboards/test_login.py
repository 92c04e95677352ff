"""Logging in: who gets in, who does not, what they are told, and how it ends."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from auditor.access import sessions
from auditor.signing import people
from auditor.store import tables as t
from dashboards.access import COOKIE
from dashboards.place import Place
from dashboards.sessions import MOST_FROM_ONE, inside
from tests.dashboards.conftest import PASSWORD, AsRole, Time


def log_in(client: TestClient, name: str = "viewer", password: str = PASSWORD, target: str = "/alerts") -> int:
    said = client.post("/login", data={"name": name, "password": password, "target": target})
    return said.status_code


def test_nobody_sees_a_page_before_logging_in_and_is_back_there_afterwards(client: TestClient) -> None:
    asked = client.get("/alerts?status=all")
    assert (asked.status_code, asked.headers["location"]) == (303, "/login?next=/alerts%3Fstatus%3Dall")
    form = client.get(asked.headers["location"])
    assert 'value="/alerts?status=all"' in form.text
    said = client.post("/login", data={"name": "viewer", "password": PASSWORD, "target": "/alerts?status=all"})
    assert (said.status_code, said.headers["location"]) == (303, "/alerts?status=all")
    assert client.get("/alerts?status=all").status_code == 200


def test_the_cookie_is_for_this_site_alone_and_for_no_script(client: TestClient) -> None:
    said = client.post("/login", data={"name": "viewer", "password": PASSWORD})
    cookie = said.headers["set-cookie"].lower()
    assert cookie.startswith(f"{COOKIE}=")
    assert "httponly" in cookie
    assert "samesite=lax" in cookie


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("viewer", "wrong horse battery"),
        ("nobody", PASSWORD),
        ("", ""),
        ("' OR 1=1 --", PASSWORD),
        ("viewer\n", "x"),
    ],
)
def test_every_refusal_says_the_same(client: TestClient, name: str, password: str) -> None:
    said = client.post("/login", data={"name": name, "password": password})
    assert said.status_code == 401
    assert "Name or password is not right, or the account is closed or locked." in said.text
    assert COOKIE not in said.cookies


def test_a_closed_or_locked_account_is_told_nothing_more(client: TestClient, place: Place) -> None:
    people.change(place.ledger, "viewer", "test", place.clock(), active=False)
    assert log_in(client) == 401
    for _ in range(people.LOCKED_AFTER):
        log_in(client, "admin", "wrong horse battery")
    assert log_in(client, "admin") == 401, "the right password does not open a locked account"


def test_attempts_are_throttled_by_address_and_let_through_again(client: TestClient, time: Time) -> None:
    tries = [log_in(client, f"nobody-{n}") for n in range(MOST_FROM_ONE + 2)]
    assert tries == [401] * MOST_FROM_ONE + [429] * 2
    assert log_in(client) == 429
    time.at += timedelta(minutes=1, seconds=1)
    assert log_in(client) == 303


def test_logging_in_gives_a_new_session_and_ends_the_old(client: TestClient, place: Place) -> None:
    log_in(client)
    first = client.cookies[COOKIE]
    log_in(client)
    assert client.cookies[COOKIE] != first
    assert sessions.current(place.ledger, first, place.clock()) is None


def test_a_cookie_that_was_planted_is_not_taken_over(client: TestClient) -> None:
    client.cookies.set(COOKIE, "planted")
    log_in(client)
    assert (
        "planted" not in [cookie.value for cookie in client.cookies.jar if cookie.domain != "testserver.local"][1:]
    )
    assert client.cookies.get(COOKIE, domain="testserver.local") != "planted"


def test_logging_out_ends_the_session_for_good(as_role: AsRole, place: Place) -> None:
    browser = as_role("viewer")
    secret = browser.cookies[COOKIE]
    assert browser.post("/logout").status_code == 303
    assert sessions.current(place.ledger, secret, place.clock()) is None


def test_a_session_expires_without_use(as_role: AsRole, time: Time) -> None:
    browser = as_role("viewer")
    time.at += sessions.IDLE + timedelta(seconds=1)
    assert browser.get("/").headers["location"] == "/login?next=/"


def test_a_revoked_session_is_out_at_the_next_click(as_role: AsRole, place: Place) -> None:
    browser = as_role("viewer")
    assert browser.get("/alerts").status_code == 200
    sessions.revoke_all(place.ledger, "viewer")
    assert browser.get("/alerts").status_code == 303


def test_logins_are_journalled_and_passwords_are_not(client: TestClient, place: Place) -> None:
    log_in(client)
    log_in(client, "viewer", "some other password")
    assert [row["user"] for row in place.ledger.read(sa.select(t.logins))] == ["viewer"]
    told = "".join(entry.record for entry, _, _ in place.ledger.journal())
    assert PASSWORD not in told
    assert "some other password" not in told


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        "/x\r\nset-cookie: a=b",
        "",
    ],
)
def test_nobody_is_sent_elsewhere(client: TestClient, target: str) -> None:
    assert inside(target) == "/"
    said = client.post("/login", data={"name": "viewer", "password": PASSWORD, "target": target})
    assert said.headers["location"] == "/"


def test_a_name_is_never_repeated_into_the_page(client: TestClient) -> None:
    said = client.post("/login", data={"name": "<script>alert(1)</script>", "password": "x"})
    assert "alert(1)" not in said.text
