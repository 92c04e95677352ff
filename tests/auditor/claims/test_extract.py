"""What is read from sentences written for these tests."""

import pytest

from auditor.claims import Claim, extract


def found(text: str) -> dict[str, Claim]:
    return {claim.finding: claim for claim in extract(text)}


def status(text: str) -> dict[str, str]:
    return {claim.finding: claim.status for claim in extract(text) if claim.kind != "normal"}


PRESENT, ABSENT = "present", "absent"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No pneumothorax.", {"pneumothorax": ABSENT}),
        (
            "There is no pleural effusion, pneumothorax, or consolidation.",
            {"pleural_effusion": ABSENT, "pneumothorax": ABSENT, "consolidation": ABSENT},
        ),
        ("Neither effusion nor pneumothorax is seen.", {"pleural_effusion": ABSENT, "pneumothorax": ABSENT}),
        ("Effusion or pneumothorax is not identified.", {"pleural_effusion": ABSENT, "pneumothorax": ABSENT}),
        ("No effusion but a small pneumothorax.", {"pleural_effusion": ABSENT, "pneumothorax": PRESENT}),
        ("No effusion, small left pneumothorax.", {"pleural_effusion": ABSENT, "pneumothorax": PRESENT}),
        ("No pneumothorax and the heart is enlarged.", {"pneumothorax": ABSENT, "cardiomegaly": PRESENT}),
        (
            "The lungs are well inflated without effusion, consolidation, or pneumothorax.",
            {"pleural_effusion": ABSENT, "consolidation": ABSENT, "pneumothorax": ABSENT},
        ),
        ("Lungs are free of infiltrates.", {"infiltrate": ABSENT}),
        ("The previously seen effusion has resolved.", {"pleural_effusion": ABSENT}),
        ("The pneumothorax is no longer seen.", {"pneumothorax": ABSENT}),
        ("No significant change in the left effusion.", {"pleural_effusion": PRESENT}),
        ("The heart is not enlarged.", {"cardiomegaly": ABSENT}),
        ("No cardiomegaly with bilateral small effusions.", {"cardiomegaly": ABSENT, "pleural_effusion": PRESENT}),
        (
            "No visible pneumothorax, airspace disease, or effusion is seen.",
            {"pneumothorax": ABSENT, "airspace_opacity": ABSENT, "pleural_effusion": ABSENT},
        ),
        ("Emphysema without superimposed pneumonia.", {"emphysema": PRESENT, "pneumonia": ABSENT}),
    ],
)
def test_negation(text: str, expected: dict[str, str]) -> None:
    assert status(text) == expected


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("The heart is mildly enlarged.", "cardiomegaly"),
        ("Enlargement of the cardiac silhouette.", "cardiomegaly"),
        ("Cardiac silhouette is mildly prominent.", "cardiomegaly"),
        ("The left hemidiaphragm is elevated.", "elevated_hemidiaphragm"),
        ("Blunting of the right costophrenic angle.", "blunted_costophrenic_angle"),
        ("The thoracic aorta is tortuous.", "aortic_tortuosity"),
        ("Healed fracture of the left seventh rib.", "old_rib_fracture"),
        ("Degenerative changes are present in the spine.", "degenerative_spine"),
        ("Interstitial oedema is present.", "pulmonary_edema"),
        ("Small left haemothorax.", "hemothorax"),
        ("Bilateral pleural effusoin.", "pleural_effusion"),
        ("HYPEREXPANDED LUNGS.", "hyperinflation"),
    ],
)
def test_words_in_many_forms(text: str, finding: str) -> None:
    claim = found(text)[finding]
    assert claim.status == PRESENT
    assert not claim.context


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("Possible right lower lobe pneumonia.", "pneumonia"),
        ("Pneumonia cannot be excluded.", "pneumonia"),
        ("Opacity which may represent atelectasis.", "atelectasis"),
        ("Atelectasis versus pneumonia.", "atelectasis"),
        ("Small effusion is suspected.", "pleural_effusion"),
        ("Scarring or atelectasis at the base.", "scarring"),
    ],
)
def test_hedges(text: str, finding: str) -> None:
    claim = found(text)[finding]
    assert (claim.status, claim.certainty) == (PRESENT, "hedged")


