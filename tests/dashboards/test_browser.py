"""The dashboard over the demo hospital in a real Chromium, as its people use it."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from auditor.access import sessions
from auditor.alerts.incidents import open_incident
from auditor.issuing.issue import issue_weekly
from auditor.reviews.draw import draw_sample
from auditor.signing import people
from auditor.store import tables as t
from auditor.workspace import Workspace
from dashboards.app import create_app
from dashboards.place import Place
from tests import demo_site
from tests.dashboards.chromium import served
from tests.dashboards.conftest import PASSWORD, Time, settings
from tests.dashboards.desk import Desk, fill_login
from tests.dashboards.every_page import SYSTEM, every_page, tabs_of


@pytest.fixture(scope="module")
def hospital_place(lived: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Place, Time]]:
    """A copy of the demo hospital with a person of every role."""
    workspace = demo_site.copied(lived, tmp_path_factory.mktemp("browser"))
    ledger = workspace.ledger()
    last = ledger.read(sa.select(sa.func.max(t.audits.c.finished_at).label("at")))[0]["at"]
    time = Time(last + timedelta(hours=2))
    for role in people.ROLES:
        people.add(ledger, role, f"Dr {role.title()}", [role], PASSWORD, "test", datetime(2026, 1, 5, tzinfo=UTC))
    yield Place(workspace, ledger, workspace.lake(), time), time
    ledger.close()


@pytest.fixture(scope="module")
def sample(hospital_place: tuple[Place, Time]) -> str:
    """A sample to review, an incident and a report: what the demo hospital leaves to people."""
    place, time = hospital_place
    last = place.ledger.read(sa.select(sa.func.max(t.alerts.c.id).label("id")))[0]["id"]
    open_incident(place.ledger, "Too many misses in old age", [last], "committee", time.at)
    issue_weekly(place.ledger, place.lake, SYSTEM, at=time.at, actor="committee", alarms_a_year=2.0)
    drawn = draw_sample(place.ledger, place.lake, SYSTEM, n=12, at=time.at, actor="reviewer", blinded=False)
    return drawn.sample


@pytest.fixture(scope="module")
def address(hospital_place: tuple[Place, Time]) -> Iterator[str]:
    with served(create_app(hospital_place[0], settings())) as url:
        yield url


@pytest.fixture
def desk(address: str, hospital_place: tuple[Place, Time], window: Browser) -> Iterator[Desk]:
    made = Desk(address, *hospital_place, window)
    yield made
    for context in made.open:
        context.close()
    assert made.complaints == []


#: All that axe looks at which hangs on colours.
CONTRAST = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}


def test_axe_finds_nothing_on_any_page(desk: Desk, sample: str) -> None:
    """Every rule in the light, and those of colours in the dark too."""
    admin, reviewer = desk.log_in("admin"), desk.log_in("reviewer")
    faults = {}
    for page, path in every_page(desk.place, sample, admin, reviewer):
        page.emulate_media(color_scheme="light")
        page.goto(path)
        page.wait_for_load_state("networkidle")
        found = Axe().run(page).response["violations"]
        page.emulate_media(color_scheme="dark")
        found += Axe().run(page, options=CONTRAST).response["violations"]
        if found:
            faults[path] = [(one["id"], one["nodes"][0]["html"][:150], len(one["nodes"])) for one in found]
    assert faults == {}


def test_the_login_page_is_accessible(desk: Desk) -> None:
    for theme in ("light", "dark"):
        page = desk.sit(theme=theme)
        page.goto("/login")
        fill_login(page, "viewer", "wrong horse battery")
        assert Axe().run(page).response["violations"] == []


def test_no_page_is_wider_than_a_phone(desk: Desk, sample: str) -> None:
    admin, reviewer = desk.log_in("admin", width=360), desk.log_in("reviewer", width=360)
    wide = {}
    for page, path in every_page(desk.place, sample, admin, reviewer):
        page.goto(path)
        over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        if over > 0:
            wide[path] = over
    assert wide == {}


def test_an_alert_lives_its_whole_life(desk: Desk) -> None:
    page = desk.log_in("committee")
    page.get_by_role("link", name="Alerts", exact=True).click()
    page.locator("tbody a").first.click()
    expect(page.get_by_text("nobody yet")).to_be_visible()
    page.get_by_role("button", name="I have seen it and own it").click()
    expect(page.locator("dl.facts")).to_contain_text("acknowledged")
    page.get_by_role("button", name="Its cause is being looked for").click()
    expect(page.locator("dl.facts")).to_contain_text("investigating")
    page.get_by_label("Owner").fill("engineer")
    page.get_by_role("button", name="Assign").click()
    expect(page.locator("dl.facts")).to_contain_text("engineer")
    page.get_by_label("Note, without anything about a patient").fill("the vendor was asked")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("the vendor was asked")).to_be_visible()
    page.get_by_label("What the incident is about").fill("Too many misses in old age")
    page.get_by_role("button", name="Open an incident").click()
    page.wait_for_url("**/decisions/incident-*")
    page.get_by_label("Decision").select_option("restrict")
    page.get_by_label("Who sees to it").fill("Dr Admin")
    page.get_by_label("By").fill("2026-09-01")
    page.get_by_label("Why").fill("until the vendor answers")
    page.get_by_role("button", name="Record").click()
    expect(page.get_by_text("until the vendor answers")).to_be_visible()
    page.go_back()
    page.go_back()
    page.get_by_label("true alarm").check()
    page.get_by_label("What had caused it").fill("few old patients in training")
    page.get_by_label("What was done about it").fill("restricted")
    page.get_by_role("button", name="Resolve").click()
    expect(page.locator("dl.facts")).to_contain_text("true alarm")
    expect(page.locator(".history")).to_contain_text("few old patients in training")
    page.get_by_label("Why").fill("it is back")
    page.get_by_role("button", name="Open again").click()
    expect(page.locator("dl.facts")).to_contain_text("open")


def test_a_report_is_issued_read_checked_and_signed(desk: Desk) -> None:
    page = desk.log_in("committee")
    page.goto("/reports")
    page.get_by_label("Of").select_option(SYSTEM)
    page.get_by_role("button", name="Issue").click()
    page.wait_for_url("**/reports/report-*", timeout=60_000)
    page.get_by_role("link", name="Check files and signatures").click()
    expect(page.get_by_text("Intact")).to_be_visible()
    page.get_by_label("Decision about the system").select_option("continue")
    page.get_by_label("Password").fill("wrong horse battery")
    page.get_by_role("button", name="Sign").click()
    expect(page.get_by_role("alert")).to_contain_text("nothing was signed")
    page.go_back()
    page.get_by_label("Decision about the system").select_option("continue")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign").click()
    expect(page.locator(".history")).to_contain_text("Dr Committee: reviewed, continue")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename.endswith("-bundle.zip")
    page.get_by_role("link", name="Read it").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Chest radiograph drafts")


def test_a_review_session_by_keyboard_survives_a_reload(desk: Desk) -> None:
    page = desk.log_in("reviewer")
    page.goto("/reviews")
    page.get_by_label("Reports").fill("12")
    page.get_by_role("button", name="Draw the sample").click()
    page.wait_for_url(re.compile(r"/reviews/[^/]+$"), timeout=60_000)
    page.get_by_role("link", name="Begin with item 1").click()
    page.wait_for_url("**/reviews/*/1")
    here = page.url
    page.keyboard.press("n")
    expect(page.get_by_role("status").filter(has_text="Saved")).to_be_visible()
    page.reload()
    expect(page.get_by_role("radio", name="No n")).to_be_checked()
    page.keyboard.press("j")
    page.wait_for_function("before => location.href !== before", arg=here)
    rows = desk.place.ledger.read(sa.select(t.reviews))
    assert [row["verdict"] for row in rows] == ["no"]
    looks = desk.place.ledger.read(sa.select(t.case_views).where(t.case_views.c.user == "reviewer"))
    assert "review" in {row["what"] for row in looks}


def test_cases_are_for_those_who_may_and_every_look_is_on_record(desk: Desk) -> None:
    viewer = desk.log_in("viewer")
    expect(viewer.get_by_role("link", name="Cases")).to_have_count(0)
    viewer.goto("/cases")
    expect(viewer.get_by_role("alert")).to_contain_text("do not allow you to see texts and images of cases")
    reviewer = desk.log_in("reviewer")
    reviewer.goto(f"/cases?system={SYSTEM}")
    link = reviewer.locator("table a[href^='/cases/']").first
    expect(link).to_be_visible(timeout=60_000)
    link.click()
    expect(reviewer.get_by_role("heading", level=1)).to_be_visible()
    looks = desk.place.ledger.read(sa.select(t.case_views).where(t.case_views.c.what == "case"))
    assert {row["user"] for row in looks} == {"reviewer"}


def test_roles_see_their_pages_and_no_others(desk: Desk) -> None:
    menus = {role: desk.log_in(role).get_by_role("navigation", name="Pages").inner_text() for role in people.ROLES}
    assert {role for role, menu in menus.items() if "Admin" in menu} == {"admin"}
    assert {role for role, menu in menus.items() if "Reviews" in menu} == {"reviewer"}
    assert {role for role, menu in menus.items() if "Cases" in menu} == {"reviewer", "committee"}


def test_logging_in_and_out_by_the_form(desk: Desk) -> None:
    page = desk.sit()
    page.goto("/reports")
    fill_login(page, "viewer", "wrong horse battery")
    expect(page.get_by_role("alert")).to_contain_text("Name or password is not right")
    fill_login(page, "viewer")
    page.wait_for_url("**/reports")
    expect(page.get_by_text("Dr Viewer")).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    page.goto("/alerts")
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()


def test_an_expired_session_comes_back_to_where_it_was(desk: Desk) -> None:
    page = desk.log_in("viewer")
    page.goto("/alerts?status=all")
    desk.time.at += sessions.IDLE + timedelta(minutes=1)
    page.reload()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    fill_login(page, "viewer")
    page.wait_for_url("**/alerts?status=all")


def test_times_are_the_readers_own(desk: Desk) -> None:
    def shown(zone: str) -> str:
        page = desk.log_in("viewer", zone=zone)
        return page.locator("time[data-local]").first.inner_text()

    assert shown("UTC") != shown("Asia/Tokyo")


def test_keys_lead_to_pages_and_to_the_search(desk: Desk) -> None:
    page = desk.log_in("viewer")
    page.keyboard.press("g")
    page.keyboard.press("a")
    page.wait_for_url("**/alerts")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("vendor")
    page.keyboard.press("Enter")
    page.wait_for_url("**/alerts?q=vendor")


def test_a_list_says_every_key_and_keys_can_be_switched_off(desk: Desk) -> None:
    page = desk.log_in("viewer")
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    expect(keys).to_contain_text("to Alerts")
    assert Axe().run(page).response["violations"] == []
    expect(keys).not_to_contain_text("to Cases")  # of pages that a viewer may not see no key leads there
    keys.get_by_label("Use single keys").uncheck()
    keys.get_by_role("button", name="Close").click()
    page.reload()
    page.keyboard.press("?")
    expect(keys).to_be_hidden()
    page.get_by_role("button", name="Keys").click()
    expect(keys).to_be_visible()


def test_light_and_dark_are_remembered(desk: Desk) -> None:
    page = desk.log_in("viewer")
    page.get_by_role("button", name="Dark").click()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    page.reload()
    assert page.locator("html").get_attribute("data-theme") == "dark"
    expect(page.get_by_role("button", name="Light")).to_be_visible()


def test_figures_become_interactive_under_the_strict_policy(desk: Desk) -> None:
    page = desk.log_in("viewer")
    for tab in tabs_of(page):
        if "time" in tab or "trend" in tab:
            page.goto(tab)
            break
    expect(page.locator("figure svg.marks, figure canvas.marks").first).to_be_visible(timeout=20_000)


def test_pages_work_without_script(desk: Desk, tmp_path: Path) -> None:
    context = desk.browser.new_context(base_url=desk.url, java_script_enabled=False)
    desk.open.append(context)
    page = context.new_page()
    page.goto("/login")
    fill_login(page, "viewer")
    page.goto("/alerts")
    page.get_by_label("Find").fill("vendor")
    page.get_by_role("button", name="Find").click()
    expect(page.locator("tbody tr")).to_have_count(1)
