"""Searches by live models: against the library's own similarities, and from a workspace to its report."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from auditor.audit.dossier import dossier_of
from auditor.audit.run import run_audit
from auditor.intake.ingest import ingest
from auditor.model_settings import ContrastiveModel
from auditor.records import Kind
from auditor.registry import apply_settings
from auditor.replay.again import Asked, ask_again, expected
from auditor.replay.collect import Replayed
from auditor.replay.families import model_for
from auditor.replay.gallery import Entry, Gallery
from auditor.replay.protocol import Picture, Prompt, ReplayError
from auditor.replay.search import TOP, ContrastiveSearch
from auditor.settings import Environment, parse_settings
from auditor.store.segments import segments_of
from auditor.workspace import create, open_workspace
from examples.replay import checkpoints
from reports.html import render
from tests.auditor.small_hospital import row

torch = pytest.importorskip("torch")

# the libraries warn of what they fall back to; none of it is ours
pytestmark = pytest.mark.filterwarnings("ignore")

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
WORDS = ("effusion in the left lung", "no effusion", "is there effusion ?", "left lung", "lung", "no lung")
CASES = 12


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("search")
    rng = np.random.default_rng(1)
    for i in range(CASES):
        Image.fromarray(rng.integers(0, 256, (40, 48), dtype=np.uint8)).save(folder / f"{i}.png")
    return folder


@pytest.fixture(scope="module")
def made(place: Path) -> Callable[[str], Path]:
    make = {"clip": checkpoints.clip, "siglip": checkpoints.siglip}

    def of(family: str) -> Path:
        folder = place / family
        return folder if folder.exists() else make[family](folder)

    return of


def gallery() -> Gallery:
    """Six cases; two of one patient, two with the same text."""
    texts = [*WORDS[:5], WORDS[0]]
    return Gallery(
        tuple(Entry(f"c{i}", f"p{max(i, 1)}", text, (Picture(f"{i}.png", None),)) for i, text in enumerate(texts))
    )


def asked(entry: Entry, item: str | None) -> Prompt:
    text, pictures = (entry.text or "", ()) if item == "text to image" else ("?", entry.pictures)
    return Prompt(f"o-{entry.case_id}", entry.case_id, entry.patient_key, "retrieval", item, text, pictures)


def search(family: str, path: Path, place: Path, contents: Gallery) -> ContrastiveSearch:
    setting = ContrastiveModel(family=family, version="1", path=path)  # type: ignore[arg-type]
    return ContrastiveSearch(setting, contents, place)


def similarities(family: str, path: Path, place: Path) -> np.ndarray:
    """Images × texts by the library's own forward pass, in the order of `gallery`."""
    from transformers import AutoModel, AutoProcessor

    model, processor = AutoModel.from_pretrained(path).eval(), AutoProcessor.from_pretrained(path)
    padding = {"padding": "max_length", "max_length": 64} if family == "siglip" else {"padding": True}
    pictures = [Image.open(place / f"{i}.png").convert("RGB") for i in range(6)]
    texts = [one.text for one in gallery().entries]
    with torch.inference_mode():
        made = model(**processor(images=pictures, text=texts, return_tensors="pt", **padding))
    return (made.image_embeds @ made.text_embeds.T).double().numpy()  # type: ignore[no-any-return]


@pytest.mark.parametrize("family", ["clip", "siglip"])
def test_candidates_come_in_the_order_of_the_models_own_similarity(
    family: str, made: Callable[[str], Path], place: Path
) -> None:
    model, own = search(family, made(family), place, gallery()), similarities(family, made(family), place)
    for item, table in ((None, own), ("text to image", own.T)):
        answers = list(model.answer([asked(one, item) for one in gallery().entries]))
        for i, answer in enumerate(answers):
            assert answer.error is None and answer.gallery == 6 and answer.ranking is not None
            scores = dict(answer.ranking)
            assert [scores[f"c{j}"] for j in range(6)] == pytest.approx(table[i].tolist(), abs=2e-5)
            listed = [score for _, score in answer.ranking]
            assert listed == sorted(listed, reverse=True)


