"""The card that people read says what the card that programs read says, and who won."""

import msgspec
import pytest

from models_onnx.card import Quality
from models_onnx.page import page, verdict
from tests.support.models import MODELS, demo_model

CARD = demo_model().card


def test_the_checked_in_page_is_the_one_of_its_card() -> None:
    assert (MODELS / "tags" / CARD.version / "card.md").read_bytes() == page(CARD)


def test_the_page_names_the_command_the_seed_and_the_labels() -> None:
    text = page(CARD).decode()
    assert f"beckon train tags --seed {CARD.training.seed} " in text
    assert all(f"`{label}`" in text for label in CARD.labels)


@pytest.mark.parametrize(
    ("accuracy", "said"),
    [
        (0.97, "The model is 1.00% better than the baseline."),
        (0.96, "The model is as good as the baseline, no better."),
        (0.955, "**The baseline wins, by 0.50%**"),
    ],
)
def test_the_winner_is_named(accuracy: float, said: str) -> None:
    metrics = msgspec.structs.replace(
        CARD.metrics, model=Quality(accuracy, accuracy), baseline=Quality(0.96, 0.96)
    )
    assert verdict(msgspec.structs.replace(CARD, metrics=metrics)).startswith(said)


def test_the_demo_model_is_small_and_tells_nothing_of_the_machine_it_was_made_on() -> None:
    folder = MODELS / "tags" / CARD.version
    raw = b"".join(path.read_bytes() for path in folder.iterdir())
    assert len(raw) <= 2_000_000
    assert not [word for word in (b"site-packages", b"/home/", b"/root/", b".py\x00") if word in raw]
