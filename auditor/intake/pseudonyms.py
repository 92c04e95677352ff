"""Keyed hashes in place of identifiers: HMAC-SHA256 under the workspace's key, 128 bits in hexadecimal.

Without the key a pseudonym cannot be told from noise, and equal identifiers give equal pseudonyms, so rows join.
Accession and study numbers are identifiers too, so cases and outputs are hashed like patients. The four kinds
are hashed apart: a patient whose number equals a study's number shares nothing with it.
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from typing import Final, Literal

Role = Literal["patient", "case", "output", "author"]

_PREFIX: Final[dict[Role, str]] = {"patient": "p-", "case": "c-", "output": "o-", "author": "a-"}
_DIGITS: Final = 32
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


class Pseudonyms:
    """Pseudonyms under one key; remembers what it made, so make one for each batch and let it go."""

    def __init__(self, key: bytes) -> None:
        if len(key) < 16:
            raise ValueError("The key of pseudonyms must be at least 16 bytes.")
        self._key = key
        self._made: dict[tuple[Role, str], str] = {}

    def of(self, role: Role, identifier: str) -> str:
        """The pseudonym of an identifier.

        >>> Pseudonyms(b"0" * 32).of("patient", "1024")
        'p-be155db5500a1cc77afd34ea64cda1e1'
        """
        found = self._made.get((role, identifier))
        if found is None:
            message = f"{role}\0{identifier}".encode("utf-8", "surrogatepass")
            digits = hmac.digest(self._key, message, "sha256").hex()[:_DIGITS]
            found = self._made[role, identifier] = _PREFIX[role] + digits
        return found


def derived_id(prefix: str, parts: Sequence[str | int | None]) -> str:
    """An id that follows from what it names; parts are told apart, so ("ab", "c") is not ("a", "bc").

    The parts hold pseudonyms already, so no key is needed and the id survives being computed anywhere.
    """
    return prefix + hashlib.sha256(_encode(parts).encode("ascii")).hexdigest()[:_DIGITS]
