"""Text encoders: vectors of length 1 with the mean inside the graph, registered and verified like classifiers."""

from pathlib import Path

import numpy as np
import pytest
import torch

from models_onnx.build import Request
from models_onnx.classifier import Embedder, mean_pooled
from models_onnx.corpus import Row
from models_onnx.embed import MadeEncoder, make_encoder, neighbour_quality
from models_onnx.encoder import open_encoder
from models_onnx.folder import read_folder
from models_onnx.plan import Plan, Size
from models_onnx.runtime import open_model
from models_onnx.sample_titles import training_texts
from models_onnx.split import Split
from schemas.errors import ModelError
from tests.support.models import change_graph, sign

TIME = "2026-11-01T00:00:00Z"
ROWS = [Row(text, label) for text, label in training_texts(5, 500)]


def made(models: Path, epochs: int) -> MadeEncoder:
    plan = Plan(seed=1, size=Size.MICRO, epochs=epochs, max_length=24, batch_texts=32)
    request = Request(models, "embed", plan, "made", "beckon train embed", TIME, "Apache-2.0")
    return make_encoder(ROWS, request, lambda what, done, of: None)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> MadeEncoder:
    return made(tmp_path_factory.mktemp("models"), 3)


def test_the_mean_is_over_the_words_that_the_mask_keeps() -> None:
    states = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(1))
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 0, 0, 0, 0]])
    found = mean_pooled(states, mask)
    for row, kept in ((0, 5), (1, 2), (2, 1)):
        assert torch.allclose(found[row], states[row, :kept].mean(dim=0), atol=1e-6)


def test_vectors_have_length_1_and_texts_of_one_label_lie_together(encoder: MadeEncoder) -> None:
    found = open_encoder(read_folder(encoder.folder), "cpu")
    vectors = found.vectors(["two person tent", "tent for two", "espresso machine", ""])
    assert vectors.shape == (4, 64)
    assert np.allclose(np.linalg.norm(vectors[:3], axis=1), 1.0, atol=1e-3) and not vectors[3].any()
    tent, other, coffee = vectors[:3]
    assert tent @ other > tent @ coffee
    assert found.check_company(["two person tent", "yoga mat", "mug", "gaming headset with light"], "x") > 8


def test_training_brings_texts_of_one_label_together(encoder: MadeEncoder, tmp_path: Path) -> None:
    before = made(tmp_path, 0)
    assert before.epochs == 0
    assert encoder.card.metrics.model.accuracy > before.card.metrics.model.accuracy
    assert encoder.card.metrics.baseline.accuracy > 0.5
    page = (encoder.folder / "card.md").read_text()
    assert "gives a vector of 64 numbers" in page and f"{encoder.card.metrics.model.accuracy:.4f}" in page


def test_the_nearest_text_decides() -> None:
    rows = [Row("x", "a"), Row("y", "b")]
    parts = Split(("a", "b"), rows, [], [Row("y", "b"), Row("x", "b")], 0)
    found = neighbour_quality(
        parts, lambda texts: np.array([[1.0, 0.0] if text == "x" else [0.0, 1.0] for text in texts])
    )
    assert found.accuracy == 0.5


def test_an_encoder_is_no_classifier_and_a_changed_one_is_refused(encoder: MadeEncoder) -> None:
    with pytest.raises(ModelError, match="kind: is text-encoder; name a classifier"):
        open_model(read_folder(encoder.folder), "cpu")
    golden = (encoder.folder / "golden.json").read_bytes()
    sign(encoder.folder, "golden.json", golden.replace(b"0.1", b"0.2"))
    with pytest.raises(ModelError, match=r"golden\.json: `.*` has another vector; "):
        open_encoder(read_folder(encoder.folder), "cpu")
    sign(encoder.folder, "golden.json", golden)
    open_encoder(read_folder(encoder.folder), "cpu")
    change_graph(
        encoder.folder,
        lambda model: model.graph.output[0].type.tensor_type.shape.dim[1].__setattr__("dim_value", 65),
    )
    with pytest.raises(ModelError, match=r"model\.onnx: outputs are sentence_embedding float32\[\*, 65\]"):
        open_encoder(read_folder(encoder.folder), "cpu")


def test_a_text_has_the_same_vector_alone_and_in_company() -> None:
    from transformers import BertConfig, BertModel

    torch.manual_seed(1)
    config = BertConfig(
        vocab_size=200, hidden_size=64, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64
    )
    module = Embedder(BertModel(config, add_pooling_layer=False)).eval()
    ids = torch.randint(0, 200, (16, 20), generator=torch.Generator().manual_seed(2))
    mask = (
        torch.arange(20) < torch.randint(3, 20, (16, 1), generator=torch.Generator().manual_seed(3))
    ).long()
    with torch.no_grad():
        together = module(ids, mask)
        alone = torch.cat([module(ids[row : row + 1], mask[row : row + 1]) for row in range(16)])
    assert torch.allclose(together, alone, atol=1e-6)
