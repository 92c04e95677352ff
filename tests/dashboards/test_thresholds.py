"""The thresholds page: rules in force, their history, and what changed."""

from urllib.parse import quote

import pytest

from auditor.rules.words import bounds
from tests.auditor import small_hospital as small
from tests.auditor.small_hospital import LATER, Site
from tests.dashboards.conftest import AsRole, Time

SOFTER = small.YAML.replace("watch: 0.05, act: 0.10", "watch: 0.5, act: 0.8")
RULE = "/thresholds/rule?system=small&name=contradicted_reports"


@pytest.fixture
def softened(hospital: Site, time: Time) -> Site:
    from auditor.registry import apply_settings

    apply_settings(hospital.ledger, SOFTER, "audit.yaml", "engineer", time.at, "agreed <in> May")
    return hospital


def test_rules_in_force_are_shown_with_bounds_author_and_reason(softened: Site, as_role: AsRole) -> None:
    text = as_role("viewer").get("/thresholds").text
    assert "watch above 50.0 %, act above 80.0 %" in text
    assert "Reports with at least one contradicted finding" in text
    assert "after seeing data" in text and "agreed &lt;in&gt; May" in text
    assert "watch below 50.0 %" in text, "sensitivity is bad where it is low"
    assert "auditor thresholds backtest" in text
    assert "See what changed from version to version" in text


def test_a_rule_shows_every_version_and_the_difference(softened: Site, as_role: AsRole) -> None:
    browser = as_role("viewer")
    text = browser.get(RULE).text
    assert text.count('data-label="Version"') == 2
    assert '<th scope="row" data-label="Field">act</th><td data-label="− version 1">0.1</td>' in text
    assert '<td data-label="+ version 2">0.8</td>' in text
    turned = browser.get(f"{RULE}&from=2&to=1").text
    assert '<td data-label="− version 2">0.8</td>' in turned
    assert "These two versions say the same" in browser.get(f"{RULE}&from=2&to=2").text
    refused = browser.get(f"{RULE}&from=1&to=9")
    assert refused.status_code == 400 and "has no version 9" in refused.text
    assert browser.get(f"{RULE}&from=x&to=%3Cscript%3E").status_code == 200
    assert browser.get("/thresholds/rule?system=small&name=none").status_code == 400
    assert (
        "has not changed since it was set"
        in browser.get("/thresholds/rule?system=small&name=sensitivity+each").text
    )


def test_settings_are_compared_with_symbols_beside_colours(softened: Site, as_role: AsRole) -> None:
    text = as_role("viewer").get("/thresholds/settings?system=small").text
    removed = text.split('<tr class="removed">')[1].split("</tr>")[0]
    added = text.split('<tr class="added">')[1].split("</tr>")[0]
    assert "−" in removed and "removed" in removed and "watch: 0.05, act: 0.10" in removed
    assert "+" in added and "watch: 0.5, act: 0.8" in added
    assert "equal lines" in text
    refused = as_role("viewer").get("/thresholds/settings?system=none")
    assert refused.status_code == 400 and "There is no such system" in refused.text


def test_markup_in_settings_is_text(hospital: Site, as_role: AsRole) -> None:
    hospital.apply(small.YAML + 'owner: "<script>alert(1)</script> &amp;"\n', LATER)
    text = as_role("viewer").get("/thresholds/settings?system=small").text
    assert "<script>alert" not in text and "&lt;script&gt;alert(1)&lt;/script&gt; &amp;amp;" in text


def test_what_is_not_measured_stands_below_the_rules(hospital: Site, as_role: AsRole) -> None:
    hospital.apply(
        small.YAML + "not_measured: [{what: Lines and tubes, reason: The references omit them.}]\n", LATER
    )
    text = as_role("viewer").get("/thresholds?system=small").text
    assert "Lines and tubes</strong>: The references omit them." in text
    assert as_role("viewer").get(f"/thresholds?system={quote('<none>')}").status_code == 200


def test_bounds_of_every_kind_are_said_in_words() -> None:
    assert bounds("calibration_gap", {"watch": 0.02, "act": 0.04}) == "watch beyond ±0.020, act beyond ±0.040"
    chart = {"alarms_a_year": 1.0, "tolerable": 0.08, "stop": "pause"}
    assert bounds("stop question: report contradicted_reports", chart) == (
        "weekly chart held to 8.0 %, at most 1 false alarm a year, act asks to pause"
    )
    chart = {"alarms_a_year": 0.5, "reference": "2026-01-05 to 2026-04-05"}
    assert "held to the rate of 2026-01-05 to 2026-04-05, at most 0.5 false alarms a year" in bounds("x", chart)
    assert bounds("a_measure_of_another_version", {"watch": 0.2}) == "watch 0.2"
    assert bounds("sensitivity", {"watch": 0.8, "rise": 0.7, "minimum_n": 1_000}) == (
        "watch below 80.0 %, a value of 70.0 % matters, from n = 1,000"
    )
