"""`beckon bench scoring`: engines that need no PyTorch run for real; ratios and shares against numbers by hand."""

import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from benchmarks import scoring
from benchmarks.scoring_job import FACTS, GRAPH, TOKENIZER, Facts, Order, Timed
from models_onnx.sample_titles import titles
from tests.support.models import MODELS, demo_model

TEXTS = tuple(text for text, _ in titles(71, 64))
FACTS_OF_2 = Facts(layers=2, width=64, inner=256, labels=8, pad_id=0)


@pytest.fixture
def order(tmp_path: Path) -> Order:
    """A folder with the demo's model as the bench writes one."""
    version = MODELS / "tags" / (MODELS / "tags" / "current").read_text().strip()
    shutil.copy(version / "model.onnx", tmp_path / GRAPH)
    shutil.copy(version / "tokenizer.json", tmp_path / TOKENIZER)
    facts = msgspec.structs.replace(FACTS_OF_2, pad_id=demo_model().card.pad_id)
    (tmp_path / FACTS).write_bytes(msgspec.json.encode(facts))
    return Order("beckon", str(tmp_path), "cpu", TEXTS, (1, 32), 0.05, None)


def run(order: Order) -> Timed:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.scoring_engine"],
        input=msgspec.json.encode(order),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return msgspec.json.decode(done.stdout, type=Timed)


def test_our_engine_scores_as_the_worker_does_and_is_timed_at_every_batch_size(order: Order) -> None:
    found = run(order)
    model = demo_model()
    for text, scores in zip(TEXTS[:32], found.scores, strict=True):
        assert scores == model.scores(model.encode([text]))[0].tolist()
    assert set(found.durations) == set(found.cpu_seconds) == {1, 32}
    assert all(found.texts_per_s(batch, "cpu") > 0 for batch in (1, 32))


def test_a_matrix_product_and_the_memory_are_timed_too(order: Order) -> None:
    assert run(msgspec.structs.replace(order, engine="matmul")).peak_flops > 1e8
    memory = run(msgspec.structs.replace(order, engine="memory"))
    assert len(memory.durations[0]) == len(memory.durations[1]) > 0


def test_operations_of_a_text_are_those_of_its_matrix_products() -> None:
    # One token: 4 products of 64 x 64, 2 of 64 x 256, 2 of 64; two operations each; 2 layers.
    assert FACTS_OF_2.flops(1) == 2 * 2 * (4 * 64 * 64 + 2 * 64 * 256 + 2 * 64)


def test_ratios_are_those_of_each_round_and_the_share_counts_no_padding() -> None:
    facts = Facts(layers=1, width=10, inner=40, labels=2, pad_id=0)  # 2,440 operations for one token
    rounds = [
        {
            "matmul": Timed(peak_flops=2_440_000.0),
            "memory": Timed(durations={0: [0.001], 1: [0.003]}),
            "beckon": _timed(ours),
            "torch": _timed(theirs),
        }
        for ours, theirs in ((0.1, 0.2), (0.1, 0.4), (0.2, 0.2))
    ]
    request = scoring.Request("tiny", None, "cpu", 3, 1.0)
    left_out = {"sentence_transformers": "pip install 'beckon[bench]' to compare with it"}
    report = scoring._report(request, rounds, ["beckon", "torch"], facts, [1, 1], left_out)
    assert report.engines["torch"].ratio == {1: 2.0, 32: 2.0, 512: 2.0}
    # 32 texts in 0.1 s: 320 a second, of 2,440 operations, of 2,440,000.
    assert (report.engines["beckon"].rates[32].texts_per_s, report.engines["beckon"].rates[32].of_peak) == (
        320.0,
        0.32,
    )
    assert (report.memory_ns, report.memory_ratio, report.agree) == (1_500_000.0, 3.0, 0.25)
    lines = scoring.table(report).splitlines()
    assert lines[5].split() == ["torch", "32", "160", "200.00", "396.00", "16%", "2.0", "x"]
    assert lines[-1] == "left out: sentence_transformers: pip install 'beckon[bench]' to compare with it"


def _timed(seconds: float) -> Timed:
    batches = (1, 32, 512)
    scores = [[0.5, 0.5]] if seconds == 0.1 else [[0.25, 0.75]]
    return Timed({batch: [seconds] for batch in batches}, dict.fromkeys(batches, seconds), scores)


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        (["--size", "huge"], "beckon: --size: `huge` is none; say tiny, mini, minilm\n"),
        (["--provider", "tpu"], "beckon: --provider: `tpu` is none; say cpu or cuda\n"),
    ],
)
def test_what_cannot_be_asked_for_is_one_line(
    flags: list[str], line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from streams.cli import main

    monkeypatch.setattr(sys, "argv", ["beckon", "bench", "scoring", *flags])
    with pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code, capsys.readouterr().err) == (2, line)
