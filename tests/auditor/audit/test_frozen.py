"""A frozen set over weeks: judged anew, held against the first judgements, whatever arrives or goes meanwhile."""

import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from auditor.issuing.recompute import recompute
from auditor.store import tables as t
from auditor.store.segments import segments_of
from auditor.store.verify import verify
from monitors.agreement import FROZEN
from monitors.movement import MOVED
from reports import frozen_pairs
from reports.dossier import FrozenPairs
from reports.sections.errors import errors
from tests.auditor import small_hospital as small
from tests.auditor.audit.test_kill import _run as killed
from tests.auditor.audit.test_llm_judge import Reader
from tests.auditor.audit.test_questions import questions
from tests.auditor.judges.chat_server import ChatServer, Say, answer, running
from tests.auditor.keeping.patients import erase, kept
from tests.auditor.small_hospital import RECEIVED, SYSTEM, Site

__all__ = ["questions"]  # a fixture

PAIRS = 50
FIT = small.CASES + 1 - len(small.WAITING) - len(small.UNDATED)  # mature, with a reference
#: Of the reports alone: scored images would only take time.
PLAIN = "\n".join(
    line for line in small.YAML.splitlines() if "classification" not in line and "sensitivity" not in line
)
YAML = PLAIN.replace("report: {}", f"report: {{check: {{frozen: {PAIRS}}}}}") + "\n"
MEASURES = {m.name for monitor in (FROZEN, MOVED) for m in monitor.measures}
WEEK = timedelta(days=7)


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
def server(reader: Reader) -> Iterator[ChatServer]:
    with running(reader) as made:
        yield made


def numbers(site: Site, audit: str, item: str = "flagged") -> dict[str, dict[str, Any]]:
    rows = [row for row in site.measured(audit) if row["measure"] in MEASURES and row["item"] == item]
    return {row["measure"]: row for row in rows}


def sets(site: Site) -> list[dict[str, Any]]:
    rows = site.ledger.read(sa.select(t.artifacts.c.value).where(t.artifacts.c.kind == "frozen"))
    return [row["value"] for row in rows]


def ruled(site: Site, audit: str) -> dict[str, tuple[str, str]]:
    """Measure → status and reason of the verdicts on the frozen set."""
    found = [row for row in site.verdicts(audit) if str(row["threshold"].get("measure")).startswith("frozen_")]
    return {row["threshold"]["measure"]: (row["status"], row["reason"]) for row in found}


def said(site: Site, audit: str) -> FrozenPairs:
    (one,) = site.dossier(audit).frozen
    return one


def unmoved(site: Site, audit: str, pairs: int = PAIRS) -> bool:
    found = numbers(site, audit)
    agreed, moved = found["frozen_agreement"], found["frozen_moved"]
    whole = (agreed["value"], agreed["n"], found["frozen_missing"]["value"]) == (1.0, pairs, 0.0)
    return whole and moved["value"] == 0.0


def test_rules_say_the_same_every_week(fresh_site: Site) -> None:
    site = fresh_site
    site.apply(YAML)
    audits, weeks = [], []
    for week in range(3):
        made = site.audit(RECEIVED + week * WEEK)
        assert not made.cached and unmoved(site, made.audit)
        assert site.audit(RECEIVED + week * WEEK + timedelta(hours=3)).audit == made.audit
        audits.append(made.audit)
        weeks.append(said(site, made.audit).week.isoformat())
        # every draft is judged once, the frozen ones once a week more
        drafts = 61 if week < 2 else 101
        assert sum(s.rows for s in segments_of(site.ledger, SYSTEM, "judgements")) == drafts + (week + 1) * PAIRS
        if week == 1:
            late = [small.report_output(i, output_id=f"LATE-{i}", sample=2) for i in range(40)]
            site.hand_in("outputs", late, RECEIVED + week * WEEK + timedelta(hours=4))
            assert site.audit(RECEIVED + week * WEEK + timedelta(hours=5)).audit != made.audit
    assert weeks == ["2026-02-23", "2026-03-02", "2026-03-09"] and len(set(audits)) == 3
    (kept_set,) = sets(site)
    assert len(kept_set["outputs"]) == len(set(kept_set["first"])) == PAIRS
    # no disagreement in so few is no proof that there is none
    moved = numbers(site, audits[-1])["frozen_moved"]
    assert moved["low"] < 0 < moved["high"] and moved["high"] == -moved["low"]
    assert ruled(site, audits[-1])["frozen_agreement"][0] != "watch" and len(ruled(site, audits[-1])) == 1
    page = str(errors(site.dossier(audits[-1])))
    assert "50 pairs judged first by 1 March 2026, again in the week of 9 March 2026: agreement 100" in page
    assert verify(site.ledger, site.lake).ok


