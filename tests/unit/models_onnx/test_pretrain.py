"""Pre-training: what is hidden, what plain counts know, and that the folder is one to start from."""

import json
import math
from pathlib import Path

import pytest
import torch

from models_onnx.corpus import Row
from models_onnx.languages import baseline_loss, hidden_words, next_words
from models_onnx.plan import Plan, Size
from models_onnx.pretrain import Kind, Order, pretrain
from models_onnx.sample_titles import training_texts
from models_onnx.split import split
from models_onnx.train import fine_tune
from schemas.errors import InputError, SettingsError

TEXTS = [text for text, _ in training_texts(5, 500)]
CHINESE = [f"这款{thing}质量很好，{word}，物流快，第{number}次买了" for number in range(20)
           for thing in ("手机", "洗发水", "苹果") for word in ("推荐", "满意", "值得")]  # fmt: skip
TIME = "2026-11-01T00:00:00Z"


def order(out: Path, kind: Kind = Kind.HIDDEN, base: str | None = None, epochs: int = 2) -> Order:
    plan = Plan(seed=1, size=Size.MICRO, base=base, epochs=epochs, max_length=32, batch_texts=32)
    return Order(kind, plan, out, "texts.txt", "beckon train pretrain", TIME)


def nothing(what: str, done: int, of: int) -> None:
    pass


def test_one_word_in_seven_is_asked_for_and_most_of_those_are_hidden() -> None:
    ids = torch.arange(10, 1010).repeat(20, 1)
    shown, _, truth = hidden_words([2, 3], 4, 5000)(
        ids, torch.ones_like(ids), torch.Generator().manual_seed(1)
    )
    asked = truth != -100
    assert 0.14 < asked.float().mean() < 0.16
    assert torch.equal(truth[asked], ids[asked]) and torch.equal(shown[~asked], ids[~asked])
    assert 0.77 < (shown[asked] == 4).float().mean() < 0.83
    assert 0.08 < (shown[asked] == ids[asked]).float().mean() < 0.12


def test_signs_and_padding_are_never_asked_for_and_a_short_text_asks_for_one_word() -> None:
    ids = torch.tensor([[2, 50, 3, 0, 0]])
    mask = torch.tensor([[1, 1, 1, 0, 0]])
    for seed in range(20):
        _, _, truth = hidden_words([0, 2, 3], 4, 100)(ids, mask, torch.Generator().manual_seed(seed))
        assert truth.tolist() == [[-100, 50, -100, -100, -100]]


def test_the_next_word_is_asked_for_at_every_word() -> None:
    ids, mask = torch.tensor([[0, 7, 8, 0], [0, 9, 0, 0]]), torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]])
    _, _, truth = next_words(ids, mask, None)
    assert truth.tolist() == [[7, 8, 0, -100], [9, 0, -100, -100]]


def test_plain_counts_lose_what_their_formula_says() -> None:
    train = [[0, 1, 2], [0, 1, 1]]  # words asked for: 1 three times, 2 once; 4 words known
    assert baseline_loss(train, [(0, 1), (1, 2)], 4, pairs=False) == pytest.approx(
        -(math.log(4 / 8) + math.log(2 / 8)) / 2
    )
    # 1 follows 0 in 2 of 2 cases; 2 follows 1 in 1 of 2.
    expected = -(math.log(0.7 + 0.3 * 4 / 8) + math.log(0.7 / 2 + 0.3 * 2 / 8)) / 2
    assert baseline_loss(train, [(0, 1), (1, 2)], 4, pairs=True) == pytest.approx(expected)


def test_an_encoder_learns_and_tags_start_from_it_and_so_does_more_pre_training(tmp_path: Path) -> None:
    report = pretrain(TEXTS, order(tmp_path / "enc", epochs=8), nothing)
    assert report.history[-1].loss < report.history[0].loss - 0.3
    assert report.baseline_loss > 0 and report.texts_choose >= 20
    page = (tmp_path / "enc" / "card.md").read_text()
    assert f"{report.baseline_loss:.4f}" in page and "beckon train pretrain" in page
    assert not [path for path in tmp_path.rglob("*") if path.suffix in {".bin", ".pt", ".pkl"}]
    rows = [Row(text, label) for text, label in training_texts(6, 200)]
    plan = Plan(seed=1, base=str(tmp_path / "enc"), epochs=1, max_length=32)
    trained = fine_tune(split(rows, 1), plan, nothing)
    vocabulary = json.loads((tmp_path / "enc" / "tokenizer.json").read_bytes())["model"]["vocab"]
    assert json.loads(trained.tokenizer)["model"]["vocab"] == vocabulary
    more = pretrain(TEXTS, order(tmp_path / "more", base=str(tmp_path / "enc"), epochs=1), nothing)
    assert more.history[0].loss < report.history[0].loss - 0.3  # it goes on from what was learnt
    with pytest.raises(SettingsError, match=r"--out: .*enc is there already"):
        pretrain(TEXTS, order(tmp_path / "enc"), nothing)


def test_a_decoder_of_chinese_writes_what_it_read(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    report = pretrain(CHINESE, order(tmp_path / "dec", Kind.NEXT, epochs=6), nothing)
    assert report.loss < report.history[0].loss - 1.0
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "dec")
    text = "这款 Handy 质量很好，值得！"
    assert tokenizer.decode(tokenizer.encode(text), skip_special_tokens=True) == text
    module = AutoModelForCausalLM.from_pretrained(tmp_path / "dec").eval()
    found = module.generate(torch.tensor([[0]]), max_new_tokens=4, do_sample=False)
    assert tokenizer.decode(found[0], skip_special_tokens=True).startswith("这款")
    with pytest.raises(InputError, match="cannot be loaded"):
        pretrain(CHINESE, order(tmp_path / "no", Kind.HIDDEN, base=str(tmp_path / "dec")), nothing)


def test_an_encoder_of_chinese_knows_every_sign(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    pretrain(CHINESE, order(tmp_path / "zh", epochs=1), nothing)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "zh")
    assert tokenizer.unk_token_id not in tokenizer.encode("洗发水质量很好")
    assert tokenizer.mask_token == "[MASK]"


def test_a_handful_of_texts_is_refused_with_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--data: holds 3 different texts, 20 are needed"):
        pretrain(["a", "b", "c", "a"], order(tmp_path / "x"), nothing)
