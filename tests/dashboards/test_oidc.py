"""Logging in through a provider: what proves who somebody is, and everything that does not."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from joserfc import jwt
from starlette.testclient import TestClient

from auditor.signing import people
from auditor.store import tables as t
from dashboards import oidc_provider
from dashboards.access import COOKIE
from dashboards.oidc import COOKIE as STATE
from dashboards.oidc import OidcSettings
from dashboards.oidc_provider import OidcError
from dashboards.place import Place
from tests.dashboards.conftest import Time, browser
from tests.dashboards.provider import CLIENT, CLIENT_SECRET, Provider, served


@dataclass
class Login:
    """A browser and the provider that it is sent to."""

    client: TestClient
    provider: Provider

    def begin(self, target: str = "/") -> str:
        """Where the browser is sent."""
        begun = self.client.get("/login/oidc", params={"next": target})
        assert begun.status_code == 303, begun.text
        return str(begun.headers["location"])

    def back(self, **brought: str) -> Any:
        return self.client.get("/login/oidc/back", params=brought)

    def all(self, target: str = "/") -> Any:
        return self.back(**self.provider.logged_in(self.begin(target)))


@pytest.fixture
def provider(time: Time) -> Iterator[Provider]:
    with served() as made:
        made.now = time.at
        yield made


@pytest.fixture
def login(place: Place, provider: Provider) -> Iterator[Login]:
    with browser(place) as client:
        application(client).state.oidc = OidcSettings(provider.issuer, CLIENT, CLIENT_SECRET, "preferred_username")
        yield Login(client, provider)


def application(client: TestClient) -> Any:
    """The application inside its protection."""
    app: Any = client.app
    while not hasattr(app, "state"):
        app = next(value for name, value in vars(app).items() if name in ("_app", "app"))
    return app


def logins(place: Place) -> list[tuple[str, str]]:
    return [(row["user"], row["method"]) for row in place.ledger.read(sa.select(t.logins).order_by(t.logins.c.id))]


def refused(login: Login, place: Place, answer: Any) -> str:
    """The sentence of a refusal, after which nobody is logged in."""
    assert answer.status_code == 403
    assert COOKIE not in login.client.cookies
    assert logins(place) == []
    return str(answer.text.split('class="refusal">')[1].split("<")[0])


def test_who_the_provider_vouches_for_is_logged_in(login: Login, place: Place) -> None:
    answer = login.all("/jobs")
    assert (answer.status_code, answer.headers["location"]) == (303, "/jobs")
    assert logins(place) == [("viewer", "oidc")]
    assert login.client.get("/jobs").status_code == 200
    cookies = answer.headers.get_list("set-cookie")
    assert any(one.startswith(f'{STATE}="";') or f"{STATE}=;" in one for one in cookies), "the state is taken back"


def test_the_cookie_of_the_state_is_out_of_reach_for_scripts_and_other_sites(login: Login) -> None:
    cookie = login.client.get("/login/oidc").headers["set-cookie"].lower()
    assert all(word in cookie for word in ("httponly", "samesite=lax", "path=/login/oidc", "max-age=600"))
    assert "client secret" not in cookie


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another"},
        {"aud": "another", "azp": CLIENT},
        {"aud": ["another", "third"]},
        {"aud": [CLIENT, "another"], "azp": "another"},
        {"iss": "https://another.example"},
        {"exp": 1},
        {"exp": "never"},
        {"exp": None},
        {"iat": None},
        {"sub": None},
        {"iat": 2**40},
        {"nbf": 2**40},
        {"at_hash": "wrong"},
    ],
)
def test_a_token_that_is_not_for_this_login_here_and_now_is_refused(
    login: Login, place: Place, claims: dict[str, Any]
) -> None:
    location = login.begin()
    brought = login.provider.logged_in(location)
    token = login.provider.right(**claims)
    whole = {name: value for name, value in token.items() if value is not None}
    login.provider.token = encoded(login.provider, whole)
    assert refused(login, place, login.back(**brought)) == (
        "The login provider&#39;s token could not be verified; log in again."
    )


def encoded(provider: Provider, claims: dict[str, Any]) -> str:
    return str(jwt.encode({"alg": "RS256", "kid": "one"}, claims, provider.key))


@pytest.mark.parametrize("forgery", ["unsigned", "confused", "another key", "cut", "garbage", "no token"])
def test_a_token_that_the_provider_did_not_sign_is_refused(login: Login, place: Place, forgery: str) -> None:
    brought = login.provider.logged_in(login.begin())
    provider = login.provider
    other = Provider(1)
    other.issuer, other.now, other.nonce = provider.issuer, provider.now, provider.nonce
    forged: dict[str, str] = {
        "unsigned": provider.unsigned(),
        "confused": provider.confused(),
        "another key": other.signed(),
        "cut": provider.signed().rpartition(".")[0] + ".",
        "garbage": "a.b.c",
        "no token": "",
    }
    provider.token = forged[forgery]
    assert "could not be verified" in refused(login, place, login.back(**brought))


def test_a_state_that_is_missing_forged_or_of_another_browser_is_refused(login: Login, place: Place) -> None:
    brought = login.provider.logged_in(login.begin())
    assert "not begun in this browser" in refused(login, place, login.back(code="a-code"))
    login.begin()
    assert "not begun" in refused(login, place, login.back(**brought | {"state": "forged"}))
    login.begin()
    assert "not begun" in refused(login, place, login.back(**brought)), "of the login that was begun before"
    login.client.cookies.clear()
    assert "not begun" in refused(login, place, login.back(**brought)), "another browser holds no note of it"
    login.client.cookies.set(STATE, "forged.note", path="/login/oidc")
    assert "not begun" in refused(login, place, login.back(**brought))
    assert not any(path == "/token" for path in login.provider.asked), "nothing was asked of the provider"


def test_an_answer_is_good_once_and_for_ten_minutes(login: Login, place: Place, time: Time) -> None:
    location = login.begin()
    note = login.client.cookies[STATE]
    brought = login.provider.logged_in(location)
    assert login.back(**brought).status_code == 303
    login.client.cookies.clear()
    login.client.cookies.set(STATE, note, path="/login/oidc")
    replayed = login.back(**brought)
    assert replayed.status_code == 403 and "not begun" in replayed.text
    assert len(logins(place)) == 1
    login.client.cookies.clear()
    brought = login.provider.logged_in(login.begin())
    time.at += timedelta(minutes=11)
    assert "too long ago" in login.back(**brought).text
    assert len(logins(place)) == 1


def test_only_an_open_account_of_the_ledger_is_logged_in(login: Login, place: Place, time: Time) -> None:
    login.provider.claims = {"preferred_username": "stranger"}
    assert "no account here of the name it gives" in refused(login, place, login.all())
    login.provider.claims = {"preferred_username": "x\x00' OR 1=1 --"}
    assert "no account here" in refused(login, place, login.all())
    people.change(place.ledger, "viewer", "admin", time.at, active=False)
    login.provider.claims = {}
    assert "Your account here is closed" in refused(login, place, login.all())
    for name in ("", None, 7, ["viewer"]):
        login.provider.claims = {"preferred_username": name}
        assert "names no account" in refused(login, place, login.all())


def test_a_mail_address_counts_only_where_the_provider_verified_it(login: Login, place: Place) -> None:
    application(login.client).state.oidc = OidcSettings(login.provider.issuer, CLIENT, CLIENT_SECRET, "email")
    login.provider.claims = {"email": "viewer"}
    assert "has not verified" in refused(login, place, login.all())
    login.provider.claims = {"email": "viewer", "email_verified": True}
    assert login.all().status_code == 303


def test_new_keys_of_the_provider_are_read_when_needed_and_not_at_every_request(
    login: Login, place: Place, time: Time
) -> None:
    assert login.all().status_code == 303
    reads = login.provider.asked.count("/keys")
    login.provider.key = type(login.provider.key).generate_key(2048, {"kid": "two", "use": "sig"})

    def try_again() -> Any:
        brought = login.provider.logged_in(login.begin())
        login.provider.token = str(
            jwt.encode({"alg": "RS256", "kid": "two"}, login.provider.right(), login.provider.key)
        )
        return login.back(**brought)

    assert try_again().status_code == 403, "a made-up key must not make it ask again and again"
    assert login.provider.asked.count("/keys") == reads
    time.at += timedelta(minutes=1)
    login.provider.now = time.at
    assert try_again().status_code == 303
    assert login.provider.asked.count("/keys") == reads + 1


def test_a_client_that_may_not_use_basic_authentication_sends_its_secret_in_the_form(login: Login) -> None:
    login.provider.about = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert login.all().status_code == 303


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({"issuer": "https://another.example"}, "calls itself by another name"),
        ({"authorization_endpoint": "http://login.example/"}, "authorization_endpoint is no https address"),
        ({"token_endpoint": None}, "token_endpoint is no https address"),
        ({"jwks_uri": "file:///etc/passwd"}, "jwks_uri is no https address"),
    ],
)
def test_what_the_provider_says_of_itself_is_checked(login: Login, about: dict[str, Any], said: str) -> None:
    login.provider.about = about
    answer = login.client.get("/login/oidc")
    assert answer.status_code == 403 and said in answer.text


def test_a_provider_that_is_down_slow_large_or_broken_is_said_so(
    login: Login, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    brought = login.provider.logged_in(login.begin())
    login.provider.status = 500
    assert "refused the request" in refused(login, place, login.back(**brought))
    login.provider.status = 302
    brought = login.provider.logged_in(login.begin())
    assert "refused the request" in refused(login, place, login.back(**brought)), "no redirect is followed"
    assert "/elsewhere" not in login.provider.asked
    login.provider.status = 200
    for body, said in (
        (b"[]", "no readable answer"),
        (b"x" * 300_000, "too large"),
        (b"[" * 90_000, "no readable"),
    ):
        login.provider.body = None
        brought = login.provider.logged_in(login.begin())
        login.provider.body = body
        assert said in refused(login, place, login.back(**brought))
    monkeypatch.setattr(oidc_provider, "_PATIENCE", -1.0)
    login.provider.body = None
    brought = login.provider.logged_in(login.begin())
    assert "too slow" in refused(login, place, login.back(**brought))
    application(login.client).state.oidc = OidcSettings("http://127.0.0.1:1", CLIENT, CLIENT_SECRET, "sub")
    answer = login.client.get("/login/oidc")
    assert answer.status_code == 403 and "cannot be reached" in answer.text


def test_what_the_provider_refuses_is_said_without_its_words(login: Login, place: Place) -> None:
    brought = login.provider.logged_in(login.begin())
    answer = login.back(state=brought["state"], error="access_denied", error_description="<b>no</b>")
    assert refused(login, place, answer) == "The login provider did not log you in (access_denied)."
    brought = login.provider.logged_in(login.begin())
    answer = login.back(state=brought["state"], error="<script>alert(1)</script>")
    assert refused(login, place, answer) == "The login provider did not log you in."
    brought = login.provider.logged_in(login.begin())
    assert "Another login provider" in refused(
        login, place, login.back(**brought | {"iss": "https://evil.example"})
    )


def test_nobody_is_sent_elsewhere_after_logging_in(login: Login) -> None:
    for target in ("https://evil.example", "//evil.example", "/\\evil.example"):
        assert login.all(target).headers["location"] == "/"


def test_begun_too_often_from_one_place_it_waits(login: Login) -> None:
    answers = [login.client.get("/login/oidc").status_code for _ in range(12)]
    assert answers[:10] == [303] * 10 and answers[-1] == 403


def test_without_a_provider_there_is_only_the_password(client: TestClient) -> None:
    assert "No login provider is set up here" in client.get("/login/oidc").text
    assert client.get("/login/oidc/back").status_code == 403
    assert "/login/oidc" not in client.get("/login").text


def test_settings_come_from_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("the secret\n")
    whole = {
        "AUDITOR_OIDC_ISSUER": "https://login.example.org/realms/hospital",
        "AUDITOR_OIDC_CLIENT_ID": "auditor",
        "AUDITOR_OIDC_CLIENT_SECRET_FILE": str(file),
    }
    made = OidcSettings.from_environment(whole)
    assert made == OidcSettings(whole["AUDITOR_OIDC_ISSUER"], "auditor", "the secret", "preferred_username")
    assert "the secret" not in repr(made)
    assert OidcSettings.from_environment({}) is None
    other = OidcSettings.from_environment(whole | {"AUDITOR_OIDC_CLAIM": "email"})
    assert other is not None and other.claim == "email"
    file_gone = whole | {"AUDITOR_OIDC_CLIENT_SECRET_FILE": str(tmp_path / "none")}
    empty = tmp_path / "empty"
    empty.write_text("\n")
    for environment, said in (
        (whole | {"AUDITOR_OIDC_ISSUER": "http://login.example.org"}, "must be an https address"),
        (whole | {"AUDITOR_OIDC_ISSUER": "login.example.org"}, "must be an https address"),
        (whole | {"AUDITOR_OIDC_CLIENT_ID": ""}, "AUDITOR_OIDC_CLIENT_ID"),
        (file_gone, "cannot be read"),
        (whole | {"AUDITOR_OIDC_CLIENT_SECRET_FILE": str(empty)}, "is empty"),
    ):
        with pytest.raises(OidcError, match=said):
            OidcSettings.from_environment(environment)