def test_texts_that_are_the_same_are_tied(made: Callable[[str], Path], place: Path) -> None:
    answers = search("clip", made("clip"), place, gallery()).answer([asked(gallery().entries[3], "image to text")])
    scores = dict(next(iter(answers)).ranking or ())
    assert scores["c0"] == scores["c5"]


def test_cases_like_this_one_are_of_other_patients(made: Callable[[str], Path], place: Path) -> None:
    model = search("clip", made("clip"), place, gallery())
    entries = gallery().entries
    answers = list(model.answer([asked(entries[0], "image to image"), asked(entries[4], "image to image")]))
    found = [{name for name, _ in answer.ranking or ()} for answer in answers]
    assert found == [{"c2", "c3", "c4", "c5"}, {"c0", "c1", "c2", "c3", "c5"}]
    assert [answer.gallery for answer in answers] == [4, 5]


def test_an_image_that_is_not_here_costs_no_other_search(made: Callable[[str], Path], place: Path) -> None:
    lost = Entry("c9", "p9", "lung", (Picture("lost.png", None),))
    model = search("clip", made("clip"), place, Gallery((*gallery().entries, lost)))
    one, other, bare = model.answer(
        [
            asked(lost, None),
            asked(gallery().entries[0], "text to image"),
            replace(asked(lost, None), id="o-bare", pictures=()),
        ]
    )
    assert (one.error, one.ranking) == ("an image is not on this machine", None)
    assert other.gallery == 6  # what cannot be shown cannot be found
    assert bare.error == "the case has no image"


def test_an_answer_is_the_top_of_a_large_gallery(made: Callable[[str], Path], place: Path) -> None:
    many = Gallery(tuple(Entry(f"c{i:03d}", None, WORDS[i % 6], ()) for i in range(250)))
    query = replace(asked(gallery().entries[0], None), case_id="c007")
    (answer,) = search("clip", made("clip"), place, many).answer([query])
    assert (len(answer.ranking or ()), answer.gallery) == (TOP, 250)


def test_nothing_is_loaded_where_nothing_is_asked(place: Path, made: Callable[[str], Path]) -> None:
    (place / "empty").mkdir(exist_ok=True)
    (place / "empty" / "config.json").write_text("{}")
    (place / "empty" / "model.safetensors").write_bytes(b"")
    model = search("clip", place / "empty", place, gallery())
    assert list(model.answer([])) == []
    with pytest.raises(ReplayError):
        list(model.answer([asked(gallery().entries[0], None)]))
    nothing = search("clip", made("clip"), place, Gallery())
    (answer,) = nothing.answer([asked(gallery().entries[0], None)])
    assert answer.error == "nothing in the gallery can be searched"


