"""The model card follows the schema's rules whatever the audit holds, and shows nothing that may not be shown."""

import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from reports.dossier import Dossier
from reports.export_chai import NAMESPACE, problems, render
from tests.reports.samples import bare, row, sample, suppressed

HOSTILE = "<script>alert('x')</script> ]]> & \x00\ud800\u202e {x} \\ {{y}}"
_NAME = re.compile(r"^\{.*\}")


def _tree(dossier: Dossier) -> ET.Element:
    return ET.fromstring(render(dossier))


def _all(root: ET.Element) -> list[tuple[ET.Element, ET.Element]]:
    """Every element with its parent."""
    return [(parent, child) for parent in root.iter() for child in parent]


@pytest.mark.parametrize("dossier", [sample(), bare(), replace(sample(), title=HOSTILE, owner=HOSTILE)])
def test_every_card_follows_the_rules(dossier: Dossier) -> None:
    assert problems(render(dossier)) == []


def test_the_same_dossier_gives_the_same_text() -> None:
    assert render(sample()) == render(sample())


def test_each_element_that_is_taken_out_is_missed() -> None:
    optional = {"Keyword", "Transparency", "EvaluationReferences"}
    names = {_NAME.sub("", child.tag) for _, child in _all(_tree(sample()))} - optional
    assert len(names) > 40
    for name in sorted(names):
        root = _tree(sample())
        for parent, child in _all(root):
            if _NAME.sub("", child.tag) == name:
                parent.remove(child)
        assert problems(ET.tostring(root, encoding="unicode")), name


def test_an_element_added_or_in_another_place_is_named() -> None:
    root = _tree(sample())
    ET.SubElement(root[0], f"{{{NAMESPACE}}}Slogan")
    assert problems(ET.tostring(root, encoding="unicode")) == [
        "AppliedModelCard/BasicInfo: Slogan is not expected here."
    ]
    root = _tree(sample())
    first = root[0]
    root.remove(first)
    root.append(first)
    assert any("BasicInfo is missing or stands in the wrong place" in one for one in problems(_text(root)))
    assert problems("<a/>") and problems("no xml")


def _text(root: ET.Element) -> str:
    return ET.tostring(root, encoding="unicode")


def test_hostile_text_is_text() -> None:
    root = _tree(replace(sample(), title=HOSTILE, intended_use=HOSTILE))
    names = {_NAME.sub("", one.tag) for one in root.iter()}
    assert "script" not in names
    title = root.find(f".//{{{NAMESPACE}}}ModelName")
    assert title is not None and title.text is not None
    assert "<script>alert('x')</script> ]]> &" in title.text and "\x00" not in title.text


def _values(dossier: Dossier) -> list[tuple[str, dict[str, object]]]:
    found = []
    for one in _tree(dossier).iter(f"{{{NAMESPACE}}}MetricResult"):
        label, value = one[0].text, one[1].text
        assert label and value
        found.append((label, json.loads(value)))
    return found


def test_numbers_are_those_of_the_report_in_its_units() -> None:
    value = {label: value for label, value in _values(sample())}
    rate = next(
        v for label, v in value.items() if label.startswith("Clinically significant contradicted findings")
    )
    assert rate == {
        "kind": "estimate_ci", "estimate": 31.0, "lower": 22.0, "upper": 42.0, "level": 95,
        "unit": "per 1,000 reports",
    }  # fmt: skip
    gap = next(v for label, v in value.items() if "site East" in label and v["kind"] == "estimate_ci")
    assert gap["unit"] == "percentage points"


def test_what_is_suppressed_or_not_measured_has_no_number() -> None:
    hidden = suppressed(measure="contradicted_reports", value=0.7777, low=0.6, high=0.8)
    text = render(bare(rows=(hidden, suppressed(slice="sex=F", contrast="rest"))))
    assert "77.7" not in text and "sex F" in text, "suppressed groups are listed by name"
    nothing = _values(bare())
    assert [value for _, value in nothing] == [{"kind": "single", "value": None}] * 3
    undefined = _values(bare(rows=(row(value=None, low=None, high=None),)))
    assert all(value["value"] is None for _, value in undefined)


def test_what_only_the_developer_knows_is_not_guessed() -> None:
    root = _tree(bare(owner="", intended_use=""))
    for name in ("ModelDeveloper", "ModelType", "FundingSource", "PeerReviewedPublications"):
        found = root.find(f".//{{{NAMESPACE}}}{name}")
        assert found is not None and found.text == "Not available to the auditor; ask the developer."


def test_text_beside_elements_and_what_cannot_be_encoded_are_problems() -> None:
    beside = render(sample()).replace("<BasicInfo>", "<BasicInfo>beside", 1)
    after = render(sample()).replace("</BasicInfo>", "</BasicInfo>after", 1)
    assert problems(beside) == ["AppliedModelCard/BasicInfo must hold elements and no text."]
    assert problems(after) == ["AppliedModelCard must hold elements and no text."]
    assert problems("\ud800<a/>") == ["The text is not well-formed XML."]


def test_an_act_is_on_the_card_however_small_it_is() -> None:
    fine = [row(value=-0.5, slice=f"age={i}", contrast="rest", status="ok", watch=0.1) for i in range(14)]
    grave = row(value=0.06, slice="sex=F", contrast="rest", status="act", watch=0.02, act=0.04)
    missed = row("underdiagnosis", 0.2, task="classification", status="act", watch=0.1, act=0.15)
    labels = [label for label, _ in _values(bare(rows=(*fine, grave, missed)))]
    assert any("sex F" in label for label in labels)
    assert any(label.startswith("Underdiagnosis") for label in labels)
