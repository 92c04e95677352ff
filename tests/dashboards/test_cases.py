"""The pages about cases: who may see them, what is recorded, what hostile addresses get, what stands on them."""

import io
import re
import time as seconds
from collections.abc import Iterator
from html import unescape
from itertools import pairwise
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from starlette.testclient import TestClient

from auditor.cases import build, building
from auditor.cases.errors import CasesError
from auditor.cases.index import CaseIndex, Entry
from auditor.cases.one import pictures_of
from auditor.cases.picture import VARIABLE
from auditor.cases.seen import seen_by
from auditor.store import tables as t
from dashboards.app import create_app
from dashboards.place import Place
from tests.auditor import small_hospital as small
from tests.auditor.cases.radiographs import SECRET, dicom, ramp
from tests.auditor.keeping.patients import erase, kept, subject
from tests.auditor.small_hospital import LATER, MARKER, SYSTEM, Site
from tests.dashboards.conftest import AsRole, Time
from tests.dashboards.conftest import settings as web_settings

_TAG = re.compile(r"<[^>]+>")


@pytest.fixture
def index(place: Place) -> CaseIndex:
    """The list of cases of the newest audit, made."""
    seen = seen_by(place.ledger, SYSTEM)
    return building.make(place.ledger, place.lake, place.workspace.path, seen)


@pytest.fixture
def reviewer(as_role: AsRole, index: CaseIndex) -> TestClient:
    return as_role("reviewer")


