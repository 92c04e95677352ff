"""Audits whose judge is a language model: what is asked, what is kept, and what is asked again."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from auditor.audit.agreement import ITEMS, chosen
from auditor.audit.judged_table import from_judgements
from auditor.audit.judging import judge_pairs, pair_keys
from auditor.audit.linking import link
from auditor.judges import for_task
from auditor.store import schemas
from auditor.store import tables as t
from auditor.store.segments import segments_of
from tests.auditor import small_hospital as small
from tests.auditor.judges.chat_server import ChatServer, Say, answer, completion, running
from tests.auditor.small_hospital import LATER, RECEIVED, SYSTEM, YAML, Site, flow, row

EFFUSION = "large left pleural effusion"
LINKED = small.CASES + 1 - len(small.WAITING)  # report drafts that have a reference
CHECK = "check: {share: 0.5, repeats: 1, judge: {kind: rules}}"

Fault = Callable[[str, int], Say | None]


class Reader:
    """A model that reads drafts of the small hospital aright, but for the faults it is given."""

    def __init__(self) -> None:
        self.fault: Fault = lambda draft, time: None
        self.asked: Counter[str] = Counter()

    def __call__(self, question: dict[str, Any], number: int) -> Say:
        draft = question["draft"]
        self.asked[draft] += 1
        wrong = self.fault(draft, self.asked[draft])
        return wrong or answer(self.read(question))

    def read(self, question: dict[str, Any], blind: bool = False) -> dict[str, Any]:
        finding = {
            "finding": "pleural_effusion",
            "draft_quote": EFFUSION,
            "support": "contradicted",
            "reference_quote": "No pleural effusion",
            "significance": "actionable",
            "attribute_errors": [],
        }
        seen = EFFUSION in question["draft"] and not blind
        return {"draft_findings": [finding] if seen else [], "omitted_findings": [], "draft_errors": []}


@pytest.fixture
def reader() -> Reader:
    return Reader()


@pytest.fixture
def server(reader: Reader) -> Iterator[ChatServer]:
    with running(reader) as made:
        yield made


def settings(server: ChatServer, check: str = "") -> str:
    judge = f"judge: {{kind: llm, base_url: '{server.url}', model: reader-7b, attempts: 1, concurrency: 1}}"
    return YAML.replace("report: {}", "report: {" + ", ".join(filter(None, (judge, check))) + "}")


def stored(site: Site) -> int:
    """Judgements in the lake."""
    return sum(s.rows for s in segments_of(site.ledger, SYSTEM, "judgements"))


def checked(site: Site) -> int:
    """How many drafts the check of half of them chose, from their hashes."""
    tables = {
        kind: site.lake.read_many(
            [s.sha256 for s in segments_of(site.ledger, SYSTEM, kind)], schema=schemas.LAKE[kind]
        )
        for kind in ("outputs", "references", "cases")
    }
    linked = link(tables["outputs"], tables["references"], tables["cases"], "report", site.settings)
    judge = for_task("report")
    keys = pair_keys(linked, judge.digest)
    found = judge_pairs(
        site.ledger,
        site.lake,
        SYSTEM,
        judge,
        linked,
        keys,
        lambda: site.ledger.transaction(actor="test", at=RECEIVED),
        lambda stage, done, total: None,
    )
    judged = from_judgements(linked, found.judgements, keys, "report", site.settings)
    rows = {share: set(chosen("report", linked, judged, share).tolist()) for share in (0.25, 0.5, 1.0)}
    assert rows[0.25] < rows[0.5] < rows[1.0]
    assert len(rows[1.0]) == LINKED
    return len(rows[0.5])


def test_every_pair_is_asked_about_once_and_never_again(
    fresh_site: Site, server: ChatServer, reader: Reader
) -> None:
    fresh_site.apply(settings(server))
    first = fresh_site.audit()
    assert sum(reader.asked.values()) == LINKED == max(reader.asked.values()) * LINKED
    found = row(fresh_site.dossier(), "contradicted_reports", "2")
    wrong = sum(small.contradicts(i) for i in range(20, small.CASES) if i not in small.WAITING)
    assert (found.events, found.status) == (wrong, first.status) == (wrong, "act")
    assert fresh_site.audit(LATER) == type(first)(first.audit, first.status, cached=True)
    fresh_site.hand_in("references", [small.report_reference(small.WAITING[0])], LATER)
    fresh_site.audit(LATER)
    assert sum(reader.asked.values()) == LINKED + 1
    judges = fresh_site.ledger.read(sa.select(t.details.c.payload).where(t.details.c.kind == "judges"))
    assert "report by reader-7b" in str(judges[0]["payload"])


def test_what_a_broken_server_prevented_is_counted_and_asked_again(
    fresh_site: Site, server: ChatServer, reader: Reader
) -> None:
    fresh_site.apply(settings(server))
    down = {small.draft(i) for i in range(0, 50, 7)}
    reader.fault = lambda draft, time: Say(status=500) if draft in down else None
    first = fresh_site.audit()
    dossier = fresh_site.dossier(first.audit)
    assert sum(flow(dossier, "report", v).judge_failed for v in ("1", "2")) == len(down)
    assert first.status == "failed"  # more than one in twenty
    assert stored(fresh_site) == LINKED + len(small.WAITING) - len(down)

    again = fresh_site.audit(LATER)  # nothing has changed: the same audit, though it was tried anew
    assert (again.audit, again.cached) == (first.audit, False)
    assert {draft for draft, times in reader.asked.items() if times == 2} == down

    reader.fault = lambda draft, time: None
    whole = fresh_site.audit(LATER)
    assert whole.audit != first.audit and whole.status == "act"
    assert {draft for draft, times in reader.asked.items() if times == 3} == down
    assert sum(reader.asked.values()) == LINKED + 2 * len(down)
    dossier = fresh_site.dossier(whole.audit)
    assert sum(flow(dossier, "report", v).judge_failed for v in ("1", "2")) == 0
    assert dossier.provenance.restates == first.audit
    assert stored(fresh_site) == LINKED + len(small.WAITING)
    assert fresh_site.audit(LATER) == type(whole)(whole.audit, whole.status, cached=True)


def test_a_pair_that_the_model_cannot_judge_is_a_fact_and_not_asked_again(
    fresh_site: Site, server: ChatServer, reader: Reader
) -> None:
    fresh_site.apply(settings(server))
    hard = small.draft(40)
    reader.fault = lambda draft, time: completion(f"Hm. {small.MARKER}") if draft == hard else None
    first = fresh_site.audit()
    assert flow(fresh_site.dossier(first.audit), "report", "2").judge_failed == 1
    assert fresh_site.audit(LATER).cached
    fresh_site.hand_in("references", [small.report_reference(small.WAITING[0])], LATER)
    fresh_site.audit(LATER)
    assert reader.asked[hard] == 1
    tables = [fresh_site.lake.read(s.sha256) for s in segments_of(fresh_site.ledger, SYSTEM, "judgements")]
    reasons = [reason for table in tables for reason in table["reason"].to_pylist() if reason]
    assert len(reasons) > 1 and not any(small.MARKER in reason for reason in reasons)


def test_the_judge_is_held_against_itself_and_against_the_rules(
    fresh_site: Site, server: ChatServer, reader: Reader
) -> None:
    """The model overlooks every second effusion when it is asked again: the measures must say just that."""
    fresh_site.apply(settings(server, CHECK))
    blind: list[bool] = []

    def overlook(draft: str, time: int) -> Say | None:
        if time < 2:
            return None
        if EFFUSION in draft:
            blind.append(len(blind) % 2 == 0)
            return answer(reader.read({"draft": draft}, blind=blind[-1]))
        return None

    reader.fault = overlook
    audit = fresh_site.audit().audit
    twice = [draft for draft, times in reader.asked.items() if times == 2]
    assert max(reader.asked.values()) == 2
    assert len(twice) == checked(fresh_site)
    repeats = agreement(fresh_site, audit, "repeat_agreement", "contradicted")
    # one case has two drafts of half the weight, and may be among the chosen
    assert sum(r["n"] for r in repeats) == pytest.approx(len(twice), abs=1.0)
    assert sum(r["n"] - r["events"] for r in repeats) == pytest.approx(sum(blind), abs=0.5)
    assert {r["task"] for r in repeats} == {"report"}
    assert {r["monitor"] for r in repeats} == {"agreement_repeats"}
    # the rules read these drafts as the model does the first time
    rules = agreement(fresh_site, audit, "judge_agreement", "contradicted")
    assert [(r["value"], r["n"]) for r in rules] == [(1.0, r["n"]) for r in repeats]
    assert {r["value"] for r in agreement(fresh_site, audit, "judge_missing", "contradicted")} == {0.0}
    kappa = agreement(fresh_site, audit, "repeat_kappa", "contradicted")[-1]
    assert kappa["low"] < kappa["value"] < 0.9
    side = agreement(fresh_site, audit, "repeat_kappa", "laterality")[-1]
    assert side["value"] is None and "no kappa" in side["note"]
    assert {m["item"] for m in fresh_site.measured(audit) if m["measure"] == "judge_ac1"} == set(ITEMS["report"])
    assert fresh_site.audit(LATER).cached


def agreement(site: Site, audit: str, measure: str, item: str) -> list[dict[str, Any]]:
    """The recorded measurements of one measure and item, version by version, before anything is suppressed."""
    found = [m for m in site.measured(audit) if (m["measure"], m["item"]) == (measure, item)]
    assert [m["version"] for m in found] == ["1", "2"]
    return found


def test_a_repeat_that_failed_is_missing_and_made_up_for(
    fresh_site: Site, server: ChatServer, reader: Reader
) -> None:
    fresh_site.apply(settings(server, "check: {share: 0.5, repeats: 1}"))
    reader.fault = lambda draft, time: Say(status=503) if time == 2 and "7" in draft else None
    first = fresh_site.audit().audit
    lost = sum("7" in draft for draft, times in reader.asked.items() if times == 2)
    assert lost
    assert sum(m["events"] for m in agreement(fresh_site, first, "repeat_missing", "contradicted")) == lost
    second = fresh_site.audit(LATER).audit
    assert sum(m["events"] for m in agreement(fresh_site, second, "repeat_missing", "contradicted")) == 0
    assert fresh_site.audit(LATER).cached


def test_agreement_is_ruled_on_like_any_number(fresh_site: Site, server: ChatServer) -> None:
    bound = "\n  - {measure: judge_agreement, item: contradicted, watch: 0.5}\n"
    fresh_site.apply(settings(server, "check: {share: 1.0, judge: {kind: rules}}").rstrip() + bound)
    fresh_site.audit()
    assert row(fresh_site.dossier(), "judge_agreement", "2", item="contradicted").status == "ok"


def test_a_missing_key_stops_the_audit_before_anything_is_recorded(fresh_site: Site, server: ChatServer) -> None:
    named = settings(server).replace("attempts: 1", "attempts: 1, key_variable: QUOKKA_KEY_THAT_IS_NOT_SET")
    fresh_site.apply(named)
    with pytest.raises(ValueError, match="QUOKKA_KEY_THAT_IS_NOT_SET"):
        fresh_site.audit()
    assert stored(fresh_site) == 0
