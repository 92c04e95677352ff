"""The page of a system: every tab, what was not measured, what is withheld, and figures in a real browser."""

import gzip
import json
import re
import socket
import threading
import time as clock
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import uvicorn
from playwright.sync_api import Browser
from starlette.testclient import TestClient

from auditor.audit.pages import register_pages, write_pages
from auditor.audit.run import run_audit
from auditor.signing import people
from auditor.store import tables as t
from dashboards.app import create_app
from dashboards.pages import system_drift, system_figures, system_time, system_versions
from dashboards.pages.system_parts import PARTS, error_codes, rendered
from dashboards.pages.system_view import TABS, viewed
from dashboards.place import Place
from tests.auditor import small_hospital as small
from tests.auditor.audit.test_comparing import AT, Answers
from tests.dashboards.conftest import NOW, AsRole, browser, settings
from tests.reports.samples import bare, row, sample, suppressed

HOME = "/systems/small"
WATCHED = small.YAML + "reference_window: {from: 2026-01-05, to: 2026-01-18}\n"
HOSTILE = "%3Cscript%3Ealert(1)%3C%2Fscript%3E"
#: Numbers that stand in no sample but in rows that are suppressed.
SECRET = 0.98765


@pytest.fixture
def watched(place: Place, hospital: small.Site) -> Place:
    """Audited once more, against a reference window, with a rule changed between."""
    later = small.LATER
    hospital.apply(WATCHED.replace("watch: 0.05, act: 0.10", "watch: 0.04, act: 0.10"), later)
    hospital.audit(later)
    return place


def _scripts(page: str) -> list[str]:
    return re.findall(r"<script\b[^>]*>", page)


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_is_a_link_and_a_page(as_role: AsRole, tab: str) -> None:
    answer = as_role("viewer").get(HOME, params={"section": tab})
    assert answer.status_code == 200
    page = answer.text
    assert "Drafts of a small hospital" in page and page.count("<h1") == 1
    for name, title in TABS.items():
        here = ' aria-current="page"' if name == tab else ""
        address = HOME if name == "overview" else f"{HOME}?section={name}"
        assert f'href="{address}"{here}>{title}</a>' in page
    assert all("src=" in one or 'type="application/json"' in one for one in _scripts(page)), "nothing inline runs"
    assert not re.search(r"<[^>]*\s(style|on[a-z]+)=", page)
    assert small.MARKER not in page, "texts of cases are on pages of cases"


@pytest.mark.parametrize(
    "tab, said",
    [
        ("drift", "No reference window is declared"),
        ("probes", "Not measured for version 2"),
        ("probes", "auditor replay small"),
        ("unmeasured", "None is named. List them in audit.yaml under not_measured"),
        ("unmeasured", "Drift: declare a reference_window"),
        ("overview", "What is not measured"),
    ],
)
def test_what_was_not_measured_says_so_and_what_to_do(place: Place, as_role: AsRole, tab: str, said: str) -> None:
    assert said in as_role("viewer").get(HOME, params={"section": tab}).text


@pytest.mark.parametrize("part", PARTS)
def test_an_audit_of_nothing_fills_no_tab_with_numbers(part: str) -> None:
    page = rendered(tuple(PARTS[part](bare())))
    assert "None" not in page.replace("None is named", "").replace("None: every", "")
    assert not re.search(r"\bnan\b", page)


def test_who_has_not_logged_in_sees_nothing(client: TestClient) -> None:
    for address in (HOME, f"{HOME}/drift/sex?task=report", f"{HOME}/compare", system_figures.address()):
        assert client.get(address).status_code == 303


@pytest.mark.parametrize(
    "address",
    [
        f"/systems/{HOSTILE}",
        f"{HOME}?audit={HOSTILE}",
        f"{HOME}?version={HOSTILE}",
        f"{HOME}?section={HOSTILE}",
        f"{HOME}/drift/{HOSTILE}?task=report",
        f"{HOME}/drift/..%2F..%2Fetc%2Fpasswd?task=report",
        f"{HOME}/drift/sex?task={HOSTILE}&item=%00",
        f"{HOME}/evidently/{HOSTILE}/report",
        f"{HOME}/compare/nothing",
        "/systems/small%00",
        "/figures/vega-other.js",
    ],
)
def test_names_of_nothing_are_not_found_and_not_repeated(as_role: AsRole, address: str) -> None:
    answer = as_role("reviewer").get(address)
    assert answer.status_code == 404
    assert "alert(1)" not in answer.text and "passwd" not in answer.text