@pytest.fixture
def pictured(hospital: Site, place: Place, time: Time, monkeypatch: pytest.MonkeyPatch) -> Iterator[Entry]:
    """A row whose case has images of many kinds, good and bad."""
    folder = hospital.workspace.path.parent / "incoming"
    folder.mkdir(exist_ok=True)
    monkeypatch.setenv(VARIABLE, str(folder))
    dicom(folder / "chest.dcm", ramp(), window=(2_000, 3_000))
    dicom(folder / "cine.dcm", np.stack([ramp(), ramp(top=400)]))
    (folder / "broken.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"junk")
    uris = ["chest.dcm", "cine.dcm", "broken.dcm", "https://pacs.example/1", "gone.png", "../site.key"]
    (folder.parent / "site.key").write_text("a key")
    hospital.hand_in("cases", [small.case(1) | {"images": [{"uri": uri} for uri in uris]}], LATER)
    hospital.audit(as_of=LATER)
    time.at = LATER
    seen = seen_by(place.ledger, SYSTEM)
    made = building.make(place.ledger, place.lake, place.workspace.path, seen)
    rows = made.page({"task": "report"}, size=200).entries
    (found,) = [one for one in rows if number_of_images(place, made, one) == len(uris)]
    yield found


def number_of_images(place: Place, index: CaseIndex, entry: Entry) -> int:
    return len(pictures_of(place.lake, index, entry.output_id)[1])


def views(place: Place) -> list[tuple[str, str, str]]:
    rows = place.ledger.read(sa.select(t.case_views).order_by(t.case_views.c.id))
    return [(row["user"], row["case_id"], row["what"]) for row in rows]


def address_of(entry: Entry, more: str = "") -> str:
    return f"/cases/{SYSTEM}/{entry.output_id}{more}"


def words_of(html: str) -> str:
    return " ".join(unescape(_TAG.sub(" ", html)).split())


def first(index: CaseIndex, **filters: str) -> Entry:
    return index.page(filters).entries[0]


def test_filters_are_kept_from_the_list_to_the_case_and_back(reviewer: TestClient, index: CaseIndex) -> None:
    answer = reviewer.get("/cases?code=FAB&attributes.sex=F")
    total = index.page({"code": "FAB", "attributes.sex": "F"}).total
    assert f"{total} rows with these values" in words_of(answer.text)
    assert re.search(r'<option value="FAB" selected>Fabricated finding \(38\)', answer.text)
    case = unescape(re.findall(r'href="(/cases/small/[^"]+)"', answer.text)[0])
    page = reviewer.get(case).text
    assert f"Row 1 of {total} with the chosen filters" in words_of(page)
    assert "Previous case" not in page
    later = unescape(re.findall(r'rel="next" href="([^"]+)"', page)[0])
    second = reviewer.get(later).text
    assert f"Row 2 of {total} with the chosen filters" in words_of(second)
    assert unescape(re.findall(r'rel="prev" href="([^"]+)"', second)[0]) == case
    assert "code=FAB" in unescape(re.findall(r'href="([^"]+)">To the list', second)[0])


def test_pages_of_the_list_lead_both_ways(reviewer: TestClient, index: CaseIndex) -> None:
    def places(html: str) -> list[int]:
        return [int(place) for place in re.findall(r"&amp;at=(\d+)\"", html)]

    pages, address = [], "/cases"
    while address:
        html = reviewer.get(address).text
        pages.append(places(html))
        address = unescape(next(iter(re.findall(r'rel="next" href="([^"]+)"', html)), ""))
    assert [place for page in pages for place in page] == list(range(index.page({}).total))
    back = [pages[-1]]
    while address := unescape(next(iter(re.findall(r'rel="prev" href="([^"]+)"', html)), "")):
        html = reviewer.get(address).text
        back.append(places(html))
    assert back == pages[::-1]


def test_a_case_shows_texts_errors_and_the_judge(reviewer: TestClient, place: Place, index: CaseIndex) -> None:
    page = reviewer.get(address_of(first(index, code="FAB"))).text
    said = words_of(page)
    assert "There is a large left" in said
    assert f"({MARKER}" in said
    assert "Fabricated finding FAB the reference says no pleural effusion Actionable report" in said
    assert seen_by(place.ledger, SYSTEM).judges["report"].digest[:12] in said
    assert page.count('href="#error-1"') == 2
    assert 'id="error-1"' in page
    assert "No image came with this case." in said


def test_what_the_settings_forbid_is_on_no_page(hospital: Site, place: Place, as_role: AsRole, time: Time) -> None:
    hospital.apply(small.YAML.replace("exemplars: sentence", "exemplars: none"), LATER)
    hospital.audit(as_of=LATER)
    time.at = LATER
    made = building.make(place.ledger, place.lake, place.workspace.path, seen_by(place.ledger, SYSTEM))
    browser = as_role("committee")
    for entry in made.page({"outcome": "error"}, size=200).entries:
        page = browser.get(address_of(entry)).text
        assert MARKER not in page
        assert "There is a large" not in page
    assert "“exemplars: none”" in browser.get(address_of(first(made, task="report"))).text


def test_an_erased_patient_is_found_no_more(
    hospital: Site, place: Place, reviewer: TestClient, index: CaseIndex
) -> None:
    patient = subject(hospital)
    cases = {row["case_id"] for row in kept(hospital, "cases") if row["subject_id"] == patient}
    theirs = [one for one in index.page({}, size=200).entries if one.case_id in cases]
    assert len(theirs) >= 3
    erase(hospital)
    _until_listed(reviewer)
    for one in theirs:
        assert reviewer.get(address_of(one)).status_code == 404
        assert reviewer.get(address_of(one, "/image/1")).status_code == 404
    assert len(list((place.workspace.path / "cache").iterdir())) == 1


def _until_listed(browser: TestClient) -> str:
    for _ in range(200):
        html = browser.get("/cases").text
        if "The list of cases is being made" not in html:
            return html
        seconds.sleep(0.05)
    raise AssertionError("the list was not made in time")


def test_the_list_is_made_while_one_waits(as_role: AsRole, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    real = build.build

    def counted(*words: Any) -> None:
        made.append("made")
        seconds.sleep(0.3)
        real(*words)

    monkeypatch.setattr(building, "build", counted)
    browser = as_role("reviewer")
    first = browser.get("/cases")
    assert "The list of cases is being made" in first.text
    assert 'hx-trigger="load delay:1s"' in first.text
    assert "The list of cases is being made" in browser.get("/cases").text
    audit = seen_by(place.ledger, SYSTEM).audit
    polled = browser.get(f"/cases-being-made?system={SYSTEM}&audit={audit}")
    assert "<progress" in polled.text
    assert "hx-refresh" not in polled.headers
    assert "Fabricated finding" in _until_listed(browser)
    done = browser.get(f"/cases-being-made?system={SYSTEM}&audit={audit}")
    assert done.headers["hx-refresh"] == "true"
    assert made == ["made"]


def test_a_list_that_cannot_be_made_says_so(as_role: AsRole, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise CasesError("The disk is full.")

    monkeypatch.setattr(building, "build", broken)
    browser = as_role("reviewer")
    html = browser.get("/cases").text
    for _ in range(100):
        if "could not be made" in html:
            break
        seconds.sleep(0.02)
        html = browser.get(f"/cases-being-made?system={SYSTEM}").text
    assert "The list of cases could not be made. The disk is full." in words_of(html)
    assert "hx-get" not in html
    assert "Try again" in html


def test_what_is_not_there_is_404_in_one_sentence(reviewer: TestClient, index: CaseIndex) -> None:
    for address, sentence in (
        ("/cases?system=nobody", "There is no audit of &#39;nobody&#39; yet"),
        ("/cases?audit=small-000000000000", "There is no audit &#39;small-000000000000&#39;"),
        (f"/cases/{SYSTEM}/o-nothing", "There is no such output in the window of this audit"),
        (address_of(first(index), "/image/1"), "no image of that number"),
    ):
        answer = reviewer.get(address)
        assert answer.status_code == 404
        assert sentence in answer.text


def test_an_empty_workspace_says_what_to_do(tmp_path: Any, time: Time) -> None:
    small.build_empty(tmp_path, small.YAML)
    for site in small.opened(tmp_path):
        nothing = Place(site.workspace, site.ledger, site.lake, time)
        with TestClient(create_app(nothing, web_settings(login=False))) as browser:
            assert "No system has been audited yet" in browser.get("/cases").text
            assert "auditor ingest" in browser.get("/cases").text


def test_no_filter_matches_says_what_to_do(reviewer: TestClient) -> None:
    answer = reviewer.get("/cases?code=FAB&task=classification")
    assert "No row has all of these values." in answer.text
    assert reviewer.get("/cases?finding=" + quote("<b>x</b>")).text.count("<b>x</b>") == 0


def test_pages_keep_to_the_strict_policy(reviewer: TestClient, index: CaseIndex) -> None:
    cases = [address_of(first(index, task=task)) for task in ("report", "classification")]
    for address in ("/cases", *cases):
        html = reviewer.get(address).text
        assert not re.search(r"<script(?![^>]*\ssrc=)|\sstyle=|\son[a-z]+=|javascript:", html)
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//', html)
        levels = [int(level) for level in re.findall(r"<h([1-6])", html)]
        assert levels[0] == 1
        assert all(after <= before + 1 for before, after in pairwise(levels))
        fields = re.findall(r'<(?:select|input)(?![^>]*type="hidden")[^>]*\sid="([^"]+)"', html)
        assert set(fields) <= set(re.findall(r'<label for="([^"]+)"', html))


@pytest.mark.parametrize("role", ["viewer", "engineer", "admin"])
def test_other_roles_see_no_case_and_nothing_is_recorded(
    as_role: AsRole, place: Place, pictured: Entry, role: str
) -> None:
    browser = as_role(role)
    for address in ("/cases", "/cases-being-made", address_of(pictured), address_of(pictured, "/image/1")):
        answer = browser.get(address)
        assert answer.status_code == 403
        assert pictured.case_id[:10] not in answer.text
        assert MARKER not in answer.text
    assert views(place) == []


@pytest.mark.parametrize("role", ["reviewer", "committee"])
def test_who_may_see_cases_sees_them(as_role: AsRole, pictured: Entry, role: str) -> None:
    browser = as_role(role)
    for address in ("/cases", address_of(pictured), address_of(pictured, "/image/1")):
        answer = browser.get(address)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"


def test_without_login_one_is_led_to_it(client: TestClient, index: CaseIndex) -> None:
    for address in ("/cases", address_of(first(index)), address_of(first(index), "/image/1")):
        answer = client.get(address)
        assert (answer.status_code, answer.headers["location"].startswith("/login")) == (303, True)


def test_the_list_shows_no_text_and_records_no_look(reviewer: TestClient, place: Place) -> None:
    answer = reviewer.get("/cases")
    assert MARKER not in answer.text
    assert "Fabricated finding" in answer.text
    assert views(place) == []


def test_a_look_is_recorded_before_the_answer(
    reviewer: TestClient, place: Place, index: CaseIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = first(index, task="report")
    assert reviewer.get(address_of(entry)).status_code == 200
    assert views(place) == [("reviewer", entry.case_id, "case")]

    def full(*_: Any) -> None:
        raise CasesError("The disk is full.")

    monkeypatch.setattr("dashboards.pages.cases.view", full)
    answer = reviewer.get(address_of(entry))
    assert answer.status_code == 400
    assert MARKER not in answer.text


def test_a_look_at_an_image_is_recorded_apart(as_role: AsRole, place: Place, pictured: Entry) -> None:
    browser = as_role("committee")
    for _ in range(2):
        browser.get(address_of(pictured))
        browser.get(address_of(pictured, "/image/1"))
    assert views(place) == [("committee", pictured.case_id, "case"), ("committee", pictured.case_id, "image")]


def test_images_through_the_window_that_is_asked_for(as_role: AsRole, pictured: Entry) -> None:
    browser = as_role("reviewer")
    answer = browser.get(address_of(pictured, "/image/1?centre=2000&width=1000"))
    assert answer.headers["content-type"] == "image/png"
    assert SECRET.encode() not in answer.content
    with Image.open(io.BytesIO(answer.content)) as opened:
        found = np.asarray(opened)[0, :, 0]
    assert np.array_equal(found, np.rint(np.clip((ramp()[0] - 1_500.0) / 1_000, 0, 1) * 255))
    cine = [f"/image/2?frame={n}&centre=2000&width=4000" for n in (1, 2)]
    frames = [browser.get(address_of(pictured, more)).content for more in cine]
    assert frames[0] != frames[1]
    page = browser.get(address_of(pictured, "?image=2&frame=2&centre=100&width=50")).text
    assert "Image 2 of 6" in words_of(page)
    assert re.search(r'id="frame" name="frame" type="number" min="1" max="2" value="2"', page)
    assert "frame=2&amp;centre=100&amp;width=50" in page


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (3, "it cannot be opened as DICOM"),
        (4, "lies on another machine and is not fetched"),
        (5, "is not there"),
        (6, "lies outside the folder of images"),
    ],
)
def test_trouble_with_an_image_is_one_sentence(
    as_role: AsRole, pictured: Entry, number: int, sentence: str
) -> None:
    browser = as_role("reviewer")
    page = browser.get(address_of(pictured, f"?image={number}"))
    assert page.status_code == 200
    assert sentence in page.text
    image = browser.get(address_of(pictured, f"/image/{number}"))
    assert image.status_code == 422
    assert sentence in image.text
    assert "a key" not in image.text


def test_a_file_that_changed_is_said(hospital: Site, as_role: AsRole, pictured: Entry) -> None:
    browser = as_role("reviewer")
    assert "The file is the one that was recorded" in browser.get(address_of(pictured)).text
    dicom(hospital.workspace.path.parent / "incoming" / "chest.dcm", ramp(top=3_000))
    assert "This file is not the one that was recorded" in browser.get(address_of(pictured)).text


_FIELDS = ["system", "audit", "code", "attributes.sex", "attributes.' OR 1=1", "after", "at", "image"]
_HOSTILE = [
    "..",
    "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "' OR '1'='1",
    '"><script>alert(1)</script>',
    "{{7*191}}",
    "${7*191}",
    "a\r\nSet-Cookie: x=1",
    "\0",
    "\ud7ff\uffff",
    "c" * 3_000,
    "-",
    "o-0147",
]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    value=st.one_of(st.sampled_from(_HOSTILE), st.text(st.characters(codec="utf-8"), max_size=40)),
    where=st.sampled_from(_FIELDS),
)
def test_hostile_addresses_get_a_plain_answer(
    reviewer: TestClient, index: CaseIndex, value: str, where: str
) -> None:
    told = quote(value, safe="")
    entry = first(index)
    for address in (
        f"/cases?{quote(where)}={told}",
        f"/cases/{SYSTEM}/{told}",
        f"/cases/{told}/{entry.output_id}",
        f"/cases/{SYSTEM}/{told}/image/1",
        address_of(entry, f"?{quote(where)}={told}"),
        address_of(entry, f"/image/{told}"),
        f"/cases-being-made?system={told}&audit={told}",
    ):
        answer = reviewer.get(address)
        assert answer.status_code in (200, 303, 307, 400, 404, 405, 422), address
        assert "<script>alert" not in answer.text
        assert "1337" not in answer.text
        assert "Traceback" not in answer.text
        assert "set-cookie" not in answer.headers or "x=1" not in answer.headers["set-cookie"]


@pytest.mark.parametrize("number", ["0", "-1", "2", "1e3", "99999999999999999999", "../1", "chest.dcm"])
def test_an_image_is_asked_for_by_a_number_that_there_is(
    reviewer: TestClient, index: CaseIndex, number: str
) -> None:
    answer = reviewer.get(address_of(first(index), f"/image/{number}"))
    assert answer.status_code in (404, 422)


@pytest.mark.parametrize(
    "query", ["centre=nan&width=1", "centre=1e30&width=5", "centre=1&width=-4", "frame=0", "frame=x"]
)
def test_numbers_of_a_window_are_bounded(as_role: AsRole, pictured: Entry, query: str) -> None:
    browser = as_role("reviewer")
    answer = browser.get(address_of(pictured, f"/image/1?{query}"))
    assert answer.status_code == 422
    assert browser.get(address_of(pictured, f"?{query}")).status_code in (200, 422)
