"""Parquet files of events say what JSON lines say."""

import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import polars as pl
import pytest

from schemas.errors import InputError
from streams.sources import blocks_of, check_readable, lines_of
from tests.support.lines import Json, read, run, write
from tests.support.story import MONDAY, consent, order, track

EVENTS: tuple[Json, ...] = (
    track(
        "Product Added", MONDAY, "1", product_id="p", name="B\u00f6ot \n", category="c", price=1.5, quantity=2
    ),
    track("Product Viewed", MONDAY + 1, "2", "bob", product_id="q", category="d"),
    track("Products Searched", MONDAY + 2, "3", query="warm"),
    order("o1", MONDAY + 3, 10, "p", "q"),
    consent(MONDAY + 4, "4", marketing=True),
    track("Product Praised", MONDAY + 5, "5"),
    track("Product Viewed", MONDAY + 6, "6"),
)


def test_a_row_is_an_event_and_its_columns_are_the_envelope(tmp_path: Path) -> None:
    lines = write(tmp_path / "a.jsonl", *EVENTS)
    pl.read_ndjson(lines, infer_schema_length=None).write_parquet(tmp_path / "a.parquet")
    wanted, found = (run(tmp_path / kind, tmp_path / f"a.{kind}") for kind in ("jsonl", "parquet"))
    assert found["accepted"] == wanted["accepted"] == 5
    assert (
        found["dead_letter_fields"]
        == wanted["dead_letter_fields"]
        == {"missing_field properties.product_id": 1}
    )
    profiles = [(tmp_path / kind / "profiles.jsonl").read_bytes() for kind in ("jsonl", "parquet")]
    assert profiles[0] == profiles[1]
    assert len(profiles[0].splitlines()) == 2


def test_one_column_of_records_is_a_dump_of_a_topic(tmp_path: Path) -> None:
    records = [msgspec.json.encode(event) for event in EVENTS]
    records[0] = msgspec.json.format(records[0], indent=2)
    for name, values in (("bytes", records), ("text", [record.decode() for record in records])):
        pl.DataFrame({"value": [*values, None]}).write_parquet(tmp_path / f"{name}.parquet")
        found = list(lines_of(tmp_path / f"{name}.parquet"))
        assert [msgspec.json.decode(line) for line in found[:-1] if isinstance(line, bytes)] == list(EVENTS)
        assert found[-1] == b""  # a null is a tombstone


def test_times_come_as_times(tmp_path: Path) -> None:
    at = datetime(2026, 3, 2, 8, tzinfo=UTC)
    row = {"type": "track", "event": "Product Viewed", "messageId": "m", "userId": "ann"}
    frame = pl.DataFrame([{**row, "properties": {"product_id": "p"}}]).with_columns(timestamp=pl.lit(at))
    local = pl.col("timestamp").dt.convert_time_zone("Asia/Kolkata")
    plain = pl.col("timestamp").dt.replace_time_zone(None)
    for name, column in (("zone", local), ("plain", plain)):
        frame.with_columns(timestamp=column).write_parquet(tmp_path / f"{name}.parquet")
        run(tmp_path / name, tmp_path / f"{name}.parquet")
        (profile,) = read(tmp_path / name / "profiles.jsonl")
        assert profile["first_seen"] == 1_772_438_400_000


def test_many_rows_come_block_by_block(tmp_path: Path) -> None:
    pl.DataFrame({"n": range(40_000)}).write_parquet(tmp_path / "a.parquet")
    blocks = [block for block in blocks_of(tmp_path / "a.parquet") if isinstance(block, bytes)]
    assert [block.count(b"\n") + 1 for block in blocks] == [16_384, 16_384, 7_232]
    assert blocks[2].endswith(b'{"n":39999}')


def test_an_empty_file_has_no_line(tmp_path: Path) -> None:
    pl.DataFrame({"type": []}, schema={"type": pl.String}).write_parquet(tmp_path / "a.parquet")
    assert list(lines_of(tmp_path / "a.parquet")) == []


def test_without_polars_one_line_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(InputError) as caught:
        check_readable(tmp_path / "a.parquet")
    assert str(caught.value) == (
        f"{tmp_path}/a.parquet: needs polars; install the extra: pip install 'beckon[parquet]'"
    )
