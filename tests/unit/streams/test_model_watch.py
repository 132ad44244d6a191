"""What a worker takes while it runs: promoted versions, candidates, and what it says of those it refuses."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from models_onnx import registry
from models_onnx.batcher import Tagger
from models_onnx.sample_titles import titles
from streams.metrics import Metrics
from streams.model_watch import ModelWatch
from streams.parts import tagger_of
from streams.settings import ModelSettings
from tests.support.models import change_card, change_graph, copy_demo, copy_version, make_dynamic_int8, sign
from tests.support.workers import until


@dataclass
class Watched:
    """A watch on a folder with `tags` 1 in use, and the taggers that it put in place."""

    models: Path
    metrics: Metrics = field(default_factory=Metrics)
    replaced: list[Tagger] = field(default_factory=list)

    def __post_init__(self) -> None:
        copy_demo(self.models)
        settings = ModelSettings(dir=str(self.models), provider="cpu")
        self.first = tagger_of(settings)
        self.watch = ModelWatch(settings, self.first, self.metrics, self.replaced.append)

    def look(self) -> None:
        """Look once, and bring the metrics up to date."""
        asyncio.run(self.watch.look())
        self.watch.show()

    def shown(self) -> dict[str, float]:
        """Return the model's metrics by name and labels."""
        lines = (line.rpartition(" ") for line in self.metrics.page().decode().splitlines())
        return {
            name: float(value)
            for name, _, value in lines
            if name.startswith(("beckon_model", "beckon_shadow"))
        }

    def switches(self) -> tuple[float, float]:
        """Return how many versions were taken, and how many were refused."""
        name, shown = "beckon_model_switches_total", self.shown()
        return shown[f'{name}{{outcome="done"}}'], shown[f'{name}{{outcome="refused"}}']


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def test_while_nothing_changes_nothing_is_taken(watched: Watched) -> None:
    watched.look()
    watched.look()
    assert watched.replaced == [] and watched.switches() == (0, 0)


def test_a_promoted_version_is_put_in_place_once(watched: Watched) -> None:
    copy_version(watched.models, "2", lambda card: card.update(licence="other"))
    registry.promote(watched.models, "tags", "2")
    watched.look()
    watched.look()
    (new,) = watched.replaced
    assert new.model.card.version == "2" and watched.switches() == (1, 0)
    infos = [name for name in watched.shown() if name.startswith("beckon_model_info")]
    assert infos == [f'beckon_model_info{{model="tags",version="2@{new.model.digest[:12]}"}}']


def test_a_pointer_that_is_written_anew_with_the_same_version_changes_nothing(watched: Watched) -> None:
    registry.promote(watched.models, "tags", "1")
    watched.look()
    assert watched.replaced == [] and watched.switches() == (0, 0)


def test_the_new_one_knows_the_texts_asked_for_last(watched: Watched) -> None:
    before = watched.first.tag(["two person tent", "wok"])
    copy_version(watched.models, "2", lambda card: card.update(licence="other"))
    registry.promote(watched.models, "tags", "2")
    watched.look()
    assert watched.replaced[0].cached(["two person tent", "wok"]) == before


