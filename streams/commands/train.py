"""`beckon train tags | intents`: a model from labelled texts, registered and in use when every check has passed."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.commands import train_more
from streams.commands import training as options

if TYPE_CHECKING:
    from models_onnx.build import Made
    from models_onnx.plan import Plan

#: Rows that are made where none are given.
GENERATED_ROWS = 12_000


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    train = typer.Typer(help="Train models; needs the extra beckon[train].", no_args_is_help=True)
    app.add_typer(train, name="train")
    train.command("tags")(tags)
    train.command("intents")(intents)
    train_more.register(train)


def tags(
    data: Annotated[
        Path | None,
        typer.Option(
            help=".csv, .tsv, .jsonl or .json (.gz, .xz) of text and label; without it texts are generated."
        ),
    ] = None,
    text_column: options.TextColumn = "text",
    label_column: options.LabelColumn = "label",
    alias: options.Alias = None,
    judge: options.Judge = None,
    out: options.Out = Path("models"),
    name: Annotated[str, typer.Option(help="The model's name.")] = "tags",
    seed: options.Seed = 1,
    size: Annotated[
        str | None,
        typer.Option(help="micro, tiny or mini: from scratch (default: tiny, for generated texts micro)."),
    ] = None,
    base: options.Base = None,
    epochs: options.Epochs = 6,
    max_length: options.MaxLength = 64,
    learning_rate: options.Rate = None,
    batch_texts: options.Batch = 64,
    balance: options.BalanceBy = "none",
    train_max: options.TrainMax = None,
    rows: Annotated[
        int, typer.Option(min=100, max=1_000_000, help="How many texts to generate.")
    ] = GENERATED_ROWS,
    threshold: Annotated[float, typer.Option(min=0.0, max=1.0, help="A label is a tag from here on.")] = 0.5,
    separator: options.Separator = "|",
    variants: options.Variants = "fp16,int8",
    threads: options.Threads = 1,
    device: options.Device = "cpu",
    licence: options.Licence = "not stated",
    created_at: options.CreatedAt = None,
    *,
    several: options.Several = False,
    force: options.Force = False,
) -> None:
    """Train a tag model: from texts and labels to a verified ONNX model, measured beside TF-IDF.

    `--several`: each label gets its own threshold, the one with the best F1. An interrupted training goes on
    where it stood when the same command is given again.
    """
    from models_onnx.extra import require_train_extra

    require_train_extra()
    plan = options.plan_of(
        seed=seed,
        size=size or ("tiny" if data else "micro"),
        base=base,
        epochs=epochs,
        max_length=max_length,
        learning_rate=learning_rate,
        batch_texts=batch_texts,
        balance=balance,
        train_max=train_max,
        threads=threads,
        device=device,
        several=several,
    )
    columns = options.columns_of(text_column, label_column, alias, None, separator if several else None)
    _make(
        "tags",
        plan,
        options.read(data, judge, columns) if data is not None else _generated(seed, rows),
        {"rows": rows if data is None else None, "threshold": threshold},
        models=out,
        name=options.checked_name(name),
        created_at=options.made_at(created_at),
        licence="Apache-2.0" if data is None else licence,
        threshold=threshold,
        wish=options.wish_of(variants, force=force),
    )


def intents(
    data: Annotated[Path, typer.Option(help=".csv, .tsv, .jsonl or .json (.gz, .xz) of text and label.")],
    text_column: options.TextColumn = "text",
    label_column: options.LabelColumn = "label",
    alias: options.Alias = None,
    judge: options.Judge = None,
    out_of_scope: Annotated[
        str | None, typer.Option(help="What the file calls texts about none of the labels.")
    ] = None,
    accept: Annotated[
        float, typer.Option(min=0.5, max=1.0, help="Share of texts in scope that must get an answer.")
    ] = 0.95,
    out: options.Out = Path("models"),
    name: Annotated[str, typer.Option(help="The model's name.")] = "intents",
    seed: options.Seed = 1,
    size: Annotated[str, typer.Option(help="micro, tiny or mini: from scratch.")] = "tiny",
    base: options.Base = None,
    epochs: options.Epochs = 10,
    max_length: options.MaxLength = 64,
    learning_rate: options.Rate = None,
    batch_texts: options.Batch = 32,
    balance: options.BalanceBy = "none",
    train_max: options.TrainMax = None,
    separator: options.Separator = "|",
    variants: options.Variants = "fp16,int8",
    threads: options.Threads = 1,
    device: options.Device = "cpu",
    licence: options.Licence = "not stated",
    created_at: options.CreatedAt = None,
    *,
    several: options.Several = False,
    force: options.Force = False,
) -> None:
    """Train an intent model: what does somebody want, or is it none of what we know.

    The threshold is the score that the given share of choosing texts reaches; a text below it is out of scope.
    An interrupted training goes on where it stood when the same command is given again.
    """
    from models_onnx.extra import require_train_extra

    require_train_extra()
    plan = options.plan_of(
        seed=seed,
        size=size,
        base=base,
        epochs=epochs,
        max_length=max_length,
        learning_rate=learning_rate,
        batch_texts=batch_texts,
        balance=balance,
        train_max=train_max,
        threads=threads,
        device=device,
        several=several,
    )
    columns = options.columns_of(
        text_column, label_column, alias, out_of_scope, separator if several else None
    )
    _make(
        "intents",
        plan,
        options.read(data, judge, columns),
        {"accept": None if several else accept, "out-of-scope": out_of_scope},
        models=out,
        name=options.checked_name(name),
        created_at=options.made_at(created_at),
        licence=licence,
        accept=None if several else accept,
        out_of_scope=out_of_scope,
        wish=options.wish_of(variants, force=force),
    )


def _generated(seed: int, rows: int) -> options.Given:
    from models_onnx.corpus import Columns, Row
    from models_onnx.sample_titles import training_texts

    made = [Row(text, label) for text, label in training_texts(seed, rows)]
    source = f"titles and searches generated from seed {seed} (`models_onnx/sample_titles.py`)"
    return options.Given(made, [], 0, Columns(), None, None, source)


def _make(
    command: str, plan: "Plan", given: options.Given, said: Mapping[str, object], **request: Any
) -> None:
    # PyTorch takes seconds to import: what is wrong with flags and texts has been said before.
    from models_onnx.build import Request, make_tag_model

    more = {
        **options.corpus_options(given),
        **said,
        "several": plan.several,
        "separator": given.columns.separator if given.columns.separator != "|" else None,
        "name": request["name"],
        "variants": ",".join(request["wish"].kinds) or "none",
        "force": request["wish"].force,
        "licence": request["licence"] if given.data is not None else None,
        "created-at": request["created_at"],
    }
    asked = Request(
        plan=plan,
        data=given.source,
        command=options.command_of(command, plan, more),
        aliases=dict(given.columns.aliases),
        **request,
    )
    with options.bar() as progress:
        made = make_tag_model(given.rows, asked, progress, given.judging)
    _report(made, given.empty)


def _report(made: "Made", empty: int) -> None:
    from models_onnx.page import BASELINE, verdict

    card, parts = made.card, made.split
    metrics = card.metrics
    size = sum(entry.bytes for entry in card.files.values())
    print(f"{made.folder}  {size:,} bytes, verified and in use")
    print(
        f"{len(parts.train):,} texts trained it, {len(parts.choose):,} chose epoch {made.epochs},"
        f" {len(parts.judge):,} judged it; {parts.repeated:,} rows said nothing new"
    )
    if empty:
        print(f"{empty:,} rows without a text or label were left out")
    print(f"ONNX and PyTorch differ by {made.difference:.1e} at most on {made.compared} of the judging texts")
    for name, quality in (("this model", metrics.model), (BASELINE, metrics.baseline)):
        print(f"{name:32} accuracy {quality.accuracy:.4f}  macro F1 {quality.macro_f1:.4f}")
    print(verdict(card).replace("**", ""))
    if metrics.calibration is not None:
        one = metrics.calibration
        print(
            f"calibration error {one.ece:.4f}, {one.ece_before:.4f} before a temperature of {one.temperature}"
        )
    if metrics.refusal is not None:
        some = metrics.refusal
        print(
            f"threshold {card.threshold}: {some.accepted:.1%} in scope accepted, {some.recall:.1%} of"
            f" {some.texts} out of scope refused"
        )
    for variant in card.variants:
        print(
            f"{variant.graph:32} accuracy {variant.quality.accuracy:.4f}  macro F1 {variant.quality.macro_f1:.4f}"
            f"  for {variant.provider}, {variant.flips:.2%} other best labels"
        )
    for refused in made.refused:
        print(f"{refused.kind} was left out: it {refused.why}")
