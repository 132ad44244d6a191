"""`beckon models evaluate`: how good a model is on labelled texts that it was not trained on."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from schemas.errors import SettingsError

if TYPE_CHECKING:
    from models_onnx.quality import Evaluation


def register(models: typer.Typer) -> None:
    """Add the command to `beckon models`."""
    models.command("evaluate")(evaluate)


def evaluate(
    name: Annotated[str, typer.Argument(help="The model's name, for instance tags.")],
    file: Annotated[
        Path | None, typer.Argument(help=".csv, .tsv, .jsonl or .json (.gz, .xz) of text and label.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="The same, as an option.")] = None,
    models: Annotated[Path, typer.Option("--dir", help="Folder of NAME/VERSION/.")] = Path("models"),
    version: Annotated[str | None, typer.Option(help="Which one (default: the one in use).")] = None,
    text_column: Annotated[str, typer.Option(help="What the text is called in the file.")] = "text",
    label_column: Annotated[str, typer.Option(help="What the label is called in the file.")] = "label",
    alias: Annotated[
        list[str] | None,
        typer.Option(help="OTHER=LABEL: another spelling, besides those of the card; repeat it."),
    ] = None,
    separator: Annotated[str, typer.Option(help="Between several labels in a table's cell.")] = "|",
    provider: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure a model on labelled texts that it was not trained on.

    What the card knows is used: other spellings of labels, and what texts about none of them are called.
    """
    from models_onnx import quality, registry
    from models_onnx.corpus import Columns, read_corpus
    from streams.commands.models import provider_of
    from streams.commands.training import aliases_of

    path = file or data
    if path is None:
        raise SettingsError("FILE", "is missing", "name a file of texts and labels")
    chosen = version or registry.current_version(models, name)
    model = registry.load_version(models, name, chosen, provider_of(provider))
    card = model.card
    columns = Columns(
        text_column,
        label_column,
        card.aliases | aliases_of(alias),
        card.out_of_scope,
        separator if card.activation == "sigmoid" else None,
    )
    rows, empty = read_corpus(path, columns)
    found = quality.evaluate(model, rows)
    if json:
        print(msgspec.json.encode(found).decode())
    else:
        _print(found, f"{name} {chosen}", empty)


def _print(found: "Evaluation", title: str, empty: int) -> None:
    one = found.quality
    print(f"{title} on {found.texts:,} texts: accuracy {one.accuracy:.4f}, macro F1 {one.macro_f1:.4f}")
    if empty:
        print(f"{empty:,} rows without a text or label were left out")
    print(
        f"{found.tagged:.1%} of them have a tag at the model's threshold; calibration error {found.ece:.4f}"
    )
    if found.refusal is not None:
        some = found.refusal
        print(
            f"{some.texts:,} of them are out of scope: {some.recall:.1%} of these are refused, and"
            f" {some.accepted:.1%} of the others accepted; accuracy is over all of the others"
        )
    if found.unknown:
        print(f"labels that the model does not have: {', '.join(found.unknown)[:300]}")
    width = max((len(label.label) for label in found.by_label), default=0)
    for label in found.by_label:
        print(
            f"  {label.label:{width}}  F1 {label.f1:.4f}  {label.right} right of {label.texts},"
            f" said {label.said} times"
        )
