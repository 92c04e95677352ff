"""Probes end to end: a server that looks at its images, and one that answers blind."""

import json
import shutil
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from auditor.audit.run import run_audit
from auditor.intake.ingest import ingest
from auditor.model_settings import HttpModel
from auditor.probe_names import FALSE_PREMISE, PARAPHRASE, SWAPPED
from auditor.records import Kind
from auditor.registry import apply_settings
from auditor.replay.collect import Replayed, replay
from auditor.replay.http import HttpServed
from auditor.replay.notebook import Notebook
from auditor.replay.probes import probes
from auditor.replay.protocol import Picture, Prompt, ReplayError
from auditor.replay.questions import questions
from auditor.replay.shown import shown
from auditor.settings import Environment, parse_settings
from auditor.store import tables as t
from auditor.store.model_facts import keep_facts
from auditor.store.segments import segments_of
from auditor.workspace import create, open_workspace
from tests.auditor.judges.chat_server import ChatServer, Say, completion, running
from tests.auditor.replay.test_replay import AT, grey_in

CASES = 160
#: Plain, five altered images, a paraphrase; and a false premise where there is no effusion.
ALL = CASES * 7 + CASES // 2
QUESTION = "Is there an effusion?"
PROBES = {
    "images": ["blank", "noise", "swapped", "flipped", "cropped"],
    "paraphrases": {"vqa": ["In one word: {question}"]},
    "false_premises": ["How large is the {finding}?"],
}


class Hospital:
    """Eighty cases whose image is light where there is an effusion and dark where there is none."""

    def __init__(self, folder: Path, server: ChatServer, probes: Any = PROBES, **answer: Any) -> None:
        """`answer` is added to every reference."""
        self.folder = folder
        said = {"family": "http", "version": "v1", "base_url": server.url, "model": "m"}
        self.text = json.dumps({"system": "answers", "tasks": {"vqa": {}}, "model": said, "probes": probes})
        self.settings = parse_settings(self.text)
        environment = Environment(workspace=folder / "workspace", key_file=folder / "key")
        create(environment, environment.workspace, AT)
        self.open()
        apply_settings(self.ledger, self.text, "audit.yaml", "test", AT)
        rng = np.random.default_rng(0)
        for i in range(CASES):
            low = 150 if i % 2 else 40
            Image.fromarray(rng.integers(low, low + 60, (16, 16), dtype=np.uint8)).save(folder / f"{i}.png")
        self.hand_in(
            "cases", [{"case_id": f"S{i}", "patient_id": f"P{i}", "images": [f"{i}.png"]} for i in range(CASES)]
        )
        answers = [
            {
                "case_id": f"S{i}", "task": "vqa", "reference_kind": "answer", "item": "effusion",
                "question": QUESTION, "text": "yes" if i % 2 else "no", **answer,
            }
            for i in range(CASES)
        ]  # fmt: skip
        self.hand_in("references", answers)

    def open(self) -> None:
        environment = Environment(workspace=self.folder / "workspace", key_file=self.folder / "key")
        self.workspace = open_workspace(environment)
        self.ledger, self.lake = self.workspace.ledger(), self.workspace.lake()

    def copied(self, folder: Path) -> "Hospital":
        """The same in another folder, to be changed."""
        shutil.copytree(self.folder, folder)
        made = copy(self)
        made.folder = folder
        made.open()
        return made

    def hand_in(self, kind: Kind, rows: list[dict[str, Any]]) -> None:
        path = self.folder / f"{kind}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        result = ingest(
            path, kind, settings=self.settings, mapping=None, ledger=self.ledger, lake=self.lake,
            key=self.workspace.key(), received_at=AT, actor="test",
        )  # fmt: skip
        assert result.accepted == len(rows), result.reasons

    def model(self) -> HttpServed:
        assert isinstance(self.settings.model, HttpModel)
        return HttpServed(self.settings.model, self.folder)

    def prompts(self) -> tuple[list[Prompt], list[Prompt]]:
        fingerprint = self.model().fingerprint
        plain = questions(self.settings, self.ledger, self.lake, fingerprint)
        return plain, probes(self.settings, self.ledger, self.lake, fingerprint, plain)

    def replay(self) -> Replayed:
        plain, probing = self.prompts()
        with Notebook(self.folder / "notebook.jsonl") as notebook:
            return replay(
                [*plain, *probing], self.model(), notebook, settings=self.settings, version="v1",
                ledger=self.ledger, lake=self.lake, clock=lambda: AT, actor="test",
            )  # fmt: skip

    def audit(self) -> tuple[str, dict[str, Any], list[Any]]:
        result = run_audit(self.ledger, self.lake, "answers", as_of=AT, clock=lambda: AT, actor="test")
        rows = self.ledger.read(t.measurements.select().where(t.measurements.c.audit == result.audit))
        verdicts = self.ledger.read(t.verdicts.select().where(t.verdicts.c.audit == result.audit))
        return result.status, {r["measure"]: r for r in rows if r["slice"] == "all"}, verdicts

    def outputs(self) -> list[dict[str, Any]]:
        found = segments_of(self.ledger, "answers", "outputs")
        return [row for segment in found for row in self.lake.read(segment.sha256).to_pylist()]


