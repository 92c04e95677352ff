"""The pages of reviews: a radiologist reads, answers, is interrupted, and learns nothing that could sway them."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from PIL import Image
from starlette.testclient import TestClient

from auditor.reviews.answer import LONGEST_NOTE
from auditor.reviews.correct import correct, sample_named
from auditor.reviews.draw import draw_sample
from auditor.reviews.readers import reader_of, said_by
from auditor.reviews.shown import shown
from auditor.reviews.take_in import import_reviews
from auditor.signing import people
from auditor.store import tables as t
from dashboards.place import Place
from tests.auditor import small_hospital as small
from tests.auditor.reviews.test_reviews import fill
from tests.auditor.small_hospital import LATER
from tests.dashboards.conftest import NOW, PASSWORD, AsRole, Time

SCRIPT = {"hx-request": "true"}


def drawn(place: Place, n: int = 12, **more: Any) -> str:
    made = draw_sample(place.ledger, place.lake, small.SYSTEM, n=n, at=NOW, actor="test", **more)
    return f"/reviews/{made.sample}"


def said(place: Place, name: str, reader: str = "reviewer") -> dict[int, dict[str, Any]]:
    return said_by(place.ledger, name.removeprefix("/reviews/"), reader_of(place.workspace.key(), reader))


def number_of(place: Place, name: str, *, wrong: bool) -> int:
    """An item whose draft does, or does not, contradict its reference."""
    items = shown(place.ledger, place.lake, sample_named(place.ledger, name.removeprefix("/reviews/")))
    return next(number for number, item in items.items() if ("large left" in item.draft) == wrong)


def chosen(html: str) -> dict[str, str]:
    """The radio buttons that are on."""
    on = re.findall(r'<input type="radio" name="(\w+)" value="(\w*)" checked', html)
    return dict(on)


def second(place: Place, as_role: AsRole) -> TestClient:
    """Another reviewer, who is not the first."""
    people.change(place.ledger, "committee", "test", NOW, roles=["reviewer"])
    return as_role("committee")


def test_a_queue_without_samples_says_what_to_do_and_does_it(place: Place, as_role: AsRole) -> None:
    browser = as_role("reviewer")
    html = browser.get("/reviews").text
    assert "No sample has been drawn yet" in html and "Draw the sample" in html
    answer = browser.post("/reviews/draw", data={"system": small.SYSTEM, "n": "10", "blinded": "true"})
    assert answer.status_code == 303
    html = browser.get(answer.headers["location"]).text
    assert "0 of 10 answered" in html and "Begin with item 1" in html and "without the judge" in html
    again = browser.post("/reviews/draw", data={"system": small.SYSTEM, "n": "10", "blinded": "true"})
    assert again.headers["location"] == answer.headers["location"]
    assert len(place.ledger.read(sa.select(t.review_samples))) == 1
    html = browser.get("/reviews").text
    assert "0 of 10 answered" in html and "0 readers so far" in html
    refused = browser.post("/reviews/draw", data={"system": "nobody", "n": "10"})
    assert refused.status_code == 400 and "nobody" in refused.text
    assert browser.post("/reviews/draw", data={"system": small.SYSTEM, "n": "0"}).status_code == 422


def test_an_item_has_both_texts_and_the_judges_words_numbered_in_them(place: Place, as_role: AsRole) -> None:
    name = drawn(place)
    answer = as_role("reviewer").get(f"{name}/{number_of(place, name, wrong=True)}")
    assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
    html = answer.text
    assert html.count("<mark><sup>1</sup>pleural effusion</mark>") == 2
    assert "<strong>1</strong> Fabricated finding: pleural effusion, actionable" in html
    assert html.count(small.MARKER) == 2
    assert html.count("The judge found none.") == 3


def test_every_change_is_saved_once_there_is_a_verdict_and_a_reload_keeps_it(
    place: Place, as_role: AsRole
) -> None:
    name = drawn(place)
    browser = as_role("reviewer")
    early = browser.post(f"{name}/1", data={"contradicted": "agree", "note": "look"}, headers=SCRIPT)
    assert early.status_code == 200 and "Not saved:" in early.text and "verdict is missing" in early.text
    assert said(place, name) == {}
    given = {"fabrication": "yes", "contradicted": "agree", "significance": "urgent", "note": "two\r\nlines"}
    for count in range(1, len(given) + 1):
        answer = browser.post(f"{name}/1", data=dict(list(given.items())[:count]), headers=SCRIPT)
        assert answer.text.startswith("Saved <time") and "1 of 12 answered" in answer.text
    assert len(place.ledger.read(sa.select(t.reviews))) == len(given)
    browser.post(f"{name}/1", data=given, headers=SCRIPT)
    assert len(place.ledger.read(sa.select(t.reviews))) == len(given), "the same again adds nothing"
    html = browser.get(f"{name}/1").text
    on = chosen(html)
    assert (on["fabrication"], on["contradicted"], on["significance"], on["omitted"]) == (
        "yes",
        "agree",
        "urgent",
        "",
    )
    assert "two\nlines</textarea>" in html and "Your answer is saved." in html


def test_without_a_script_the_button_saves_and_goes_on(place: Place, as_role: AsRole) -> None:
    name = drawn(place, n=8)
    browser = as_role("reviewer")
    refused = browser.post(f"{name}/1", data={"contradicted": "disagree", "note": "kept"})
    assert refused.status_code == 400 and "verdict is missing" in refused.text
    assert chosen(refused.text)["contradicted"] == "disagree" and "kept</textarea>" in refused.text
    for number in range(1, 8):
        answer = browser.post(f"{name}/{number}", data={"fabrication": "skip" if number == 3 else "no"})
        assert answer.headers["location"] == f"{name}/{number + 1}"
    last = browser.post(f"{name}/8", data={"fabrication": "no"})
    assert last.headers["location"] == name
    html = browser.get(name).text
    assert "8 of 8 answered, 1 skipped" in html and "you have answered every item" in html
    assert "Rates are shown from 11 patients" in html


def test_after_the_last_item_the_page_shows_what_correct_finds(place: Place, as_role: AsRole) -> None:
    name = drawn(place, n=37)
    browser = as_role("reviewer")
    items = shown(place.ledger, place.lake, sample_named(place.ledger, name.removeprefix("/reviews/")))
    for number, item in items.items():
        browser.post(f"{name}/{number}", data={"fabrication": "yes" if "large left" in item.draft else "no"})
    html = browser.get(name).text
    found = correct(place.ledger, sample_named(place.ledger, name.removeprefix("/reviews/")))
    assert f"{found.window.value * 100:.1f} %" in html and "Agreement of the judge with reviewers" in html
    assert "100.0 % [" in html and "saw the judge" in html
    assert "100.0 % [" in browser.get("/reviews").text


def test_a_blinded_item_gives_the_judge_away_nowhere(place: Place, as_role: AsRole) -> None:
    name = drawn(place, n=37, blinded=True)
    browser = as_role("reviewer")
    items = shown(place.ledger, place.lake, sample_named(place.ledger, name.removeprefix("/reviews/")))
    wrong, right = (number_of(place, name, wrong=one) for one in (True, False))
    pages = []
    for number in (wrong, right):
        html = browser.get(f"{name}/{number}").text
        for word in ("<mark", "<sup", "Fabricated finding", "judge found", "The judge", "agree"):
            assert word not in html, word
        for own in (items[number].draft, items[number].reference):
            html = html.replace(own, "TEXT")
        # where it stands in the sample is all that tells it from another
        main = re.sub(r'<a id="(previous|next)".*?</a>', "", html.partition("<main")[2])
        main = re.sub(r'data-after="[^"]*"', "", main)
        pages.append(re.sub(rf"\b{number}\b of|/{number}\b", "N", main))
    assert pages[0] == pages[1], "a contradicted item looks like a clean one"
    saved = [browser.post(f"{name}/{n}", data={"fabrication": "no"}, headers=SCRIPT).text for n in (wrong, right)]
    assert saved[0] == saved[1].replace("2 of 37", "1 of 37").replace('value="2"', 'value="1"')
    assert "Shown when you have answered your last item" in browser.get(name).text
    refused = browser.post(f"{name}/{wrong}", data={"fabrication": "no", "contradicted": "agree"}, headers=SCRIPT)
    assert "did not see the judge" in refused.text


def test_a_second_reader_has_items_of_their_own_and_hears_the_first_only_after_answering(
    place: Place, as_role: AsRole
) -> None:
    name = drawn(place)
    one, other = as_role("reviewer"), second(place, as_role)
    one.post(f"{name}/1", data={"fabrication": "yes", "note": "zebrafish"})
    html = other.get(f"{name}/1").text
    assert chosen(html)["significance"] == "" and "fabrication" not in chosen(html)
    assert "0 of 12 answered" in html and "reader said" not in html and "zebrafish" not in html
    assert "Shown when you have answered" in other.get(name).text
    skipped = other.post(f"{name}/1", data={"fabrication": "skip"}, headers=SCRIPT).text
    assert "reader said" not in skipped
    told = other.post(f"{name}/1", data={"fabrication": "no"}, headers=SCRIPT).text
    assert "Another reader said yes." in told and "zebrafish" not in told
    assert "Another reader said no." in one.get(f"{name}/1").text
    assert (said(place, name)[1]["verdict"], said(place, name, "committee")[1]["verdict"]) == ("yes", "no")


HOSTILE = (
    "<script>alert(1)</script>",
    "{{ 7 * 7 }}",
    "</textarea><img src=x onerror=alert(1)>",
    "a\r\nSet-Cookie: b=c",
)


@pytest.mark.parametrize("note", HOSTILE)
def test_a_hostile_note_is_text(place: Place, as_role: AsRole, note: str) -> None:
    name = drawn(place)
    browser = as_role("reviewer")
    answer = browser.post(f"{name}/1", data={"fabrication": "no", "note": note}, headers=SCRIPT)
    assert answer.text.startswith("Saved") and "set-cookie" not in answer.headers
    html = browser.get(f"{name}/1").text
    assert "<script>alert" not in html and "<img src=x" not in html and "49</textarea>" not in html
    assert said(place, name)[1]["note"] == note.replace("\r", "")


def test_a_note_that_is_too_long_is_refused_and_one_of_ten_megabytes_is_not_even_read(
    place: Place, as_role: AsRole
) -> None:
    name = drawn(place)
    browser = as_role("reviewer")
    long = {"fabrication": "no", "note": "x" * (LONGEST_NOTE + 1)}
    answer = browser.post(f"{name}/1", data=long, headers=SCRIPT)
    assert "Not saved:" in answer.text and "shorten it" in answer.text
    huge = browser.post(f"{name}/1", data={"fabrication": "no", "note": "x" * 10_000_000}, headers=SCRIPT)
    assert huge.status_code == 413
    assert said(place, name) == {}


def test_only_reviewers_review(place: Place, as_role: AsRole, client: TestClient) -> None:
    name = drawn(place)
    for role in ("viewer", "committee", "engineer", "admin"):
        browser = as_role(role)
        for address in ("/reviews", name, f"{name}/1"):
            answer = browser.get(address)
            assert answer.status_code == 403 and small.MARKER not in answer.text
        for address in (f"{name}/1", "/reviews/draw"):
            assert (
                browser.post(address, data={"fabrication": "no", "system": small.SYSTEM, "n": "5"}).status_code
                == 403
            )
    assert client.get(f"{name}/1").headers["location"] == f"/login?next={name}/1"
    forged = as_role("reviewer")
    forged.headers["x-csrf-token"] = "0" * 64
    assert forged.post(f"{name}/1", data={"fabrication": "no"}).status_code == 403
    assert place.ledger.read(sa.select(t.reviews)) == []


def test_after_a_lost_session_one_is_back_at_the_item(
    place: Place, as_role: AsRole, client: TestClient, time: Time
) -> None:
    name = drawn(place)
    browser = as_role("reviewer")
    browser.post(f"{name}/2", data={"fabrication": "yes"}, headers=SCRIPT)
    time.at += timedelta(days=2)
    current = {**SCRIPT, "hx-current-url": f"http://testserver{name}/2"}
    lost = browser.post(f"{name}/2", data={"fabrication": "no"}, headers=current)
    assert lost.status_code == 401 and lost.headers["hx-redirect"] == f"/login?next={name}/2"
    back = client.post("/login", data={"name": "reviewer", "password": PASSWORD, "target": f"{name}/2"})
    assert back.headers["location"] == f"{name}/2"
    assert chosen(client.get(f"{name}/2").text)["fabrication"] == "yes"


def test_looking_at_an_item_is_in_the_journal_before_it_is_shown(place: Place, as_role: AsRole) -> None:
    name = drawn(place)
    browser = as_role("reviewer")
    for _ in range(2):
        browser.get(f"{name}/1")
    browser.get(f"{name}/2")
    browser.get(name)
    views = place.ledger.read(sa.select(t.case_views).order_by(t.case_views.c.id))
    items = shown(place.ledger, place.lake, sample_named(place.ledger, name.removeprefix("/reviews/")))
    assert [(row["user"], row["case_id"], row["what"]) for row in views] == [
        ("reviewer", items[number].case, "review") for number in (1, 2)
    ]


def test_images_are_shown_where_their_files_are_and_the_look_is_in_the_journal(
    place: Place, as_role: AsRole, hospital: small.Site
) -> None:
    cases = [small.case(i) | {"images": [{"uri": f"{i}.png"}, {"uri": "gone.png"}]} for i in range(small.CASES)]
    hospital.hand_in("cases", cases, LATER)
    hospital.audit(LATER)
    folder = place.workspace.path / "images"
    folder.mkdir()
    for i in range(small.CASES):
        Image.new("L", (8, 8), i).save(folder / f"{i}.png")
    name = drawn(place, n=3)
    browser = as_role("reviewer")
    html = browser.get(f"{name}/1").text
    assert f'<img src="{name}/1/image/1"' in html and "gone.png" in html
    pixels = browser.get(f"{name}/1/image/1")
    assert pixels.headers["content-type"] == "image/png" and pixels.headers["cache-control"] == "no-store"
    views = place.ledger.read(sa.select(t.case_views.c.what).order_by(t.case_views.c.id))
    assert [row["what"] for row in views] == ["review", "image"]
    assert browser.get(f"{name}/1/image/2").status_code == 422
    assert browser.get(f"{name}/1/image/3").status_code == 404
    assert as_role("committee").get(f"{name}/1/image/1").status_code == 403


def test_a_sheet_of_the_same_name_is_of_the_same_reader(place: Place, as_role: AsRole, tmp_path: Path) -> None:
    name = drawn(place, output=tmp_path / "sheet.csv")
    back = fill(tmp_path / "sheet.csv", lambda row: {"fabrication": "no", "note": "from the sheet"})
    import_reviews(place.ledger, back, reviewer="reviewer", key=place.workspace.key(), at=NOW, actor="test")
    html = as_role("reviewer").get(f"{name}/5").text
    assert "12 of 12 answered" in html and "from the sheet</textarea>" in html


def test_what_is_not_there_is_said(place: Place, as_role: AsRole) -> None:
    name = drawn(place)
    browser = as_role("reviewer")
    for address in (f"{name}/13", "/reviews/other", "/reviews/other/1"):
        answer = browser.get(address)
        assert answer.status_code == 400 and ("has no item 13" in answer.text or "no review sample" in answer.text)
    assert browser.get(f"{name}/0").status_code == 422
    assert browser.get(f"{name}/{10**30}").status_code == 422
    missing = browser.post(f"{name}/13", data={"fabrication": "no"}, headers=SCRIPT)
    assert "Not saved:" in missing.text
