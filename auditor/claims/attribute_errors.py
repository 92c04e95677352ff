"""What is wrong with one matched observation: side, site, severity, certainty, course, size, device, name."""

from collections.abc import Iterator

from auditor.claims.error import Code, Context, Error
from auditor.claims.lexicon import SIGNIFICANCES, Lexicon
from auditor.claims.match import same_family
from auditor.claims.observations import Observation, related, sites_agree
from auditor.claims.significance import significance

_ACTIVE = ("new", "worse")
_SMALLEST_MM, _SHARE, _MASS_MM = 2.0, 0.2, 30.0


def _side(d: Observation, r: Observation, unsided: bool) -> tuple[str, str] | None:
    """A swap is major; both sides against one, or a side that the draft drops, is minor; an added side is none."""
    if unsided or d.side == r.side or r.side is None:
        return None
    if d.side is None:
        return "dropped", "minor"
    return ("partial", "minor") if "bilateral" in (d.side, r.side) else ("swapped", "major")


def _site(d: Observation, r: Observation, lexicon: Lexicon) -> tuple[str, str] | None:
    if sites_agree(d.sites, r.sites, lexicon):
        return None
    near = {n for s in r.sites if s in lexicon.structures for n in lexicon.structures[s].near}
    adjacent = sites_agree(d.sites, near, lexicon) if near else False
    return ("adjacent", "minor") if adjacent else ("elsewhere", "major")


def _severity(d: Observation, r: Observation, lexicon: Lexicon) -> tuple[str, str] | None:
    if d.severity is None or r.severity is None:
        return None
    step = abs(lexicon.severity_rank[d.severity] - lexicon.severity_rank[r.severity])
    if step < 1:
        return None
    return ("ordinal", "major" if step >= 2 else "minor")


def _certainty(d: Observation, r: Observation, urgent: bool) -> tuple[str, str] | None:
    if d.certainty == r.certainty:
        return None
    return ("overstated" if d.certainty == "definite" else "understated", "major" if urgent else "minor")


def _course(d: Observation, r: Observation) -> tuple[str, str] | None:
    """Stable or improving against new or worse is major; an active course that the draft drops is minor."""
    if d.trajectory is None:
        return ("dropped", "minor") if r.trajectory in _ACTIVE else None
    if r.trajectory is None or d.trajectory == r.trajectory:
        return None
    if (d.trajectory in _ACTIVE) != (r.trajectory in _ACTIVE):
        return "opposite", "major"
    return "course", "minor"


def _same_size(a: float, b: float) -> bool:
    if abs(a - b) < _SMALLEST_MM:
        return True
    return abs(a - b) <= _SHARE * max(a, b) and (a < _MASS_MM) == (b < _MASS_MM)


def _size(d: Observation, r: Observation) -> tuple[str, str] | None:
    """A size off by 2 mm or more and by more than a fifth, or across 30 mm, where a nodule becomes a mass."""
    if not d.sizes_mm or not r.sizes_mm:
        return None
    wrong = [a for a in d.sizes_mm if not any(_same_size(a, b) for b in r.sizes_mm)]
    lost = [b for b in r.sizes_mm if not any(_same_size(a, b) for a in d.sizes_mm)]
    more = len(d.claims) > 1 and len(d.sizes_mm) > len(r.sizes_mm)  # one mention says another size than the next
    return ("size", "major") if wrong and (lost or more) else None


def _device(d: Observation, r: Observation, lexicon: Lexicon) -> tuple[str, str] | None:
    if d.kind != "device":
        return None
    if not related(d.finding, r.finding, lexicon) and same_family(d.finding, r.finding, lexicon):
        return "type", "major"
    if d.tip and r.tip and not sites_agree({d.tip}, {r.tip}, lexicon):
        return "tip", "major"
    return None


def _name(d: Observation, r: Observation, lexicon: Lexicon, context: Context) -> tuple[str, str] | None:
    """A kind of the reference's finding that matters more ("mass" for "opacity"), or the reverse."""
    if d.finding == r.finding or not related(d.finding, r.finding, lexicon):
        return None
    rank = [SIGNIFICANCES.index(significance(o.finding, lexicon, context)) for o in (d, r)]
    if rank[0] == rank[1]:
        return None
    if r.finding in lexicon.ancestors[d.finding]:
        return "overinterpreted", "minor"
    return "unspecific", "minor"


def of_pair(d: Observation, r: Observation, lexicon: Lexicon, context: Context) -> Iterator[Error]:
    """The errors of a matched pair."""
    unsided = lexicon.findings[d.finding].unsided or lexicon.findings[r.finding].unsided
    weight = min((significance(o.finding, lexicon, context) for o in (d, r)), key=SIGNIFICANCES.index)
    checks: tuple[tuple[Code, tuple[str, str] | None], ...] = (
        ("LAT", _side(d, r, unsided)),
        ("LOC", _site(d, r, lexicon)),
        ("SEV", _severity(d, r, lexicon)),
        ("CER", _certainty(d, r, weight == "urgent")),
        ("TMP", _course(d, r)),
        ("NUM", _size(d, r)),
        ("DEV", _device(d, r, lexicon)),
        ("OVR", _name(d, r, lexicon, context)),
    )
    for code, hit in checks:
        if hit is not None:
            kind, grade = hit
            yield Error(code, kind, r.finding, weight, "major" if grade == "major" else "minor", d.span, r.span)
