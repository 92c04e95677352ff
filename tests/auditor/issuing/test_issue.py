"""A report is issued once, made again byte for byte, and followed by another when something is new."""

import io
import json
from datetime import timedelta
from typing import Any

import pypdf
import pytest
import sqlalchemy as sa

from auditor.alerts.life import acknowledge
from auditor.audit.run import Result
from auditor.issuing.issue import FLEET, IssueError, files_of, issue_fleet, stored
from auditor.issuing.recompute import recompute
from auditor.store import tables as t
from auditor.store.verify import verify
from reports import export_report
from tests.auditor import small_hospital as small
from tests.auditor.conftest import Run
from tests.auditor.issuing.conftest import AT, issue
from tests.auditor.small_hospital import LATER, SYSTEM, Site


def test_asked_for_again_it_is_the_same_report(site: Site, first: Result) -> None:
    made = issue(site)
    assert (made.report, made.audit, made.known) == ("report-1", first.audit, False)
    assert set(made.files) == {"report.html", "report.pdf", "report.json", "summary.md", "model-card.xml"}
    again = issue(site, AT + timedelta(minutes=5))
    assert (again.report, again.known) == ("report-1", True)
    assert again.files == made.files
    assert len(site.ledger.read(sa.select(t.reports))) == 1
    assert verify(site.ledger, site.lake).ok


def test_made_again_from_its_content_every_file_is_the_same_bytes(site: Site) -> None:
    made = issue(site)
    content, dossiers = export_report.loads(made.files["report.json"].decode())
    assert files_of("weekly", content, dossiers, "a4") == dict(made.files)
    letter = files_of("weekly", content, dossiers, "us-letter")["report.pdf"]
    sizes = [pypdf.PdfReader(io.BytesIO(pdf)).pages[0].mediabox[2:] for pdf in (letter, made.files["report.pdf"])]
    assert [[round(float(side)) for side in size] for size in sizes] == [[612, 792], [595, 842]]


def test_the_pdf_is_tagged_archival_and_holds_its_evidence(site: Site) -> None:
    made = issue(site)
    pdf = pypdf.PdfReader(io.BytesIO(made.files["report.pdf"]))
    assert pdf.attachments == {"report.json": [made.files["report.json"]]}
    root: Any = pdf.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    metadata = root["/Metadata"].get_data().decode()
    assert "<pdfaid:part>3</pdfaid:part>" in metadata and "<pdfuaid:part>1</pdfuaid:part>" in metadata
    text = " ".join(page.extract_text() for page in pdf.pages)
    assert "Decisions requested" in text and "Sign-off" in text


def test_an_answered_alert_makes_a_new_report_that_names_the_old(site: Site) -> None:
    made = issue(site)
    alert = site.ledger.read(sa.select(t.alerts.c.id).order_by(t.alerts.c.id))[0]["id"]
    acknowledge(site.ledger, alert, "ada", AT, owner="Dr Ada Lang")
    new = issue(site, AT + timedelta(days=1))
    assert (new.report, new.known) == ("report-2", False)
    (row,) = site.ledger.read(sa.select(t.reports).where(t.reports.c.id == "report-2"))
    assert row["replaces"] == "report-1"
    assert stored(site.ledger, site.lake, "report-1").files == made.files, "what was issued stays"
    assert b"Dr Ada Lang" in new.files["report.html"]


def test_a_new_audit_is_told_as_what_changed(site: Site) -> None:
    issue(site)
    site.hand_in(
        "references", [small.report_reference(small.WAITING[0], text="Large left pleural effusion.")], LATER
    )
    site.audit(LATER + timedelta(days=1))
    new = issue(site, LATER + timedelta(days=1))
    content = json.loads(new.files["report.json"])["briefing"]
    assert content["previous"] == "report-1"
    restated = [one for one in content["changes"] if one["kind"] == "restated"]
    assert restated, "the same window was measured again, with another number"
    assert b"Restated:" in new.files["report.html"]


def test_an_older_audit_keeps_its_report(site: Site, first: Result) -> None:
    made = issue(site)
    site.hand_in("references", [small.report_reference(small.WAITING[0])], LATER)
    site.audit(LATER + timedelta(days=1))
    issue(site, LATER + timedelta(days=1))
    assert issue(site, AT, first.audit).report == made.report


def test_the_fleet_has_a_line_and_a_section_a_system(site: Site) -> None:
    made = issue_fleet(site.ledger, site.lake, at=AT, actor="test", alarms_a_year=2.0)
    (row,) = site.ledger.read(sa.select(t.reports))
    assert (row["kind"], row["system"], row["audit"]) == (FLEET, None, None)
    page = made.files["report.html"].decode()
    assert "The gravest verdict of all systems" in page
    assert f'<section id="{SYSTEM}">' in page


def test_without_an_audit_there_is_no_report_of_the_fleet(fresh_site: Site) -> None:
    with pytest.raises(IssueError, match="No system has been audited yet"):
        issue_fleet(fresh_site.ledger, fresh_site.lake, at=AT, actor="test", alarms_a_year=2.0)


def test_no_report_text_or_identifier_where_the_policy_says_none(fresh_site: Site) -> None:
    fresh_site.apply(small.YAML.replace("exemplars: sentence", "exemplars: none"), small.RECEIVED)
    fresh_site.audit()
    made = issue(fresh_site)
    for name, data in made.files.items():
        if name != "report.pdf":  # its text is compressed; the same content is in the page
            assert small.MARKER.encode() not in data, name
    for page in pypdf.PdfReader(io.BytesIO(made.files["report.pdf"])).pages:
        assert small.MARKER not in page.extract_text()


def test_an_audit_made_again_from_its_rows_is_what_was_recorded(site: Site, first: Result) -> None:
    found = recompute(site.ledger, site.lake, SYSTEM)
    assert found.problems == () and found.compared > 100
    assert f"{first.audit} made again" in found.note


def test_a_measurement_that_was_not_made_from_the_rows_is_named(site: Site, first: Result) -> None:
    # a forger who can write the ledger through its own door: the chain holds, the number is false
    with site.ledger.transaction("forger", LATER) as tx:
        tx.update(t.measurements, (first.audit, 0), {"value": 0.001})
    assert verify(site.ledger, site.lake).ok
    (problem,) = recompute(site.ledger, site.lake, SYSTEM).problems
    assert problem.kind == "measurement" and first.audit in problem.sentence


def test_the_commands(run: Run, audited: Site) -> None:
    audited.audit(LATER)
    code, out, _ = run("report", SYSTEM, "--format", "html,pdf,json,md,xml", "--output", "out", "--json")
    files = json.loads(out)["files"]
    assert code == 0 and len(files) == 5
    code, _, said = run("report", SYSTEM, "--output", "out")
    assert code == 0 and "issued before, unchanged" in said
    code, _, said = run("report", "--fleet", "--format", "pdf", "--output", "out")
    assert code == 0 and "report-2" in said
    code, _, said = run("report", SYSTEM, "--format", "docx")
    assert (code, "no report format 'docx'" in said) == (2, True)
    assert run("report")[0] == 2
    code, out, _ = run("reports", "--json")
    assert [one["id"] for one in json.loads(out)] == ["report-2", "report-1"]
    code, out, _ = run("verify", "--recompute", SYSTEM, "--json")
    assert code == 0 and json.loads(out)["recomputed"] > 100
