"""Grounding: whether answers hang on the image. Scores of text alone cannot tell; a model may score well blind.

Each question is asked again without an image (black), with noise, with another patient's image, flipped, cropped
and with a picture that is no radiograph, and both answers are held against the same reference. A difference of two
shares of the same questions has MOVER limits with their correlation. Sources: methods of grounding ablations
(image gain, no-image share, source-following, flip rate); POPE (Li et al. 2023) for balanced accuracy over yes
and no.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from monitors.columns import Collector, numbers, ratio, shares
from monitors.measurement import Direction, Interval, Measure
from monitors.monitor import Contributions

_WORSE_LOW, _WORSE_HIGH = Direction.LOWER_IS_WORSE, Direction.HIGHER_IS_WORSE


def _share(
    name: str,
    title: str,
    counted: str,
    numerator: str,
    denominator: str,
    direction: Direction,
    ceiling: str,
    floor: float = 30.0,
) -> Measure:
    return Measure(
        name, title, counted, 0, 1, direction, Interval.JEFFREYS,
        numerator=numerator, denominator=denominator, ceiling=ceiling, floor=floor, scope="whole",
    )  # fmt: skip


def _of_two(
    name: str, title: str, counted: str, parts: tuple[str, str], denominator: str, kind: Interval
) -> Measure:
    gain = kind is Interval.DIFFERENCE
    return Measure(
        name, title, counted, -1 if gain else 0, 1, _WORSE_LOW, kind, denominator=denominator, parts=parts,
        ceiling="act" if gain else "watch", unit="difference" if gain else "share", scope="whole",
    )  # fmt: skip


#: Held against what a coin does, half, a share is told apart with fewer than a rare error needs.
_FEW: Final = 15.0
#: Cell, its column of agreement, and who is in it, of the pairs asked with and without the image.
_BLANK_CLOSED: Final = (
    ("present", "absent"),
    ("real_hits", "real_rejections"),
    ("blank_hits", "blank_rejections"),
)


@dataclass(frozen=True, slots=True)
class Grounding:
    """Sums over probes (schema ``probe`` of `monitors.judged`); one row is one probe of one question.

    An answer that is no answer (abstention, nothing readable) is not right; one that the model's or the judge's
    failure prevented is missing, and its pair is in no share.
    """

    name: str = "grounding"
    version: int = 2
    task: str = "probe"
    cells: tuple[str, ...] = (
        "closed", "present", "absent", "real_hits", "real_rejections", "blank_hits", "blank_rejections",
        "open", "real_open", "blank_open", "blank", "real_right", "blank_right",
        "blank_compared", "blank_same", "noise_compared", "noise_same",
        "swapped", "swapped_same", "opposite", "opposite_same", "donors", "follows_donor", "follows_own",
        "blank_said", "blank_abstained", "noise_said", "noise_abstained", "sided", "same_side",
        "out_of_scope_compared", "out_of_scope_same", "out_of_scope_said", "out_of_scope_abstained",
    )  # fmt: skip
    measures: tuple[Measure, ...] = (
        _share("yes_shown_right", "Right about what is present, with the image", "questions", "real_hits",
               "present", _WORSE_LOW, "watch"),
        _share("no_shown_right", "Right about what is absent, with the image", "questions", "real_rejections",
               "absent", _WORSE_LOW, "watch"),
        _share("yes_blank_right", "Right about what is present, without the image", "questions", "blank_hits",
               "present", _WORSE_LOW, "watch"),
        _share("no_blank_right", "Right about what is absent, without the image", "questions",
               "blank_rejections", "absent", _WORSE_LOW, "watch"),
        _of_two("shown_right", "Balanced accuracy with the image", "yes/no questions",
                ("yes_shown_right", "no_shown_right"), "closed", Interval.MOVER),
        _of_two("blank_right", "Balanced accuracy without the image", "yes/no questions",
                ("yes_blank_right", "no_blank_right"), "closed", Interval.MOVER),
        _of_two("image_gain", "What the image adds to balanced accuracy", "yes/no questions",
                ("shown_right", "blank_right"), "closed", Interval.DIFFERENCE),
        _share("open_shown_right", "Open answers, choices, drafts and searches that are right, with the image",
               "questions", "real_open", "open", _WORSE_LOW, "watch"),
        _share("open_blank_right", "Open answers, choices, drafts and searches that are right, without the image",
               "questions", "blank_open", "open", _WORSE_LOW, "watch"),
        _of_two("open_image_gain", "What the image adds to open answers, choices, drafts and searches",
                "questions", ("open_shown_right", "open_blank_right"), "open", Interval.DIFFERENCE),
        Measure("no_image_share", "Share of what is right that is right without the image too", "questions", 0,
                float("inf"), _WORSE_HIGH, Interval.NORMAL, denominator="blank", floor=50, ceiling="watch",
                unit="score", scope="whole"),
        _share("unchanged_blank", "Answers that stay the same without the image", "answers", "blank_same",
               "blank_compared", _WORSE_HIGH, "act"),
        _share("unchanged_noise", "Answers that stay the same when noise is shown", "answers", "noise_same",
               "noise_compared", _WORSE_HIGH, "watch"),
        _share("unchanged_swapped", "Answers that stay the same with another patient's image", "answers",
               "swapped_same", "swapped", _WORSE_HIGH, "watch"),
        _share("unchanged_out_of_scope", "Answers that stay the same with a picture that is no radiograph",
               "answers", "out_of_scope_same", "out_of_scope_compared", _WORSE_HIGH, "watch"),
        _share("unchanged_opposite", "Answers that stay the same with an image of the opposite truth", "answers",
               "opposite_same", "opposite", _WORSE_HIGH, "act", _FEW),
        _share("swapped_follows_donor", "Agreement with the patient whose image was shown", "swapped answers",
               "follows_donor", "donors", _WORSE_LOW, "watch"),
        _share("swapped_follows_own", "Agreement with the patient who was asked about", "swapped answers",
               "follows_own", "donors", _WORSE_HIGH, "watch"),
        _of_two("source_following", "Answers follow the image that is shown, not the case that was asked about",
                "swapped answers", ("swapped_follows_donor", "swapped_follows_own"), "donors",
                Interval.DIFFERENCE),
        _share("abstains_blank", "No answer is given where there is no image", "texts", "blank_abstained",
               "blank_said", _WORSE_LOW, "watch"),
        _share("abstains_noise", "No answer is given where noise is shown", "texts", "noise_abstained",
               "noise_said", _WORSE_LOW, "watch"),
        _share("abstains_out_of_scope", "No answer is given about a picture that is no radiograph", "texts",
               "out_of_scope_abstained", "out_of_scope_said", _WORSE_LOW, "watch"),
        _share("side_unchanged_flipped", "The side stays the same when the image is flipped", "texts with a side",
               "same_side", "sided", _WORSE_HIGH, "act"),
    )  # fmt: skip

    def contributions(self, batch: pa.RecordBatch) -> Contributions:
        """See `monitors.monitor.Monitor`."""
        add = Collector(self.cells)
        probe = batch.column("probe").cast(pa.string()).to_numpy(zero_copy_only=False)
        closed, truth, right, probed, donor, same, opposite, abstained, side = (
            numbers(batch, name)
            for name in (
                "closed", "truth_yes", "right", "probed_right", "donor_right", "same", "opposite", "abstained",
                "same_side",
            )
        )  # fmt: skip
        both = (probe == "blank") & np.isfinite(right) & np.isfinite(probed)
        asked = both & (closed == 1) & np.isfinite(truth)
        add.count("closed", asked)
        for value, side_cells in zip((1, 0), zip(*_BLANK_CLOSED, strict=True), strict=True):
            rows = asked & (truth == value)
            add.count(side_cells[0], rows)
            add.sum(side_cells[1], right, rows)
            add.sum(side_cells[2], probed, rows)
        for cell, rows in (("open", both & (closed != 1)), ("blank", both)):
            add.count(cell, rows)
            add.sum("real_open" if cell == "open" else "real_right", right, rows)
            add.sum("blank_open" if cell == "open" else "blank_right", probed, rows)
        compared = np.isfinite(same)
        for cell, kept, rows in (
            ("blank_compared", "blank_same", probe == "blank"),
            ("noise_compared", "noise_same", probe == "noise"),
            ("out_of_scope_compared", "out_of_scope_same", probe == "out_of_scope"),
            ("swapped", "swapped_same", probe == "swapped"),
            ("opposite", "opposite_same", (probe == "swapped") & (opposite == 1)),
        ):
            add.count(cell, rows & compared)
            add.count(kept, rows & (same == 1))
        # where both patients have the same truth, agreement with either says nothing of which one was followed;
        # two open answers are never quite the same
        telling = (closed == 0) | (opposite == 1)
        given = (probe == "swapped") & np.isfinite(donor) & np.isfinite(probed) & telling
        add.count("donors", given)
        add.sum("follows_donor", donor, given)
        add.sum("follows_own", probed, given)
        for name in ("blank", "noise", "out_of_scope"):
            add.count(f"{name}_said", (probe == name) & np.isfinite(abstained))
            add.count(f"{name}_abstained", (probe == name) & (abstained == 1))
        add.count("sided", (probe == "flipped") & np.isfinite(side))
        add.count("same_side", (probe == "flipped") & (side == 1))
        return add.contributions()

    def read(self, totals: NDArray[np.float64]) -> NDArray[np.float64]:
        """Ratios of cells, their means and differences, and the ratio of both agreements."""
        values = shares(self, totals)
        names = [measure.name for measure in self.measures]
        for i, measure in enumerate(self.measures):
            if measure.parts:
                first, second = (values[..., names.index(part)] for part in measure.parts)
                gain = measure.interval is Interval.DIFFERENCE
                values[..., i] = first - second if gain else (first + second) / 2
        right, blank = (totals[..., self.cells.index(cell)] for cell in ("real_right", "blank_right"))
        values[..., names.index("no_image_share")] = ratio(blank, right)
        return values


GROUNDING: Final = Grounding()
