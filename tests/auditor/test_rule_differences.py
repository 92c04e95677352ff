"""Two versions beside each other: of a rule, and of a system's settings."""

import pytest

from auditor.rules.differences import (
    DifferenceError,
    Line,
    rule_change,
    rule_versions,
    settings_change,
    settings_versions,
)
from tests.auditor import small_hospital as small
from tests.auditor.small_hospital import SYSTEM, Site

SOFTER = small.YAML.replace("watch: 0.05, act: 0.10", "watch: 0.5, act: 0.8")


def test_a_rule_is_compared_field_by_field(site: Site) -> None:
    site.apply(SOFTER, small.LATER)
    versions = rule_versions(site.ledger, SYSTEM, "contradicted_reports")
    assert [row["version"] for row in versions] == [2, 1]
    assert rule_change(versions, 1, 2).fields == {"act": (0.1, 0.8), "watch": (0.05, 0.5)}
    assert rule_change(versions, 2, 1).fields == {"act": (0.8, 0.1), "watch": (0.5, 0.05)}
    assert rule_change(versions, 2, 2).fields == {}
    with pytest.raises(DifferenceError, match="The rule has no version 3; it has 1 to 2"):
        rule_change(versions, 1, 3)
    with pytest.raises(DifferenceError, match="small has no such rule"):
        rule_versions(site.ledger, SYSTEM, "nothing")


def test_settings_are_compared_line_by_line(site: Site) -> None:
    site.apply(SOFTER + "owner: radiology\n", small.LATER)
    newest, oldest = settings_versions(site.ledger, SYSTEM)
    found = settings_change([newest, oldest], oldest["seq"], newest["seq"])
    assert [(one.mark, one.text.strip()) for one in found if one.mark in ("added", "removed")] == [
        ("removed", "- {measure: contradicted_reports, watch: 0.05, act: 0.10}"),
        ("added", "- {measure: contradicted_reports, watch: 0.5, act: 0.8}"),
        ("added", "owner: radiology"),
    ]
    assert found[0] == Line("left out", "9 equal lines")
    # every line that is there has its own number, before and after
    before, after = oldest["yaml"].splitlines(), newest["yaml"].splitlines()
    for one in found[1:]:
        assert one.before is None or before[one.before - 1] == one.text
        assert one.after is None or after[one.after - 1] == one.text
    turned = settings_change([newest, oldest], newest["seq"], oldest["seq"])
    swap = {"added": "removed", "removed": "added"}
    assert {(one.mark, one.text, one.before, one.after) for one in turned} == {
        (swap.get(one.mark, one.mark), one.text, one.after, one.before) for one in found
    }
    assert settings_change([newest, oldest], newest["seq"], newest["seq"]) == ()
    with pytest.raises(DifferenceError, match="no settings with the number 99"):
        settings_change([newest, oldest], 1, 99)
    with pytest.raises(DifferenceError, match="There is no such system"):
        settings_versions(site.ledger, "nothing")
