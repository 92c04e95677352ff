"""The desk: items as a reviewer sees them, answers saved one by one, and what stays hidden from whom."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.audit.run import Result
from auditor.keeping.erasure import erase_patient
from auditor.reviews.answer import KIND_ANSWERS, SIGNIFICANCES, VERDICTS
from auditor.reviews.correct import correct, readings, sample_named
from auditor.reviews.desk import SoFar, others, progress, queue, save, so_far
from auditor.reviews.draw import Drawn, draw_sample
from auditor.reviews.item import Shown
from auditor.reviews.questions import KINDS, ReviewError
from auditor.reviews.readers import reader_of, said_by
from auditor.reviews.shown import shown
from auditor.store import tables as t
from auditor.store.verify import verify
from tests.auditor import small_hospital as small
from tests.auditor.reviews.test_reviews import rows_of, take
from tests.auditor.small_hospital import LATER, MARKER, RECEIVED, Site

KEY = bytes.fromhex("5a" * 32)
VALE, LAKE = reader_of(KEY, "vale"), reader_of(KEY, "lake")


def desk(site: Site, n: int = 20, **more: Any) -> Drawn:
    """A sample that waits at the desk, without a sheet."""
    return draw_sample(site.ledger, site.lake, small.SYSTEM, n=n, at=RECEIVED, actor="test", **more)


def say(site: Site, drawn: Drawn, number: int, reader: str = VALE, **given: str) -> bool:
    return save(site.ledger, drawn.sample, number, given, reader=reader, at=LATER)


def items(site: Site, sample: str) -> dict[int, Shown]:
    return shown(site.ledger, site.lake, sample_named(site.ledger, sample))


def say_all(site: Site, drawn: Drawn, reader: str, verdict: str = "no") -> None:
    for number in range(1, drawn.drawn + 1):
        say(site, drawn, number, reader, fabrication=verdict)


def shown_so_far(site: Site, drawn: Drawn, reader: str) -> SoFar:
    return so_far(site.ledger, sample_named(site.ledger, drawn.sample), reader)


def rows(site: Site) -> list[dict[str, Any]]:
    """What was said, without who took it in, and when."""
    found = site.ledger.read(sa.select(t.reviews).order_by(t.reviews.c.id))
    return [{name: value for name, value in row.items() if name not in ("id", "at", "actor")} for row in found]


def test_a_sample_for_the_screen_is_the_sample_of_the_sheet(site: Site, tmp_path: Path) -> None:
    waiting = desk(site)
    with_sheet = draw_sample(
        site.ledger, site.lake, small.SYSTEM, n=20, output=tmp_path / "s.csv", at=RECEIVED, actor="test"
    )
    assert with_sheet.again and with_sheet.sample == waiting.sample
    assert list(tmp_path.glob("*.csv")) == [tmp_path / "s.csv"]
    (drawn,) = site.ledger.read(sa.select(t.review_samples))
    assert drawn["id"] == waiting.sample


@pytest.mark.parametrize("blinded", [False, True])
def test_an_item_on_the_screen_is_the_row_of_the_sheet(site: Site, tmp_path: Path, blinded: bool) -> None:
    draw_sample(
        site.ledger,
        site.lake,
        small.SYSTEM,
        n=20,
        output=tmp_path / "s.jsonl",
        blinded=blinded,
        at=RECEIVED,
        actor="test",
    )
    sheet = rows_of(tmp_path / "s.jsonl")
    found = items(site, sheet[0]["sample"])
    assert list(found) == [row["item"] for row in sheet] == list(range(1, 21))
    for row in sheet:
        seen = found[row["item"]]
        assert (seen.case, seen.draft, seen.reference) == (row["case"], row["draft"], row["reference"])
        assert MARKER in seen.draft and MARKER in seen.reference
        assert (seen.findings is None) == blinded
        for finding in seen.findings or ():
            assert (finding.question, finding.code, finding.significance) == ("contradicted", "FAB", "actionable")
            assert finding.draft is not None and seen.draft[slice(*finding.draft)] == "pleural effusion"
            assert (
                finding.reference is not None and "pleural effusion" in seen.reference[slice(*finding.reference)]
            )
        assert bool(seen.findings) == (not blinded and "large left" in seen.draft)


def test_an_item_shows_what_the_audit_saw_and_not_what_came_later(site: Site) -> None:
    drawn = desk(site, n=40)
    before = items(site, drawn.sample)
    amended = [small.report_reference(i, version=2, text=f"Amended {i}.") for i in range(small.CASES)]
    site.hand_in("references", amended, LATER)
    site.audit(LATER + timedelta(days=1))
    assert items(site, drawn.sample) == before


def test_what_is_not_there_is_a_sentence(site: Site) -> None:
    drawn = desk(site)
    with pytest.raises(ReviewError, match="no item 21"):
        say(site, drawn, 21, fabrication="no")
    with pytest.raises(ReviewError, match="no review sample 'other'"):
        save(site.ledger, "other", 1, {"fabrication": "no"}, reader=VALE, at=LATER)


def test_an_erased_report_is_an_item_without_texts(site: Site) -> None:
    drawn = desk(site, n=37)
    query = sa.select(t.review_items).where(t.review_items.c.subject_id.startswith("p-"))
    gone = site.ledger.read(query.order_by(t.review_items.c.number))[0]
    erase_patient(site.ledger, site.lake, small.SYSTEM, gone["subject_id"], "asked to", "test", LATER)
    seen = items(site, drawn.sample)[gone["number"]]
    assert (seen.case, seen.draft, seen.reference, seen.images, seen.findings) == ("", "", "", (), None)
    assert say(site, drawn, gone["number"], fabrication="skip"), "and can be skipped"


ANSWER = st.fixed_dictionaries(
    {"fabrication": st.sampled_from(VERDICTS)},
    optional={
        **{kind: st.sampled_from(["", *KIND_ANSWERS]) for kind in KINDS},
        "significance": st.sampled_from(["", *SIGNIFICANCES]),
        "note": st.text(max_size=30),
    },
)
SAVES = st.lists(st.tuples(st.integers(1, 3), st.sampled_from([VALE, LAKE]), ANSWER), max_size=8)


@pytest.fixture(scope="module")
def shared(small_audited: tuple[Path, Result], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    yield from small.opened(small.copied(small_audited[0], tmp_path_factory.mktemp("desk")))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(saves=SAVES)
def test_after_any_saves_the_last_answer_counts_and_repeating_adds_nothing(
    shared: Site, saves: list[tuple[int, str, dict[str, str]]]
) -> None:
    drawn = desk(shared, n=10)
    expected = {reader: said_by(shared.ledger, drawn.sample, reader) for reader in (VALE, LAKE)}
    for number, reader, answer in saves:
        before = rows(shared)
        try:
            changed = say(shared, drawn, number, reader, **answer)
        except ReviewError as refusal:
            assert rows(shared) == before
            assert not answer.get("note") or answer["note"].strip() not in str(refusal) or len(answer["note"]) < 5
            continue
        after = rows(shared)
        assert after[: len(before)] == before, "nothing that was said is lost"
        assert len(after) - len(before) == changed
        expected[reader][number] = said_by(shared.ledger, drawn.sample, reader)[number]
        assert expected[reader][number]["verdict"] == answer["fabrication"]
        assert not say(shared, drawn, number, reader, **answer)
        assert rows(shared) == after
    assert {reader: said_by(shared.ledger, drawn.sample, reader) for reader in (VALE, LAKE)} == expected


def test_a_sheet_and_the_screen_leave_the_same_rows(site: Site, tmp_path: Path) -> None:
    sheet = tmp_path / "s.jsonl"
    drawn = draw_sample(site.ledger, site.lake, small.SYSTEM, n=12, output=sheet, at=RECEIVED, actor="test")
    answers = [
        {"fabrication": "yes", "contradicted": "agree", "significance": "urgent", "note": " first\r\nsecond "},
        {"fabrication": "no", "omitted": "Disagree", "laterality": "no", "significance": "benign"},
        {"fabrication": "skip", "note": "cannot tell"},
    ]
    filled = [row | answers[row["item"] % 3] for row in rows_of(sheet)]
    (tmp_path / "back.jsonl").write_text("".join(json.dumps(row) + "\n" for row in filled))
    for row in filled:
        say(site, drawn, row["item"], reader_of(KEY, "Dr Rowan Vale"), **answers[row["item"] % 3])
    at_the_screen = rows(site)
    result = take(site, tmp_path / "back.jsonl", reviewer=" Dr  Rowan Vale")
    assert (result.new, result.unchanged) == (0, 12), "the same name is the same reader"
    take(site, tmp_path / "back.jsonl", reviewer="Dr Sorrel Lake")
    imported = [row | {"reader": at_the_screen[0]["reader"]} for row in rows(site)[12:]]
    assert imported == at_the_screen
    assert imported[2]["note"] == "first\nsecond"


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ({}, "fabrication is empty"),
        ({"note": "seen"}, "fabrication is empty beside other answers"),
        ({"fabrication": "perhaps"}, "fabrication must be yes, no or skip"),
        ({"fabrication": "yes", "significance": "benign"}, "urgent or actionable"),
        ({"fabrication": "no", "omitted": "agree"}, "did not see the judge"),
        ({"fabrication": "no", "note": "x" * 10_000_000}, "longer than 2,000 characters"),
        ({"fabrication": "no", "note": "a\0b"}, "cannot be kept"),
        ({"fabrication": "no", "note": "a\ud800b"}, "cannot be kept"),
    ],
)
def test_what_a_sheet_may_not_say_the_screen_may_not_either(
    site: Site, answer: dict[str, str], sentence: str
) -> None:
    drawn = desk(site, blinded=True)
    head = site.ledger.head()
    with pytest.raises(ReviewError, match=sentence):
        say(site, drawn, 1, **answer)
    assert site.ledger.head() == head


def test_hostile_notes_are_kept_as_they_are(site: Site) -> None:
    drawn = desk(site)
    notes = ["<script>alert(1)</script>", "{{ 7 * 7 }}{% raw %}", "a\r\nSet-Cookie: x=1", "=1+1", "'; drop table"]
    for number, note in enumerate(notes, start=1):
        assert say(site, drawn, number, fabrication="no", note=note)
    assert [row["note"] for row in rows(site)] == [note.replace("\r", "") for note in notes]
    assert verify(site.ledger, site.lake).ok


def test_two_readers_at_once_lose_nothing(site: Site) -> None:
    drawn = desk(site)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda reader: say_all(site, drawn, reader), (VALE, LAKE)))
    said = readings(site.ledger, sample_named(site.ledger, drawn.sample))
    assert len(said) == 40 and len(rows(site)) == 40
    assert verify(site.ledger, site.lake).ok


def test_the_queue_tells_each_reader_what_is_left(site: Site) -> None:
    assert queue(site.ledger, VALE) == []
    first, second = desk(site), desk(site, blinded=True)
    say(site, first, 1, fabrication="no")
    say(site, first, 2, fabrication="skip")
    say(site, first, 1, LAKE, fabrication="yes", significance="urgent")
    newer, older = queue(site.ledger, VALE)
    assert [newer.sample.id, older.sample.id] == [second.sample, first.sample]
    assert (newer.sample.blinded, newer.progress.next, newer.readers) == (True, 1, 0)
    assert (older.progress.items, older.progress.answered, older.progress.skipped) == (20, 2, 1)
    assert (older.progress.next, older.readers, older.drawn) == (3, 2, RECEIVED)
    assert queue(site.ledger, LAKE)[1].progress.next == 2


def test_after_an_item_comes_the_next_open_one(site: Site) -> None:
    drawn = desk(site, n=5)
    for number in (2, 5):
        say(site, drawn, number, fabrication="no")
    left = progress(site.ledger, drawn.sample, VALE)
    assert left.open == (1, 3, 4)
    assert [left.after(number) for number in range(1, 6)] == [3, 3, 4, 1, 1]
    for number in (1, 3, 4):
        say(site, drawn, number, fabrication="skip")
    done = progress(site.ledger, drawn.sample, VALE)
    assert (done.next, done.after(3), done.answered, done.skipped) == (None, None, 5, 3)


def test_another_reader_is_heard_only_after_ones_own_answer(site: Site) -> None:
    drawn = desk(site)
    sample = sample_named(site.ledger, drawn.sample)
    say(site, drawn, 1, LAKE, fabrication="yes", note="surely")
    assert others(site.ledger, sample, 1, VALE) == []
    say(site, drawn, 1, fabrication="skip")
    assert others(site.ledger, sample, 1, VALE) == [], "who skips to look has not answered"
    say(site, drawn, 1, fabrication="no")
    assert others(site.ledger, sample, 1, VALE) == ["yes"]
    assert others(site.ledger, sample, 1, LAKE) == ["no"]
    assert others(site.ledger, sample, 2, VALE) == []


def test_what_the_reviews_show_comes_from_correct_and_when_it_can_sway_nobody(site: Site) -> None:
    drawn = desk(site)
    assert shown_so_far(site, drawn, VALE).hidden == "none"
    for number in range(1, 11):
        say(site, drawn, number, fabrication="no", contradicted="disagree")
    assert shown_so_far(site, drawn, VALE).hidden == "few", "ten patients"
    say(site, drawn, 11, fabrication="no")
    found = shown_so_far(site, drawn, VALE)
    assert found.hidden == "" and set(found.corrections) == {"fabrication"}
    assert found.corrections["fabrication"] == correct(site.ledger, sample_named(site.ledger, drawn.sample))
    assert shown_so_far(site, drawn, LAKE).hidden == "open", "a second reader would learn what the first said"
    say_all(site, drawn, LAKE)
    assert shown_so_far(site, drawn, LAKE).hidden == ""
    assert shown_so_far(site, drawn, VALE).hidden == "open"


def test_agreement_with_a_judge_that_was_not_shown_waits_for_the_last_answer(site: Site) -> None:
    drawn = desk(site, blinded=True)
    for number in range(1, 20):
        say(site, drawn, number, fabrication="no")
    assert shown_so_far(site, drawn, VALE).hidden == "open"
    say(site, drawn, 20, fabrication="skip")
    assert shown_so_far(site, drawn, VALE).corrections["fabrication"].process.skipped == 1


def test_the_journal_names_a_reader_by_pseudonym_alone(site: Site, tmp_path: Path) -> None:
    drawn = desk(site)
    say(site, drawn, 1, reader_of(KEY, "rowan.vale"), fabrication="no")
    query = sa.select(t.journal).where(t.journal.c.table_name == "reviews")
    (entry,) = site.ledger.read(query)
    assert entry["actor"] == reader_of(KEY, "rowan.vale") and "rowan" not in str(dict(entry))
