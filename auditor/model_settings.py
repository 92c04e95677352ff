"""Settings of models: those that judge, and the audited one."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from auditor.records import Sha256, TaskName, Text, Word


class Strict(BaseModel):
    """Unknown keys are refused: a misspelt threshold must not vanish."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class EmbeddingSetting(Strict):
    """A sentence model on this machine, asked only where neither words nor claims can compare open answers."""

    model: Path  # a folder with config.json, weights and tokenizer
    least_similarity: Annotated[float, Field(gt=0, le=1)] = 0.9


class RulesSetting(Strict):
    """The judge that ships with the product: rules, deterministic, offline."""

    kind: Literal["rules"] = "rules"
    lexicon: list[Path] = []  # files of the site on top of ours; `auditor lexicon check` validates them
    embedding: EmbeddingSetting | None = None  # vqa


class Server(Strict):
    """A model behind any server that speaks OpenAI's chat completions."""

    base_url: str  # up to and without /chat/completions
    model: Annotated[str, Field(min_length=1)]
    # the environment variable that holds the key: the key itself is in no setting, log or digest
    key_variable: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0
    timeout: Annotated[float, Field(gt=0)] = 120.0  # seconds for one whole answer
    concurrency: Annotated[int, Field(ge=1, le=256)] = 4  # questions asked at once
    attempts: Annotated[int, Field(ge=1, le=10)] = 4  # when the server is busy or out of reach

    @field_validator("base_url")
    @classmethod
    def _plain_address(cls, value: str) -> str:
        try:
            parts = urlsplit(value)
            sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            sound = False
        if not sound or any(c.isspace() or not c.isprintable() for c in value):
            raise ValueError("give the address of the server, for example http://localhost:8000/v1")
        if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
            # an address is printed and hashed; nothing secret may be in it
            raise ValueError("write the address without user, password, query or fragment; name a key_variable")
        return value.rstrip("/")


class LlmSetting(Server):
    """A language model as judge. Report texts are sent to its server, so it must be one that may see them."""

    kind: Literal["llm"] = "llm"


class Asked(Strict):
    """What every audited model has: the version that its answers become, and how it is asked."""

    version: Word
    prompts: dict[TaskName, Text] = {}  # asked about every case; a task without one is asked what was recorded
    samples: Annotated[int, Field(ge=1, le=50)] = 1  # how often each question is asked


class HttpModel(Server, Asked):
    """The audited model behind a server. Images and prompts are sent to it."""

    family: Literal["http"] = "http"
    max_tokens: Annotated[int, Field(ge=1)] = 512
    logprobs: bool = False  # ask for the tokens' log-probabilities, where the server offers them
    per_minute: Annotated[float, Field(gt=0)] | None = None  # questions at most; None is as fast as it answers


class OnThisMachine(Asked):
    """An audited model in a folder, as `save_pretrained` writes it: weights (safetensors), config, processor."""

    path: Path
    device: Annotated[str, StringConstraints(pattern=r"^(auto|cpu|cuda(:\d+)?|mps)$")] = "auto"
    batch: Annotated[int, Field(ge=1, le=512)] = 1
    weights_sha256: Sha256 | None = None  # of the registered weights; an audit says where others answered


class ContrastiveModel(OnThisMachine):
    """A model that compares images with texts: zero-shot classification with an ensemble of prompts."""

    family: Literal["clip", "siglip", "open_clip"]
    # texts of each finding's presence and absence, {finding} stands for its name; the same for all findings
    present: Annotated[list[Text], Field(min_length=1)] = ["a chest radiograph showing {finding}", "{finding}"]
    absent: Annotated[list[Text], Field(min_length=1)] = ["a chest radiograph without {finding}", "no {finding}"]


class GenerativeModel(OnThisMachine):
    """A model that writes about images, through transformers."""

    family: Literal["blip2", "instructblip", "llava", "gemma3", "paligemma", "image-text-to-text"]
    precision: Literal["auto", "float32", "bfloat16", "4bit"] = "auto"  # auto: bfloat16 on a GPU, else float32
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.0  # 0: always the likeliest token
    max_tokens: Annotated[int, Field(ge=1)] = 512
    template: Text | None = None  # with {text} in it; default: the model's chat template, or its family's


class PluginModel(Asked):
    """A model of another package, which offers it under the entry point group `auditor.models`."""

    family: Literal["plugin"]
    name: Word
    options: dict[str, Any] = {}  # given to the plugin as they are


ModelSetting = Annotated[
    HttpModel | ContrastiveModel | GenerativeModel | PluginModel, Field(discriminator="family")
]


class Probes(Strict):
    """What `auditor replay` asks besides: do answers hang on the image, and do they hold still?"""

    images: list[Literal["blank", "noise", "swapped", "flipped", "cropped", "out_of_scope"]] = []
    # a folder of the site's own pictures that are no radiographs; without it they are drawn
    out_of_scope: Path | None = None
    # of questions with options: the same in another order, and without the right one
    options: list[Literal["order", "none_of_the_above"]] = []
    # other words for the same question, {question} stands for it
    paraphrases: dict[TaskName, Annotated[list[Text], Field(min_length=1)]] = {}
    # questions that take for granted a finding that is absent; {finding} stands for it
    false_premises: list[Text] = []

    @field_validator("paraphrases")
    @classmethod
    def _of_texts(cls, value: dict[TaskName, list[str]]) -> dict[TaskName, list[str]]:
        if value.keys() & {"classification", "retrieval"}:
            raise ValueError("scores and rankings have no words to say differently; paraphrase report or vqa")
        return value

    @model_validator(mode="after")
    def _pictures_are_shown(self) -> Self:
        if self.out_of_scope is not None and "out_of_scope" not in self.images:
            raise ValueError("out_of_scope names pictures that no probe shows; add out_of_scope to images")
        return self


JudgeSetting = Annotated[RulesSetting | LlmSetting, Field(discriminator="kind")]


def says_the_same(one: JudgeSetting, other: JudgeSetting) -> bool:
    """Whether two settings are one judge: how long it is waited for changes nothing in what it says."""
    if isinstance(one, LlmSetting) and isinstance(other, LlmSetting):
        mine, theirs = ((j.base_url, j.model, j.temperature) for j in (one, other))
        return mine == theirs
    return one.kind == other.kind


class CheckSetting(Strict):
    """How far the judge can be relied on: a share of its judgements, or a frozen set, is made again."""

    share: Annotated[float, Field(gt=0, le=1)] = 0.05  # of the outputs that have a reference, chosen by hash
    repeats: Annotated[int, Field(ge=0, le=10)] = 0  # how often a language model judges these once more
    judge: JudgeSetting | None = None  # a second judge
    # so many pairs are set aside once and judged anew every week, rules and language models alike
    frozen: Annotated[int, Field(ge=20, le=5_000)] | None = None

    @model_validator(mode="after")
    def _something_to_compare(self) -> Self:
        if not self.repeats and self.judge is None and self.frozen is None:
            raise ValueError("give repeats, a second judge, a frozen set, or several of them")
        return self
