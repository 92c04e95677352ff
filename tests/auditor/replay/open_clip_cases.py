"""The family open_clip with its own loading code, on small random checkpoints; run by test_open_clip.py."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from auditor.model_settings import ContrastiveModel
from auditor.replay.contrastive import Contrastive
from auditor.replay.families import model_for
from auditor.replay.gallery import Entry, Gallery
from auditor.replay.protocol import Picture, Prompt, ReplayError
from auditor.replay.search import ContrastiveSearch
from auditor.settings import parse_settings
from tests.auditor.replay.open_clip_checkpoints import MADE, TEXT_TOWER

# the libraries warn of what they fall back to; none of it is ours
pytestmark = pytest.mark.filterwarnings("ignore")

FINDINGS = ("Effusion", "Pneumothorax", "Pleural_Thickening")
_LONG = "a chest radiograph showing {finding} " + "in the left lung " * 40


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("open_clip")
    rng = np.random.default_rng(0)
    for i in range(4):
        Image.fromarray(rng.integers(0, 256, (40, 48), dtype=np.uint8)).save(folder / f"{i}.png")
    for kind, make in MADE.items():
        make(folder / kind)
    return folder


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whoever asks for another machine, by name or address, is told off."""
    import socket

    asked: list[Any] = []

    def refuse(*given: Any, **named: Any) -> Any:
        asked.append(given)
        raise OSError("no network in this test")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    yield
    assert not asked


def prompts(task: str = "classification") -> list[Prompt]:
    shown = ((0,), (1, 2), (3,))
    return [
        Prompt(f"o-{i}", f"c{i}", None, task, None, "", tuple(Picture(f"{n}.png", None) for n in numbers))
        for i, numbers in enumerate(shown)
    ]


def contrastive(path: Path, place: Path, **more: Any) -> Contrastive:
    setting = {"family": "open_clip", "version": "1", "path": path, "present": [_LONG], "absent": ["no {finding}"]}
    return Contrastive(ContrastiveModel(**{**setting, **more}), FINDINGS, place)


class ByTheBook:
    """The documented call sequence of open_clip, on the same folder."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        import open_clip

        monkeypatch.chdir(path)  # where the name of the text tower is a folder for transformers
        self.model, self.preprocess = open_clip.create_model_from_pretrained(f"local-dir:{path}")
        self.tokenizer = open_clip.get_tokenizer(f"local-dir:{path}")
        self.model.eval()

    def texts(self, lines: list[str]) -> Any:
        import torch

        with torch.no_grad():
            features = self.model.encode_text(self.tokenizer(lines))
        return features / features.norm(dim=-1, keepdim=True)

    def images(self, place: Path, numbers: list[int]) -> Any:
        import torch

        read = []
        for i in numbers:
            with Image.open(place / f"{i}.png") as image:
                read.append(self.preprocess(image.convert("RGB")).unsqueeze(0))
        with torch.no_grad():
            features = self.model.encode_image(torch.cat(read))
        return features / features.norm(dim=-1, keepdim=True)

    def case(self, place: Path, prompt: Prompt) -> Any:
        mean = self.images(place, [int(p.uri[0]) for p in prompt.pictures]).mean(dim=0)
        return mean / mean.norm()


@pytest.mark.parametrize("kind", sorted(MADE))
def test_scores_are_those_of_open_clip(kind: str, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = list(contrastive(place / kind, place).answer(prompts()))
    together = list(contrastive(place / kind, place, batch=3).answer(prompts()))
    book = ByTheBook(place / kind, monkeypatch)
    names = [name.replace("_", " ").lower() for name in FINDINGS]
    present = book.texts([_LONG.replace("{finding}", name) for name in names])
    absent = book.texts([f"no {name}" for name in names])
    scale, bias = book.model.logit_scale.exp(), book.model.logit_bias
    assert (bias is not None) == (kind == "siglip")
    for one, other in zip(alone, together, strict=True):
        image = book.case(place, one.prompt)
        yes, no = scale * present @ image, scale * absent @ image
        expected = (yes + bias).sigmoid() if kind == "siglip" else (yes.exp() / (yes.exp() + no.exp()))
        assert one.scores == pytest.approx(dict(zip(FINDINGS, expected.tolist(), strict=True)), abs=1e-5)
        assert other.scores == pytest.approx(one.scores, abs=1e-5)
        assert one.embedding == pytest.approx(image.tolist(), abs=1e-5)
        assert other.embedding == pytest.approx(one.embedding, abs=1e-5)
    assert alone[0].scores != alone[1].scores


@pytest.mark.parametrize("kind", ["biomedclip", "clip"])
def test_a_search_orders_by_the_cosine_of_open_clip(
    kind: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = ("heart normal", "large effusion in the left lung", "heart normal", "pneumothorax right " * 30)
    entries = tuple(Entry(f"e{i}", f"P-{i}", line, (Picture(f"{i}.png", None),)) for i, line in enumerate(lines))
    setting = ContrastiveModel(family="open_clip", version="1", path=place / kind)
    search = ContrastiveSearch(setting, Gallery(entries), place)
    by_text = list(search.answer(prompts("retrieval")))
    by_image = list(search.answer([replace(one, item="image to image") for one in prompts("retrieval")]))
    book = ByTheBook(place / kind, monkeypatch)
    texts, images = book.texts(list(lines)), book.images(place, [0, 1, 2, 3])
    for found, vectors in ((by_text, texts), (by_image, images)):
        for answer in found:
            cosines = (vectors @ book.case(place, answer.prompt)).tolist()
            ranking = dict(answer.ranking or ())
            assert ranking == pytest.approx({f"e{i}": cosine for i, cosine in enumerate(cosines)}, abs=2e-6)
            assert list(ranking.values()) == sorted(ranking.values(), reverse=True)
    assert dict(by_text[0].ranking or ())["e0"] == dict(by_text[0].ranking or ())["e2"]  # word for word the same


def test_the_product_makes_it_from_audit_yaml_and_says_which_libraries_answered(place: Path) -> None:
    model_setting = f"{{family: open_clip, version: v, path: {place / 'clip'}}}"
    yaml = f"system: a\ntasks: {{classification: {{findings: [Mass]}}}}\nmodel: {model_setting}"
    model = model_for(parse_settings(yaml), place)
    (answer,) = model.answer(prompts()[:1])
    assert answer.scores is not None and 0 < answer.scores["Mass"] < 1
    assert model.facts["family"] == "open_clip"
    for name in ("open_clip_torch", "timm", "torchvision", "torch"):
        assert model.facts[name] == version(name)


def test_a_probe_is_scored_and_has_no_embedding(place: Path) -> None:
    (answer,) = contrastive(place / "clip", place).answer([replace(prompts()[0], probe="blank")])
    assert answer.scores and answer.embedding is None


def moved(place: Path, folder: Path) -> Path:
    """The checkpoint without its text tower's configuration, which is then elsewhere."""
    shutil.copytree(place / "biomedclip", folder, ignore=shutil.ignore_patterns("org"))
    return folder


