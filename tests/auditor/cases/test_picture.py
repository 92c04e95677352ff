"""Images of cases: the right pixels through the right window, only of files named and only of the folder."""

import io
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin
from pydicom.uid import DeflatedExplicitVRLittleEndian

from auditor.cases import picture
from auditor.cases.errors import NoSuchCaseError, PictureError
from auditor.cases.picture import Facts, View, facts, named, png
from auditor.intake import images
from auditor.intake.images import file_sha256
from auditor.intake.rendering import render
from auditor.replay.protocol import Picture
from tests.auditor.cases.radiographs import SECRET, dicom, ramp

AS_IT_IS = View()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "images"
    made.mkdir()
    return made


def _seen(content: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(content)) as opened:
        assert opened.format == "PNG"
        return np.asarray(opened.convert("RGB"))


def _png(path: Path, folder: Path, view: View = AS_IT_IS) -> NDArray[np.uint8]:
    return _seen(png(Picture(path.name, None), folder, view))


def test_without_a_window_it_is_what_a_replayed_model_is_shown(folder: Path) -> None:
    for inverted in (False, True):
        path = dicom(folder / f"chest-{inverted}.dcm", ramp(), inverted=inverted, window=(1_000, 2_000))
        shown = np.asarray(render(Picture(path.name, None), folder))
        assert np.array_equal(_png(path, folder), shown)


def test_sixteen_bits_through_a_window(folder: Path) -> None:
    path = dicom(folder / "chest.dcm", ramp())
    found = _png(path, folder, View(centre=2_000, width=1_000))[0, :, 0]
    values = ramp()[0].astype(float)
    assert np.array_equal(found, np.rint(np.clip((values - 1_500) / 1_000, 0, 1) * 255))
    assert (found[values <= 1_500] == 0).all()
    assert (found[values >= 2_500] == 255).all()


def test_monochrome1_has_its_bright_side_up_through_any_window(folder: Path) -> None:
    plain, inverted = dicom(folder / "a.dcm", ramp()), dicom(folder / "b.dcm", ramp(), inverted=True)
    view = View(centre=2_000, width=1_000)
    assert np.array_equal(_png(inverted, folder, view), 255 - _png(plain, folder, view))


def test_a_window_is_in_units_of_the_modality(folder: Path) -> None:
    path = dicom(folder / "ct.dcm", ramp(), intercept=-1_024.0)
    assert facts(Picture("ct.dcm", None), folder).low == -1_024.0
    found = _png(path, folder, View(centre=0, width=400))[0, :, 0]
    values = ramp()[0] - 1_024.0
    assert np.array_equal(found, np.rint(np.clip((values + 200) / 400, 0, 1) * 255))


def test_each_frame_is_its_own(folder: Path) -> None:
    frames = np.stack([np.full((16, 16), 1_000 * k, np.uint16) for k in range(4)])
    path = dicom(folder / "cine.dcm", frames)
    about = facts(Picture("cine.dcm", None), folder)
    assert about.frames == 4
    for k in range(4):
        found = _png(path, folder, View(k, 1_500, 3_000))
        assert (found == round(k / 3 * 255)).all()
    with pytest.raises(PictureError, match="has 4 frames; the frame asked for is none of them"):
        png(Picture("cine.dcm", None), folder, View(4))


def test_the_files_own_window_is_the_first_one_offered(folder: Path) -> None:
    dicom(folder / "own.dcm", ramp(), window=(40, 400))
    dicom(folder / "bad.dcm", ramp(), window=(40, 0))
    dicom(folder / "no.dcm", ramp())
    own, bad, no = (facts(Picture(f"{name}.dcm", None), folder) for name in ("own", "bad", "no"))
    assert (own.centre, own.width) == (40, 400)
    assert (bad.centre, bad.width) == (no.centre, no.width) == (2_047.5, 4_095)


def test_the_file_is_held_against_the_recorded_hash(folder: Path) -> None:
    path = dicom(folder / "chest.dcm", ramp())
    recorded = file_sha256(path)
    same = facts(Picture("chest.dcm", recorded), folder)
    assert (same.changed, same.unchecked) == (False, False)
    dicom(path, ramp(top=4_000))
    assert facts(Picture("chest.dcm", recorded), folder).changed
    assert facts(Picture("chest.dcm", None), folder) == Facts(1, 0, 4_000, 2_000, 4_000, False, True)


