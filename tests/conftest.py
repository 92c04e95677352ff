"""What every test may use."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


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
