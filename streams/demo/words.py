"""How the demo says things: numbers, reasons and bars, for the screen, the plain lines and the summary."""

from collections.abc import Sequence

#: Reason code -> what it means to the shopper or the shop.
REASONS = {
    "no_consent": "did not agree to marketing",
    "too_late": "the visit was over",
    "capped": "had this campaign already",
    "cooling_down": "had an offer just now",
    "out_of_stock": "sold out",
    "budget_exhausted": "the budget is spent",
    "low_value": "costs more than it earns",
    "copy_rejected": "no words for it",
    "quiet_hours": "over before the night is",
    "lost_arbitration": "another campaign won",
    "held_out": "left out, to measure the effect",
    "stale": "the event came too late",
}
_STEPS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[int]) -> str:
    """Return one block per value, as high as its share of the greatest.

    >>> sparkline([0, 4, 8])
    '▁▄█'
    """
    top = max(values, default=0)
    if top <= 0:
        return _STEPS[0] * len(values)
    return "".join(_STEPS[min(7, max(0, round(value / top * 8) - 1))] for value in values)


def bar(value: int, top: int, width: int) -> str:
    """Return a bar of at most `width` cells; what is above 0 is seen.

    >>> bar(5, 10, 8), bar(1, 1000, 8)
    ('████', '▏')
    """
    eighths = max(1, round(value / top * width * 8)) if value and top else 0
    whole, part = divmod(eighths, 8)
    return "█" * whole + ("" if part == 0 else "▏▎▍▌▋▊▉"[part - 1])


def percent(share: float | None) -> str:
    """Return a share in percent, or a dash.

    >>> percent(0.936), percent(None)
    ('94 %', '-')
    """
    return "-" if share is None else f"{share * 100:.0f} %"


def milliseconds(value: float | None) -> str:
    """Return whole milliseconds, or a dash.

    >>> milliseconds(41.7), milliseconds(None)
    ('42 ms', '-')
    """
    return "-" if value is None else f"{value:.0f} ms"
