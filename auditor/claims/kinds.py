"""What a phrase of the lexicon does in a sentence."""

from enum import IntEnum


class Kind(IntEnum):
    """The role of a term in its sentence."""

    FINDING = 1
    STRUCTURE = 2
    STATE = 3
    NORMAL = 4
    SIDE = 5
    SEVERITY = 6
    TRAJECTORY = 7
    QUALIFIER = 8
    COUNT = 9
    UNIT = 10
    NEGATION = 11
    NEGATION_POST = 12
    PSEUDO = 13
    HEDGE = 14
    HEDGE_POST = 15
    VERSUS = 16
    INTERPRETATION = 17
    TERMINATOR = 18
    COPULA = 19
    PREPOSITION = 20
    SEEN = 21
    AND = 22
    OR = 23
    COMMA = 24
    ADVICE = 25
    HISTORY = 26
    PRIOR = 27
    SECTION = 28
    STOP = 29
    COLON = 30
    TIP = 31


class Term:
    """A phrase's meaning: its role, the id it stands for, a side it fixes, and a state it may also name."""

    __slots__ = ("kind", "name", "side", "state", "value")

    def __init__(
        self, kind: Kind, value: str, name: str, *, side: str | None = None, state: str | None = None
    ) -> None:
        self.kind = kind
        self.value = value
        self.name = name
        self.side = side
        self.state = state