def test_parts_may_lie_elsewhere_on_this_machine(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By an absolute path, or in the cache of transformers; the scores are the same."""
    import huggingface_hub.constants

    here = [answer.scores for answer in contrastive(place / "biomedclip", place).answer(prompts())]
    tower = place / "biomedclip" / TEXT_TOWER
    folder = moved(place, tmp_path / "moved")
    with pytest.raises(ReplayError, match=r"nothing is downloaded: put the config\.json of org/bert-of-reports"):
        contrastive(folder, place)

    snapshot = tmp_path / "cache" / "models--org--bert-of-reports" / "snapshots" / "0123"
    shutil.copytree(tower, snapshot)
    for file in folder.glob("tokenizer*"):  # not beside the weights either
        file.rename(snapshot / file.name)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("0123")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    assert [answer.scores for answer in contrastive(folder, place).answer(prompts())] == here

    config = folder / "open_clip_config.json"
    config.write_text(config.read_text().replace(TEXT_TOWER, str(snapshot)))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "none"))
    model = contrastive(folder, place)
    assert [answer.scores for answer in model.answer(prompts())] == here

    before = model.fingerprint
    for name in ("tokenizer.json", "config.json"):
        (snapshot / name).write_text((snapshot / name).read_text() + " ")
        assert contrastive(folder, place).fingerprint != before
        before = contrastive(folder, place).fingerprint


def _bad_weights(folder: Path) -> None:
    (folder / "open_clip_model.safetensors").write_bytes(b"\0" * 9)


def _weights_of_another(folder: Path) -> None:
    shutil.copy(folder.parents[1] / "other" / "open_clip_model.safetensors", folder)


def _no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def _no_such_tower(folder: Path) -> None:
    config = folder / "open_clip_config.json"
    config.write_text(config.read_text().replace("test_vit", "no_such_tower"))


def _no_such_option(folder: Path) -> None:
    config = folder / "open_clip_config.json"
    config.write_text(config.read_text().replace('"hf_proj_type"', '"no_such_option"'))


@pytest.mark.parametrize(
    "change", [_bad_weights, _weights_of_another, _no_tokenizer, _no_such_tower, _no_such_option]
)
def test_a_folder_that_is_no_whole_checkpoint_is_refused(
    change: Callable[[Path], None], place: Path, tmp_path: Path
) -> None:
    shutil.copytree(place / "clip", tmp_path / "other")
    folder = tmp_path / "broken" / "biomedclip"
    shutil.copytree(place / "biomedclip", folder)
    change(folder)
    with pytest.raises(ReplayError, match="cannot be loaded"):
        list(contrastive(folder, place).answer(prompts()))


def test_no_code_of_a_checkpoint_runs(place: Path, tmp_path: Path) -> None:
    """Neither of a text tower nor of a tokenizer, also where the configuration says that it may."""
    ran = tmp_path / "ran"
    for what in ("tower", "tokenizer"):
        folder = tmp_path / what
        shutil.copytree(place / "biomedclip", folder)
        where, file = (
            (folder / TEXT_TOWER, "config.json") if what == "tower" else (folder, "tokenizer_config.json")
        )
        (where / "theirs.py").write_text(f"open({str(ran)!r}, 'w').close()\nclass Theirs: ...\n")
        auto = {"AutoConfig": "theirs.Theirs", "AutoTokenizer": ["theirs.Theirs", "theirs.Theirs"]}
        said = json.loads((where / file).read_text()) | {"auto_map": auto, "model_type": "theirs"}
        said |= {"tokenizer_class": "Theirs"} if what == "tokenizer" else {}
        (where / file).write_text(json.dumps(said))
        whole = json.loads((folder / "open_clip_config.json").read_text())
        whole["model_cfg"]["text_cfg"]["tokenizer_kwargs"] = {"trust_remote_code": True}
        (folder / "open_clip_config.json").write_text(json.dumps(whole))
        try:
            list(contrastive(folder, place).answer(prompts()))
        except ReplayError as error:
            assert "cannot be loaded" in str(error)
        assert not ran.exists()
