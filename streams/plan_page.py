"""A plan as a table that a marketer reads: per campaign what would go out, what it costs, whom it reaches."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from streams.pages import printable
from streams.plan import Change, Effect, Effects

_ALL = "all campaigns"


def plan_page(new: Effects, old: Effects | None, found: Sequence[Change], currency: str) -> str:
    """Return plain text; with `old`, values read "before -> after"."""
    names = _names(new, old)
    rows: list[tuple[str, ...]] = [("", "offers", f"cost in {currency}", "reach", "held out")]
    rows += [_row(name, _effect(new, name), _effect(old, name)) for name in names]
    rows.append(_row(_ALL, new.total, None if old is None else old.total))
    lines = [f"campaign file {new.digest}" + (f", beside {old.digest}" if old is not None else "")]
    lines += [f"  {printable(change.line())}" for change in found]
    lines += ["", *_table(rows), "", "not offered, by the first step that stopped it"]
    lines += _table(_stops(names, new, old)) or ["  nothing was stopped"]
    return "\n".join(lines) + "\n"


def plan_json(new: Effects, old: Effects | None, found: Sequence[Change]) -> str:
    """Return the same as JSON."""
    tree: dict[str, Any] = {"new": new, "old": old, "changes": list(found)}
    return msgspec.json.format(msgspec.json.encode(tree, order="sorted"), indent=2).decode()


def _names(new: Effects, old: Effects | None) -> list[str]:
    return list(dict.fromkeys([*new.by_campaign, *(old.by_campaign if old is not None else ())]))


def _effect(effects: Effects | None, name: str) -> Effect | None:
    """Return what a campaign did; nothing where it is not in the file, None where there is no file."""
    return None if effects is None else effects.by_campaign.get(name, Effect())


def _row(name: str, new: Effect | None, old: Effect | None) -> tuple[str, ...]:
    assert new is not None, "there is always a new file"
    numbers = [
        (f"{effect.offers:,}", f"{effect.cost:,.2f}", f"{effect.reach:,}", f"{effect.held_out:,}")
        for effect in (old, new)
        if effect is not None
    ]
    return (name, *(_beside(values) for values in zip(*numbers, strict=True)))


def _stops(names: Iterable[str], new: Effects, old: Effects | None) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for name in names:
        mine, before = _effect(new, name), _effect(old, name)
        assert mine is not None, "there is always a new file"
        reasons = sorted({*mine.suppressed, *(before.suppressed if before is not None else ())})
        for reason in reasons:
            counts = [effect.suppressed[reason] for effect in (before, mine) if effect is not None]
            rows.append((f"{name}  {reason}", _beside([f"{count:,}" for count in counts])))
    for reason in sorted({*new.unasked, *(old.unasked if old is not None else ())}):
        counts = [effects.unasked.get(reason, 0) for effects in (old, new) if effects is not None]
        rows.append((f"{_ALL}  {reason}", _beside([f"{count:,}" for count in counts])))
    return rows


def _beside(values: Sequence[str]) -> str:
    first, last = values[0], values[-1]
    return last if first == last else f"{first} -> {last}"


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    return list(_lines(rows)) if rows else []


def _lines(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Align columns: the first to the left, numbers to the right."""
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [max(len(row[place]) for row in cells) for place in range(len(cells[0]))]
    for name, *numbers in cells:
        right = (f"{number:>{width}}" for number, width in zip(numbers, widths[1:], strict=True))
        yield f"  {name:<{widths[0]}}  {'  '.join(right)}".rstrip()
