"""The small hospital's cases, listed once; and a hospital whose cases have errors of many kinds."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from auditor.audit.run import Result
from auditor.cases import building
from auditor.cases.index import CaseIndex
from auditor.cases.seen import Seen, seen_by
from tests.auditor import small_hospital
from tests.auditor.small_hospital import SYSTEM, Site


@dataclass(frozen=True)
class Listed:
    """A site, what its audit saw, and the list of its cases."""

    site: Site
    seen: Seen
    index: CaseIndex

    @property
    def path(self) -> Path:
        return building.path_of(self.site.workspace.path, self.seen)


def list_cases(site: Site) -> Listed:
    seen = seen_by(site.ledger, SYSTEM)
    return Listed(site, seen, building.make(site.ledger, site.lake, site.workspace.path, seen))


@pytest.fixture
def listed(site: Site) -> Listed:
    return list_cases(site)


@pytest.fixture(scope="session")
def all_session(small_audited: tuple[Path, Result], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listed]:
    """The same, listed once; nobody may change it."""
    folder = small_hospital.copied(small_audited[0], tmp_path_factory.mktemp("listed"))
    for site in small_hospital.opened(folder):
        yield list_cases(site)
