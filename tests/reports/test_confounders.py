"""What goes with the worst groups, and the largest differences by finding, as they are printed."""

from dataclasses import replace

from reports.document import Folded, Heading, Table
from reports.dossier import Dossier, WorstGroup
from reports.sections.confounders import confounders, looked_at
from reports.sections.disparities import disparities, parity
from reports.sections.parity_findings import parity_by_finding
from tests.reports.samples import bare, sample


def texts(table: Table) -> list[list[str]]:
    return [[" | ".join(getattr(run, "text", "") for run in cell) for cell in row] for row in table.rows]


def worst(**changes: object) -> WorstGroup:
    return replace(sample().worst_groups[0], **changes)  # type: ignore[arg-type]


def with_groups(*groups: WorstGroup) -> Dossier:
    return bare(worst_groups=groups, current_version="2.1")


def test_every_attribute_has_a_line_beside_the_group() -> None:
    (table,) = (block for block in confounders(sample()) if isinstance(block, Table))
    by_site, by_vendor = texts(table)
    assert by_site == [
        "Sensitivity | age 65+",
        "+8.1 points [+3.2 to +13.1] | beyond chance",
        "site",
        "0.31, by chance 0.04",
        "+3.5 points [−0.2 to +7.1]",
    ]
    assert by_vendor[3:] == ["–", "– | a side was seen in 12 % only"]
    assert "+8.1 points" in by_vendor[1]  # an older audit has no interval of the crude gap


def test_a_measure_has_its_furthest_group_also_within_chance() -> None:
    """Beyond chance all are shown; within it the one furthest out, and the others are counted."""
    beyond = (worst(), worst(slice="sex=F", attribute="sex"))
    within = [
        worst(measure="specificity", slice=f"age={age}", beyond_chance=False, gap=gap)
        for age, gap in (("0-17", 0.01), ("18-39", 0.03), ("40-64", 0.02))
    ]
    shown, left_out = looked_at(with_groups(*within, *beyond))
    assert [one.slice for one in shown] == ["age=65+", "sex=F", "age=18-39"]
    assert left_out == 2
    none = worst(measure="npv", held_equal=())
    assert looked_at(with_groups(none, worst(version="2.0"))) == ([], 0)
    assert not list(confounders(with_groups(none)))


def test_the_section_has_the_table_once() -> None:
    blocks = list(disparities(sample()))
    said = [block.text for block in blocks if isinstance(block, Heading)]
    assert said.count("What goes with the worst groups") == 1


def test_differences_of_findings_stand_apart_from_the_pooled_ones() -> None:
    (folded,) = parity_by_finding(sample())
    assert isinstance(folded, Folded)
    (table,) = (block for block in folded.blocks if isinstance(block, Table))
    assert texts(table) == [["pleural effusion", "sex", "2", "2.4 points", "7.1 points"]]
    assert [line.attribute for line in parity(sample())] == ["sex", "site"]
    assert not list(parity_by_finding(bare(current_version="2.1")))
