"""`python -m streams.dashboards.draw PROMETHEUS FOLDER [MINUTES]`: the dashboards as pictures, without Grafana.

The same panels in the same places with the same queries, asked of a running Prometheus and drawn by
matplotlib (extra `beckon[train]`). Colours and fonts are not Grafana's; numbers and layout are.
"""

import json
import math
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from schemas.errors import BeckonError, InputError
from streams.dashboards.grafana import Page, Panel, Query, Unit, placed
from streams.dashboards.write import PAGES

_POINTS = 120
_WINDOW = "30s"
#: What Grafana would put into a query.
_CHOSEN = {"$__rate_interval": _WINDOW, "$job": ".+", "$instance": ".+"}
_COLUMNS = 24
_INCH_PER_COLUMN, _INCH_PER_ROW = 0.62, 0.34
_LEGENDS_MAX = 8
_RED, _GREEN = "#c4162a", "#37872d"


class Line(NamedTuple):
    """One series: its legend, times in s since 1970 and values, without what is no number."""

    legend: str
    times: list[float]
    values: list[float]


class Span(NamedTuple):
    """What a picture shows, in s since 1970: the same for all panels of a page."""

    start: float
    end: float


def ask(prometheus: str, query: Query, span: Span) -> list[Line]:
    """Return the series of a query; raise `BeckonError` when nobody answers."""
    expr = query.expr
    for variable, value in _CHOSEN.items():
        expr = expr.replace(variable, value)
    step = max(1, round((span.end - span.start) / _POINTS))
    asked = urlencode({"query": expr, "start": span.start, "end": span.end, "step": step})
    try:
        with urlopen(f"{prometheus}/api/v1/query_range?{asked}", timeout=30) as answer:  # noqa: S310 - given by the caller
            found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
    except (URLError, OSError, ValueError) as error:
        raise BeckonError(
            "prometheus", f"{prometheus} does not answer ({error})", "give its address"
        ) from None
    return [_line(query.legend, one) for one in found]


def _line(legend: str, series: dict[str, Any]) -> Line:
    labels: dict[str, str] = series["metric"]
    name = re.sub(r"\{\{(\w+)\}\}", lambda found: labels.get(found[1], ""), legend)
    points = [(at, float(value)) for at, value in series["values"]]
    known = [(at, value) for at, value in points if math.isfinite(value)]
    return Line(name, [at for at, _ in known], [value for _, value in known])


def words_of(value: float, unit: Unit) -> str:
    """Return a value as a panel shows it.

    >>> words_of(0.0123, "s"), words_of(0.25, "percentunit"), words_of(1234.5, "ops"), words_of(0.0, "short")
    ('12.3 ms', '25 %', '1,234/s', '0')
    """
    if unit == "s":
        return f"{value * 1000:.3g} ms" if abs(value) < 1 else f"{value:,.3g} s"
    if unit == "bytes":
        return f"{value / 2**20:,.4g} MiB"
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    number = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{number}/s" if unit in {"ops", "reqps"} else number


def draw(page: Page, prometheus: str, span: Span, folder: Path) -> Path:
    """Draw one page into `folder` as NAME.png and return the file."""
    from matplotlib.figure import Figure

    places = placed(page.panels)
    rows = max(place["y"] + place["h"] for _, place in places)
    top = 2.0
    figure = Figure(figsize=(_COLUMNS * _INCH_PER_COLUMN, (rows + top) * _INCH_PER_ROW), dpi=100)
    figure.text(0.01, 1 - 0.6 * top / (rows + top), f"{page.title}  {page.description}", fontsize=12)
    for panel, place in places:
        # Room for title and axis lies within the panel's own place.
        left, width = (place["x"] + 0.9) / _COLUMNS, (place["w"] - 1.3) / _COLUMNS
        bottom = (rows - place["y"] - place["h"] + 0.9) / (rows + top)
        axes = figure.add_axes((left, bottom, width, (place["h"] - 2.2) / (rows + top)))
        axes.set_title(panel.title, fontsize=10, loc="left")
        lines = [line for query in panel.queries for line in ask(prometheus, query, span)]
        if panel.kind == "stat":
            _draw_number(axes, panel, lines)
        else:
            _draw_lines(axes, panel, lines)
            axes.set_xlim(_date(span.start), _date(span.end))
    file = folder / f"{page.name}.png"
    figure.savefig(file)
    return file


def _draw_number(axes: Any, panel: Panel, lines: Sequence[Line]) -> None:
    axes.axis("off")
    last = [(line.legend, line.values[-1]) for line in lines if line.values]
    if not last:
        axes.text(0.5, 0.5, "no data", ha="center", va="center", color="grey")
        return
    limit = math.inf if panel.limit is None else panel.limit
    for number, (legend, value) in enumerate(last):
        text = words_of(value, panel.unit) + (f"  {legend}" if len(last) > 1 else "")
        height = 1 - (number + 0.5) / len(last)
        size = 22 if len(last) == 1 else 12
        axes.text(
            0.5,
            height,
            text,
            ha="center",
            va="center",
            fontsize=size,
            color=_RED if value >= limit else _GREEN,
        )


def _draw_lines(axes: Any, panel: Panel, lines: Sequence[Line]) -> None:
    from matplotlib.dates import DateFormatter
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    shown = [line for line in lines if line.values]
    for line in shown:
        times = [_date(at) for at in line.times]
        axes.plot(times, line.values, linewidth=1.2, label=line.legend)
    axes.tick_params(labelsize=7)
    axes.grid(visible=True, linewidth=0.3)
    axes.xaxis.set_major_formatter(DateFormatter("%H:%M:%S"))
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: words_of(value, panel.unit)))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    if not shown:
        axes.text(0.5, 0.5, "no data", ha="center", va="center", color="grey", transform=axes.transAxes)
        return
    axes.set_ylim(bottom=min(0.0, *(min(line.values) for line in shown)))
    if len(shown) <= _LEGENDS_MAX:
        axes.legend(fontsize=7, loc="upper left", frameon=False)
    else:
        axes.text(0.01, 0.9, f"{len(shown)} lines", fontsize=7, transform=axes.transAxes)


def _date(seconds: float) -> Any:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC)


def main(arguments: Sequence[str]) -> int:
    """Draw all pages; return the exit code."""
    if len(arguments) not in {2, 3}:
        print((__doc__ or "").partition("\n")[0], file=sys.stderr)
        return 2
    folder = Path(arguments[1])
    end = time.time()
    span = Span(end - 60 * (float(arguments[2]) if len(arguments) == 3 else 5.0), end)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for page in PAGES:
            print(draw(page, arguments[0], span, folder))
    except ImportError:
        error = InputError("matplotlib", "is missing", "pip install 'beckon[train]'")
        print(f"beckon: {error}", file=sys.stderr)
        return error.exit_code
    except BeckonError as error:
        print(f"beckon: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
