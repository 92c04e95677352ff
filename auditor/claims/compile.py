"""Lexicon files → the compiled lexicon.

Later files add to earlier ones; an entry with an id that exists already replaces it, so a site can add its
own file. Terms become a trie of words; rules on pairs of a structure and a state are handed down to parts.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from auditor.claims.kinds import Kind, Term
from auditor.claims.lexicon import SHIPPED, Finding, Lexicon, LexiconError, Node, Normal, Structure
from auditor.claims.terms import NUMBER, TOKEN, Words, expand

_CUES: Final = {
    "negation": Kind.NEGATION,
    "negation_post": Kind.NEGATION_POST,
    "pseudo": Kind.PSEUDO,
    "hedge": Kind.HEDGE,
    "hedge_post": Kind.HEDGE_POST,
    "versus": Kind.VERSUS,
    "interpretation": Kind.INTERPRETATION,
    "terminator": Kind.TERMINATOR,
    "copula": Kind.COPULA,
    "preposition": Kind.PREPOSITION,
    "seen": Kind.SEEN,
    "and": Kind.AND,
    "or": Kind.OR,
    "advice": Kind.ADVICE,
    "history": Kind.HISTORY,
    "prior": Kind.PRIOR,
    "count": Kind.COUNT,
}
_MARKS: Final = {
    ".": Kind.STOP,
    "?": Kind.STOP,
    "!": Kind.STOP,
    ";": Kind.STOP,
    ":": Kind.COLON,
    ",": Kind.COMMA,
    "/": Kind.COMMA,
    "&": Kind.AND,
    "(": Kind.COMMA,
    ")": Kind.COMMA,
    "[": Kind.COMMA,
    "]": Kind.COMMA,
}


def _read(path: Path) -> tuple[dict[str, Any], bytes]:
    try:
        raw = path.read_bytes()
        loaded = yaml.load(raw, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - safe
    except OSError as error:
        raise LexiconError(f"lexicon file {path.name} cannot be read: {error.strerror}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" near line {mark.line + 1}" if mark else ""
        raise LexiconError(f"lexicon file {path.name} is not valid YAML{where}") from None
    if not isinstance(loaded, dict):
        raise LexiconError(f"lexicon file {path.name} must be a mapping with findings, anatomy, states or cues")
    return loaded, raw


def _merged(files: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """One mapping: mappings are joined entry by entry, lists are appended, anything else is replaced."""

    def join(old: Any, new: Any, depth: int) -> Any:
        if isinstance(old, dict) and isinstance(new, dict) and depth < 2:
            return {**old, **{k: join(old[k], v, depth + 1) if k in old else v for k, v in new.items()}}
        if isinstance(old, list) and isinstance(new, list):
            return [*old, *new]
        return new

    result: dict[str, Any] = {}
    for loaded in files:
        result = join(result, loaded, 0)
    return result


def _closure(up: Mapping[str, Sequence[str]]) -> dict[str, frozenset[str]]:
    """Every id with all that is above it, itself included; a cycle ends where it began."""
    result: dict[str, frozenset[str]] = {}
    for start in up:
        seen: set[str] = set()
        todo = [start]
        while todo:
            one = todo.pop()
            if one not in seen:
                seen.add(one)
                todo.extend(up.get(one, ()))
        result[start] = frozenset(seen)
    return result


class _Builder:
    """Turns the merged mapping into a Lexicon."""

    def __init__(self, data: dict[str, Any]) -> None:
        self.data = data
        self.lexicon = Lexicon()
        self.lexicon.words = Words(data.get("spelling") or {}, data.get("known") or ())
        self.phrases: list[tuple[tuple[str, ...], Term]] = []

    def tokens(self, phrase: str) -> tuple[str, ...]:
        return tuple(map(self.lexicon.words.form, TOKEN.split(phrase.lower())[1::2]))

    def add(self, terms: Iterable[str], kind: Kind, value: str, side: str | None = None) -> None:
        for term in terms:
            for phrase in expand(str(term)):
                if tokens := self.tokens(phrase):
                    self.phrases.append((tokens, Term(kind, value, phrase, side=side)))

    def language(self) -> None:
        data, lexicon = self.data, self.lexicon
        for name, terms in (data.get("cues") or {}).items():
            if name not in _CUES:
                raise LexiconError(f"unknown cue {name!r}: cues are {', '.join(sorted(_CUES))}")
            self.add(terms, _CUES[name], name)
        self.add(data.get("tip") or (), Kind.TIP, "tip")
        alone = []
        for name, terms in (data.get("sections") or {}).items():
            for phrase in (p for term in terms for p in expand(str(term))):
                lexicon.headings[self.tokens(phrase)] = name
                alone.append(re.escape(phrase))
        if alone:
            lexicon.heading_line = re.compile(rf"(^|\n)([ \t#*]*(?:{'|'.join(alone)})[ \t*]*)\n")
        for name, terms in (data.get("sides") or {}).items():
            self.add(terms, Kind.SIDE, name)
        for name, entry in (data.get("severity") or {}).items():
            lexicon.severity_rank[name] = float(entry["rank"])
            self.add(entry["terms"], Kind.SEVERITY, name)
        self.add(data.get("qualifiers") or (), Kind.QUALIFIER, "qualifier")
        for name, terms in (data.get("trajectory") or {}).items():
            self.add(terms, Kind.TRAJECTORY, name)
        for name, factor in (data.get("units") or {}).items():
            lexicon.unit_mm[name] = float(factor)
            self.add([name], Kind.UNIT, name)
        lexicon.counts = {str(k): int(v) for k, v in (data.get("counts") or {}).items()}
        form = lexicon.words.form
        lexicon.fresh = frozenset(form(w) for w in data.get("fresh") or ())
        lexicon.abbreviations = frozenset(data.get("abbreviations") or ())
        if openers := data.get("openers"):
            lexicon.openers = re.compile(rf"(?<=[a-z]) (?=(?:{'|'.join(map(re.escape, openers))}) )")
        lexicon.context_sections = frozenset(data.get("context_sections") or ())

    def anatomy(self) -> None:
        for name, entry in (self.data.get("anatomy") or {}).items():
            self.lexicon.structures[name] = Structure(
                id=name,
                part_of=entry.get("part_of"),
                side=entry.get("side"),
                stands_for=entry.get("is", name),
                near=frozenset(entry.get("near") or ()),
                unsided=bool(entry.get("unsided", False)),
                radlex=entry.get("radlex"),
            )
            self.add(entry.get("terms") or (), Kind.STRUCTURE, entry.get("is", name), entry.get("side"))
        states = self.data.get("states") or {}
        self.lexicon.states = frozenset(states)
        for name, entry in states.items():
            self.add(entry.get("terms") or (), Kind.STATE, name)
        up = {s.id: [s.part_of] if s.part_of else [] for s in self.lexicon.structures.values()}
        self.lexicon.within = _closure(up)

    def findings(self) -> None:
        for name, entry in (self.data.get("findings") or {}).items():
            self.lexicon.findings[name] = Finding(
                id=name,
                name=entry.get("name", name.replace("_", " ")),
                kind=entry.get("kind", "finding"),
                parents=tuple(entry.get("parent") or ()),
                like=tuple(entry.get("like") or ()),
                structure=entry.get("structure", ""),
                significance=entry.get("significance", ""),
                acute=bool(entry.get("acute", False)),
                unsided=bool(entry.get("unsided", False)),
                abstract=bool(entry.get("abstract", False)),
                family=entry.get("family"),
                umbrella=entry.get("umbrella"),
                tip=bool(entry.get("tip", False)),
                radlex=entry.get("radlex"),
                adjust=tuple(entry.get("adjust") or ()),
            )
            self.add(entry.get("terms") or (), Kind.FINDING, name)
        ancestors = self.lexicon.ancestors = _closure({f.id: f.parents for f in self.lexicon.findings.values()})
        for name, above in ancestors.items():
            below = (other for other, up in ancestors.items() if name in up)
            self.lexicon.kin[name] = tuple(dict.fromkeys((name, *sorted(above), *below)))

    def normals(self) -> None:
        below: dict[str, set[str]] = {}
        for name, above in self.lexicon.ancestors.items():
            for one in above:
                below.setdefault(one, set()).add(name)
        for name, entry in (self.data.get("normals") or {}).items():
            covers = {d for c in entry.get("covers") or () for d in below.get(c, {c})}
            self.lexicon.normals[name] = Normal(name, frozenset(covers), frozenset(entry.get("addresses") or ()))
            self.add(entry.get("terms") or (), Kind.NORMAL, name)

    def compose(self) -> None:
        """What two things said together mean, with every rule handed down to parts and kinds."""
        rules: dict[tuple[str, str], list[str]] = {}
        for group in ("findings", "normals"):
            for name, entry in (self.data.get(group) or {}).items():
                for pair in entry.get("when") or ():
                    rules.setdefault((pair[0], pair[1]), []).append(name)
        seconds: dict[str, list[str]] = {}
        for a, b in rules:
            seconds.setdefault(b, []).append(a)
        lexicon = self.lexicon
        chains = {**_chains({s.id: s.part_of for s in lexicon.structures.values()})}
        for name, finding in lexicon.findings.items():
            chains[name] = (name, *finding.parents)
        tails = {**{s: (s,) for s in lexicon.states}, **chains}
        for first, above in chains.items():
            for second, over in tails.items():
                hit = next((rules[a, b] for a in above for b in over if (a, b) in rules), None)
                if hit:
                    lexicon.composed[first, second] = "+".join(hit)

    def index(self) -> None:
        root: dict[str, Any] = {}
        for tokens, term in self.phrases:
            node = root
            for word in tokens:
                node = node.setdefault(word, {})
            old = node.get("")
            if old is None or term.kind == Kind.STATE == old.kind:
                node.setdefault("", term)
            elif term.kind == Kind.STATE:
                old.state = term.value
            elif old.kind == Kind.STATE:
                term.state = old.value
                node[""] = term
            elif (old.kind, old.value) != (term.kind, term.value):
                node[""] = self.stronger(" ".join(tokens), old, term)
        for mark, kind in _MARKS.items():
            root.setdefault(mark, {})[""] = Term(kind, mark, mark)
        self.lexicon.trie = {word: _frozen(node) for word, node in root.items()}
        self.lexicon.words.learn(tokens for tokens, _ in self.phrases)
        self.lexicon.words.vocabulary.discard(NUMBER)

    def stronger(self, phrase: str, old: Term, new: Term) -> Term:
        """Of two meanings of a phrase the more specific finding, else the later one (which is noted)."""
        ancestors = self.lexicon.ancestors
        if new.value in ancestors.get(old.value, ()):
            return old
        if old.value not in ancestors.get(new.value, ()):
            self.lexicon.conflicts.append(f"{phrase!r} means {old.value} and also {new.value}; the later holds")
        return new


def _frozen(node: dict[str, Any]) -> Node:
    children = {word: _frozen(child) for word, child in node.items() if word}
    return node.get(""), children or None


def _chains(up: Mapping[str, str | None]) -> dict[str, tuple[str, ...]]:
    """Every id followed by what it lies in, nearest first."""
    result = {}
    for start in up:
        chain: list[str] = []
        one: str | None = start
        while one and one not in chain:
            chain.append(one)
            one = up.get(one)
        result[start] = tuple(chain)
    return result


def load(paths: Iterable[Path]) -> Lexicon:
    """Compile lexicon files, later ones adding to and replacing entries of earlier ones.

    Raises LexiconError with one sentence when a file cannot be read or an entry has the wrong form.
    """
    read = [_read(Path(path)) for path in paths]
    builder = _Builder(_merged(data for data, _ in read))
    try:
        builder.language()
        builder.anatomy()
        builder.findings()
        builder.normals()
        builder.compose()
    except (AttributeError, KeyError, TypeError, IndexError) as error:
        raise LexiconError(f"a lexicon entry has the wrong form: {type(error).__name__} at {error}") from None
    builder.index()
    builder.lexicon.digest = hashlib.sha256(b"\0".join(raw for _, raw in read)).hexdigest()[:32]
    return builder.lexicon


@cache
def default_lexicon() -> Lexicon:
    """The shipped lexicon, compiled once a process."""
    return site_lexicon(())


@cache
def site_lexicon(files: tuple[Path, ...]) -> Lexicon:
    """The shipped lexicon with a site's own files on top, compiled once a process.

    Raises LexiconError as `load` does.
    """
    folder = Path(__file__).parent
    return load([*(folder / f"{name}.yaml" for name in SHIPPED), *files])
