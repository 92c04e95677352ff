"""What no type checker sees: one file for each heavy library, a docstring a module, and a README that is true."""

import ast
import re
import shlex
from pathlib import Path

import pytest

from tests.auditor.test_cli import every_command

ROOT = Path(__file__).parents[1]
PACKAGES = ("auditor", "monitors", "reports", "dashboards")
#: The only files that may import these; everything else goes through them.
HOMES = {
    "evidently": {"monitors/evidently_drift.py"},
    "fairlearn": {"monitors/fairness.py"},
    "great_expectations": {"auditor/intake/gate.py"},
    "mlflow": {"auditor/tracking.py"},
}


def modules() -> list[Path]:
    return sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def imported(tree: ast.AST) -> set[str]:
    """The first part of every absolute import, wherever it stands."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("library", sorted(HOMES))
def test_a_heavy_library_has_one_home(library: str) -> None:
    using = {str(path.relative_to(ROOT)) for path in modules() if library in imported(ast.parse(path.read_text()))}
    assert using == HOMES[library]


def test_heavy_libraries_are_imported_inside_the_function_that_uses_them() -> None:
    for homes in HOMES.values():
        for home in homes:
            top = ast.Module(
                [
                    n
                    for n in ast.parse((ROOT / home).read_text()).body
                    if isinstance(n, ast.Import | ast.ImportFrom)
                ],
                type_ignores=[],
            )
            assert not imported(top) & set(HOMES), home


def test_every_module_says_what_it_is() -> None:
    silent = [
        str(path.relative_to(ROOT)) for path in modules() if not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert not silent


def readme_commands() -> list[list[str]]:
    blocks = re.findall(r"^```[a-z]*\n(.*?)^```", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if re.match(r"(\$ )?auditor ", line)]


def test_the_commands_of_the_readme_exist() -> None:
    known = {tuple(path) for path in every_command()}
    groups = {path[:-1] for path in known if len(path) > 1}
    asked = readme_commands()
    assert len(asked) > 5
    for words in asked:
        path = tuple(words[:2]) if (words[0],) in groups else (words[0],)
        assert path in known, f"README names 'auditor {' '.join(words)}', which does not exist"
