"""A report read once: its claims, and the sentences they were read from."""

from dataclasses import dataclass

from auditor.claims.claim import Claim
from auditor.claims.extract import Reader
from auditor.claims.lexicon import Lexicon
from auditor.claims.sentences import Sentence, Tokens


@dataclass(frozen=True, slots=True)
class Report:
    """A report's text, words, meaningful sentences and claims."""

    text: str
    tokens: Tokens
    sentences: list[Sentence]
    claims: list[Claim]

    @classmethod
    def read(cls, text: str, lexicon: Lexicon) -> "Report":
        """Extract the claims of a text."""
        reader = Reader(text, lexicon)
        claims = reader.run()
        return cls(text, reader.tokens, reader.sentences, claims)