def looking(question: dict[str, Any], number: int) -> Say:
    """Reads the grey of the image; declines where it is black or the question is about something else."""
    grey, text = grey_in(question), question["content"][-1]["text"]
    if text.startswith("How large"):
        return Say(completion("There is no pleural effusion.").body)
    return Say(completion("I cannot determine that." if grey == 0 else "Yes." if grey > 120 else "No.").body)


def blind(question: dict[str, Any], number: int) -> Say:
    return Say(completion("Yes, on the left.").body)


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> Hospital:
    """All questions answered by a model that looks; copy it before changing it."""
    with running(looking) as server:
        hospital = Hospital(tmp_path_factory.mktemp("looked"), server)
        assert hospital.replay().questions == ALL
        assert hospital.replay().asked == 0
    return hospital


def test_a_model_that_looks_is_well_grounded(looked: Hospital, tmp_path: Path) -> None:
    status, found, verdicts = looked.copied(tmp_path / "copy").audit()
    assert status == "ok", [v["reason"] for v in verdicts]
    assert found["image_gain"]["value"] == 1.0  # every answer right with the image, none without
    assert found["no_image_share"]["value"] == 0.0
    assert found["abstains_blank"]["value"] == 1.0
    assert found["unchanged_blank"]["value"] == 0.0
    assert found["unchanged_opposite"]["value"] == 0.0
    assert found["source_following"]["value"] == 1.0
    assert found["paraphrase_agreement"]["value"] == 1.0
    assert found["false_premise_rejected"]["value"] == 1.0
    assert found["accuracy"]["n"] == CASES  # of the plain questions alone
    assert found["image_gain"]["interval"].startswith("MOVER")


def test_a_model_that_ignores_its_image_must_be_acted_on(tmp_path: Path) -> None:
    with running(blind) as server:
        hospital = Hospital(tmp_path, server)
        hospital.replay()
    status, found, verdicts = hospital.audit()
    assert status == "act"
    acted = {v["threshold"]["measure"] for v in verdicts if v["status"] == "act"}
    assert {"image_gain", "unchanged_blank", "unchanged_opposite", "side_unchanged_flipped"} <= acted
    assert found["image_gain"]["value"] == 0.0
    # of eighty questions of each truth none is answered otherwise: the gain may still be .045/√2, and patients who
    # share a group (the key of the workspace decides) make it a little more
    assert 0.0318 < found["image_gain"]["high"] < 0.045
    assert found["accuracy"]["value"] == 0.5
    assert found["false_premise_rejected"]["value"] == 0.0


def test_what_is_asked(tmp_path: Path) -> None:
    with running(blind) as server:
        hospital = Hospital(tmp_path, server)
        plain, probing = hospital.prompts()
    by = {prompt.id: prompt for prompt in plain}
    assert len({prompt.id for prompt in [*plain, *probing]}) == ALL
    for prompt in probing:
        base = by.get(prompt.probe_of or "")
        if prompt.probe == FALSE_PREMISE:
            assert base is None
            assert prompt.text == "How large is the pleural effusion?"
            continue
        assert base is not None
        assert (prompt.case_id, prompt.item) == (base.case_id, base.item)
        if prompt.probe == PARAPHRASE:
            assert prompt.text == f"In one word: {QUESTION}"
        if prompt.probe == SWAPPED:
            donor = next(p for p in plain if p.case_id == prompt.shown_case_id)
            assert prompt.pictures == donor.pictures != base.pictures
            own, other = (int(p.pictures[0].uri.split(".")[0]) % 2 for p in (base, donor))
            assert own != other  # an image of the opposite truth, since the same was asked of both


