"""`beckon train`: make a model from labelled texts, registered and in use when every check has passed."""

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from schemas.errors import SettingsError
from schemas.timestamps import parse_time

if TYPE_CHECKING:
    from models_onnx.build import Made
    from models_onnx.corpus import Row
    from models_onnx.plan import Plan
    from models_onnx.train import Progress

#: Rows that are made where none are given.
GENERATED_ROWS = 12_000


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    train = typer.Typer(help="Train models; needs the extra beckon[train].", no_args_is_help=True)
    app.add_typer(train, name="train")
    train.command("tags")(tags)

    @train.callback()
    def group() -> None:
        """Keep `tags` a command of its own, though it is the only one."""


def tags(
    data: Annotated[
        Path | None,
        typer.Option(
            help=".csv, .tsv or .jsonl (.gz, .xz) of text and label; without it texts are generated."
        ),
    ] = None,
    text_column: Annotated[str, typer.Option(help="What the text is called in the file.")] = "text",
    label_column: Annotated[str, typer.Option(help="What the label is called in the file.")] = "label",
    out: Annotated[Path, typer.Option(help="Folder of NAME/VERSION/.")] = Path("models"),
    name: Annotated[str, typer.Option(help="The model's name.")] = "tags",
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same model.")] = 1,
    size: Annotated[
        str | None,
        typer.Option(help="micro, tiny or mini: from scratch (default: tiny, for generated texts micro)."),
    ] = None,
    base: Annotated[
        str | None, typer.Option(help="Start from this Transformers model: a folder or a hub id.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, max=1000, help="At most; ends when it gets no better.")] = 6,
    max_length: Annotated[int, typer.Option(min=3, max=512, help="Tokens of a text that are read.")] = 64,
    rows: Annotated[
        int, typer.Option(min=100, max=1_000_000, help="How many texts to generate.")
    ] = GENERATED_ROWS,
    threshold: Annotated[float, typer.Option(min=0.0, max=1.0, help="A label is a tag from here on.")] = 0.5,
    licence: Annotated[str, typer.Option(help="For the card.")] = "not stated",
    created_at: Annotated[str | None, typer.Option(help="For the card (default: now).")] = None,
) -> None:
    """Train a tag model: from texts and labels to a verified ONNX model, measured beside TF-IDF."""
    from models_onnx.extra import require_train_extra

    require_train_extra()
    plan = _plan(name, size or ("tiny" if data else "micro"), seed, base, epochs, max_length)
    made_at = created_at or f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    if parse_time(made_at) is None:
        raise SettingsError(
            "--created-at", f"`{made_at}` is not a time", "write it like 2026-11-01T00:00:00Z"
        )
    corpus, source = _corpus(data, text_column, label_column, rows, seed)
    said = {
        "data": None if data is None else data.name,
        "text-column": None if text_column == "text" else text_column,
        "label-column": None if label_column == "label" else label_column,
        "rows": rows if data is None else None,
        "name": name,
        "threshold": threshold,
        "licence": None if data is None else licence,
        "created-at": made_at,
    }
    _make(
        corpus,
        models=out,
        name=name,
        plan=plan,
        data=source,
        command=_command(plan, said),
        created_at=made_at,
        licence="Apache-2.0" if data is None else licence,
        threshold=threshold,
    )


def _plan(name: str, size: str, seed: int, base: str | None, epochs: int, max_length: int) -> "Plan":
    from models_onnx.card import is_plain_name
    from models_onnx.plan import Plan, Size

    if not is_plain_name(name):
        raise SettingsError("--name", f"`{name[:64]}` is not a plain name", "use letters, digits, - and _")
    if size not in set(Size):
        raise SettingsError("--size", f"`{size}` is not a size", "say micro, tiny or mini")
    return Plan(seed=seed, size=Size(size), base=base, epochs=epochs, max_length=max_length)


def _make(corpus: "list[Row]", **request: Any) -> None:
    # PyTorch takes seconds to import: what is wrong with flags and texts has been said before.
    from models_onnx.build import Request, make_tag_model

    with _bar() as progress:
        made = make_tag_model(corpus, Request(**request), progress)
    _report(made)


def _corpus(
    data: Path | None, text_column: str, label_column: str, rows: int, seed: int
) -> "tuple[list[Row], str]":
    from models_onnx.corpus import Columns, Row, read_corpus
    from models_onnx.sample_titles import training_texts

    if data is not None:
        return read_corpus(data, Columns(text_column, label_column)), data.name
    made = [Row(text, label) for text, label in training_texts(seed, rows)]
    return made, f"titles and searches generated from seed {seed} (`models_onnx/sample_titles.py`)"


def _command(plan: "Plan", more: Mapping[str, object]) -> str:
    """Return the call as the card tells it: what shapes the model, and no path of this machine."""
    from models_onnx.plan import told

    options = {
        "seed": plan.seed,
        "base": None if plan.base is None else told(plan.base),
        "size": None if plan.base else plan.size.value,
        "epochs": plan.epochs,
        "max-length": plan.max_length,
        **more,
    }
    said = [f"--{name} {shlex.quote(str(value))}" for name, value in options.items() if value is not None]
    return " ".join(["beckon train tags", *said])


@contextmanager
def _bar() -> "Iterator[Progress]":
    from rich.console import Console
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    with Bar(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("training", total=None)

        def progress(what: str, done: int, of: int) -> None:
            bar.update(task, description=what, completed=done, total=of)

        yield progress


def _report(made: "Made") -> None:
    from models_onnx.page import BASELINE, verdict

    card, parts = made.card, made.split
    size = sum(entry.bytes for entry in card.files.values())
    print(f"{made.folder}  {size:,} bytes, verified and in use")
    print(
        f"{len(parts.train):,} texts trained it, {len(parts.choose):,} chose epoch {made.epochs} and temperature"
        f" {made.temperature}, {len(parts.judge):,} judged it; {parts.repeated:,} rows said nothing new"
    )
    for name, quality in (("this model", card.metrics.model), (BASELINE, card.metrics.baseline)):
        print(f"{name:32} accuracy {quality.accuracy:.4f}  macro F1 {quality.macro_f1:.4f}")
    print(verdict(card).replace("**", ""))
