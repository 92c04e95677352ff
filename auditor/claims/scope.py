"""What is denied, hedged, hypothetical or past in a sentence.

A cue reaches forward until something ends it: a word such as "but", a new subject with its own verb, or a
fresh statement ("no effusion, small left pneumothorax"). A cue after its subject reaches back to where that
subject's statement began. "or" carries a denial on; "or" between findings that are not denied hedges both.
"""

from auditor.claims.kinds import Kind
from auditor.claims.lexicon import Lexicon
from auditor.claims.sentences import Item

FINDING, STRUCTURE, STATE, NORMAL = int(Kind.FINDING), int(Kind.STRUCTURE), int(Kind.STATE), int(Kind.NORMAL)
SIDE, NEGATION = int(Kind.SIDE), int(Kind.NEGATION)
COPULA, PREPOSITION, SEEN, AND, OR, COMMA = (
    int(Kind.COPULA),
    int(Kind.PREPOSITION),
    int(Kind.SEEN),
    int(Kind.AND),
    int(Kind.OR),
    int(Kind.COMMA),
)
NOUNS = frozenset((FINDING, STRUCTURE, NORMAL))
#: Kinds that matter to scope: a sentence without any of them is plainly asserted.
CUES = frozenset(
    int(k)
    for k in (
        Kind.NEGATION,
        Kind.NEGATION_POST,
        Kind.HEDGE,
        Kind.HEDGE_POST,
        Kind.VERSUS,
        Kind.INTERPRETATION,
        Kind.ADVICE,
        Kind.HISTORY,
        Kind.OR,
    )
)
_JOIN = frozenset((AND, COMMA))


class Scope:
    """For every item of a sentence: the cue that denies it, that hedges it, that sets it apart; or None."""

    __slots__ = ("apart", "denied", "group", "hedged", "interpreted")

    def __init__(self, size: int) -> None:
        self.denied: list[str | None] = [None] * size
        self.hedged: list[str | None] = [None] * size
        self.apart: list[str | None] = [None] * size
        self.interpreted: list[bool] = [False] * size


