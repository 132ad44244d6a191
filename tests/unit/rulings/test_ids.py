"""Rulings about ids that no other test names as literally."""

from pathlib import Path

from tests.support.lines import read, run, write
from tests.support.story import MINUTE, MONDAY, Json, track


def named(at: int, user: str, anonymous: str) -> Json:
    """Return an identify with both ids."""
    message = f"{user} is {anonymous} at {at}"
    return {
        "type": "identify",
        "messageId": message,
        "timestamp": at,
        "userId": user,
        "anonymousId": anonymous,
    }


def test_ruling_39_an_identify_that_names_one_id_twice_points_nobody_elsewhere(tmp_path: Path) -> None:
    """`b` belongs to `c` and through it to `a`; saying that b is b does not take it out of that chain."""
    events = (
        named(MONDAY, "c", "b"),
        named(MONDAY + 1, "a", "c"),
        named(MONDAY + 2, "b", "b"),
        named(MONDAY + 3, "d", "c"),  # from now on c, and what belongs to it, is d
        track("Product Viewed", MONDAY + MINUTE, "m1", "b", product_id="p1"),
    )
    run(tmp_path / "out", write(tmp_path / "a.jsonl", *events))
    lines = {line["user_id"]: line for line in read(tmp_path / "out/profiles.jsonl")}
    assert {user: (line["views"], line["merged_from"]) for user, line in lines.items()} == {
        "a": (0, ["b", "c"]),
        "d": (1, []),
    }
