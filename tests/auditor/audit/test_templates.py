"""Mode collapse in an audit: what stands in most drafts, beside what radiologists write."""

from auditor.audit.run import Result
from tests.auditor import small_hospital as small
from tests.auditor.small_hospital import LATER, Site


def test_a_sentence_of_every_draft_is_named_beside_the_radiologists(site: Site, first: Result) -> None:
    (small_one,) = site.dossier(first.audit).templates  # two of three drafts say the same; numbers do not count
    assert [(one.share, one.reference_share, one.beyond) for one in small_one.sentences] == [(0.675, 0.0, True)]
    about = {"task": "report", "version": "3", "produced_at": "2026-02-20T10:00:00Z"}
    same = "There is no pleural effusion. The lungs are clear."
    drafts = [same if i % 4 else "Small effusion. The lungs are clear." for i in range(40)]
    site.hand_in("cases", [{"case_id": f"T-{i}", "patient_id": f"T-{i}"} for i in range(40)], LATER)
    signed = [small.report_reference(i, case_id=f"T-{i}") for i in range(40)]
    site.hand_in("references", signed, LATER)
    rows = [about | {"case_id": f"T-{i}", "output_id": f"T-{i}", "text": text} for i, text in enumerate(drafts)]
    site.hand_in("outputs", rows, LATER)
    (found,) = site.dossier(site.audit(LATER).audit).templates
    assert (found.version, found.drafts, found.same_draft, found.collapsed) == ("3", 40, 0.75, True)
    assert {(one.words, one.share, one.beyond) for one in found.sentences} == {
        ("the lung are clear", 1.0, True),
        ("there is no pleural effusion", 0.75, True),
    }
    site.apply(small.YAML.replace("exemplars: sentence", "exemplars: none"), LATER)
    (hidden,) = site.dossier(site.audit(LATER).audit).templates
    assert {one.words for one in hidden.sentences} == {""}
