"""`beckon why ID --words`: which words stand behind the tags that a decision's interests go by.

A record keeps interests, not the texts that they come from. So the model is asked anew, with the words of its canaries:
what each of them alone is about. `beckon models explain` does the same, and more, for one text.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from streams.pages import printable

if TYPE_CHECKING:
    from models_onnx.folder import Folder
    from processors.words.shape import Words
    from schemas.decisions import Decision
    from streams.settings import ModelSettings

HELP = "Also the words that carry the tags of its interests, by the very model that it was made with."
_SHOWN = 8


def section(decision: "Decision", settings: "ModelSettings", words: "Words") -> list[str]:
    """Return lines; none where no interest is in the record. Raise `BeckonError` unless its model is here."""
    from processors.explain import line_under

    lines = [printable(line) for line in _lines(decision, settings, words)]
    return ["", words.carried, line_under(words.carried), *lines] if lines else []


def _lines(decision: "Decision", settings: "ModelSettings", words: "Words") -> Iterator[str]:
    from models_onnx.golden import decode
    from models_onnx.occlusion import carriers
    from models_onnx.runtime import open_model

    tags = [key[len("affinity(") : -1] for key in decision.features if key.startswith("affinity(")]
    for name, said in decision.model_versions.items() if tags else ():
        folder = _folder(settings, name, said)
        card = folder.card
        texts = [canary.text for canary in decode(folder.files["golden.json"], card.labels, folder.where)]
        model = open_model(folder, "cpu", "fp32")
        for tag in (tag for tag in tags if tag in card.labels):
            found = carriers(model, texts, tag, _SHOWN)
            listed = words.comma.join(f"{word} {score:.4f}" for word, score in found)
            text = words.carried_by if found else words.carried_by_none
            yield f"  {text.format(tag=tag, name=name, version=card.version, words=listed)}"


def _folder(settings: "ModelSettings", name: str, said: str) -> "Folder":
    """Return the files of the version that a record names, `VERSION@DIGEST`, perhaps with a precision behind it."""
    from models_onnx.registry import read_version
    from schemas.errors import ModelError

    version, _, digest = said.partition("@")
    folder = read_version(Path(settings.dir), name, version)
    if not folder.digest.startswith(digest.partition("+")[0]):
        raise ModelError(
            f"model {name} {version}",
            f"is not the one of the record ({said})",
            "point models.dir to the folder that the worker had",
        )
    return folder
