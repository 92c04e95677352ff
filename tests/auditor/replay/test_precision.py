"""In which precision a model on this machine is loaded. Without a GPU, what 4 bits ask of one is captured."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from auditor.model_settings import GenerativeModel
from auditor.replay import generative as made_of
from auditor.replay.generative import Generative
from auditor.replay.protocol import Picture, Prompt, ReplayError
from examples.replay import checkpoints

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

# the libraries warn of what they fall back to; none of it is ours
pytestmark = pytest.mark.filterwarnings("ignore")


class Loaded(Exception):  # noqa: N818 - what is handed over is all that is looked at
    """Instead of loading anything."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = checkpoints.llava(tmp_path_factory.mktemp("precision") / "llava")
    Image.new("L", (32, 32), 90).save(made.parent / "0.png")
    return made


def generative(folder: Path, **setting: Any) -> Generative:
    about = {"family": "llava", "path": folder, "version": "v", "max_tokens": 3, **setting}
    return Generative(GenerativeModel(**about), folder.parent)


def prompt() -> Prompt:
    return Prompt("o-1", "c", None, "vqa", None, "no effusion", (Picture("0.png", None),))


@pytest.mark.parametrize(("setting", "device"), [("auto", "cuda"), ("cuda:1", "cuda:1")])
def test_four_bits_are_asked_of_the_named_gpu(
    setting: str, device: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handed: dict[str, Any] = {}

    def capture(path: Path, **how: Any) -> None:
        handed.update(how, path=path)
        raise Loaded

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(made_of, "find_spec", lambda name: name)
    monkeypatch.setattr(transformers.AutoModelForImageTextToText, "from_pretrained", capture)
    with pytest.raises(Loaded):
        list(generative(folder, precision="4bit", device=setting).answer([prompt()]))
    quantised = handed.pop("quantization_config")
    assert handed == {"path": folder, "local_files_only": True, "use_safetensors": True, "device_map": device}
    assert isinstance(quantised, transformers.BitsAndBytesConfig)
    assert (quantised.load_in_4bit, quantised.load_in_8bit) == (True, False)
    assert quantised.bnb_4bit_compute_dtype is torch.bfloat16
    assert quantised.quantization_method() == "nf4"


def test_four_bits_without_their_library_say_what_to_install(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(made_of, "find_spec", lambda name: None)
    with pytest.raises(ReplayError, match=r"pip install 'lvlm-auditor\[replay-4bit\]'"):
        list(generative(folder, precision="4bit").answer([prompt()]))


def test_bfloat16_is_what_is_loaded_and_writes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[Any] = []
    load = transformers.AutoModelForImageTextToText.from_pretrained

    def keep(*about: Any, **how: Any) -> Any:
        loaded.append(load(*about, **how))
        return loaded[-1]

    monkeypatch.setattr(transformers.AutoModelForImageTextToText, "from_pretrained", keep)
    answers = {}
    for precision, dtype in (("bfloat16", torch.bfloat16), ("auto", torch.float32)):
        (answer,) = generative(folder, precision=precision, device="cpu").answer([prompt()])
        assert {p.dtype for p in loaded[-1].parameters()} == {dtype}
        assert answer.error is None and answer.text and answer.tokens
        answers[precision] = answer
    both = [answers[name].confidence["sequence"] for name in ("bfloat16", "auto")]
    assert both[0] == pytest.approx(both[1], rel=0.05) and both[0] != both[1]