def test_a_system_without_an_audit_says_what_to_do(place: Place, hospital: small.Site, as_role: AsRole) -> None:
    with hospital.ledger.transaction("test", NOW) as tx:
        tx.insert(t.systems, [{"name": "fresh", "created_at": NOW}])
        config = {"id": "c" * 64, "system": "fresh", "seq": tx.next(t.configs), "applied_at": NOW}
        yaml = small.YAML.replace("system: small", "system: fresh").replace("Drafts of", "Nothing yet of")
        tx.insert(t.configs, [config | {"yaml": yaml, "actor": "test", "reason": ""}])
    page = as_role("viewer").get("/systems/fresh").text
    assert "never audited" in page and "auditor audit fresh" in page and "Nothing yet of a small hospital" in page


def test_suppressed_numbers_are_on_no_tab() -> None:
    """Whatever a row holds: what is marked as suppressed is never shown."""
    held: dict[str, Any] = {"value": SECRET, "low": SECRET, "high": SECRET, "n": 98765.0, "events": 98765.0}
    hidden = [
        suppressed(**held, slice="sex=X", patients=98765),
        suppressed(**held, slice="sex=X", contrast="rest", patients=98765),
        suppressed(**held, slice="sex=X", measure="image_gain", patients=98765),
        suppressed(**held, task="classification", measure="sensitivity", slice="sex=X", patients=98765),
    ]
    dossier = sample()
    dossier = replace(dossier, rows=(*dossier.rows, *hidden))
    for name, part in PARTS.items():
        page = rendered(tuple(part(dossier)))
        assert not re.search(r"98765|98,765|98\.8 %|98\.8 points|0\.988", page), name
    page = rendered(tuple(system_time.blocks(dossier, ())))
    assert not re.search(r"98765|98,765|98\.8 %", page)
    assert "sex X" in rendered(tuple(PARTS["subgroups"](dossier))), "what is withheld is named"


def test_small_groups_have_no_numbers_in_the_table_and_its_file(as_role: AsRole) -> None:
    """Four cases give their sex as O."""
    viewer = as_role("viewer")
    page = viewer.get(HOME, params={"section": "measures", "q": "sex O"}).text
    assert "fewer than 11 patients" in page
    text = viewer.get(HOME, params={"section": "measures", "format": "csv"}).text
    lines = [line for line in text.splitlines() if ",sex O," in line]
    assert any('next smallest group beside such a one",hidden' in line for line in lines)
    numbers = [re.search(r"\d", line.partition(",sex O,")[2].replace("fewer than 11", "")) for line in lines]
    assert not any(numbers), "neither a value nor a count nor a reason that tells one"


def test_the_table_of_measures_sorts_and_filters(as_role: AsRole) -> None:
    viewer = as_role("viewer")
    found = viewer.get(HOME, params={"section": "measures", "q": "sensitivity effusion", "sort": "-value"})
    table = found.text[found.text.index('class="listing"') :]
    assert "Sensitivity" in table and "Reports with at least one contradicted" not in table
    assert 'name="section" value="measures"' in found.text, "a search stays on its tab"
    assert "Nothing holds these words" in viewer.get(HOME, params={"section": "measures", "q": "zzz"}).text


def test_errors_by_kind_withhold_small_counts() -> None:
    page = rendered(error_codes([{"FAB": 40, "LAT": 3}, {"FAB": 2}]))
    assert "42" in page and "Wrong side" in page and "fewer than 11" in page and ">3<" not in page
    assert error_codes([]) == []


def test_sentences_said_again_are_texts(as_role: AsRole) -> None:
    asked = {"section": "measures"}
    assert "withheld by policy" in as_role("viewer").get(HOME, params=asked).text
    assert small.MARKER in as_role("reviewer").get(HOME, params=asked).text


