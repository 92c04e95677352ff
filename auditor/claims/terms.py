"""Words and phrases: how a term of the lexicon is written, and how a word of a report is brought to its form.

A report and the lexicon's terms go through the same function, so only equal forms need comparing: lower case,
American spelling, singular, hyphens as spaces. A misspelt word of six letters or more that is one edit away
from a word of the lexicon is read as that word.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import product
from typing import Final

#: Splits lower-case text into words, numbers and the marks that matter; linear in the length of the text.
TOKEN: Final = re.compile(r"([a-z]+(?:'[a-z]+)?\d*|\d+(?:\.\d+)?|[.;:,?!&/()\[\]])")

#: What every number is read as.
NUMBER: Final = "#"

_CHOICE = re.compile(r"\(([^()]*)\)")
_NESTED = re.compile(r"\([^()]*(\([^()]*\))")
_SHORTEST_CORRECTED: Final = 6
_LONGEST_WORD: Final = 32
_MEMORY: Final = 100_000


def expand(term: str) -> Iterator[str]:
    """Every phrase that a term stands for.

    >>> sorted(expand("(left|) (lung|hilar) mass"))
    ['hilar mass', 'left hilar mass', 'left lung mass', 'lung mass']
    >>> sorted(expand("(stable|not (much|) changed)"))
    ['not changed', 'not much changed', 'stable']
    """
    if nested := _NESTED.search(term):
        inner = nested.start(1), nested.end(1)
        phrases = (
            p for one in nested[1][1:-1].split("|") for p in expand(term[: inner[0]] + one + term[inner[1] :])
        )
        yield from dict.fromkeys(phrases)
        return
    parts = _CHOICE.split(term)
    fixed, choices = parts[0::2], [part.split("|") for part in parts[1::2]]
    for choice in product(*choices):
        words = fixed[0] + "".join(c + f for c, f in zip(choice, fixed[1:], strict=True))
        yield " ".join(words.split())


def singular(word: str) -> str:
    """The singular of a regular English plural, by its ending only.

    >>> [singular(w) for w in ("effusions", "opacities", "masses", "atelectasis", "clear", "thoraxes")]
    ['effusion', 'opacity', 'mass', 'atelectasis', 'clear', 'thorax']
    """
    if len(word) <= 3 or word[-1] != "s" or word[-2] in "su" or word.endswith("is"):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes")):
        return word[:-2]
    return word[:-1]


def _deletions(word: str) -> set[str]:
    return {word[:i] + word[i + 1 :] for i in range(len(word))}


def _one_edit(a: str, b: str) -> bool:
    """Whether one insertion, deletion, substitution or swap of neighbours turns `a` into `b`."""
    if abs(len(a) - len(b)) > 1:
        return False
    i = 0
    while i < min(len(a), len(b)) and a[i] == b[i]:
        i += 1
    rest_a, rest_b = a[i:], b[i:]
    return (
        rest_a[1:] == rest_b[1:]
        or rest_a[1:] == rest_b
        or rest_a == rest_b[1:]
        or (rest_a[:2] == rest_b[1::-1] and rest_a[2:] == rest_b[2:])
    )


class Words(dict[str, str]):
    """Word of a report → word of the lexicon; remembers what it has worked out, up to a bound."""

    def __init__(self, spelling: Mapping[str, str], known: Iterable[str]) -> None:
        super().__init__()
        self.spelling = dict(spelling)
        self.known = set(known)
        self.vocabulary: set[str] = set()
        self._near: dict[str, list[str]] = {}

    def form(self, word: str) -> str:
        """The lexicon's form of a word, without correcting misspellings."""
        if word[0].isdigit():
            return NUMBER
        word = self.spelling.get(word, word)
        return self.spelling.get(single := singular(word), single)

    def learn(self, phrases: Iterable[Iterable[str]]) -> None:
        """Take the words of the lexicon's phrases as the vocabulary that misspellings are read as."""
        for phrase in phrases:
            self.vocabulary.update(phrase)
        for word in self.vocabulary:
            if len(word) >= _SHORTEST_CORRECTED:
                for form in (word, *_deletions(word)):
                    self._near.setdefault(form, []).append(word)

    def _corrected(self, word: str) -> str:
        if not _SHORTEST_CORRECTED <= len(word) <= _LONGEST_WORD or word in self.known:
            return word
        near = {w for form in (word, *_deletions(word)) for w in self._near.get(form, ()) if _one_edit(word, w)}
        # first letters are rarely mistyped; two candidates leave the word as it is
        near = {w for w in near if w[0] == word[0]} or near
        return near.pop() if len(near) == 1 else word

    def __missing__(self, word: str) -> str:
        form = self.form(word)
        if form not in self.vocabulary and form != NUMBER and word not in self.known:
            form = self._corrected(form)
        if len(self) < _MEMORY:
            self[word] = form
        return form
