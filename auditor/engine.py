"""The engine: the one place that knows whether work is done here or in other processes."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")


def run(function: Callable[[Task], Result], tasks: Iterable[Task], workers: int = 1) -> Iterator[Result]:
    """Apply `function` to each task, in order; with more than one worker, in as many processes.

    `function`, tasks and results must pickle when `workers` > 1. Results are the same either way.

    >>> list(run(abs, [-1, 2]))
    [1, 2]
    """
    if workers <= 1:
        yield from map(function, tasks)
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    # spawn: a forked child would inherit the threads and locks of Arrow and SQLite
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(function, tasks)
