"""Every family with its own loading and generating code, on small random checkpoints that are made here."""

import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from auditor.model_settings import ContrastiveModel, GenerativeModel
from auditor.replay import families
from auditor.replay.checkpoint import Checkpoint
from auditor.replay.contrastive import Contrastive
from auditor.replay.families import model_for
from auditor.replay.generative import Generative
from auditor.replay.protocol import Answer, Picture, Prompt, ReplayError
from auditor.replay.tokens import read_tokens
from auditor.settings import parse_settings
from examples.replay import checkpoints

torch = pytest.importorskip("torch")

# the libraries warn of what they fall back to; none of it is ours
pytestmark = pytest.mark.filterwarnings("ignore")

FINDINGS = ("Effusion", "Pneumothorax")
GENERATIVE: dict[str, Callable[[Path], Path]] = {
    "llava": checkpoints.llava,
    "blip2": checkpoints.blip2,
    "instructblip": lambda folder: checkpoints.blip2(folder, instruct=True),
    "paligemma": checkpoints.paligemma,
    "gemma3": checkpoints.gemma3,
    "image-text-to-text": checkpoints.idefics3,
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("families")
    rng = np.random.default_rng(0)
    for i in range(4):
        Image.fromarray(rng.integers(0, 256, (40, 48), dtype=np.uint8)).save(folder / f"{i}.png")
    return folder


@pytest.fixture(scope="module")
def made(place: Path) -> Callable[[str], Path]:
    """The checkpoint of a family, made once."""
    make = {**GENERATIVE, "clip": checkpoints.clip, "siglip": checkpoints.siglip}

    def of(family: str) -> Path:
        folder = place / family
        return folder if folder.exists() else make[family](folder)

    return of


def prompts(count: int = 4) -> list[Prompt]:
    text = "is there effusion in the left lung ?"
    return [Prompt(f"o-{i}", f"c{i}", None, "vqa", "q", text, (Picture(f"{i}.png", None),)) for i in range(count)]


def generative(family: str, path: Path, place: Path, **more: Any) -> Generative:
    said = {"family": family, "version": "1", "path": path, "max_tokens": 6, **more}
    return Generative(GenerativeModel(**said), place)


def texts(answers: list[Answer]) -> list[str]:
    assert all(answer.error is None and answer.text for answer in answers)
    return [str(answer.text) for answer in answers]


@pytest.mark.parametrize("family", sorted(GENERATIVE))
def test_a_generative_family_answers_alone_as_in_a_batch(
    family: str, made: Callable[[str], Path], place: Path
) -> None:
    alone = list(generative(family, made(family), place).answer(prompts()))
    together = list(generative(family, made(family), place, batch=3).answer(prompts()))
    assert texts(alone) == texts(together)
    for one, other in zip(alone, together, strict=True):
        assert one.confidence == pytest.approx(other.confidence, rel=1e-4)
        assert one.tokens == other.tokens
        assert one.tokens is not None and one.tokens > 6
        assert 0 < one.confidence["sequence"] < 1


@pytest.mark.parametrize("family", ["llava", "blip2"])
def test_a_sample_hangs_on_its_question_and_not_on_its_neighbours(
    family: str, made: Callable[[str], Path], place: Path
) -> None:
    model = generative(family, made(family), place, temperature=1.0, batch=4)
    first = texts(list(model.answer(prompts())))
    again = texts(list(model.answer(reversed(prompts()))))
    assert first == again[::-1]
    assert len(set(first)) > 1
    other = [replace(prompt, id=prompt.id + "x") for prompt in prompts()]
    assert texts(list(model.answer(other))) != first


def test_what_a_model_says_is_what_transformers_generates(made: Callable[[str], Path], place: Path) -> None:
    """An oracle of the library's own: generate by hand, and the sum of log-probabilities by a forward pass."""
    from transformers import AutoProcessor, LlavaForConditionalGeneration

    path = made("llava")
    model = LlavaForConditionalGeneration.from_pretrained(path).eval()
    processor = AutoProcessor.from_pretrained(path)
    prompt = prompts(1)[0]
    with Image.open(place / "0.png") as image:
        read = processor(
            images=[image.convert("RGB")], text=[f"USER: <image>\n{prompt.text} ASSISTANT:"], return_tensors="pt"
        )
    with torch.inference_mode():
        whole = model.generate(**read, max_new_tokens=6, do_sample=False)
        start = read["input_ids"].shape[1]
        inputs = {**read, "input_ids": whole, "attention_mask": torch.ones_like(whole)}
        logp = torch.log_softmax(model(**inputs).logits.float(), dim=-1)
    at = torch.arange(start, whole.shape[1])
    mean = logp[0, at - 1, whole[0, at]].mean().exp().item()
    (answer,) = generative("llava", path, place).answer([prompt])
    assert answer.text == processor.tokenizer.decode(whole[0, start:], skip_special_tokens=True).strip()
    assert answer.confidence["sequence"] == pytest.approx(mean, rel=1e-4)


def test_yes_and_no_are_weighed_at_the_first_token() -> None:
    tokenizer = checkpoints.fast_tokenizer()
    yes, no, end = (tokenizer.convert_tokens_to_ids(w) for w in ("yes", "no", "</s>"))

    class Made:
        """What `generate` gives for two rows: "yes" and its end, and "no lung"."""

        sequences = torch.tensor([[9, yes, end], [9, no, tokenizer.convert_tokens_to_ids("lung")]])
        logits = (torch.zeros(2, len(tokenizer)), torch.zeros(2, len(tokenizer)))

    Made.logits[0][0, yes], Made.logits[0][0, no] = 2.0, 1.0
    Made.logits[0][1, yes], Made.logits[0][1, no] = 1.0, 3.0
    read = {"attention_mask": torch.ones(2, 5)}

    class Generation:
        eos_token_id = end

    one, other = read_tokens(torch, Made, read, tokenizer, Generation)
    assert (one.text, other.text) == ("yes", "no lung")
    assert one.says_yes == pytest.approx(1 / (1 + np.exp(-1.0)))
    assert one.confidence["yes_no"] == one.says_yes
    assert other.says_yes == pytest.approx(1 / (1 + np.exp(2.0)))
    assert other.confidence["yes_no"] == pytest.approx(1 - 1 / (1 + np.exp(2.0)))


@pytest.mark.parametrize("family", ["clip", "siglip"])
def test_a_contrastive_family_scores_as_its_model_does(
    family: str, made: Callable[[str], Path], place: Path
) -> None:
    setting = ContrastiveModel(
        family=family,  # type: ignore[arg-type]
        version="1",
        path=made(family),
        batch=3,
        present=["a {finding}"],
        absent=["no {finding}"],
    )
    answers = list(Contrastive(setting, FINDINGS, place).answer(prompts()))
    from transformers import AutoModel, AutoProcessor

    model, processor = AutoModel.from_pretrained(setting.path).eval(), AutoProcessor.from_pretrained(setting.path)
    padding = {"padding": "max_length", "max_length": 64} if family == "siglip" else {"padding": True}
    for i, answer in enumerate(answers):
        lines = [f"{word} {finding.lower()}" for finding in FINDINGS for word in ("a", "no")]
        with Image.open(place / f"{i}.png") as image, torch.inference_mode():
            read = processor(images=[image.convert("RGB")], text=lines, return_tensors="pt", **padding)
            logits = model(**read).logits_per_image[0].double().reshape(2, 2)
        expected = torch.sigmoid(logits[:, 0]) if family == "siglip" else torch.softmax(logits, dim=1)[:, 0]
        assert answer.scores == pytest.approx(dict(zip(FINDINGS, expected.tolist(), strict=True)), abs=1e-5)


def test_a_case_without_a_readable_image_is_an_error_and_costs_no_other(
    made: Callable[[str], Path], place: Path
) -> None:
    broken = replace(prompts()[0], id="o-x", pictures=(Picture("none.png", None),))
    bare = replace(prompts()[0], id="o-y", pictures=())
    clip = ContrastiveModel(family="clip", version="1", path=made("clip"), batch=8)
    for model in (Contrastive(clip, FINDINGS, place), generative("llava", made("llava"), place, batch=8)):
        found = {answer.prompt.id: answer for answer in model.answer([broken, bare, *prompts()])}
        assert found["o-x"].error == "an image is not on this machine"
        assert found["o-y"].error == "the case has no image"
        assert sum(answer.error is None for answer in found.values()) == 4


def test_a_question_that_breaks_the_model_is_kept_as_an_error(made: Callable[[str], Path], place: Path) -> None:
    """Two images where the template of one fails: only that question."""
    two = replace(prompts()[0], id="o-two", pictures=(Picture("0.png", None), Picture("1.png", None)))
    answers = {
        a.prompt.id: a for a in generative("blip2", made("blip2"), place, batch=5).answer([two, *prompts()])
    }
    assert answers["o-two"].error == "this family of models looks at exactly one image"
    long = replace(prompts()[0], id="o-l", text="lung " * 300)
    answers = {
        a.prompt.id: a for a in generative("blip2", made("blip2"), place, batch=5).answer([long, *prompts()])
    }
    assert (answers["o-l"].error or "").startswith("the model failed")
    assert sum(answer.error is None for answer in answers.values()) == 4


def test_a_chat_template_is_used_where_there_is_one(place: Path) -> None:
    template = (
        "{% for m in messages %}{% for c in m['content'] %}{{ c.get('text', '<image>') }}{% endfor %}{% endfor %}"
    )
    folder = checkpoints.llava(place / "chatty", chat_template=template)
    plain = generative("llava", folder, place, template="{images}{text}")
    chat = generative("llava", folder, place)
    assert texts(list(chat.answer(prompts()))) == texts(list(plain.answer(prompts())))
    assert chat.fingerprint != plain.fingerprint


def test_half_precision_runs_on_this_machine(made: Callable[[str], Path], place: Path) -> None:
    assert len(texts(list(generative("llava", made("llava"), place, precision="bfloat16").answer(prompts())))) == 4


def test_the_fingerprint_names_weights_and_setting(made: Callable[[str], Path], place: Path) -> None:
    one = generative("llava", made("llava"), place)
    assert one.fingerprint == generative("llava", made("llava"), place, batch=4).fingerprint
    assert one.fingerprint != generative("llava", made("llava"), place, temperature=0.5).fingerprint
    other = checkpoints.llava(place / "another", seed=1)
    assert generative("llava", other, place).facts["weights"] != one.facts["weights"]
    assert one.facts["weights"] == Checkpoint.at(made("llava")).weights
    assert one.facts["torch"] == torch.__version__.split("+")[0] or one.facts["torch"] == torch.__version__


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda folder: (folder / "config.json").unlink(), "no config.json"),
        (lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"), "no .safetensors"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"\0" * 9), "cannot be loaded"),
        (lambda folder: (folder / "config.json").write_text('{"model_type": "no-such"}'), "cannot be loaded"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "cannot be loaded"),
    ],
)
def test_a_folder_that_is_no_whole_checkpoint_is_refused(
    change: Callable[[Path], Any], said: str, tmp_path: Path, place: Path
) -> None:
    folder = checkpoints.llava(tmp_path / "llava")
    change(folder)
    with pytest.raises(ReplayError, match=said):
        list(generative("llava", folder, place).answer(prompts()))


