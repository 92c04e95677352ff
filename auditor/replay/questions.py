"""What is asked: every case with images where the task has a prompt of its own, else every recorded question."""

import hashlib
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from auditor.intake.pseudonyms import derived_id
from auditor.model_settings import HttpModel
from auditor.replay.protocol import Picture, Prompt, ReplayError
from auditor.settings import AuditSettings
from auditor.store.lake import Lake
from auditor.store.ledger import Ledger
from auditor.store.schemas import LAKE
from auditor.store.segments import segments_of


def model_of(settings: AuditSettings) -> HttpModel:
    """The model that audit.yaml names. Raises ReplayError where it names none."""
    if settings.model is None:
        raise ReplayError(f"audit.yaml of {settings.system} names no model; add 'model:' and apply it again.")
    return settings.model


def questions(
    settings: AuditSettings, ledger: Ledger, lake: Lake, fingerprint: str, only: int | None = None
) -> list[Prompt]:
    """The questions of every task of the system, in the order of their ids.

    With `only`, that many of them: those whose hash with the system's seed is smallest, so that a larger
    sample holds every smaller one and the choice does not depend on the order of arrival.

    Raises ReplayError where there is nothing to ask.
    """
    model = model_of(settings)
    found: dict[str, Prompt] = {}
    for task in sorted(settings.tasks):
        text = model.prompts.get(task)
        rows = _recorded(settings, ledger, lake, task) if text is None else _cases(settings, ledger, lake, text)
        for row in rows:
            for sample in range(model.samples):
                prompt = _prompt(settings, fingerprint, task, row, sample)
                found[prompt.id] = prompt
    if not found:
        raise ReplayError(
            "There is nothing to ask: no case has images and a prompt. Give 'prompts' under 'model', "
            "or take in recorded outputs with their prompt."
        )
    chosen = sorted(found.values(), key=lambda p: _place(p.id, settings.seed))[:only]
    return sorted(chosen, key=lambda p: p.id)


def _recorded(settings: AuditSettings, ledger: Ledger, lake: Lake, task: str) -> Iterator[dict[str, Any]]:
    """What the deployed system was asked, with the images of the output or else of its case."""
    cases = {row["case_id"]: row for row in _rows("cases", settings, ledger, lake)}
    for row in _rows("outputs", settings, ledger, lake):
        if row["task"] == task and row["origin"] == "recorded" and row["prompt"]:
            case = cases.get(row["case_id"], {})
            patient = row["patient_key"] or case.get("patient_key")
            yield {**row, "images": row["images"] or case.get("images") or [], "patient_key": patient}


def _cases(settings: AuditSettings, ledger: Ledger, lake: Lake, text: str) -> Iterator[dict[str, Any]]:
    newest = {row["case_id"]: row for row in _rows("cases", settings, ledger, lake)}
    for row in newest.values():
        if row["images"]:
            yield {**row, "item": None, "prompt": text}


def _rows(kind: str, settings: AuditSettings, ledger: Ledger, lake: Lake) -> Iterator[dict[str, Any]]:
    wanted = {"outputs": ["case_id", "patient_key", "task", "item", "origin", "prompt", "images"]}
    columns = wanted.get(kind, ["case_id", "patient_key", "images"])
    for segment in segments_of(ledger, settings.system, kind):
        table: pa.Table = lake.read_many([segment.sha256], columns, LAKE[kind])
        yield from table.to_pylist()


def _prompt(settings: AuditSettings, fingerprint: str, task: str, row: dict[str, Any], sample: int) -> Prompt:
    pictures = tuple(Picture(image["uri"], image["sha256"]) for image in row["images"])
    # two files of one name are two images: the content counts where it is known
    shown = [p.sha256 or p.uri for p in pictures]
    version = model_of(settings).version
    parts = ["replayed", settings.system, version, fingerprint, task, row["case_id"], row["item"], row["prompt"]]
    identity = derived_id("o-", [*parts, len(shown), *shown, sample])
    return Prompt(identity, row["case_id"], row["patient_key"], task, row["item"], row["prompt"], pictures, sample)


def _place(identity: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}\0{identity}".encode()).digest()
