"""`beckon models rollback / shadow / explain`: what serves, what serves beside it, and why it says what it says."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from schemas.errors import SettingsError

if TYPE_CHECKING:
    from models_onnx.occlusion import Explanation

_Models = Annotated[Path, typer.Option("--dir", help="Folder of NAME/VERSION/.")]
_Name = Annotated[str, typer.Argument(help="The model's name, for instance tags.")]
_Version = Annotated[str | None, typer.Option(help="Which one (default: the one in use).")]


def register(models: typer.Typer) -> None:
    """Add the commands to `beckon models`."""
    models.command("rollback")(rollback)
    models.command("shadow")(shadow)
    models.command("explain")(explain)


def rollback(name: _Name, models: _Models = Path("models")) -> None:
    """Put the version in use that was in use before; running workers take it within 5 seconds."""
    from models_onnx import registry
    from streams.commands.models import verify

    verify(name, models, registry.previous_version(models, name))
    print(f"{name} {registry.roll_back(models, name)} is in use again")


def shadow(
    name: _Name,
    version: Annotated[str | None, typer.Argument(help="The candidate.")] = None,
    models: _Models = Path("models"),
    *,
    off: Annotated[bool, typer.Option("--off", help="End it.")] = False,
) -> None:
    """Let a candidate score what running workers score; it decides nothing. Metric: beckon_shadow_texts_total."""
    from models_onnx import registry
    from streams.commands.models import verify

    if off is (version is not None):
        raise SettingsError("VERSION", "is wanted, or --off", "give one of the two")
    if version is not None:
        verify(name, models, version)
    else:
        registry.current_version(models, name)  # is there such a model?
    registry.set_candidate(models, name, version)
    print(f"{name} has no candidate" if version is None else f"{name} {version} is the candidate")


def explain(
    name: _Name,
    text: Annotated[str, typer.Argument(help="A title or a search.")],
    models: _Models = Path("models"),
    version: _Version = None,
    *,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say which words carried a text's tags: the score of each word alone, and of the text without it."""
    from models_onnx import registry
    from models_onnx.occlusion import explain as explanation_of

    chosen = version or registry.current_version(models, name)
    found = explanation_of(registry.load_version(models, name, chosen, "cpu"), text)
    if json:
        print(msgspec.json.encode(found).decode())
    else:
        _print_explanation(found)


def _print_explanation(found: "Explanation") -> None:
    if not found.labels:
        print("no word of it is known, so it has no tag")
        return
    for label in found.labels:
        print(f"{label.label} {label.score:.4f}{'' if label.is_tag else ', below the threshold'}")
        width = max((len(word.word) for word in label.words), default=0)
        for word in label.words:
            print(f"  {word.word:{width}}  alone {word.alone:.4f}, without it {word.without:.4f}")
