"""Administration: people, sessions, tokens; and that nobody locks everybody out."""

import re
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from starlette.testclient import TestClient

from auditor.access import tokens
from auditor.settings import Environment
from auditor.signing import people
from auditor.signing.people import PeopleError
from auditor.store import tables as t
from auditor.workspace import create
from dashboards.app import create_app
from dashboards.place import Place
from dashboards.web_settings import WebSettings
from tests.auditor.small_hospital import Site
from tests.dashboards.conftest import NOW, PASSWORD, AsRole, Time, browser

NEW = "another horse, another battery"
ADDRESSES = ("/admin", "/admin/person?name=viewer", "/admin/sessions", "/admin/tokens")
POSTS = (
    ("/admin/people", {"name": "x", "full_name": "X", "password": NEW, "roles": "admin"}),
    ("/admin/people/roles", {"name": "viewer", "roles": "admin"}),
    ("/admin/people/close", {"name": "admin"}),
    ("/admin/people/open", {"name": "viewer"}),
    ("/admin/people/password", {"name": "admin", "password": NEW}),
    ("/admin/sessions/end", {"session": "x"}),
    ("/admin/tokens", {"name": "x", "user": "admin", "days": "30", "scopes": "fleet"}),
    ("/admin/tokens/revoke", {"number": "1"}),
)


def person(site: Site, name: str) -> Any:
    return people.person(site.ledger, name)


def test_only_administrators_administer(hospital: Site, as_role: AsRole, client: TestClient) -> None:
    head = hospital.ledger.head()
    for role in ("viewer", "reviewer", "committee", "engineer"):
        visitor = as_role(role)
        head = hospital.ledger.head()  # the login itself is in the journal
        assert [visitor.get(one).status_code for one in ADDRESSES] == [403] * len(ADDRESSES)
        assert [visitor.post(one, data=form).status_code for one, form in POSTS] == [403] * len(POSTS)
        assert hospital.ledger.head() == head
    assert {client.get(one).status_code for one in ADDRESSES} == {303}
    assert {client.post(one, data=form).status_code for one, form in POSTS} == {303}
    assert hospital.ledger.head() == head
    admin = as_role("admin")
    assert [admin.get(one).status_code for one in ADDRESSES] == [200] * len(ADDRESSES)
    admin.headers["x-csrf-token"] = "forged"
    assert [admin.post(one, data=form).status_code for one, form in POSTS] == [403] * len(POSTS)


def test_a_person_is_added_and_can_log_in(hospital: Site, as_role: AsRole, client: TestClient) -> None:
    form = {"name": " grace ", "full_name": "Grace <b>H.</b>", "password": NEW, "roles": ["reviewer", "viewer"]}
    admin = as_role("admin")
    made = admin.post("/admin/people", data=form)
    assert made.status_code == 303
    text = admin.get(made.headers["location"]).text
    assert "The account was made." in text and "Grace &lt;b&gt;H.&lt;/b&gt;" in text and "<b>H." not in text
    row = person(hospital, "grace")
    assert (row["roles"], row["actor"]) == (["reviewer", "viewer"], "admin")
    assert client.post("/login", data={"name": "grace", "password": NEW}).headers["location"] == "/"
    for more, said in (
        ({"name": "grace"}, "There is a person grace already"),
        ({"name": "x", "password": "short"}, "12 characters or more"),
        ({"name": "x", "roles": "king"}, "There is no role king"),
        ({"name": "x", "roles": []}, "Give at least one role"),
        ({"name": " "}, "needs a name"),
    ):
        refused = admin.post("/admin/people", data={**form, **more})
        assert refused.status_code == 400 and said in refused.text
        assert NEW not in refused.text, "a password is never shown"


def test_other_roles_log_a_person_out(hospital: Site, as_role: AsRole) -> None:
    visitor, admin = as_role("viewer"), as_role("admin")
    assert visitor.get("/jobs").status_code == 200
    done = admin.post("/admin/people/roles", data={"name": "viewer", "roles": ["viewer", "engineer"]})
    assert "roles were changed" in admin.get(done.headers["location"]).text
    assert visitor.get("/jobs").status_code == 303
    assert person(hospital, "viewer")["roles"] == ["engineer", "viewer"]


