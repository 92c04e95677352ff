"""What models make of images, as vectors: of every family, alone and in a batch, and into the lake."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from auditor.model_settings import ContrastiveModel, GenerativeModel
from auditor.records import MAX_EMBEDDING
from auditor.replay.collect import Replayed
from auditor.replay.collect import replay as ask
from auditor.replay.contrastive import Contrastive
from auditor.replay.embedding import vector
from auditor.replay.generative import Generative
from auditor.replay.notebook import Notebook
from auditor.replay.protocol import Answer, Picture, Prompt
from auditor.replay.questions import questions
from auditor.replay.tokens import read_tokens
from tests.auditor.judges.chat_server import running
from tests.auditor.replay.test_families import FINDINGS, GENERATIVE
from tests.auditor.replay.test_replay import AT, CASES, Place, say_grey

torch = pytest.importorskip("torch")

# the libraries warn of what they fall back to; none of it is ours
pytestmark = pytest.mark.filterwarnings("ignore")

_QUESTIONS = ("is there effusion ?", "is there a large effusion in the left lung ?", "heart ?", "lung ?")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("embeddings")
    rng = np.random.default_rng(0)
    for i in range(4):
        Image.fromarray(rng.integers(0, 256, (40, 48), dtype=np.uint8)).save(folder / f"{i}.png")
    return folder


def prompt(i: int, *pictures: int, probe: str | None = None) -> Prompt:
    shown = tuple(Picture(f"{n}.png", None) for n in pictures or (i,))
    return Prompt(f"o-{i}{probe}", f"c{i}", None, "vqa", "q", _QUESTIONS[i], shown, probe=probe)


def generative(family: str, place: Path, **more: Any) -> Generative:
    path = place / family
    if not path.exists():
        GENERATIVE[family](path)
    said = {"family": family, "version": "1", "path": path, "max_tokens": 2, **more}
    return Generative(GenerativeModel(**said), place)


def embeddings(model: Any, asked: Iterable[Prompt]) -> list[np.ndarray[Any, Any] | None]:
    answers = sorted(model.answer(asked), key=lambda answer: answer.prompt.id)
    return [None if answer.embedding is None else np.array(answer.embedding) for answer in answers]


def by_the_library(family: str, place: Path, numbers: Iterable[int]) -> np.ndarray[Any, Any]:
    """The mean of the features that transformers projects for the images of one question, asked by itself."""
    from transformers import AutoModelForImageTextToText, AutoProcessor

    model = AutoModelForImageTextToText.from_pretrained(place / family).eval()
    processor = AutoProcessor.from_pretrained(place / family)
    found = []
    for i in numbers:
        with Image.open(place / f"{i}.png") as image:
            read = dict(processor(images=[image.convert("RGB")], text=[_words(processor, i)], return_tensors="pt"))
        named = ("pixel_values", "pixel_attention_mask", "qformer_input_ids", "qformer_attention_mask")
        with torch.inference_mode():
            made = model.get_image_features(**{name: read[name] for name in named if name in read}).pooler_output
        found.append(torch.cat([one.reshape(-1, one.shape[-1]) for one in made]).double().numpy())
    mean: np.ndarray[Any, Any] = np.concatenate(found).mean(axis=0)
    return mean


def _words(processor: Any, i: int) -> str:
    """With the question's own words, which InstructBLIP weighs the image by."""
    marker = getattr(processor, "boi_token", "<image>")
    return _QUESTIONS[i] if hasattr(processor, "qformer_tokenizer") else f"{marker}{_QUESTIONS[i]}"


@pytest.mark.parametrize("family", sorted(GENERATIVE))
def test_a_generative_family_tells_what_it_made_of_the_images(family: str, place: Path) -> None:
    alone = embeddings(generative(family, place), [prompt(i) for i in range(4)])
    together = embeddings(generative(family, place, batch=3), [prompt(i) for i in range(4)])
    for i, (one, other) in enumerate(zip(alone, together, strict=True)):
        assert one is not None and other is not None
        assert one == pytest.approx(by_the_library(family, place, [i]), abs=1e-5)
        assert other == pytest.approx(one, abs=1e-5)
        assert (one.astype(np.float32) == one).all()  # as the lake holds it
    assert alone[0] != pytest.approx(alone[1], abs=1e-4)


def test_several_images_are_one_vector(place: Path) -> None:
    (both,) = embeddings(generative("llava", place), [prompt(0, 1, 2)])
    assert both == pytest.approx(by_the_library("llava", place, [1, 2]), abs=1e-5)


