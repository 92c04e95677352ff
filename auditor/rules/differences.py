"""Two versions beside each other: of one rule, field by field; of a system's settings, line by line."""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import sqlalchemy as sa

from auditor.in_force import Reader
from auditor.rules.register import Change
from auditor.store import tables as t

#: Unchanged lines that are shown on each side of a change.
_AROUND: Final = 3

Mark = Literal["added", "removed", "same", "left out"]


class DifferenceError(ValueError):
    """One clear sentence about versions that cannot be held beside each other."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of settings: its number before and after, None where it is not there."""

    mark: Mark
    text: str
    before: int | None = None
    after: int | None = None


def rule_versions(place: Reader, system: str, name: str) -> list[Any]:
    """Every version of a rule, newest first. Raises DifferenceError where there is none."""
    query = sa.select(t.thresholds).where(t.thresholds.c.system == system, t.thresholds.c.name == name)
    rows = place.read(query.order_by(t.thresholds.c.version.desc()))
    if not rows:
        raise DifferenceError(f"{system} has no such rule; 'auditor thresholds show --history' lists all.")
    return list(rows)


def rule_change(versions: Sequence[Any], old: int, new: int) -> Change:
    """What differs from version `old` to version `new` of one rule. Raises DifferenceError."""
    numbered = {row["version"]: row for row in versions}
    if lost := [number for number in (old, new) if number not in numbered]:
        raise DifferenceError(f"The rule has no version {lost[0]}; it has {min(numbered)} to {max(numbered)}.")
    return Change(numbered[new]["name"], numbered[old]["content"], numbered[new]["content"])


def settings_versions(place: Reader, system: str) -> list[Any]:
    """Every version of a system's settings, newest first. Raises DifferenceError where there is none."""
    query = sa.select(t.configs).where(t.configs.c.system == system)
    rows = place.read(query.order_by(t.configs.c.seq.desc()))
    if not rows:
        raise DifferenceError("There is no such system, or it has no settings; 'auditor apply' registers one.")
    return list(rows)


def settings_change(versions: Sequence[Any], old: int, new: int) -> tuple[Line, ...]:
    """The settings of version `old` (its number) turned into those of `new`; empty where the text is the same.

    Raises DifferenceError.
    """
    numbered = {row["seq"]: row["yaml"] for row in versions}
    if lost := [number for number in (old, new) if number not in numbered]:
        raise DifferenceError(f"The system has no settings with the number {lost[0]}.")
    return tuple(_lines(numbered[old].splitlines(), numbered[new].splitlines()))


def _lines(before: list[str], after: list[str]) -> Iterator[Line]:
    groups = difflib.SequenceMatcher(None, before, after, autojunk=False).get_grouped_opcodes(_AROUND)
    shown = 0
    for group in groups:
        if group[0][1] > shown:
            yield _left_out(group[0][1] - shown)
        for kind, old, old_end, new, new_end in group:
            if kind == "equal":
                numbers = zip(range(old, old_end), range(new, new_end), strict=True)
                yield from (Line("same", before[i], i + 1, j + 1) for i, j in numbers)
                continue
            yield from (Line("removed", before[i], before=i + 1) for i in range(old, old_end))
            yield from (Line("added", after[j], after=j + 1) for j in range(new, new_end))
        shown = group[-1][2]
    if 0 < shown < len(before):
        yield _left_out(len(before) - shown)


def _left_out(count: int) -> Line:
    return Line("left out", f"{count} equal {'line' if count == 1 else 'lines'}")
