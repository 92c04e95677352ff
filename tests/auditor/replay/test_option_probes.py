"""Questions with options: how they are asked, what their probes are, and what models make of them."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.audit.run import run_audit
from auditor.options import MOST, NONE_OF_THE_ABOVE, as_shown, fault_of, named_by, parted
from auditor.probe_names import NONE_OF_THESE, OPTION_ORDER, PARAPHRASE, SWAPPED
from auditor.replay.option_probes import rotated
from auditor.store import tables as t
from tests.auditor.judges.chat_server import Say, completion, running
from tests.auditor.replay.test_probes import CASES, QUESTION, Hospital
from tests.auditor.replay.test_replay import AT, grey_in

OPTIONS = ["Yes", "No", "Cannot be told from one view"]
PROBES = {
    "images": ["blank", "swapped"],
    "paraphrases": {"vqa": ["Look closely. {question}"]},
    "options": ["order", "none_of_the_above"],
}
texts = st.text(min_size=1, max_size=20).map(lambda s: " ".join(s.split())).filter(bool)


@given(texts, st.lists(texts, min_size=2, max_size=MOST))
def test_what_was_shown_can_be_read_back(question: str, options: list[str]) -> None:
    assert parted(as_shown(question, options)) == (question, options)


@given(st.text(max_size=200))
def test_other_prompts_have_no_options(prompt: str) -> None:
    assert parted(prompt) is None


@given(st.lists(texts, min_size=2, max_size=6, unique=True), st.binary(min_size=8, max_size=32))
def test_every_option_gets_another_letter(options: list[str], drawn: bytes) -> None:
    moved = rotated(options, drawn)
    assert sorted(moved) == sorted(options)
    assert all(one != other for one, other in zip(options, moved, strict=True))


@pytest.mark.parametrize(
    ("options", "text", "fault"),
    [
        (["mass"], "mass", "2 to 26"),
        (["mass"] * 27, "mass", "2 to 26"),
        (["mass", "MASS."], "mass", "same text"),
        (["left", "B"], "left", "one letter"),
        (["mass", "effusion"], "nodule", "none of the options"),
        (["mass", "effusion"], "C", "none of the options"),
        (["mass", "effusion"], None, "none of the options"),
    ],
)
def test_options_that_cannot_be_asked_are_refused(options: list[str], text: str | None, fault: str) -> None:
    assert fault in (fault_of(options, text) or "")


def test_an_option_is_named_by_text_or_letter() -> None:
    assert [named_by(text, ["Mass", "2"]) for text in ("mass.", "b", "2", "A")] == [0, 1, 1, 0]


def knowing(question: dict[str, Any], number: int) -> Say:
    """Reads the grey of the image and picks the letter of the truth, or of none of the above."""
    grey, (_, options) = grey_in(question), parted(question["content"][-1]["text"]) or ("", [])
    truth = "Cannot be told from one view" if grey == 0 else "Yes" if grey > 120 else "No"
    place = options.index(truth if truth in options else NONE_OF_THE_ABOVE)
    return Say(completion(f"({'ABC'[place]})").body)


def first_letter(question: dict[str, Any], number: int) -> Say:
    return Say(completion("A").body)


def test_what_is_asked_about_options(tmp_path: Path) -> None:
    with running(knowing) as server:
        hospital = Hospital(tmp_path, server, PROBES, options=OPTIONS)
        plain, probing = hospital.prompts()
    assert {prompt.text for prompt in plain} == {as_shown(QUESTION, OPTIONS)}
    by = {prompt.id: prompt for prompt in plain}
    asked: dict[str, list[str]] = {}
    for prompt in probing:
        asked.setdefault(prompt.probe or "", []).append(prompt.text)
        options = (parted(prompt.text) or ("", []))[1]
        i = int(by[prompt.probe_of or ""].pictures[0].uri.split(".")[0])
        if prompt.probe == OPTION_ORDER:
            assert options in ([OPTIONS[1], OPTIONS[2], OPTIONS[0]], [OPTIONS[2], OPTIONS[0], OPTIONS[1]])
        if prompt.probe == NONE_OF_THESE:
            assert (
                options == (["Yes", NONE_OF_THE_ABOVE] if i % 2 == 0 else [NONE_OF_THE_ABOVE, "No"]) + OPTIONS[2:]
            )
        if prompt.probe == PARAPHRASE:
            assert prompt.text == as_shown(f"Look closely. {QUESTION}", OPTIONS)
        if prompt.probe == SWAPPED:
            assert int(prompt.pictures[0].uri.split(".")[0]) % 2 != i % 2  # of another right option
    assert {name: len(texts) for name, texts in asked.items()} == dict.fromkeys(
        ["blank", SWAPPED, PARAPHRASE, OPTION_ORDER, NONE_OF_THESE], CASES
    )
    assert len(set(asked[OPTION_ORDER])) == 2, "which order is drawn"


@pytest.mark.parametrize("options", [["Yes", "No", "None of the above"], ["Yes", "No", "A and B"]])
def test_options_about_the_others_stay_where_they_are(options: list[str], tmp_path: Path) -> None:
    with running(knowing) as server:
        hospital = Hospital(tmp_path, server, {"options": ["order", "none_of_the_above"]}, options=options)
        assert not hospital.prompts()[1]


def test_a_model_that_knows_chooses_the_same_in_any_order(tmp_path: Path) -> None:
    with running(knowing) as server:
        hospital = Hospital(tmp_path, server, PROBES, options=OPTIONS)
        hospital.replay()
        assert hospital.replay().asked == 0
    status, found, verdicts = hospital.audit()
    assert status == "ok", [v["reason"] for v in verdicts]
    assert {name: found[name]["value"] for name in ("accuracy", "accuracy_choice")} == {
        "accuracy": 1.0,
        "accuracy_choice": 1.0,
    }
    assert "accuracy_closed" not in found or found["accuracy_closed"]["n"] == 0
    ones = ("same_option_reordered", "none_of_the_above_chosen", "paraphrase_agreement", "source_following")
    assert {name: (found[name]["value"], found[name]["n"]) for name in ones} == dict.fromkeys(ones, (1.0, CASES))
    assert found["open_image_gain"]["value"] == 1.0  # a black image cannot be told
    assert found["unchanged_opposite"]["value"] == 0.0


def test_a_model_that_loves_a_letter_is_seen(tmp_path: Path) -> None:
    with running(first_letter) as server:
        hospital = Hospital(tmp_path, server, PROBES, options=OPTIONS)
        hospital.replay()
    status, found, verdicts = hospital.audit()
    assert status == "act"
    assert found["accuracy_choice"]["value"] == 0.5
    assert found["same_option_reordered"]["value"] == 0.0
    assert found["none_of_the_above_chosen"]["value"] == 0.5  # where none of the above stands first
    assert found["paraphrase_agreement"]["value"] == 1.0
    acted = {v["threshold"]["measure"] for v in verdicts if v["status"] == "act"}
    assert {"open_image_gain", "unchanged_blank", "unchanged_opposite"} <= acted


def test_recorded_answers_are_read_as_choices(tmp_path: Path) -> None:
    """Five versions: the options stand in the order of the reference, whose text is a letter."""
    said = {"letter": "B", "word": "no", "wrong": "A) Yes", "neither": "Either.", "declines": "I cannot see."}
    with running(knowing) as server:
        hospital = Hospital(tmp_path, server, {}, options=OPTIONS[:2], text="B")
    about = {"task": "vqa", "item": "effusion", "prompt": f"{QUESTION} a) Yes b) No"}
    answers = [(i, version, text) for i in range(20) for version, text in said.items()]
    hospital.hand_in("outputs", [{"case_id": f"S{i}", "text": s, "version": v, **about} for i, v, s in answers])
    audit = run_audit(hospital.ledger, hospital.lake, "answers", as_of=AT, clock=lambda: AT, actor="test").audit
    rows = hospital.ledger.read(t.measurements.select().where(t.measurements.c.audit == audit))
    found = {(row["version"], row["measure"]): row for row in rows if row["slice"] == "all"}
    right = {version: found[version, "accuracy_choice"] for version in said}
    assert {v: row["n"] for v, row in right.items()} == dict.fromkeys(said, 20) | {"neither": 0, "declines": 0}
    assert [right[version]["value"] for version in ("letter", "word", "wrong")] == [1.0, 1.0, 0.0]
    unread = {version: found[version, "unparseable_answers"]["value"] for version in said}
    assert unread == dict.fromkeys(said, 0.0) | {"neither": 1.0}
    assert found["declines", "abstention"]["value"] == 1.0
