"""Why a remote judge gave no judgement, and which of these reasons may be gone tomorrow."""

from enum import StrEnum
from typing import Final


class Failure(StrEnum):
    """Why there is no judgement. The values are the only words about it that are ever kept."""

    UNREACHABLE = "the judge's server could not be reached"
    BROKEN = "the judge's server broke off, or sent no chat completion"
    LATE = "the judge's server did not answer in time"
    BUSY = "the judge's server was busy"
    SERVER = "the judge's server had an error"
    KEY = "the judge's server did not accept the key"
    NOT_FOUND = "the judge's server has no such address or model"
    DECLINED = "the judge's server would not take the request"
    NOT_ASKED = "not asked: the judge's server had failed too often in a row"
    REFUSAL = "the judge declined to judge"
    TOO_LONG = "the judge's answer was cut short or too long"
    UNREADABLE = "the judge's answer was not of the form asked for"
    INVENTED = "the judge quoted words that are not in the text"
    OVERSIZED = "the texts are too long for the judge"


#: The server's trouble and no fact about the pair: asked again in the next audit.
UNSETTLED: Final = frozenset(
    {
        Failure.UNREACHABLE,
        Failure.BROKEN,
        Failure.LATE,
        Failure.BUSY,
        Failure.SERVER,
        Failure.KEY,
        Failure.NOT_FOUND,
        Failure.DECLINED,
        Failure.NOT_ASKED,
    }
)
