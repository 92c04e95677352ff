"""The small hospital, made once, audited once and copied for every test that changes it; and the command line."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from auditor.audit.run import Result
from auditor.cli import main as entry
from tests.auditor import small_hospital
from tests.auditor.small_hospital import Site

#: auditor with these words: exit code, standard output, standard error.
Run = Callable[..., tuple[int, str, str]]


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


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """auditor with these words; gives exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    for name in ("AUDITOR_WORKSPACE", "AUDITOR_LEDGER", "AUDITOR_LAKE", "AUDITOR_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("AUDITOR_ACTOR", "test")

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["auditor", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            entry()
            raise SystemExit(0)
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return call


@pytest.fixture
def audited(run: Run, site: Site, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The small hospital, audited, as the workspace of `run`."""
    monkeypatch.setenv("AUDITOR_WORKSPACE", str(site.workspace.path))
    monkeypatch.setenv("AUDITOR_KEY_FILE", str(site.workspace.path.parent / "keys" / "site.key"))
    # MLflow has its own tests; here nothing waits for it
    site.apply(small_hospital.YAML.replace("stale_after_days: 60\n", ""), small_hospital.LATER)
    return site
