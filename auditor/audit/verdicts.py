"""Verdicts: thresholds fixed in advance, applied to what was measured and to how well it could be measured."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from auditor.settings import AuditSettings, ThresholdSetting
from monitors.catalogue import CatalogueError, measure_named, monitor_of
from monitors.drift_rows import DISTANCE
from monitors.embedding_drift import EMBEDDING_DISTANCE
from monitors.macro import ITEM as MACRO
from monitors.measurement import Measurement
from monitors.sealed import SealedError, require_share
from monitors.threshold import Bound, Status, Verdict, decide
from monitors.unjudged import Accounted, weigh

#: Measures of drift, which may be harmless: all of it is one root of trouble.
DISTANCES = (DISTANCE.name, EMBEDDING_DISTANCE.name)
#: Above this share of failed judgements the audit itself has failed: what is left is no sample of anything.
MOST_JUDGE_FAILURES = 0.05


@dataclass(frozen=True)
class Ruled:
    """One verdict, the rule that gave it, and the number (position among the measurements) it rests on."""

    rule: dict[str, Any]
    verdict: Verdict
    measurement: int | None
    current: bool  # about the version now deployed; older versions are shown but do not roll up


def rule_on(
    settings: AuditSettings,
    measurements: Sequence[Measurement],
    current_version: str,
    accounted: Accounted,
    before: Accounted | None = None,
) -> list[Ruled]:
    """Apply every threshold to every measurement that it names; what was not measured is `insufficient`.

    Where few of the outputs are `accounted` for, or groups or windows (`before`: the reference window) differ in
    it, little is settled.
    """
    result = []
    for setting in settings.thresholds:
        if setting.effective_tier == "explore":
            continue
        measure = measure_named(setting.measure)
        act = None if setting.tier == "watch" else setting.act
        bound = Bound(setting.watch, act, setting.rise, setting.minimum_n)
        rule = setting.model_dump(mode="json")
        matches = list(_matching(setting, measurements))
        for number, measurement in matches:
            verdict = weigh(decide(measurement, measure, bound), measurement, measure, bound, accounted, before)
            result.append(Ruled(rule, verdict, number, measurement.version == current_version))
        if not any(m.version == current_version for _, m in matches):
            reason = f"{measure.title}: not measured in this window for version {current_version}."
            result.append(Ruled(rule, Verdict(Status.INSUFFICIENT, reason), None, True))
    return result


#: The rules on grounding where audit.yaml has none of its own: a model that answers without looking is unfit,
#: whatever its scores. A gain of less than 5 points is no use of the image; a coin stays the same half the time.
GROUNDING_RULES = (
    ThresholdSetting(measure="image_gain", watch=0.10, act=0.05),
    ThresholdSetting(measure="open_image_gain", watch=0.05, act=0.02),
    ThresholdSetting(measure="unchanged_blank", watch=0.8, act=0.9),
    ThresholdSetting(measure="unchanged_opposite", watch=0.35, act=0.5),
    ThresholdSetting(measure="side_unchanged_flipped", watch=0.35, act=0.5),
    # what a deployed model said it must say again; below this it is another one
    ThresholdSetting(measure="meaning_reproduced", watch=0.95, act=0.9),
)


_ANOTHER = "The deployed model is not the one that was registered, or it is asked otherwise:"


def rule_on_grounding(
    settings: AuditSettings, measurements: Sequence[Measurement], current_version: str
) -> Iterator[Ruled]:
    """Apply the rules that ship with the product to the probes that were asked, and that no threshold names."""
    own = {setting.measure for setting in settings.thresholds}
    for setting in GROUNDING_RULES:
        matches = list(_matching(setting, measurements)) if setting.measure not in own else []
        for number, measurement in matches:
            bound = Bound(setting.watch, setting.act, setting.rise, setting.minimum_n)
            verdict = decide(measurement, measure_named(setting.measure), bound)
            if setting.measure == "meaning_reproduced" and verdict.status is Status.ACT:
                verdict = Verdict(verdict.status, f"{_ANOTHER} {verdict.reason}")
            yield Ruled(setting.model_dump(mode="json"), verdict, number, measurement.version == current_version)


#: The rules on a frozen set where audit.yaml has none of its own. Movement alone never clears a judge: as many go
#: one way as the other where it answers at random.
FROZEN_RULES = tuple(
    ThresholdSetting(measure=measure, item=item, watch=watch)
    for measure, watch in (("frozen_agreement", 0.95), ("frozen_moved", 0.02))
    for item in ("flagged", "correct")
)


def rule_on_frozen(
    settings: AuditSettings, measurements: Sequence[Measurement], current_version: str, week: str
) -> Iterator[Ruled]:
    """Apply the rules that ship with the product to what a judge says now of its frozen set.

    They are about the judge and not about the system, so `watch` is the gravest that they say.
    """
    own = {setting.measure for setting in settings.thresholds}
    for setting in FROZEN_RULES:
        for number, measurement in _matching(setting, measurements) if setting.measure not in own else []:
            verdict = decide(measurement, measure_named(setting.measure), Bound(setting.watch))
            if verdict.proven:
                moved = f"The judge no longer says what it first said, so trends across {week} compare two judges:"
                verdict = replace(verdict, reason=f"{moved} {verdict.reason}")
            elif setting.measure == "frozen_moved":
                continue
            yield Ruled(setting.model_dump(mode="json"), verdict, number, measurement.version == current_version)


def rule_on_weights(
    settings: AuditSettings, current_version: str, models: Sequence[Mapping[str, str]]
) -> Iterator[Ruled]:
    """Whether the models that answered for the version have the weights that were registered for it."""
    registered = getattr(settings.model, "weights_sha256", None)
    if registered is None or settings.model is None or settings.model.version != current_version or not models:
        return
    rule = {"rule": "registered_weights"}
    if all(facts.get("weights") == registered for facts in models):
        reason = "Every model that answered for this version has the registered weights."
        yield Ruled(rule, Verdict(Status.OK, reason), None, True)
    else:
        reason = "The model that answers is not the one that was registered: the SHA-256 of its weights differs."
        yield Ruled(rule, Verdict(Status.ACT, reason), None, True)


def rule_on_run(
    settings: AuditSettings,
    newest_day: date | None,
    today: date,
    judge_failures: Mapping[str, tuple[int, int]],
) -> Iterator[Ruled]:
    """The verdicts on the audit itself: no recent outputs is `stale`, a judge that fails is `failed`.

    `judge_failures` maps each task to (judgements that failed, outputs with a reference).
    """
    if is_stale(settings, newest_day, today):
        assert newest_day is not None
        age = (today - newest_day).days
        reason = f"The newest output is {age} days old; {settings.stale_after_days} are allowed."
        yield Ruled({"rule": "stale_after_days"}, Verdict(Status.STALE, reason), None, True)
    for task, (failed, linked) in judge_failures.items():
        if linked and failed / linked > MOST_JUDGE_FAILURES:
            reason = f"The {task} judge failed on {failed:,} of {linked:,} outputs: repair it and audit again."
            yield Ruled({"rule": "judge_failures", "task": task}, Verdict(Status.FAILED, reason), None, True)


def is_stale(settings: AuditSettings, newest_day: date | None, today: date) -> bool:
    """Whether the newest output is older than the settings allow (undated outputs cannot tell)."""
    if settings.stale_after_days is None or newest_day is None:
        return False
    return (today - newest_day).days > settings.stale_after_days


def unknown_measures(settings: AuditSettings) -> Iterator[str]:
    """One sentence for each threshold that names no measure of this product or of this system's tasks."""
    for setting in settings.thresholds:
        try:
            measure_named(setting.measure)
        except CatalogueError as error:
            yield str(error)
    for question in settings.stop_questions:
        try:
            monitor_of(question.measure, question.task)
            measure = measure_named(question.measure)
            require_share(measure)
        except (CatalogueError, SealedError) as error:
            yield f"Stop question: {error}"
            continue
        several = question.task == "classification" and measure.scope != "whole"
        if measure.ceiling != "act":
            yield f"Stop question: {measure.name} alone never calls for more than watching; ask another one."
        elif several != (question.item is not None):
            yield f"Stop question: {measure.name} needs {'one item, a finding' if several else 'no item'}."


def _matching(setting: ThresholdSetting, measurements: Sequence[Measurement]) -> Iterable[tuple[int, Measurement]]:
    for number, measurement in enumerate(measurements):
        if measurement.measure != setting.measure or measurement.contrast != setting.contrast:
            continue
        if _item_matches(setting, measurement) and _slice_matches(setting, measurement):
            yield number, measurement


def _item_matches(setting: ThresholdSetting, measurement: Measurement) -> bool:
    if setting.measure in DISTANCES:  # their items are columns; without one named, every column counts
        return setting.item in (None, "each", measurement.item.split(":")[0])
    if setting.item == "each":
        return measurement.item not in ("", MACRO)
    return measurement.item == (setting.item or "")


def _slice_matches(setting: ThresholdSetting, measurement: Measurement) -> bool:
    if setting.slices == "all":
        return measurement.slice == "all"
    if measurement.slice == "all":
        return False
    attributes = [part.split("=", 1)[0] for part in measurement.slice.split(" & ")]
    if setting.slices == "each":
        return len(attributes) == 1
    return attributes == sorted(setting.slices) or (len(attributes) == 1 and attributes[0] in setting.slices)
