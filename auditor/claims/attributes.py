"""Side, site, severity, trajectory, size, count and tip: which word belongs to which finding.

A word in front of a finding belongs to it when only other such words stand between. A word after it ("in the
right lower lobe", "is small") belongs to the finding before it and to those listed with it. A site or side
that opens a sentence is the topic of the findings that follow.
"""

from auditor.claims.kinds import Kind
from auditor.claims.lexicon import Lexicon
from auditor.claims.mentions import Mention
from auditor.claims.scope import AND, COMMA, FINDING, OR, PREPOSITION, STATE, STRUCTURE
from auditor.claims.sentences import Item
from auditor.claims.terms import NUMBER

SIDE, SEVERITY, TRAJECTORY, COUNT, UNIT, TIP = (
    int(Kind.SIDE),
    int(Kind.SEVERITY),
    int(Kind.TRAJECTORY),
    int(Kind.COUNT),
    int(Kind.UNIT),
    int(Kind.TIP),
)
CARRIED = frozenset((SIDE, SEVERITY, TRAJECTORY, COUNT, UNIT, STRUCTURE, TIP))
_PASSED = frozenset((SIDE, SEVERITY, TRAJECTORY, COUNT, UNIT, STATE, int(Kind.QUALIFIER), int(Kind.HEDGE)))
_JOINS = frozenset((AND, OR, COMMA))


def both_sides(one: str | None, other: str | None) -> str | None:
    """The side of something said to lie on `one` and on `other`.

    >>> both_sides("left", "right"), both_sides(None, "left")
    ('bilateral', 'left')
    """
    if one is None or one == other:
        return other
    return one if other is None else "bilateral"


