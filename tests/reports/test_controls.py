"""The control matrix: every control of the sources, links that claim no more than evidence, and gaps that show."""

from datetime import UTC, datetime

import pytest

from reports.controls import ITEMS, EvidenceState, MatrixError, State, assess, load, named, parse

NOW = datetime(2026, 11, 2, tzinfo=UTC)

SMALL = """
version: "1"
frameworks:
  - id: LAW
    title: A law
    status: in force
    controls:
      - id: "1"
        asks: One thing.
        evidence: [{item: E1, relation: evidence for}, {item: E2, relation: evidence for}]
      - id: "2"
        asks: Another thing.
        evidence: [{item: E2, relation: evidence for}]
      - id: "3"
        asks: A thing that nobody makes.
        lacks: this version makes no such export
        evidence: []
      - id: "4"
        asks: A thing that others keep.
        elsewhere: The hospital keeps it.
        evidence: []
"""

#: What the sources list, row by row: framework, control, its evidence.
LISTED = {
    "EU-AI-Act": {
        "9(2)(c)": "E17 E4 E5 E14", "9(8)": "E17 E4 E5 E14", "10(2)(f)-(g)": "E7 E9", "10(3)-(4)": "E7 E9",
        "12(1)-(2)": "E3 E2 E14", "13(3)(b)": "E4 E7 E19 E3", "13(3)(f)": "E4 E7 E19 E3",
        "14(4)(a)": "E12 E15", "14(4)(b)": "E12 E15", "14(4)(c)": "E12 E15", "14(4)(d)": "E12 E15",
        "14(4)(e)": "E12 E15", "15(1)-(5)": "E4 E6 E8 E11 E21", "26(1)": "E1", "26(2)": "E12", "26(4)": "E9",
        "26(5)": "E14 E15", "19": "E3", "26(6)": "E3", "72": "E18 E15", "73": "E18 E15",
    },
    "FDA": {
        "PCCP": "E16 E17 E2", "AI-DSF monitoring plan": "E4 E7 E8 E14 E18", "GMLP 10": "E4 E7 E8 E14 E18",
        "21 CFR 803": "E15",
    },
    "HTI-1": dict.fromkeys(
        ("(iv)(B)(8)(i)-(iv)", "(iv)(B)(9)(ii)", "(iv)(B)(7)(iii)-(iv)", "(iv)(B)(3)(ii)", "(vi)"), "E19 E4 E7 E17"
    ),
    "45-CFR-92.210": {"(b)": "E1 E7 E15", "(c)": "E1 E7 E15"},
    "NIST-AI-RMF": {
        "MEASURE 1.1": "E17", "MEASURE 2.1": "E2", "MEASURE 2.3": "E4 E6", "MEASURE 2.5": "E4 E6",
        "MEASURE 2.4": "E8 E13", "MEASURE 2.6": "E5 E15", "MEASURE 2.7": "E21", "MEASURE 2.8": "E3 E19",
        "MEASURE 2.10": "E10", "MEASURE 2.11": "E7", "MEASURE 2.13": "E20", "MEASURE 3.1-3.3": "E14 E12",
        "MEASURE 4.2": "E20 E22", "MANAGE 2.4": "E15", "MANAGE 3.1-3.2": "E16", "MANAGE 4.1": "E14 E12",
        "MANAGE 4.3": "E15",
    },
    "NIST-AI-800-4": {
        "functionality": "E4 E5 E6 E7 E8", "operational": "E13", "human factors": "E12", "security": "E21",
        "rules and duties": "E18",
    },
    "ISO-42001": {
        "9.1": "E4 E5 E6 E7 E8", "9.3": "E18 E22", "10.2": "E15", "A.6.2.4": "E16", "A.6.2.6": "E8 E13 E14",
        "A.6.2.8": "E3", "A.7.4": "E9 E2", "A.7.5": "E9 E2", "A.8.3": "E15 E18", "A.8.4": "E15 E18",
        "A.9": "E12", "A.10.3": "E16",
    },
    "RUAIH": {
        "1 governance": "E1 E22", "2 patient notice": "", "3 data protection": "E10 E21",
        "4 monitoring": "E4 E8 E18", "5 event reporting": "E15", "6 bias": "E7", "7 training": "",
    },
    "ACR-SIIM": {
        "inventory": "E1", "acceptance": "E16", "monitoring and stop rules": "E14 E17", "security": "E3 E21",
        "registry": "",
    },
    "HIPAA": {
        "164.312(a)": "E21", "164.312(b)": "E3 E21", "164.312(c)": "E3", "164.308(a)(1)(ii)(D)": "",
        "164.316(b)(2)(i)": "E3", "164.502(b)": "E18", "164.514(b)": "E10",
    },
    "Part-11": {
        "11.10(a)": "E20", "11.10(b)": "E18", "11.10(c)": "E3", "11.10(d)": "E21", "11.10(g)": "E21",
        "11.10(e)": "E3", "11.50": "E18", "11.70": "E18",
    },
}  # fmt: skip


def _states(**changed: State) -> dict[str, EvidenceState]:
    return {item: EvidenceState(item, item, changed.get(item, "current"), NOW, "the ledger", "") for item in ITEMS}


