"""Observations: what a report says is there, each thing once.

A report names one thing several times: in the findings and the impression, as an opacity and as what it is
taken for. Claims that may be the same thing are joined: same finding, or one a kind of the other, and no
side or site that tells them apart. Everything here treats draft and reference alike.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from auditor.claims.claim import Claim
from auditor.claims.lexicon import Lexicon


@dataclass(slots=True)
class Observation:
    """One thing that a report says is there: all names it is given, and what is said about it."""

    finding: str  # the most specific name
    names: list[str]
    side: str | None
    sites: set[str]
    severity: str | None
    certainty: str
    trajectory: str | None
    sizes_mm: tuple[float, ...]
    tip: str | None
    kind: str
    claims: list[Claim] = field(default_factory=list)

    def specific_names(self, lexicon: Lexicon) -> set[str]:
        """Its names without those that another of its names makes more specific."""
        return {n for n in self.names if not any(n != m and n in lexicon.ancestors[m] for m in self.names)}

    @property
    def span(self) -> tuple[int, int]:
        """Where it is first said."""
        return min(claim.span for claim in self.claims)


def informative_sites(claim: Claim, lexicon: Lexicon) -> set[str]:
    """The sites of a claim that say more than its finding does by itself."""
    finding = lexicon.findings[claim.finding]
    if finding.tip:
        return set()  # where a line runs is said by its tip
    structure = finding.structure
    trivial = lexicon.within.get(structure, frozenset((structure,)))
    return {site for site in claim.sites if site not in trivial}


def sides_agree(one: str | None, other: str | None) -> bool:
    """Whether two sides can be the same: equal, or at least one not stated."""
    return one is None or other is None or one == other


def sites_agree(one: set[str], other: set[str], lexicon: Lexicon) -> bool:
    """Whether two sets of sites can be the same place: shared, part of each other, or easily taken for it."""
    if not one or not other or one & other:
        return True
    return any(_close(a, b, lexicon) for a in one for b in other)


def _close(a: str, b: str, lexicon: Lexicon) -> bool:
    first, second = lexicon.structures.get(a), lexicon.structures.get(b)
    if first is None or second is None:
        return False
    if a in second.near or b in first.near:
        return True
    return a in lexicon.within[b] or b in lexicon.within[a]


def related(a: str, b: str, lexicon: Lexicon) -> bool:
    """Whether one finding is the other or a kind of it."""
    return a == b or a in lexicon.ancestors[b] or b in lexicon.ancestors[a]


def alike(a: str, b: str, lexicon: Lexicon) -> bool:
    """Whether two findings are often taken for each other without being kinds of each other."""
    above, other = lexicon.ancestors[a], lexicon.ancestors[b]
    return any(one in other for one in lexicon.findings[a].like) or any(
        one in above for one in lexicon.findings[b].like
    )


def _same_thing(home: Observation, claim: Claim, sites: set[str], lexicon: Lexicon) -> bool:
    """Whether a claim may speak of an observation already made."""
    finding = lexicon.findings[claim.finding]
    if finding.kind == "device":  # a device is one thing from its generator to its tip
        same_sentence = claim.sentence == home.claims[-1].sentence
        return same_sentence or sides_agree(home.side, claim.side)
    if not finding.unsided:
        if not sides_agree(home.side, claim.side):
            return False
        if claim.finding not in home.names and _apart(home, claim):
            return False
    return sites_agree(home.sites, sites, lexicon)


def _apart(home: Observation, claim: Claim) -> bool:
    """Whether two names, one more specific, are given to two things: one with a side, in another sentence."""
    other = [c for c in home.claims if c.section == claim.section]
    return bool(other) and home.side != claim.side and all(c.sentence != claim.sentence for c in other)


def _interprets(claim: Claim, found: list[Observation], lexicon: Lexicon) -> Observation | None:
    """The observation that a claim gives one of several readings of: "opacity, edema versus pneumonia"."""
    if not claim.interpreted:
        return None
    for home in reversed(found):
        if home.claims[0].sentence == claim.sentence and sides_agree(home.side, claim.side):
            shared = lexicon.ancestors[claim.finding] & lexicon.ancestors[home.finding]
            if any(not lexicon.findings[one].abstract for one in shared):
                return home
    return None


def observe(claims: Iterable[Claim], lexicon: Lexicon) -> list[Observation]:
    """The observations of a report, in order of appearance.

    Claims that name a side or site come first, so that the order of sentences does not matter.
    """
    found: list[Observation] = []
    named: dict[str, list[Observation]] = {}
    for claim in sorted(claims, key=_vagueness):
        if claim.status != "present" or claim.context or claim.kind not in ("finding", "device"):
            continue
        finding = lexicon.findings[claim.finding]
        if finding.umbrella is not None or finding.abstract:
            continue
        sites = informative_sites(claim, lexicon)
        home = _interprets(claim, found, lexicon)
        if home is None:
            kin = (o for name in lexicon.kin[claim.finding] for o in named.get(name, ()))
            home = next((o for o in kin if _same_thing(o, claim, sites, lexicon)), None)
        if home is None:
            home = Observation(
                finding=claim.finding,
                names=[],
                side=claim.side,
                sites=sites,
                severity=claim.severity,
                certainty=claim.certainty,
                trajectory=claim.trajectory,
                sizes_mm=(),
                tip=claim.tip,
                kind=claim.kind,
            )
            found.append(home)
        if claim.finding not in home.names:
            named.setdefault(claim.finding, []).append(home)
        _join(home, claim, sites, lexicon)
    found.sort(key=lambda o: o.span)
    return found


def _vagueness(claim: Claim) -> int:
    return (claim.side is None) + (not claim.sites)


def _join(home: Observation, claim: Claim, sites: set[str], lexicon: Lexicon) -> None:
    if claim.finding not in home.names:
        home.names.append(claim.finding)
        if home.finding in lexicon.ancestors[claim.finding]:
            home.finding = claim.finding
            home.certainty = claim.certainty
    elif claim.certainty == "definite" and claim.finding == home.finding:
        home.certainty = "definite"
    home.side = home.side or claim.side
    home.sites |= sites
    home.severity = home.severity or claim.severity
    home.trajectory = home.trajectory or claim.trajectory
    home.sizes_mm = tuple(dict.fromkeys((*home.sizes_mm, *claim.sizes_mm)))
    home.tip = home.tip or claim.tip
    home.claims.append(claim)


def pair_sides(one: list[Observation], other: list[Observation], lexicon: Lexicon) -> list[Observation]:
    """Join a left and a right observation of `one` where `other` says the same thing of both sides at once."""
    both = [o for o in other if o.side == "bilateral"]
    result = list(one)
    for target in both:
        same = [o for o in result if o.side in ("left", "right") and o.finding == target.finding]
        left = next((o for o in same if o.side == "left"), None)
        right = next((o for o in same if o.side == "right"), None)
        if left is None or right is None:
            continue
        first, second = sorted((left, right), key=lambda o: o.span)
        first.side = "bilateral"
        first.sites |= second.sites
        first.claims += second.claims
        result.remove(second)
    return result
