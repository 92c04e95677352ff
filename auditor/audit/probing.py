"""Probes beside the plain questions that they alter: one row each, in the schema that grounding reads."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from auditor.audit.answering import sampled_questions
from auditor.audit.judged_table import from_judgements, from_labels
from auditor.audit.judging import Progress, judge_pairs, pair_keys
from auditor.audit.linking import Linked, beside
from auditor.audit.meaning import Meaning, Option, meaning, single_side
from auditor.audit.scope import Scope
from auditor.audit.searched import first_of, found_early
from auditor.audit.tallying import rows_within
from auditor.claims import extract
from auditor.judges import Judge
from auditor.judges.answers import abstains, denies, disowns
from auditor.options import NONE_OF_THE_ABOVE, right_option, says_none
from auditor.probe_names import FALSE_PREMISE, NONE_OF_THESE, OPTION_ORDER, OUT_OF_SCOPE
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger
from auditor.store.schemas import JUDGEMENTS
from monitors.consistency import CONSISTENCY, semantic_entropy
from monitors.frame import measure
from monitors.grounding import GROUNDING
from monitors.judged import COMMON, PROBE, judged_schema
from monitors.levels import Desk
from monitors.measurement import Measurement, Slice
from monitors.tally import Tally

#: A score that has no operating point decides here.
_MIDDLE: Final = 0.5
SAMPLES: Final = "samples"
_LINKS: Final = ["probe", "probe_of", "shown_case_id", "item", "prompt"]


class Probed(NamedTuple):
    """The measures of grounding and consistency, and the keys of judgements that a server's trouble prevented."""

    measurements: list[Measurement]
    unsettled: tuple[bytes, ...]


class _Read(NamedTuple):
    """Answers as they were judged, one row an (output, item)."""

    judged: pa.Table
    right: NDArray[np.float64]  # agreement with the reference; NaN where there is none
    closed: NDArray[np.float64]
    truth: NDArray[np.float64]
    # the right answer where it is one of few, so that two of them differ for certain; or None
    known: list[Hashable]
    means: list[Meaning | None]  # None: nothing was said
    texts: list[str | None]
    unsettled: tuple[bytes, ...]


def probe_task(
    ledger: Ledger,
    lake: Lake,
    scope: Scope,
    task: str,
    judge: Judge,
    tables: dict[str, pa.Table],
    transaction: Callable[[], Any],
    progress: Progress,
) -> Probed:
    """Measure the probes of one task in the window, version by version; nothing where none was asked."""
    outputs = tables["outputs"].filter(pc.equal(tables["outputs"]["task"], task)).combine_chunks()
    probes = outputs.filter(pc.is_valid(outputs["probe"]))
    plain = outputs.filter(pc.is_null(outputs["probe"]))
    sampled = sampled_questions(plain) if task != "classification" else []
    if not probes.num_rows and not sampled:
        return Probed([], ())
    bases = plain.filter(pc.is_in(plain["output_id"], value_set=pc.unique(probes["probe_of"]).drop_null()))

    def read(rows: pa.Table) -> _Read:
        linked = beside(rows, tables["references"], tables["cases"], task, scope.settings)
        return _read(ledger, lake, scope, task, judge, linked, transaction, progress)

    shown = probes.filter(pc.is_valid(probes["shown_case_id"]))
    donors = shown.set_column(shown.schema.get_field_index("case_id"), "case_id", shown["shown_case_id"])
    own, base, donor = read(probes), read(bases), read(donors)
    table = _paired(own, base, donor, probes, bases)
    if sampled:
        first = plain.take([rows[0] for rows in sampled])
        table = pa.concat_tables([table, _repeated(read(first), plain, sampled, task)]).unify_dictionaries()
    inside = table.filter(rows_within(table["day"], scope.window))
    made: list[Measurement] = []
    for monitor in (GROUNDING, CONSISTENCY):
        tally = Tally.of(monitor, inside, ("version", "item"), scope.settings.seed)
        for version in tally.values("version"):
            found = measure(Desk(monitor, tally, version), [Slice()], items=[""], window=scope.window)
            made += [replace(one, task=task) for one in found if one.n > 0]
    return Probed(made, tuple(sorted({*own.unsettled, *base.unsettled, *donor.unsettled})))


