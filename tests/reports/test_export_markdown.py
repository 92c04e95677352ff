"""The summary: short, escaped, deterministic, and honest about what it does not show."""

import re
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from reports.dossier import Correction, Dossier, Estimate
from reports.export_markdown import escaped, summary
from reports.plain_text import clean
from reports.text import WORDS
from tests.reports.samples import bare, row, sample, suppressed

HOSTILE = (
    "a|b [x](https://example.org) `c` <script>alert(1)</script> ![i](//y) *e* _f_ ~~g~~ # h <!-- auditor:end -->"
)
_READER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
_DATA_KINDS = {"link_open", "image", "html_inline", "html_block", "code_inline", "fence", "code_block", "em_open"}


def _tokens(text: str) -> list[Token]:
    """Every block and everything inside a line."""
    blocks = _READER.parse(text)
    return [one for block in blocks for one in (block, *(block.children or ()))]


def _shape(text: str) -> list[str]:
    """The elements of the page without their texts."""
    return [one.type for one in _tokens(text) if one.type not in ("text", "text_special")]


def _read(text: str) -> str:
    """What a reader sees of one inline text."""
    return "".join(one.content for one in _READER.parseInline(text)[0].children or ())


def _reviews(**changes: Any) -> Correction:
    one = Estimate(0.0512, 0.031, 0.08)
    made = Correction(
        sample="s-1", task="report", version="2.1", start=None, end=None, same_window=True,
        checked=datetime(2026, 10, 1, tzinfo=UTC), blinded=True, reviewed=120, skipped=2, patients=110, n_eff=98.5,
        readers=2, read_twice=0, readers_differ=0, flagged=("contradicted",), judge_rate=0.06, process=one,
        window=one, powered=None, agreement=one, sensitivity=None, specificity=one, readers_agreement=None,
        readers_kappa=None, readers_ac1=None, notes=(),
    )  # fmt: skip
    return replace(made, **changes)


def _with_text(value: Any, text: str) -> Any:
    """Every free text of a dossier replaced; words that steer what is shown are kept."""
    steering = {"status", "contrast", "unit", "direction", "version", "current_version", "task", "slice", "item",
                "measure", "exemplar_policy"}  # fmt: skip
    if isinstance(value, str):
        return text
    if isinstance(value, tuple):
        return tuple(_with_text(one, text) for one in value)
    if is_dataclass(value) and not isinstance(value, type):
        names = [f.name for f in fields(value) if f.name not in steering]
        return replace(value, **{name: _with_text(getattr(value, name), text) for name in names})
    return value


def test_what_a_mail_needs_is_there_and_it_is_short() -> None:
    text = summary(sample())
    assert text == summary(sample()) and text.count("\n") < 60
    assert text.startswith("# Audit of Northfield chest radiograph drafts\n")
    assert "Simulated data. No patient" in text and "6 Jul – 27 Sep 2026" in text
    assert "**Verdict: Act.** A decision is needed on Northfield" in text
    first = (
        "| Act | Reports with at least one contradicted finding | 9.2 % [7.6–11.0] | watch above 4.0 %, act above"
    )
    assert first in text
    assert "audited 1,204 of 1,312 drafts" in text and f"31.0 [22.0–42.0] ({WORDS['per_thousand_label']})" in text
    assert "- Error rates come from an automatic judge and are uncorrected." in text
    assert "a-2026-10-05-1" in text and "be" * 32 in text
    assert "1 more in the report." in text  # of four limits, three are said


def test_at_most_twelve_questions_and_the_rest_is_counted() -> None:
    rows = tuple(row(f"m{i}", title=f"Question {i}", status="watch", watch=0.04) for i in range(15))
    table = [line for line in summary(bare(rows=rows)).splitlines() if line.startswith("| Watch")]
    assert len(table) == 12 and "3 more in the report." in summary(bare(rows=rows))


def test_a_dossier_of_nothing_says_so_and_has_no_table_or_number() -> None:
    text = summary(bare())
    assert "|" not in text and WORDS["no_verdicts"] in text and "No outputs of version 2.1" in text
    assert "Simulated" not in text and WORDS["per_thousand"] not in text


def test_the_rate_is_the_corrected_one_only_where_the_reviews_are_of_this_window() -> None:
    text = summary(replace(sample(), corrections=(_reviews(),)))
    assert "51.2 [31.0–80.0] (corrected by 120 reviews" in text and "31.0 [22.0–42.0]" not in text
    earlier = summary(replace(sample(), corrections=(_reviews(same_window=False),)))
    assert WORDS["per_thousand_earlier"] in earlier and "51.2" not in earlier
    missing = summary(replace(sample(), rows=()))
    assert f"{WORDS['per_thousand']}: {WORDS['per_thousand_missing']}" in missing


def test_suppressed_and_undefined_numbers_are_never_shown() -> None:
    hidden = row(value=0.7777, low=0.6666, high=0.8888, n=7.0, patients=9, suppressed=True, status="watch",
                 reason="7 of 9", watch=0.05)  # fmt: skip
    rate = row("significant_contradicted", 0.7777, unit="per report", suppressed=True)
    text = summary(replace(sample(), rows=(hidden, rate, suppressed(measure="sensitivity"))))
    assert "fewer than 11 patients" in text
    assert not re.search(r"77\.8|777\.7|66\.7|88\.9|7 of 9", text)
    undefined = summary(bare(rows=(row(value=None, low=None, high=None, note="no case"),)))
    assert "| – (no case) |" in undefined and "0.0" not in undefined


def test_no_report_text_is_in_it() -> None:
    text = summary(sample())
    for one in sample().exemplars:
        assert one.draft not in text or not one.draft
        assert one.reference not in text
    assert "the lung are clear" not in text


def test_hostile_text_changes_no_element() -> None:
    plain, hostile = summary(_with_text(sample(), "plain")), summary(_with_text(sample(), HOSTILE))
    assert _shape(hostile) == _shape(plain)
    assert not {one.type for one in _tokens(hostile)} & _DATA_KINDS
    assert "<!-- auditor:end -->" not in hostile and "://" not in hostile.replace("\\://", "")
    summary(_with_text(sample(), "\ud800\x00\u202e")).encode()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(st.characters(codec=None), max_size=40))
@example("- a\n- b")
@example("1. a")
@example("===")
@example("| --- |")
@example("[1–2](x)")
@example("[1–2]: /url")
@example("\\|")
@example("&lt;b&gt;")
@example("www.example.org")
def test_whatever_the_title_the_page_has_the_same_elements(title: str) -> None:
    base: Dossier = bare(rows=(row(status="act", act=0.04, title="T"),), limits=("L",))
    plain = _shape(summary(base))
    with_title = replace(base.rows[0], title=f"T{title}")
    text = summary(replace(base, title=f"T{title}", rows=(with_title,), limits=(f"{title}L",)))
    assert _shape(text) == plain
    text.encode()


@settings(max_examples=100, deadline=None)
@given(st.text(st.sampled_from("ab1 \\`*_[]()<>|~#$@&;:/.!-+=–\n"), max_size=20))
def test_what_is_escaped_is_read_as_it_was_written(text: str) -> None:
    assert _read(escaped(text)) == " ".join(clean(text).split())


@pytest.mark.parametrize("text", ["https://example.org", "WWW.example.org", "me@example.org"])
def test_readers_that_link_bare_addresses_find_none(text: str) -> None:
    assert text not in escaped(text)
