"""The dashboard over the small hospital, and browsers of people with every role."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from pydantic import SecretStr
from starlette.testclient import TestClient

from auditor.access import sessions
from auditor.audit.run import Result
from auditor.signing import people
from dashboards.access import COOKIE, csrf_of
from dashboards.app import create_app
from dashboards.place import Place
from dashboards.web_settings import WebSettings
from tests.auditor import conftest as hospital_fixtures
from tests.auditor import small_hospital
from tests.auditor.issuing.conftest import issue
from tests.auditor.small_hospital import RECEIVED, Site
from tests.dashboards.chromium import chromium

#: The small hospital is made by the fixtures of the auditor's own tests.
small_unaudited, small_audited = hospital_fixtures.small_unaudited, hospital_fixtures.small_audited
PASSWORD = "correct horse battery"
SECRET = "a secret that is long enough for the tests"
NOW = RECEIVED + timedelta(hours=2)


@dataclass
class Time:
    """A clock that stands where it is put."""

    at: datetime = NOW

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture(scope="session")
def hospital_folder(small_audited: tuple[Path, Result], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small hospital with its first report and one person of every role; copy it before changing it."""
    folder = small_hospital.copied(small_audited[0], tmp_path_factory.mktemp("web"))
    (site,) = small_hospital.opened(folder)
    issue(site)
    for role in people.ROLES:
        people.add(
            site.ledger, role, f"Dr {role.title()}", [role], PASSWORD, "test", datetime(2026, 3, 1, tzinfo=UTC)
        )
    site.ledger.close()
    return folder


@pytest.fixture
def hospital(hospital_folder: Path, tmp_path: Path) -> Iterator[Site]:
    """A workspace of one's own with an audit, a report and people."""
    yield from small_hospital.opened(small_hospital.copied(hospital_folder, tmp_path / "web"))


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def place(hospital: Site, time: Time) -> Place:
    return Place(hospital.workspace, hospital.ledger, hospital.lake, time)


@pytest.fixture
def client(place: Place) -> Iterator[TestClient]:
    """A browser that is not logged in."""
    with browser(place) as made:
        yield made


def settings(*, login: bool = True) -> WebSettings:
    """What `auditor serve` is given, whatever the environment of the tests says."""
    return WebSettings.model_construct(
        secret_key=SecretStr(SECRET),
        secret_key_file=None,
        web_names="testserver",
        web_https=False,
        web_login=login,
        web_host="127.0.0.1",
    )


def browser(place: Place) -> TestClient:
    return TestClient(create_app(place, settings()), raise_server_exceptions=True, follow_redirects=False)


AsRole = Callable[[str], TestClient]


@pytest.fixture
def as_role(place: Place) -> Iterator[AsRole]:
    """A logged-in browser of the person with this role; its `headers` hold the token that forms need."""
    opened: list[TestClient] = []

    def log_in(role: str) -> TestClient:
        made = browser(place)
        secret = sessions.begin(place.ledger, role, "password", place.clock())
        made.cookies.set(COOKIE, secret)
        made.headers["x-csrf-token"] = csrf_of(SECRET.encode(), sessions.digest_of(secret))
        opened.append(made)
        return made

    yield log_in
    for one in opened:
        one.close()


@pytest.fixture(scope="session")
def window() -> Iterator[Browser]:
    """A real Chromium, one for all tests."""
    with chromium() as browser:
        yield browser
