"""Which judge `audit.yaml` names, and what it refuses."""

import pytest

from auditor.model_settings import LlmSetting, RulesSetting
from auditor.settings import SettingsError, parse_settings

HEAD = "system: test\ntasks:\n  "
LLM = "{kind: llm, base_url: 'http://localhost:8000/v1', model: m%s}"


def test_rules_judge_unless_another_is_named() -> None:
    task = parse_settings(HEAD + "report: {}").tasks["report"]
    assert (task.judge, task.check) == (RulesSetting(), None)


def test_a_language_model_by_address_and_name() -> None:
    judge = parse_settings(HEAD + "report: {judge: " + LLM % ", key_variable: KEY" + "}").tasks["report"].judge
    assert isinstance(judge, LlmSetting)
    assert (judge.base_url, judge.model, judge.key_variable, judge.temperature) == (
        "http://localhost:8000/v1",
        "m",
        "KEY",
        0.0,
    )


@pytest.mark.parametrize(
    "check",
    [
        "report: {judge: " + LLM % "" + ", check: {repeats: 1}}",
        "report: {judge: " + LLM % "" + ", check: {share: 0.1, judge: {kind: rules}}}",
        "report: {check: {judge: " + LLM % "" + "}}",
        "report: {check: {frozen: 200}}",
        "vqa: {judge: " + LLM % "" + ", check: {frozen: 20, repeats: 1}}",
        "vqa: {judge: " + LLM % "" + ", check: {repeats: 2, judge: " + LLM % "2" + "}}",
    ],
)
def test_ways_to_check_a_judge(check: str) -> None:
    assert parse_settings(HEAD + check).tasks


@pytest.mark.parametrize(
    ("task", "sentence"),
    [
        ("report: {judge: {kind: llm, model: m}}", "base_url"),
        ("report: {judge: {kind: llm, base_url: 'http://h/v1', model: ''}}", "model"),
        ("report: {judge: {kind: oracle}}", "judge"),
        ("report: {judge: {kind: rules, model: m}}", "model"),
        ("report: {judge: " + LLM % ", key: sk-quokka" + "}", "key"),
        ("report: {judge: " + LLM % ", key_variable: sk-quokka" + "}", "key_variable"),
        ("report: {judge: " + LLM % ", timeout: 0" + "}", "timeout"),
        ("report: {judge: {kind: llm, model: m, base_url: 'localhost:8000'}}", "address of the server"),
        ("report: {judge: {kind: llm, model: m, base_url: 'file:///etc/passwd'}}", "address of the server"),
        ("report: {judge: {kind: llm, model: m, base_url: 'http://[::1/v1'}}", "address of the server"),
        ("report: {judge: {kind: llm, model: m, base_url: 'http://h:x/v1'}}", "address of the server"),
        ('report: {judge: {kind: llm, model: m, base_url: "http://h/v1\\r\\nX: y"}}', "address of the server"),
        ("report: {judge: {kind: llm, model: m, base_url: 'http://u:quokka@h/v1'}}", "without user"),
        ("report: {judge: {kind: llm, model: m, base_url: 'http://h/v1?key=quokka'}}", "without user"),
        ("report: {check: {share: 0.1}}", "repeats, a second judge, a frozen set"),
        ("report: {check: {frozen: 19}}", "check.frozen"),
        ("report: {check: {frozen: 5001}}", "check.frozen"),
        ("classification: {check: {frozen: 100}}", "no check"),
        ("retrieval: {check: {frozen: 100}}", "takes no check"),
        ("report: {check: {repeats: 1}}", "rules say the same every time"),
        ("report: {check: {judge: {kind: rules}}}", "is the judge itself"),
        ("report: {judge: " + LLM % "" + ", check: {judge: " + LLM % ", timeout: 5" + "}}", "is the judge itself"),
        ("report: {check: {share: 0, judge: " + LLM % "" + "}}", "share"),
        ("classification: {judge: " + LLM % "" + "}", "no other judge"),
        ("classification: {check: {judge: " + LLM % "" + "}}", "no other judge"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_sentence(task: str, sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence) as refused:
        parse_settings(HEAD + task)
    assert "quokka" not in str(refused.value)
    assert "\n" not in str(refused.value)
