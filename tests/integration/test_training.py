"""Training end to end, by its commands: tiny models from a few hundred texts, on one thread."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from models_onnx.sample_titles import training_texts, unseen_titles

BECKON = str(Path(sys.executable).with_name("beckon"))
TIME = "2026-11-01T00:00:00Z"


def beckon(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([BECKON, *arguments], input=stdin, capture_output=True, env=env, check=False)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def train(*arguments: str) -> subprocess.CompletedProcess[str]:
    done = beckon("train", "tags", "--size", "micro", "--created-at", TIME, "--variants", "none", *arguments)
    assert done.returncode == 0, done.stderr
    return done


def corpus(path: Path, rows: int = 1200) -> Path:
    lines = [json.dumps({"text": text, "label": label}) for text, label in training_texts(5, rows)]
    path.write_text("\n".join(lines))
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with `small` 1, trained on 1200 texts."""
    folder = tmp_path_factory.mktemp("training")
    data = corpus(folder / "titles.jsonl")
    train("--data", str(data), "--out", str(folder / "models"), "--name", "small", "--epochs", "6")
    return folder


def test_a_model_is_registered_in_use_and_verified_and_says_so(trained: Path) -> None:
    models = str(trained / "models")
    done = beckon("models", "verify", "small", "--dir", models)
    assert done.returncode == 0 and done.stdout.endswith("all right\n")
    listed = json.loads(beckon("models", "list", "--dir", models, "--json").stdout)
    assert [(line["name"], line["version"], line["current"]) for line in listed] == [("small", "1", True)]
    card = json.loads((trained / "models" / "small" / "1" / "model.json").read_bytes())
    assert card["training"]["command"].startswith(
        "beckon train tags --seed 1 --size micro --epochs 6 --max-length 64 --data titles.jsonl --threshold 0.5 --name small"
    )
    assert card["metrics"]["texts"] > 50 and card["metrics"]["baseline"]["accuracy"] > 0.9
    assert str(trained) not in (trained / "models" / "small" / "1" / "card.md").read_text()


def test_it_has_learnt_something_that_holds_for_new_combinations(trained: Path) -> None:
    data = trained / "unseen.csv"
    data.write_text("text,label\n" + "\n".join(f"{text},{label}" for text, label in unseen_titles(6, 400)))
    models = str(trained / "models")
    found = json.loads(
        beckon("models", "evaluate", "small", "--dir", models, "--data", str(data), "--json").stdout
    )
    assert found["texts"] == 400
    assert found["quality"]["accuracy"] > 0.8
    page = beckon("models", "evaluate", "small", "--dir", models, "--data", str(data)).stdout
    assert "small 1 on 400 texts: accuracy " in page and "running-shoes" in page


def test_the_same_command_gives_the_same_bytes(tmp_path: Path) -> None:
    data = str(corpus(tmp_path / "titles.jsonl", 400))
    for name in ("a", "b"):  # processes of their own: hash tables have another order in each
        train("--data", data, "--out", str(tmp_path / name), "--epochs", "1", "--seed", "3")
    files = ["model.onnx", "tokenizer.json", "golden.json", "card.md", "model.json"]
    a, b = ([(tmp_path / name / "tags" / "1" / file).read_bytes() for file in files] for name in "ab")
    assert a == b


def test_texts_on_standard_input_come_out_with_their_tags(trained: Path) -> None:
    text = b"Ultralight Two Person Tent\n\nyoga mat\r\n"
    done = beckon("score", "small", "--dir", str(trained / "models"), stdin=text)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["text"] for line in lines] == ["Ultralight Two Person Tent", "", "yoga mat"]
    assert (
        list(lines[0]["tags"]) == ["camping"]
        and lines[1]["tags"] == {}
        and list(lines[2]["tags"]) == ["yoga"]
    )
    broken = beckon("score", "small", "--dir", str(trained / "models"), stdin=b"tent\n\xff\n")
    assert broken.returncode == 2
    assert broken.stderr == "beckon: standard input:2: is not UTF-8 (byte 0 of the line); give UTF-8\n"


def test_a_base_model_is_fine_tuned_from_its_folder(trained: Path, tmp_path: Path) -> None:
    from tokenizers import Tokenizer
    from transformers import DistilBertConfig, DistilBertForMaskedLM, PreTrainedTokenizerFast

    tokenizer_file = trained / "models" / "small" / "1" / "tokenizer.json"
    words = Tokenizer.from_file(str(tokenizer_file)).get_vocab_size()
    config = DistilBertConfig(
        vocab_size=words, dim=32, n_layers=1, n_heads=2, hidden_dim=64, max_position_embeddings=48
    )
    DistilBertForMaskedLM(config).save_pretrained(tmp_path / "base")
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(tokenizer_file), pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]"
    )
    tokenizer.save_pretrained(tmp_path / "base")
    data = str(corpus(tmp_path / "titles.jsonl", 300))
    arguments = (
        "--data",
        data,
        "--out",
        str(tmp_path / "models"),
        "--from",
        str(tmp_path / "base"),
        "--epochs",
        "1",
    )
    train(*arguments, "--max-length", "48")
    card = json.loads((tmp_path / "models" / "tags" / "1" / "model.json").read_bytes())
    assert card["max_length"] == 48 and card["training"]["base"] == "base"
    assert beckon("models", "verify", "tags", "--dir", str(tmp_path / "models")).returncode == 0
    too_long = beckon("train", "tags", *arguments)
    assert too_long.returncode == 2
    assert "reads 48 tokens; set --max-length to 48 or less" in too_long.stderr


