"""Page one: three error rates together, who had seen the draft, corrected beside uncorrected, which interval."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from reports.document import Card, Cards, Facts, Table
from reports.dossier import Correction, Dossier, Estimate, Flow, Row, VersusRest
from reports.draft_seen import seen_sentence
from reports.export_markdown import summary
from reports.fleet import fleet
from reports.numbers import basis, result
from reports.sections.first import first_page
from reports.sections.performance import performance
from tests.reports.briefings import briefing
from tests.reports.samples import bare, row, sample, suppressed, text_of

DRAFTS = Flow("report", "2.1", 1014, 949, 941, 65, 0, 0, 8, 0, 1014, 646, 0.0)


def seen(slices: dict[str, float], **changes: Any) -> Dossier:
    """Drafts of which so many were judged against references by whether the draft had been seen."""
    rows = [row(n=n, slice=name if name == "all" else f"draft_seen={name}") for name, n in slices.items()]
    return bare(**{"flows": (DRAFTS,), "rows": tuple(rows), **changes})


def triple(dossier: Dossier) -> dict[str, str]:
    """The rates that always stand together, by what they are called."""
    facts = [one for one in first_page(dossier, None) if isinstance(one, Facts)][1:]
    return {label: text_of(said) for one in facts for label, said in one.pairs}


def test_three_rates_of_drafts_stand_together() -> None:
    said = triple(sample())
    assert said["Reports with a contradicted finding, per 100"].startswith("9.2 [7.6–11.0]")
    assert said["Contradicted findings per 100 positive claims"].startswith(
        "3.6 [2.4–5.0]2,604 positive claims (eff"
    )
    assert said["Findings left out, per 100 in the references"].startswith("4.8 [")
    in_fleet = fleet((sample(),), briefing()).sections[0].blocks
    assert any("positive claims" in label for one in in_fleet if isinstance(one, Facts) for label, _ in one.pairs)


def test_a_rate_that_is_missing_or_hidden_is_not_left_out() -> None:
    said = triple(bare(flows=(DRAFTS,), rows=(suppressed(measure="contradicted_claims"),)))
    assert list(said.values()) == ["not measured", "fewer than 11 patients", "not measured"]
    assert triple(bare()) == {}, "of a system without drafts"


@pytest.mark.parametrize(
    ("slices", "said"),
    [
        (
            {"all": 941, "yes": 502, "no": 439},
            "Of 941 references, 502 were written after the radiologist had seen the",
        ),
        (
            {"all": 941, "yes": 502, "no": 405, "unknown": 34},
            "(of 34 it is not known): agreement with those 502 is",
        ),
        (
            {"all": 941, "yes": 941, "none": 0},
            "Every reference was written after the radiologist had seen the draft",
        ),
        ({"all": 941, "no": 941, "none": 0}, "No reference was written after the radiologist had seen the draft."),
        (
            {"all": 941, "no": 900, "(missing)": 41},
            "No reference is known to be written after the radiologist had",
        ),
        ({"all": 941, "unknown": 941, "none": 0}, "Of no reference is it known whether the radiologist had seen"),
        ({"all": 941}, ""),
        ({}, ""),
    ],
)
def test_page_one_says_whose_reference_was_written_after_seeing_the_draft(
    slices: dict[str, float], said: str
) -> None:
    dossier = seen(slices)
    sentence = seen_sentence(dossier, "2.1")
    assert said in sentence and bool(said) == bool(sentence)
    (cards,) = (one for one in first_page(dossier, None) if isinstance(one, Cards))
    assert said in " ".join(text_of(line) for card in cards.cards for line in card.lines)


def test_every_reference_alike_makes_no_groups_but_drafts_with_their_final_text() -> None:
    whole, accepted = row(n=941.0), row("acceptance", 0.2, n=930.0, counted="drafts with their final text")
    assert seen_sentence(bare(rows=(whole, accepted)), "2.1").startswith("Every reference was written after")
    none = replace(accepted, value=None, n=0.0, patients=0)
    assert seen_sentence(bare(rows=(whole, none)), "2.1") == "", "nobody had seen the draft, or it is not known"


def test_how_many_had_seen_it_is_hidden_with_its_group() -> None:
    small = suppressed(slice="draft_seen=yes")
    sentence = seen_sentence(bare(rows=(row(n=300.0), small, row(n=290.0, slice="draft_seen=no"))), "2.1")
    assert sentence.startswith("Some references were written") and "hidden: fewer than 11 patients, or" in sentence
    hidden = (row(n=30.0), suppressed(slice="draft_seen=unknown"), suppressed(slice="draft_seen=no"))
    assert seen_sentence(bare(rows=hidden), "2.1") == ""


def reviews() -> Correction:
    """Reviews of the audit's own window."""
    none: dict[str, Any] = {
        name: None
        for name in (
            *("start", "end", "powered", "agreement", "sensitivity", "specificity"),
            *("readers_agreement", "readers_kappa", "readers_ac1"),
        )
    }
    return Correction(
        sample="s", task="report", version="2.1", same_window=True, checked=datetime(2026, 10, 1, tzinfo=UTC),
        blinded=True, reviewed=120, skipped=0, patients=110, n_eff=100.0, readers=2, read_twice=0,
        readers_differ=0, flagged=("contradicted",), judge_rate=0.03, process=Estimate(0.0512, 0.031, 0.08),
        window=Estimate(0.05, 0.03, 0.08), notes=(), **none,
    )  # fmt: skip