def test_without_a_frozen_set_a_new_week_makes_no_new_audit(fresh_site: Site) -> None:
    first = fresh_site.audit()
    assert fresh_site.audit(RECEIVED + WEEK).audit == first.audit
    assert sets(fresh_site) == [] and not numbers(fresh_site, first.audit)


def test_a_language_model_that_changes_its_mind_is_found_out(
    fresh_site: Site, server: ChatServer, reader: Reader
) -> None:
    """From the third week on it overlooks six in ten of the effusions that it saw."""
    site = fresh_site
    site.apply(by_model(server, f"check: {{frozen: {PAIRS}}}"))
    audits = []
    for week in range(3):
        if week == 2:

            def blind(draft: str, time: int) -> Say:
                return answer(reader.read({"draft": draft}, blind=hash_of(draft) < 6))

            reader.fault = blind
        before = sum(reader.asked.values())
        audits.append(site.audit(RECEIVED + week * WEEK).audit)
        asked = sum(reader.asked.values()) - before
        assert asked == PAIRS + (small.CASES + 1 - len(small.WAITING) if week == 0 else 0)
        assert site.audit(RECEIVED + week * WEEK).cached
        assert sum(reader.asked.values()) == before + asked
    assert all(unmoved(site, audit) for audit in audits[:2])
    (one,) = sets(site)
    texts = {row["digest"].hex(): row["text"] for row in kept(site, "outputs") if row["text"]}
    lost = sum(
        hash_of(texts[digest]) < 6 and "large left pleural effusion" in texts[digest] for digest in one["outputs"]
    )
    assert lost > 10
    found = numbers(site, audits[2])
    assert found["frozen_agreement"]["value"] == pytest.approx(1 - lost / PAIRS)
    assert found["frozen_moved"]["value"] == pytest.approx(-lost / PAIRS)
    assert found["frozen_cleared"]["events"] == lost and found["frozen_raised"]["events"] == 0
    verdicts = ruled(site, audits[2])
    assert {status for status, _ in verdicts.values()} == {"watch"} and set(verdicts) == {
        "frozen_agreement",
        "frozen_moved",
    }
    assert "trends across 2026-W11 compare two judges" in verdicts["frozen_moved"][1]
    alerts = site.ledger.read(
        sa.select(t.alerts.c.root, t.alerts.c.severity).where(t.alerts.c.severity == "watch")
    )
    assert {"report/frozen_agreement", "report/frozen_moved"} <= {row["root"] for row in alerts}
    line = said(site, audits[2])
    assert line.rate_first is not None and line.rate_now is not None
    assert line.rate_now - line.rate_first == pytest.approx(-lost / PAIRS)
    assert line.judge_first == line.judge_now


def by_model(server: ChatServer, check: str) -> str:
    judge = f"judge: {{kind: llm, base_url: '{server.url}', model: reader-7b, attempts: 1, concurrency: 1}}"
    return PLAIN.replace("report: {}", f"report: {{{judge}, {check}}}")


def hash_of(draft: str) -> int:
    """A digit of the case's number: which drafts the model of these tests goes blind for."""
    return sum(map(int, filter(str.isdigit, draft))) * 7 % 10


def test_a_threshold_of_ones_own_replaces_the_rule(fresh_site: Site) -> None:
    bound = "  - {measure: frozen_agreement, item: omitted, watch: 0.5}\n"
    fresh_site.apply(YAML.rstrip() + "\n" + bound)
    assert ruled(fresh_site, fresh_site.audit().audit)["frozen_agreement"][0] == "ok"
    assert len(ruled(fresh_site, fresh_site.audit().audit)) == 1


