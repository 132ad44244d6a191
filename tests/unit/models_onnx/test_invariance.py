"""A text's scores may not depend on its neighbours: checked on the demo's model, and on one where they do."""

from pathlib import Path

import msgspec
import pytest
from onnxruntime.quantization import QuantType, quantize_dynamic

from models_onnx import registry
from models_onnx.folder import read_folder
from models_onnx.invariance import check_invariance
from models_onnx.provider import open_session
from models_onnx.runtime import TagModel
from models_onnx.sample_titles import titles
from models_onnx.tokenizer import TextTokenizer
from schemas.errors import ModelError
from tests.support.models import change_card, copy_demo, demo_model, sign

TEXTS = [text for text, _ in titles(11, 60)]


def test_the_demo_model_says_of_a_text_the_same_in_any_company() -> None:
    assert check_invariance(demo_model(), TEXTS, "models/tags/1") > 1000


def test_dynamic_int8_is_found_out_for_its_scale_spans_the_batch(tmp_path: Path) -> None:
    folder = copy_demo(tmp_path)
    small = tmp_path / "small.onnx"
    quantize_dynamic(folder / "model.onnx", small, weight_type=QuantType.QInt8)
    sign(folder, "model.onnx", small.read_bytes())
    change_card(folder, lambda card: card.update(precision="int8-dynamic"))
    _expect_what_it_says(folder)
    model = registry.load_tag_model(tmp_path, "tags", "cpu")  # no digest and no canary betrays it
    with pytest.raises(
        ModelError, match=r"batch invariance: .* alone and .* in a batch of \d+; export it in"
    ):
        check_invariance(model, TEXTS, str(folder))


def _expect_what_it_says(folder: Path) -> None:
    # Its maker would have stored its own scores; loading runs all canaries in one batch, as here.
    canaries = msgspec.json.decode((folder / "golden.json").read_bytes())
    read = read_folder(folder)
    tokenizer = TextTokenizer(read.files["tokenizer.json"], read.card.max_length, "tokenizer.json")
    session, provider = open_session(read.files["model.onnx"], "cpu")
    model = TagModel(read.card, read.digest, provider, tokenizer, session)
    scores = model.scores(model.encode([canary["text"] for canary in canaries])).tolist()
    for canary, row in zip(canaries, scores, strict=True):
        canary["scores"] = dict(zip(model.card.labels, row, strict=True))
    sign(folder, "golden.json", msgspec.json.encode(canaries))