@pytest.mark.parametrize("probe", ["blank", "swapped", "paraphrased"])
def test_a_probe_has_no_embedding(probe: str, place: Path) -> None:
    first, second = embeddings(generative("llava", place, batch=2), [prompt(0), prompt(1, probe=probe)])
    assert first is not None and second is None
    (scored,) = Contrastive(_clip(place), FINDINGS, place).answer([prompt(1, probe=probe)])
    assert scored.scores and scored.embedding is None


def test_an_empty_answer_has_seen_the_image_all_the_same(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "auditor.replay.generative.read_tokens",
        lambda *given: [replace(one, text=" ") for one in read_tokens(*given)],
    )
    (answer,) = generative("llava", place).answer([prompt(0)])
    assert (answer.error, answer.text) == ("the answer was empty", None)
    assert answer.embedding is not None and answer.tokens


def _clip(place: Path, batch: int = 1) -> ContrastiveModel:
    from examples.replay import checkpoints

    path = place / "clip"
    return ContrastiveModel(
        family="clip", version="1", path=path if path.exists() else checkpoints.clip(path), batch=batch
    )


def test_clip_tells_the_unit_mean_of_the_images(place: Path) -> None:
    from transformers import CLIPModel, CLIPProcessor

    asked = [prompt(0), prompt(1, 1, 2), prompt(3)]
    alone = embeddings(Contrastive(_clip(place), FINDINGS, place), asked)
    together = embeddings(Contrastive(_clip(place, batch=3), FINDINGS, place), asked)
    model, processor = (
        CLIPModel.from_pretrained(place / "clip").eval(),
        CLIPProcessor.from_pretrained(place / "clip"),
    )
    images = []
    for i in range(4):
        with Image.open(place / f"{i}.png") as image:
            images.append(image.convert("RGB"))
    with torch.inference_mode():
        made = (
            model.get_image_features(**processor(images=images, return_tensors="pt"))
            .pooler_output.double()
            .numpy()
        )
    units = made / np.linalg.norm(made, axis=1, keepdims=True)
    for found, other, numbers in zip(alone, together, ([0], [1, 2], [3]), strict=True):
        mean = units[numbers].mean(axis=0)
        assert found == pytest.approx(mean / np.linalg.norm(mean), abs=1e-5)
        assert other == pytest.approx(found, abs=1e-5)


def test_what_no_record_can_hold_is_no_embedding() -> None:
    assert vector(torch.tensor([0.5, -1.0], dtype=torch.float64)) == (0.5, -1.0)
    assert vector(torch.tensor([0.5, float("nan")])) is None
    assert vector(torch.tensor([1e300], dtype=torch.float64)) is None
    assert vector(torch.zeros(MAX_EMBEDDING)) is not None
    assert vector(torch.zeros(MAX_EMBEDDING + 1)) is None


@dataclass
class _Says:
    """A model that gives every case the same answer, changed by `change`."""

    change: Callable[[Answer], Answer]
    fingerprint: str = "says"
    facts: dict[str, str] = field(default_factory=dict)

    def answer(self, prompts: Iterable[Prompt]) -> Iterator[Answer]:
        return (self.change(Answer(one, text="Clear.", tokens=7, embedding=(0.5, -0.25))) for one in prompts)


def _replayed(place: Place, model: _Says) -> Replayed:
    with Notebook(place.folder / "notebook.jsonl") as notebook:
        return ask(
            questions(place.settings, place.ledger, place.lake, model.fingerprint),
            model,
            notebook,
            settings=place.settings,
            version="v2",
            ledger=place.ledger,
            lake=place.lake,
            clock=lambda: AT,
            actor="test",
        )


def test_vectors_and_tokens_reach_the_lake(tmp_path: Path) -> None:
    with running(say_grey) as server:
        place = Place(tmp_path, server)
        assert _replayed(place, _Says(lambda answer: answer)).errors == 0
        rows = place.outputs()
        assert len(rows) == CASES
        assert all(row["embedding"] == [0.5, -0.25] and row["tokens"] == 7 for row in rows)
        place.replay()  # the server counts ten tokens and has no vectors to give
        served = [row for row in place.outputs() if row["text"] != "Clear."]
    assert len(served) == CASES
    assert all(row["embedding"] is None and row["tokens"] == 10 for row in served)


def test_a_vector_that_no_record_can_hold_costs_its_answer_alone(tmp_path: Path) -> None:
    def change(answer: Answer) -> Answer:
        return replace(answer, embedding=(float("nan"),)) if answer.prompt.pictures[0].uri == "3.png" else answer

    with running(say_grey) as server:
        place = Place(tmp_path, server)
        assert _replayed(place, _Says(change)).errors == 1
        (row,) = (row for row in place.outputs() if row["error"])
    assert (row["error"], row["text"], row["embedding"], row["tokens"]) == (
        "the answer cannot be recorded",
        None,
        None,
        7,
    )
