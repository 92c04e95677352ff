"""The committee's report: page one stands alone, twelve sections, the fleet; as page and as PDF."""

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pypdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports import export_report, pdf
from reports.changes import changes
from reports.document import Document, Section, paragraph
from reports.export_json import DossierError
from reports.fleet import fleet
from reports.html import page, printable, render
from reports.text import STATUSES
from reports.weekly import weekly
from tests.reports.briefings import ISSUED, alert, briefing, deployment, dossier
from tests.reports.samples import bare, row
from tests.reports.test_html import HOSTILE, Page, _hostile, _outside_references

#: The twelve sections of the weekly report; the first two are on page one.
SECTIONS = (
    *("scope", "performance", "errors", "calibration", "subgroups"),
    *("drift", "privacy", "people", "alerts", "evidence"),
)


@pytest.fixture(scope="module")
def text() -> str:
    return render(dossier(), briefing())


def test_the_twelve_sections_are_there_in_order(text: str) -> None:
    shown = Page(text)
    assert [name for name in shown.ids if name in SECTIONS] == list(SECTIONS)
    numbers = [section.number for section in weekly(dossier(), briefing()).sections]
    assert numbers == list(range(3, 13))
    first = Page(text.split("</section>")[0] + "</section></main></body></html>").text
    assert "Decisions requested" in first and "All systems" in first


def test_page_one_says_which_system_why_and_how_sure(text: str) -> None:
    first = Page(text.split("</section>")[0] + "</section></main></body></html>").text
    for said in (
        "Reports with at least one contradicted finding",
        "Opened on 28 September 2026: 9.2 % (95 % interval 7.6 to 11.0 %) lies wholly beyond the act bound 6.0 %.",
        "It is worst in site East.",
        "the rule asks to restrict its use until the cause is known",
        "no owner yet", "overdue since 1 October 2026",
        "Earlier decisions not closed yet: 1, overdue 1",
        "Audited 1,204 of 1,312 drafts",
        "31.0 [22.0–42.0]", "uncorrected",
        "the reference is silent on a finding in 14.3 % [12.4–16.4]",
        "Reached the signed report: unknown",
        "never audited", "Triage of head CT",
        "Northfield chest radiograph drafts: Watch → Act.",
        "Alert opened: drift of vendor (drafts-2).",
    ):  # fmt: skip
        assert said in first, said
    assert "drift of vendor" not in first.split("Decisions requested")[1].split("Audited 1,204")[0], "only watch"
    assert "What was asked of version 2.1, gravest first" in first and "no radiologist's review" in first


def test_what_is_unknown_never_looks_fine() -> None:
    unknown = (deployment("a", as_of=None, status="ok"), deployment("b", status="insufficient"))
    shown = render(dossier(), briefing(fleet=unknown))
    table = shown.split('class="fleet"')[1].split("</table>")[0]
    assert STATUSES["ok"].icon not in table and "s-ok" not in table


def test_controls_with_missing_evidence_show_a_gap(text: str) -> None:
    shown = Page(text).text
    assert "gap: E10 absent" in shown and "evidence current" in shown
    lines = briefing().controls
    lacking = next(line for line in lines if line.control.lacks and not line.missing)
    assert f"gap: {lacking.why}" in shown, "a gap without a missing item is a gap"
    elsewhere = next(line for line in lines if line.state == "kept elsewhere")
    assert f"kept elsewhere: {elsewhere.why}" in shown
    counts = [
        sum(line.state == state for line in lines) for state in ("evidence current", "gap", "kept elsewhere")
    ]
    said = "Of {} controls, {} have current evidence, {} show a gap, and the evidence of {} is kept elsewhere."
    assert said.format(len(lines), *counts) in shown
    assert "satisf" not in shown.casefold() and "complian" not in shown.casefold()


def test_hostile_text_in_a_briefing_is_only_ever_text() -> None:
    hostile = briefing(
        alerts=(alert(what=HOSTILE, reason=HOSTILE, cause=HOSTILE, owner=HOSTILE),),
        fleet=(deployment("x", title=HOSTILE, version=HOSTILE, sites=((HOSTILE, "watch"),)),),
    )
    shown = Page(render(_hostile(dossier()), hostile))
    assert "script" not in shown.tags and _outside_references(shown) == []


def test_a_report_written_and_read_is_the_same() -> None:
    written = export_report.dumps(briefing(), [dossier()])
    content, dossiers = export_report.loads(written)
    assert export_report.loads(export_report.dumps(content, dossiers)) == (content, dossiers) == (
        briefing(), (dossier(),),
    )  # fmt: skip
    assert render(dossiers[0], content) == render(dossier(), briefing())
    for broken in (
        "{}",
        "no json",
        written.replace('"report-7"', "7", 1),
        written.replace("report/1", "report/9"),
    ):
        with pytest.raises(DossierError):
            export_report.loads(broken)


