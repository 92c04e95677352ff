"""The reviews commands, as a person types them."""

import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from auditor.store import tables as t
from tests.auditor import small_hospital as small
from tests.auditor.conftest import Run
from tests.auditor.reviews.test_reviews import CONTRADICTED, REVIEWABLE, fill, truth
from tests.auditor.test_cli import refused


def test_a_sample_goes_out_and_comes_back(run: Run, audited: small.Site, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.csv"
    code, out, _ = run("reviews", "sample", small.SYSTEM, "--output", str(sheet), "--n", "20", "--blind", "--json")
    made = json.loads(out)
    assert code == 0
    assert (made["drawn"], made["blinded"], made["file"]) == (20, True, str(sheet))
    assert small.MARKER not in out
    back = fill(sheet, truth)
    words = ("reviews", "import", str(back), "--reviewer", "Dr Rowan Vale")
    code, out, _ = run(*words, "--json")
    said = json.loads(out)
    assert code == 0 and (said["new"], said["open"]) == (20, 0)
    window = said["correction"]["window"]
    assert window["value"] == pytest.approx(CONTRADICTED / len(REVIEWABLE))
    assert said["correction"]["process"]["target"] == "process"
    assert said["correction"]["sensitivity"]["value"] == 1.0
    assert "Rowan" not in out and small.MARKER not in out
    code, out, err = run(*words)
    assert code == 0
    assert "20 unchanged" in err and "corrected by reviews" in out and "Uncorrected: the judge flags" in err
    assert "Rowan" not in " ".join(r["record"] for r in audited.ledger.read(sa.select(t.journal.c.record)))


def test_the_table_tells_what_was_drawn_and_how_to_go_on(run: Run, audited: small.Site, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.jsonl"
    code, out, err = run("reviews", "sample", small.SYSTEM, "--output", str(sheet))
    assert code == 0
    assert "the judge finds a contradiction" in out
    for words in ("only 37 reports to review", "mode 0600", "auditor reviews import"):
        assert words in err


def test_a_sample_too_small_for_a_rare_error_says_what_to_ask_for(
    run: Run, audited: small.Site, tmp_path: Path
) -> None:
    words = ("reviews", "sample", small.SYSTEM, "--n", "8", "--output")
    code, _, err = run(*words, str(tmp_path / "one.csv"))
    assert code == 0 and "ask for --n 17 or more" in err
    made = json.loads(run(*words, str(tmp_path / "two.csv"), "--json")[1])
    assert made["ask_for"] == 17
    more = json.loads(run(*words[:3], "--n", "17", "--output", str(tmp_path / "three.csv"), "--json")[1])
    assert more["ask_for"] is None
    assert {one["stratum"]: one["drawn"] for one in more["strata"]}["unflagged"] == len(REVIEWABLE) - CONTRADICTED


def test_reviews_that_were_all_skipped_correct_nothing(run: Run, audited: small.Site, tmp_path: Path) -> None:
    run("reviews", "sample", small.SYSTEM, "--output", str(tmp_path / "sheet.csv"), "--n", "8")
    back = fill(tmp_path / "sheet.csv", lambda row: {"fabrication": "skip"})
    code, _, err = run("reviews", "import", str(back), "--reviewer", "V")
    assert code == 0 and "8 skipped" in err and "nothing to correct with" in err


def test_refusals_are_sentences(run: Run, audited: small.Site, tmp_path: Path) -> None:
    sheet = str(tmp_path / "sheet.csv")
    refused(run("reviews", "sample", "nobody", "--output", sheet), "nobody")
    refused(run("reviews", "sample", small.SYSTEM, "--output", sheet, "--from", "soon"), "--from")
    refused(run("reviews", "sample", small.SYSTEM, "--output", str(tmp_path / "no" / "sheet.csv")), "sheet.csv")
    assert run("reviews", "sample", small.SYSTEM, "--output", sheet, "--n", "8")[0] == 0
    refused(run("reviews", "sample", small.SYSTEM, "--output", sheet), "exists already")
    refused(run("reviews", "import", sheet, "--reviewer", "V"), "no answer")
    refused(run("reviews", "import", str(tmp_path / "gone.csv"), "--reviewer", "V"), "gone.csv")
    bad = fill(Path(sheet), lambda row: {"fabrication": "perhaps"})
    code, out, err = run("reviews", "import", str(bad), "--reviewer", "V")
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 9, "a sentence a fault, and that nothing was taken in"
