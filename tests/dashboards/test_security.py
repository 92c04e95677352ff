"""What every answer carries, what no request gets past, and when the server refuses to start."""

import logging
import re
from pathlib import Path

import pytest
from pydantic import SecretStr
from starlette.testclient import TestClient

from dashboards import rendering
from dashboards.place import Place
from dashboards.security import LARGEST, POLICY
from dashboards.web_settings import ServeError, WebSettings, check_safe
from tests.dashboards.conftest import AsRole, browser

HOSTILE = [
    "../../etc/passwd",
    "..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/etc/passwd",
    "' OR '1'='1",
    "1; DROP TABLE users",
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7*7 }}",
    "{% include 'base.html' %}",
    "a%0d%0aset-cookie:%20x=1",
    "%00",
    "\u202ereversed",
    "x" * 4_000,
]


@pytest.mark.parametrize("path", ["/", "/login", "/healthz", "/nothing", "/static/app.css", "/fleet.json"])
def test_every_answer_carries_the_headers(as_role: AsRole, path: str) -> None:
    said = as_role("viewer").get(path)
    assert said.headers["content-security-policy"] == POLICY
    assert said.headers["x-content-type-options"] == "nosniff"
    assert said.headers["x-frame-options"] == "DENY"
    assert "strict-transport-security" not in said.headers, "only behind TLS"
    assert "unsafe" not in POLICY


def test_pages_hold_no_inline_script_or_style(as_role: AsRole) -> None:
    for path in ("/", "/alerts", "/decisions", "/reports", "/reports/report-1", "/start", "/nothing"):
        text = as_role("viewer").get(path).text
        assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)", text), path
        assert not re.search(r"\sstyle=|<style|\son\w+=|javascript:", text), path


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_addresses_find_nothing_and_break_nothing(as_role: AsRole, text: str) -> None:
    client = as_role("admin")
    for path in ("/alerts/{}", "/decisions/{}", "/reports/{}", "/reports/report-1/{}", "/reports/{}/report.html",
                 "/systems/{}", "/systems/{}.json", "/fonts/{}", "/static/{}", "/cases/small/{}", "/journal/{}",
                 "/jobs/{}", "/reviews/{}/1", "/thresholds/{}"):  # fmt: skip
        said = client.get(path.format(text))
        assert said.status_code in (303, 307, 400, 403, 404, 405, 414, 422), (path, said.status_code)
        assert "set-cookie" not in said.headers
        assert "alert(1)" not in said.text or "&lt;" in said.text
        assert "root:" not in said.text


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_words_to_look_for_are_only_words(as_role: AsRole, text: str) -> None:
    client = as_role("admin")
    for path in ("/", "/alerts", "/decisions", "/reports"):
        for name in ("q", "sort", "page", "status", "system", "format"):
            said = client.get(path, params={name: text})
            assert said.status_code == 200, (path, name)
            assert "<script>alert(1)" not in said.text
            assert "<img src=x" not in said.text
            assert "49" not in said.headers.values()


def test_only_names_that_are_ours_are_answered(client: TestClient) -> None:
    for name in ("evil.example", "testserver.evil.example", "", "127.0.0.1.evil.example"):
        assert client.get("/healthz", headers={"host": name}).status_code == 421
    for name in ("localhost:8765", "127.0.0.1", "[::1]:80", "TESTSERVER"):
        assert client.get("/healthz", headers={"host": name}).status_code == 200


