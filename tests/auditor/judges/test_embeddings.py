"""Embeddings of open answers: only where nothing better can tell, and never from the network."""

import pickle
import sys
from pathlib import Path

import pytest

from auditor.claims import default_lexicon
from auditor.judges.embeddings import Embeddings
from auditor.judges.open_answers import agrees
from auditor.judges.pairs import BadPairError
from auditor.model_settings import EmbeddingSetting
from auditor.settings import SettingsError, parse_settings

LEXICON = default_lexicon()


@pytest.mark.parametrize(
    ("answer", "reference", "asked", "right"),
    [
        ("the aorta", "aortic vessel", True, True),  # neither words nor claims compare them
        ("left lung", "right lung", False, False),  # another side
        ("no blood", "haemorrhagic fluid", False, False),  # one of them denies
        ("pneumothorax", "pleural effusion", False, False),  # claims tell
        ("ct", "computed tomography", False, True),  # words tell
    ],
)
def test_vectors_are_asked_last(answer: str, reference: str, asked: bool, right: bool) -> None:
    calls: list[tuple[str, str]] = []

    def alike(first: str, second: str) -> bool:
        calls.append((first, second))
        return True

    assert agrees(answer, reference, LEXICON, alike) == right
    assert bool(calls) == asked
    assert not agrees("the aorta", "aortic vessel", LEXICON)


def test_a_folder_that_is_not_there_and_the_wrong_task_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadPairError, match="not there or is empty"):
        Embeddings(EmbeddingSetting(model=tmp_path / "none"))
    with pytest.raises(SettingsError, match="name it under vqa"):
        parse_settings("system: a\ntasks: {report: {judge: {kind: rules, embedding: {model: m}}}}")


def test_another_model_or_bound_is_another_judge(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    one = Embeddings(EmbeddingSetting(model=tmp_path))
    assert one.digest == pickle.loads(pickle.dumps(one)).digest
    assert one.digest != Embeddings(EmbeddingSetting(model=tmp_path, least_similarity=0.8)).digest
    (tmp_path / "config.json").write_text("{} ")
    assert one.digest != Embeddings(EmbeddingSetting(model=tmp_path)).digest


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config.json").write_text("{}")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(BadPairError, match=r"pip install 'lvlm-auditor\[models\]'"):
        Embeddings(EmbeddingSetting(model=tmp_path)).alike("a", "b")


def test_a_small_model_gives_cosines(tmp_path: Path) -> None:
    """A random checkpoint made here: the same text is 1, padding changes nothing, and two texts are less."""
    pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "heart", "lung", "vessel", "large", "the", "of"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    transformers.BertTokenizer(str(tmp_path / "vocab.txt")).save_pretrained(tmp_path)
    config = transformers.BertConfig(
        vocab_size=len(words), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    transformers.BertModel(config).save_pretrained(tmp_path)
    made = Embeddings(EmbeddingSetting(model=tmp_path, least_similarity=0.999))
    assert made.similarity("the heart", "the heart") == pytest.approx(1, abs=1e-5)
    assert made.alike("the heart", "the heart")
    alone, padded = made.similarity("heart", "lung"), made.similarity("heart", "the lung of the heart of the lung")
    assert -1 <= padded < 1 and -1 <= alone < 1
    again = Embeddings(EmbeddingSetting(model=tmp_path, least_similarity=0.999))
    assert again.digest == made.digest
    assert again.similarity("heart", "lung") == pytest.approx(alone, abs=1e-6)
