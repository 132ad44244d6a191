"""`beckon train pretrain | embed`: encoders to start from, and vectors of texts."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.commands import training as options

if TYPE_CHECKING:
    from models_onnx.embed import MadeEncoder
    from models_onnx.pretrain import Report


def register(train: typer.Typer) -> None:
    """Add the commands to `beckon train`."""
    train.command("pretrain")(pretrain)
    train.command("embed")(embed)


def pretrain(
    data: Annotated[
        list[Path], typer.Option(help=".txt of a text a line, .csv, .tsv, .jsonl or .json; repeat it.")
    ],
    out: Annotated[Path, typer.Option(help="Folder to write, for `--from` of the other commands.")],
    kind: Annotated[
        str, typer.Option(help="mlm: an encoder (hidden words); clm: a decoder (next word).")
    ] = "mlm",
    text_column: options.TextColumn = "text",
    size: Annotated[str, typer.Option(help="micro, tiny or mini: from scratch.")] = "tiny",
    base: options.Base = None,
    seed: options.Seed = 1,
    epochs: options.Epochs = 10,
    max_length: options.MaxLength = 64,
    learning_rate: options.Rate = None,
    batch_texts: options.Batch = 64,
    threads: options.Threads = 1,
    device: options.Device = "cpu",
    created_at: options.CreatedAt = None,
) -> None:
    """Pre-train on texts without labels, English or Chinese, from scratch or from a given model.

    An interrupted training goes on where it stood when the same command is given again.
    """
    from models_onnx.corpus import Columns, read_corpus
    from models_onnx.extra import require_train_extra

    require_train_extra()
    options.chosen("--kind", kind, ("mlm", "clm"))
    plan = options.plan_of(
        seed=seed,
        size=size,
        base=base,
        epochs=epochs,
        max_length=max_length,
        learning_rate=learning_rate,
        batch_texts=batch_texts,
        threads=threads,
        device=device,
    )
    texts = [row.text for path in data for row in read_corpus(path, Columns(text_column, None)).rows]
    made_at = options.made_at(created_at)
    names = [path.name for path in data]
    column = None if text_column == "text" else text_column
    more = {"kind": kind, "data": names, "text-column": column, "out": out.name, "created-at": made_at}

    from models_onnx.pretrain import Kind, Order
    from models_onnx.pretrain import pretrain as run

    command = options.command_of("pretrain", plan, more)
    with options.bar() as progress:
        report = run(texts, Order(Kind(kind), plan, out, ", ".join(names), command, made_at), progress)
    _report_words(out, report)


def embed(
    data: Annotated[Path, typer.Option(help=".csv, .tsv, .jsonl or .json (.gz, .xz) of text and label.")],
    text_column: options.TextColumn = "text",
    label_column: options.LabelColumn = "label",
    alias: options.Alias = None,
    judge: options.Judge = None,
    out: options.Out = Path("models"),
    name: Annotated[str, typer.Option(help="The model's name.")] = "embed",
    base: options.Base = "minilm",
    seed: options.Seed = 1,
    epochs: options.Epochs = 1,
    max_length: options.MaxLength = 64,
    learning_rate: options.Rate = None,
    batch_texts: options.Batch = 32,
    train_max: options.TrainMax = None,
    threads: options.Threads = 1,
    device: options.Device = "cpu",
    licence: options.Licence = "not stated",
    created_at: options.CreatedAt = None,
) -> None:
    """Make a text encoder: texts of one label come to lie together. `--epochs 0` takes the model as it is."""
    from models_onnx.extra import require_train_extra

    require_train_extra()
    plan = options.plan_of(
        seed=seed,
        base=base,
        epochs=epochs,
        max_length=max_length,
        learning_rate=learning_rate,
        batch_texts=batch_texts,
        train_max=train_max,
        threads=threads,
        device=device,
    )
    given = options.read(data, judge, options.columns_of(text_column, label_column, alias))
    made_at = options.made_at(created_at)
    more = {
        **options.corpus_options(given),
        "name": options.checked_name(name),
        "licence": licence,
        "created-at": made_at,
    }

    from models_onnx.build import Request
    from models_onnx.embed import make_encoder

    command = options.command_of("embed", plan, more)
    request = Request(out, name, plan, given.source, command, made_at, licence)
    with options.bar() as progress:
        made = make_encoder(given.rows, request, progress, given.judging)
    _report_encoder(made)


def _report_words(out: Path, report: "Report") -> None:
    from models_onnx.pretrain import Kind

    plain = "word frequencies" if report.kind is Kind.HIDDEN else "pairs of words"
    print(f"{out}  {report.parameters:,} parameters, {report.words:,} pieces; start from it with --from")
    print(
        f"{report.texts_train:,} texts trained it, {report.texts_choose:,} chose epoch {report.best_epoch} and"
        " judged it"
    )
    print(f"{'this model':32} loss {report.loss:.4f}  right {report.right:.2%}")
    print(f"{plain:32} loss {report.baseline_loss:.4f}")
    if report.loss >= report.baseline_loss:
        print("The plain counts win: more texts or epochs may change that.")


def _report_encoder(made: "MadeEncoder") -> None:
    from models_onnx.page import NEIGHBOUR_BASELINE, verdict

    card, parts = made.card, made.split
    print(f"{made.folder}  {sum(entry.bytes for entry in card.files.values()):,} bytes, verified and in use")
    print(
        f"{len(parts.train):,} texts trained it, {len(parts.choose):,} chose epoch {made.epochs},"
        f" {len(parts.judge):,} judged it"
    )
    print(f"ONNX and PyTorch differ by {made.difference:.1e} at most on {made.compared} of the judging texts")
    for name, quality in (
        ("nearest text by this model", card.metrics.model),
        (NEIGHBOUR_BASELINE, card.metrics.baseline),
    ):
        print(f"{name:32} right {quality.accuracy:.4f}  macro F1 {quality.macro_f1:.4f}")
    print(verdict(card).replace("**", ""))
