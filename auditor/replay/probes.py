"""Questions that tell about the model: the same with another image, in other words, or of what is not there."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from auditor.claims import extract
from auditor.replay.protocol import Prompt
from auditor.replay.questions import asked, place_of
from auditor.replay.rows import rows_of
from auditor.replay.shown import ALTERED
from auditor.settings import AuditSettings
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger

#: How many donors are looked at for one with other findings.
_DONORS = 64
PARAPHRASE, FALSE_PREMISE, SWAPPED = "paraphrase", "false premise", "swapped"


def probes(
    settings: AuditSettings, ledger: Ledger, lake: Lake, fingerprint: str, plain: Sequence[Prompt]
) -> list[Prompt]:
    """The probes of audit.yaml on the first sample of each plain question, in the order of their ids.

    A search has none: a ranking has no meaning that could stay the same.
    """
    bases = [one for one in plain if one.sample == 0 and one.pictures and one.task != "retrieval"]
    references = list(rows_of("references", settings, ledger, lake))
    found: dict[str, Prompt] = {}
    for prompt in (
        *_altered(settings, fingerprint, bases),
        *_swapped(settings, fingerprint, bases, references),
        *_paraphrased(settings, fingerprint, bases),
        *_false_premises(settings, fingerprint, bases, references),
    ):
        found[prompt.id] = prompt
    return [found[identity] for identity in sorted(found)]


def _altered(settings: AuditSettings, fingerprint: str, bases: Sequence[Prompt]) -> Iterator[Prompt]:
    for probe in settings.probes.images:
        if probe in ALTERED:
            for base in bases:
                yield asked(settings, fingerprint, base.task, _row(base), 0, probe, base.id)


def _swapped(
    settings: AuditSettings, fingerprint: str, bases: Sequence[Prompt], references: Sequence[dict[str, Any]]
) -> Iterator[Prompt]:
    """Each question with the images of another patient: of the opposite truth, where the same was asked."""
    if SWAPPED not in settings.probes.images:
        return
    truth = {
        (row["case_id"], row["item"]): answer
        for row in references
        if row["task"] == "vqa" and (answer := _plain(row["text"])) in ("yes", "no")
    }
    labels = {row["case_id"]: dict(row["labels"]) for row in references if row["labels"]}
    alike: dict[tuple[Any, ...], list[Prompt]] = {}
    for base in bases:
        alike.setdefault((base.task,), []).append(base)
        if said := truth.get((base.case_id, base.item)):
            alike.setdefault((base.task, base.text, said), []).append(base)
    for base in bases:
        other = {"yes": "no", "no": "yes"}.get(truth.get((base.case_id, base.item), ""))
        donor = _another(base, alike.get((base.task, base.text, other), ()), settings.seed)
        if base.case_id in labels and not donor:
            donor = _most_different(base, alike[(base.task,)], labels, settings.seed)
        donor = donor or _another(base, alike[(base.task,)], settings.seed)
        if donor:
            row = _row(replace(base, pictures=donor.pictures)) | {"shown_case_id": donor.case_id}
            yield asked(settings, fingerprint, base.task, row, 0, SWAPPED, base.id)


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
            row = _row(base) | {"prompt": words.replace("{question}", base.text)}
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
                row = _row(of_case[case]) | {"prompt": said, "item": finding}
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
        if row["task"] == "vqa" and row["question"] and _plain(row["text"]) == "no":
            asked = {claim.finding for claim in extract(row["question"]) if claim.kind == "finding"}
            absent.setdefault(case, set()).update(asked)
    known = {case: names - present.get(case, set()) for case, names in absent.items()}
    return {case: names for case, names in known.items() if names}


def _plain(answer: str | None) -> str:
    return (answer or "").strip().strip(".").lower()


def _row(base: Prompt) -> dict[str, Any]:
    return {
        "case_id": base.case_id,
        "patient_key": base.patient_key,
        "item": base.item,
        "prompt": base.text,
        "images": [{"uri": picture.uri, "sha256": picture.sha256} for picture in base.pictures],
    }
