"""From report text to sentences of meaningful items.

One pass splits the text into words, brings each to the lexicon's form and finds the longest phrases of the
lexicon. Full stops, blank lines, bullets and headings end a sentence; line breaks inside a sentence, missing
spaces after a full stop, enumerations and masks of removed words do not disturb it. The work is linear in
the length of the text.
"""

import re
from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

from auditor.claims.kinds import Kind, Term
from auditor.claims.lexicon import Lexicon
from auditor.claims.terms import TOKEN

#: A phrase at tokens [first, last) of the report.
Item = tuple[Term, int, int]

_STOP, _COLON = int(Kind.STOP), int(Kind.COLON)
_BREAK = re.compile(r"\n(?=[ \t\r\f\v]*(?:\n|[-*•–·]|\d{1,2}[.)]))")
_LONGEST_HEADING = 5
#: A run of this many phrases without a full stop is no sentence; cutting it keeps the work linear.
_LONGEST_SENTENCE = 120


class Sentence(NamedTuple):
    """The items of one sentence, its section, and its token range."""

    items: list[Item]
    section: str
    first: int
    last: int


class Tokens(NamedTuple):
    """The words of a text in the lexicon's form, and where they begin and end."""

    raw: list[str]
    words: list[str]
    edges: list[int]  # running lengths: token k lies at edges[2k] : edges[2k + 1]


def lowered(text: str) -> str:
    """Lower case of the same length, so that positions hold (some letters grow when lowered).

    >>> len(lowered("İ")) == len("İ")
    True
    """
    low = text.lower()
    if len(low) == len(text):
        return low
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def _headed(match: re.Match[str]) -> str:
    """A heading on a line of its own, with a full stop before it and a colon after it, of the same length."""
    return f"{match[1] and '.'}{match[2]}:"


def tokenise(text: str, lexicon: Lexicon) -> Tokens:
    """Split a text into words and marks; blank lines and bullets become full stops of the same length."""
    if lexicon.openers is not None:
        text = lexicon.openers.sub(".", text)
    low = lowered(text)
    if "\n" in low:
        if lexicon.heading_line is not None:
            low = lexicon.heading_line.sub(_headed, low)
        low = _BREAK.sub(".", low)
    parts = TOKEN.split(low)
    raw = parts[1::2]
    forms = lexicon.words
    return Tokens(raw, [forms[w] for w in raw], list(accumulate(map(len, parts))))


def _phrases(words: list[str], lexicon: Lexicon) -> Iterator[Item]:
    """The longest phrases of the lexicon, from left to right, none overlapping."""
    trie = lexicon.trie
    start = trie.get
    size = len(words)
    i = 0
    while i < size:
        node = start(words[i])
        if node is None:
            i += 1
            continue
        best, children = node
        j = end = i + 1
        while children is not None and j < size:
            node = children.get(words[j])
            if node is None:
                break
            j += 1
            if node[0] is not None:
                best, end = node[0], j
            children = node[1]
        if best is not None:
            yield best, i, end
        i = end


def sentences(tokens: Tokens, lexicon: Lexicon) -> Iterator[Sentence]:
    """The sentences that say anything the lexicon knows, each with its section."""
    raw, words, _ = tokens
    section = "body"
    items: list[Item] = []
    first = 0
    for item in _phrases(words, lexicon):
        kind = item[0].kind
        if kind == _STOP:
            at = item[1]
            if raw[at] == "." and at and raw[at - 1] in lexicon.abbreviations:
                continue
            if items:
                yield Sentence(items, section, first, at)
                items = []
            first = at + 1
        elif kind == _COLON and item[1] - first <= _LONGEST_HEADING:
            heading = lexicon.headings.get(tuple(words[first : item[1]]))
            if heading is None:
                items.append(item)
                continue
            section = heading
            items = []
            first = item[2]
        else:
            items.append(item)
            if len(items) == _LONGEST_SENTENCE:
                yield Sentence(items, section, first, item[2])
                items = []
                first = item[2]
    if items:
        yield Sentence(items, section, first, len(words))
