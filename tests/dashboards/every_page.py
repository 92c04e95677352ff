"""One address of every kind of page of the demo hospital's dashboard."""

from urllib.parse import quote

import sqlalchemy as sa
from playwright.sync_api import Page, expect

from auditor.store import tables as t
from dashboards.place import Place

SYSTEM = "chest-drafter"


def every_page(place: Place, sample: str, admin: Page, reviewer: Page) -> list[tuple[Page, str]]:
    """Every kind of page, in the window of somebody who may see it."""
    mine = [(admin, path) for path in (*pages_of(place), *tabs_of(admin))]
    return mine + [(reviewer, path) for path in pages_of_cases(reviewer, sample)]


def pages_of(place: Place) -> list[str]:
    """One address of every kind of page that an administrator sees."""

    def first(column: sa.Column[str]) -> str:
        return quote(str(place.ledger.read(sa.select(column.label("it")).order_by(column))[0]["it"]), safe="")

    fixed = ["/", "/alerts", "/alerts?status=all", "/decisions", "/reports", "/start", "/thresholds", "/controls"]
    more = ["/jobs", "/journal", "/journal/1", "/journal/check", "/admin", "/admin/sessions", "/admin/tokens"]
    refused = ["/nothing", "/cases", "/journal/99999999"]
    one = [
        f"/alerts/{first(t.alerts.c.id)}",
        f"/decisions/{first(t.incidents.c.id)}",
        f"/reports/{first(t.reports.c.id)}?checked=true",
        f"/thresholds/rule?system={SYSTEM}&name={first(t.thresholds.c.name)}",
        f"/thresholds/settings?system={SYSTEM}",
        f"/controls?system={SYSTEM}",
        f"/jobs/{first(t.job_runs.c.id)}",
        "/admin/person?name=viewer",
        f"/systems/{SYSTEM}/compare?old=1.4&new=1.5",
    ]
    return fixed + more + refused + one


def pages_of_cases(page: Page, sample: str) -> list[str]:
    """One address of every kind of page about cases, as a reviewer sees them."""
    page.goto("/cases")
    link = page.locator("table a[href^='/cases/']").first
    expect(link).to_be_visible(timeout=120_000)
    return ["/reviews", f"/reviews/{sample}", f"/reviews/{sample}/1", "/cases", link.get_attribute("href") or ""]


def tabs_of(page: Page) -> list[str]:
    """The tabs of the system page."""
    page.goto(f"/systems/{SYSTEM}")
    links = page.locator("main a[href*='section=']").evaluate_all(
        "all => all.map(one => one.getAttribute('href'))"
    )
    found = dict.fromkeys(str(link) for link in links)
    assert len(found) >= 8, found
    page.goto(f"/systems/{SYSTEM}?section=drift")
    column = page.locator(".heatmap tbody th a").first.get_attribute("href")
    return [f"/systems/{SYSTEM}{link}" if link.startswith("?") else link for link in (*found, str(column))]
