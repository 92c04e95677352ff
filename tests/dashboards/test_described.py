"""The JSON twins against their description, asked in every way that a generator thinks of."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from auditor.access import sessions
from dashboards.access import COOKIE
from dashboards.app import create_app
from dashboards.place import Place
from tests.dashboards.conftest import settings as served

PATHS = ("/fleet.json", "/systems/{system}.json", "/measurements.json", "/alerts.json", "/reports.json")
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.fixture
def viewer(place: Place) -> Iterator[tuple[Any, dict[str, str]]]:
    """The description, bound to the application, and what a viewer's browser sends along."""
    app = create_app(place, served())
    secret = sessions.begin(place.ledger, "viewer", "password", place.clock())
    headers = {"cookie": f"{COOKIE}={secret}", "host": "testserver"}
    yield schemathesis.openapi.from_asgi("/openapi.json", app, headers=headers), headers


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_failure_and_no_status_that_is_not_declared(
    viewer: tuple[Any, dict[str, str]], path: str, mode: GenerationMode
) -> None:
    description, headers = viewer
    operation = description[path]["GET"]
    places = {one["in"] for one in operation.definition.raw.get("parameters", ())}
    if mode is GenerationMode.NEGATIVE and "query" not in places:
        pytest.skip("there is nothing to say wrongly")
    answered: set[int] = set()

    @settings(
        max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        answered.add(case.call_and_validate(headers=headers, checks=CHECKS).status_code)

    ask()
    assert answered
    assert answered <= {200, 404} or mode is GenerationMode.NEGATIVE
    assert 401 not in answered, "the generator was not logged in"


def test_a_status_that_is_not_declared_is_noticed(viewer: tuple[Any, dict[str, str]]) -> None:
    description, headers = viewer
    case = description["/measurements.json"]["GET"].Case(query={"system": "nothing"})
    case.call_and_validate(headers=headers, checks=CHECKS)
    poorer = deepcopy(description.raw_schema)
    del poorer["paths"]["/measurements.json"]["get"]["responses"]["404"]
    other = schemathesis.openapi.from_dict(poorer)
    other.app = description.app
    with pytest.raises(BaseExceptionGroup) as raised:
        other["/measurements.json"]["GET"].Case(query={"system": "nothing"}).call_and_validate(
            headers=headers, checks=CHECKS
        )
    assert "Undocumented status code" in str(raised.value.exceptions[0])
