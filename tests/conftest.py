"""What every test may use."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url, text

from auditor.workspace import Workspace
from tests import demo_site


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data sets, which is never part of the repository.

    Skips where it is not there, unless AUDITOR_REQUIRE_SHARED is set (as in CI): then its absence fails.
    """
    folder = Path(os.environ.get("AUDITOR_SHARED", Path(__file__).parents[2] / "shared"))
    if not (folder / "data").is_dir():
        message = "real data sets not found: set AUDITOR_SHARED to their folder"
        if os.environ.get("AUDITOR_REQUIRE_SHARED"):
            pytest.fail(message)
        pytest.skip(message)
    return folder


@pytest.fixture(scope="session")
def openi_reports(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The radiologists' reports of Open-i, read by the shared tool from a public wheel.

    Each has uid, findings, impression, indication, comparison and mesh.
    """
    out = tmp_path_factory.mktemp("openi") / "reports.jsonl"
    subprocess.run([sys.executable, shared / "tools" / "openi_reports.py", out], check=True)
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="session")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The demo hospital after half a year, which takes minutes to live through; copy it before changing it."""
    return demo_site.live(tmp_path_factory.mktemp("demo"))


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database: a file, then one on the server that AUDITOR_TEST_POSTGRES names.

    Skips where no server is named, unless AUDITOR_REQUIRE_POSTGRES is set (as in CI): then its absence fails.
    """
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'ledger.db'}"
        return
    server = os.environ.get("AUDITOR_TEST_POSTGRES")
    if not server:
        message = "no PostgreSQL server: set AUDITOR_TEST_POSTGRES to its address"
        if os.environ.get("AUDITOR_REQUIRE_POSTGRES"):
            pytest.fail(message)
        pytest.skip(message)
    name = f"auditor_test_{secrets.token_hex(6)}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield make_url(server).set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()