def _read(
    ledger: Ledger,
    lake: Lake,
    scope: Scope,
    task: str,
    judge: Judge,
    linked: Linked,
    transaction: Callable[[], Any],
    progress: Progress,
) -> _Read:
    keys = pair_keys(linked, judge.digest)
    if task == "classification":
        return _decided(from_labels(linked, keys, scope.settings))
    if not linked.outputs.num_rows:
        empty = from_judgements(linked, JUDGEMENTS.empty_table(), keys, task, scope.settings)
        nothing = np.empty(0)
        return _Read(empty, nothing, nothing, nothing, [], [], [], ())
    found = judge_pairs(ledger, lake, scope.system, judge, linked, keys, transaction, progress)
    judged = from_judgements(linked, found.judgements, keys, task, scope.settings)
    none: list[Any] = [None] * judged.num_rows
    if task == "retrieval":
        firsts: list[Meaning | None] = [first_of(ranking) for ranking in linked.outputs["ranking"].to_pylist()]
        unknown = np.full(judged.num_rows, np.nan)
        return _Read(
            judged, found_early(judged), np.zeros(len(none)), unknown, none, firsts, none, found.unsettled
        )
    status = np.array(judged["status"].to_pylist())
    agreed = _numbers(judged, "score" if task == "report" else "correct")
    # an abstention, or words that are no answer, are not right; without a reference nobody can tell
    silent = (status == "unparseable") | ((status == "judged") & np.isnan(agreed))
    right = np.where(silent & linked.has_reference, 0.0, np.where(status == "judged", agreed, np.nan))
    # what was asked is known even where the answer could not be read
    closed = _numbers(found.judgements, "closed") if task == "vqa" else np.zeros(len(right))
    truth = _numbers(found.judgements, "truth_yes") if task == "vqa" else np.full(len(right), np.nan)
    known = _known(truth, linked) if task == "vqa" else none
    texts = linked.outputs["text"].to_pylist()
    asked = linked.outputs["prompt"].to_pylist()
    means = [None if t is None else meaning(t, task, q) for t, q in zip(texts, asked, strict=True)]
    return _Read(judged, right, closed, truth, known, means, texts, found.unsettled)


def _known(truth: NDArray[np.float64], linked: Linked) -> list[Hashable]:
    """Yes or no, or the text of the right option."""
    references = linked.references.select(["text", "options"]).to_pylist()
    return [
        right_option(row["text"], row["options"]) if row["options"] else _or_none(said)
        for said, row in zip(truth.tolist(), references, strict=True)
    ]


def _decided(judged: pa.Table) -> _Read:
    """Findings of a classifier: what it decided, or which side of the middle its score is on."""
    score, decision, label = (_numbers(judged, name) for name in ("probability", "decision", "label"))
    said = np.where(
        np.isnan(decision), np.where(np.isnan(score), np.nan, (score >= _MIDDLE).astype(float)), decision
    )
    right = np.where(np.isnan(said) | np.isnan(label), np.nan, (said == label).astype(float))
    means: list[Meaning | None] = [None if np.isnan(value) else bool(value) for value in said]
    labels = [_or_none(value) for value in label.tolist()]
    return _Read(judged, right, np.ones(len(said)), label, labels, means, [None] * len(said), ())


