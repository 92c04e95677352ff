"""Templates are seen over a system's drafts."""

from auditor.claims import default_lexicon
from auditor.judges.collapse import collapse, shares

LEXICON = default_lexicon()


def test_a_sentence_of_most_drafts_is_a_template() -> None:
    drafts = ["The lungs are clear. Small left effusion.", "The lungs are clear. Cardiomegaly."]
    others = ["Right pneumothorax.", "Left basal oedema."]
    found = collapse([*drafts, *others], LEXICON)
    assert (found.drafts, found.same_draft, found.templates) == (4, 0.25, {})
    found = collapse([*drafts, "THE LUNGS ARE CLEAR. Scoliosis.", *others], LEXICON)
    assert found.templates == {"the lung are clear": 0.6}


def test_one_draft_for_every_image() -> None:
    found = collapse(["Lungs are clear. Heart is normal."] * 9 + ["Left effusion."], LEXICON)
    assert found.collapsed
    assert found.same_draft == 0.9
    assert set(found.templates.values()) == {0.9}


def test_nothing_said_is_nothing_known() -> None:
    found = collapse(["", "  "], LEXICON)
    assert (found.drafts, found.same_draft, found.collapsed) == (0, None, False)


def test_how_often_others_write_a_template() -> None:
    reports = ["Lungs are clear. Effusion.", "The lungs are clear.", "THE LUNGS ARE CLEAR", ""]
    assert shares(reports, ["the lung are clear", "no effusion"], LEXICON) == {
        "the lung are clear": 2 / 3,
        "no effusion": 0.0,
    }
    assert shares([], ["the lung are clear"], LEXICON) == {}
