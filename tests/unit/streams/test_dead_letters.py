"""Letters on paper: found, mended, sent again; none is lost on the way."""

import json
from pathlib import Path

import pytest

from schemas.decode import Border
from schemas.errors import InputError
from streams.dead_letters import Letter, letters_in, read_letters, send_again, write_letters
from tests.support.lines import run, write
from tests.support.story import BROKER_MS, MONDAY, track

GOOD = json.dumps(track("Product Viewed", MONDAY, "m1", product_id="boots", price="19"))
BAD = json.dumps(track("Product Viewed", MONDAY, "m2", product_id="boots", price=-1))


class Basket:
    """Takes what would be sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes, bytes, str]] = []

    def put(self, topic: str, key: bytes, value: bytes, letter_id: str) -> None:
        self.sent.append((topic, key, value, letter_id))


def letter(number: int, value: str | None, topic: str = "x-clicks", **parts: object) -> Letter:
    return Letter(f"x-dead-letters-0@{number}", "bad_value", topic=topic, value=value, **parts)  # type: ignore[arg-type]


def test_letters_that_are_good_events_now_go_out_under_the_shoppers_key_and_the_others_stay() -> None:
    skipped = json.dumps({"type": "page", "messageId": "m", "timestamp": MONDAY, "userId": "ann"})
    letters = [
        letter(0, GOOD),
        letter(1, BAD),
        letter(2, GOOD, topic="clicks"),
        letter(3, GOOD, cut=True),
        letter(4, None),
        letter(5, skipped),
        letter(6, None, value_base64="/w=="),
        letter(7, GOOD, topic="x-beckon.internal"),
    ]
    basket = Basket()
    result = send_again(letters, Border("USD"), "x-", basket, BROKER_MS)
    assert basket.sent == [("x-clicks", b"ann", GOOD.encode(), "x-dead-letters-0@0")]
    assert result.sent == {"x-clicks": 1}
    assert [(kept.letter.id[-1], kept.why.partition(":")[0]) for kept in result.kept] == [
        ("1", "still bad_value at properties.price"),
        ("2", "came from clicks, which is no topic of events here"),
        ("3", "only its beginning was kept"),
        ("4", "still tombstone"),
        ("5", "would be skipped (type page)"),
        ("6", "still not_json"),
        ("7", "came from x-beckon.internal, which is no topic of events here"),
    ]
    assert len(letters) == result.sent.total() + len(result.kept)


def test_what_is_written_to_mend_is_read_back_as_it_was(tmp_path: Path) -> None:
    letters = [letter(0, GOOD, key="ann"), letter(1, None, value_base64="/w=="), letter(2, None)]
    path = tmp_path / "letters.jsonl"
    assert write_letters(path, letters) == 3
    assert list(read_letters(path)) == letters
    assert [each.raw() for each in letters] == [GOOD.encode(), b"\xff", None]


def test_a_line_that_was_mended_to_death_is_named(tmp_path: Path) -> None:
    path = tmp_path / "letters.jsonl"
    path.write_text('{"id":"a","reason":"bad_value"}\n\n{"id":"b"}\n')
    with pytest.raises(
        InputError, match=r"letters\.jsonl:3: is no letter \(Object missing required field `reason`"
    ):
        list(read_letters(path))


def test_the_letters_of_a_replay_name_file_and_line(tmp_path: Path) -> None:
    run(tmp_path / "out", write(tmp_path / "e.jsonl", GOOD.encode(), BAD.encode(), b"\xff", b"{"))
    letters = list(letters_in(tmp_path / "out"))
    assert [(each.id, each.reason, each.field) for each in letters] == [
        ("e.jsonl:2", "bad_value", "properties.price"),
        ("e.jsonl:3", "not_json", ""),
        ("e.jsonl:4", "not_json", ""),
    ]
    assert [each.raw() for each in letters] == [BAD.encode(), b"\xff", b"{"]
