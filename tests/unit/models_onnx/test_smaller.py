"""Smaller variants of a graph: measured, batch-invariant, chosen by precision; what loses too much is refused."""

import msgspec
import numpy as np
import onnx
import pytest

from models_onnx.build import Made, Request, make_tag_model
from models_onnx.corpus import Row
from models_onnx.folder import Folder, read_folder
from models_onnx.golden import decode
from models_onnx.plan import Plan, Size, Wish
from models_onnx.precision import graph_of, kinds_of
from models_onnx.quality import evaluate
from models_onnx.runtime import open_model
from models_onnx.sample_titles import training_texts
from models_onnx.smaller import smaller
from models_onnx.split import split
from schemas.errors import ModelError

TIME = "2026-11-01T00:00:00Z"
ROWS = [Row(text, label) for text, label in training_texts(5, 600)]
PLAN = Plan(seed=1, size=Size.MICRO, epochs=6, max_length=24)


def nothing(what: str, done: int, of: int) -> None:
    pass


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    models = tmp_path_factory.mktemp("models")
    wish = Wish(("fp16", "int8"))
    return make_tag_model(
        ROWS,
        Request(models, "tags", PLAN, "made", "beckon train tags", TIME, "Apache-2.0", wish=wish),
        nothing,
    )


@pytest.fixture(scope="module")
def folder(made: Made) -> Folder:
    return read_folder(made.folder)


def test_each_variant_is_listed_with_its_quality_and_where_it_is_meant_to_run(made: Made) -> None:
    assert made.refused == ()
    assert [(one.precision, one.provider) for one in made.card.variants] == [
        ("fp16", "cuda"),
        ("int8-static", "cpu"),
    ]
    for one in made.card.variants:
        assert one.quality.accuracy >= made.card.metrics.model.accuracy - 0.005
        assert 0 <= one.flips < 0.05
        assert made.card.files[one.graph].bytes < 0.7 * made.card.files["model.onnx"].bytes
    assert 0 < made.difference < 2e-5 and made.compared > 40


def test_the_integer_graph_is_served_when_asked_for_and_tells_that_it_is_another(folder: Folder) -> None:
    full, small = open_model(folder, "cpu"), open_model(folder, "cpu", "int8")
    assert kinds_of(folder.card, "cpu") == ["fp32", "int8"]
    assert small.version == f"{full.version}+int8-static" and "+" not in full.version
    rows = small.encode(["ultralight two person tent", "espresso machine"])
    assert np.abs(full.scores(rows) - small.scores(rows)).max() < 0.1
    canaries = decode(folder.files["golden.int8.json"], small.card.labels, "x")
    stored = [[canary.scores[label] for label in small.card.labels] for canary in canaries]
    assert np.array_equal(small.scores(small.encode([canary.text for canary in canaries])), stored)


def test_the_integer_graph_multiplies_integers_and_keeps_what_the_graph_says_of_itself(
    folder: Folder,
) -> None:
    full, small = (
        onnx.load_model_from_string(folder.files[name]) for name in ("model.onnx", "model.int8.onnx")
    )
    assert sum(node.op_type == "QuantizeLinear" for node in small.graph.node) >= 12
    assert list(small.metadata_props) == list(full.metadata_props)
    assert {entry.domain for entry in small.opset_import} == {""}


def test_a_precision_that_a_model_does_not_have_is_one_line(folder: Folder) -> None:
    assert graph_of(folder.card, "auto", "cuda", "m").graph == "model.fp16.onnx"
    assert graph_of(folder.card, "auto", "cpu", "m").graph == "model.onnx"
    plain = msgspec.structs.replace(folder.card, variants=())
    assert graph_of(plain, "auto", "cuda", "m").graph == "model.onnx"
    for card, asked, provider in (
        (plain, "int8", "cpu"),
        (folder.card, "fp16", "cpu"),
        (folder.card, "int8", "cuda"),
    ):
        with pytest.raises(
            ModelError, match=rf"^m/model.json: variants: there is none in {asked} for {provider}; "
        ):
            graph_of(card, asked, provider, "m")


def test_a_variant_that_loses_too_much_is_refused_unless_it_is_forced(made: Made, folder: Folder) -> None:
    model, parts = open_model(folder, "cpu"), split(ROWS, 1)
    canaries = decode(folder.files["golden.json"], model.card.labels, "x")
    found = evaluate(model, parts.judge)
    # As if the full graph had been right once more than it was: that text is 2 points here.
    better = msgspec.structs.replace(found.quality, accuracy=found.quality.accuracy + 0.02)
    found = msgspec.structs.replace(found, quality=better)
    graph = folder.files["model.onnx"]
    kept, files, refused = smaller(Wish(("int8",)), model, graph, parts, canaries, found)
    assert (kept, files) == ([], {})
    assert [str(one.why) for one in refused] == ["loses 2.00 points of accuracy; --force keeps it"]
    kept, files, refused = smaller(Wish(("int8",), force=True), model, graph, parts, canaries, found)
    assert len(kept) == 1 and set(files) == {"model.int8.onnx", "golden.int8.json"} and refused == []


def test_the_card_shows_pictures_calibration_and_variants(made: Made) -> None:
    page = (made.folder / "card.md").read_text()
    for name in ("confusion.png", "reliability.png", "learning.png"):
        assert (made.folder / name).read_bytes().startswith(b"\x89PNG") and f"({name})" in page
    calibration = made.card.metrics.calibration
    assert calibration is not None
    assert f"a probability to {calibration.ece:.4f} on average" in page
    assert "| `model.int8.onnx` | int8-static, for cpu |" in page


def test_no_checkpoint_is_left_behind(made: Made) -> None:
    assert sorted(path.name for path in made.folder.parent.iterdir()) == ["1", "current"]
