"""`beckon models`: which models there are, can they be trusted, and how good they are."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from streams.commands import models_bench, models_evaluate, models_serving

if TYPE_CHECKING:
    from models_onnx.folder import Folder

_Models = Annotated[Path, typer.Option("--dir", help="Folder of NAME/VERSION/.")]
_Name = Annotated[str, typer.Argument(help="The model's name, for instance tags.")]
_Version = Annotated[str | None, typer.Option(help="Which one (default: the one in use).")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    models = typer.Typer(help="List, verify and measure models.", no_args_is_help=True)
    app.add_typer(models, name="models")
    models.command("list")(list_models)
    models.command("verify")(verify)
    models_evaluate.register(models)
    models.command("promote")(promote)
    models_serving.register(models)
    models_bench.register(models)


def list_models(models: _Models = Path("models"), *, json: _Json = False) -> None:
    """List all models; `*` marks the version in use. Says what a card says, `verify` checks it."""
    from models_onnx import registry

    found = [
        _line(models, name, version)
        for name in registry.names(models)
        for version in registry.versions(models, name)
    ]
    if json:
        print(msgspec.json.encode(found).decode())
        return
    if not found:
        print(f"there are no models in {models}; `beckon train tags` makes one")
    for line in found:
        mark = "*" if line.current else " "
        if line.problem is not None:
            print(f"{mark} {line.name} {line.version}  {line.problem}")
        else:
            what = f"{line.labels} labels" if line.labels else "vectors"
            print(
                f"{mark} {line.name} {line.version}  {what}  accuracy {line.accuracy:.4f}"
                f" (baseline {line.baseline:.4f})  {line.bytes:,} bytes  {line.created_at}  {line.digest[:12]}"
            )


def verify(
    name: _Name,
    models: _Models = Path("models"),
    version: _Version = None,
    provider: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "cpu",
) -> None:
    """Check everything of a model: files, graph, canaries, and that a text's scores do not depend on its batch.

    Smaller variants are checked alike, if they are meant to run there.
    """
    from models_onnx import registry

    chosen = version or registry.current_version(models, name)
    where = provider_of(provider)
    folder = registry.read_version(models, name, chosen)
    card = folder.card
    print(f"{folder.where}  digest {folder.digest[:12]}")
    print(f"files      {len(card.files)} as listed, none besides them")
    if card.kind == "text-encoder":
        _verify_encoder(folder, where)
    else:
        _verify_classifier(folder, where)
    print("all right")


def _verify_classifier(folder: "Folder", provider: str) -> None:
    from models_onnx.golden import decode
    from models_onnx.invariance import check_invariance
    from models_onnx.precision import graph_of, kinds_of
    from models_onnx.runtime import open_model

    for kind in kinds_of(folder.card, provider):
        model = open_model(folder, provider, kind)
        card, graph, golden, _ = graph_of(folder.card, kind, provider, folder.where)
        canaries = decode(folder.files[golden], card.labels, folder.where)
        print(
            f"graph      {graph}: opset {card.opset}, standard operators, weights inside, {len(card.labels)}"
            f" labels, runs on {model.provider}"
        )
        print(f"canaries   {len(canaries)} texts score as they did")
        rows = check_invariance(model, [canary.text for canary in canaries], folder.where)
        print(f"batches    {rows:,} rows score in company and with padding as they do alone")


def _verify_encoder(folder: "Folder", provider: str) -> None:
    from models_onnx.encoder import decode_places, open_encoder

    encoder = open_encoder(folder, provider)
    texts = [place.text for place in decode_places(folder.files["golden.json"], folder.where)]
    print(
        f"graph      opset {encoder.card.opset}, standard operators, weights inside, {encoder.width} numbers"
    )
    print(f"canaries   {len(texts)} texts have the vectors that they had")
    print(f"batches    {encoder.check_company(texts, folder.where)} vectors in company are as alone")


def promote(
    name: _Name,
    version: Annotated[str, typer.Argument(help="The version.")],
    models: _Models = Path("models"),
) -> None:
    """Put a version in use, once every check of it has passed; running workers take it within 5 seconds."""
    from models_onnx import registry

    verify(name, models, version)
    registry.promote(models, name, version)
    print(f"{name} {version} is in use")


class _Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One model as listed; with a `problem` the rest is unknown."""

    name: str
    version: str
    current: bool
    problem: str | None = None
    digest: str = ""
    labels: int = 0
    accuracy: float = 0.0
    baseline: float = 0.0
    bytes: int = 0
    created_at: str = ""


def _line(models: Path, name: str, version: str) -> _Line:
    from models_onnx import card as cards
    from models_onnx import registry
    from schemas.errors import BeckonError

    try:
        current = registry.current_version(models, name) == version
    except BeckonError:
        current = False
    folder = registry.version_folder(models, name, version)
    try:
        card, digest = cards.read(folder, str(folder))
    except BeckonError as error:
        return _Line(name, version, current, problem=str(error))
    return _Line(
        name,
        version,
        current,
        digest=digest,
        labels=len(card.labels),
        accuracy=card.metrics.model.accuracy,
        baseline=card.metrics.baseline.accuracy,
        bytes=sum(entry.bytes for entry in card.files.values()),
        created_at=card.created_at,
    )


def provider_of(asked: str) -> str:
    """Return the provider asked for; raise `SettingsError` unless there is such a one."""
    from schemas.errors import SettingsError

    if asked not in {"auto", "cpu", "cuda"}:
        raise SettingsError("--provider", f"`{asked}` is none", "say auto, cpu or cuda")
    return asked
