"""Rules in every version: what changed, why, and whether data had been seen; in the ledger and in every report."""

import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from auditor.settings import SettingsError, parse_settings
from auditor.store import tables as t
from tests.auditor import small_hospital as small
from tests.auditor.conftest import Run

SOFTER = small.YAML.replace("watch: 0.05, act: 0.10", "watch: 0.5, act: 0.8")


def _versions(site: small.Site) -> list[tuple[str, int, bool, bool]]:
    rows = site.ledger.read(sa.select(t.thresholds).order_by(t.thresholds.c.seq))
    return [(row["name"], row["version"], row["after_seeing"], row["retired_at"] is None) for row in rows]


def test_a_change_after_an_audit_is_marked_in_every_later_report(site: small.Site) -> None:
    before = site.dossier()
    assert _versions(site) == [("contradicted_reports", 1, False, True), ("sensitivity each", 1, False, True)]
    site.apply(SOFTER, small.LATER)
    assert _versions(site)[0] == ("contradicted_reports", 1, False, False)
    assert _versions(site)[2] == ("contradicted_reports", 2, True, True)
    site.audit(small.LATER)
    said = [line for line in site.dossier().limits if line.startswith("Rule changed after data had been seen")]
    assert said == [
        "Rule changed after data had been seen (2026-03-08, test): contradicted_reports: act 0.1 → 0.8, "
        "watch 0.05 → 0.5. No reason was given."
    ]
    assert site.dossier(before.provenance.audit).limits == before.limits, "the earlier report stays as it was"
    # words alone decide nothing
    site.apply(SOFTER.replace("act: 0.8}", "act: 0.8, rationale: agreed in May}"), small.LATER)
    assert _versions(site)[-1] == ("contradicted_reports", 3, False, True)


def test_rules_that_are_older_than_the_registry_are_no_changes(site: small.Site) -> None:
    """A ledger of a version without a registry was brought up: its settings tell what was a rule already."""
    with site.ledger.transaction("test", small.LATER) as tx:
        connection = tx._connection
        connection.execute(sa.delete(t.thresholds))
    site.apply(SOFTER, small.LATER)
    assert _versions(site) == [("contradicted_reports", 1, True, True), ("sensitivity each", 1, False, True)]
    site.audit(small.LATER)
    said = [line for line in site.dossier().limits if line.startswith("Rule changed")]
    assert len(said) == 1 and "contradicted_reports" in said[0]


def test_a_rule_set_before_any_audit_is_not_marked(fresh_site: small.Site) -> None:
    fresh_site.apply(SOFTER, small.RECEIVED)
    assert {after for _, _, after, _ in _versions(fresh_site)} == {False}


def test_apply_shows_what_changes_and_asks_why(run: Run, audited: small.Site, tmp_path: Path) -> None:
    file = tmp_path / "audit.yaml"
    file.write_text(SOFTER.replace("stale_after_days: 60\n", ""))
    code, _, said = run("apply", str(file))
    assert code == 2
    assert said.splitlines() == [
        "contradicted_reports: act 0.1 → 0.8, watch 0.05 → 0.5",
        "Rules change: say why with --reason. Nothing was applied.",
    ]
    assert len(_versions(audited)) == 2
    code, out, _ = run("apply", str(file), "--reason", "the committee raised it", "--json")
    assert (code, json.loads(out)["changed"]) == (0, True)
    shown = json.loads(run("thresholds", "show", "--history", "--json")[1])["rules"]
    assert [(row["name"], row["version"], row["reason"]) for row in shown if row["version"] > 1] == [
        ("contradicted_reports", 2, "the committee raised it")
    ]
    assert "yes: the" in run("thresholds", "show")[1]


def test_what_is_not_measured_stands_in_every_report(site: small.Site) -> None:
    site.apply(small.YAML + "not_measured: [{what: Lines and tubes, reason: The references omit them.}]\n")
    site.audit(small.LATER)
    assert "Not measured: Lines and tubes. The references omit them." in site.dossier().limits


def test_tiers_decide_what_a_rule_may_say(site: small.Site) -> None:
    def said(rule: str) -> list[str]:
        site.apply(small.YAML.replace("watch: 0.05, act: 0.10", f"watch: 0.05, act: 0.10, {rule}"), small.LATER)
        made = site.audit(small.LATER).audit
        return [v["status"] for v in site.verdicts(made) if v["threshold"]["measure"] == "contradicted_reports"]

    assert "act" in said("stop: pause")
    (alert,) = site.ledger.read(sa.select(t.alerts))
    assert "Its rule asks to pause the system." not in (alert["cause"] or ""), "it was open before"
    assert "act" not in said("tier: watch")
    assert said("tier: explore") == []


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("{measure: sensitivity, watch: 0.8, tier: stop}", "only a rule on the whole system with an act bound"),
        ("{measure: sensitivity, watch: 0.8, stop: pause}", "only a rule that may act can ask to pause"),
        ("{measure: sensitivity, watch: 0.8, act: 0.7, tier: watch, stop: restrict}", "can ask to restrict"),
    ],
)
def test_a_tier_that_does_not_fit_is_refused(rule: str, why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        parse_settings(f"system: s\ntasks: {{classification: {{}}}}\nthresholds: [{rule}]")


def test_the_budget_is_dealt_by_weight() -> None:
    from auditor.rules.named import share_of_budget

    text = """
system: s
tasks: {report: {}}
alarms_a_year: 0.9
stop_questions:
  - {task: report, measure: contradicted_reports, tolerable: 0.1, weight: 2}
  - {task: report, measure: laterality_reports, tolerable: 0.02}
"""
    settings = parse_settings(text)
    shares = [share_of_budget(settings, question) for question in settings.stop_questions]
    assert shares == pytest.approx([0.6, 0.3])