def test_nothing_but_pixels_leaves(folder: Path) -> None:
    chest = png(Picture(dicom(folder / "chest.dcm", ramp()).name, None), folder, AS_IT_IS)
    told = PngImagePlugin.PngInfo()
    told.add_text("Patient", SECRET)
    Image.fromarray(np.full((8, 8), 90, np.uint8)).save(folder / "flat.png", pnginfo=told)
    flat = png(Picture("flat.png", None), folder, AS_IT_IS)
    photo = Image.fromarray(np.full((8, 8, 3), 90, np.uint8))
    exif = Image.Exif()
    exif[0x010E] = SECRET
    photo.save(folder / "photo.jpg", exif=exif)
    jpeg = png(Picture("photo.jpg", None), folder, AS_IT_IS)
    assert (_seen(flat) == 90).all()
    for content in (chest, flat, jpeg):
        assert SECRET.encode() not in content
        with Image.open(io.BytesIO(content)) as opened:
            assert opened.info == {}


def test_a_plain_image_may_have_a_window_too(folder: Path) -> None:
    values = np.tile(np.arange(256, dtype=np.uint8), (4, 1))
    Image.fromarray(values).save(folder / "flat.png")
    found = _png(folder / "flat.png", folder, View(centre=100, width=100))[0, :, 0]
    assert np.array_equal(found, np.rint(np.clip((np.arange(256) - 50) / 100, 0, 1) * 255))


def test_a_large_image_is_made_smaller(folder: Path) -> None:
    Image.new("L", (6_000, 30)).save(folder / "wide.png")
    assert max(_png(folder / "wide.png", folder).shape) == picture.LONGEST_SIDE


def test_too_many_bytes_or_pixels_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (200, 200)).save(folder / "flat.png")
    dicom(folder / "chest.dcm", ramp(200, 200))
    monkeypatch.setattr(picture, "MOST_PIXELS", 30_000)
    for name in ("flat.png", "chest.dcm"):
        with pytest.raises(PictureError, match="more than 0 million pixels"):
            png(Picture(name, None), folder, AS_IT_IS)
    monkeypatch.undo()
    monkeypatch.setattr(images, "MAX_PIXELS", 10_000)
    for name in ("flat.png", "chest.dcm"):
        with pytest.raises(PictureError, match="more than 0 million pixels"):
            png(Picture(name, None), folder, AS_IT_IS)
    monkeypatch.setattr(images, "MAX_BYTES", 100)
    with pytest.raises(PictureError, match="it is larger than 0 MB"):
        facts(Picture("flat.png", None), folder)


@pytest.mark.parametrize(
    "uri",
    [
        "https://pacs.example/1",
        "s3://bucket/1.dcm",
        "dicomweb://x",
        "http://169.254.169.254/latest",
        "javascript://x",
    ],
)
def test_nothing_is_fetched(folder: Path, uri: str) -> None:
    with pytest.raises(PictureError, match="lies on another machine and is not fetched"):
        png(Picture(uri, None), folder, AS_IT_IS)


def test_no_file_outside_the_folder_is_opened(folder: Path) -> None:
    outside = dicom(folder.parent / "outside.dcm", ramp())
    (folder / "link.dcm").symlink_to(outside)
    (folder / "inner").mkdir()
    inside = dicom(folder / "inner" / "chest.dcm", ramp())
    for uri in (
        "../outside.dcm",
        str(outside),
        outside.as_uri(),
        "link.dcm",
        "inner/../../outside.dcm",
        "/etc/passwd",
    ):
        with pytest.raises(PictureError, match="outside the folder of images and is not opened"):
            png(Picture(uri, None), folder, AS_IT_IS)
        with pytest.raises(PictureError, match="outside the folder"):
            facts(Picture(uri, None), folder)
    for uri in ("inner/chest.dcm", str(inside), inside.as_uri(), "inner/../inner/chest.dcm"):
        assert png(Picture(uri, None), folder, AS_IT_IS)


