"""Foreign columns to our fields, and mapping files that cannot be used."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.intake.faults import IntakeError, RowError
from auditor.intake.mapping import dicom_age, identity, parse_mapping
from auditor.records import Kind


def mapped(text: str, row: dict[str, Any], kind: Kind = "outputs") -> dict[str, Any]:
    return parse_mapping(text, kind).compiled()(row)


def test_columns_constants_and_what_is_left_out() -> None:
    text = "case_id: uid\ntask: {value: report}\nversion: {value: v1}\nlatency_ms: ms"
    assert mapped(text, {"uid": 7, "other": "x"}) == {"case_id": 7, "task": "report", "version": "v1"}


def test_nested_on_both_sides() -> None:
    text = "attributes.age: patient.age\nattributes.site: where\nattributes.dotted: a.b"
    row = {"patient": {"age": 4}, "where": "north", "a.b": 1}
    assert mapped(text, row, "cases") == {"attributes": {"age": 4, "site": "north", "dotted": 1}}
    assert mapped(text, {"patient": "none", "a": {"b": None}}, "cases") == {}


def test_prefix_gathers_scores() -> None:
    row = {"prob_Edema": 12, "prob_Mass": "3", "prob_": 1, "probable": 9}
    assert mapped("scores: {prefix: prob_, unit: percent}", row) == {"scores": {"Edema": 0.12, "Mass": 0.03}}
    assert mapped("scores: {prefix: prob_}", {"x": 1}) == {}


LABELS = 'labels: {from: l, split: "|", of: [Mass, Edema], none: "No Finding"}'


@pytest.mark.parametrize(
    ("cell", "labels"),
    [
        ("Mass|Edema", {"Mass": 1, "Edema": 1}),
        (" Edema ", {"Mass": 0, "Edema": 1}),
        ("No Finding", {"Mass": 0, "Edema": 0}),
        ("", None),
        (None, None),
    ],
)
def test_labels_split(cell: str | None, labels: dict[str, int] | None) -> None:
    assert mapped(LABELS, {"l": cell}, "references").get("labels") == labels


def test_an_unlisted_label_is_a_fault_that_does_not_quote_it() -> None:
    with pytest.raises(RowError) as caught:
        mapped(LABELS, {"l": "Mass|Mr Smith"}, "references")
    assert "Smith" not in str(caught.value) and "labels" in str(caught.value)


def test_an_empty_cell_means_nothing_found_only_where_the_mapping_says_so() -> None:
    text = 'labels: {from: l, split: "|", of: [Mass], none: ""}'
    assert mapped(text, {"l": ""}, "references") == {"labels": {"Mass": 0}}


def test_join() -> None:
    text = 'case_id: {join: [p, n], separator: "-"}\ntext: {join: [findings, impression]}'
    row = {"p": 10, "n": 0, "findings": "Clear.", "impression": None}
    assert mapped(text, row, "references") == {"case_id": "10-0", "text": "Clear."}
    assert mapped(text, {"p": 10}, "references") == {}  # half an identifier is none


def test_images_in_one_cell() -> None:
    assert mapped('images: {from: i, separator: ","}', {"i": "a.png,b.png"}) == {"images": ["a.png", "b.png"]}
    assert mapped("images: i", {"i": ["a.png"]}) == {"images": ["a.png"]}


@pytest.mark.parametrize(
    ("rule", "value", "expected"),
    [
        ("{from: v, unit: dicom_age}", "072Y", 72.0),
        ("{from: v, unit: dicom_age}", "018M", 1.5),
        ("{from: v, unit: dicom_age}", "026W", 26 * 7 / 365.25),
        ("{from: v, unit: dicom_age}", "001D", 1 / 365.25),
        ("{from: v, unit: kg}", "70", 70.0),
        ("{from: v, unit: lb}", 100, 45.359237),
        ("{from: v, unit: percent}", "45 %", 0.45),
        ("{from: v, lookup: {M: male, F: female}}", "M", "male"),
        ("{from: v, lookup: {'1': male}}", 1, "male"),
        ("{from: v, lookup: {O: null}}", "O", None),
        ("{from: v, lookup: {old: 072Y}, unit: dicom_age}", "old", 72.0),
    ],
)
def test_conversions(rule: str, value: Any, expected: Any) -> None:
    found = mapped(f"attributes.x: {rule}", {"v": value}, "cases")
    assert found.get("attributes", {}).get("x") == (
        pytest.approx(expected) if isinstance(expected, float) else expected
    )


@pytest.mark.parametrize(
    "rule",
    [
        "{from: v, unit: dicom_age}",
        "{from: v, unit: lb}",
        "{from: v, unit: percent}",
        "{from: v, lookup: {M: male}}",
        "{from: v, format: '%Y%m%d'}",
    ],
)
@pytest.mark.parametrize("value", ["Smith", [1], {"a": 2}])
def test_values_that_do_not_convert_are_row_faults(rule: str, value: Any) -> None:
    with pytest.raises(RowError, match=r"^attributes\.x: ") as caught:
        mapped(f"attributes.x: {rule}", {"v": value}, "cases")
    assert "Smith" not in str(caught.value)


def test_dates_with_a_stated_format() -> None:
    assert mapped('studied_at: {from: d, format: "%Y%m%d"}', {"d": 20260301}, "cases") == {
        "studied_at": "2026-03-01"
    }
    text = 'studied_at: {from: d, format: "%d.%m.%Y %H:%M"}'
    assert mapped(text, {"d": "01.03.2026 14:30"}, "cases") == {"studied_at": "2026-03-01T14:30:00"}


BROKEN: list[tuple[str, str]] = [
    ("case_id: [", "not valid YAML near line"),
    ("", "it holds none"),
    ("- a", "it holds none"),
    ("patient: x", "'patient' is not a field of outputs"),
    ("text.part: x", "text has no parts"),
    ("scores.: x", "scores has no parts"),
    ("text: {from: a, value: b}", "text: give exactly one"),
    ("text: {}", "text: give exactly one"),
    ("text:", "text: "),
    ("text: ''", "text names no column"),
    ("text: {from: a, unit: stone}", "text.unit: "),
    ("text: {from: a, form: b}", "text.form: "),
    ("text: {prefix: a}", "text is one value"),
    ("scores: {value: 1}", "scores is a map"),
    ("scores: {from: a, split: b}", "split and of belong together"),
    ("scores: {from: a, none: b}", "none needs split"),
    ("scores: {prefix: ''}", "scores.prefix: "),
    ("text: {from: a, separator: b}", "separator is for join"),
    ("text: 5", "text: "),
    ("1: a", "'1' is not a field"),
]


@pytest.mark.parametrize(("text", "sentence"), BROKEN)
def test_a_mapping_that_cannot_be_used(text: str, sentence: str) -> None:
    with pytest.raises(IntakeError, match=r"^m\.yaml") as caught:
        parse_mapping(text, "outputs", "m.yaml")
    assert sentence in str(caught.value)


def test_yaml_is_never_evaluated() -> None:
    with pytest.raises(IntakeError, match="not valid YAML"):
        parse_mapping("text: !!python/object/apply:os.getcwd []", "outputs")


def test_columns_are_checked_where_they_are_known() -> None:
    mapping = parse_mapping("text: {join: [a, b]}\nscores: {prefix: p_}\nprompt: x.y", "outputs")
    mapping.check_columns(["a", "b", "p_1", "x"], "f.csv")
    with pytest.raises(IntakeError, match=r"f\.csv has no column 'b'"):
        mapping.check_columns(["a", "p_1", "x"], "f.csv")
    with pytest.raises(IntakeError, match="begins with 'p_'"):
        mapping.check_columns(["a", "b", "x"], "f.csv")


def test_a_table_with_our_own_names_needs_no_mapping() -> None:
    apply = identity(["case_id", "attributes.age"], "cases", "f.csv").compiled()
    assert apply({"case_id": "1", "attributes.age": "7"}) == {"case_id": "1", "attributes": {"age": "7"}}


def test_a_table_without_header_does_not_tell_its_first_patient() -> None:
    with pytest.raises(IntakeError, match="column 1 is not a field") as caught:
        identity(["Smith, John", "M", "1950"], "cases", "f.csv")
    assert "Smith" not in str(caught.value)
    with pytest.raises(IntakeError, match=r"column 2 .* was patient_id meant"):
        identity(["case_id", "PatientID"], "cases", "f.csv")


@given(st.integers(0, 999), st.sampled_from("DWMY"))
def test_dicom_ages_ascend_with_their_number(number: int, unit: str) -> None:
    age = dicom_age(f"{number:03d}{unit}")
    assert 0 <= age <= 999 and dicom_age(f"{number:03d}{unit.lower()} ") == age
    assert number == 0 or dicom_age(f"{number - 1:03d}{unit}") < age


@given(st.text(max_size=6))
def test_other_text_is_no_dicom_age(text: str) -> None:
    try:
        assert dicom_age(text) >= 0
    except ValueError as error:
        assert "DICOM" in str(error)
