"""What changed: findings whose scores moved, and the parts of a change, as the report prints them."""

from dataclasses import replace

from reports.document import Table
from reports.html import render
from reports.sections.change import change
from tests.reports.samples import bare, sample


def _text(dossier_blocks: object) -> str:
    return str(list(dossier_blocks))  # type: ignore[call-overload]


def test_a_moved_finding_stands_in_the_table_and_the_others_in_a_sentence() -> None:
    first, second = (block for block in change(sample()) if isinstance(block, Table))
    (row,) = first.rows
    said = " ".join(getattr(run, "text", "") for one in row for run in one)
    assert said.startswith(
        "Edema label shift: how many have it 0.214 by chance up to 0.061 11.0 % → 22.0 % +11.0 points"
    )
    assert "19.0 % expected, 22.0 % seen" in said and said.endswith("21.0 % [17.0–25.0]")
    text = _text(change(sample()))
    assert "Nothing moved beyond chance: Effusion." in text
    assert "Cannot be told, too few labels, and scores have not moved: Pneumothorax." in text
    whole, few = (" ".join(getattr(run, "text", "") for one in row for run in one) for row in second.rows)
    assert whole.startswith("Calibration gap +0.031 [+0.012 to +0.050] +0.028 [+0.015 to +0.041] +0.003 ")
    assert whole.endswith("[−0.020 to +0.026] 3,600 scores")
    assert "– an effective 21 shared positives; 30 are needed – 21 positives" in few
    assert "Replay 2.0 on cases of this window, or 2.1 on cases of the reference window." in text


def test_another_versions_findings_are_left_out_and_nothing_is_said_of_nothing() -> None:
    old = tuple(replace(one, version="2.0") for one in sample().shifts)
    assert list(change(bare(shifts=old))) == []
    assert list(change(bare())) == []
    assert "What lies behind scores that moved" in render(sample())
