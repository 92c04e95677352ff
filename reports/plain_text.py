"""Text without characters that formats cannot hold."""

import re
from typing import Final

#: Control characters, lone surrogates, marks that turn the direction of text: XML cannot hold most of them, and
#: none of them says anything.
UNPRINTABLE: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def clean(text: str) -> str:
    """The text without characters that cannot be printed; every line ends as on Unix.

    >>> clean("a\\x00b\\r\\nc")
    'ab\\nc'
    """
    return UNPRINTABLE.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
