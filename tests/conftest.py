"""What every test may use."""

import os
from pathlib import Path

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