def test_another_version_shows_its_own_numbers_and_not_the_verdict(as_role: AsRole) -> None:
    page = as_role("viewer").get(HOME, params={"version": "1"}).text
    assert "These are the numbers of version 1. The verdict above is of version 2" in page
    assert "Overall verdict" not in page and "What was asked of version 1" in page
    assert f"{HOME}?section=measures&amp;version=1" in page, "the version is kept from tab to tab"


def test_an_older_audit_is_reached_and_marked(watched: Place, as_role: AsRole) -> None:
    viewer = as_role("viewer")
    newest, oldest = (
        one["id"] for one in watched.ledger.read(sa.select(t.audits.c.id).order_by(t.audits.c.seq.desc()))
    )
    page = viewer.get(HOME, params={"audit": oldest, "section": "drift"}).text
    assert "An older audit." in page and f"audit={oldest}" in page
    assert "No reference window is declared" in page, "it says what it knew then"
    assert "An older audit." not in viewer.get(HOME, params={"audit": newest}).text


def test_rules_and_alerts_stand_on_the_time_axis_of_their_measure(watched: Place, hospital: small.Site) -> None:
    view = viewed(watched, small.SYSTEM, "", "")
    found = system_time.events(watched, view.dossier)
    assert any(
        one.mark.letter == "R" and "watch 0.05 → 0.04" in one.mark.said and one.measure == "contradicted_reports"
        for one in found
    )
    alerts = [one for one in found if one.mark.letter == "A"]
    assert alerts and all(one.href.startswith("/alerts/small-") for one in alerts)
    page = rendered(tuple(system_time.blocks(view.dossier, found)))
    assert page.count(">R<") == 1, "a mark is drawn in the figure of its measure alone"
    before = replace(view.dossier, as_of=small.RECEIVED - timedelta(days=2))
    assert system_time.events(watched, before) == (), "nothing that an audit could not know"
    # other words for a rule change nothing
    worded = WATCHED.replace("watch: 0.05, act: 0.10", "watch: 0.04, act: 0.10, rationale: agreed")
    hospital.apply(worded, small.LATER)
    assert len(system_time.events(watched, view.dossier)) == len(found)


def test_drift_by_column_and_audit_leads_to_the_column(watched: Place, as_role: AsRole) -> None:
    viewer = as_role("viewer")
    page = viewer.get(HOME, params={"section": "drift"}).text
    assert "Column by audit" in page and 'aria-label="' in page
    (audit,) = watched.ledger.read(sa.select(t.audits.c.id).order_by(t.audits.c.seq.desc()).limit(1))
    addresses = {one.replace("&amp;", "&") for one in re.findall(r'href="(/systems/small/drift/[^"]*)"', page)}
    assert any(f"audit={audit['id']}" in one for one in addresses)
    for address in sorted(addresses)[:6]:
        column = viewer.get(address)
        assert column.status_code == 200
        assert "Reference window and this window" in column.text and "Audit by audit" in column.text


def test_a_column_of_few_patients_has_no_number() -> None:
    column = {
        "task": "report", "column": "sex", "item": "", "title": "Sex", "distance": SECRET, "null_high": SECRET,
        "drifted": True, "patients": 10,
    }  # fmt: skip
    cell = system_drift._cell(column)
    assert cell.level == ("few", "–") and "fewer than 11" in cell.said
    assert (cell.distance, cell.drifted) == (0.0, False)


def test_symbols_of_the_heat_map_say_what_the_colours_say() -> None:
    def cell(distance: float, drifted: bool) -> tuple[str, str]:
        return system_drift.Cell("x", distance, 0.1, drifted, few=False).level

    found = [cell(0.05, False), cell(0.12, True), cell(0.2, True), cell(0.4, True)]
    assert len({name for name, _ in found}) == len({symbol for _, symbol in found}) == 4