def test_cases_are_chosen_by_their_attributes(tmp_path: Path) -> None:
    with running(blind) as server:
        hospital = Hospital(tmp_path, server)
        rows = [{"case_id": f"S{i}", "images": [f"{i}.png"], "attributes": {"site": "north"}} for i in range(9)]
        hospital.hand_in("cases", rows)
        said = (hospital.settings, hospital.ledger, hospital.lake, hospital.model().fingerprint)
        chosen = questions(*said, None, {"site": "north"})
    assert len(chosen) == 9
    assert {p.pictures[0].uri for p in chosen} == {f"{i}.png" for i in range(9)}
    with pytest.raises(ReplayError, match="nothing to ask"):
        questions(*said, None, {"site": "south"})
    with pytest.raises(ReplayError, match="No case has the attribute 'ward'; there are site"):
        questions(*said, None, {"ward": "3"})


def test_probes_are_no_outputs_of_the_system(looked: Hospital, tmp_path: Path) -> None:
    hospital = looked.copied(tmp_path / "copy")
    kinds = {row["probe"] for row in hospital.outputs()}
    assert kinds == {None, *PROBES["images"], PARAPHRASE, FALSE_PREMISE}
    _, found, _ = hospital.audit()
    assert found["accuracy"]["n"] + found.get("abstentions", {"n": 0})["n"] >= CASES
    # what replay asks next time hangs on plain questions alone
    assert len(hospital.prompts()[0]) == CASES


def test_weights_that_were_not_registered_are_acted_on(looked: Hospital, tmp_path: Path) -> None:
    hospital = looked.copied(tmp_path / "copy")
    model = {"family": "llava", "path": "m", "version": "v1", "weights_sha256": "a" * 64}
    text = json.dumps({"system": "answers", "tasks": {"vqa": {}}, "model": model})
    apply_settings(hospital.ledger, text, "audit.yaml", "test", AT)
    for weights, expected in (("a", "ok"), ("b", "act")):
        with hospital.ledger.transaction(actor="test", at=AT) as tx:
            keep_facts(tx, "answers", "v1", f"f-{weights}", {"family": "llava", "weights": weights * 64})
        _, _, verdicts = hospital.audit()
        (ruled,) = (v for v in verdicts if v["threshold"].get("rule") == "registered_weights")
        assert ruled["status"] == expected


@pytest.mark.parametrize("probe", ["blank", "noise", "flipped", "cropped"])
def test_an_altered_image_is_the_same_whenever_it_is_shown(probe: str, tmp_path: Path) -> None:
    pixels = np.arange(48, dtype=np.uint8).reshape(6, 8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    prompt = Prompt("o-1", "c", None, "vqa", None, "?", (Picture("a.png", None),), probe=probe)
    one, again = (np.asarray(shown(prompt, tmp_path)[0]) for _ in range(2))
    np.testing.assert_array_equal(one, again)
    grey = one[..., 0]
    if probe == "blank":
        assert grey.shape == (6, 8) and not grey.any()
    elif probe == "noise":
        assert grey.shape == (6, 8) and len(np.unique(grey)) > 30
    elif probe == "flipped":
        np.testing.assert_array_equal(grey, pixels[:, ::-1])
    else:
        np.testing.assert_array_equal(grey, pixels[1:5, 2:6])


@pytest.mark.parametrize(("server", "status", "value"), [(looking, "ok", 1.0), (blind, "act", 0.5)])
def test_a_live_model_is_held_to_what_was_recorded_of_it(
    server: Any, status: str, value: float, tmp_path: Path
) -> None:
    """The same version recorded before: the one that looks says it again, the blind one is another model."""
    with running(server) as chat:
        hospital = Hospital(tmp_path, chat)
        recorded = [
            {
                "case_id": f"S{i}", "task": "vqa", "item": "effusion", "version": "v1", "prompt": QUESTION,
                "text": "Yes, there is." if i % 2 else "No.",
            }
            for i in range(CASES)
        ]  # fmt: skip
        hospital.hand_in("outputs", recorded)
        hospital.replay()
    _, found, verdicts = hospital.audit()
    assert found["meaning_reproduced"]["value"] == value
    assert found["exactly_reproduced"]["value"] == (0.5 if server is looking else 0.0)
    assert found["accuracy"]["n"] == CASES  # the recording is measured, its repetition is not
    (ruled,) = (v for v in verdicts if v["threshold"].get("measure") == "meaning_reproduced")
    assert ruled["status"] == status
    if status == "act":
        assert ruled["reason"].startswith("The deployed model is not the one that was registered")