def test_nobody_closes_their_own_account_or_takes_the_last_administrator_away(
    hospital: Site, as_role: AsRole
) -> None:
    admin = as_role("admin")
    own = admin.post("/admin/people/close", data={"name": "admin"})
    assert own.status_code == 400 and "You cannot close your own account" in own.text
    last = admin.post("/admin/people/roles", data={"name": "admin", "roles": "viewer"})
    assert last.status_code == 400 and "admin is the last administrator" in last.text
    none = admin.post("/admin/people/roles", data={"name": "admin"})
    assert none.status_code == 400 and "Give at least one role" in none.text
    # a closed administrator is none
    people.add(hospital.ledger, "second", "Second", ["admin"], NEW, "test", NOW)
    people.change(hospital.ledger, "second", "test", NOW, active=False)
    assert admin.post("/admin/people/roles", data={"name": "admin", "roles": "viewer"}).status_code == 400
    assert admin.post("/admin/people/open", data={"name": "second"}).status_code == 303
    assert admin.post("/admin/people/close", data={"name": "second"}).status_code == 303
    assert admin.post("/admin/people/open", data={"name": "second"}).status_code == 303
    assert admin.post("/admin/people/roles", data={"name": "admin", "roles": "viewer"}).status_code == 303
    assert person(hospital, "admin")["roles"] == ["viewer"]


def test_a_closed_account_is_out_at_once(hospital: Site, as_role: AsRole, client: TestClient) -> None:
    visitor, admin = as_role("viewer"), as_role("admin")
    secret = tokens.make(hospital.ledger, "viewer", "grafana", ["metrics"], NOW + timedelta(days=9), "admin", NOW)
    assert admin.post("/admin/people/close", data={"name": "viewer"}).status_code == 303
    assert visitor.get("/jobs").status_code == 303
    assert client.post("/login", data={"name": "viewer", "password": PASSWORD}).status_code == 401
    assert client.get("/metrics", headers={"authorization": f"Bearer {secret}"}).status_code == 401
    assert "Open the account" in admin.get("/admin/person?name=viewer").text


def test_a_new_password_opens_a_locked_account_and_ends_its_sessions(
    hospital: Site, as_role: AsRole, client: TestClient
) -> None:
    for _ in range(people.LOCKED_AFTER):
        with pytest.raises(PeopleError):
            people.authenticate(hospital.ledger, "viewer", "wrong", NOW)
    visitor, admin = as_role("viewer"), as_role("admin")
    assert "locked" in admin.get("/admin").text
    done = admin.post("/admin/people/password", data={"name": "viewer", "password": NEW})
    assert done.status_code == 303 and NEW not in done.headers["location"]
    assert "locked" not in admin.get("/admin/person?name=viewer").text.split("New password")[0]
    assert visitor.get("/jobs").status_code == 303
    assert client.post("/login", data={"name": "viewer", "password": NEW}).headers["location"] == "/"
    journal = hospital.ledger.read(sa.select(t.journal.c.record).where(t.journal.c.table_name == "users"))
    assert all(NEW not in row["record"] and "argon2" not in row["record"] for row in journal)
    short = admin.post("/admin/people/password", data={"name": "viewer", "password": "short"})
    assert short.status_code == 400 and "short" not in short.text.split("<main")[1].replace("12 characters", "")


def test_password_fields_tell_the_browser_what_they_are(as_role: AsRole) -> None:
    for address in ("/admin", "/admin/person?name=viewer"):
        fields = re.findall(r'<input[^>]*type="password"[^>]*>', as_role("admin").get(address).text)
        assert fields and all('autocomplete="new-password"' in one and "value=" not in one for one in fields)


def test_sessions_are_listed_and_ended(as_role: AsRole) -> None:
    visitor, admin = as_role("viewer"), as_role("admin")
    text = admin.get("/admin/sessions").text
    assert "Dr Viewer" in text and text.count("this one") == 1
    row = next(one for one in text.split("<tr>") if "Dr Viewer" in one)
    digest = re.search(r'name="session" value="([0-9a-f]{64})"', row)
    assert digest is not None
    assert admin.post("/admin/sessions/end", data={"session": digest[1]}).status_code == 303
    assert visitor.get("/jobs").status_code == 303
    assert "Dr Viewer" not in admin.get("/admin/sessions").text
    assert admin.post("/admin/sessions/end", data={"session": "gone"}).status_code == 303