def test_what_the_server_prevented_is_asked_again_and_nothing_is_frozen_under_trouble(
    fresh_site: Site, server: ChatServer, reader: Reader
) -> None:
    site = fresh_site
    site.apply(by_model(server, f"check: {{frozen: {FIT}}}"))
    down = {small.draft(i) for i in range(7, 50, 14)}
    reader.fault = lambda draft, time: Say(status=500) if draft in down else None
    first = site.audit().audit
    assert said(site, first).waiting == "server" and sets(site) == []
    reader.fault = lambda draft, time: Say(status=500) if draft in down and time == 3 else None
    second = site.audit().audit
    assert len(sets(site)) == 1
    assert numbers(site, second)["frozen_missing"]["events"] == len(down)
    assert numbers(site, second)["frozen_agreement"]["value"] == 1.0
    third = site.audit().audit
    assert third not in (first, second) and unmoved(site, third, FIT)
    assert {reader.asked[draft] for draft in down} == {4}
    assert {times for draft, times in reader.asked.items() if draft not in down} == {1, 2}
    assert site.audit().audit == third


def test_an_amended_reference_changes_nothing_of_the_set(fresh_site: Site) -> None:
    """One report has an addendum when the set is frozen; then reports are amended and get further addenda."""
    site = fresh_site
    site.apply(YAML.replace(str(PAIRS), str(FIT)))
    more = "ADDENDUM: There is a large left pleural effusion."
    site.hand_in("references", [small.report_reference(3, addendum=True, text=more)], RECEIVED)
    first = site.audit().audit
    assert unmoved(site, first, FIT)
    assert sorted(map(len, sets(site)[0]["references"])) == [1] * (FIT - 1) + [2]
    changed = [small.report_reference(i, version=2, text="Large left pleural effusion.") for i in range(6, 40)]
    later = RECEIVED + timedelta(hours=1)
    site.hand_in("references", [*changed, small.report_reference(4, addendum=True, text=more)], later)
    site.hand_in("references", [small.report_reference(3, addendum=True, text=f"More. {more}")], later)
    second = site.audit(RECEIVED + WEEK).audit
    wrong = [
        [m["events"] for m in site.measured(a) if m["measure"] == "contradicted_reports"] for a in (first, second)
    ]
    assert wrong[0] != wrong[1], "the system's own numbers see what was amended"
    assert unmoved(site, second, FIT) and len(sets(site)) == 1
    assert said(site, second).gone == 0


def test_an_erased_patient_is_left_out_and_counted(fresh_site: Site) -> None:
    site = fresh_site
    site.apply(YAML.replace(str(PAIRS), str(FIT)))
    site.audit()
    before = len(kept(site, "judgements"))
    erased = erase(site)  # two drafts of one study
    assert erased.lost_judges == ()
    # both drafts were judged once, and again in the week
    assert (erased.rows["judgements"], len(kept(site, "judgements"))) == (4, before - 4)
    after = site.audit(RECEIVED + WEEK).audit
    assert unmoved(site, after, FIT - 2)
    assert (said(site, after).pairs, said(site, after).gone) == (FIT - 2, 2)
    assert "Left out because their rows were erased: 2." in " ".join(frozen_pairs.lines(said(site, after)))
    assert verify(site.ledger, site.lake).ok and verify(site.ledger, site.lake).rubbish == ()


def test_a_killed_audit_is_completed_by_the_next(fresh_site: Site, tmp_path: Path) -> None:
    """Transactions: 1 inputs, 2–5 blocks of judgements, 6 the set, 7 the judge of the week, 8–10 its blocks."""
    fresh_site.apply(YAML)
    folder = small.copied(fresh_site.workspace.path.parent, tmp_path / "killed")
    assert killed(folder, "commit", 9).returncode == -signal.SIGKILL
    (wreck,) = small.opened(folder)
    assert len(sets(wreck)) == 1
    assert sum(s.rows for s in segments_of(wreck.ledger, SYSTEM, "judgements")) == 61 + 20
    assert not wreck.ledger.read(sa.select(t.audits))
    again, whole = wreck.audit(), fresh_site.audit()
    assert again == whole
    assert wreck.measured(again.audit) == fresh_site.measured(whole.audit)
    assert wreck.verdicts(again.audit) == fresh_site.verdicts(whole.audit)
    assert sets(wreck) == sets(fresh_site)
    assert verify(wreck.ledger, wreck.lake).ok
    wreck.ledger.close()


def test_it_waits_until_there_are_enough(fresh_site: Site) -> None:
    site = fresh_site
    site.apply(YAML.replace(str(PAIRS), str(FIT + 1)))
    first = site.audit()
    assert (said(site, first.audit).waiting, said(site, first.audit).there) == ("few", FIT)
    assert sets(site) == [] and not numbers(site, first.audit)
    assert f"waits until there are {FIT + 1} mature outputs" in " ".join(
        frozen_pairs.lines(said(site, first.audit))
    )
    assert site.audit().cached
    site.hand_in("references", [small.report_reference(small.WAITING[0])], RECEIVED + timedelta(hours=1))
    assert unmoved(site, site.audit(RECEIVED + timedelta(hours=2)).audit, FIT + 1)


