"""From outputs to reviews by group, in a workspace of known contents."""

from datetime import datetime, timedelta

from auditor.audit.run import Result
from reports.dossier import Selected
from tests.auditor import small_hospital as small
from tests.auditor.small_hospital import LATER, RECEIVED, Site


def _lines(site: Site, audit: str, task: str = "report", version: str = "2") -> dict[str, Selected]:
    return {one.slice: one for one in site.dossier(audit).selected if (one.task, one.version) == (task, version)}


def test_outputs_are_followed_to_their_judgement_group_by_group(site: Site, first: Result) -> None:
    lines = _lines(site, first.audit)
    whole = lines["all"]
    # forty drafts of version 2, all older than two weeks; three still wait for their reference
    assert (whole.outputs, whole.linked, whole.judged, whole.lost, whole.reviewed) == (40, 37, 37, 3, 0)
    shown = {name: one for name, one in lines.items() if name != "all"}
    # four patients of sex O are too few to show, and the next smallest group would give them away
    assert sum(one.suppressed for one in shown.values()) == 2 and shown["sex=O"].suppressed
    assert all(one.outputs is None for one in shown.values() if one.suppressed)
    images = _lines(site, first.audit, "classification")["all"]
    assert (images.outputs, images.judged, images.lost) == (60, 60, 0)  # an image counts once, not once a finding


def test_what_cannot_have_a_reference_yet_is_not_missing(site: Site) -> None:
    site.apply(small.YAML.replace("maturity_days: 14", "maturity_days: 40"), RECEIVED)
    whole = _lines(site, site.audit(RECEIVED).audit)["all"]
    last = (RECEIVED - timedelta(days=40)).date()
    old = [i for i in range(20, small.CASES) if i in small.UNDATED or small.day_of(i) <= last]
    assert (whole.outputs, whole.lost) == (len(old), 0) and len(old) < 38


def test_a_verdict_does_not_rest_on_part_of_the_outputs(site: Site, first: Result) -> None:
    """Two drafts in three are wrong; with seven more of which nobody knows, not surely every other one."""
    more = [
        small.report_output(i, output_id=f"OUT-{i}", produced_at="2026-01-20T10:00:00Z") for i in range(60, 67)
    ]
    site.apply(small.YAML.replace("watch: 0.05, act: 0.10", "watch: 0.3, act: 0.45"), RECEIVED)

    def said(as_of: datetime) -> tuple[str, str]:
        made = site.audit(as_of)
        (verdict,) = [
            v
            for v in site.verdicts(made.audit)
            if v["threshold"].get("measure") == "contradicted_reports" and v["threshold"]["current"]
        ]
        return verdict["status"], verdict["reason"]

    assert said(RECEIVED)[0] == "act"
    site.hand_in("outputs", more, LATER)
    status, reason = said(LATER)
    assert status == "insufficient" and "Only 79 % of the outputs could be judged" in reason