def test_the_wrong_family_for_a_checkpoint_is_said(made: Callable[[str], Path], place: Path) -> None:
    for family, other in (("siglip", "clip"), ("clip", "siglip"), ("clip", "llava")):
        setting = ContrastiveModel(family=family, version="1", path=made(other))  # type: ignore[arg-type]
        with pytest.raises(ReplayError, match=r"is not of the family|does not compare"):
            list(Contrastive(setting, FINDINGS, place).answer(prompts()))
    with pytest.raises(ReplayError, match="4bit needs a GPU"):
        list(generative("llava", made("llava"), place, precision="4bit").answer(prompts()))
    with pytest.raises(ReplayError, match="names a GPU"):
        list(generative("llava", made("llava"), place, device="cuda").answer(prompts()))


def settings(model: str, task: str = "vqa: {}") -> Any:
    return parse_settings(f"system: a\ntasks: {{{task}}}\nmodel: {model}")


def test_the_table_of_families(made: Callable[[str], Path], place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    llava = f"{{family: llava, version: v, path: {made('llava')}}}"
    assert isinstance(model_for(settings(llava), place), Generative)
    clip = f"{{family: clip, version: v, path: {made('clip')}}}"
    with pytest.raises(ReplayError, match="audit classification alone"):
        model_for(settings(clip), place)
    with pytest.raises(ReplayError, match=r"needs tasks\.classification\.findings"):
        model_for(settings(clip, "classification: {}"), place)
    assert isinstance(model_for(settings(clip, "classification: {findings: [Mass]}"), place), Contrastive)
    plugin = settings("{family: plugin, version: v, name: echo, options: {said: yes}}")
    with pytest.raises(ReplayError, match="No installed package offers the model 'echo'"):
        model_for(plugin, place)
    entry = EntryPoint("echo", "tests.auditor.replay.test_families:Echo", families.GROUP)
    monkeypatch.setattr(families, "entry_points", lambda group: [entry])
    (answer,) = model_for(plugin, place).answer(prompts(1))
    assert answer.text == "True"


class Echo:
    """A plugin: says its option."""

    fingerprint, facts = "echo", {"family": "echo"}

    def __init__(self, options: dict[str, Any], folder: Path) -> None:
        self._said = str(options["said"])

    def answer(self, asked: list[Prompt]) -> list[Answer]:
        return [Answer(prompt, text=self._said) for prompt in asked]


def test_without_the_extra_it_says_what_to_install(
    made: Callable[[str], Path], place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = generative("llava", made("llava"), place)
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ReplayError, match=r"pip install 'lvlm-auditor\[replay\]'"):
        list(model.answer(prompts()))
