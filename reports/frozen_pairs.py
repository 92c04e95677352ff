"""What a report says of a judge that was held against what it first said of a frozen set."""

from collections.abc import Iterator

from reports.dossier import FrozenPairs
from reports.numbers import day, integer, number, with_interval
from reports.text import WORDS


def lines(one: FrozenPairs) -> Iterator[str]:
    """How far the judge agrees with itself and where it has moved to; or why that is not known yet."""
    task = WORDS.get(f"frozen_of_{one.task}", one.task)
    if one.waiting:
        known = WORDS.get(f"frozen_{one.waiting}")
        about = {"task": task, "asked": integer(one.asked), "there": integer(one.there)}
        yield known.format(**about) if known else one.waiting
        return
    about = {"task": task, "pairs": integer(one.pairs), "week": day(one.week)}
    about |= {"frozen_on": day(one.frozen_on) if one.frozen_on else ""}
    about |= {"item": WORDS.get(f"frozen_{one.item}", one.item)}
    if one.agreement is None or one.moved is None:
        yield WORDS["frozen_hidden"].format(**about)
    else:
        yield WORDS["frozen_line"].format(
            **about,
            agreement=with_interval(one.agreement.value, one.agreement.low, one.agreement.high, "share"),
            first=number(one.rate_first, "share"),
            now=number(one.rate_now, "share"),
            moved=with_interval(one.moved.value, one.moved.low, one.moved.high, "share", "rest"),
        )
    if one.gone:
        yield WORDS["frozen_gone"].format(gone=integer(one.gone))
    if one.judge_first != one.judge_now:
        yield WORDS["frozen_other_judge"].format(before=one.judge_first[:12], after=one.judge_now[:12])