def error_card(dossier: Dossier) -> Card:
    (cards,) = (one for one in first_page(dossier, None) if isinstance(one, Cards))
    return cards.cards[0]


def test_a_corrected_rate_of_reports_stands_beside_an_uncorrected_one_of_reports() -> None:
    card = error_card(replace(sample(), corrections=(reviews(),)))
    said = " ".join(map(text_of, card.lines))
    assert card.big == "51.2 [31.0–80.0]"
    assert "by the automatic judge, per 1,000: 28.0 [20.0–41.0]." in said, "reports, not findings per report"
    assert "31.0 [22.0" not in said


BESIDE = VersusRest(12, True, -0.374, -0.212, -0.417, -0.171, 0.67, 0.58, 0.76)


def gap(**changes: Any) -> Row:
    about: dict[str, Any] = {"value": -0.292, "low": -0.422, "high": -0.166, "slice": "sex=F", "contrast": "rest"}
    return row(**{**about, "versus": BESIDE, "status": "watch", "watch": 0.05, **changes})


def test_page_one_prints_the_95_percent_interval_of_a_gap_and_says_what_its_verdict_rests_on() -> None:
    (table,) = (one for one in first_page(bare(rows=(gap(),)), None) if isinstance(one, Table))
    said = [getattr(run, "text", "") for run in table.rows[0][2]]
    assert table.heads[2] == "Result [95 % interval]" and said[0] == "−29.2 points [−37.4 to −21.2]"
    assert said[1] == "the verdict rests on the wider [−42.2 to −16.6], since several groups are compared"
    assert "wider [−42.2 to −16.6]" in summary(bare(rows=(gap(),)))
    assert result(gap()) == said[0], "wherever a gap is printed beside 95 %"


def test_without_a_verdict_or_where_both_are_one_nothing_is_added() -> None:
    same = replace(BESIDE, alone_low=-0.422, alone_high=-0.166)
    for one in (gap(versus=same), gap(status="", watch=None)):
        (table,) = (part for part in first_page(bare(rows=(one,)), None) if isinstance(part, Table))
        assert "verdict rests" not in text_of(table.rows[0][2])


def test_an_older_audit_says_that_its_interval_is_a_wider_one() -> None:
    (table,) = (one for one in first_page(bare(rows=(gap(versus=None),)), None) if isinstance(one, Table))
    assert "[−42.2 to −16.6]wider than a 95 % interval" in text_of(table.rows[0][2])


def test_a_hidden_group_is_not_said_to_be_small() -> None:
    assert result(suppressed()) == "fewer than 11 patients", "the whole is hidden for that alone"
    neighbour = suppressed(slice="age=65+")
    assert result(neighbour) == "hidden: fewer than 11 patients, or the next smallest group beside such a one"
    assert basis(neighbour) == "hidden"


def test_what_a_number_is_worth_stands_beside_what_it_was_counted_on() -> None:
    assert basis(row()) == "1,204 reports (effective 1,100) of about 980 patients"
    auroc = row("auroc", unit="score", counted="labelled images", n_eff=179.0)
    assert "1,204 labelled images (effective 179 patients of the rarer class)" in basis(auroc)
    assert "effective" not in basis(row(interval="no interval: shown beside a null band"))
    assert "effective" not in basis(row(value=None, low=None, high=None))


def test_how_intervals_are_made_stands_beneath_the_tables_behind_page_one() -> None:
    first = [one for one in first_page(sample(), None) if isinstance(one, Table)]
    assert first[0].foot.startswith("Effective: how many unrelated ones") and "Jeffreys" not in first[0].foot
    tables = [one for one in performance(sample()).blocks if isinstance(one, Table) and one.foot]
    assert tables[0].foot.startswith("How the intervals are made: Jeffreys on the effective sample size")
