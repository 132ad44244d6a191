"""The demo as a newcomer runs it: one command, its summary, and the questions that work afterwards."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BECKON = str(Path(sys.executable).with_name("beckon"))
SECONDS = 30


def beckon(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BECKON, *arguments], cwd=folder, capture_output=True, text=True, timeout=180, check=False
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, dict[str, Any]]:
    """The folder that a demo ran in, what it printed, and its summary."""
    folder = tmp_path_factory.mktemp("demo")
    done = beckon("demo", "--seconds", str(SECONDS), folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    summary = json.loads((folder / ".beckon/demo/summary.json").read_text())
    return folder, done.stdout, summary


def test_every_produced_event_is_applied_or_dead_lettered(demo: tuple[Path, str, dict[str, Any]]) -> None:
    _, _, summary = demo
    assert summary["produced"] > SECONDS * 100
    assert summary["produced"] == summary["applied"] + summary["dead_lettered"]
    assert summary["dead_lettered"] > 0


def test_promotions_of_several_campaigns_come_and_several_reasons_hold_others_back(
    demo: tuple[Path, str, dict[str, Any]],
) -> None:
    _, _, summary = demo
    assert summary["offered"] >= 20
    assert summary["offered"] == sum(summary["offered_by_campaign"].values())
    assert len(summary["offered_by_campaign"]) >= 3
    assert len(summary["suppressed"]) >= 3
    assert summary["latency_ms"]["p50"] <= summary["latency_ms"]["p99"]


def test_the_offers_meet_the_true_interests_far_more_often_than_guessing(
    demo: tuple[Path, str, dict[str, Any]],
) -> None:
    _, _, summary = demo
    assert summary["interest_match"] >= 0.8
    assert summary["interest_match_if_guessing"] <= 0.3
    assert summary["model_calls"] > 0
    assert summary["fallbacks"] == 0


def test_the_why_line_that_the_demo_prints_works(demo: tuple[Path, str, dict[str, Any]]) -> None:
    folder, printed, _ = demo
    line = next(line for line in printed.splitlines() if "beckon why " in line)
    decision_id = line.split()[-1]
    done = beckon("why", decision_id, folder=folder)
    assert done.returncode == 0, done.stderr
    assert decision_id in done.stdout
    assert "What happened" in done.stdout
    assert "What would have changed it" in done.stdout


def test_the_profile_of_a_shopper_with_an_offer_can_be_read(demo: tuple[Path, str, dict[str, Any]]) -> None:
    folder, _, _ = demo
    first = (folder / ".beckon/demo/promotions.jsonl").read_text().splitlines()[0]
    user = json.loads(first)["user_id"]
    done = beckon("profile", user, folder=folder)
    assert done.returncode == 0, done.stderr
    assert user in done.stdout


def test_the_folder_holds_what_the_summary_counts(demo: tuple[Path, str, dict[str, Any]]) -> None:
    folder, _, summary = demo
    lines = {
        name: len((folder / ".beckon/demo" / f"{name}.jsonl").read_bytes().splitlines())
        for name in ("promotions", "decisions", "dead_letters", "profiles")
    }
    assert lines == {
        "promotions": summary["offered"] + summary["revoked"],
        "decisions": summary["decisions"],
        "dead_letters": summary["dead_lettered"],
        "profiles": summary["profiles"],
    }


def test_a_campaign_file_with_a_typo_stops_the_demo_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "campaigns.yaml").write_text(
        "campaigns:\n  - {id: a, trigger: [Product Viewed], offers: []}\n"
    )
    done = beckon("demo", "--campaigns", "campaigns.yaml", folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "beckon: campaigns[0].trigger: is not a field of a campaign file; did you mean `triggers`?"
    ]
