"""Loading a model: what is in use, and every single thing that is wrong with a folder is one readable line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from models_onnx import registry
from schemas.errors import BeckonError, ModelError, SettingsError
from tests.support.models import change_card, copy_demo, sign


def refusal(models: Path) -> str:
    """Return the line with which loading is refused."""
    with pytest.raises(ModelError) as raised:
        registry.load_tag_model(models, "tags", "cpu")
    line = str(raised.value)
    assert "\n" not in line and len(line) < 600
    assert raised.value.exit_code == 1
    return line.replace(str(models), "models")


def test_an_untouched_copy_loads_and_scores(tmp_path: Path) -> None:
    copy_demo(tmp_path)
    model = registry.load_tag_model(tmp_path, "tags", "auto")
    assert model.card.name == "tags" and model.provider in {"cpu", "cuda"}
    assert model.version.startswith("1@") and len(model.digest) == 64


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "golden.json", "card.md"])
def test_one_changed_byte_is_refused(tmp_path: Path, name: str) -> None:
    path = copy_demo(tmp_path) / name
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    assert refusal(tmp_path).startswith(f"models/tags/1/{name}: its sha256 is not the one in model.json; ")


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json", "golden.json", "card.md", "model.json"])
def test_a_missing_file_is_refused(tmp_path: Path, name: str) -> None:
    (copy_demo(tmp_path) / name).unlink()
    assert refusal(tmp_path).startswith(f"models/tags/1/{name}: is missing; ")


def test_a_file_that_is_cut_or_goes_on_is_refused(tmp_path: Path) -> None:
    path = copy_demo(tmp_path) / "model.onnx"
    raw = path.read_bytes()
    path.write_bytes(raw[:-1])
    assert f"model.onnx: has {len(raw) - 1:,} bytes, model.json says {len(raw):,}" in refusal(tmp_path)
    path.write_bytes(raw + b"x")
    assert f"model.onnx: is larger than {len(raw):,} bytes" in refusal(tmp_path)


def test_a_file_that_is_not_listed_is_refused(tmp_path: Path) -> None:
    (copy_demo(tmp_path) / "weights.bin").write_bytes(b"x")
    assert refusal(tmp_path).startswith("models/tags/1/weights.bin: is not listed in model.json; ")


def _drop(name: str) -> Callable[[dict[str, Any]], object]:
    return lambda card: card.pop(name)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda card: card.update(format=2), "format: Invalid enum value 2"),
        (_drop("threshold"), "Object missing required field `threshold`"),
        (lambda card: card.update(surprise=1), "Object contains unknown field `surprise`"),
        (lambda card: card.update(threshold="half"), "threshold: Expected `float`, got `str`"),
        (lambda card: card.update(threshold=1.5), "threshold: Expected `float` <= 1.0"),
        (lambda card: card.update(kind="sequence"), "kind: Invalid enum value 'sequence'"),
        (lambda card: card.update(max_length=0), "max_length: Expected `int` >= 3"),
        (lambda card: card.update(labels=["a", "a"]), "labels: a label is named twice"),
        (lambda card: card["labels"].pop(), "outputs: must be scores and logits, float32[batch, 7]"),
        (lambda card: card.update(kind="text-encoder"), "labels: a text-encoder has neither labels nor an activation"),
        (lambda card: card.update(activation="none"), "activation: must be softmax or sigmoid"),
        (lambda card: card.update(thresholds={"x": 0.5}), "labels: x has a threshold or an alias, but is none of them"),
        (lambda card: card["files"].pop("model.int8.onnx"), "variants: model.int8.onnx is not listed in files"),
        (lambda card: card["inputs"].pop(), "inputs: must be input_ids and attention_mask"),
        (lambda card: card["inputs"][0].update(dtype="float32"), "inputs: must be input_ids"),
        (lambda card: card["files"].pop("golden.json"), "files: golden.json is not listed"),
        (lambda card: card["files"]["card.md"].update(sha256="00"), "files[...].sha256: Expected `str` matching"),
        (lambda card: card["files"].update({"../x": card["files"]["card.md"]}), "Expected `str` matching"),
        (lambda card: card["files"]["card.md"].update(bytes=3 << 30), "files: more than 2 GiB in total"),
        (lambda card: card.update(pad_id=10**6), "pad_id: is 1000000 of "),
        (lambda card: card.update(version="7"), "name and version are tags 7, not those of its folders"),
        (lambda card: card["metrics"]["model"].update(accuracy=2), "metrics.model.accuracy: Expected `float` <= 1.0"),
    ],
)  # fmt: skip
def test_a_wrong_field_of_model_json_is_named(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], problem: str
) -> None:
    change_card(copy_demo(tmp_path), change)
    line = refusal(tmp_path)
    assert line.startswith("models/tags/1/model.json: ")
    assert problem in line


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b" " * (1 << 20) + b"{}"])
def test_a_model_json_that_is_none_is_one_line(tmp_path: Path, raw: bytes) -> None:
    (copy_demo(tmp_path) / "model.json").write_bytes(raw)
    assert refusal(tmp_path).startswith("models/tags/1/model.json: ")


def test_labels_that_change_places_are_refused_for_the_graph_knows_better(tmp_path: Path) -> None:
    change_card(copy_demo(tmp_path), lambda card: card["labels"].reverse())
    assert "model.onnx: was exported with other labels" in refusal(tmp_path)


def test_a_tokenizer_that_is_none_or_of_another_model_is_refused(tmp_path: Path) -> None:
    folder = copy_demo(tmp_path)
    original = (folder / "tokenizer.json").read_bytes()
    sign(folder, "tokenizer.json", b"{}")
    assert "tokenizer.json: is no tokenizer (" in refusal(tmp_path)
    assert b'"lowercase":true' in original
    sign(folder, "tokenizer.json", original.replace(b'"lowercase":true', b'"lowercase":false'))
    assert "golden.json: `" in refusal(tmp_path)


def test_a_tokenizer_with_more_words_than_the_model_is_refused(tmp_path: Path) -> None:
    folder = copy_demo(tmp_path)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.add_tokens(["surplus"])
    sign(folder, "tokenizer.json", tokenizer.to_str().encode())
    assert "model.json: max_length: the model cannot read 64 tokens, or fewer words than " in refusal(
        tmp_path
    )


def test_a_length_that_the_model_cannot_read_is_refused(tmp_path: Path) -> None:
    folder = copy_demo(tmp_path)
    change_card(folder, lambda card: card.update(max_length=65))
    assert "was exported with other labels, activation or max_length" in refusal(tmp_path)


@pytest.mark.parametrize("current", ["", "../1", "2 3", "\x00"])
def test_a_current_that_names_no_version_is_one_line(tmp_path: Path, current: str) -> None:
    copy_demo(tmp_path)
    (tmp_path / "tags" / "current").write_text(current)
    assert "current: does not name a version" in refusal(tmp_path)


def test_a_current_that_names_an_absent_version_or_is_absent_is_one_line(tmp_path: Path) -> None:
    copy_demo(tmp_path)
    (tmp_path / "tags" / "current").write_text("9")
    assert refusal(tmp_path).startswith("models/tags/9: there is no such folder; ")
    (tmp_path / "tags" / "current").unlink()
    assert refusal(tmp_path).startswith("models/tags/current: is missing; ")


@pytest.mark.parametrize("name", ["nothing", "../tags", "", ".hidden"])
def test_a_name_that_no_model_has_is_a_wrong_setting(tmp_path: Path, name: str) -> None:
    copy_demo(tmp_path)
    with pytest.raises(SettingsError) as raised:
        registry.load_tag_model(tmp_path, name, "cpu")
    assert raised.value.exit_code == 2 and raised.value.field == "models.tags"


def _with_versions(models: Path, *versions: str) -> None:
    for version in versions:
        (models / "tags" / version).mkdir(parents=True)


def test_promoting_changes_what_is_in_use_and_leaves_nothing_beside(tmp_path: Path) -> None:
    _with_versions(tmp_path, "2")
    registry.promote(tmp_path, "tags", "2")
    assert registry.current_version(tmp_path, "tags") == "2"
    assert sorted(path.name for path in (tmp_path / "tags").iterdir()) == ["2", "current"]
    with pytest.raises(BeckonError, match="there is no tags 3"):
        registry.promote(tmp_path, "tags", "3")
    assert registry.current_version(tmp_path, "tags") == "2"


def test_rolling_back_goes_back_step_by_step_and_ends_with_one_line(tmp_path: Path) -> None:
    _with_versions(tmp_path, "1", "2", "3")
    for version in ("1", "2", "2", "3"):
        registry.promote(tmp_path, "tags", version)
    assert registry.previous_version(tmp_path, "tags") == "2"
    assert registry.roll_back(tmp_path, "tags") == "2"
    assert registry.current_version(tmp_path, "tags") == "2"
    assert registry.roll_back(tmp_path, "tags") == "1"
    with pytest.raises(SettingsError, match="no other tags was in use before"):
        registry.roll_back(tmp_path, "tags")
    assert registry.current_version(tmp_path, "tags") == "1"


def test_a_promotion_cut_off_half_way_does_not_confuse_the_way_back(tmp_path: Path) -> None:
    _with_versions(tmp_path, "1", "2", "3")
    for version in ("1", "2"):
        registry.promote(tmp_path, "tags", version)
    (tmp_path / "tags" / "history").write_text("1\n2\n")  # as promoting 3 begins: `current` still says 2
    assert registry.roll_back(tmp_path, "tags") == "1"


def test_a_version_that_is_gone_cannot_come_back(tmp_path: Path) -> None:
    _with_versions(tmp_path, "1", "2")
    for version in ("1", "2"):
        registry.promote(tmp_path, "tags", version)
    (tmp_path / "tags" / "1").rmdir()
    with pytest.raises(SettingsError, match="there is no tags 1"):
        registry.roll_back(tmp_path, "tags")
    assert registry.current_version(tmp_path, "tags") == "2"


def test_a_candidate_is_named_until_it_is_taken_back_or_put_in_use(tmp_path: Path) -> None:
    _with_versions(tmp_path, "1", "2", "3")
    registry.promote(tmp_path, "tags", "1")
    assert registry.candidate_version(tmp_path, "tags") is None
    registry.set_candidate(tmp_path, "tags", "2")
    assert registry.candidate_version(tmp_path, "tags") == "2"
    registry.promote(tmp_path, "tags", "3")
    assert registry.candidate_version(tmp_path, "tags") == "2"
    registry.promote(tmp_path, "tags", "2")
    assert registry.candidate_version(tmp_path, "tags") is None
    registry.set_candidate(tmp_path, "tags", "3")
    registry.set_candidate(tmp_path, "tags", None)
    assert registry.candidate_version(tmp_path, "tags") is None
    with pytest.raises(SettingsError, match="there is no tags 9"):
        registry.set_candidate(tmp_path, "tags", "9")


def test_the_fingerprint_changes_with_the_pointer_and_with_every_file_that_it_leads_to(
    tmp_path: Path,
) -> None:
    folder = copy_demo(tmp_path)
    seen = [registry.fingerprint(tmp_path, "tags", "current")]
    assert registry.fingerprint(tmp_path, "tags", "current") == seen[0] != ()
    (folder / "card.md").write_bytes(b"another page")
    seen.append(registry.fingerprint(tmp_path, "tags", "current"))
    registry.promote(tmp_path, "tags", "1")  # the same version, said again: look again
    seen.append(registry.fingerprint(tmp_path, "tags", "current"))
    (tmp_path / "tags" / "current").write_text("7\n")
    seen.append(registry.fingerprint(tmp_path, "tags", "current"))
    assert len(set(seen)) == 4 and seen[3] == ()
    assert registry.fingerprint(tmp_path, "tags", "candidate") == ()


def test_versions_count_like_numbers_and_half_made_folders_are_none(tmp_path: Path) -> None:
    for name in ("10", "9", "1", "beta", ".new-x1"):
        (tmp_path / "tags" / name).mkdir(parents=True)
    (tmp_path / ".cache" / "1").mkdir(parents=True)
    (tmp_path / "notes.txt").touch()
    assert registry.versions(tmp_path, "tags") == ["1", "9", "10", "beta"]
    assert registry.next_version(tmp_path, "tags") == "11"
    assert registry.next_version(tmp_path, "other") == "1"
    assert list(registry.names(tmp_path)) == ["tags"]
    assert list(registry.names(tmp_path / "nowhere")) == []