def _paired(own: _Read, base: _Read, donor: _Read, probes: pa.Table, bases: pa.Table) -> pa.Table:
    """Each probe beside its plain question and beside the case whose image was shown."""
    of = dict(zip(probes["output_id"].to_pylist(), probes.select(_LINKS).to_pylist(), strict=True))
    plain, given = _index(base.judged), _index(donor.judged)
    question = {
        (row["case_id"], row["item"]): row["prompt"]
        for row in bases.select(["case_id", "item", "prompt"]).to_pylist()
    }
    columns: dict[str, list[Any]] = {field.name: [] for field in PROBE}
    for row, (output, item) in enumerate(_identities(own.judged)):
        about = of[output]
        before, other = plain.get((about["probe_of"], item)), given.get((output, item))
        said, text, probe = own.means[row], own.texts[row], about["probe"]
        # the same item of another case may be another question
        same_question = question.get((about["shown_case_id"], about["item"])) == about["prompt"]
        other = other if same_question else None
        plainly = None if before is None else base.means[before]
        compared = said is not None and plainly is not None
        if probe == OPTION_ORDER:  # words that choose nothing are no choice that could be made again
            compared = said is not None and isinstance(plainly, Option)
        theirs = None if other is None else donor.known[other]
        sides = [single_side(t) if t else None for t in (text, None if before is None else base.texts[before])]
        values = {
            "probe": probe,
            "closed": _or_none(own.closed[row]),
            "truth_yes": _or_none(own.truth[row]),
            "right": None if before is None else _or_none(base.right[before]),
            "probed_right": _or_none(own.right[row]),
            "donor_right": None if other is None else _or_none(donor.right[other]),
            "same": int(said == plainly) if compared else None,
            "opposite": None if theirs is None or own.known[row] is None else int(theirs != own.known[row]),
            "abstained": None if text is None else int(_declines(text, probe)),
            "same_side": int(sides[0] == sides[1]) if None not in sides else None,
            "rejected": None if text is None else _rejects(text, probe, said),
        }
        for name, cells in columns.items():
            cells.append(values.get(name))
    return probe_table(own.judged, columns)


def _repeated(first: _Read, plain: pa.Table, sampled: Sequence[Sequence[int]], task: str) -> pa.Table:
    """One row a question that was asked several times."""
    texts, asked = plain["text"].to_pylist(), plain["prompt"].to_pylist()
    columns: dict[str, list[Any]] = {field.name: [None] * len(sampled) for field in PROBE}
    columns["probe"] = [SAMPLES] * len(sampled)
    for i, rows in enumerate(sampled):
        found = semantic_entropy([meaning(texts[row], task, asked[row]) for row in rows])
        columns["entropy"][i], columns["agreeing"][i] = found
    return probe_table(first.judged, columns)


def _declines(text: str, probe: str) -> bool:
    """Whether nothing is answered; of a picture that is no radiograph it is enough to say that it is none."""
    return abstains(text) or (probe == OUT_OF_SCOPE and disowns(text))


def _rejects(text: str, probe: str, said: Meaning | None) -> int | None:
    """Whether an answer does not take what it was offered; None of probes that offer nothing wrong."""
    if probe == FALSE_PREMISE:
        return int(_denies_premise(text))
    if probe == NONE_OF_THESE:
        return int(said == Option(NONE_OF_THE_ABOVE) or abstains(text) or says_none(text))
    return None


def _denies_premise(text: str) -> bool:
    """Whether an answer denies what was taken for granted, or declines: no finding is said to be there."""
    claims = [claim for claim in extract(text) if not claim.context]
    if any(claim.status == "present" and claim.kind == "finding" for claim in claims):
        return False
    return abstains(text) or denies(text) or any(claim.status == "absent" for claim in claims)


def probe_table(judged: pa.Table, columns: dict[str, list[Any]]) -> pa.Table:
    """The rows of `judged` with these columns of the probe schema beside what is common to all tasks."""
    schema = judged_schema("probe")
    made = {field.name: judged[field.name] for field in COMMON}
    for field in PROBE:
        values = columns[field.name]
        made[field.name] = pa.array(values, pa.string() if field.name == "probe" else field.type)
    return pa.table([made[field.name].cast(field.type) for field in schema], schema=schema)


def _identities(judged: pa.Table) -> list[tuple[str, str]]:
    return list(zip(judged["output_id"].to_pylist(), judged["item"].to_pylist(), strict=True))


def _index(judged: pa.Table) -> dict[tuple[str, str], int]:
    return {identity: row for row, identity in enumerate(_identities(judged))}


def _numbers(table: pa.Table, name: str) -> NDArray[np.float64]:
    return np.asarray(pc.cast(table[name], pa.float64()).to_numpy(zero_copy_only=False), np.float64)


def _or_none(value: float) -> Any:
    return None if np.isnan(value) else value