PAIRS = (
    ("../there.txt", "../gone.txt"),
    ("/etc/passwd", "/etc/gone"),
    ("link/there.txt", "link/no"),
    ("file:///etc/%70asswd", "file:///etc/%67one"),
)


def test_whether_a_file_lies_outside_the_folder_is_told_to_nobody(folder: Path) -> None:
    (folder.parent / "there.txt").write_text("x")
    (folder / "link").symlink_to(folder.parent)
    for there, gone in PAIRS:
        said = []
        for uri in (there, gone):
            with pytest.raises(PictureError) as caught:
                png(Picture(uri, None), folder, AS_IT_IS)
            said.append(str(caught.value))
        assert said[0] == said[1]


def test_a_picture_is_measured_before_it_is_unpacked(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (300, 300)).save(folder / "large.png")
    monkeypatch.setattr(picture, "MOST_PIXELS", 10_000)
    monkeypatch.setattr(picture, "unreadable", lambda _: pytest.fail("it was unpacked"))
    with pytest.raises(PictureError, match="more than 0 million pixels"):
        png(Picture("large.png", None), folder, AS_IT_IS)


def test_a_dicom_file_that_unfolds_as_a_whole_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = pydicom.dcmread(dicom(folder / "plain.dcm", ramp()))
    data.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    data.add_new(0x00204000, "UT", "x" * 1_000_000)
    data.save_as(folder / "bomb.dcm")
    assert (folder / "bomb.dcm").stat().st_size < 100_000
    monkeypatch.setattr(pydicom, "dcmread", lambda *_, **__: pytest.fail("it was unfolded"))
    for ask in (lambda one: png(one, folder, AS_IT_IS), lambda one: facts(one, folder)):
        with pytest.raises(PictureError, match="packed as a whole and hides its size"):
            ask(Picture("bomb.dcm", None))


@pytest.mark.parametrize(
    "uri", ["gone.png", "", ".", "\0", "a" * 5_000, "inner\r\nX-Header: 1", "%2e%2e/x", "<script>"]
)
def test_a_file_that_is_not_there_is_one_sentence(folder: Path, uri: str) -> None:
    with pytest.raises(PictureError, match="is not there; AUDITOR_IMAGES names the folder") as caught:
        png(Picture(uri, None), folder, AS_IT_IS)
    assert not uri.strip(".") or uri not in str(caught.value)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 3_000), at=st.integers(0, 3_000), junk=st.binary(max_size=40))
def test_a_damaged_file_is_one_sentence_or_an_image(
    folder: Path, caplog: pytest.LogCaptureFixture, cut: int, at: int, junk: bytes
) -> None:
    whole = dicom(folder / "whole.dcm", ramp()).read_bytes()
    damaged = whole[: len(whole) - cut]
    (folder / "damaged.dcm").write_bytes(damaged[:at] + junk + damaged[at + len(junk) :])
    one = Picture("damaged.dcm", None)
    for ask in (
        lambda: png(one, folder, AS_IT_IS),
        lambda: png(one, folder, View(0, 10, 20)),
        lambda: facts(one, folder),
    ):
        try:
            ask()
        except PictureError as error:
            assert str(error).startswith("This image cannot be shown: ")
            assert SECRET not in str(error)
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("centre", "width"),
    [(0.0, 0.0), (0.0, -1.0), (1e9, 10.0), (0.0, 1e9), (float("nan"), 1.0), (0.0, float("inf"))],
)
def test_an_impossible_window_is_one_sentence(folder: Path, centre: float, width: float) -> None:
    dicom(folder / "chest.dcm", ramp())
    with pytest.raises(PictureError, match="A window has a width above 0"):
        png(Picture("chest.dcm", None), folder, View(0, centre, width))


@given(st.integers())
def test_images_are_counted_from_one(number: int) -> None:
    two = (Picture("a.png", None), Picture("b.png", None))
    if number in (1, 2):
        assert named(two, number) == two[number - 1]
    else:
        with pytest.raises(NoSuchCaseError, match="no image of that number"):
            named(two, number)


def test_images_lie_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(picture.VARIABLE, raising=False)
    assert picture.folder_of(tmp_path) == tmp_path / "images"
    monkeypatch.setenv(picture.VARIABLE, "/archive")
    assert picture.folder_of(tmp_path) == Path("/archive")
