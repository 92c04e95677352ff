"""A served dashboard and browsers at it."""

from dataclasses import dataclass, field

from playwright.sync_api import Browser, BrowserContext, Page

from auditor.access import sessions
from dashboards.access import COOKIE
from dashboards.place import Place
from tests.dashboards.conftest import PASSWORD, Time


@dataclass
class Desk:
    """A served dashboard, and browsers at it. `complaints` are what a console said in red."""

    url: str
    place: Place
    time: Time
    browser: Browser
    complaints: list[str] = field(default_factory=list)
    open: list[BrowserContext] = field(default_factory=list)

    def sit(self, *, width: int = 1300, theme: str = "light", zone: str = "UTC") -> Page:
        """A new browser window that remembers nothing."""
        context = self.browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if theme == "dark" else "light",
            timezone_id=zone,
            base_url=self.url,
            accept_downloads=True,
        )
        self.open.append(context)
        page = context.new_page()
        page.on("console", lambda said: self._note(said.type, said.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        return page

    def _note(self, kind: str, text: str) -> None:
        if kind == "error" and "status of 4" not in text:  # refusals are asked for by tests
            self.complaints.append(text)

    def log_in(self, role: str, **how: object) -> Page:
        """A window of somebody who has logged in; the form is for the test that is about it."""
        page = self.sit(**how)  # type: ignore[arg-type]
        secret = sessions.begin(self.place.ledger, role, "password", self.time.at)
        page.context.add_cookies([{"name": COOKIE, "value": secret, "url": self.url, "httpOnly": True}])
        page.goto("/")
        return page


def fill_login(page: Page, name: str, password: str = PASSWORD) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
