"""Report text → claims. Deterministic, no network, no model; linear in the length of the text."""

from dataclasses import replace

from auditor.claims.attributes import CARRIED, carry, measures
from auditor.claims.claim import Claim
from auditor.claims.compile import default_lexicon
from auditor.claims.kinds import Kind
from auditor.claims.lexicon import Lexicon
from auditor.claims.mentions import Mention, find
from auditor.claims.scope import CUES, FINDING, NORMAL, Scope, scopes
from auditor.claims.sentences import Item, Sentence, Tokens, sentences, tokenise

_SEVERE = 3.0  # from this rank on "no … X" leaves a lesser X open
_QUALIFIER, _SEVERITY, _STRUCTURE, _TIP = (
    int(Kind.QUALIFIER),
    int(Kind.SEVERITY),
    int(Kind.STRUCTURE),
    int(Kind.TIP),
)


def _qualified(mention: Mention, sentence: Sentence, lexicon: Lexicon) -> bool:
    """Whether a denial speaks of a greater, newer or particular form only ("no large effusion")."""
    if mention.trajectory in ("new", "worse"):
        return True
    if mention.severity is not None and lexicon.severity_rank[mention.severity] >= _SEVERE:
        return True
    at = mention.first - 1
    while at >= 0 and sentence.items[at][0].kind in (_QUALIFIER, _SEVERITY, Kind.SIDE, Kind.TRAJECTORY):
        if sentence.items[at][0].kind == _QUALIFIER:
            return True
        at -= 1
    return False


class Reader:
    """Reads one report, sentence by sentence."""

    def __init__(self, text: str, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self.tokens: Tokens = tokenise(text, lexicon)
        self.sentences: list[Sentence] = []
        self.claims: list[Claim] = []

    def run(self) -> list[Claim]:
        """The claims of the report, in order of appearance."""
        self.sentences = list(sentences(self.tokens, self.lexicon))
        for sentence in self.sentences:
            kinds = {int(item[0].kind) for item in sentence.items}
            if FINDING in kinds or NORMAL in kinds or _STRUCTURE in kinds:
                self.read(sentence, kinds)
        return self.claims

    def read(self, sentence: Sentence, kinds: set[int]) -> None:
        items, lexicon = sentence.items, self.lexicon
        mentions, used = find(items, lexicon)
        if not mentions:
            if _TIP in kinds and _STRUCTURE in kinds:
                self.tip_of_last_device(items)
            return
        if kinds & CARRIED:
            carry(items, mentions, used, lexicon, self.tokens.words)
        scope = scopes(items, self.tokens.words, lexicon) if kinds & CUES else None
        for mention in mentions:
            self.claim(mention, sentence, scope)

    def tip_of_last_device(self, items: list[Item]) -> None:
        """ "The tip lies in the …" in a sentence of its own speaks of the device named last."""
        start = next(k for k, item in enumerate(items) if item[0].kind == _TIP)
        tip = next((item[0].value for item in items[start:] if item[0].kind == _STRUCTURE), None)
        at = next((k for k in range(len(self.claims) - 1, -1, -1) if self.claims[k].kind == "device"), None)
        if tip is not None and at is not None and self.lexicon.findings[self.claims[at].finding].tip:
            self.claims[at] = replace(self.claims[at], tip=tip)

    def claim(self, mention: Mention, sentence: Sentence, scope: Scope | None) -> None:
        lexicon, edges = self.lexicon, self.tokens.edges
        denied = hedged = apart = None
        interpreted = False
        if scope is not None:
            at = mention.at
            denied, hedged, apart = scope.denied[at], scope.hedged[at], scope.apart[at]
            interpreted = scope.interpreted[at]
        id_ = mention.id
        rule = mention.rule
        finding = lexicon.findings.get(id_)
        if finding is None:
            if denied is not None and mention.at and sentence.items[mention.at - 1][0].kind == Kind.NEGATION:
                return  # "not clear" says nothing by itself
            denied = None
            kind, significance = "normal", "benign"
        elif finding.umbrella is not None and denied is not None:
            id_, kind, significance = finding.umbrella, "normal", "benign"
            rule, denied = f"{rule}; {denied}", None
        else:
            kind, significance = finding.kind, finding.significance
        trajectory = mention.trajectory
        if trajectory == "resolved" and denied is None:
            denied = "resolved"
        for cue in (denied, hedged, apart):
            if cue is not None:
                rule = f"{rule}; {cue}"
        items = sentence.items
        first, last = items[mention.first][1], items[mention.last][2] - 1
        claim = Claim(
            finding=id_,
            kind=kind,  # type: ignore[arg-type]
            status="present" if denied is None else "absent",
            certainty="definite" if hedged is None else "hedged",
            side=mention.side,  # type: ignore[arg-type]
            sites=tuple(mention.sites),
            severity=mention.severity,
            sizes_mm=self.sizes(mention) if mention.units else (),
            count=mention.count,
            trajectory=trajectory,  # type: ignore[arg-type]
            tip=mention.tip,
            qualified=denied is not None and _qualified(mention, sentence, lexicon),
            section=sentence.section,
            context=apart is not None or sentence.section in lexicon.context_sections,
            interpreted=interpreted,
            span=(edges[2 * first], edges[2 * last + 1]),
            sentence=(edges[2 * sentence.first], edges[2 * sentence.last - 1]),
            significance=significance,
            rule=rule,
        )
        self.claims.append(claim)
        for site, side in mention.places:
            self.claims.append(replace(claim, sites=(site,), side=side))  # type: ignore[arg-type]

    def sizes(self, mention: Mention) -> tuple[float, ...]:
        raw, words, _ = self.tokens
        found: list[float] = []
        for at in mention.units:
            found += measures(raw, words, at, self.lexicon.unit_mm.get(words[at], 1.0))
        return tuple(found)


def extract(text: str, lexicon: Lexicon | None = None) -> list[Claim]:
    """The claims of a report, in order of appearance.

    >>> [(c.finding, c.status, c.side) for c in extract("Small left effusion. No pneumothorax.")]
    [('pleural_effusion', 'present', 'left'), ('pneumothorax', 'absent', None)]
    """
    return Reader(text, lexicon or default_lexicon()).run()
