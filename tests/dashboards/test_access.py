"""Every address with every role and with none: the matrix that the threat model leans on."""

import re
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.testclient import TestClient

from auditor.access import tokens
from auditor.signing.people import ROLES
from dashboards.access import RIGHTS, Permission
from dashboards.app import PAGES
from dashboards.place import Place
from tests.dashboards.conftest import AsRole, browser

#: What everybody may ask for; a new entry needs a reason.
PUBLIC = {
    "/login",  # to get in
    "/login/oidc",
    "/login/oidc/back",
    "/healthz",  # says only that the process lives
    "/readyz",  # … and that its stores can be read
    "/reports.css",  # looks
    "/fonts/{name}",
    "/vega.js",
}


def routes() -> list[APIRoute]:
    """Every handler of every page."""
    found = [route for router in PAGES for route in router.routes]
    assert all(isinstance(route, APIRoute) for route in found)
    return [route for route in found if isinstance(route, APIRoute)]


def mark_of(route: APIRoute) -> Any:
    return getattr(route.endpoint, "access", None)


CASES = [(route, method) for route in routes() for method in sorted(route.methods or ())]
NAMES = [f"{method} {route.path}" for route, method in CASES]


def address(route: APIRoute) -> str:
    """The address with something in each of its places that is not there."""
    return re.sub(
        r"\{(\w+)(?::\w+)?\}", lambda m: "7" if m[1] in ("number", "seq", "entry", "token") else "x", route.path
    )


def test_every_handler_says_who_may_use_it() -> None:
    assert [route.path for route in routes() if mark_of(route) is None] == []
    assert {route.path for route in routes() if mark_of(route).permission is None} <= PUBLIC


def test_nothing_that_changes_something_is_a_get() -> None:
    verbs = {"acknowledge", "resolve", "sign", "revoke", "decide", "close", "run", "logout", "assign", "reopen"}
    for route in routes():
        if route.path.rsplit("/", 1)[-1] in verbs:
            assert route.methods == {"POST"}, route.path


def test_the_table_of_rights_is_what_the_manual_says() -> None:
    assert set(RIGHTS) == set(ROLES)
    assert all(Permission.SEE in rights for rights in RIGHTS.values())
    holders = {p: {role for role in ROLES if p in RIGHTS[role]} for p in Permission}
    assert holders[Permission.CASES] == {"reviewer", "committee"}
    assert holders[Permission.REVIEW] == {"reviewer"}
    assert holders[Permission.DECIDE] == {"committee"}
    assert holders[Permission.ADMINISTER] == {"admin"}


@pytest.mark.parametrize(("route", "method"), CASES, ids=NAMES)
def test_without_a_session_nothing_but_the_public_is_answered(
    client: TestClient, route: APIRoute, method: str
) -> None:
    said = client.request(method, address(route))
    if mark_of(route).permission is None:
        assert route.path.startswith("/login") or said.status_code not in (401, 403), said.text
    elif route.path.endswith(".json"):
        assert said.status_code == 401
    else:
        assert said.status_code in (303, 422), said.text
        assert said.status_code == 422 or said.headers["location"].startswith("/login")


@pytest.fixture
def people(as_role: AsRole) -> dict[str, TestClient]:
    return {role: as_role(role) for role in ROLES}


def test_every_role_gets_what_the_table_gives_it_and_no_more(people: dict[str, TestClient]) -> None:
    wrong = []
    for route, method in CASES:
        permission = mark_of(route).permission
        if permission is None or route.path == "/logout":
            continue
        for role, client in people.items():
            said = client.request(method, address(route))
            refused = said.status_code == 403
            may = permission in RIGHTS[role]
            # a form that is not understood is refused before it is looked at by whom it was sent
            if refused is may and said.status_code != 422:
                wrong.append((role, method, route.path, said.status_code))
            assert said.status_code < 500, (role, method, route.path, said.text[:300])
    assert wrong == []


FORMS = [route for route, method in CASES if method == "POST" and mark_of(route).permission is not None]


@pytest.mark.parametrize("route", FORMS, ids=[route.path for route in FORMS])
def test_no_form_is_taken_without_its_token(as_role: AsRole, route: APIRoute) -> None:
    client = as_role(next(role for role in ROLES if mark_of(route).permission in RIGHTS[role]))
    for token in (None, "", "0" * 64, "é"):
        headers = {} if token is None else {"x-csrf-token": token.encode()}
        client.headers.pop("x-csrf-token", None)
        said = client.post(address(route), headers=headers)  # type: ignore[arg-type]
        assert said.status_code in (403, 422), (token, said.status_code)


def test_a_form_from_another_site_is_refused_whatever_it_holds(as_role: AsRole) -> None:
    client = as_role("admin")
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}):
        assert client.post("/logout", headers=headers).status_code == 403
    assert client.post("/logout", headers={"origin": "http://testserver"}).status_code == 303


def test_a_handler_that_says_nothing_is_nobodys(place: Place) -> None:
    from fastapi import Depends

    from dashboards.access import NotAllowedError, guard

    app = FastAPI(dependencies=[Depends(guard)])
    app.state.place = place

    @app.get("/forgotten")
    def forgotten() -> str:
        return "secret"

    with TestClient(app) as client, pytest.raises(NotAllowedError):
        client.get("/forgotten")


JSON = [route for route in routes() if mark_of(route).scope]


@pytest.mark.parametrize("route", JSON, ids=[route.path for route in JSON])
def test_a_token_reads_what_it_is_for_and_nothing_else(place: Place, route: APIRoute) -> None:
    at = place.clock()
    ends = at.replace(year=at.year + 1, day=1)
    wanted = mark_of(route).scope
    for scope in tokens.SCOPES:
        secret = tokens.make(place.ledger, "viewer", scope, [scope], ends, "test", at)
        with browser(place) as program:
            where = address(route).replace("/x.json", "/small.json") + "?system=small"
            said = program.get(where, headers={"authorization": f"Bearer {secret}"})
            assert said.status_code == (200 if scope == wanted else 403), (scope, said.text)
            assert program.get("/alerts", headers={"authorization": f"Bearer {secret}"}).status_code == 403
    with browser(place) as program:
        for header in ("Bearer aud_wrong", "Bearer ", "Bearer \x7f"):
            assert program.get("/fleet.json", headers={"authorization": header}).status_code == 401
