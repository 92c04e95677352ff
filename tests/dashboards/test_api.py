"""The JSON twins say what the pages say, as their description says they do."""

import jsonschema
import pytest

from dashboards.place import Place
from reports.dossier import Row
from tests.auditor.small_hospital import Site
from tests.dashboards.conftest import AsRole

PATHS = {
    "/fleet.json": "/fleet.json",
    "/systems/{system}.json": "/systems/small.json",
    "/measurements.json": "/measurements.json?system=small",
    "/alerts.json": "/alerts.json",
    "/reports.json": "/reports.json",
}


def test_the_description_names_every_twin_and_no_page(as_role: AsRole) -> None:
    assert set(as_role("viewer").get("/openapi.json").json()["paths"]) == set(PATHS)


@pytest.mark.parametrize("path", PATHS)
def test_answers_are_as_described(as_role: AsRole, path: str) -> None:
    viewer = as_role("viewer")
    description = viewer.get("/openapi.json").json()
    content = description["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    said = viewer.get(PATHS[path])
    assert said.status_code == 200
    jsonschema.validate(said.json(), content | {"components": description["components"]})


def test_measurements_are_those_of_the_dossier_and_suppressed_ones_hold_no_number(
    as_role: AsRole, hospital: Site
) -> None:
    said = as_role("viewer").get("/measurements.json?system=small&limit=1000").json()
    rows: dict[tuple[str, ...], Row] = {}
    for row in hospital.dossier().rows:
        rows.setdefault((row.measure, row.task, row.version, row.item, row.slice, row.contrast), row)
    names = ("measure", "task", "version", "item", "slice", "contrast")
    hidden = 0
    for one in said["measurements"]:
        row = rows[tuple(one[name] for name in names)]
        assert (one["value"], one["status"], one["suppressed"]) == (row.value, row.status, row.suppressed)
        if one["suppressed"]:
            hidden += 1
            assert [one[name] for name in ("value", "low", "high", "n", "patients")] == [None] * 5
    assert hidden, "the small hospital has small groups"


def test_measurements_come_in_pages_that_add_up(as_role: AsRole) -> None:
    viewer, found = as_role("viewer"), 0
    offset: int | None = 0
    while offset is not None:
        said = viewer.get(f"/measurements.json?system=small&limit=37&offset={offset}").json()
        found += len(said["measurements"])
        offset = said["next"]
    assert found == said["total"] > 37
    some = viewer.get("/measurements.json?system=small&measure=contradicted_reports&slice=all").json()
    assert {one["measure"] for one in some["measurements"]} == {"contradicted_reports"}


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/systems/nothing.json", 404),
        ("/measurements.json?system=nothing", 404),
        ("/measurements.json?system=small&audit=nothing", 404),
        ("/measurements.json", 422),
        ("/measurements.json?system=small&offset=-1", 422),
        ("/alerts.json?limit=0", 422),
    ],
)
def test_refusals_are_json_too(as_role: AsRole, path: str, code: int) -> None:
    said = as_role("viewer").get(path)
    assert said.status_code == code
    assert list(said.json()) == ["error"]


def test_the_fleet_is_that_of_the_page(as_role: AsRole, place: Place) -> None:
    (line,) = as_role("viewer").get("/fleet.json").json()["systems"]
    assert (line["system"], line["status"], line["why"]) == ("small", "act", "")
    assert line["primary"]["status"] == "act"
    assert line["open_alerts"] > 0


def test_prometheus_reads_systems_alerts_and_answers(as_role: AsRole) -> None:
    viewer = as_role("viewer")
    viewer.get("/")
    text = viewer.get("/metrics").text
    assert 'auditor_system_status{status="act",system="small"} 1.0' in text
    assert 'auditor_system_status{status="ok",system="small"} 0.0' in text
    assert "auditor_open_alerts{" in text
    assert 'auditor_http_seconds_count{page="/",status="200"} 1.0' in text


def test_it_is_ready_while_its_stores_can_be_read(as_role: AsRole, place: Place) -> None:
    client = as_role("viewer")
    assert client.get("/readyz").json() == {"status": "ready"}
    lake = place.workspace.path / "lake"
    lake.rename(lake.with_name("gone"))
    said = client.get("/readyz")
    assert (said.status_code, said.json()) == (503, {"status": "not ready"})
    assert client.get("/healthz").status_code == 200
