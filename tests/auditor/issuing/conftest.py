"""The small hospital with a committee member, and its report."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from auditor.audit.run import Result
from auditor.issuing.issue import Issued, issue_weekly
from auditor.signing import people
from auditor.signing.anchors import signing_key
from tests.auditor import small_hospital
from tests.auditor.small_hospital import RECEIVED, SYSTEM, Site

AT = RECEIVED + timedelta(hours=1)
PASSWORD = "correct horse battery"


def issue(site: Site, at: datetime = AT, audit: str | None = None) -> Issued:
    key = signing_key(site.workspace, site.ledger, "test", at)
    return issue_weekly(
        site.ledger, site.lake, SYSTEM, audit=audit, at=at, actor="test", alarms_a_year=2.0, key=key
    )


@pytest.fixture(scope="session")
def issued_folder(small_audited: tuple[Path, Result], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small hospital with its first report, which takes seconds to make; copy it before changing it."""
    folder = small_hospital.copied(small_audited[0], tmp_path_factory.mktemp("issued"))
    (site,) = small_hospital.opened(folder)
    issue(site)
    site.ledger.close()
    return folder


@pytest.fixture
def ada(site: Site) -> str:
    people.add(
        site.ledger, "ada", "Dr Ada Lang", ["committee"], PASSWORD, "test", datetime(2026, 3, 1, tzinfo=UTC)
    )
    return "ada"
