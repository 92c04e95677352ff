"""Replay through a real server on this machine that misbehaves on purpose, into a real workspace."""

import base64
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image

from auditor.audit.linking import headline
from auditor.intake.ingest import ingest
from auditor.intake.rendering import PictureError, render
from auditor.model_settings import HttpModel
from auditor.records import MAX_TEXT, Kind
from auditor.registry import apply_settings
from auditor.replay.collect import Budget, Replayed, replay
from auditor.replay.http import MOST_IN_A_ROW, HttpServed
from auditor.replay.notebook import Notebook
from auditor.replay.protocol import Picture, ReplayError
from auditor.replay.questions import questions
from auditor.settings import AuditSettings, Environment, parse_settings
from auditor.store.segments import segments_of
from auditor.workspace import Workspace, create, open_workspace
from tests.auditor.judges.chat_server import ChatServer, Say, completion, running

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
CASES = 24


class Place:
    """A workspace of two dozen cases, each with an image of one grey, and the model that is asked."""

    def __init__(self, folder: Path, server: ChatServer, **more: Any) -> None:
        self.folder = folder
        model = {"family": "http", "version": "v2", "base_url": server.url, "model": "drafter", "timeout": 5.0}
        prompts = {"prompts": {"report": "Describe the radiograph."}}
        yaml = {"system": "drafts", "tasks": {"report": {}}, "model": {**model, **prompts, **more}}
        self.settings: AuditSettings = parse_settings(json.dumps(yaml))
        environment = Environment(workspace=folder / "workspace", key_file=folder / "key")
        create(environment, environment.workspace, AT)
        self.workspace: Workspace = open_workspace(environment)
        self.ledger, self.lake = self.workspace.ledger(), self.workspace.lake()
        apply_settings(self.ledger, json.dumps(yaml), "audit.yaml", "test", AT)
        for i in range(CASES):
            Image.new("L", (8, 8), i).save(folder / f"{i}.png")
        cases = [{"case_id": f"S-{i}", "patient_id": f"P-{i // 2}", "images": [f"{i}.png"]} for i in range(CASES)]
        self.hand_in("cases", cases)

    def hand_in(self, kind: Kind, rows: list[dict[str, Any]]) -> None:
        path = self.folder / f"{kind}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        result = ingest(
            path,
            kind,
            settings=self.settings,
            mapping=None,
            ledger=self.ledger,
            lake=self.lake,
            key=self.workspace.key(),
            received_at=AT,
            actor="test",
        )
        assert result.accepted == len(rows), result.reasons

    def replay(self, only: int | None = None, budget: Budget | None = None, sleep: Any = None) -> Replayed:
        setting = self.settings.model
        assert isinstance(setting, HttpModel)
        model = HttpServed(setting, self.folder, sleep=sleep or (lambda seconds: None))
        asked = questions(self.settings, self.ledger, self.lake, model.fingerprint, only)
        with Notebook(self.folder / "notebook.jsonl") as notebook:
            return replay(
                asked,
                model,
                notebook,
                settings=self.settings,
                version=setting.version,
                ledger=self.ledger,
                lake=self.lake,
                clock=lambda: AT,
                actor="test",
                budget=budget,
            )

    def outputs(self) -> list[dict[str, Any]]:
        found = segments_of(self.ledger, "drafts", "outputs")
        rows = [row for segment in found for row in self.lake.read(segment.sha256).to_pylist()]
        return sorted(rows, key=lambda row: row["output_id"])


def grey_in(question: dict[str, Any]) -> int:
    """The grey of the picture that the server was shown."""
    url = question["content"][0]["image_url"]["url"]
    with Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) as shown:
        assert shown.mode == "RGB"
        pixel = shown.getpixel((0, 0))
    assert isinstance(pixel, tuple)
    return int(pixel[0])


def say_grey(question: dict[str, Any], number: int) -> Say:
    said = json.loads(completion(f"Grey {grey_in(question)}.").body)
    return Say(json.dumps(said | {"usage": {"total_tokens": 10}}).encode())


def greys(server: ChatServer) -> Counter[int]:
    return Counter(grey_in(request["messages"][0]) for request in server.requests)


