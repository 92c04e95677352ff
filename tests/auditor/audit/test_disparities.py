"""Worst groups in an audit: who is named, who may not be, and what moves with the gap; differences by finding."""

from typing import Any

import numpy as np
import pyarrow.compute as pc
import pytest
from fairlearn.metrics import demographic_parity_difference, equalized_odds_difference

from auditor.audit.disparities import parity_of_finding
from auditor.audit.run import Result
from monitors.levels import Desk
from monitors.performance import PERFORMANCE
from monitors.tally import Tally
from tests.auditor import small_hospital as small
from tests.auditor.small_hospital import LATER, Site
from tests.monitors.population import STRATA, classifications

_MORE = 400


def _study(i: int) -> dict[str, Any]:
    """Drafts err for a third of the women and one man in twenty; most women are in the north."""
    woman = i % 2 == 0
    return {"site": "north" if (i // 2) % 10 < (7 if woman else 3) else "south", "sex": "F" if woman else "M"}


def _wrong(i: int) -> bool:
    return (i // 20) % 3 == 0 if i % 2 == 0 else (i // 2) % 20 == 0


@pytest.fixture
def uneven(site: Site) -> Site:
    site.hand_in(
        "cases",
        [{"case_id": f"K-{i}", "patient_id": f"K-{i}", "attributes": _study(i)} for i in range(_MORE)],
        LATER,
    )
    site.hand_in("references", [small.report_reference(i, case_id=f"K-{i}") for i in range(_MORE)], LATER)
    texts = {True: "There is a large left pleural effusion.", False: "There is no pleural effusion."}
    about = {"task": "report", "version": "3", "produced_at": "2026-02-20T10:00:00Z"}
    site.hand_in(
        "outputs",
        [about | {"case_id": f"K-{i}", "output_id": f"K-{i}", "text": texts[_wrong(i)]} for i in range(_MORE)],
        LATER,
    )
    site.apply(small.YAML.replace("slices: [sex]", "slices: [sex, site]"), LATER)
    return site


def test_the_worst_group_is_beyond_chance_and_its_gap_stays_with_sites_alike(uneven: Site) -> None:
    dossier = uneven.dossier(uneven.audit(LATER).audit)
    found = {
        one.attribute: one
        for one in dossier.worst_groups
        if (one.measure, one.version) == ("contradicted_reports", "3")
    }
    women = found["sex"]
    rates = [sum(_wrong(i) for i in range(_MORE) if i % 2 == odd) / (_MORE / 2) for odd in (0, 1)]
    assert (women.slice, women.groups, women.beyond_chance) == ("sex=F", 2, True)
    assert women.gap == pytest.approx(rates[0] - rates[1])
    (by_site,) = women.held_equal
    assert by_site.attribute == "site"
    assert by_site.association is not None and by_site.association > 0.3
    assert by_site.adjusted is not None and by_site.adjusted_low is not None
    assert by_site.adjusted_low > 0.1
    assert by_site.crude == pytest.approx(women.gap)
    assert by_site.crude_low is not None and by_site.crude_high is not None
    assert 0 < by_site.crude_low < by_site.crude < by_site.crude_high


def test_a_gap_within_chance_is_looked_at_too(uneven: Site) -> None:
    """What another attribute hides may lie within chance: that is no reason to leave it out."""
    dossier = uneven.dossier(uneven.audit(LATER).audit)
    shares = [one for one in dossier.worst_groups if one.version == "3" and one.measure == "contradicted_reports"]
    assert {one.attribute for one in shares} == {"sex", "site"}
    assert all(len(one.held_equal) == 1 for one in shares)
    assert not all(one.beyond_chance for one in dossier.worst_groups if one.held_equal)


def test_differences_of_a_finding_are_fairlearns_where_every_group_has_labels_enough() -> None:
    table = classifications(np.random.default_rng(5), 900)
    desk = Desk(PERFORMANCE, Tally.of(PERFORMANCE, table, STRATA), "v1")
    (by_sex,) = [one for one in parity_of_finding(desk, "Nodule", ["sex", "site"]) if one.attribute == "sex"]
    known = pc.and_(pc.is_valid(table["label"]), pc.is_valid(table["decision"]))
    part = table.filter(pc.and_(known, pc.equal(table["item"].cast("string"), "Nodule")))
    label, decision = (part[name].to_numpy() for name in ("label", "decision"))
    sex = {"sensitive_features": part["sex"].to_pylist()}
    assert (by_sex.item, by_sex.version, by_sex.groups) == ("Nodule", "v1", 2)
    assert by_sex.equalized_odds_difference == pytest.approx(equalized_odds_difference(label, decision, **sex))
    assert by_sex.demographic_parity_difference == pytest.approx(
        demographic_parity_difference(label, decision, **sex)
    )
    few = Desk(PERFORMANCE, Tally.of(PERFORMANCE, table.slice(0, 150), STRATA), "v1")
    assert not list(parity_of_finding(few, "Nodule", ["sex", "site"]))


def test_a_suppressed_group_is_never_named(site: Site, first: Result) -> None:
    """Four cases are of sex O: the group is hidden, and so it is no worst group."""
    dossier = site.dossier(first.audit)
    hidden = {(row.measure, row.version, row.slice) for row in dossier.rows if row.suppressed}
    assert hidden
    assert not [one for one in dossier.worst_groups if (one.measure, one.version, one.slice) in hidden]
