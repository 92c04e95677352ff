"""The shipped lexicon is sound, and files of a site extend it; nothing in the code knows the chest."""

import pickle
from pathlib import Path

import pytest

from auditor.claims import LexiconError, check, default_lexicon, extract, load
from auditor.claims.lexicon import SHIPPED

FOLDER = Path(extract.__code__.co_filename).parent


def test_the_shipped_lexicon_is_sound_and_broad() -> None:
    lexicon = default_lexicon()
    assert check(lexicon) == []
    assert len(lexicon.findings) + len(lexicon.normals) >= 120
    assert {"pneumonia"} <= {f for f in lexicon.findings if "lung_opacity" in lexicon.ancestors[f]}


def test_a_site_adds_a_finding_and_replaces_another(tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    site.write_text(
        "findings:\n"
        "  our_device: {kind: device, structure: device, significance: benign, terms: [zephyr valve]}\n"
        "  scarring: {structure: lung, significance: actionable, terms: [scar]}\n"
    )
    lexicon = load([*(FOLDER / f"{name}.yaml" for name in SHIPPED), site])
    assert [c.finding for c in extract("Zephyr valve in place.", lexicon)] == ["our_device"]
    assert lexicon.findings["scarring"].significance == "actionable"
    assert lexicon.digest != default_lexicon().digest


def test_another_anatomy_is_only_data(tmp_path: Path) -> None:
    knee = tmp_path / "knee.yaml"
    knee.write_text(
        "anatomy:\n"
        "  meniscus: {terms: [meniscus, medial meniscus]}\n"
        "states:\n"
        "  torn: {terms: [torn, tear]}\n"
        "findings:\n"
        "  meniscal_tear: {structure: meniscus, significance: actionable, when: [[meniscus, torn]]}\n"
    )
    lexicon = load([FOLDER / "english.yaml", knee])
    assert check(lexicon) == []
    (claim,) = extract("The left medial meniscus is torn.", lexicon)
    assert (claim.finding, claim.side) == ("meniscal_tear", "left")
    (claim,) = extract("No tear of the medial meniscus.", lexicon)
    assert claim.status == "absent"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("findings: [", "not valid YAML"),
        ("- a\n- b\n", "must be a mapping"),
        ("findings: {x: 3}", "wrong form"),
        ("cues: {shouting: [hey]}", "unknown cue"),
    ],
)
def test_a_bad_file_gives_one_clear_sentence(tmp_path: Path, content: str, said: str) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(content)
    with pytest.raises(LexiconError, match=said):
        load([bad])
    with pytest.raises(LexiconError, match=r"absent\.yaml cannot be read"):
        load([tmp_path / "absent.yaml"])


def test_check_names_what_does_not_exist(tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(
        "findings:\n"
        "  a: {structure: nowhere, significance: huge, parent: [nothing], like: [nobody], terms: [word]}\n"
        "  b: {structure: nowhere, significance: urgent, parent: [c], terms: [word]}\n"
        "  c: {structure: nowhere, significance: urgent, parent: [b], terms: [other]}\n"
        "normals:\n"
        "  n: {covers: [missing], addresses: [limbo], terms: []}\n"
    )
    problems = "\n".join(check(load([bad])))
    for word in (
        "'word' means",
        "nowhere",
        "significance must be",
        "nothing",
        "nobody",
        "own ancestor",
        "missing",
        "limbo",
    ):
        assert word in problems


def test_words_remember_only_so_much() -> None:
    words = pickle.loads(pickle.dumps(default_lexicon().words.spelling))
    assert words["oedema"] == "edema"
