"""The page: escaped, offline, deterministic, well-formed, and honest about what it does not show."""

import hashlib
import os
import re
import subprocess
import sys
from dataclasses import fields, is_dataclass, replace
from html.parser import HTMLParser
from typing import Any

import pytest

from reports.dossier import Dossier, Flow
from reports.html import render
from reports.text import STATUSES
from tests.reports.samples import bare, row, sample, suppressed

HOSTILE = "<script>alert('x')</script>\"'>]]><!-- {{ 7*7 }} {% raw %} \\1 \x00\ud800\u202e https://example.org"
_VOID = {"meta", "link", "br", "hr", "img", "input"}


class Page(HTMLParser):
    """Elements in order, every attribute, all text; fails on a tag that is not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.ids: list[str] = []
        self.texts: list[str] = []
        self.marks: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.append((tag, name, value or ""))
            if name == "id":
                self.ids.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.texts.append(data)
        if "mark" in self.open:
            self.marks.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.texts))


@pytest.fixture(scope="module")
def page_text() -> str:
    return render(sample())


@pytest.fixture(scope="module")
def page(page_text: str) -> Page:
    return Page(page_text)


def _hostile(value: Any) -> Any:
    """Every free text of a dossier replaced; words that steer what is shown are kept."""
    steering = {"status", "contrast", "unit", "direction", "version", "current_version", "task", "exemplar_policy"}
    if isinstance(value, str):
        return HOSTILE
    if isinstance(value, tuple):
        return tuple(_hostile(one) for one in value)
    if is_dataclass(value) and not isinstance(value, type):
        names = [f.name for f in fields(value) if f.name not in steering]
        return replace(value, **{name: _hostile(getattr(value, name)) for name in names})
    return value


def _outside_references(page: Page) -> list[tuple[str, str, str]]:
    """Attributes that would make a browser fetch something or run something."""
    fetching = {"src", "srcset", "href", "xlink:href", "action", "data", "poster", "background"}
    return [
        (tag, name, value)
        for tag, name, value in page.attributes
        if (name in fetching and not value.startswith("#"))
        or name.startswith("on")
        or (name != "content" and re.search(r"url\((?!#)", value))
    ]


def test_page_is_well_formed_with_unique_ids(page: Page) -> None:
    assert page.tags.count("html") == page.tags.count("main") == 1
    assert len(page.ids) == len(set(page.ids))
    assert "script" not in page.tags and "link" not in page.tags and "iframe" not in page.tags


def test_references_inside_the_page_exist(page: Page) -> None:
    for _, name, value in page.attributes:
        wanted = value.split() if name == "aria-labelledby" else re.findall(r"url\(#([^)]+)\)", value)
        wanted += [value[1:]] if name == "href" and value.startswith("#") else []
        assert set(wanted) <= set(page.ids)


def test_nothing_is_fetched(page_text: str, page: Page) -> None:
    assert _outside_references(page) == []
    addresses = set(re.findall(r"https?://[^\s\"'<]+", page_text))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert "@import" not in page_text
    assert set(re.findall(r"src: url\(([^,]*),", page_text)) == {"data:font/woff;base64"}, "the font is inside"


def test_same_dossier_same_bytes(page_text: str) -> None:
    assert render(sample()) == page_text


def test_the_servers_time_zone_changes_no_byte(page_text: str) -> None:
    code = "import hashlib; from reports.html import render; from tests.reports.samples import sample; "
    code += "print(hashlib.sha256(render(sample()).encode()).hexdigest())"
    zone = {**os.environ, "TZ": "America/New_York"}
    said = subprocess.run([sys.executable, "-c", code], env=zone, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == hashlib.sha256(page_text.encode()).hexdigest()


def test_hostile_text_is_only_ever_text() -> None:
    text = render(_hostile(sample()))
    page = Page(text)
    assert "script" not in page.tags
    assert _outside_references(page) == []
    assert "alert('x')" in page.text, "the text is shown, escaped"
    assert "{{ 7*7 }}" in page.text, "and never evaluated"
    text.encode("utf-8")
    assert "\x00" not in text and "\u202e" not in text


def test_hostile_words_that_steer_do_not_break_the_page() -> None:
    hostile = row(status=HOSTILE, direction=HOSTILE, unit=HOSTILE, task=HOSTILE)
    dossier = bare(rows=(hostile,), status=HOSTILE, exemplar_policy=HOSTILE, timezone=HOSTILE)
    page = Page(render(dossier))
    assert "script" not in page.tags and _outside_references(page) == []


def test_page_one_says_what_was_audited_and_what_is_due(page: Page) -> None:
    for said in (
        "Northfield chest radiograph drafts",
        "6 Jul – 27 Sep 2026",
        "5 October 2026, 08:30 (Europe/Berlin)",
        "Simulated data",
        "A decision is needed",
        "Audited 1,204 of 1,312 drafts",
        "from 1,003 patients, 1,290 studies",
        "72 awaiting a reference",
        "31.0 [22.0–42.0]",
        "uncorrected: automatic judge, no radiologist review yet",
        "9.2 % [7.6–11.0]",
        "1,204 reports of about 980 patients",
        "act above 6.0 %",
        "The smallest rate that could have been seen is 1.9 %",
        "worst of 14: site East",
    ):
        assert said in page.text, said


def test_page_one_is_ordered_by_severity(page_text: str) -> None:
    table = page_text.split('class="verdicts"')[1].split("</table>")[0]
    words = re.findall(r"</svg> ([^<]+)</span>", table)
    order = [s.word for s in STATUSES.values()]
    assert words == sorted(words, key=order.index)
    assert {"Act", "Watch", "Insufficient data", "OK", "No verdict"} == set(words)


@pytest.mark.parametrize("status", [s for s in STATUSES if s])
def test_every_status_shows_its_word_and_its_own_shape(status: str) -> None:
    dossier = bare(rows=(row(status=status, watch=0.04, act=0.06, reason="Because of this."),), status=status)
    text = render(dossier)
    verdict = text.split("Overall verdict")[1].split("</div>")[0]
    assert f"#i-{STATUSES[status].icon}" in verdict and STATUSES[status].word in verdict
    assert ("Because of this." in text) == (status in ("failed", "stale", "insufficient"))
    assert len({s.icon for s in STATUSES.values()}) == len(STATUSES)


def test_suppressed_numbers_never_appear() -> None:
    leaking = [
        row(
            value=0.7777,
            low=0.6666,
            high=0.8888,
            n=7.0,
            events=5.0,
            patients=9,
            suppressed=True,
            previous=0.5555,
            status="act",
            reason="7 of 9: 77.77 %",
            watch=0.04,
            slice=where,
            contrast=contrast,
            item=item,
        )
        for where, contrast, item in (
            ("all", "", ""),
            ("age=0-17", "", ""),
            ("age=0-17", "rest", ""),
            ("all", "", "Hernia"),
            ("all", "reference", ""),
        )
    ]
    text = render(bare(rows=tuple(leaking), status="act"))
    shown = Page(text).text
    for number in ("77.8", "77.7", "66.7", "88.9", "55.5", "55.6", "7 reports", "9 patients", "7 of 9"):
        assert number not in shown, number
    assert "fewer than 11 patients" in shown and "age 0-17" in shown


def test_suppressed_groups_are_listed_beneath_the_forest(page: Page) -> None:
    assert (
        "Suppressed (fewer than 11 patients, or the next smallest group): age 0-17; sex not recorded." in page.text
    )


@pytest.mark.parametrize(
    ("section", "why"),
    [
        ("performance", "Nothing was measured in this window."),
        ("calibration", "No output states a probability"),
        ("subgroups", "No slices were measured"),
        ("performance", "there is no trend"),
        ("drift", "No reference window is declared"),
        ("errors", "No error was found"),
        ("evidence", "Repeated looks are not corrected"),
        ("evidence", "Journal head"),
    ],
)
def test_an_empty_section_says_why(section: str, why: str, page: Page) -> None:
    assert section in page.ids
    text = render(bare())
    assert why in Page(text.split(f'<section id="{section}">')[1].split("</section>")[0]).text
    assert "Simulated data" not in text


def test_only_undated_outputs() -> None:
    flow = Flow("classification", "2.1", 40, 40, 40, 0, 0, 0, 0, 40, 40, 38, 1.0)
    text = Page(render(bare(flows=(flow,)))).text
    assert "everything received, without limits of time" in text
    assert "40 without a time: counted, but in no trend." in text
    assert "38 patients or studies (no patient key)" in text
    assert "Clinically significant errors" not in text, "no report task, no report headline"


def test_report_task_without_the_headline_number_says_so() -> None:
    flow = Flow("report", "2.1", 40, 0, 0, 40, 0, 0, 0, 0, 40, 38, 0.0)
    assert "Not measured in this window." in Page(render(bare(flows=(flow,)))).text


def test_undefined_is_a_dash_with_its_reason_and_never_zero() -> None:
    undefined = row(value=None, low=None, high=None, n=0.0, patients=0, note="no positive labels")
    text = Page(render(bare(rows=(undefined,)))).text
    assert "– (no positive labels)" in text and "0.0 %" not in text


def test_spans_are_marked_and_policy_withholds_texts(page: Page) -> None:
    assert page.marks == [
        "large right pleural effusion",
        "No pleural effusion",
        "left",
        "right",
        "nodule of 9 mm",
    ]
    withheld = Page(render(replace(sample(), exemplar_policy="none")))
    assert withheld.marks == [] and "pleural effusion with" not in withheld.text
    assert (
        "Texts are withheld by policy" in withheld.text and "Fabricated finding: Pleural effusion" in withheld.text
    )


def test_restatement_is_said() -> None:
    dossier = sample()
    text = render(replace(dossier, provenance=replace(dossier.provenance, restates="a-2026-09-01-1")))
    assert "the earlier audit a-2026-09-01-1 is kept" in text
    assert "5.0 % [3.8–6.4] (was 4.4 %)" in render(bare(rows=(row(previous=0.044),)))


def test_older_versions_are_measured_but_do_not_answer_on_page_one() -> None:
    rows = (row(version="2.0", status="act", value=0.2), row(status="ok", watch=0.1))
    text = render(bare(rows=rows, status="ok"))
    first = text.split("</section>")[0]
    assert "20.0 %" not in first and "20.0 %" in text


def test_only_gaps_and_no_levels() -> None:
    gap = row(slice="sex=F", contrast="rest", value=0.03)
    text = Page(render(bare(rows=(gap, suppressed(slice="sex=M", contrast="rest"))))).text
    assert "+3.0 points [+1.8 to +4.4]" in text


def test_dossier_is_left_as_it_was() -> None:
    dossier: Dossier = sample()
    render(dossier)
    assert dossier == sample()


def test_chance_band_is_not_read_as_an_interval() -> None:
    moved = row(
        "drift_distance", 0.264, low=0.0, high=0.049, unit="distance", contrast="reference", status="watch"
    )
    text = Page(render(bare(drift=(), rows=(replace(moved, status="watch"),), status="watch"))).text
    assert "0.264 (by chance up to 0.049)" in text and "[0.000" not in text


def test_page_one_shows_one_gap_a_task_unless_bounds_were_fixed() -> None:
    gaps = [
        row(measure, slice="sex=F", contrast="rest") for measure in ("contradicted_reports", "unsupported_reports")
    ]
    unbound = render(bare(rows=tuple(gaps))).split("</section>")[0]
    assert unbound.count("minus everyone else") == 1
    bound = tuple(replace(gap, status="ok", watch=0.1) for gap in gaps)
    assert render(bare(rows=bound)).split("</section>")[0].count("minus everyone else") == 2


def test_attributes_of_two_tasks_are_drawn_in_two_panels() -> None:
    twice = (*sample().drift, *sample().drift)
    assert render(bare(drift=twice)).count("2 of 5 columns moved") == 4, "title and caption of each"


def test_trend_names_versions_older_than_the_window() -> None:
    assert "Shape: version (2.0, 2.1)" in Page(render(replace(sample(), versions=("2.1",)))).text


def test_largest_differences_are_shown_without_verdict_and_withheld_where_small() -> None:
    page = render(sample())
    assert "Largest differences between groups" in page
    assert "5.2 points" in page
    assert "a group has fewer than 11 patients" in page


def test_the_worst_group_stands_beside_chance_and_with_others_alike(page: Page) -> None:
    assert "worst of 3: age 65+" in page.text
    assert "8.1 points" in page.text and "2.1 points, rarely 4.8 points" in page.text
    assert "site: +3.5 points [−0.2 to +7.1]; vendor: the two sides hardly meet" in page.text


def test_the_watch_list_says_how_many_were_asked(page: Page) -> None:
    assert "Of 62 gaps between a group and everyone else in the week of 7 September 2026" in page.text
    assert "stood out too" in page.text


def test_what_is_estimated_stands_beside_what_labels_say(page: Page) -> None:
    assert "Estimated before labels come" in page.text
    assert "81.0 % [78.0–84.0]" in page.text and "+2.0 points [−1.0 to +5.0]" in page.text
    assert "Estimated before labels come" not in Page(render(bare())).text