class Hospital:
    """A workspace of a dozen cases with images and texts, and the model that searches them."""

    def __init__(self, folder: Path, path: Path, images: Path) -> None:
        self.folder, self.images = folder, images
        yaml = {
            "system": "search",
            "tasks": {"retrieval": {}},
            "model": {"family": "clip", "version": "v1", "path": str(path)},
            "probes": {"images": ["blank"]},
            "thresholds": [{"measure": "recall_at_5", "watch": 0.9}],
        }
        self.settings = parse_settings(json.dumps(yaml))
        environment = Environment(workspace=folder / "workspace", key_file=folder / "key")
        create(environment, environment.workspace, AT)
        self.workspace = open_workspace(environment)
        self.ledger, self.lake = self.workspace.ledger(), self.workspace.lake()
        apply_settings(self.ledger, json.dumps(yaml), "audit.yaml", "test", AT)
        self.hand_in(
            "cases", [{"case_id": f"S-{i}", "patient_id": f"P-{i}", "images": [f"{i}.png"]} for i in range(CASES)]
        )
        for item in ("image to text", "text to image"):
            self.hand_in("references", [self.reference(i, item) for i in range(CASES)])

    @staticmethod
    def reference(i: int, item: str) -> dict[str, Any]:
        text = " ".join([WORDS[i % 6]] * (1 + i // 6))
        about = {"case_id": f"S-{i}", "task": "retrieval", "reference_kind": "answer", "item": item}
        return about | {"text": text, "matches": [f"S-{i}"]}

    def hand_in(self, kind: Kind, rows: list[dict[str, Any]]) -> None:
        path = self.folder / f"{kind}-{rows[0].get('item')}-{len(rows)}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        given = {"settings": self.settings, "ledger": self.ledger, "lake": self.lake, "mapping": None}
        result = ingest(path, kind, **given, key=self.workspace.key(), received_at=AT, actor="test")  # type: ignore[arg-type]
        assert result.accepted == len(rows), result.reasons

    def replay(self) -> Replayed:
        return ask_again(self.workspace, self.settings, Asked(images=self.images), lambda: AT, "test")

    def outputs(self) -> list[dict[str, Any]]:
        found = segments_of(self.ledger, "search", "outputs")
        return [one for segment in found for one in self.lake.read(segment.sha256).to_pylist()]


@pytest.fixture
def hospital(tmp_path: Path, made: Callable[[str], Path], place: Path) -> Hospital:
    return Hospital(tmp_path, made("clip"), place)


def test_searches_are_replayed_audited_and_reported(hospital: Hospital) -> None:
    assert expected(hospital.workspace, hospital.settings, Asked(images=hospital.images)).startswith(
        f"{2 * CASES} questions and {CASES} probes"  # a text has no image that could be black
    )
    done = hospital.replay()
    assert (done.questions, done.asked, done.errors) == (3 * CASES, 3 * CASES, 0)
    later = AT + timedelta(days=1)
    run_audit(hospital.ledger, hospital.lake, "search", as_of=later, clock=lambda: later, actor="test")
    dossier = dossier_of(hospital.ledger, "search", None)
    places = []  # above, tied: random weights may not tell two short texts apart
    for one in hospital.outputs():
        if one["probe"]:
            continue
        assert one["gallery"] == len(one["ranking"]) == CASES
        own = next(c["score"] for c in one["ranking"] if c["id"] == one["case_id"])
        above, tied = (
            sum(c["score"] > own for c in one["ranking"]),
            sum(c["score"] == own for c in one["ranking"]),
        )
        places.append((above, tied))
    for k in (1, 5, 10):
        found = row(dossier, f"recall_at_{k}", "v1")
        assert found.n == 2 * CASES
        assert found.events == pytest.approx(sum(min(max(k - a, 0), t) / t for a, t in places), abs=1e-4)
        assert row(dossier, f"chance_at_{k}", "v1").value == pytest.approx(k / CASES, abs=2e-6)
    means = [np.mean([1 / rank for rank in range(a + 1, a + t + 1)]) for a, t in places]
    assert row(dossier, "mrr", "v1").value == pytest.approx(np.mean(means), abs=1e-5)
    items = ("image to text", "text to image")
    alone = [next(r for r in dossier.rows if (r.measure, r.item) == ("recall_at_1", item)) for item in items]
    assert [one.n for one in alone] == [CASES, CASES]
    assert sum(one.events or 0 for one in alone) == pytest.approx(
        row(dossier, "recall_at_1", "v1").events, abs=1e-4
    )
    assert row(dossier, "unchanged_blank", "v1").n == CASES
    page = render(dossier)
    assert "Retrieval and case search" in page and "By direction of search" in page


def test_nothing_is_asked_twice_of_one_gallery_and_all_of_another(hospital: Hospital) -> None:
    hospital.replay()
    again = hospital.replay()
    assert (again.known, again.asked) == (3 * CASES, 0)
    hospital.hand_in("references", [hospital.reference(0, "image to image") | {"matches": ["S-1"]}])
    assert hospital.replay().asked == 2  # the same contents: only the new search and its probe
    hospital.hand_in("references", [hospital.reference(1, "image to text") | {"text": "no lung lung"}])
    assert hospital.replay().asked == 3 * CASES + 2


def test_what_cannot_be_searched_is_one_sentence(hospital: Hospital) -> None:
    hospital.hand_in("references", [hospital.reference(0, "sideways")])
    with pytest.raises(ReplayError, match="names no direction of search"):
        hospital.replay()
    both = parse_settings(
        "system: a\ntasks: {retrieval: {}, vqa: {}}\nmodel: {family: clip, version: v, path: /nowhere}"
    )
    with pytest.raises(ReplayError, match="or retrieval alone"):
        model_for(both, hospital.folder)
