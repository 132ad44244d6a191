"""The model on CUDA says what it says on the CPU, off the loop, from several threads, and after a hot reload."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from models_onnx import registry
from models_onnx.batcher import Tagger
from models_onnx.company import tolerance
from models_onnx.invariance import check_invariance
from models_onnx.runtime import TagModel
from models_onnx.sample_titles import titles
from tests.support.models import MODELS, copy_demo, copy_version, demo_model

BECKON = str(Path(sys.executable).with_name("beckon"))
TEXTS = [text for text, _ in titles(41, 256)]


def on_cuda() -> TagModel:
    model = registry.load_tag_model(MODELS, "tags", "cuda")
    assert model.provider == "cuda"
    return model


def test_the_session_really_is_on_the_gpu() -> None:
    session = on_cuda().session
    assert session.get_providers()[0] == "CUDAExecutionProvider"


def test_scores_are_those_of_the_cpu_but_for_the_last_digit() -> None:
    cuda, cpu = on_cuda(), demo_model()
    rows = cpu.encode(TEXTS)
    assert np.abs(cuda.scores(rows) - cpu.scores(rows)).max() <= tolerance(cuda.card, "cuda")


def test_scores_do_not_depend_on_the_batch_but_for_the_last_digit() -> None:
    assert check_invariance(on_cuda(), TEXTS[:60], "models/tags") > 1000


def test_many_lanes_and_threads_get_the_tags_of_the_cpu() -> None:
    expected = dict(zip(TEXTS, Tagger(demo_model(), 1000, 512, 1.0).tag(TEXTS), strict=True))

    async def story() -> list[tuple[str, str]]:
        mine = Tagger(on_cuda(), 1000, 16_384, 1.0, threads=4, wait_ms=2.0)
        parts = [TEXTS[start : start + 16] for start in range(0, len(TEXTS), 16)]
        answers = await asyncio.gather(*(mine.tag_async(part) for part in parts))
        return [
            (text, tags[0][0])
            for part, answer in zip(parts, answers, strict=True)
            for text, tags in zip(part, answer.tags, strict=True)
        ]

    found = asyncio.run(story())
    assert found == [(text, expected[text][0][0]) for text in TEXTS]


def test_another_version_takes_over_on_the_gpu(tmp_path: Path) -> None:
    copy_demo(tmp_path)
    copy_version(tmp_path, "2", lambda card: card.update(licence="other"))
    mine = Tagger(registry.load_tag_model(tmp_path, "tags", "cuda"), 1000, 16_384, 1.0)
    before = mine.tag(TEXTS)
    registry.promote(tmp_path, "tags", "2")
    new = mine.followed_by(registry.load_tag_model(tmp_path, "tags", "cuda"))
    assert new.model.provider == "cuda" and new.model.card.version == "2"
    known = new.cached(TEXTS)
    assert known is not None
    assert [tags[0][0] for tags in known] == [tags[0][0] for tags in before]


def test_the_bench_runs_on_the_gpu(tmp_path: Path) -> None:
    out = tmp_path / "scoring.json"
    flags = ["--provider", "cuda", "--size", "tiny", "--runs", "1", "--seconds", "0.5", "--json", str(out)]
    done = subprocess.run([BECKON, "bench", "scoring", *flags], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_bytes())
    assert found["engines"]["beckon"]["version"].endswith("on cuda")
    assert found["engines"]["beckon"]["rates"]["512"]["texts_per_s"] > 0
