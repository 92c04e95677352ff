"""Findings and normal statements of a sentence, said in one phrase or put together from two.

"Cardiomegaly" is one phrase; "the heart is mildly enlarged", "enlargement of the cardiac silhouette" and
"prominent hilum" are a structure with a state. The lexicon says which pairs mean what.
"""

from auditor.claims.kinds import Kind
from auditor.claims.lexicon import Lexicon
from auditor.claims.scope import AND, COMMA, COPULA, FINDING, NORMAL, OR, PREPOSITION, STATE, STRUCTURE
from auditor.claims.sentences import Item

_MODIFIERS = frozenset(
    int(k) for k in (Kind.SIDE, Kind.SEVERITY, Kind.TRAJECTORY, Kind.QUALIFIER, Kind.COUNT, Kind.STATE, Kind.HEDGE)
)
_BETWEEN_VERB = frozenset(
    int(k)
    for k in (
        Kind.SEVERITY,
        Kind.HEDGE,
        Kind.NEGATION,
        Kind.TRAJECTORY,
        Kind.SIDE,
        Kind.PRIOR,
        Kind.QUALIFIER,
        Kind.STATE,
    )
)
_LISTED = frozenset((AND, OR, COMMA, STRUCTURE)) | _MODIFIERS


class Mention:
    """One finding or normal statement while its sentence is being read."""

    __slots__ = (
        "at",
        "count",
        "first",
        "id",
        "last",
        "places",
        "rule",
        "severity",
        "side",
        "sites",
        "tip",
        "trajectory",
        "units",
    )

    def __init__(self, id_: str, at: int, first: int, last: int, rule: str) -> None:
        self.id = id_
        self.at = at  # the item whose scope decides
        self.first = first  # the items it spans
        self.last = last
        self.rule = rule
        self.side: str | None = None
        self.sites: list[str] = []
        self.places: list[tuple[str, str | None]] = []  # further places of a list, each a claim of its own
        self.severity: str | None = None
        self.trajectory: str | None = None
        self.units: list[int] = []  # the tokens of the units of its sizes
        self.count: int | None = None
        self.tip: str | None = None


def _ahead(items: list[Item], k: int) -> int | None:
    """The structure or finding that a state in front of it speaks of: "enlarged (left) hilum", "of the heart"."""
    prepositions = 0
    for at in range(k + 1, len(items)):
        kind = items[at][0].kind
        if kind in (STRUCTURE, FINDING):
            return at
        if kind == AND and at + 1 < len(items) and items[at + 1][0].kind == STATE:
            continue  # "enlarged and tortuous aorta"
        if kind == PREPOSITION and items[at][0].name in ("of", "to", "in") and prepositions < 2:
            prepositions += 1
        elif kind not in _MODIFIERS:
            return None
    return None


def _subjects(items: list[Item], k: int) -> list[int]:
    """The structures or the finding that a state after them speaks of, a list of structures as a whole."""
    at = k - 1
    while at >= 0 and (items[at][0].kind in _BETWEEN_VERB or items[at][0].kind in (COPULA, Kind.COLON)):
        at -= 1
    if at >= 0 and items[at][0].kind == PREPOSITION:  # "the heart is within normal limits for size"
        return []
    found: list[int] = []
    while at >= 0 and items[at][0].kind in _LISTED:
        if items[at][0].kind == STRUCTURE:
            found.append(at)
        elif items[at][0].kind == STATE:
            if not found and at + 1 < k and any(item[0].kind in (AND, OR) for item in items[at:k]):
                return _subjects(items, at)  # "is normal or mildly enlarged"
            break
        at -= 1
    if not found and at >= 0 and items[at][0].kind == FINDING:
        return [at]
    if found and at > 0 and items[at][0].kind == PREPOSITION and items[at - 1][0].kind == FINDING:
        return [at - 1]
    return found