def test_only_the_reference_window_is_chosen_from(fresh_site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditor.audit.record.drift_page", lambda *args: None)  # slow, and not looked at here
    window = "reference_window: {from: 2026-01-05, to: 2026-01-20}\n"  # cases 0 to 31, one of them drafted twice
    fresh_site.apply(YAML.replace(str(PAIRS), "33") + window)
    audit = fresh_site.audit().audit
    days = {row["digest"].hex(): row["day"] for row in kept(fresh_site, "outputs")}
    assert max(days[one] for one in sets(fresh_site)[0]["outputs"]).isoformat() == "2026-01-20"
    found = numbers(fresh_site, audit)["frozen_agreement"]
    assert (found["n"], found["version"], str(found["window_end"])) == (33, "2", "2026-01-20")


def test_another_judge_is_held_against_the_first_one_and_said_to_be_another(
    fresh_site: Site, tmp_path: Path
) -> None:
    site = fresh_site
    site.apply(YAML)
    site.audit()
    ours = tmp_path / "ours.yaml"
    ours.write_text(
        "name: ours\nversion: 1\nfindings:\n"
        "  quokka_sign: {structure: lung, significance: urgent, terms: ['large left pleural effusion']}\n"
    )
    site.apply(YAML.replace("{check:", f"{{judge: {{kind: rules, lexicon: ['{ours}']}}, check:"))
    other = site.audit(RECEIVED + timedelta(hours=1)).audit
    assert len(sets(site)) == 1
    one = said(site, other)
    assert one.judge_first != one.judge_now
    assert "The judge is not the one of the day on which the set was frozen" in " ".join(frozen_pairs.lines(one))
    assert numbers(site, other, "contradicted")["frozen_moved"]["value"] < 0  # no effusion is left to contradict
    assert ruled(site, other)["frozen_agreement"][0] == "watch"


def test_another_number_is_another_set_and_the_old_one_stays(fresh_site: Site) -> None:
    site = fresh_site
    for count in (PAIRS, 30, PAIRS):
        site.apply(YAML.replace(str(PAIRS), str(count)))
        assert said(site, site.audit().audit).pairs == count
    assert sorted(len(one["outputs"]) for one in sets(site)) == [30, PAIRS]
    # the smaller set is the beginning of the larger one: both go by the same hash
    small_one, large = sorted((one["outputs"] for one in sets(site)), key=len)
    assert large[:30] == small_one


def test_an_audit_of_an_earlier_time_does_not_see_a_later_set(fresh_site: Site) -> None:
    site = fresh_site
    site.apply(YAML)
    site.audit(RECEIVED + WEEK)
    earlier = site.audit(RECEIVED + timedelta(hours=1)).audit
    assert said(site, earlier).waiting == "later" and not numbers(site, earlier)
    assert len(sets(site)) == 1


def test_an_audit_with_a_frozen_set_is_made_again_from_its_rows(fresh_site: Site) -> None:
    fresh_site.apply(YAML)
    fresh_site.audit()
    audit = fresh_site.audit(RECEIVED + WEEK).audit
    found = recompute(fresh_site.ledger, fresh_site.lake, SYSTEM)
    assert found.problems == () and audit in found.note and found.compared > 100


def test_answers_have_a_frozen_set_too(questions: Site) -> None:
    yaml = "system: small\nmaturity_days: 7\ntasks: {vqa: {check: {frozen: 100}}}\n"
    questions.apply(yaml, RECEIVED + WEEK)
    audit = questions.audit(RECEIVED + WEEK).audit
    found = {item: numbers(questions, audit, item) for item in ("correct", "abstained")}
    assert {(one["frozen_agreement"]["value"], one["frozen_agreement"]["n"]) for one in found.values()} == {
        (1.0, 100)
    }
    one = said(questions, audit)
    assert (one.item, one.pairs, one.rate_first) == ("correct", 100, one.rate_now)
    assert one.rate_first is not None and 0.5 < one.rate_first < 1.0
    # sixty patients with one or two questions each: one of them is one patient
    assert found["correct"]["frozen_agreement"]["n_eff"] < 100
