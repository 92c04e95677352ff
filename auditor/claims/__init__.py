"""Claims of radiology reports: the lexicon, extraction, and comparison of a draft with its reference."""

from auditor.claims.check import check
from auditor.claims.claim import Claim
from auditor.claims.compile import default_lexicon, load
from auditor.claims.extract import extract
from auditor.claims.lexicon import Lexicon, LexiconError

__all__ = ["Claim", "Lexicon", "LexiconError", "check", "default_lexicon", "extract", "load"]
