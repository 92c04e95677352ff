"""The small hospital: made once, audited once, and copied for every test that changes it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from auditor.audit.run import Result
from tests.auditor import small_hospital
from tests.auditor.small_hospital import Site


@pytest.fixture(scope="session")
def small_unaudited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a workspace that has rows and no audit yet; copy it before changing it."""
    folder = tmp_path_factory.mktemp("small")
    small_hospital.build(folder)
    return folder


@pytest.fixture(scope="session")
def small_audited(small_unaudited: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """The same after its first audit, and that audit."""
    folder = small_hospital.copied(small_unaudited, tmp_path_factory.mktemp("audited"))
    (site,) = small_hospital.opened(folder)
    result = site.audit()
    site.ledger.close()
    return folder, result


@pytest.fixture
def fresh_site(small_unaudited: Path, tmp_path: Path) -> Iterator[Site]:
    yield from small_hospital.opened(small_hospital.copied(small_unaudited, tmp_path / "fresh"))


@pytest.fixture
def site(small_audited: tuple[Path, Result], tmp_path: Path) -> Iterator[Site]:
    """A workspace of one's own, audited once."""
    yield from small_hospital.opened(small_hospital.copied(small_audited[0], tmp_path / "audited"))


@pytest.fixture
def first(small_audited: tuple[Path, Result]) -> Result:
    """The audit that `site` starts with."""
    return small_audited[1]