def test_a_large_body_is_not_read(client: TestClient) -> None:
    assert client.post("/login", content=b"x" * (LARGEST + 1)).status_code == 413

    def endless() -> object:
        for _ in range(40):
            yield b"name=" + b"x" * (LARGEST // 16)

    said = client.post("/login", content=endless(), headers={"content-type": "application/x-www-form-urlencoded"})  # type: ignore[arg-type]
    assert said.status_code == 413


def test_a_failure_says_nothing_of_what_failed(
    as_role: AsRole, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, place: Place
) -> None:
    client = as_role("viewer")

    def broken(*_: object) -> None:
        raise KeyError("Mr Quokka, born 1 Feb 1934")

    monkeypatch.setattr("dashboards.pages.fleet.standings", broken)
    with caplog.at_level(logging.DEBUG):
        said = client.get("/")
    assert said.status_code == 500
    assert "Something went wrong here" in said.text
    (number,) = re.findall(r"under ([0-9a-f]{8})", said.text)
    assert "Quokka" not in said.text + caplog.text
    assert "Traceback" not in said.text + caplog.text
    assert number in caplog.text
    assert "KeyError" in caplog.text


def test_static_files_may_be_kept_and_pages_may_not(as_role: AsRole) -> None:
    client = as_role("viewer")
    assert "immutable" in client.get(rendering.static("app.css")).headers["cache-control"]
    assert client.get("/alerts").headers["cache-control"] == "no-store"
    assert client.get("/fleet.json").headers["cache-control"] == "no-store"


def test_behind_tls_browsers_are_told_to_stay_there(place: Place) -> None:
    from dashboards.app import create_app
    from tests.dashboards.conftest import settings

    tls = settings().model_copy(update={"web_https": True})
    with TestClient(create_app(place, tls), base_url="https://testserver", follow_redirects=False) as client:
        assert client.get("/login").headers["strict-transport-security"].startswith("max-age=")
        said = client.post("/login", data={"name": "viewer", "password": "correct horse battery"})
        assert "secure" in said.headers["set-cookie"].lower()


def given(**more: object) -> WebSettings:
    about = {"secret_key": None, "secret_key_file": None, "web_names": "", "web_https": False, "web_login": True}
    return WebSettings.model_construct(**{**about, "web_host": "0.0.0.0", **more})  # type: ignore[arg-type]


KEY = SecretStr("0123456789abcdef0123456789abcdef")


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (
            {"web_login": False, "secret_key": KEY, "web_https": True, "web_names": "a.example"},
            "leave --no-login out",
        ),
        ({"web_https": True, "web_names": "a.example"}, "AUDITOR_SECRET_KEY_FILE"),
        ({"secret_key": KEY, "web_names": "a.example"}, "passwords need TLS"),
        ({"secret_key": KEY, "web_https": True}, "say with --name"),
    ],
)
def test_it_does_not_start_where_others_reach_it_unprotected(more: dict[str, object], sentence: str) -> None:
    with pytest.raises(ServeError, match=sentence):
        check_safe(given(**more))


def test_it_starts_protected_and_on_loopback() -> None:
    check_safe(given(secret_key=KEY, web_https=True, web_names="a.example"))
    for host in ("127.0.0.1", "localhost", "::1"):
        check_safe(given(web_host=host, web_login=False))


def test_a_secret_is_long_readable_and_given_or_new(tmp_path: Path) -> None:
    assert given(secret_key=KEY).secret() == KEY.get_secret_value().encode()
    assert given().secret() != given().secret()
    with pytest.raises(ServeError, match="fewer than 32"):
        given(secret_key=SecretStr("short")).secret()
    with pytest.raises(ServeError, match="cannot be read"):
        given(secret_key_file=tmp_path / "none").secret()
    (tmp_path / "key").write_text("k" * 40 + "\n")
    assert given(secret_key_file=tmp_path / "key").secret() == b"k" * 40


def test_without_login_whoever_reaches_it_is_the_one_who_started_it(place: Place) -> None:
    from dashboards.app import create_app
    from tests.dashboards.conftest import settings

    with TestClient(create_app(place, settings(login=False)), follow_redirects=False) as client:
        page = client.get("/")
        assert page.status_code == 200
        assert "no login" in page.text
        assert client.post("/logout", data={"csrf": "0" * 64}).status_code == 403, "forms still need their token"


def test_the_browser_fixture_is_strict(place: Place) -> None:
    with browser(place) as client:
        assert client.get("/").status_code == 303
