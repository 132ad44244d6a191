"""Questions about a replay, asked as a person asks them: was it right, what would come now, what would change."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.lines import read, write
from tests.support.story import MINUTE, MONDAY, consent, track

BECKON = str(Path(sys.executable).with_name("beckon"))
CAMPAIGNS = """
campaigns:
  - id: looker
    triggers: [Product Viewed]
    when: {feature: affinity, tag: shoes, at_least: 1.5}
    offers: [{promotion_id: p10, name: Ten off}]
    caps: [{at_most: 1, per: 7d}]
    priority: 2
  - id: carts
    triggers: [Product Added]
    when: {feature: cart_value, at_least: 40}
    offers: [{promotion_id: ship, name: Free shipping}]
"""
EVENTS = (
    consent(MONDAY - 1, "yes", marketing=True),
    *(track("Product Viewed", MONDAY + n * MINUTE, product_id="boots", category="shoes") for n in range(4)),
    track("Product Added", MONDAY + 5 * MINUTE, product_id="boots", price=30),
    b"{",
)


def beckon(*arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BECKON_")}
    return subprocess.run(
        [BECKON, *map(str, arguments)],
        cwd=folder,
        env=clean,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with events in two files, campaigns and the replay of both in `out`."""
    folder = tmp_path_factory.mktemp("questions")
    (folder / "campaigns.yaml").write_text(CAMPAIGNS)
    write(folder / "a.jsonl", *EVENTS[:3])
    write(folder / "b.jsonl", *EVENTS[3:])
    call = ("replay", "a.jsonl", "b.jsonl", "--campaigns", "campaigns.yaml", "--out", "out")
    done = beckon(*call, folder=folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_verify_says_what_it_checked(folder: Path) -> None:
    done = beckon(
        "verify", "out", "--campaigns", "campaigns.yaml", "--events", "a.jsonl", "b.jsonl", folder=folder
    )
    assert done.stdout.splitlines() == [
        "decisions   3",
        "by record   3 decided again from the record alone: the same bytes",
        "by events   3 folded again from 5 events",
        "            3 of them in another order too",
        "violations  0",
    ]
    assert (done.returncode, done.stderr) == (0, "")


def test_verify_finds_by_itself_what_the_replay_read_while_it_is_there(folder: Path, tmp_path: Path) -> None:
    for name in ("a.jsonl", "b.jsonl", "campaigns.yaml"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    call = ("replay", "a.jsonl", "b.jsonl", "--campaigns", "campaigns.yaml", "--out", "out")
    assert beckon(*call, folder=tmp_path).returncode == 0
    report = json.loads(beckon("verify", "out", "--json", folder=tmp_path).stdout)
    assert (report["ok"], report["redecided"], report["refolded"]) == (True, 3, 3)
    (tmp_path / "b.jsonl").unlink()
    report = json.loads(beckon("verify", "out", "--json", folder=tmp_path).stdout)
    assert (report["ok"], report["redecided"], report["unchecked"]) == (True, 3, {"no --events given": 3})
    (tmp_path / "campaigns.yaml").unlink()
    done = beckon("verify", "out", "--json", folder=tmp_path)
    assert (done.returncode, json.loads(done.stdout)["ok"]) == (1, False)


def test_verify_ends_with_1_and_a_line_for_what_is_wrong_or_not_at_hand(folder: Path, tmp_path: Path) -> None:
    done = beckon("verify", "out", "--campaigns", "campaigns.yaml", "--events", "a.jsonl", folder=folder)
    assert done.returncode == 1
    assert done.stdout.splitlines()[0] == (
        f"ann: Product Viewed Product Viewed {MONDAY + 2 * MINUTE} at 2026-03-02T00:02:00.000Z:"
        " the event that asked is not among the shopper's events"
    )
    digest = json.loads((folder / "out/summary.json").read_text())["policy_digest"]
    other = tmp_path / "other.yaml"
    other.write_text(CAMPAIGNS.replace("looker", "watcher"))
    done = beckon("verify", "out", "--json", "--campaigns", str(other), folder=folder)
    report = json.loads(done.stdout)
    assert (done.returncode, report["ok"], report["unknown_files"]) == (1, False, {digest: 3})


def test_decide_says_for_every_event_what_would_come_and_what_stands_in_the_way(folder: Path) -> None:
    done = beckon("decide", "ann", "--from", "out", "--campaigns", "campaigns.yaml", folder=folder)
    assert done.stdout.splitlines() == [
        "Shopper ann at 2026-03-02T00:05:00.000Z",
        "---------------------------------------",
        "",
        "Product Viewed would bring nothing",
        "  looker: capped",
        "    1 offer of this campaign in the last 7 days, at most 1 allowed",
        "    it would take the same event at 2026-03-09T00:01:00.000Z or later",
        "",
        "Product Added would bring nothing",
        "  carts: not eligible",
        "    value of the cart is USD 30.00, at least USD 40.00 needed",
        "    it would take USD 10.00 more in the cart",
    ], done.stderr
    call = ("decide", "ann", "--from", "out", "--campaigns", "campaigns.yaml", "--trigger", "Product Viewed")
    later = beckon(*call, "--at", "2026-03-09T00:01:00Z", folder=folder).stdout
    assert "Product Viewed would bring p10 of looker" in later
    assert "What would have changed it" in later
    answers = json.loads(beckon(*call, "--json", folder=folder).stdout)["answers"]
    assert [(a["event"], a["standings"][0]["reason"]) for a in answers] == [("Product Viewed", "capped")]


def test_why_with_user_and_campaign_tells_what_no_record_keeps(folder: Path) -> None:
    call = ("why", "--user", "ann", "--from", "out", "--campaigns", "campaigns.yaml", "--campaign")
    carts = beckon(*call, "carts", folder=folder).stdout
    assert "it would take USD 10.00 more in the cart" in carts
    assert carts.splitlines()[-1] == "It never came to a decision about it."
    looker = beckon(*call, "looker", folder=folder).stdout.splitlines()
    offered = read(folder / "out/promotions.jsonl")[0]["decision_id"]
    assert looker[-4:] == [
        "What was decided, for `beckon why DECISION_ID`:",
        f"  2026-03-02 00:01:00  {offered}  Product Viewed: offered",
        *(line for line in looker[-2:] if line.endswith("Product Viewed: capped")),
    ]


def test_plan_compares_two_files_over_the_events(folder: Path, tmp_path: Path) -> None:
    (folder / "new.yaml").write_text(CAMPAIGNS.replace("at_least: 40", "at_least: 20"))
    call = ("campaigns", "plan", "new.yaml", "--events", "a.jsonl", "b.jsonl", "--against", "campaigns.yaml")
    lines = beckon(*call, folder=folder).stdout.splitlines()
    assert lines[1] == "  changed  carts: when"
    assert [line.split() for line in lines if line.startswith("  carts")] == [
        ["carts", "0", "->", "1", "0.00", "0", "->", "1", "0"]
    ]
    assert lines[-1].split() == ["all", "campaigns", "not_eligible", "2", "->", "1"]
    plan = json.loads(beckon(*call, "--json", folder=folder).stdout)
    assert (plan["new"]["total"]["offers"], plan["old"]["total"]["offers"]) == (2, 1)


def test_check_warns_of_campaigns_that_cannot_be_meant_and_strict_fails(tmp_path: Path) -> None:
    odd = CAMPAIGNS.replace("feature: cart_value, at_least: 40", "feature: days_since_seen, at_least: 3")
    (tmp_path / "odd.yaml").write_text(odd)
    done = beckon("campaigns", "check", "odd.yaml", folder=tmp_path)
    assert done.returncode == 0
    assert done.stdout.splitlines()[1:] == [
        (
            "warning: campaigns[1] (carts): can never fire: number of days since the last visit: at least 3 needed,"
            " but it is 0 for whoever has just done something"
        )
    ]
    assert beckon("campaigns", "check", "odd.yaml", "--strict", folder=tmp_path).returncode == 1


def test_dead_letters_of_a_folder_are_listed(folder: Path) -> None:
    assert beckon("dead-letters", "list", "--from", "out", folder=folder).stdout.splitlines() == [
        "b.jsonl:4 not_json",
        "    {",
        "        1 not_json",
        "        1 in all",
    ]


@pytest.mark.parametrize(
    ("call", "code", "line"),
    [
        ("verify", 2, "DIR: is wanted, or --kafka; give one of the two"),
        ("verify out --kafka", 2, "DIR: is wanted, or --kafka; give one of the two"),
        ("verify .", 2, ".: is not a replay folder (it has no profiles.jsonl); "),
        ("verify out --events no.jsonl", 2, "no.jsonl: cannot be read (No such file or directory); "),
        ("verify out --campaigns a.jsonl", 2, "a.jsonl:2: is not YAML: "),
        ("decide ann --from out", 2, "--campaigns: is missing; give a campaign file"),
        ("decide zoe --from out --campaigns campaigns.yaml", 1, "shopper zoe: is not in out; "),
        ("decide ann --from out --campaigns campaigns.yaml --trigger x", 2, "--trigger: `x` asks no campaign; known: "),
        ("decide ann --from out --campaigns campaigns.yaml --at x", 2, "--at: `x` is not a time; "),
        ("decide ann --from out --campaigns campaigns.yaml --at 2026-03-01", 2, "--at: 2026-03-01T00:00:00.000Z is before"),
        ("why --campaign looker --from out", 2, "DECISION_ID: is wanted, or --user; "),
        ("why --user ann --campaign x --from out --campaigns campaigns.yaml", 1, "campaign x: is not in the campaign file; "),
        ("campaigns plan campaigns.yaml", 2, "--events: is missing; give event files to try it on"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_that_names_it(folder: Path, call: str, code: int, line: str) -> None:
    done = beckon(*call.split(), folder=folder)
    assert (done.returncode, done.stdout) == (code, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"beckon: {line}"), done.stderr
