"""Statistics of a case's images: what they are, when they are made, and what hinders them."""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from auditor.intake import image_statistics
from auditor.intake.faults import IntakeError
from auditor.intake.image_statistics import NAMES, of_image
from auditor.intake.quarantine import listed, retry
from auditor.intake.rendering import PictureError
from auditor.records import Image as Address
from tests.auditor.cases.radiographs import dicom
from tests.auditor.intake.conftest import KEY, RECEIVED, Bench


def picture(grey: NDArray[Any]) -> Image.Image:
    return Image.fromarray(grey.astype(np.uint8)).convert("RGB")


@settings(max_examples=25, deadline=None)
@given(st.integers(3, 40), st.integers(3, 1200), st.integers(0, 2**32 - 1))
def test_they_are_those_of_numpy_and_scipy(width: int, height: int, seed: int) -> None:
    grey = np.random.default_rng(seed).integers(0, 256, (height, width))
    found = of_image(picture(grey))
    assert found["image_mean"] == pytest.approx(grey.mean())
    assert found["image_contrast"] == pytest.approx(grey.std())
    inner = ndimage.laplace(grey.astype(float))[1:-1, 1:-1]
    assert found["image_sharpness"] == pytest.approx(inner.var() / grey.var())
    assert found["image_clipped"] == pytest.approx(np.isin(grey, (0, 255)).mean())
    assert found["image_megapixels"] == pytest.approx(width * height / 1e6)


def test_sharpness_falls_with_blur_and_not_with_the_window() -> None:
    noise = ndimage.gaussian_filter(np.random.default_rng(1).normal(size=(300, 200)), 1)
    sharp = 128 + 60 * noise / noise.std() / 2
    whole, blurred, flat = (
        of_image(picture(one))["image_sharpness"]
        for one in (sharp, ndimage.gaussian_filter(sharp, 1.5), 128 + (sharp - 128) / 2)
    )
    assert blurred < 0.3 * whole
    assert flat == pytest.approx(whole, rel=0.02)


def test_an_even_image_has_no_sharpness() -> None:
    assert set(NAMES) - set(of_image(Image.new("RGB", (30, 30), "grey"))) == {"image_sharpness"}


@pytest.fixture
def films(bench: Bench) -> Bench:
    """Two films, one as DICOM, one file that is none."""
    rng = np.random.default_rng(3)
    for name in ("a", "b"):
        picture(rng.integers(40, 200, (60, 50))).save(bench.folder / f"{name}.png")
    dicom(bench.folder / "c.dcm", rng.integers(0, 4096, (40, 30)).astype(np.uint16))
    (bench.folder / "d.png").write_bytes(b"no image")
    return bench


def case(i: int, *images: str, **attributes: Any) -> dict[str, Any]:
    return {"case_id": f"ACC-{i}", "patient_id": f"MRN-{i}", "images": list(images), "attributes": attributes}


def attributes(bench: Bench) -> list[dict[str, str]]:
    return [dict(row["attributes"]) for row in bench.stored("cases")]


def test_a_case_has_the_mean_over_its_images(films: Bench) -> None:
    path = films.write("cases.jsonl", [case(0, "a.png", "b.png", sex="F"), case(1, "c.dcm"), case(2)])
    result = films.ingest(path, "cases", image_statistics=True)
    assert (result.accepted, result.notes) == (3, ())
    first, second, third = attributes(films)
    assert first["sex"] == "F" and set(first) == {"sex", *NAMES} == {"sex", *second}
    means = [np.asarray(Image.open(films.folder / name).convert("L")).mean() for name in ("a.png", "b.png")]
    assert float(first["image_mean"]) == pytest.approx(np.mean(means), rel=1e-3)
    assert second["image_megapixels"] == "0.0012"
    assert third == {}


def test_a_case_whose_image_cannot_be_opened_goes_in_without(films: Bench) -> None:
    rows = [case(0, "a.png", "d.png"), case(1, "gone.png"), case(2, "s3://far/away.dcm"), case(3, "b.png")]
    result = films.ingest(films.write("cases.jsonl", rows), "cases", image_statistics=True)
    assert result.accepted == 4
    assert result.notes == ("3 cases have an image that cannot be opened and are without image statistics.",)
    assert [bool(one) for one in attributes(films)] == [False, False, False, True]


def test_a_statistic_of_the_file_itself_is_not_overwritten(films: Bench) -> None:
    rows = [case(0, "a.png", image_mean=7), case(1, "a.png", image_mean=None)]
    path = films.write("cases.jsonl", rows)
    result = films.ingest(path, "cases", image_statistics=True)
    assert (result.accepted, result.quarantined) == (1, 1)
    assert "attributes.image_mean: the file has it already" in result.reasons[0][0]
    tried = retry(
        settings=films.settings, mappings={}, ledger=films.ledger, lake=films.lake, key=KEY,
        received_at=RECEIVED, actor="test",
    )  # fmt: skip
    assert (tried.tried, tried.resolved) == (1, 0)  # another try looks at the images as the first did
    assert "--image-statistics" in listed(films.ledger, "drafts")[0].reason
    assert films.ingest(path, "cases").accepted == 2
    assert {"image_mean": "7"} in attributes(films)


def test_with_and_without_are_versions_of_a_case_and_nothing_goes_in_twice(films: Bench) -> None:
    path = films.write("cases.jsonl", [case(0, "a.png"), case(1)])
    assert films.ingest(path, "cases").accepted == 2
    again = films.ingest(path, "cases", image_statistics=True)
    assert (again.accepted, again.duplicates) == (1, 1)  # the case without images is what it was
    assert films.ingest(path, "cases", image_statistics=True).already
    assert films.ingest(path, "cases").already
    assert len({row["case_id"] for row in films.stored("cases")}) == 2
    other = films.write("more.jsonl", [case(0, "a.png")])
    assert films.ingest(other, "cases", image_statistics=True).duplicates == 1


def test_the_result_is_the_same_in_several_processes(films: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    path = films.write("cases.jsonl", [case(i, "abd"[i % 3] + ".png") for i in range(9)])
    alone = films.ingest(path, "cases", image_statistics=True, dry_run=True)
    monkeypatch.setattr("auditor.intake.ingest._WORTH_PROCESSES", 0)
    assert films.ingest(path, "cases", image_statistics=True, dry_run=True, workers=2) == alone
    assert alone.notes


def test_only_cases_have_them(films: Bench) -> None:
    with pytest.raises(IntakeError, match="Image statistics are attributes of cases"):
        films.ingest(films.write("o.jsonl", [{}]), "outputs", image_statistics=True)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(which=st.sampled_from(["a.png", "a.jpg", "a.tif", "a.bmp", "a.gif", "c.dcm"]), data=st.data())
def test_a_damaged_file_is_refused_or_measured(films: Bench, which: str, data: st.DataObject) -> None:
    source = films.folder / which
    if not source.exists():
        Image.open(films.folder / "a.png").save(source)
    content = bytearray(source.read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=6)):
        content[place] = data.draw(st.integers(0, 255))
    bad = films.folder / f"bad-{which}"
    bad.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        found = image_statistics.of_case([Address(uri=bad.name)], films.folder, {})
    except PictureError:
        return
    assert all(np.isfinite(one) for one in found.values())