def _partners(items: list[Item], k: int) -> list[int]:
    """Every item that the state at `k` may speak of, the likeliest reading only."""
    before = k - 1
    while before >= 0 and items[before][0].kind in _BETWEEN_VERB and items[before][0].kind != STATE:
        before -= 1
    predicate = before >= 0 and items[before][0].kind in (COPULA, Kind.COLON)
    adjacent = before == k - 1 and before >= 0 and items[before][0].kind == STRUCTURE
    if (predicate or (adjacent and k + 1 < len(items) and items[k + 1][0].kind == AND)) and (
        found := _subjects(items, k)
    ):
        return found
    ahead = _ahead(items, k)
    if ahead is None:
        return _subjects(items, k)
    found = [ahead]
    at = ahead + 1
    while at + 1 < len(items) and items[at][0].kind in (AND, OR, COMMA):
        nxt = at + 1
        while nxt < len(items) and items[nxt][0].kind == Kind.SIDE:
            nxt += 1
        if nxt < len(items) and items[nxt][0].kind == STRUCTURE and not _has_own_state(items, nxt):
            found.append(nxt)
            at = nxt + 1
        else:
            break
    return found


def _less_likely(items: list[Item], k: int) -> list[int]:
    """What else the state may speak of: a finding behind its site ("nodular left basal opacity"), a later noun."""
    ahead = _ahead(items, k)
    if ahead is None:
        return []
    behind = ahead + 1
    if items[ahead][0].kind == STRUCTURE and behind < len(items) and items[behind][0].kind == FINDING:
        return [behind]
    return [ahead]


def _has_own_state(items: list[Item], k: int) -> bool:
    rest = items[k + 1 : k + 4]
    for item in rest:
        if item[0].kind == STATE or item[0].state:
            return True
        if item[0].kind not in (COPULA, Kind.SEVERITY, Kind.NEGATION, Kind.TRAJECTORY):
            return False
    return False


class _Composer:
    """Puts states together with what they speak of."""

    def __init__(self, items: list[Item], lexicon: Lexicon) -> None:
        self.items = items
        self.lexicon = lexicon
        self.mentions: list[Mention] = []
        self.used: set[int] = set()
        self.refined: dict[int, str] = {}

    def compose(self, k: int, state: str, partners: list[int]) -> bool:
        """Make what the state at `k` means with its partners; whether it means anything."""
        made = False
        for at in partners:
            other = self.items[at][0]
            ids = self.lexicon.composed.get((other.value, state))
            if ids is None:
                continue
            made = True
            if other.kind == FINDING:
                self.refined[at] = ids
            else:
                self.used.update((at, k))
                self.mentions += [self.mention(id_, at, k) for id_ in ids.split("+")]
        return made

    def mention(self, id_: str, at: int, k: int) -> Mention:
        term, other = self.items[k][0], self.items[at][0]
        mention = Mention(id_, k, min(at, k), max(at, k), f"{other.name} + {term.name}")
        mention.side = other.side
        finding = self.lexicon.findings.get(id_)
        if finding is None or finding.structure != other.value:
            mention.sites.append(other.value)
        return mention

    def states(self) -> None:
        for k, (term, _, _) in enumerate(self.items):
            state = term.value if term.kind == STATE else term.state
            if state is not None and not self.compose(k, state, _partners(self.items, k)):
                self.compose(k, state, _less_likely(self.items, k))


def find(items: list[Item], lexicon: Lexicon) -> tuple[list[Mention], set[int]]:
    """The mentions of a sentence, in order, and the structures and states used up by them."""
    composer = _Composer(items, lexicon)
    composer.states()
    mentions = composer.mentions
    for k, (term, _, _) in enumerate(items):
        if term.kind == FINDING:
            mention = Mention(composer.refined.get(k, term.value), k, k, k, term.name)
            mention.side = term.side
            mentions.append(mention)
        elif term.kind == NORMAL:
            mentions.append(Mention(term.value, k, k, k, term.name))
    mentions.sort(key=lambda m: m.at)
    return mentions, composer.used
