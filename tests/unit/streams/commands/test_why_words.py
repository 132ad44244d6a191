"""`beckon why ID --words`: asked of the very model that a record names."""

import re
from pathlib import Path

import pytest

from models_onnx.registry import load_tag_model
from processors.words.en import ENGLISH
from processors.words.zh import CHINESE
from schemas.decisions import Decision, Outcome, Trigger
from schemas.errors import ModelError
from streams.commands.why_words import section
from streams.settings import ModelSettings
from tests.support.models import change_card, copy_demo


def decision(features: dict[str, float | int | str | bool | None], version: str) -> Decision:
    return Decision(
        trigger=Trigger("Product Viewed", "m1", 0),
        user_id="ann",
        now=0,
        outcome=Outcome.OFFERED,
        campaign_id=None,
        promotion_id=None,
        decision_id=None,
        candidates=(),
        features=features,
        offers={},
        consent={},
        lag_ms=0,
        approximate=False,
        scores={},
        model_versions={"tags": version},
        policy_digest="",
        positions={},
    )


@pytest.fixture
def settings(tmp_path: Path) -> ModelSettings:
    copy_demo(tmp_path)
    return ModelSettings(dir=str(tmp_path))


@pytest.fixture
def version(settings: ModelSettings) -> str:
    return load_tag_model(Path(settings.dir), "tags", "cpu", "fp32").version


def test_each_interest_that_is_a_label_comes_with_its_words(settings: ModelSettings, version: str) -> None:
    one = decision({"affinity(camping)": 2.0, "affinity(no label)": 1.0, "views": 3}, version)
    lines = section(one, settings, ENGLISH)
    assert lines[:3] == ["", "Words that alone are enough for a tag", "-" * 37]
    (line,) = lines[3:]
    assert re.match(r"  camping, by model tags 1: ([a-z]+ 0\.9\d+(, |$)){8}", line)
    assert section(one, settings, CHINESE)[3].startswith("  camping（模型 tags 1）：")


def test_a_record_of_the_same_model_in_integers_is_answered_too(
    settings: ModelSettings, version: str
) -> None:
    one = decision({"affinity(camping)": 2.0}, f"{version}+int8-static")
    assert section(one, settings, ENGLISH) == section(
        decision({"affinity(camping)": 2.0}, version), settings, ENGLISH
    )


def test_without_interests_there_is_no_such_section(settings: ModelSettings, version: str) -> None:
    assert section(decision({"views": 3}, version), settings, ENGLISH) == []


def test_another_model_than_that_of_the_record_is_not_asked(settings: ModelSettings, version: str) -> None:
    change_card(Path(settings.dir) / "tags" / "1", lambda card: card.update(licence="other"))
    with pytest.raises(ModelError) as raised:
        section(decision({"affinity(camping)": 2.0}, version), settings, ENGLISH)
    assert str(raised.value) == (
        f"model tags 1: is not the one of the record ({version}); "
        "point models.dir to the folder that the worker had"
    )