def test_attributes() -> None:
    claim = found("There is a 2.3 x 1.5 cm nodule in the right upper lobe, increased in size.")["lung_nodule"]
    assert (claim.side, claim.sites, claim.sizes_mm, claim.trajectory) == (
        "right",
        ("upper_lobe",),
        (23.0, 15.0),
        "worse",
    )
    claim = found("Unchanged moderate left pleural effusion.")["pleural_effusion"]
    assert (claim.side, claim.severity, claim.trajectory) == ("left", "moderate", "stable")
    claim = found("Bibasilar atelectasis.")["atelectasis"]
    assert (claim.side, claim.sites) == ("bilateral", ("base",))
    claim = found("Three calcified granulomas.")["calcified_granuloma"]
    assert claim.count == 3


def test_tip_of_a_device_also_from_the_next_sentence() -> None:
    assert found("Right PICC with its tip in the superior vena cava.")["picc"].tip == "svc"
    assert found("A left PICC is present. The tip projects over the right atrium.")["picc"].tip == "right_atrium"


def test_places_of_a_list_are_claims_of_their_own() -> None:
    claims = extract("Patchy opacities in the left lower lobe and in the right upper lobe.")
    assert {(c.side, c.sites) for c in claims} == {("left", ("lower_lobe",)), ("right", ("upper_lobe",))}


def test_a_greater_finding_denied_leaves_a_lesser_one_open() -> None:
    assert found("No large pleural effusion.")["pleural_effusion"].qualified
    assert not found("No pleural effusion.")["pleural_effusion"].qualified


def test_normal_statements() -> None:
    assert {c.finding for c in extract("Heart size and mediastinal contours are within normal limits.")} == {
        "normal_heart",
        "normal_mediastinum",
    }
    assert found("No acute cardiopulmonary abnormality.")["no_acute_disease"].kind == "normal"
    assert found("The right lung is clear.")["normal_lungs"].side == "right"


def test_sections_give_context() -> None:
    text = (
        "INDICATION: Rule out pneumonia.\nCOMPARISON: None.\nFINDINGS: Small effusion.\nIMPRESSION:\n1. Effusion."
    )
    claims = extract(text)
    assert [(c.finding, c.section, c.context) for c in claims] == [
        ("pneumonia", "indication", True),
        ("pleural_effusion", "findings", False),
        ("pleural_effusion", "impression", False),
    ]


def test_headings_without_a_colon() -> None:
    text = "History\nKnown pneumonia\nFINDINGS\nSmall effusion\n**Impression**\nEffusion"
    assert [(c.finding, c.section) for c in extract(text)] == [
        ("pneumonia", "indication"),
        ("pleural_effusion", "findings"),
        ("pleural_effusion", "impression"),
    ]


def test_advice_is_not_a_claim() -> None:
    assert found("Chest CT is recommended to exclude a mass.")["lung_mass"].context
    assert not found("There is a mass, CT is recommended.")["lung_mass"].context


@pytest.mark.parametrize(
    "text",
    [
        "Left basal opacity.There is no effusion.",
        "Left basal opacity There is no effusion.",
        "1.Left basal opacity.2.No effusion.",
        "- left basal opacity\n- no effusion",
        "LEFT BASAL OPACITY. NO EFFUSION.",
        "Left basal\nopacity. No\neffusion XXXX.",
        "Left basal opacity\n\nNo effusion ___.",
    ],
)
def test_sentences_survive_real_text(text: str) -> None:
    claims = found(text)
    assert (claims["lung_opacity"].status, claims["lung_opacity"].side) == (PRESENT, "left")
    assert claims["pleural_effusion"].status == ABSENT


def test_a_claim_shows_the_rule_that_fired() -> None:
    claim = found("No effusion.")["pleural_effusion"]
    assert claim.as_dict(explain=True)["rule"] == "effusion; negation: no"
    assert "rule" not in claim.as_dict()
