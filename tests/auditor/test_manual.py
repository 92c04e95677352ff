"""The manual's settings can be applied, and its commands exist."""

import re
from pathlib import Path

import pytest
import typer.main

from auditor.cli.main import app
from auditor.settings import parse_settings

MANUAL = Path(__file__).parents[2] / "docs" / "manual"
PAGES = [MANUAL / name for name in ("operations.md", "alerts.md", "retention.md", "reports.md", "drift.md")]
COMMANDS = [*PAGES, MANUAL / "dashboard.md", MANUAL / "real.md", MANUAL.parents[1] / "README.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_example_of_settings_can_be_read(page: Path) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert blocks
    for block in blocks:
        parse_settings(f"system: s\ntasks: {{report: {{}}}}\n{block}", page.name)


@pytest.mark.parametrize("page", COMMANDS, ids=lambda page: page.stem)
def test_every_command_exists(page: Path) -> None:
    root = typer.main.get_command(app)
    for line in re.findall(r"`?auditor ((?:[a-z-]+ ?){1,2})", page.read_text(encoding="utf-8")):
        words = line.split()
        commands = getattr(root, "commands", {})
        if words[0] in commands and len(words) > 1:
            inner = getattr(commands[words[0]], "commands", None)
            assert inner is None or words[1] in inner, line


def test_the_units_name_commands_that_exist() -> None:
    deploy = MANUAL.parents[1] / "deploy"
    told = "\n".join(path.read_text() for path in deploy.iterdir())
    for words in ("auditor schedule run", "auditor schedule check", "auditor notify send"):
        assert words in told