def test_intents_refuse_what_is_out_of_scope_and_are_judged_as_such(tmp_path: Path) -> None:
    pairs = [[text, label] for text, label in training_texts(5, 400)]
    strange = [[f"what is the weather in town {number} on day {number * 7}", "oos"] for number in range(40)]
    data = tmp_path / "intents.json"
    data.write_text(json.dumps({"train": pairs, "oos_train": strange}))
    models = str(tmp_path / "models")
    arguments = ("--size", "micro", "--epochs", "6", "--max-length", "32", "--variants", "int8")
    done = beckon(
        "train", "intents", "--data", str(data), "--out-of-scope", "oos", "--out", models, *arguments
    )
    assert done.returncode == 0, done.stderr
    assert "% in scope accepted, " in done.stdout and "ONNX and PyTorch differ by " in done.stdout
    card = json.loads((tmp_path / "models" / "intents" / "1" / "model.json").read_bytes())
    assert "oos" not in card["labels"] and card["out_of_scope"] == "oos"
    kept_aside = tmp_path / "kept.json"
    kept_aside.write_text(json.dumps({"test": pairs[:50], "oos_test": strange[:20]}))
    found = json.loads(
        beckon("models", "evaluate", "intents", str(kept_aside), "--dir", models, "--json").stdout
    )
    assert found["texts"] == 70 and found["refusal"]["texts"] == 20
    assert found["refusal"]["recall"] > 0.5 and found["quality"]["accuracy"] > 0.9
    page = beckon("models", "evaluate", "intents", "--data", str(kept_aside), "--dir", models).stdout
    assert "20 of them are out of scope: " in page and "oos" not in page
    verified = beckon("models", "verify", "intents", "--dir", models)
    assert verified.returncode == 0 and "model.int8.onnx: opset 20" in verified.stdout


def test_texts_alone_make_an_encoder_from_which_vectors_are_made(tmp_path: Path) -> None:
    texts = tmp_path / "texts.txt"
    texts.write_text("\n".join(text for text, _ in training_texts(5, 300)))
    small = ("--epochs", "1", "--max-length", "32")
    encoder = str(tmp_path / "enc")
    done = beckon("train", "pretrain", "--data", str(texts), "--size", "micro", "--out", encoder, *small)
    assert done.returncode == 0, done.stderr
    assert "word frequencies" in done.stdout
    data, models = str(corpus(tmp_path / "titles.jsonl", 300)), str(tmp_path / "models")
    done = beckon("train", "embed", "--data", data, "--from", encoder, "--out", models, *small)
    assert done.returncode == 0, done.stderr
    assert "TF-IDF + nearest neighbour" in done.stdout
    assert beckon("models", "verify", "embed", "--dir", models).stdout.endswith("all right\n")
    assert beckon("models", "list", "--dir", models).stdout.startswith("* embed 1  vectors  accuracy 0.")
    again = beckon("train", "pretrain", "--data", str(texts), "--out", encoder)
    assert again.returncode == 2 and again.stderr.count("\n") == 1 and "is there already" in again.stderr


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--size", "huge"), "--size: `huge` is not known; say micro, tiny or mini"),
        (("--balance", "much"), "--balance: `much` is not known; say none, root or full"),
        (("--variants", "int4"), "--variants: `int4` is not known; say fp16 or int8"),
        (("--alias", "fridge"), "--alias: `fridge` has no label; write it like fridge=Fridges"),
        (("--name", "../x"), "--name: `../x` is not a plain name; use letters, digits, - and _"),
        (("--created-at", "soon"), "--created-at: `soon` is not a time; write it like 2026-11-01T00:00:00Z"),
        (("--data", "nowhere.csv"), "nowhere.csv: cannot be read (No such file or directory); give a readable file"),
        (("--out", "/dev/null/x"), "--out: /dev/null/x/tags cannot be written (Not a directory); name another"),
        (("--from", "/nowhere/base", "--rows", "200"), "--from /nowhere/base: cannot be loaded ("),
    ],
)  # fmt: skip
def test_a_wrong_flag_is_one_line_and_exit_code_2(arguments: tuple[str, ...], line: str) -> None:
    done = beckon("train", "tags", *arguments)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and done.stderr.startswith(f"beckon: {line}")


def test_a_tampered_model_fails_verification_with_one_line_and_exit_code_1(tmp_path: Path) -> None:
    from tests.support.models import copy_demo

    folder = copy_demo(tmp_path)
    with (folder / "card.md").open("ab") as file:
        file.write(b"better")
    done = beckon("models", "verify", "tags", "--dir", str(tmp_path))
    assert done.returncode == 1 and done.stdout == ""
    assert (
        done.stderr.startswith(f"beckon: {folder}/card.md: is larger than ") and done.stderr.count("\n") == 1
    )
    assert beckon("models", "promote", "tags", "1", "--dir", str(tmp_path)).returncode == 1
    absent = beckon("models", "verify", "intents", "--dir", str(tmp_path))
    assert absent.returncode == 2 and "there is no model intents" in absent.stderr
