"""What a model is asked and what it answers, whatever stands behind it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol


class ReplayError(ValueError):
    """One clear sentence about a replay that cannot be carried out."""


@dataclass(frozen=True)
class Picture:
    """An image by its address and the hash that was recorded with it, where there was one."""

    uri: str
    sha256: str | None


@dataclass(frozen=True)
class Prompt:
    """One question about one case; `id` is the id of the output that its answer becomes."""

    id: str
    case_id: str
    patient_key: str | None
    task: str
    item: str | None
    text: str
    pictures: tuple[Picture, ...]
    sample: int = 0
    probe: str | None = None  # what was altered to learn about the model; null: asked plainly
    probe_of: str | None = None  # the id of the same question, asked plainly
    shown_case_id: str | None = None  # whose images these are, where not the case's own


@dataclass(frozen=True)
class Answer:
    """What came back: text, scores or a ranking, or the reason in `error` why nothing did.

    `settled` is false where the trouble was the server's and the question is worth asking another day; such an
    answer is counted and nothing of it is kept. `latency_ms` is the time of this question alone, or its share
    of a batch. `tokens` counts what was read and written, where the model says so. `ranking` is (case id, score)
    best first, perhaps only the top of the `gallery` candidates there were. `embedding` is what the model made of
    the case's images, in 32 bits, where it says so; none of a probe, whose images may be altered or another's.
    """

    prompt: Prompt
    text: str | None = None
    scores: dict[str, float] | None = None
    confidence: dict[str, float] = field(default_factory=dict)
    latency_ms: float | None = None
    tokens: int | None = None
    error: str | None = None
    settled: bool = True
    ranking: tuple[tuple[str, float], ...] | None = None
    gallery: int | None = None
    embedding: tuple[float, ...] | None = None


class Model(Protocol):
    """A model that can be asked. `fingerprint` names all that its answers depend on besides the question."""

    fingerprint: str
    facts: dict[str, str]  # what can be read of it: family, weights, versions of libraries; kept with its answers

    def answer(self, prompts: Iterable[Prompt]) -> Iterator[Answer]:
        """One answer a prompt, in any order, each as soon as it is there."""
        ...