def test_the_heat_map_reads_half_a_year_and_each_audit_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    view = viewed(place, small.SYSTEM, "", "")
    audits: Any = [
        dict(view.audit) | {"id": f"a{n}", "seq": 100 - n, "window_end": date(2026, 3, 1) - timedelta(weeks=n)}
        for n in range(260)
    ]
    read: list[str] = []

    def recorded(_: Place, audit: str) -> tuple[str, list[dict[str, Any]]]:
        read.append(audit)
        return "2", []

    monkeypatch.setattr(system_drift, "_recorded", recorded)
    five_years = replace(view, audits=audits, audit=audits[0])
    for _ in range(2):
        assert len(system_drift.heat_map(place, five_years).audits) == system_drift.AUDITS
    assert len(read) == system_drift.AUDITS


def test_a_finished_tab_is_made_once(place: Place, as_role: AsRole, monkeypatch: pytest.MonkeyPatch) -> None:
    viewer = as_role("viewer")
    viewer.get(HOME)

    def never(*_: object) -> Any:
        raise AssertionError("made again")

    monkeypatch.setattr("dashboards.pages.system_view.dossier_of", never)
    monkeypatch.setattr("dashboards.pages.system_parts.rendered", never)
    assert viewer.get(HOME).status_code == 200


def _with_page(place: Place) -> str:
    view = viewed(place, small.SYSTEM, "", "")
    audit = str(view.audit["id"])
    written = write_pages(place.lake, {"report": "<script>document.title = 'ran'</script>"})
    with place.ledger.transaction("test", NOW) as tx:
        register_pages(tx, small.SYSTEM, audit, written)
    return audit


def test_evidently_is_shut_in_and_for_those_who_see_cases(place: Place, as_role: AsRole) -> None:
    audit = _with_page(place)
    address = f"{HOME}/evidently/{audit}/report"
    assert as_role("viewer").get(address).status_code == 403
    answer = as_role("reviewer").get(address)
    policy = answer.headers["content-security-policy"]
    assert answer.status_code == 200 and policy.startswith("sandbox allow-scripts;")
    assert "allow-same-origin" not in policy and "default-src 'none'" in policy and "connect-src 'none'" in policy
    assert "unsafe-eval" not in policy
    tab = {"section": "drift"}
    assert address in as_role("reviewer").get(HOME, params=tab).text
    assert address not in as_role("viewer").get(HOME, params=tab).text


def test_vega_is_served_once_and_for_all(as_role: AsRole) -> None:
    viewer = as_role("viewer")
    packed = viewer.get(system_figures.address(), headers={"accept-encoding": "gzip"})
    plain = viewer.get(system_figures.address(), headers={"accept-encoding": "identity"})
    assert packed.status_code == plain.status_code == 200
    assert packed.headers["content-encoding"] == "gzip" and "content-encoding" not in plain.headers
    assert packed.content == plain.content and len(gzip.compress(plain.content)) < len(plain.content) / 2
    assert "immutable" in plain.headers["cache-control"]
    assert plain.headers["content-type"].startswith("text/javascript")
    assert "as vegaEmbed" in plain.text
    assert f'data-vega="{system_figures.address()}"' in viewer.get(HOME).text


def test_specifications_in_a_page_cannot_leave_their_block() -> None:
    hostile = "</script><img src=x onerror=alert(1)>"
    dossier = replace(sample(), rows=(row(slice=f"site={hostile}"), row(slice="all")))
    page = rendered(tuple(PARTS["subgroups"](dossier)))
    assert "<img" not in page
    (data,) = re.findall(r'<script type="application/json" class="spec">(.*?)</script>', page, re.DOTALL)
    assert hostile.removeprefix("</script>") in json.dumps(json.loads(data), ensure_ascii=False)


@pytest.fixture
def answers(tmp_path: Path) -> Iterator[tuple[Place, Answers]]:
    """Two versions that answered the same questions; the new one is worse."""
    made = Answers(tmp_path, 0.9, -0.2)
    run_audit(made.ledger, made.lake, "answers", as_of=AT, clock=lambda: AT, actor="test")
    for role in people.ROLES:
        people.add(made.ledger, role, f"Dr {role.title()}", [role], "correct horse battery", "test", AT)
    yield Place(made.place, made.ledger, made.lake, lambda: AT), made
    made.ledger.close()