class _Carrier:
    """Gives every attribute of one sentence to its mentions."""

    def __init__(
        self, items: list[Item], mentions: list[Mention], used: set[int], lexicon: Lexicon, words: list[str]
    ) -> None:
        self.items = items
        self.kinds = [int(item[0].kind) for item in items]
        self.words = words
        self.lexicon = lexicon
        self.used = used
        self.holders: dict[int, list[Mention]] = {}
        for mention in mentions:
            for at in {mention.first, mention.last}:
                self.holders.setdefault(at, []).append(mention)
        self.positions = sorted(self.holders)
        self.sides: dict[int, str] = {}  # side of a structure that is only a site

    def before(self, k: int) -> list[Mention]:
        """The mention before item k and those listed with it."""
        at = next((p for p in reversed(self.positions) if p < k), None)
        if at is None:
            return []
        found = list(self.holders[at])
        position = at - 1
        while position >= 0:
            kind = self.kinds[position]
            if position in self.holders and kind == FINDING:
                found += [m for m in self.holders[position] if m not in found]
            elif kind not in _JOINS and kind not in _PASSED:
                break
            position -= 1
        return found

    def ahead(self, k: int, *, over_lists: bool) -> int | None:
        """The finding or structure in front of which item k stands."""
        for at in range(k + 1, len(self.items)):
            kind = self.kinds[at]
            if at in self.holders or kind == STRUCTURE:
                if over_lists and kind == STRUCTURE and at not in self.holders:
                    continue
                return at
            if kind not in _PASSED and not (over_lists and kind in _JOINS):
                return None
        return None

    def after(self, k: int) -> list[Mention]:
        """Every mention that follows a topic, up to one that names its own site."""
        return [m for p in self.positions if p > k for m in self.holders[p] if not m.sites or m.side is None]

    def tips(self) -> None:
        """Give a device the structure in which its tip lies: what is named after it, or after "tip"."""
        for device in (m for p in self.positions for m in self.holders[p]):
            finding = self.lexicon.findings.get(device.id)
            if finding is None or not finding.tip:
                continue
            later = [k for k in range(device.last + 1, len(self.items)) if self.kinds[k] == STRUCTURE]
            cue = next((k for k in range(device.last + 1, len(self.items)) if self.kinds[k] == TIP), None)
            named = [k for k in later if cue is None or k > cue] or later
            named = [k for k in named if k not in self.used]
            if named:
                device.tip = self.items[named[0]][0].value
                self.used.add(named[0])

    def run(self) -> None:
        self.tips()
        order = [k for k, kind in enumerate(self.kinds) if kind in CARRIED]
        for k in order:
            if self.kinds[k] == SIDE:
                self.carry_side(k)
        for k in order:
            kind = self.kinds[k]
            if kind == STRUCTURE and k not in self.used:
                self.carry_site(k)
            elif kind in (SEVERITY, TRAJECTORY, COUNT) and k not in self.used:
                self.carry_word(k)
            elif kind == UNIT:
                self.carry_size(k)

    def carry_side(self, k: int) -> None:
        side = self.items[k][0].value
        at = self.ahead(k, over_lists=False)
        if at is not None and at not in self.holders:
            self.sides[at] = both_sides(self.sides.get(at), side) or side
            return
        if at is not None:
            for mention in self.holders[at]:
                mention.side = both_sides(mention.side, side)
            return
        targets = self.before(k)
        if targets:
            for n, mention in enumerate(targets):
                if n == 0 or mention.side is None:
                    mention.side = both_sides(mention.side, side)
            return
        for mention in self.after(k):
            if mention.side is None:
                mention.side = side

    def carry_site(self, k: int) -> None:
        term = self.items[k][0]
        side = both_sides(self.sides.get(k), term.side)
        previous = k - 1
        while previous >= 0 and self.kinds[previous] in _PASSED:
            previous -= 1
        behind = self.before(k)
        joined = previous >= 0 and self.kinds[previous] == PREPOSITION
        at = None if joined and behind else self.ahead(k, over_lists=not behind)
        if at is not None and at in self.holders:
            targets = [(m, True) for m in self.holders[at]]
        elif behind:
            targets = [(m, n == 0) for n, m in enumerate(behind)]
        else:
            targets = [(m, False) for m in self.after(k)]
        for mention, own in targets:
            if own and mention.sites and self.listed(k):
                mention.places.append((term.value, side))
            elif own or not mention.sites:
                self.place(mention, term.value, side)

    def listed(self, k: int) -> bool:
        """Whether a site is another one of a list: "in the left base and in the right upper lobe"."""
        at = k - 1
        joined = False
        while at >= 0 and (self.kinds[at] in _PASSED or self.kinds[at] in _JOINS or self.kinds[at] == PREPOSITION):
            joined = joined or self.kinds[at] in _JOINS
            at -= 1
        return joined and at >= 0 and self.kinds[at] == STRUCTURE

    def place(self, mention: Mention, site: str, side: str | None) -> None:
        finer = self.lexicon.composed.get((mention.id, site))
        if finer is not None and "+" not in finer:
            mention.rule += f" + {site}"
            mention.id = finer
        if site not in mention.sites:
            mention.sites.append(site)
        fixed = self.lexicon.structures[site].side if site in self.lexicon.structures else None
        mention.side = both_sides(mention.side, side or fixed)

    def carry_word(self, k: int) -> None:
        term = self.items[k][0]
        at = self.ahead(k, over_lists=False)
        if at is not None and at not in self.holders:
            at = None
        targets = self.holders[at] if at is not None else self.before(k)
        if self.kinds[k] != TRAJECTORY and at is None:
            targets = targets[:1]
        for mention in targets:
            if self.kinds[k] == SEVERITY:
                mention.severity = mention.severity or term.value
            elif self.kinds[k] == TRAJECTORY:
                mention.trajectory = mention.trajectory or term.value
            else:
                mention.count = self.lexicon.counts.get(term.name, mention.count)

    def carry_size(self, k: int) -> None:
        _, first, _ = self.items[k]
        at = self.ahead(k, over_lists=False)
        targets = self.holders.get(at, []) if at is not None else []
        targets = targets or self.before(k)[:1]
        if targets:
            targets[0].units.append(first)


def carry(items: list[Item], mentions: list[Mention], used: set[int], lexicon: Lexicon, words: list[str]) -> None:
    """Attach every attribute of a sentence to its mentions."""
    _Carrier(items, mentions, used, lexicon, words).run()


def measures(raw: list[str], words: list[str], unit: int, factor: float) -> list[float]:
    """The numbers in front of a unit, in millimetres: "2.3 x 1.5 cm" gives 23.0 and 15.0."""
    sizes: list[float] = []
    at = unit - 1
    while at >= 0 and words[at] == NUMBER and len(sizes) < 3:
        sizes.append(round(float(raw[at]) * factor, 3))
        if at >= 2 and words[at - 1] in ("x", "by"):
            at -= 2
        else:
            break
    return sizes[::-1]
