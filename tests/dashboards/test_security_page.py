"""docs/security.md keeps its word: one page, and every threat has tests that exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
ROWS = [
    tuple(cell.strip() for cell in line.strip("|").split("|"))
    for line in TEXT.splitlines()
    if line.startswith("|") and not line.startswith(("| threat ", "|---"))
]
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")


def test_it_is_one_page_with_threats_and_what_is_left() -> None:
    assert len(TEXT.splitlines()) <= 90
    assert len(ROWS) > 20
    assert "## Not defended" in TEXT


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_every_threat_has_a_defence_and_tests_that_exist(row: tuple[str, ...]) -> None:
    threat, defence, tests = row
    assert threat
    assert defence
    named = NAMED.findall(tests)
    assert named
    assert NAMED.sub("", tests).strip(", ") == "", "a test is named as `file.py::test_name`"
    for file, name in named:
        assert name in names_in(file), f"{file} has no test {name}"


def test_no_test_is_named_elsewhere_that_does_not_exist() -> None:
    for file, name in NAMED.findall(TEXT):
        assert name in names_in(file)


def names_in(file: str) -> set[str]:
    path = ROOT / file if "/" in file else ROOT / "tests" / "dashboards" / file
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {one.name for one in tree.body if isinstance(one, ast.FunctionDef) and one.name.startswith("test_")}
