"""Questions that tell about the model: the same with another image, in other words, or of what is not there."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from auditor.claims import extract
from auditor.options import as_shown, parted, right_option
from auditor.probe_names import FALSE_PREMISE, OUT_OF_SCOPE, PARAPHRASE, SWAPPED
from auditor.replay.option_probes import option_probes
from auditor.replay.out_of_scope import chosen_for, pictures_of
from auditor.replay.protocol import Prompt
from auditor.replay.questions import asked, place_of, row_of
from auditor.replay.rows import rows_of
from auditor.replay.shown import ALTERED
from auditor.settings import AuditSettings
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger

#: How many donors are looked at for one with other findings.
_DONORS = 64


def probes(
    settings: AuditSettings, ledger: Ledger, lake: Lake, fingerprint: str, plain: Sequence[Prompt]
) -> list[Prompt]:
    """The probes of audit.yaml on the first sample of each plain question, in the order of their ids.

    A search that starts from images is asked with other pictures, not with another patient's: his images have a
    match of their own, and which of both came first would say nothing.
    """
    bases = [one for one in plain if one.sample == 0 and one.pictures]
    worded = [one for one in bases if one.task != "retrieval"]
    references = list(rows_of("references", settings, ledger, lake))
    truth = _answers(references)
    found: dict[str, Prompt] = {}
    for prompt in (
        *_altered(settings, fingerprint, bases),
        *_out_of_scope(settings, fingerprint, bases),
        *_swapped(settings, fingerprint, worded, references, truth),
        *_paraphrased(settings, fingerprint, worded),
        *option_probes(settings, fingerprint, worded, truth),
        *_false_premises(settings, fingerprint, worded, references),
    ):
        found[prompt.id] = prompt
    return [found[identity] for identity in sorted(found)]


def _altered(settings: AuditSettings, fingerprint: str, bases: Sequence[Prompt]) -> Iterator[Prompt]:
    for probe in settings.probes.images:
        if probe in ALTERED:
            for base in bases:
                yield asked(settings, fingerprint, base.task, row_of(base), 0, probe, base.id)


def _out_of_scope(settings: AuditSettings, fingerprint: str, bases: Sequence[Prompt]) -> Iterator[Prompt]:
    """Each question with as many pictures that are no radiographs."""
    if OUT_OF_SCOPE not in settings.probes.images:
        return
    pictures = pictures_of(settings.probes.out_of_scope)
    for base in bases:
        others = tuple(chosen_for(f"{settings.seed}\0{base.id}\0{i}", pictures) for i in range(len(base.pictures)))
        row = row_of(replace(base, pictures=others))
        yield asked(settings, fingerprint, base.task, row, 0, OUT_OF_SCOPE, base.id)


def _answers(references: Sequence[dict[str, Any]]) -> dict[tuple[str, str | None], str]:
    """The right answer of each question, by case and item: of one with options the option itself."""
    return {
        (row["case_id"], row["item"]): right
        for row in references
        if row["task"] == "vqa" and (right := right_option(row["text"], row["options"]))
    }


def _swapped(
    settings: AuditSettings,
    fingerprint: str,
    bases: Sequence[Prompt],
    references: Sequence[dict[str, Any]],
    answers: dict[tuple[str, str | None], str],
) -> Iterator[Prompt]:
    """Each question with the images of another patient: of another truth, where the same was asked."""
    if SWAPPED not in settings.probes.images:
        return
    labels = {row["case_id"]: dict(row["labels"]) for row in references if row["labels"]}
    of_task: dict[str, list[Prompt]] = {}
    alike: dict[tuple[str, str], dict[str, list[Prompt]]] = {}  # by task and question: by right answer
    for base in bases:
        of_task.setdefault(base.task, []).append(base)
        if said := _one_of_few(base, answers):
            alike.setdefault((base.task, base.text), {}).setdefault(said, []).append(base)
    for base in bases:
        mine, donor = _one_of_few(base, answers), None
        others = [bases for said, bases in alike.get((base.task, base.text), {}).items() if said != mine]
        if mine and others:
            donor = _another(base, others[place_of(base.id, settings.seed)[-1] % len(others)], settings.seed)
        if base.case_id in labels and not donor:
            donor = _most_different(base, of_task[base.task], labels, settings.seed)
        donor = donor or _another(base, of_task[base.task], settings.seed)
        if donor:
            row = row_of(replace(base, pictures=donor.pictures)) | {"shown_case_id": donor.case_id}
            yield asked(settings, fingerprint, base.task, row, 0, SWAPPED, base.id)


def _one_of_few(base: Prompt, answers: dict[tuple[str, str | None], str]) -> str | None:
    """The right answer to a question where it is yes, no or an option: those can be told apart for certain."""
    said = _plain(answers.get((base.case_id, base.item)))
    return said if said in ("yes", "no") or (said and parted(base.text)) else None


def _another(base: Prompt, donors: Sequence[Prompt], seed: int) -> Prompt | None:
    """A donor of another case and, where patients are known, of another patient, chosen by hash."""
    return next(_others(base, donors, seed), None)


def _most_different(
    base: Prompt, donors: Sequence[Prompt], labels: dict[str, dict[str, int | None]], seed: int
) -> Prompt | None:
    """Of some donors chosen by hash, the one with the opposite label of most findings."""
    mine = labels[base.case_id]
    some = [one for one in islice(_others(base, donors, seed), _DONORS) if one.case_id in labels]

    def opposite(donor: Prompt) -> int:
        theirs = labels[donor.case_id]
        return sum({value, theirs.get(name)} == {0, 1} for name, value in mine.items())

    return max(some, key=opposite, default=None)


def _others(base: Prompt, donors: Sequence[Prompt], seed: int) -> Iterator[Prompt]:
    start = int.from_bytes(place_of(base.id, seed)[:8])
    for step in range(len(donors)):
        donor = donors[(start + step) % len(donors)]
        same = donor.case_id == base.case_id or (
            base.patient_key is not None and donor.patient_key == base.patient_key
        )
        if not same and donor.pictures != base.pictures:
            yield donor


def _paraphrased(settings: AuditSettings, fingerprint: str, bases: Sequence[Prompt]) -> Iterator[Prompt]:
    for base in bases:
        for words in settings.probes.paraphrases.get(base.task, ()):  # type: ignore[call-overload]
            question, options = parted(base.text) or (base.text, None)
            said = words.replace("{question}", question)
            row = row_of(base) | {"prompt": as_shown(said, options) if options else said}
            yield asked(settings, fingerprint, base.task, row, 0, PARAPHRASE, base.id)


def _false_premises(
    settings: AuditSettings, fingerprint: str, bases: Sequence[Prompt], references: Sequence[dict[str, Any]]
) -> Iterator[Prompt]:
    """Of each case: every question about one finding that it is known not to have, chosen by hash."""
    task = next((name for name in ("vqa", "report") if name in settings.tasks), None)
    if task is None or not settings.probes.false_premises:
        return
    absent = _absent(references)
    of_case = {base.case_id: base for base in bases}
    for case, findings in sorted(absent.items()):
        if case in of_case:
            finding = min(findings, key=lambda name: place_of(f"{case}\0{name}", settings.seed))
            for words in settings.probes.false_premises:
                said = words.replace("{finding}", finding.replace("_", " ").lower())
                row = row_of(of_case[case]) | {"prompt": said, "item": finding}
                yield asked(settings, fingerprint, task, row, 0, FALSE_PREMISE)


def _absent(references: Sequence[dict[str, Any]]) -> dict[str, set[str]]:
    """By case, the findings that it has not: by its labels, its report, or a question whose answer is no."""
    absent: dict[str, set[str]] = {}
    present: dict[str, set[str]] = {}
    for row in references:
        case = row["case_id"]
        for name, value in row["labels"] or ():
            (absent if value == 0 else present).setdefault(case, set()).add(name)
        if row["task"] == "report" and row["text"]:
            for claim in extract(row["text"]):
                if claim.kind == "finding" and not (claim.context or claim.qualified):
                    (absent if claim.status == "absent" else present).setdefault(case, set()).add(claim.finding)
        if row["task"] == "vqa" and row["question"] and _plain(right_option(row["text"], row["options"])) == "no":
            asked = {claim.finding for claim in extract(row["question"]) if claim.kind == "finding"}
            absent.setdefault(case, set()).update(asked)
    known = {case: names - present.get(case, set()) for case, names in absent.items()}
    return {case: names for case, names in known.items() if names}


def _plain(answer: str | None) -> str:
    return (answer or "").strip().strip(".").lower()
