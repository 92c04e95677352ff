"""Single claims of drafts: how many other drafts of the case make them, and whether they are right."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from auditor.audit.claim_confidence import claim_confidence
from auditor.audit.confidence import _sampled, is_stated, of_source
from auditor.audit.judged_table import from_judgements
from auditor.audit.judging import _row
from auditor.audit.linking import Linked
from auditor.judges.protocol import site_lexicon_of
from auditor.judges.report import ReportJudge
from auditor.model_settings import RulesSetting
from auditor.settings import Task
from auditor.store import schemas
from monitors.calibration import CONFIDENCE_CLAIMS, CONFIDENCE_REPORT
from monitors.judged import CLAIMS, GRID
from monitors.tally import Tally
from tests.auditor.audit import rows
from tests.auditor.claims.test_site_lexicon import OURS

LEFT, RIGHT = "Small left pleural effusion.", "Small right pleural effusion."
PNEUMOTHORAX, FRACTURE = "Large left pneumothorax.", "Acute left rib fracture."
#: It bears out LEFT, has RIGHT on the other side, denies PNEUMOTHORAX and is silent about FRACTURE.
REFERENCE = "Small left pleural effusion. No pneumothorax."

Claims = list[tuple[float, int | None]] | None


def drafted(*drafts: str | None, **more: Any) -> Linked:
    """Drafts of one case, each a sample of its own, beside the one reference."""
    made = [{"case_id": "c", "sample": sample, "text": text} for sample, text in enumerate(drafts)]
    return linked([one | {name: values[i] for name, values in more.items()} for i, one in enumerate(made)])


def linked(made: Sequence[dict[str, Any]]) -> Linked:
    cases = [{"case_id": one["case_id"]} for one in made]
    references = [{**one, "text": REFERENCE} for one in cases]
    return Linked(
        rows.outputs(*made), rows.references(*references), rows.cases(*cases), np.full(len(made), GRID, np.int64)
    )


def judgements(one: Linked, status: dict[int, str] | None = None, **errors: Any) -> pa.Table:
    """What the rules say of each draft; `status` by row replaces it, and `errors` the errors of the first row."""
    texts = zip(one.outputs["text"].to_pylist(), one.references["text"].to_pylist(), strict=True)
    pairs = [{"id": str(i), "draft": draft, "reference": said} for i, (draft, said) in enumerate(texts)]
    found = [_row(i.to_bytes(16), "report", made) for i, made in enumerate(ReportJudge().judge(pairs))]
    for row, said in (status or {}).items():
        found[row]["status"] = said
    if errors:
        found[0]["errors"] = errors["of_first"]
    return pa.Table.from_pylist(found, schema=schemas.JUDGEMENTS)


def claims(one: Linked, judged: pa.Table | None = None) -> list[Claims]:
    lists = claim_confidence(one, judgements(one) if judged is None else judged).to_pylist()
    return [None if of is None else [(claim["confidence"], claim["right"]) for claim in of] for of in lists]


def error(code: str, kind: str, finding: str, start: int | None, end: int | None) -> dict[str, Any]:
    return {"code": code, "kind": kind, "finding": finding, "draft_start": start, "draft_end": end}


def test_the_share_of_the_other_drafts_and_what_the_reference_says() -> None:
    one = drafted(f"{LEFT} {PNEUMOTHORAX}", f"{LEFT} {FRACTURE}", LEFT, f"{LEFT} {FRACTURE}")
    assert claims(one) == [
        [(1.0, 1), (0.0, 0)],
        [(1.0, 1), (1 / 3, None)],
        [(1.0, 1)],
        [(1.0, 1), (1 / 3, None)],
    ]


def test_a_claim_on_the_other_side_is_another_claim_and_wrong() -> None:
    assert claims(drafted(LEFT, RIGHT, LEFT)) == [[(0.5, 1)], [(0.0, 0)], [(0.5, 1)]]
    both = "Bilateral pleural effusions."  # of two sides one is borne out: not the wrong side, and another claim
    assert claims(drafted(LEFT, both)) == [[(0.0, 1)], [(0.0, 1)]]


def test_a_finding_said_twice_by_one_draft_agrees_with_no_other() -> None:
    two = "8 mm nodule in the right upper lobe. 9 mm nodule in the right lower lobe."
    assert claims(drafted(two, LEFT)) == [[(0.0, None), (0.0, None)], [(0.0, 1)]]


def test_words_without_claims_do_not_make_a_claim_and_silence_is_no_draft() -> None:
    assert claims(drafted(LEFT, "The lungs are clear.", LEFT)) == [[(0.5, 1)], [], [(0.5, 1)]]
    assert claims(drafted(LEFT, " --- ", LEFT)) == [[(1.0, 1)], None, [(1.0, 1)]]
    assert claims(drafted(LEFT, None)) == claims(drafted(LEFT, "")) == [None, None]
    failed = drafted(LEFT, LEFT, RIGHT, error=[None, None, "timeout"])
    assert claims(failed) == [[(1.0, 1)], [(1.0, 1)], None]


def test_only_drafts_of_one_question_to_one_version_are_samples_of_each_other() -> None:
    about = {"case_id": "c", "text": LEFT}
    apart = [{"version": "2"}, {"origin": "replayed"}, {"prompt": "Findings only."}, {"case_id": "d"}]
    one = linked([about, *(about | other | {"sample": 1} for other in apart)])
    assert claims(one) == [None] * 5
    assert claims(linked([about, about])) == [None, None]  # the same sample twice is one draft
    again = linked([about | {"text": RIGHT}, about, about | {"sample": 1}])  # … the one that came last
    assert claims(again) == [None, [(1.0, 1)], [(1.0, 1)]]


def test_a_draft_that_was_not_judged_is_still_one_of_the_others() -> None:
    one = drafted(LEFT, RIGHT, LEFT)
    for status in ("awaiting", "judge_failed", "unparseable"):
        assert claims(one, judgements(one, {0: status})) == [None, [(0.0, 0)], [(0.5, 1)]]
    lost = judgements(one, of_first=None)  # kept before errors were
    assert claims(one, lost)[0] is None


def test_an_error_in_other_words_is_laid_to_the_claim_that_it_overlaps() -> None:
    one = drafted(f"{LEFT} {FRACTURE}", LEFT)
    whole = (0, len(f"{LEFT} {FRACTURE}"))

    def first(*errors: dict[str, Any]) -> Claims:
        return claims(one, judgements(one, of_first=list(errors)))[0]

    assert first() == [(1.0, 1), (0.0, 1)]
    assert first(error("FAB", "contradicted", "anything", 0, len(LEFT))) == [(1.0, 0), (0.0, 1)]
    # of several that it overlaps it is the one that it names
    assert first(error("FAB", "contradicted", "rib_fracture", *whole)) == [(1.0, 1), (0.0, 0)]
    assert first(error("FAB", "unaddressed", "pleural_effusion", *whole)) == [(1.0, None), (0.0, 1)]
    assert first(error("LAT", "swapped", "pleural_effusion", *whole)) == [(1.0, 0), (0.0, 1)]
    # the gravest of several counts, in whatever order
    both = [error("FAB", kind, "rib_fracture", *whole) for kind in ("unaddressed", "contradicted")]
    assert first(*both) == first(*both[::-1]) == [(1.0, 1), (0.0, 0)]
    # nobody knows which claim these are about
    assert first(error("FAB", "contradicted", "pneumothorax", *whole)) is None
    assert first(error("FAB", "unsupported", "pleural_effusion", None, None)) is None
    assert first(error("LAT", "swapped", "pleural_effusion", 500, 510)) is None
    # and these decide nothing, wherever they stand
    assert first(error("OMI", "unmentioned", "pneumothorax", None, None)) == [(1.0, 1), (0.0, 1)]
    assert first(error("LAT", "partial", "pleural_effusion", None, None)) == [(1.0, 1), (0.0, 1)]


def test_other_scripts_and_languages_are_words_without_claims() -> None:
    odd = ["Kleiner Pleuraerguss links.", "左側胸水。", "\U0001f9e0\u202e e\u0301ffusion \x00", "ﬀ" * 50]
    found = claims(drafted(f"\U0001f9e0 {LEFT}", *odd, f"e\u0301 {RIGHT}"))
    assert found == [[(0.0, 1)], [], [], [], [], [(0.0, 0)]]  # places in the text still meet


def test_a_draft_of_a_hundred_claims() -> None:
    sides = [f"Acute {side} {name} rib fracture." for side in ("left", "right") for name in ("first", "sixth")]
    long = " ".join([LEFT, *sides * 25])
    found = claims(drafted(long, long, LEFT))
    assert found[0] == found[1] and found[0] is not None
    assert found[0][0] == (1.0, 1) and set(found[0][1:]) == {(0.5, None)}
    lines = "\n".join(f"There is a {size} mm nodule in the right upper lobe." for size in range(100, 200))
    assert claims(drafted(lines, LEFT))[1] == [(0.0, 1)]


def test_where_nothing_was_sampled_nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auditor.audit.claim_confidence.observe", lambda *_: pytest.fail("a draft was read"))
    one = linked([{"case_id": f"c{i}", "text": LEFT} for i in range(3)])
    none = claim_confidence(one, pa.table({}))  # no judgement is even looked at
    assert none.null_count == 3
    assert none.type == CLAIMS[0].type
    assert claim_confidence(linked([]), judgements(linked([]))).to_pylist() == []


def table(one: Linked) -> pa.Table:
    keys = [i.to_bytes(16) for i in range(one.outputs.num_rows)]
    return from_judgements(one, judgements(one), keys, "report", rows.settings())


def test_the_judged_table_holds_them_and_its_digest_moves_with_the_other_drafts() -> None:
    one, other = table(drafted(LEFT, LEFT, LEFT)), table(drafted(LEFT, LEFT, RIGHT))
    assert one["claims"].to_pylist()[0] == [{"confidence": 1.0, "right": 1}]
    assert other["claims"].to_pylist()[0] == [{"confidence": 0.5, "right": 1}]
    before, after = one["digest"].to_pylist(), other["digest"].to_pylist()
    assert [a == b for a, b in zip(before, after, strict=True)] == [False, False, False]
    assert table(drafted(LEFT, LEFT, LEFT))["digest"].to_pylist() == before
    # no claims is not the same as not known
    empty, unknown = drafted("Clear.", "Clear."), linked([{"case_id": "c", "text": "Clear."}] * 2)
    assert table(empty)["digest"][0] != table(unknown)["digest"][0]


def test_claims_are_asked_for_where_there_are_some_whatever_the_settings_name() -> None:
    sampled, single = table(drafted(LEFT, LEFT)), table(drafted(LEFT))
    for monitor in CONFIDENCE_CLAIMS:
        for setting in (Task(), Task(confidence="sequence"), Task(confidence="votes", is_probability=False)):
            assert is_stated(monitor, setting, sampled) and not is_stated(monitor, setting, single)
            assert of_source(monitor, setting) is monitor  # a share of drafts is no score
    assert not is_stated(CONFIDENCE_REPORT, Task(), sampled)
    assert is_stated(CONFIDENCE_REPORT, Task(confidence="votes"), single)
    assert not getattr(of_source(CONFIDENCE_REPORT, Task(confidence="sequence")), "is_probability", True)


def test_a_claim_is_a_share_of_one_draft_fewer_than_there_are() -> None:
    judged = table(drafted(LEFT, LEFT, f"{RIGHT} {FRACTURE}"))
    for monitor in CONFIDENCE_CLAIMS:
        tally = Tally.of(monitor, judged, ("version", "item"), 7)
        found = {n: _sampled(monitor, Task(samples=n), tally, "1") for n in (2, 3, 4)}
        assert _sampled(monitor, Task(), tally, "1") is None and found[2] is None  # of one other draft: yes or no
        assert found[3] is not None and (found[3].samples, found[3].note) == (2, "")
        assert found[4] is not None and found[4].error_stated is None
        assert found[4].note == "Some cases do not have 4 drafts each; name the number that was drawn."


def test_a_hospitals_own_words_are_claims_where_its_judge_knows_them(tmp_path: Path) -> None:
    ours = tmp_path / "ours.yaml"
    ours.write_text(OURS)
    setting = RulesSetting(lexicon=[ours])
    drafts = drafted(*["There is a quokka sign."] * 3)
    judge = ReportJudge(site_lexicon_of(setting))
    pairs = [{"id": str(i), "draft": "There is a quokka sign.", "reference": REFERENCE} for i in range(3)]
    found = [_row(i.to_bytes(16), "report", made) for i, made in enumerate(judge.judge(pairs))]
    told = rows.settings().model_copy(update={"tasks": {"report": Task(judge=setting)}})
    keys = [i.to_bytes(16) for i in range(3)]
    judged = from_judgements(drafts, pa.Table.from_pylist(found, schema=schemas.JUDGEMENTS), keys, "report", told)
    assert judged["claims"].to_pylist() == [[{"confidence": 1.0, "right": None}]] * 3
