"""The catalogue: every monitor there is, and its measures by name."""

from collections.abc import Mapping
from typing import Final

from monitors.agreement import FROZEN, JUDGES, REPEATS
from monitors.calibration import (
    CALIBRATION,
    CONFIDENCE_CLAIMS,
    CONFIDENCE_OPEN,
    CONFIDENCE_REPORT,
    CONFIDENCE_RETRIEVAL,
    CONFIDENCE_VQA,
)
from monitors.consistency import CONSISTENCY
from monitors.corrected import CORRECTED
from monitors.critical import CRITICAL
from monitors.drift import DRIFT
from monitors.editing import EDITING
from monitors.embedding_drift import EMBEDDING_DISTANCE
from monitors.error_codes import ERROR_CODES
from monitors.fairness import UNDERDIAGNOSIS
from monitors.grounding import GROUNDING
from monitors.hallucination import HALLUCINATION
from monitors.measurement import Measure
from monitors.monitor import Monitor
from monitors.movement import MOVED
from monitors.performance import PERFORMANCE
from monitors.reached import REACHED
from monitors.reproduction import REPRODUCTION
from monitors.retrieval import RETRIEVAL
from monitors.vqa import VQA_PERFORMANCE
from monitors.yes_no import YES_NO

CATALOGUE: Final[tuple[Monitor, ...]] = (
    HALLUCINATION,
    ERROR_CODES,
    EDITING,
    REACHED,
    CONFIDENCE_REPORT,
    *CONFIDENCE_CLAIMS,
    PERFORMANCE,
    CALIBRATION,
    UNDERDIAGNOSIS,
    CRITICAL,
    VQA_PERFORMANCE,
    YES_NO,
    CONFIDENCE_VQA,
    CONFIDENCE_OPEN,
    RETRIEVAL,
    CONFIDENCE_RETRIEVAL,
    *DRIFT,
    REPEATS,
    JUDGES,
    FROZEN,
    MOVED,
    GROUNDING,
    CONSISTENCY,
    REPRODUCTION,
)


_MEASURES: Final[Mapping[str, Measure]] = {
    **{measure.name: measure for monitor in CATALOGUE for measure in monitor.measures},
    CORRECTED.name: CORRECTED,  # of reviews, which no monitor counts
    EMBEDDING_DISTANCE.name: EMBEDDING_DISTANCE,  # of embeddings, which are in no judged table
}


class CatalogueError(ValueError):
    """A name that no monitor or measure has."""


def monitors_of(task: str) -> tuple[Monitor, ...]:
    """The monitors of one task.

    >>> [monitor.name for monitor in monitors_of("vqa")]
    ['vqa_performance', 'yes_no', 'confidence_vqa', 'confidence_open', 'drift_vqa']
    """
    return tuple(monitor for monitor in CATALOGUE if monitor.task == task)


def measure_named(name: str) -> Measure:
    """The declaration of a measure. Raises CatalogueError with the known names."""
    if name not in _MEASURES:
        raise CatalogueError(f"There is no measure {name!r}; there are {', '.join(sorted(_MEASURES))}.")
    return _MEASURES[name]


def monitor_of(measure: str, task: str) -> Monitor:
    """The monitor that makes a measure for a task. Raises CatalogueError when none does."""
    measure_named(measure)
    for monitor in monitors_of(task):
        if any(one.name == measure for one in monitor.measures):
            return monitor
    raise CatalogueError(f"Measure {measure!r} is not made for the task {task!r}.")
