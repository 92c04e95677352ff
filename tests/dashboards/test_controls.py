"""The controls page: what is asked for, and the evidence that there is."""

import re

from auditor.evidence.catalogue import EVIDENCE
from reports.controls import load
from tests.dashboards.conftest import AsRole


def test_every_control_and_every_item_of_evidence_is_shown(as_role: AsRole) -> None:
    matrix = load()
    text = as_role("viewer").get("/controls").text
    assert text.count('data-label="Control"') == len(matrix.controls)
    assert text.count('data-label="Item"') == len(EVIDENCE)
    assert all(f'id="f-{one.id}"' in text for one in matrix.frameworks)
    assert "Evidence for a control is not a judgement that the control is met" in text
    counts = [int(number) for number in re.findall(r"<dd>(\d+) of \d+</dd>", text)]
    assert sum(counts) == len(matrix.controls)
    # every chip leads to an item of this page
    chips = set(re.findall(r'<a href="#(E\d+)"', text))
    assert chips <= set(re.findall(r'<tr id="(E\d+)"', text)) and chips


def test_controls_are_narrowed_by_framework_and_state(as_role: AsRole) -> None:
    browser, matrix = as_role("viewer"), load()
    framework = matrix.frameworks[0]
    text = browser.get("/controls", params={"framework": framework.id}).text
    assert text.count('data-label="Control"') == len(framework.controls)
    shown = {state: browser.get("/controls", params={"state": state}).text for state in ("gap", "kept elsewhere")}
    for state, text in shown.items():
        told = re.findall(r'data-label="State"><span><span class="state state-\w+">([^<]+)<', text)
        assert told and set(told) == {state}
    assert "There is no such framework" in browser.get("/controls?framework=%3Cnone%3E").text


def test_evidence_says_its_age_and_where_it_lies(as_role: AsRole) -> None:
    text = as_role("viewer").get("/controls").text
    rules = text.split('<tr id="E17">')[1].split("</tr>")[0]
    assert '<a href="/thresholds?system=small">thresholds</a>' in rules
    assert "today" in rules and "fresh for 380 days" in rules
    for item, where in (
        ("E2", "/systems/small?audit="),
        ("E19", "/reports/report-"),
        ("E1", "/thresholds/settings?"),
    ):
        assert f'<a href="{where}' in text.split(f'<tr id="{item}">')[1].split("</tr>")[0]
    absent = text.split('<tr id="E10">')[1].split("</tr>")[0]
    assert "state-absent" in absent and "This version makes no such evidence" in absent


def test_a_system_that_is_not_there_is_refused(as_role: AsRole) -> None:
    answer = as_role("viewer").get("/controls?system=%3Cscript%3E")
    assert answer.status_code == 400 and "There is no system" in answer.text
    assert "<script>'" not in answer.text
