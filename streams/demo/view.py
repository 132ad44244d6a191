"""The live view: the whole demo on one screen, drawn four times a second."""

from collections import Counter
from datetime import datetime
from types import TracebackType
from typing import Self

from rich.align import Align
from rich.console import Console, Group, RenderableType
from rich.layout import Layout
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from streams.demo.status import Stage, Status
from streams.demo.tally import Shown, Tally
from streams.demo.words import REASONS, bar, milliseconds, percent, sparkline

_DRAWS_PER_S = 4
_NAME_CELLS = 17
_LINES_PER_PROMOTION = 4
_BORDER = "grey37"
_ACCENT = "bright_cyan"


class LiveView:
    """Use it in a `with`; it draws by itself until the block ends."""

    def __init__(self, tally: Tally, status: Status, console: Console) -> None:
        self._tally = tally
        self._status = status
        self._console = console
        self._live = Live(
            get_renderable=self.screen, console=console, screen=True, refresh_per_second=_DRAWS_PER_S
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def tick(self) -> None:
        """Nothing to do: the screen is drawn in a thread of its own."""

    def screen(self) -> RenderableType:
        """Return what the screen shows now."""
        width, height = self._console.size
        layout = Layout()
        layout.split_column(
            Layout(self._header(), size=2),
            Layout(self._tiles(), size=5),
            Layout(name="body"),
            Layout(self._footer(), size=1),
        )
        right = max(34, width * 2 // 5)
        body_lines = height - 10
        layout["body"].split_row(
            Layout(self._promotions(width - right - 4, body_lines)), Layout(name="right", size=right)
        )
        reasons = self._bars(self._tally.reasons, right, REASONS)
        layout["body"]["right"].split_column(
            Layout(_panel(reasons, "Why nothing was sent"), ratio=3),
            Layout(
                _panel(self._bars(self._tally.offered_by_campaign, right, {}), "Offers by campaign"), ratio=2
            ),
            Layout(_panel(self._match(), "Right about the shopper?"), size=4),
        )
        return layout

    def _header(self) -> RenderableType:
        status = self._status
        title = Text.assemble(
            (" Beckon ", f"bold black on {_ACCENT}"),
            f"  {status.shoppers} shoppers, {status.rate:g} events/s, one worker",
            (f" (process {status.worker_pid})" if status.worker_pid else "", "dim"),
            ", Kafka in memory",
        )
        done = min(status.open_for_s, status.seconds)
        clock = Text(f"{done:.0f} of {status.seconds:g} s ", style="dim")
        progress = ProgressBar(status.seconds, done, width=24, complete_style=_ACCENT, finished_style="green")
        if status.stage is Stage.STARTING:
            progress = ProgressBar(None, pulse=True, width=24, pulse_style=_ACCENT)
        grid = Table.grid(expand=True, padding=(0, 1))
        grid.add_column(ratio=1, no_wrap=True)
        grid.add_column(justify="right", no_wrap=True)
        grid.add_column(width=24)
        grid.add_row(title, clock, progress)
        return grid

    def _tiles(self) -> RenderableType:
        tally, status = self._tally, self._status
        rate = status.rates[-1] if status.rates else 0
        tiles = (
            ("events/s", f"{rate:,}", sparkline(list(status.rates)[-14:])),
            ("shopper profiles", f"{len(tally.profiles):,}", f"{tally.settled:,} events in"),
            ("promotions", f"{len(tally.promotions):,}", f"{len(tally.decisions):,} decisions"),
            (
                "event to promotion",
                milliseconds(tally.latency_ms(0.5)),
                f"p99 {milliseconds(tally.latency_ms(0.99))}",
            ),
            ("dead letters", f"{len(tally.dead):,}", _commonest(tally)),
            (
                "model calls",
                f"{status.model_calls:,}",
                f"{status.texts_scored:,} texts, {status.fallbacks} fallbacks",
            ),
        )
        grid = Table.grid(expand=True)
        for _ in tiles:
            grid.add_column(ratio=1)
        grid.add_row(*(_tile(*tile) for tile in tiles))
        return grid

    def _promotions(self, width: int, lines: int) -> RenderableType:
        shown = list(self._tally.recent)[-max(1, lines // _LINES_PER_PROMOTION) :]
        if not shown:
            waiting = Text(f"{self._status.stage} ...", style="dim italic")
            return _panel(Align.center(waiting, vertical="middle"), "Promotions")
        return _panel(Group(*(_promotion(one, width) for one in reversed(shown))), "Promotions, newest first")

    def _bars(self, counts: Counter[str], width: int, words: dict[str, str]) -> RenderableType:
        ranked = dict(counts).items()
        top = max((count for _, count in ranked), default=0)
        grid = Table.grid(padding=(0, 1))
        grid.add_column(
            width=_NAME_CELLS, no_wrap=True, overflow="ellipsis", style="yellow" if words else "cyan"
        )
        grid.add_column(justify="right", min_width=4, style="bold")
        grid.add_column(no_wrap=True, overflow="ellipsis")
        room = max(6, width - _NAME_CELLS - 11)
        for name, count in sorted(ranked, key=lambda pair: (-pair[1], pair[0])):
            blocks = bar(count, top, max(3, room // (3 if words else 1)))
            line = Text(blocks, style="yellow" if words else "cyan")
            line.append(f" {words[name]}" if name in words else "", style="dim")
            grid.add_row(name, f"{count:,}", line)
        return grid

    def _match(self) -> RenderableType:
        tally = self._tally
        share = tally.interest_match()
        grid = Table.grid(padding=(0, 1))
        grid.add_column(justify="right", width=5, style="bold green")
        grid.add_column(width=18)
        grid.add_column(no_wrap=True, overflow="ellipsis", style="dim")
        grid.add_row(percent(share), _gauge(share, "green"), "hit the true interest")
        guess = tally.match_by_guessing()
        grid.add_row(Text(percent(guess), style="dim"), _gauge(guess, "grey50"), "by guessing")
        return grid

    def _footer(self) -> RenderableType:
        return Text(f" {self._status.stage}.  Ctrl-C ends it now, with a summary.", style="dim", no_wrap=True)


def _promotion(one: Shown, width: int) -> RenderableType:
    mark = {True: ("✓", "bold green"), False: ("✗", "bold red"), None: ("·", "dim")}[one.matches]
    clock = datetime.fromtimestamp(one.at_ms / 1000).astimezone().strftime("%H:%M:%S")
    head = Text.assemble((f"{clock} ", "dim"), mark, f" {one.user_id}  ", (one.campaign_id, "cyan"))
    words = Text(f"  {one.text}", style="bold")
    why = Text(f"  because {one.why}" if one.why else "", style="dim")
    for line in (head, words, why):
        line.no_wrap = True
        line.truncate(width, overflow="ellipsis")
    return Group(head, words, why, Text(""))


def _tile(name: str, value: str, below: str) -> RenderableType:
    lines = Group(
        Text(value, style=f"bold {_ACCENT}", justify="center", no_wrap=True),
        Text(below, style="dim", justify="center", no_wrap=True, overflow="ellipsis"),
    )
    return Panel(lines, title=f"[dim]{name}[/dim]", border_style=_BORDER, padding=(0, 0), height=4)


def _panel(inside: RenderableType, title: str) -> Panel:
    return Panel(
        inside, title=f"[bold]{title}[/bold]", title_align="left", border_style=_BORDER, padding=(0, 1)
    )


def _gauge(share: float | None, style: str) -> RenderableType:
    return ProgressBar(1.0, share or 0.0, width=18, complete_style=style, finished_style=style)


def _commonest(tally: Tally) -> str:
    reasons = Counter(dead.letter.reason.value for dead in list(tally.dead.values()))
    return ", ".join(reason for reason, _ in reasons.most_common(2)) or "none"
