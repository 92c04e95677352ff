"""What is asked plainly: every case with images where the task has a prompt, else every known question."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from auditor.intake.pseudonyms import derived_id
from auditor.model_settings import ContrastiveModel, ModelSetting
from auditor.options import as_shown
from auditor.replay.gallery import searches
from auditor.replay.protocol import Picture, Prompt, ReplayError
from auditor.replay.rows import rows_of
from auditor.settings import AuditSettings
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger


def model_of(settings: AuditSettings) -> ModelSetting:
    """The model that audit.yaml names. Raises ReplayError where it names none."""
    if settings.model is None:
        raise ReplayError(f"audit.yaml of {settings.system} names no model; add 'model:' and apply it again.")
    return settings.model


def questions(
    settings: AuditSettings,
    ledger: Ledger,
    lake: Lake,
    fingerprint: str,
    only: int | None = None,
    where: Mapping[str, str] | None = None,
) -> list[Prompt]:
    """The questions of every task of the system, in the order of their ids.

    With `only`, that many of them: those whose hash with the system's seed is smallest, so that a larger
    sample holds every smaller one and the choice does not depend on the order of arrival. With `where`, of cases
    alone whose newest version has these attributes, as they were handed in.

    Raises ReplayError where there is nothing to ask.
    """
    model = model_of(settings)
    fitting = _fitting(settings, ledger, lake, where or {})
    found: dict[str, Prompt] = {}
    for task in sorted(settings.tasks):
        for row in _rows(settings, model, ledger, lake, task):
            if fitting is not None and row["case_id"] not in fitting:
                continue
            for sample in range(model.samples):
                prompt = asked(settings, fingerprint, task, row, sample)
                found[prompt.id] = prompt
    if not found:
        raise ReplayError(
            "There is nothing to ask: no case has images and a prompt. Give 'prompts' under 'model', "
            "or take in recorded outputs with their prompt."
        )
    chosen = sorted(found.values(), key=lambda p: place_of(p.id, settings.seed))[:only]
    return sorted(chosen, key=lambda p: p.id)


def _fitting(settings: AuditSettings, ledger: Ledger, lake: Lake, where: Mapping[str, str]) -> set[str] | None:
    """The cases that have these attributes; None where none are asked for."""
    if not where:
        return None
    newest = {row["case_id"]: dict(row["attributes"] or ()) for row in rows_of("cases", settings, ledger, lake)}
    known = {name for attributes in newest.values() for name in attributes}
    for name in where:
        if name not in known:
            raise ReplayError(
                f"No case has the attribute {name!r}; there are {', '.join(sorted(known)) or 'none'}."
            )
    return {case for case, has in newest.items() if all(has.get(name) == value for name, value in where.items())}


def _rows(
    settings: AuditSettings, model: ModelSetting, ledger: Ledger, lake: Lake, task: str
) -> Iterator[dict[str, Any]]:
    """What is asked of one task: case_id, patient_key, item, prompt and images of each question."""
    if task == "retrieval":  # an answer in words lists no candidates
        return searches(settings, ledger, lake) if isinstance(model, ContrastiveModel) else iter(())
    text = _prompt_of(model, task)
    return _known(settings, ledger, lake, task) if text is None else _cases(settings, ledger, lake, text)


def _prompt_of(model: ModelSetting, task: str) -> str | None:
    if isinstance(model, ContrastiveModel):  # compares with texts of its own, and is asked nothing else
        return " | ".join([*model.present, *model.absent])
    return model.prompts.get(task)  # type: ignore[call-overload, no-any-return]


def _known(settings: AuditSettings, ledger: Ledger, lake: Lake, task: str) -> Iterator[dict[str, Any]]:
    """What the deployed system was asked, with the images of the output or else of its case, and what references
    ask."""
    cases = {row["case_id"]: row for row in rows_of("cases", settings, ledger, lake)}
    for row in rows_of("outputs", settings, ledger, lake):
        if row["task"] == task and row["origin"] == "recorded" and row["prompt"] and not row["probe"]:
            case = cases.get(row["case_id"], {})
            patient = row["patient_key"] or case.get("patient_key")
            yield {**row, "images": row["images"] or case.get("images") or [], "patient_key": patient}
    for row in rows_of("references", settings, ledger, lake):
        case = cases.get(row["case_id"], {})
        if row["task"] == task and row["question"] and case.get("images"):
            options = row["options"]
            prompt = as_shown(row["question"], options) if options else row["question"]
            yield {**case, "item": row["item"], "prompt": prompt}


def _cases(settings: AuditSettings, ledger: Ledger, lake: Lake, text: str) -> Iterator[dict[str, Any]]:
    newest = {row["case_id"]: row for row in rows_of("cases", settings, ledger, lake)}
    for row in newest.values():
        if row["images"]:
            yield {**row, "item": None, "prompt": text}


def asked(
    settings: AuditSettings,
    fingerprint: str,
    task: str,
    row: dict[str, Any],
    sample: int = 0,
    probe: str | None = None,
    probe_of: str | None = None,
) -> Prompt:
    """A prompt from a row with case_id, patient_key, item, prompt and images; its id says all that it asks."""
    pictures = tuple(Picture(image["uri"], image["sha256"]) for image in row["images"])
    # two files of one name are two images: the content counts where it is known
    shown = [p.sha256 or p.uri for p in pictures]
    version = model_of(settings).version
    parts = ["replayed", settings.system, version, fingerprint, task, row["case_id"], row["item"], row["prompt"]]
    identity = derived_id("o-", [*parts, len(shown), *shown, sample, *([probe] if probe else [])])
    whom = (row["case_id"], row["patient_key"], task, row["item"])
    return Prompt(identity, *whom, row["prompt"], pictures, sample, probe, probe_of, row.get("shown_case_id"))


def row_of(prompt: Prompt) -> dict[str, Any]:
    """The row that a prompt was made of, to make another like it."""
    return {
        "case_id": prompt.case_id,
        "patient_key": prompt.patient_key,
        "item": prompt.item,
        "prompt": prompt.text,
        "images": [{"uri": picture.uri, "sha256": picture.sha256} for picture in prompt.pictures],
    }


def place_of(identity: str, seed: int) -> bytes:
    """Where a thing stands in the random order of a system's seed."""
    return hashlib.sha256(f"{seed}\0{identity}".encode()).digest()
