"""Probes of searches: what is asked, and which models are found not to look."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from auditor.audit.directions import directions_of
from auditor.audit.run import run_audit
from auditor.audit.searched import LUCK, found_early
from auditor.intake.ingest import ingest
from auditor.records import Kind
from auditor.registry import apply_settings
from auditor.replay.collect import replay
from auditor.replay.notebook import Notebook
from auditor.replay.probes import probes
from auditor.replay.protocol import Answer, Prompt
from auditor.replay.questions import questions
from auditor.settings import Environment, parse_settings
from auditor.store import tables as t
from auditor.workspace import create, open_workspace
from monitors.judged import CUTOFFS
from monitors.retrieval import RETRIEVAL
from monitors.tally import Tally
from tests.auditor.replay.test_replay import AT
from tests.monitors.population import TABLES

GALLERY, SEARCHES = 2_000, 600


class Searching:
    """A model that lists ten of two thousand; `first` says what it puts there."""

    fingerprint, facts = "made for a test", dict[str, str]()

    def __init__(self, first: Callable[[Prompt], str | None], cases: list[str]) -> None:
        self._first = first
        self._gallery = [*cases, *(f"other {i}" for i in range(GALLERY - len(cases)))]

    def answer(self, prompts: Iterable[Prompt]) -> Iterator[Answer]:
        for prompt in prompts:
            about = f"{prompt.item} {prompt.pictures} {prompt.text} {prompt.probe}"  # no id: those hang on a key
            seed = int.from_bytes(hashlib.sha256(about.encode()).digest()[:4])
            places = np.random.default_rng(seed).choice(GALLERY, 10, replace=False)
            first = self._first(prompt)
            others = [one for place in places if (one := self._gallery[place]) != first]
            listed = [*([first] if first else []), *others][:10]
            ranking = tuple((case, 1.0 - place / 100) for place, case in enumerate(listed))
            yield Answer(prompt, ranking=ranking, gallery=GALLERY, latency_ms=1.0)


def looking(prompt: Prompt) -> str | None:
    return prompt.case_id if prompt.probe in (None, "flipped", "cropped") else None


def untrained(prompt: Prompt) -> None:
    """Ten by chance, other ones for every image."""


class Place:
    """A workspace of some cases, each searched from its image, and the first five from their texts too."""

    def __init__(self, folder: Path, cases: int, *images: str) -> None:
        model = {"family": "clip", "version": "v1", "path": "not loaded"}
        yaml = {"system": "search", "tasks": {"retrieval": {}}, "model": model, "probes": {"images": images}}
        environment = Environment(workspace=folder / "workspace", key_file=folder / "key")
        create(environment, environment.workspace, AT)
        self.folder, self.workspace, self.settings = (
            folder,
            open_workspace(environment),
            parse_settings(json.dumps(yaml)),
        )
        self.ledger, self.lake = self.workspace.ledger(), self.workspace.lake()
        apply_settings(self.ledger, json.dumps(yaml), "audit.yaml", "test", AT)
        names = [f"S{i}" for i in range(cases)]
        self.hand_in("cases", [{"case_id": n, "patient_id": f"P{n}", "images": [f"{n}.png"]} for n in names])
        asked = [(n, "image to text") for n in names] + [(n, "text to image") for n in names[:5]]
        about = {"task": "retrieval", "reference_kind": "answer"}
        self.hand_in(
            "references", [{**about, "case_id": n, "item": i, "text": n, "matches": [n]} for n, i in asked]
        )
        self.plain = questions(self.settings, self.ledger, self.lake, "f")
        self.probing = probes(self.settings, self.ledger, self.lake, "f", self.plain)

    def hand_in(self, kind: Kind, rows: list[dict[str, Any]]) -> None:
        path = self.folder / f"{kind}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        given = {"settings": self.settings, "ledger": self.ledger, "lake": self.lake, "mapping": None}
        ingest(path, kind, **given, key=self.workspace.key(), received_at=AT, actor="test")  # type: ignore[arg-type]

    def audited(self, first: Callable[[Prompt], str | None]) -> tuple[dict[str, Any], dict[str, str]]:
        """Measures and verdicts of a model."""
        cases = {prompt.pictures[0].uri: prompt.case_id for prompt in self.plain if prompt.pictures}
        model = Searching(first, [cases[uri] for uri in sorted(cases)])
        with Notebook(self.folder / "notebook.jsonl") as notebook:
            replay(
                [*self.plain, *self.probing], model, notebook, settings=self.settings, version="v1",
                ledger=self.ledger, lake=self.lake, clock=lambda: AT, actor="test",
            )  # fmt: skip
        audit = run_audit(self.ledger, self.lake, "search", as_of=AT, clock=lambda: AT, actor="test").audit
        rows = self.ledger.read(t.measurements.select().where(t.measurements.c.audit == audit))
        ruled = self.ledger.read(t.verdicts.select().where(t.verdicts.c.audit == audit))
        found = {row["measure"]: row for row in rows if (row["slice"], row["item"]) == ("all", "")}
        return found, {v["threshold"]["measure"]: v["status"] for v in ruled if "measure" in v["threshold"]}


def test_searches_from_images_are_asked_with_other_images(tmp_path: Path) -> None:
    place = Place(tmp_path, 8, "blank", "noise", "swapped", "flipped", "cropped", "out_of_scope")
    assert len(place.plain) == 13
    kinds = ["blank", "noise", "flipped", "cropped", "out_of_scope"]
    assert sorted(p.probe or "" for p in place.probing) == sorted(kinds * 8)
    assert {p.item for p in place.probing} == {"image to text"}  # a text has no image to alter


def test_a_search_that_looks_is_well_grounded(tmp_path: Path) -> None:
    found, verdicts = Place(tmp_path, 80, "blank", "cropped").audited(looking)
    assert (found["open_image_gain"]["n"], verdicts["open_image_gain"]) == (80, "ok")
    assert found["open_image_gain"]["value"] > 0.9
    assert (found["unchanged_blank"]["value"], found["unchanged_cropped"]["value"]) == (0.0, 1.0)


def test_a_search_that_guesses_must_be_acted_on(tmp_path: Path) -> None:
    """Ten of 2,000 by chance, with the image and without: no gain, told apart from a small one by 600 searches."""
    found, verdicts = Place(tmp_path, SEARCHES, "blank").audited(untrained)
    assert found["open_shown_right"]["value"] == pytest.approx(10 / GALLERY, abs=0.01)
    assert verdicts["open_image_gain"] == "act", found["open_image_gain"]


def test_a_search_that_always_finds_the_same_must_be_acted_on(tmp_path: Path) -> None:
    place = Place(tmp_path, 100, "blank")
    always = place.plain[0].case_id
    found, verdicts = place.audited(lambda prompt: always)
    assert found["unchanged_blank"]["value"] == 1.0
    assert verdicts["unchanged_blank"] == "act"


def test_a_match_that_luck_would_find_is_not_early() -> None:
    """In a gallery of 12 the first ten hold nearly everything; first alone tells something."""
    galleries = {300: 10, 100: 10, 60: 5, 50: 5, 12: 1, 10: 1, 9: None, None: None}
    rows: list[dict[str, float | None]] = [
        {
            **{f"recall_at_{k}": k / 100 for k in CUTOFFS},
            **{f"chance_at_{k}": None if size is None else min(1.0, k / size) for k in CUTOFFS},
        }
        for size in galleries
    ]
    found = found_early(pa.Table.from_pylist(rows))
    expected = [np.nan if k is None else k / 100 for k in galleries.values()]
    np.testing.assert_allclose(found, expected)
    assert LUCK == 0.1


def _searches(patients: dict[str, int]) -> Tally:
    tables = []
    for number, (item, count) in enumerate(patients.items()):
        table = TABLES["retrieval"](np.random.default_rng(number), count)
        at = table.column_names.index("item")
        items = pa.array([item] * table.num_rows).dictionary_encode()
        tables.append(
            table.set_column(at, table.schema.field("item"), items.cast(table.schema.field("item").type))
        )
    return Tally.of(RETRIEVAL, pa.concat_tables(tables).unify_dictionaries(), ("version", "item"))


@pytest.mark.parametrize(
    ("patients", "shown"),
    [
        ({"image to text": 30}, []),
        ({"image to text": 30, "text to image": 20}, ["image to text", "text to image"]),
        ({"image to text": 30, "query 7": 20}, []),  # no direction: what somebody numbered
        ({"image to text": 30, "text to image": 5}, []),  # the rest would give the five away
        ({"image to text": 30, "text to image": 5, "image to image": 20}, ["image to text"]),
        ({"image to text": 30, "text to image": 5, "image to image": 4}, []),  # nine together are too few
    ],
)
def test_directions_of_few_patients_are_not_shown(patients: dict[str, int], shown: list[str]) -> None:
    assert directions_of(_searches(patients), "v1") == shown