def test_every_control_of_the_sources_is_there_with_its_evidence() -> None:
    matrix = load()
    found = {
        framework.id: {one.id: " ".join(item for item, _ in one.evidence) for one in framework.controls}
        for framework in matrix.frameworks
    }
    assert found == LISTED
    assert matrix.version == "2026-11"
    assert {item for one in matrix.controls for item, _ in one.evidence} == set(ITEMS)


def test_every_link_says_evidence_for_and_every_control_has_a_sentence() -> None:
    for control in load().controls:
        assert {relation for _, relation in control.evidence} <= {"evidence for"}
        assert control.asks.endswith("."), control.id


def test_status_is_that_of_the_sources() -> None:
    matrix = load()
    fda = {one.id: one for one in named(matrix, "fda").controls}
    assert (fda["AI-DSF monitoring plan"].status, fda["PCCP"].status) == ("draft", "in force")
    act = named(matrix, "EU-AI-Act")
    assert act.status == "from 2028-08-02"
    # written from memory but for Article 26 and the keeping of logs
    assert {one.id for one in act.controls if not one.verify} == {
        "19",
        "26(1)",
        "26(2)",
        "26(4)",
        "26(5)",
        "26(6)",
    }
    assert all(one.status == "in force" and not one.verify for one in named(matrix, "hipaa").controls)


@pytest.mark.parametrize("state", ["stale", "failed", "absent"])
@pytest.mark.parametrize("item", ITEMS)
def test_one_bad_item_makes_gaps_of_exactly_its_controls(item: str, state: State) -> None:
    matrix = load()
    good = {(line.control.framework, line.control.id) for line in assess(matrix, _states()) if line.state == "gap"}
    lines = assess(matrix, _states(**{item: state}))
    found = {(line.control.framework, line.control.id) for line in lines if line.state == "gap"} - good
    used = {(one.framework, one.id) for one in matrix.controls if item in dict(one.evidence)} - good
    assert found == used
    named_in = [line for line in lines if line.missing]
    assert {(line.missing, f"{item} {state}" in line.why) for line in named_in} == {((item,), True)}


def test_with_all_evidence_only_what_this_version_cannot_make_is_a_gap() -> None:
    lines = assess(load(), _states())
    lacking = {line.control.id for line in lines if line.state == "gap"}
    assert lacking == {"5 event reporting", "registry", "164.308(a)(1)(ii)(D)"}
    assert {line.control.id for line in lines if line.state == "kept elsewhere"} == {
        "2 patient notice",
        "7 training",
    }


def test_a_control_says_what_it_misses() -> None:
    states = _states(E1="failed")
    del states["E2"]  # what nobody looked for is not there
    first, second, third, fourth = assess(parse(SMALL), states)
    assert (first.state, first.missing, first.why) == ("gap", ("E1", "E2"), "E1 failed, E2 absent")
    assert (second.state, second.missing) == ("gap", ("E2",))
    assert (third.state, third.missing, third.why) == ("gap", (), "this version makes no such export")
    assert (fourth.state, fourth.why) == ("kept elsewhere", "The hospital keeps it.")


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("item: E1,", "item: E23,", "LAW, 1: there is no evidence item 'E23'; there are E1 to E22"),
        ("item: E1, relation: evidence for", "item: E1, relation: proves", "E1 cannot be 'proves'"),
        ("item: E1, relation: evidence for", "item: E1", "lacks 'relation'"),
        ("item: E1,", "item: E2,", "'E2' stands twice"),
        ('- id: "2"', '- id: "1"', "'1' stands twice"),
        ('- id: "2"', "- id: 2", "id must be text"),
        ("asks: One thing.", "ask: One thing.", "'ask' is unknown"),
        ("status: in force", "status: binding", "status must be in force"),
        ("        lacks: this version makes no such export\n", "", "name its evidence, or say what it lacks"),
        ("elsewhere: The hospital keeps it.\n", "elsewhere: X\n        lacks: Y\n", "not both"),
        ("version:", "versions:", "'versions' is unknown"),
        ("frameworks:", "frameworks: {", "not valid YAML"),
        (SMALL, "[]", "must hold version, frameworks"),
        (SMALL, "version: '1'\nframeworks: []", "must be a list that is not empty"),
    ],
)
def test_a_faulty_matrix_is_refused_in_a_sentence(old: str, new: str, says: str) -> None:
    assert old in SMALL
    with pytest.raises(MatrixError) as refused:
        parse(SMALL.replace(old, new, 1))
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_unknown_framework_is_refused_with_the_known_ones() -> None:
    with pytest.raises(MatrixError, match="There is no framework 'CE'; there are EU-AI-Act, "):
        named(load(), "CE")


def test_nothing_claims_that_a_control_is_met() -> None:
    import importlib.resources

    text = importlib.resources.files("reports").joinpath("controls.yaml").read_text(encoding="utf-8").casefold()
    assert "satisf" not in text and "complian" not in text
    said = " ".join(f"{line.state} {line.why}" for line in assess(load(), {})).casefold()
    assert "satisf" not in said and "complian" not in said