def test_only_what_is_new_makes_another_report() -> None:
    one = export_report.substance(briefing(), [dossier()])
    later = briefing(
        report="report-8", issued=ISSUED + timedelta(days=7), entry=9, head="0" * 64, previous="report-7"
    )
    assert export_report.substance(later, [dossier()]) == one
    answered = briefing(alerts=(alert(owner="Dr Ada Lang", state="acknowledged"),))
    assert export_report.substance(answered, [dossier()]) != one


def test_changes_are_told_gravest_first() -> None:
    before = (
        briefing(alerts=(alert(alert="drafts-1", what="calibration gap"),), rules=()),
        [dossier(status="ok")],
    )
    old = row(status="ok", watch=0.1)
    new = row(status="act", watch=0.1, act=0.12, value=0.15, previous=0.05)
    before = (before[0], [replace(before[1][0], rows=(old,))])
    now = (briefing(), [dossier(status="act", rows=(new,))])
    kinds = [one.kind for one in changes(before, now)]
    assert kinds == ["status", "question", "restated", "opened", "opened", "resolved", "rule"]
    assert changes(now, now) == () or [one.kind for one in changes(now, now)] == ["restated"]


def test_the_fleet_is_ordered_by_gravity_and_stands_on_page_one() -> None:
    other = dossier(title="Questions about CT", status="ok")
    made = fleet((replace(other, system="answers"), dossier(status="act")), briefing())
    assert [section.name for section in made.sections] == ["drafts", "answers", "alerts"]
    shown = Page(page(made))
    assert "Systems audited: 2; never audited: 1." in shown.text


def _pdf(document: Document, paper: pdf.Paper = "a4") -> pypdf.PdfReader:
    return pypdf.PdfReader(io.BytesIO(pdf.render(document, {"report.json": '{"a": 1}'}, paper=paper)))


def test_page_one_is_one_page_on_both_papers() -> None:
    document = weekly(dossier(), briefing())
    for paper in ("a4", "us-letter"):
        pages = [one.extract_text() for one in _pdf(document, paper).pages]
        assert "Decisions requested" in pages[0] and "What changed since" in pages[0]
        assert "3 Scope" in pages[1], "page one stands alone and nothing of it flows over"


def test_the_pdf_says_what_the_page_says_and_twice_the_same() -> None:
    document = weekly(dossier(), briefing())
    once = pdf.render(document, {"report.json": "{}"})
    assert once == pdf.render(document, {"report.json": "{}"})
    text = " ".join(one.extract_text() for one in pypdf.PdfReader(io.BytesIO(once)).pages)
    for said in ("9.2 % [7.6–11.0]", "fewer than 11 patients", "Dr Ada Lang", "report-7", "gap: E10"):
        assert said in " ".join(text.split()), said


def test_every_figure_of_the_pdf_has_words_for_those_who_do_not_see_it() -> None:
    root = _pdf(weekly(dossier(), briefing())).trailer["/Root"]
    assert isinstance(root, pypdf.generic.DictionaryObject)
    figures = [one for one in _elements(root["/StructTreeRoot"]) if one.get("/S") == "/Figure"]
    assert len(figures) > 10
    assert all(len(str(one.get("/Alt", ""))) > 20 for one in figures)


def _elements(node: Any) -> Iterator[Any]:
    """Every element of a PDF's structure."""
    node = node.get_object()
    if isinstance(node, list):
        for one in node:
            yield from _elements(one)
    elif isinstance(node, dict):
        yield node
        if "/K" in node:
            yield from _elements(node["/K"])


@settings(max_examples=15, deadline=None)
@given(st.text(max_size=80))
def test_no_text_breaks_the_pdf(words: str) -> None:
    blocks = (paragraph(words), paragraph('#read("/etc/passwd") $x$ @y <z> *b* _i_ `c` \\ [a] // #{1}'))
    document = Document(
        "en", words or "t", words, words, ISSUED.date(), words, words, blocks, (Section("s", words, blocks, 3),)
    )
    text = " ".join(one.extract_text() for one in _pdf(printable(document)).pages)
    assert "root:" not in text and "#read" in text


def test_unknown_statuses_are_written_as_they_are() -> None:
    document = weekly(printable(bare(status="odd", rows=(row(status="odd", watch=0.1),))))
    assert "odd" in _pdf(document).pages[0].extract_text()


def test_the_evidence_inside_is_what_was_attached() -> None:
    content = export_report.dumps(briefing(), [dossier()])
    reader = pypdf.PdfReader(io.BytesIO(pdf.render(weekly(dossier(), briefing()), {"report.json": content})))
    (inside,) = reader.attachments["report.json"]
    assert json.loads(inside)["briefing"]["report"] == "report-7"
