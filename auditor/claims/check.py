"""Whether a lexicon is sound: what `auditor lexicon check` prints."""

from collections.abc import Iterator

from auditor.claims.lexicon import SIGNIFICANCES, Lexicon


def check(lexicon: Lexicon) -> list[str]:
    """The problems of a lexicon, in words; an empty list when there are none."""
    return [*lexicon.conflicts, *_findings(lexicon), *_structures(lexicon), *_normals(lexicon)]


def _findings(lexicon: Lexicon) -> Iterator[str]:
    for finding in lexicon.findings.values():
        where = f"finding {finding.id}"
        if finding.significance not in SIGNIFICANCES:
            yield f"{where}: significance must be one of {', '.join(SIGNIFICANCES)}"
        if finding.structure not in lexicon.structures:
            yield f"{where}: structure {finding.structure!r} is not in the anatomy"
        for parent in finding.parents:
            if parent not in lexicon.findings:
                yield f"{where}: parent {parent!r} is not a finding"
            elif finding.id in lexicon.ancestors[parent]:
                yield f"{where}: is its own ancestor through {parent}"
        for other in finding.like:
            if other not in lexicon.findings:
                yield f"{where}: like {other!r}, which is not a finding"
        if finding.umbrella is not None and finding.umbrella not in lexicon.normals:
            yield f"{where}: umbrella {finding.umbrella!r} is not a normal statement"
        for rule in finding.adjust:
            if rule.get("significance") not in SIGNIFICANCES:
                yield f"{where}: an adjustment needs a significance of {', '.join(SIGNIFICANCES)}"


def _structures(lexicon: Lexicon) -> Iterator[str]:
    for structure in lexicon.structures.values():
        for other in (structure.part_of, structure.stands_for, *sorted(structure.near)):
            if other is not None and other not in lexicon.structures:
                yield f"structure {structure.id}: {other!r} is not in the anatomy"
        if structure.side not in (None, "left", "right", "bilateral"):
            yield f"structure {structure.id}: side must be left, right or bilateral"


def _normals(lexicon: Lexicon) -> Iterator[str]:
    for normal in lexicon.normals.values():
        for name in sorted(normal.covers - set(lexicon.findings)):
            yield f"normal statement {normal.id}: covers {name!r}, which is not a finding"
        for name in sorted(normal.addresses - set(lexicon.structures) - set(lexicon.findings)):
            yield f"normal statement {normal.id}: addresses {name!r}, which is not in the anatomy"
