"""Pictures that are no radiographs: which are shown, and what is made of the answers."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from auditor.judges.answers import disowns
from auditor.model_settings import Probes
from auditor.probe_names import OUT_OF_SCOPE
from auditor.replay.out_of_scope import DRAWN, chosen_for, draw, pictures_of
from auditor.replay.protocol import Picture, Prompt, ReplayError
from auditor.replay.shown import shown
from tests.auditor.judges.chat_server import Say, completion, running
from tests.auditor.replay.test_probes import CASES, Hospital
from tests.auditor.replay.test_replay import grey_in


def test_what_is_drawn_is_coloured_and_the_same_everywhere() -> None:
    one, again, other = (np.asarray(draw(name)) for name in ("a", "a", "b"))
    np.testing.assert_array_equal(one, again)
    assert one.shape == (512, 512, 3) and (one != other).any()
    spread = one.max(axis=2).astype(int) - one.min(axis=2)
    assert (spread > 60).mean() > 0.8, "a radiograph has no colour"


def test_what_is_drawn_is_held_to_its_name() -> None:
    """The address is part of an answer's identity: other pixels need another one."""
    assert DRAWN == "drawn:shapes-1"
    assert np.asarray(draw("a")).astype(np.int64).sum() == 103681455


def test_only_a_probe_is_shown_what_is_drawn(tmp_path: Path) -> None:
    prompt = Prompt("o-1", "c", None, "vqa", None, "?", (Picture(DRAWN, None),) * 2, probe=OUT_OF_SCOPE)
    first, second = (np.asarray(image) for image in shown(prompt, tmp_path))
    assert (first != second).any()


def test_another_picture_in_the_folder_changes_few_choices(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for i in range(6):
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(tmp_path / f"{i}.png")
    (tmp_path / "notes.txt").write_text("no picture")
    before = pictures_of(tmp_path)
    assert len(before) == 6 and all(picture.sha256 for picture in before)
    (tmp_path / "5.png").rename(tmp_path / "flowers.png")
    names = [f"q{i}" for i in range(300)]
    assert [chosen_for(n, pictures_of(tmp_path)).sha256 for n in names] == [
        chosen_for(n, before).sha256 for n in names
    ]
    Image.new("RGB", (8, 8), "orange").save(tmp_path / "new.jpg")
    moved = sum(chosen_for(n, pictures_of(tmp_path)).sha256 != chosen_for(n, before).sha256 for n in names)
    assert 20 < moved < 75  # a seventh of them


def test_a_folder_without_pictures_is_said(tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match="There is no PNG or JPEG"):
        pictures_of(tmp_path)
    with pytest.raises(ValueError, match="add out_of_scope to images"):
        Probes(images=["blank"], out_of_scope=tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("This is not a chest radiograph.", True),
        ("This does not appear to be a chest X-ray.", True),
        ("The image isn’t a medical image.", True),
        ("A photograph of flowers.", True),
        ("No acute finding on this radiograph.", False),
        ("Not seen on this radiograph.", False),
        ("No radiological signs of tuberculosis.", False),
        ("No prior CT or radiograph for comparison.", False),
        ("No radiographs available for comparison.", False),
    ],
)
def test_saying_that_it_is_no_radiograph(text: str, said: bool) -> None:
    assert disowns(text) is said


def careful(question: dict[str, Any], number: int) -> Say:
    """Says when a picture is none of its kind; no radiograph here has its grey."""
    grey = grey_in(question)
    return Say(
        completion("This is not a radiograph." if 100 <= grey < 150 else "Yes." if grey > 120 else "No.").body
    )


def blind(question: dict[str, Any], number: int) -> Say:
    return Say(completion("No acute disease.").body)


@pytest.mark.parametrize(("server", "declined", "same"), [(careful, 1.0, 0.0), (blind, 0.0, 1.0)])
def test_answers_about_a_picture_of_something_else(
    server: Any, declined: float, same: float, tmp_path: Path
) -> None:
    photographs = tmp_path / "photographs"
    photographs.mkdir()
    Image.new("RGB", (16, 16), (100, 100, 100)).save(photographs / "a wall.png")
    probes = {"images": ["out_of_scope"], "out_of_scope": str(photographs)}
    with running(server) as chat:
        hospital = Hospital(tmp_path, chat, probes)
        hospital.replay()
        assert hospital.replay().asked == 0
        (photographs / "a wall.png").unlink()
        Image.new("RGB", (16, 16), (101, 101, 101)).save(photographs / "a wall.png")
        assert len({p.id for p in hospital.prompts()[1]} - {o["output_id"] for o in hospital.outputs()}) == CASES
    _, found, _ = hospital.audit()
    assert (found["abstains_out_of_scope"]["value"], found["abstains_out_of_scope"]["n"]) == (declined, CASES)
    assert (found["unchanged_out_of_scope"]["value"], found["unchanged_out_of_scope"]["n"]) == (same, CASES)