def truncated(folder: Path) -> None:
    raw = (folder / "model.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(raw[: len(raw) // 2])


def tampered(folder: Path) -> None:
    raw = bytearray((folder / "model.onnx").read_bytes())
    raw[len(raw) // 2] ^= 1
    (folder / "model.onnx").write_bytes(raw)


def other_inputs(folder: Path) -> None:
    change_graph(folder, lambda model: model.graph.input[1].CopyFrom(
        helper.make_tensor_value_info("type_ids", TensorProto.INT64, ["batch", "tokens"])
    ))  # fmt: skip


def other_outputs(folder: Path) -> None:
    change_graph(folder, lambda model: model.graph.output.pop())


def not_a_number(folder: Path) -> None:
    def poison(model: onnx.ModelProto) -> None:
        weights = max(model.graph.initializer, key=lambda tensor: len(tensor.raw_data))
        weights.raw_data = b"\x00\x00\xc0\x7f" * (len(weights.raw_data) // 4)

    change_graph(folder, poison)


def external_data(folder: Path) -> None:
    def move_out(model: onnx.ModelProto) -> None:
        weights = model.graph.initializer[0]
        weights.data_location = TensorProto.EXTERNAL
        weights.external_data.add(key="location", value="weights.bin")
        weights.ClearField("raw_data")

    change_graph(folder, move_out)


def unknown_labels(folder: Path) -> None:
    change_card(folder, lambda card: card["labels"].reverse())


def other_tokenizer(folder: Path) -> None:
    raw = (folder / "tokenizer.json").read_bytes()
    sign(folder, "tokenizer.json", raw.replace(b'"lowercase":true', b'"lowercase":false'))


def an_encoder(folder: Path) -> None:
    vector = {"name": "sentence_embedding", "dtype": "float32", "axes": ["batch", 64]}
    change_card(
        folder,
        lambda card: card.update(kind="text-encoder", labels=[], activation="none", outputs=[vector]),
    )


BAD: list[tuple[Callable[[Path], None], str]] = [
    (truncated, "model.onnx: has "),
    (tampered, "model.onnx: its sha256 is not the one in model.json"),
    (other_inputs, "model.onnx: inputs are input_ids int64[*, *] and type_ids int64[*, *]"),
    (other_outputs, "model.onnx: outputs are scores float32[*, 8], model.json says "),
    (not_a_number, "scores that are not finite"),
    (external_data, "lie outside the file"),
    (unknown_labels, "model.onnx: was exported with other labels"),
    (make_dynamic_int8, "batch invariance: "),
    (other_tokenizer, "golden.json: `"),
    (an_encoder, "model.json: kind: is text-encoder"),
]


@pytest.mark.parametrize(("spoil", "problem"), BAD, ids=[spoil.__name__ for spoil, _ in BAD])
def test_a_bad_version_is_one_line_and_the_one_in_use_stays(
    watched: Watched, caplog: pytest.LogCaptureFixture, spoil: Callable[[Path], None], problem: str
) -> None:
    spoil(copy_version(watched.models, "2"))
    registry.promote(watched.models, "tags", "2")  # as if `beckon models promote` had not looked
    watched.look()
    watched.look()
    (line,) = [one.fields for one in caplog.records if one.getMessage() == "model_refused"]
    assert problem in line["problem"] and "tags/2" in line["problem"] and "\n" not in line["problem"]
    assert line["in_use"] == watched.first.model.version
    assert watched.replaced == [] and watched.switches() == (0, 1)
    assert watched.shown()['beckon_model_refused{part="current"}'] == 1


def test_a_refused_version_is_tried_again_when_its_files_change(watched: Watched) -> None:
    folder = copy_version(watched.models, "2", lambda card: card.update(licence="other"))
    whole = (folder / "model.onnx").read_bytes()
    truncated(folder)
    registry.promote(watched.models, "tags", "2")
    watched.look()
    (folder / "model.onnx").write_bytes(whole)
    watched.look()
    assert len(watched.replaced) == 1 and watched.switches() == (1, 1)
    assert watched.shown()['beckon_model_refused{part="current"}'] == 0


def test_a_pointer_that_names_nothing_is_refused_and_the_next_one_is_taken(watched: Watched) -> None:
    pointer = watched.models / "tags" / "current"
    watched.look()
    pointer.write_text("7\n")
    watched.look()
    assert watched.switches() == (0, 1)
    copy_version(watched.models, "2", lambda card: card.update(licence="other"))
    pointer.write_text("2\n")
    watched.look()
    assert [new.model.card.version for new in watched.replaced] == ["2"]
    assert watched.switches() == (1, 1)


def test_a_candidate_scores_what_is_asked_until_it_is_taken_back(watched: Watched) -> None:
    copy_version(watched.models, "2", lambda card: card.update(threshold=1.0))
    registry.set_candidate(watched.models, "tags", "2")
    watched.look()
    shadow = watched.first.shadow
    assert shadow is not None and shadow.model.card.version == "2"
    asyncio.run(watched.first.tag_async(["two person tent", "wok"]))
    until(lambda: sum(shadow.verdicts().values()) == 2, 20, "both texts are compared")
    watched.watch.show()
    watched.watch.show()  # a total that is shown twice is counted once
    assert watched.shown()['beckon_shadow_texts_total{outcome="tag_gone"}'] == 2
    registry.set_candidate(watched.models, "tags", None)
    watched.look()
    assert watched.first.shadow is None


def test_a_bad_candidate_changes_nothing_of_the_model_in_use(watched: Watched) -> None:
    tampered(copy_version(watched.models, "2"))
    registry.set_candidate(watched.models, "tags", "2")
    watched.look()
    assert watched.first.shadow is None and watched.replaced == []
    assert watched.shown()['beckon_model_refused{part="candidate"}'] == 1


def test_drift_is_shown_from_1000_texts_on_and_grows_with_other_texts(watched: Watched) -> None:
    def drift() -> dict[str, float]:
        watched.watch.show()
        return {n: v for n, v in watched.shown().items() if n.startswith("beckon_model_drift_psi")}

    usual = list(dict.fromkeys(text for text, _ in titles(61, 1400)))
    watched.first.tag(usual[:999])
    assert drift() == {}
    watched.first.tag(usual)
    before = drift()
    assert len(before) == 8 and max(before.values()) < 0.25
    tents = [
        f"{one} tent {number}" for one in ("red", "light", "family", "two person") for number in range(1200)
    ]
    watched.first.tag(tents)
    after = drift()
    assert after['beckon_model_drift_psi{tag="camping"}'] > 0.25
    assert after['beckon_model_drift_psi{tag="camping"}'] > before['beckon_model_drift_psi{tag="camping"}']