def test_a_token_is_shown_once_and_taken_back(
    hospital: Site, place: Place, as_role: AsRole, client: TestClient, time: Time
) -> None:
    admin = as_role("admin")
    assert "No token was made yet" in admin.get("/admin/tokens").text
    form = {"name": "grafana <x>", "user": "viewer", "days": "90", "scopes": ["metrics", "fleet"]}
    made = admin.post("/admin/tokens", data=form)
    assert made.status_code == 200 and made.headers["cache-control"] == "no-store"
    secret = re.search(r'<p class="once"><code>(aud_[\w-]+)</code>', made.text)
    assert secret is not None
    assert secret[1] not in admin.get("/admin/tokens").text
    assert "grafana &lt;x&gt;" in made.text and "<x>" not in made.text
    (row,) = hospital.ledger.read(sa.select(t.tokens))
    assert row["ends_at"] == time.at + timedelta(days=90) and row["actor"] == "admin"
    with browser(place) as program:
        shown = {"authorization": f"Bearer {secret[1]}"}
        assert program.get("/metrics", headers=shown).status_code == 200
        assert admin.post("/admin/tokens/revoke", data={"number": str(row["id"])}).status_code == 303
        assert program.get("/metrics", headers=shown).status_code == 401
    assert "taken back" in admin.get("/admin/tokens").text
    wrong: tuple[dict[str, Any], ...] = (
        *({"days": days} for days in ("366", "0", "x")),
        {"scopes": []},
        {"scopes": "all"},
        {"user": "no"},
        {"name": " "},
    )
    for more in wrong:
        assert admin.post("/admin/tokens", data={**form, **more}).status_code in (400, 422)
    assert admin.post("/admin/tokens/revoke", data={"number": "99"}).status_code == 400
    assert len(hospital.ledger.read(sa.select(t.tokens))) == 1


def test_names_with_odd_characters_have_a_page(hospital: Site, as_role: AsRole) -> None:
    admin = as_role("admin")
    name = "a/b&c=d?é'\"<i>"
    made = admin.post("/admin/people", data={"name": name, "full_name": "Odd", "password": NEW, "roles": "viewer"})
    text = admin.get(made.headers["location"]).text
    assert "Odd" in text and "<i>" not in text.split("<main")[1]
    assert admin.post("/admin/people/close", data={"name": name}).status_code == 303
    assert person(hospital, name)["active"] is False
    assert admin.get("/admin/person?name=nobody").status_code == 400


@pytest.fixture
def nobody(tmp_path: Any) -> Any:
    """A dashboard over a workspace in which nothing was ever done."""
    key = tmp_path / "keys" / "site.key"
    key.parent.mkdir()
    key.write_text("5a" * 32 + "\n")
    key.chmod(0o600)
    environment = Environment.model_construct(
        workspace=tmp_path / "new", ledger=None, lake=None, key_file=key, signing_key_file=None, anchor_file=None
    )
    workspace = create(environment, tmp_path / "new", NOW)
    made = WebSettings.model_construct(
        secret_key=SecretStr("x" * 40),
        secret_key_file=None,
        web_names="testserver",
        web_https=False,
        web_login=False,
        web_host="127.0.0.1",
    )
    place = Place(workspace, workspace.ledger(), workspace.lake(), lambda: NOW)
    with TestClient(create_app(place, made)) as client:
        yield client


def test_pages_of_an_empty_workspace_say_what_to_do_next(nobody: TestClient) -> None:
    for address, said in (
        ("/jobs", "Nothing is scheduled"),
        ("/journal", "The journal is empty"),
        ("/thresholds", "No system is registered yet"),
        ("/controls", "No system is registered yet"),
        ("/admin", "Nobody has an account yet"),
        ("/admin/sessions", "Nobody is logged in"),
        ("/admin/tokens", "A token belongs to a person"),
        ("/journal/check", "Not checked since"),
    ):
        answer = nobody.get(address)
        assert answer.status_code == 200 and said in answer.text, address