class _Walk:
    """One pass over the items, left to right."""

    def __init__(self, items: list[Item], words: list[str], lexicon: Lexicon) -> None:
        self.items = items
        self.words = words
        self.fresh = lexicon.fresh
        self.kinds = [int(item[0].kind) for item in items]
        self.scope = Scope(len(items))
        self.negation: str | None = None
        self.negation_at = 0
        self.hedge: str | None = None
        self.hedge_at = 0
        self.apart: str | None = None
        self.interpreting = False
        self.group = 0  # where the statement under way began
        self.closed = False  # its verb has been read: "and" or a comma begins another statement
        self.joined = 0  # the last "and" or comma

    def run(self) -> Scope:
        scope = self.scope
        for k, kind in enumerate(self.kinds):
            handle = _HANDLERS.get(kind)
            if handle is not None:
                handle(self, k)
            scope.denied[k] = self.negation
            if self.hedge is not None:
                scope.hedged[k] = self.hedge
            scope.apart[k] = self.apart
            scope.interpreted[k] = self.interpreting
        return scope

    def back(self, marks: list[str | None], k: int, cue: str) -> None:
        for at in range(self.group, k):
            marks[at] = cue

    def noun_between(self, first: int, last: int) -> bool:
        return any(kind in NOUNS for kind in self.kinds[first:last])

    def on_negation(self, k: int) -> None:
        term = self.items[k][0]
        self.negation, self.negation_at = "negation: " + term.name, k
        self.closed = False  # what is denied is a list of its own: "the lungs are clear without X, Y or Z"
        if self.hedge is not None and not self.noun_between(self.hedge_at, k):
            self.hedge = None

    def on_negation_post(self, k: int) -> None:
        self.back(self.scope.denied, k, "negation after: " + self.items[k][0].name)
        self.closed = True
        self.negation = None

    def on_hedge(self, k: int) -> None:
        cue = "hedge: " + self.items[k][0].name
        rest = self.kinds[k + 1 :]
        if not any(kind in NOUNS or kind == STATE for kind in rest):
            self.back(self.scope.hedged, k, cue)  # "pneumonia suspected": nothing follows
        else:
            self.hedge, self.hedge_at = cue, k
            if k and any(kind == FINDING for kind in self.kinds[:k]):
                self.interpreting = True

    def on_hedge_post(self, k: int) -> None:
        self.back(self.scope.hedged, k, "hedge after: " + self.items[k][0].name)
        for at in range(self.group, k):
            self.scope.denied[at] = None
        self.closed = True
        self.negation = None

    def on_versus(self, k: int) -> None:
        cue = "alternative: " + self.items[k][0].name
        for at in range(k - 1, -1, -1):
            self.scope.hedged[at] = self.scope.hedged[at] or cue
            if self.kinds[at] == FINDING:
                break
        self.hedge, self.hedge_at = cue, k
        self.interpreting = True

    def on_interpretation(self, k: int) -> None:
        self.interpreting = True

    def on_terminator(self, k: int) -> None:
        self.negation = self.hedge = None
        if self.apart is not None and not self.apart.startswith("advice"):
            self.apart = None
        self.interpreting = False
        self.group, self.closed = k + 1, False

    def on_copula(self, k: int) -> None:
        if self.negation is not None and self.joined > self.negation_at:
            own = self.noun_between(self.joined, k) and OR not in self.kinds[self.joined : k]
            if own and self.noun_between(self.negation_at, self.joined):
                for at in range(self.joined, k):
                    self.scope.denied[at] = None
                self.negation = None
                self.group = self.joined + 1
        self.closed = True

    def on_seen(self, k: int) -> None:
        if self.negation is not None and not self.noun_between(self.negation_at, k):
            if self.items[k - 1][0].name != "not":
                return  # "no visible effusion"
            self.back(self.scope.denied, k, self.negation)
            self.negation = None
        self.closed = True

    def on_join(self, k: int) -> None:
        self.joined = k
        if self.negation is not None and (self.closed or self.is_fresh(k + 1)):
            self.negation = None
        if self.hedge is not None and not self.list_ends_in_or(k):
            self.hedge = None
            self.interpreting = False
        if self.closed:
            self.group, self.closed = k + 1, False

    def is_fresh(self, k: int) -> bool:
        while k < len(self.items) and self.kinds[k] == SIDE:
            k += 1
        return k < len(self.items) and self.words[self.items[k][1]] in self.fresh

    def list_ends_in_or(self, k: int) -> bool:
        for kind in self.kinds[k + 1 :]:
            if kind == OR:
                return True
            if kind in (COPULA, NEGATION, SEEN, PREPOSITION, AND):
                return False
        return False

    def on_or(self, k: int) -> None:
        if self.negation is None and k and self.kinds[k - 1] == FINDING and FINDING in self.kinds[k + 1 : k + 4]:
            self.on_versus(k)
        self.closed = False

    def on_preposition(self, k: int) -> None:
        if self.negation is not None and self.items[k][0].name == "with" and self.is_fresh(k + 1):
            self.negation = None

    def on_advice(self, k: int) -> None:
        cue = "advice: " + self.items[k][0].name
        if "recommend" in cue or "advised" in cue:
            for at in range(max(self.group, self.joined), k):
                self.scope.apart[at] = cue
        self.apart = cue

    def on_history(self, k: int) -> None:
        self.apart = "history: " + self.items[k][0].name


_HANDLERS = {
    NEGATION: _Walk.on_negation,
    int(Kind.NEGATION_POST): _Walk.on_negation_post,
    int(Kind.HEDGE): _Walk.on_hedge,
    int(Kind.HEDGE_POST): _Walk.on_hedge_post,
    int(Kind.VERSUS): _Walk.on_versus,
    int(Kind.INTERPRETATION): _Walk.on_interpretation,
    int(Kind.TERMINATOR): _Walk.on_terminator,
    int(Kind.COLON): _Walk.on_terminator,
    COPULA: _Walk.on_copula,
    SEEN: _Walk.on_seen,
    AND: _Walk.on_join,
    COMMA: _Walk.on_join,
    OR: _Walk.on_or,
    PREPOSITION: _Walk.on_preposition,
    int(Kind.ADVICE): _Walk.on_advice,
    int(Kind.HISTORY): _Walk.on_history,
}


def scopes(items: list[Item], words: list[str], lexicon: Lexicon) -> Scope:
    """Read the cues of a sentence."""
    return _Walk(items, words, lexicon).run()