def _as(place: Place, role: str) -> TestClient:
    from auditor.access import sessions
    from dashboards.access import COOKIE, csrf_of
    from tests.dashboards.conftest import SECRET as KEY

    made = browser(place)
    secret = sessions.begin(place.ledger, role, "password", place.clock())
    made.cookies.set(COOKIE, secret)
    made.headers["x-csrf-token"] = csrf_of(KEY.encode(), sessions.digest_of(secret))
    return made


def test_two_versions_are_compared_beside_the_page(answers: tuple[Place, Answers]) -> None:
    place, made = answers
    engineer = _as(place, "engineer")
    form = {"old": "a", "new": "b"}
    address = "/systems/answers/compare"
    assert "were not compared" in engineer.get(address, params=form).text
    assert _as(place, "viewer").post(address, data=form).status_code == 403
    assert engineer.post(address, data=form | {"new": HOSTILE}).status_code == 404
    begun = engineer.post(address, data=form)
    assert begun.status_code == 303 and begun.headers["location"] == f"{address}?old=a&new=b"
    fragment = engineer.get(begun.headers["location"], headers={"hx-request": "true"}).text
    for _ in range(600):
        if 'hx-trigger="every 2s"' not in fragment:
            break
        clock.sleep(0.05)
        fragment = engineer.get(begun.headers["location"], headers={"hx-request": "true"}).text
    assert "b against a" in engineer.get(begun.headers["location"]).text
    assert "<h1" not in fragment and "Yes/no answers that are correct" in fragment
    broken = {name for one in made.compare().changed for name in one.broken}
    assert broken and not any(name in fragment for name in broken), "an engineer sees no cases"
    # of another server process it is not remembered; of this one everybody sees it
    whole = _with_cases(place)
    assert any(name in whole for name in broken)


def _with_cases(place: Place) -> str:
    name = system_versions.name_of(place, "answers", "a", "b")
    found = system_versions._FOUND.of(name)
    assert found is not None
    return rendered(system_versions.blocks(found, with_cases=True))


@pytest.fixture
def server(watched: Place) -> Iterator[str]:
    """The application on a free port of this machine, for a real browser."""
    app = create_app(watched, settings(login=False))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", lifespan="off"))
    thread = threading.Thread(target=made.run, daemon=True)
    thread.start()
    while not made.started:
        clock.sleep(0.02)
    yield f"http://127.0.0.1:{port}"
    made.should_exit = True
    thread.join(10)


def test_figures_come_to_life_under_the_strict_policy(server: str, window: Browser) -> None:
    said: list[str] = []
    page = window.new_page(viewport={"width": 1300, "height": 900})
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    for section in ("time", "subgroups", "drift", "overview"):
        page.goto(f"{server}{HOME}?section={section}")
        figures = page.locator("figure.interactive")
        assert figures.count()
        for number in range(figures.count()):
            figures.nth(number).scroll_into_view_if_needed()
            page.wait_for_function(
                "n => document.querySelectorAll('figure.interactive')[n].matches('.live, .still')", arg=number
            )
        assert page.locator("figure.still").count() == 0
        assert page.locator("figure.live [role=img][aria-label] svg").count() == figures.count()
    assert said == [], "no refusal by the policy and no error"
    page.goto(f"{server}{HOME}?section=subgroups")
    page.wait_for_selector("figure.live")
    page.locator("figure.live svg .mark-symbol path").first.hover()
    page.wait_for_function("document.querySelector('#vg-tooltip-element')?.textContent.includes('%')")
    page.goto(f"{server}{HOME}?section=time")
    page.wait_for_selector("figure.live .figure-controls, .live + .figure-controls, .figure-controls")
    axis = page.locator("figure.live").first.locator(".role-axis-label text")
    before = axis.all_text_contents()
    page.locator(".figure-controls").first.get_by_label("Closer").click()
    for _ in range(100):  # drawn again when the browser gets to it
        if axis.all_text_contents() != before:
            break
        page.wait_for_timeout(100)
    assert axis.all_text_contents() != before
    assert said == []
    page.close()