def test_every_case_is_asked_once_with_its_own_image_and_kept_as_replayed(tmp_path: Path) -> None:
    with running(say_grey) as server:
        place = Place(tmp_path, server)
        result = place.replay()
        again = place.replay()
    assert (result.asked, result.errors, result.unanswered, result.tokens) == (CASES, 0, 0, 10 * CASES)
    assert (again.asked, again.known) == (0, CASES)
    assert greys(server) == Counter(range(CASES))
    rows = place.outputs()
    assert {row["text"] for row in rows} == {f"Grey {i}." for i in range(CASES)}
    assert all(row["text"] == f"Grey {Path(row['images'][0]['uri']).stem}." for row in rows)
    assert {(row["origin"], row["version"], row["task"]) for row in rows} == {("replayed", "v2", "report")}
    cases = place.lake.read(segments_of(place.ledger, "drafts", "cases")[0].sha256)
    assert {(r["case_id"], r["patient_key"]) for r in rows} == set(
        zip(cases["case_id"].to_pylist(), cases["patient_key"].to_pylist(), strict=True)
    )


FAULTS: dict[str, Callable[[Say], Say]] = {
    "busy": lambda good: Say(b"{}", 429, {"Retry-After": "3"}),
    "server error": lambda good: Say(b"oops", 500),
    "half a reply": lambda good: Say(good.body, cut=20),
    "connection cut": lambda good: Say(good.body, cut=0),
    "wrong JSON": lambda good: Say(b'{"choices": "none"}'),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_passing_fault_is_tried_again_and_costs_no_case(tmp_path: Path, fault: str) -> None:
    failed: set[int] = set()

    def script(question: dict[str, Any], number: int) -> Say:
        good, grey = say_grey(question, number), grey_in(question)
        if grey % 3 == 0 and grey not in failed:
            failed.add(grey)
            return FAULTS[fault](good)
        return good

    with running(script) as server:
        result = Place(tmp_path, server).replay()
    assert (result.asked, result.errors, result.unanswered) == (CASES, 0, 0)
    assert greys(server) == Counter({i: 2 if i % 3 == 0 else 1 for i in range(CASES)})


def test_a_slow_drip_is_late_and_asked_again_another_day(tmp_path: Path) -> None:
    def script(question: dict[str, Any], number: int) -> Say:
        good = say_grey(question, number)
        return Say(good.body, drip=0.05) if grey_in(question) == 5 and number <= CASES else good

    with running(script) as server:
        place = Place(tmp_path, server, timeout=1.0)
        first, second = place.replay(), place.replay()
    assert (first.unanswered, second.asked, second.unanswered) == (1, 1, 0)
    assert len(place.outputs()) == CASES


def test_a_refusal_is_an_output_with_an_error(tmp_path: Path) -> None:
    def script(question: dict[str, Any], number: int) -> Say:
        return completion(None, refusal="I cannot") if grey_in(question) == 7 else say_grey(question, number)

    with running(script) as server:
        place = Place(tmp_path, server)
        result = place.replay()
        assert place.replay().asked == 0
    assert result.errors == 1
    assert [row["error"] for row in place.outputs() if row["error"]] == ["the model declined to answer"]


@pytest.mark.parametrize("turns", [{1, 2}, {7, 9}, {CASES - 1, CASES}])
def test_a_question_that_the_server_will_not_take_costs_itself_alone(turns: set[int], tmp_path: Path) -> None:
    """413 for two images, be they the first asked or the last: kept as errors, and not asked again."""
    declined: set[int] = set()

    def script(question: dict[str, Any], number: int) -> Say:
        if number in turns:
            declined.add(grey_in(question))
        return Say(b"{}", 413) if grey_in(question) in declined else say_grey(question, number)

    with running(script) as server:
        place = Place(tmp_path, server, concurrency=1)
        first, second = place.replay(), place.replay()
    assert (first.errors, first.unanswered, second.asked) == (2, 0, 0)
    errors = [row["error"] for row in place.outputs() if row["error"]]
    assert errors == ["the server would not take this question"] * 2


def test_probabilities_of_tokens_are_kept_where_the_server_tells_them(tmp_path: Path) -> None:
    def script(question: dict[str, Any], number: int) -> Say:
        said = json.loads(completion("No effusion.").body)
        said["choices"][0]["logprobs"] = {
            "content": [{"token": "No", "logprob": -0.1}, {"token": ".", "logprob": -0.5}]
        }
        return Say(json.dumps(said).encode())

    with running(script) as server:
        place = Place(tmp_path, server, logprobs=True)
        place.replay()
    assert all(request["logprobs"] is True for request in server.requests)
    for row in place.outputs():
        assert dict(row["confidence"])["sequence"] == pytest.approx(np.exp(-0.3))


def test_no_more_questions_begin_in_a_minute_than_allowed(tmp_path: Path) -> None:
    """A clock that only sleeping moves: whatever the threads do, questions are held two seconds apart."""
    slept: list[float] = []
    with running(say_grey) as server:
        place = Place(tmp_path, server, per_minute=30, concurrency=4)
        setting = place.settings.model
        assert isinstance(setting, HttpModel)
        model = HttpServed(setting, place.folder, sleep=slept.append, clock=lambda: 0.0)
        asked = questions(place.settings, place.ledger, place.lake, model.fingerprint)
        assert sum(answer.error is None for answer in model.answer(asked)) == CASES
    assert sorted(slept) == [2.0 * i for i in range(1, CASES)]


@pytest.mark.parametrize("said", [" \n", "x" * (MAX_TEXT + 1)])
def test_an_answer_that_cannot_be_recorded_is_an_error_and_stops_nothing(tmp_path: Path, said: str) -> None:
    def script(question: dict[str, Any], number: int) -> Say:
        return completion(said) if grey_in(question) == 7 else say_grey(question, number)

    with running(script) as server:
        result = Place(tmp_path, server).replay()
    assert (result.asked, result.errors, result.unanswered) == (CASES, 1, 0)


def test_an_image_that_is_gone_or_changed_is_an_error_and_sent_nowhere(tmp_path: Path) -> None:
    with running(say_grey) as server:
        place = Place(tmp_path, server)
        (tmp_path / "3.png").unlink()
        Image.new("L", (8, 8), 200).save(tmp_path / "4.png")
        (tmp_path / "5.png").write_bytes(b"no picture")
        result = place.replay()
    assert (result.asked, result.errors) == (CASES, 3)
    assert greys(server) == Counter(set(range(CASES)) - {3, 4, 5})
    assert any("sha256 differs" in (row["error"] or "") for row in place.outputs())


def test_a_wrong_model_name_stops_the_asking_soon(tmp_path: Path) -> None:
    with running(lambda question, number: Say(b"{}", 404)) as server:
        place = Place(tmp_path, server)
        result = place.replay()
    assert result.unanswered == CASES
    assert MOST_IN_A_ROW <= len(server.requests) < MOST_IN_A_ROW + 4
    assert place.outputs() == []


def test_it_stops_at_the_budget_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    with running(say_grey) as server:
        place = Place(tmp_path, server, concurrency=2)
        first = place.replay(budget=Budget(tokens=50))
        second = place.replay()
    assert first.stopped
    assert 5 <= first.asked <= 7  # what was under way when the budget was reached is still taken
    assert second.asked == CASES - first.asked
    assert set(greys(server).values()) == {1}


def test_a_larger_sample_holds_the_smaller_one(tmp_path: Path) -> None:
    with running(say_grey) as server:
        place = Place(tmp_path, server)
        place.replay(only=6)
        small = {row["output_id"] for row in place.outputs()}
        assert place.replay(only=12).known == 6
    assert len(small) == 6
    assert small < {row["output_id"] for row in place.outputs()}


def test_recorded_questions_are_asked_again_word_for_word_and_do_not_enter_the_audit_twice(tmp_path: Path) -> None:
    with running(say_grey) as server:
        place = Place(tmp_path, server, prompts={})
        recorded = [
            {"case_id": f"S-{i}", "task": "report", "version": "v2", "prompt": f"Case {i}?", "text": "Clear."}
            for i in range(4)
        ]
        place.hand_in("outputs", recorded)
        place.replay()
    said = {request["messages"][0]["content"][1]["text"] for request in server.requests}
    assert said == {f"Case {i}?" for i in range(4)}
    assert greys(server) == Counter(range(4))
    found = segments_of(place.ledger, "drafts", "outputs")
    measured = headline(place.lake.read_many([segment.sha256 for segment in found]))
    assert measured.column("origin").to_pylist() == ["recorded"] * 4


def test_nothing_to_ask_is_refused(tmp_path: Path) -> None:
    with running(say_grey) as server, pytest.raises(ReplayError, match="nothing to ask"):
        Place(tmp_path, server, prompts={}).replay()


def test_only_one_replay_at_a_time(tmp_path: Path) -> None:
    with (
        Notebook(tmp_path / "n.jsonl"),
        pytest.raises(ReplayError, match="Another replay"),
        Notebook(tmp_path / "n.jsonl"),
    ):
        pass


def test_a_line_that_was_cut_off_is_dropped_and_the_next_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "n.jsonl"
    path.write_bytes(b'{"a": 1}\n{"a": ')
    with Notebook(path) as notebook:
        assert notebook.rows() == [{"a": 1}]
        notebook.write({"a": 2})
        assert notebook.rows() == [{"a": 1}, {"a": 2}]


def test_after_kill_9_nothing_that_was_answered_is_asked_again(tmp_path: Path) -> None:
    """The command line in a process of its own, killed half way; only what was under way is asked twice."""

    def slowly(question: dict[str, Any], number: int) -> Say:
        good = say_grey(question, number)
        return Say(good.body, after=0.1)

    with running(slowly) as server:
        place = Place(tmp_path, server, concurrency=2)
        environment = {
            **os.environ,
            "AUDITOR_WORKSPACE": str(tmp_path / "workspace"),
            "AUDITOR_KEY_FILE": str(tmp_path / "key"),
        }
        command = [sys.executable, "-c", "from auditor.cli import main; main()", "replay", "drafts"]
        command += ["--images", str(tmp_path), "--json"]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 60
        while len(server.requests) < CASES // 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert place.outputs() == []  # all of it was in the notebook only
        again = subprocess.run(command, env=environment, capture_output=True, check=True, timeout=120)
    result = json.loads(again.stdout)
    counts = greys(server)
    assert set(counts) == set(range(CASES))
    assert sum(count - 1 for count in counts.values()) <= 2  # one a connection
    assert result["known"] >= CASES // 2 - 2
    assert result["known"] + result["asked"] == CASES == len(place.outputs())


def _dicom(path: Path, pixels: np.ndarray[Any, Any], **more: Any) -> Picture:
    data = pydicom.Dataset()
    data.file_meta = pydicom.dataset.FileMetaDataset()
    data.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = pydicom.uid.UID("1.2.840.10008.5.1.4.1.1.1.1")
    data.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
    data.Rows, data.Columns = pixels.shape[-2:]
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = 16
    data.HighBit, data.PixelRepresentation = 15, 0
    data.PixelData = pixels.astype("<u2").tobytes()
    for name, value in more.items():
        setattr(data, name, value)
    data.save_as(path, enforce_file_format=True)
    return Picture(path.name, None)


RAMP = np.arange(0, 4096, 16, dtype=np.uint16).reshape(16, 16)


def test_dicom_is_shown_bright_side_up_and_windowed(tmp_path: Path) -> None:
    plain = np.asarray(render(_dicom(tmp_path / "a.dcm", RAMP), tmp_path))[..., 0]
    assert (plain.min(), plain.max()) == (0, 255)
    assert (np.diff(plain.ravel().astype(int)) >= 0).all()
    inverted = _dicom(tmp_path / "b.dcm", RAMP, PhotometricInterpretation="MONOCHROME1")
    assert (np.asarray(render(inverted, tmp_path))[..., 0] == plain[::-1, ::-1]).all()
    window = {"WindowCenter": 2048, "WindowWidth": 1024, "RescaleSlope": 1, "RescaleIntercept": 0}
    windowed = np.asarray(render(_dicom(tmp_path / "c.dcm", RAMP, **window), tmp_path))[..., 0]
    # PS3.3 C.11.2.1.2: below c - 0.5 - (w - 1)/2 black, above c - 0.5 + (w - 1)/2 white, linear between
    expected = np.clip((RAMP - 2047.5) / 1023.0 + 0.5, 0, 1) * 255
    assert np.abs(windowed - expected).max() <= 1
    frames = _dicom(tmp_path / "d.dcm", np.stack([RAMP, np.zeros_like(RAMP)]), NumberOfFrames=2)
    assert (np.asarray(render(frames, tmp_path))[..., 0] == plain).all()


@pytest.mark.parametrize("syntax", ["JPEGBaseline8Bit", "JPEG2000Lossless", "JPEG2000", "RLELossless"])
def test_compressed_dicom_is_what_it_was_before(syntax: str, tmp_path: Path) -> None:
    """Encoded by Pillow or pydicom, read back by the rendering: to the grey where lossless, nearly where not."""
    pixels = (np.add.outer(np.arange(64), np.arange(64)) * 2).astype(np.uint8)
    more = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
    picture = _dicom(tmp_path / "a.dcm", pixels, PixelData=pixels.tobytes(), **more)
    data = pydicom.dcmread(tmp_path / "a.dcm")
    if syntax == "RLELossless":
        data.compress(pydicom.uid.RLELossless)
    else:
        buffer = io.BytesIO()
        how: dict[str, Any] = (
            {"quality": 95} if syntax.startswith("JPEGB") else {"irreversible": syntax == "JPEG2000"}
        )
        Image.fromarray(pixels).save(buffer, "JPEG" if how.get("quality") else "JPEG2000", **how)
        data.PixelData = pydicom.encaps.encapsulate([buffer.getvalue()])
        data["PixelData"].is_undefined_length = True
        data.file_meta.TransferSyntaxUID = getattr(pydicom.uid, syntax)
    data.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    shown = np.asarray(render(picture, tmp_path))[..., 0].astype(float)
    expected = (pixels - pixels.min()) / np.ptp(pixels.astype(float)) * 255.0
    assert np.abs(shown - expected).max() <= (1.0 if "Lossless" in syntax else 8.0)


def test_a_compression_that_cannot_be_read_here_is_said(tmp_path: Path) -> None:
    picture = _dicom(tmp_path / "a.dcm", RAMP)
    data = pydicom.dcmread(tmp_path / "a.dcm")
    data.PixelData = pydicom.encaps.encapsulate([b"\0" * 64])
    data["PixelData"].is_undefined_length = True
    data.file_meta.TransferSyntaxUID = pydicom.uid.JPEGLSLossless
    data.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    with pytest.raises(PictureError, match="cannot be shown"):
        render(picture, tmp_path)


def test_sixteen_bit_png_keeps_its_range(tmp_path: Path) -> None:
    Image.fromarray(RAMP).save(tmp_path / "x.png")
    shown = np.asarray(render(Picture("x.png", None), tmp_path))
    assert shown.shape == (16, 16, 3)
    assert len(np.unique(shown)) > 200


@pytest.mark.parametrize("content", [b"", b"\0" * 128 + b"DICM", b"\x89PNG\r\n\x1a\n"])
def test_a_broken_image_is_one_clear_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(PictureError, match="an image cannot be shown"):
        render(Picture("x", None), tmp_path)


def test_what_the_answers_depend_on_is_in_the_fingerprint(tmp_path: Path) -> None:
    base = {"version": "v", "base_url": "http://localhost:1/v1", "model": "m"}
    changes: list[dict[str, Any]] = [{}, {"model": "n"}, {"temperature": 1.0}, {"max_tokens": 9}]
    models = [HttpServed(HttpModel.model_validate(base | change), tmp_path) for change in changes]
    assert len({model.fingerprint for model in models}) == len(models)
    waiting = HttpServed(HttpModel.model_validate({**base, "timeout": 3.0}), tmp_path)
    assert waiting.fingerprint == models[0].fingerprint
