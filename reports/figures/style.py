"""The one style of every figure, and the step from a chart to SVG that can stand inside a page.

A figure also keeps its specification, so that a screen with a script can draw the same figure with tooltips.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from html import unescape
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from markupsafe import Markup, escape

from reports import fonts

if TYPE_CHECKING:
    import altair as alt

#: Blue and vermilion of the palette of Okabe and Ito, darkened until they also differ in grey.
INK: Final = "#1f2933"
MUTED: Final = "#626d7a"
FAINT: Final = "#e3e7ec"
BAND: Final = "#d5dbe2"
MAIN: Final = "#0b5c8f"
WARM: Final = "#c2410c"

#: A figure is drawn this wide so that its letters are still read when a phone shrinks it to its screen.
WIDTH: Final = 430

#: Versions are told apart by shape; the eighth repeats the first.
SHAPES: Final = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right")

_FONT: Final = fonts.NAME
_AXIS: Final = {
    "labelFont": _FONT, "titleFont": _FONT, "labelFontSize": 11, "titleFontSize": 11, "titleFontWeight": "normal",
    "labelColor": INK, "titleColor": INK, "gridColor": FAINT, "domainColor": MUTED, "tickColor": MUTED,
}  # fmt: skip
_CONFIG: Final[dict[str, Any]] = {
    "aria": False,  # the figure has one title and one description instead of a label on every mark
    "background": "transparent",
    "font": _FONT,
    "view": {"stroke": None},
    "axis": _AXIS,
    "text": {"font": _FONT, "fontSize": 11, "color": INK},
    "header": {"labelFont": _FONT, "labelFontSize": 11, "labelColor": INK},
    "padding": 4,
}
#: Moving and zooming take the mouse alone, and the wheel only with Ctrl (or a pinch): a page must still scroll.
_ZOOM: Final[dict[str, Any]] = {
    "type": "interval",
    "encodings": ["x"],
    "translate": "[mousedown, window:mouseup] > window:mousemove!",
    "zoom": "wheel![event.ctrlKey]",
    "clear": "dblclick",
}
#: What an axis of time says, by the distance of its ticks: moved and zoomed, it needs years and days.
_DAYS: Final = {
    "year": "%Y",
    "quarter": "%b",
    "month": "%b",
    **dict.fromkeys(("week", "date", "day", "hours"), "%-d %b"),
}
_MARGIN: Final = 8  # pixels beside the first and the last day, where a moving scale would cut a mark
_DESCRIPTION: Final = re.compile(r"<desc [^>]*>(.*?)</desc>", re.DOTALL)
_SIZE: Final = re.compile(r'<svg [^>]*?viewBox="([^"]*)">')
_ID: Final = re.compile(r"(id=\"|url\(#)(clip|gradient|pattern)_?(\d+)")

if TYPE_CHECKING:
    Chart: TypeAlias = alt.Chart | alt.LayerChart | alt.VConcatChart | alt.FacetChart


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure: its title says what is seen, `svg` draws it, `note` says what the drawing leaves out.

    `spec` is the same as Vega-Lite in JSON, its data inside; it is for screens and stands in no report.
    """

    title: str
    svg: Markup
    note: str = ""
    spec: str = ""

    @property
    def described(self) -> str:
        """What the drawing shows, in words, for those who do not see it."""
        found = _DESCRIPTION.search(self.svg)
        return unescape(found[1]) if found else self.title


def records(rows: Sequence[dict[str, Any]]) -> "alt.InlineData":
    """Rows as inline data: nothing is fetched, nothing is read from a file."""
    import altair as alt

    return alt.InlineData(values=list(rows))


def figure_of(
    chart: "Chart",
    name: str,
    title: str,
    description: str,
    note: str = "",
    *,
    pointed: "Sequence[alt.Chart]" = (),
    zoom: bool = False,
) -> Figure:
    """The chart drawn, with its specification for screens.

    There it gains the layers `pointed` (what the mouse finds, unseen on paper), and time can be moved and zoomed.
    """
    # validation against the Vega-Lite schema costs as much as drawing; the tests draw every figure
    spec = chart.to_dict(validate=False)
    spec["config"] = _CONFIG
    svg = _to_svg(spec, name, title, description)
    if pointed:
        spec["layer"] += [one.to_dict(validate=False, context={"top_level": False}) for one in pointed]
    if zoom:
        spec["params"] = [{"name": "zoom", "select": _ZOOM, "bind": "scales", "views": _timed(spec)}]
    return Figure(title, svg, note, json.dumps(spec, ensure_ascii=False, allow_nan=False, separators=(",", ":")))


def _timed(spec: dict[str, Any]) -> list[str]:
    """Name the first layer with time on it in each plot, since a selection belongs to layers.

    Days are days in UTC: a browser west of it would show a week as beginning on the day before.
    """
    names = []
    for number, plot in enumerate(spec.get("vconcat", [spec])):
        timed = [one for one in plot["layer"] if one.get("encoding", {}).get("x", {}).get("type") == "temporal"]
        for layer in timed:
            x = layer["encoding"]["x"]
            x.setdefault("scale", {}).update(type="utc", padding=_MARGIN)
            if x.get("axis"):
                x["axis"]["format"] = _DAYS
        timed[0]["name"] = f"timed{number}"
        names.append(f"timed{number}")
    return names


def _to_svg(spec: dict[str, Any], name: str, title: str, description: str) -> Markup:
    """The chart as SVG that fills the width it is given, with `title` and `description` for screen readers.

    `name` must be unique within the page: ids inside the SVG begin with it. The renderer numbers its ids
    over the life of the process, so they are numbered anew here; otherwise no two renderings were equal.
    """
    import vl_convert

    _register_font()
    svg: str = vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])
    numbers: dict[str, int] = {}

    def renumber(match: re.Match[str]) -> str:
        number = numbers.setdefault(match[2] + match[3], len(numbers))
        return f"{match[1]}{name}-{number}"

    svg = _ID.sub(renumber, svg)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="{name}-t {name}-d" '
        f'viewBox="\\1"><title id="{name}-t">{_backslash(escape(title))}</title>'
        f'<desc id="{name}-d">{_backslash(escape(description))}</desc>'
    )
    return Markup(_SIZE.sub(head, svg, count=1))  # noqa: S704 - escaped above, and by the renderer


@cache
def _register_font() -> None:
    """Tell the renderer of the shipped font, once."""
    import vl_convert

    vl_convert.register_font_directory(fonts.folder())


def _backslash(text: str) -> str:
    return text.replace("\\", "\\\\")
