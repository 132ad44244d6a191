"""CSV rows into events: cells, times, orders, ids, and lines that are against a rule."""

import gzip
from pathlib import Path
from typing import Any

import pytest

from schemas.decode import Border
from schemas.errors import InputError
from streams.importers.csv_file import OnBadLine, import_csv
from streams.importers.csv_mapping import CsvMapping, EventRule, FileRule, TimeRule, load_mapping
from streams.importers.folder import Report
from tests.support.lines import Json, read, run

ROOT = Path(__file__).resolve().parents[4]
DATA = ROOT.parent / "shared/data"
TAOBAO = DATA / "taobao_small/UserBehavior_43users.shared.csv.xz"
YOOCHOOSE = DATA / "yoochoose_100k/yoochoose-clicks-100k_train_full.tsv.xz"
VIEWS = DATA / "diginetica/sample_train-item-views.shared.csv.xz"
PURCHASES = DATA / "diginetica/train-purchases.shared.csv.xz"
BORDER = Border("EUR")

VIEWED = CsvMapping(
    name="shop",
    event=EventRule(constant="Product Viewed"),
    time=TimeRule(column="at"),
    fields={"userId": "user", "product_id": "sku", "price": "price"},
)
BOUGHT = CsvMapping(
    name="shop",
    event=EventRule(column="what", names={"view": "Product Viewed", "buy": "Order Completed"}),
    time=TimeRule(column="at"),
    fields={"userId": "user", "product_id": "sku", "price": "price", "quantity": "n", "order_id": "order"},
    constants={"currency": "EUR"},
)


def imported(
    folder: Path,
    mapping: CsvMapping,
    *lines: str,
    on_bad: OnBadLine = OnBadLine.STOP,
    name: str = "in.csv",
) -> tuple[Report, list[Json]]:
    source = folder / name
    source.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    report = import_csv([source], folder / "out", mapping, "map.toml", BORDER, on_bad)
    files = [folder / "out" / f"{topic}.jsonl" for topic in ("clicks", "purchases")]
    return report, [event for file in files if file.exists() for event in read(file)]


def failure(folder: Path, mapping: CsvMapping, *lines: str) -> str:
    with pytest.raises(InputError) as caught:
        imported(folder, mapping, *lines)
    assert "\n" not in str(caught.value)
    assert not (folder / "out/report.json").exists()
    return str(caught.value).replace(str(folder) + "/", "")


def test_a_row_is_an_event_with_numbers_as_numbers_and_empty_cells_left_out(tmp_path: Path) -> None:
    report, (first, second) = imported(
        tmp_path, VIEWED, "at,user,sku,price", "2026-06-01 09:00:00,ann,007,19.90", '2026-06-01,"bob, jr",8,'
    )
    assert first["timestamp"] == "2026-06-01T09:00:00.000Z"
    assert first["properties"] == {"product_id": "007", "price": 19.9}
    assert (second["userId"], second["timestamp"]) == ("bob, jr", "2026-06-01T00:00:00.000Z")
    assert second["properties"] == {"product_id": "8"}
    assert (report.lines, report.shoppers, dict(report.written)) == (2, 2, {"Product Viewed": 2})


@pytest.mark.parametrize(
    ("rule", "text", "expected"),
    [
        ({"format": "epoch_s"}, "1396437466.94", "2014-04-02T11:17:46.940Z"),
        ({"format": "epoch_ms"}, "1396437466940", "2014-04-02T11:17:46.940Z"),
        ({}, "2019-10-01 00:00:00 UTC", "2019-10-01T00:00:00.000Z"),
        ({}, "2019-10-01T02:00:00.5+02:00", "2019-10-01T00:00:00.500Z"),
        ({"zone": "Europe/Berlin"}, "2019-10-01T02:00:00.5+01:00", "2019-10-01T01:00:00.500Z"),
        ({"zone": "Europe/Berlin"}, "2019-10-01T02:00:00.5", "2019-10-01T00:00:00.500Z"),
        ({"zone": "Europe/Berlin"}, "2019-10-27T02:30:00", "2019-10-27T00:30:00.000Z"),  # comes twice
        ({"format": "%d.%m.%Y %H:%M", "zone": "America/New_York"}, "01.07.2019 20:00", "2019-07-02T00:00:00.000Z"),
        ({"format": "%d.%m.%Y %H:%M %z"}, "01.07.2019 20:00 +0200", "2019-07-01T18:00:00.000Z"),
    ],
)  # fmt: skip
def test_times_are_read_by_format_and_zone(
    tmp_path: Path, rule: dict[str, str], text: str, expected: str
) -> None:
    mapping = CsvMapping("shop", VIEWED.event, TimeRule("at", **rule), VIEWED.fields)
    _, (event,) = imported(tmp_path, mapping, "at,user,sku,price", f"{text},ann,1,2")
    assert event["timestamp"] == expected


def test_milliseconds_of_a_session_are_added_within_the_day(tmp_path: Path) -> None:
    mapping = CsvMapping("shop", VIEWED.event, TimeRule("at", within_day_ms="ms"), VIEWED.fields)
    _, (one, two) = imported(
        tmp_path, mapping, "at,ms,user,sku,price", "2016-05-06,1500,a,1,2", "2016-05-06,86401000,a,2,2"
    )
    assert (one["timestamp"], two["timestamp"]) == ("2016-05-06T00:00:01.500Z", "2016-05-06T00:00:01.000Z")


def test_other_dialects_decimal_commas_and_files_without_a_header_are_read(tmp_path: Path) -> None:
    rule = FileRule(
        delimiter=";", quote="'", decimal=",", columns=("at", "user", "sku", "price"), nothing=("NA",)
    )
    mapping = CsvMapping("shop", VIEWED.event, VIEWED.time, VIEWED.fields, rule)
    _, (one, two) = imported(tmp_path, mapping, "2026-06-01;ann;'a;b';1,5", "2026-06-01;ann;c;NA", "")
    assert one["properties"] == {"product_id": "a;b", "price": 1.5}
    assert two["properties"] == {"product_id": "c"}


def test_rows_of_one_order_are_one_event_that_costs_the_sum_of_its_lines(tmp_path: Path) -> None:
    report, events = imported(
        tmp_path,
        BOUGHT,
        "at,what,user,sku,price,n,order",
        "2026-06-01T09:00:02,buy,ann,a,0.10,3,o1",
        "2026-06-01T09:00:01,view,ann,a,0.10,,",
        "2026-06-01T09:00:03,buy,bob,a,0.10,1,o1",
        "2026-06-01T09:00:01,buy,ann,b,5,,o1",
        "2026-06-01T09:00:01,wave,ann,b,5,,",
    )
    viewed, ann, bob = events
    assert viewed["properties"] == {"product_id": "a", "price": 0.1, "currency": "EUR"}
    assert (ann["userId"], ann["timestamp"]) == ("ann", "2026-06-01T09:00:01.000Z")
    assert ann["properties"] == {
        "order_id": "o1",
        "currency": "EUR",
        "total": 5.3,
        "products": [
            {"product_id": "a", "price": 0.1, "quantity": 3},
            {"product_id": "b", "price": 5, "quantity": 1},
        ],
    }
    assert (bob["userId"], bob["properties"]["total"]) == ("bob", 0.1)
    assert dict(report.rows) == {"Order Completed": 3, "Product Viewed": 1}
    assert dict(report.left_out) == {"wave": 1}


def ids(events: list[Json]) -> list[str]:
    return [event["messageId"] for event in events]


def test_ids_are_those_of_the_rows_so_that_an_overlapping_export_repeats_nothing(tmp_path: Path) -> None:
    head, a, b, c = "at,user,sku,price", "2026-06-01,ann,1,2", "2026-06-01,ann,2,2", "2026-06-02,ann,1,2"
    _, monday = imported(tmp_path, VIEWED, head, a, a, b)
    _, tuesday = imported(tmp_path, VIEWED, head, b, c, name="other.csv")
    assert len(set(ids(monday))) == 3
    assert ids(monday)[1] == f"{ids(monday)[0]}-1"
    assert ids(tuesday)[0] == ids(monday)[2]
    assert ids(tuesday)[1] not in ids(monday)


def test_a_mapped_message_id_is_taken_as_it_is(tmp_path: Path) -> None:
    mapping = CsvMapping("shop", VIEWED.event, VIEWED.time, {**VIEWED.fields, "messageId": "{sku}-{at}"})
    _, (event,) = imported(tmp_path, mapping, "at,user,sku,price", "2026-06-01,ann,1,2")
    assert event["messageId"] == "1-2026-06-01"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("soon,ann,1,2", "in.csv:3: at is `soon`, which is not iso;"),
        (",ann,1,2", "in.csv:3: at is empty;"),
        ("1559347200,ann,1,2", "in.csv:3: at is `1559347200`, which is not iso;"),
        ("1999-01-01,ann,1,2", "in.csv:3: at is before 2000"),
        ("2026-06-01,ann,1,cheap", "in.csv:3: price wants a number, got a text;"),
        ("2026-06-01,ann,1,-2", "in.csv:3: price is not between 0 and 1e9;"),
        ("2026-06-01,ann,,2", "in.csv:3: sku is required;"),
        ("2026-06-01,,1,2", "in.csv:3: user is required;"),
        ("2026-06-01,ann,1", "in.csv:3: has 3 cells for 4 columns;"),
        (f"2026-06-01,ann,{'x' * 129},2", "in.csv:3: sku is longer than 128 characters;"),
    ],
)
def test_a_bad_line_stops_with_its_place_or_is_left_out_and_counted(
    tmp_path: Path, line: str, words: str
) -> None:
    lines = ("at,user,sku,price", "2026-06-01,ann,1,2", line)
    assert failure(tmp_path, VIEWED, *lines).startswith(words)
    report, events = imported(tmp_path, VIEWED, *lines, on_bad=OnBadLine.LEAVE_OUT)
    assert (report.lines, len(events), sum(report.dead_letters.values())) == (2, 1, 1)
    assert report.lines == len(events) + sum(report.dead_letters.values())
    (letter,) = read(tmp_path / "out/rejected/dead_letters.jsonl")
    assert (letter["line"], letter["source"]) == (3, "in.csv")


def test_a_bad_line_of_an_order_is_named_by_its_own_line(tmp_path: Path) -> None:
    lines = (
        "at,what,user,sku,price,n,order",
        "2026-06-01,buy,ann,a,1,3,o1",
        "2026-06-01,buy,ann,b,1,0,o1",
    )
    assert failure(tmp_path, BOUGHT, *lines).startswith("in.csv:2: line 3, n is not a whole number")


def test_rows_without_an_order_number_are_refused_one_by_one(tmp_path: Path) -> None:
    lines = ("at,what,user,sku,price,n,order", "2026-06-01,buy,ann,a,1,3,", "2026-06-01,buy,ann,b,1,3,")
    assert failure(tmp_path, BOUGHT, *lines).startswith("in.csv:2: order is required;")
    report, events = imported(tmp_path, BOUGHT, *lines, on_bad=OnBadLine.LEAVE_OUT)
    assert (events, dict(report.dead_letters)) == ([], {"missing_field order": 2})


def test_what_the_file_or_the_mapping_lacks_is_one_line(tmp_path: Path) -> None:
    words = failure(tmp_path, VIEWED, "at,user,SKU,price", "2026-06-01,ann,1,2")
    assert words == (
        "map.toml: fields.product_id names a column that in.csv does not have; there are: at, user, SKU, price"
    )
    words = failure(tmp_path, BOUGHT, "at,what,user,sku,price,n,order", "2026-06-01,VIEW,ann,1,2,,")
    assert words.startswith("map.toml: event.names knows none of what column what says (VIEW);")
    (tmp_path / "bad.csv").write_bytes(b"at,user,sku,price\n2026-06-01,ann,\xff,1\n")
    with pytest.raises(InputError, match=r"bad.csv:\d+: is no CSV in utf-8-sig"):
        import_csv([tmp_path / "bad.csv"], tmp_path / "out", VIEWED, "map.toml", BORDER, OnBadLine.STOP)


def test_compressed_files_and_several_at_once_are_read(tmp_path: Path) -> None:
    for name in ("a.csv.gz", "b.csv.gz"):
        with gzip.open(tmp_path / name, "wb") as file:
            file.write(f"at,user,sku,price\n2026-06-01,ann,{name[0]},2\n".encode())
    files = [tmp_path / "a.csv.gz", tmp_path / "b.csv.gz"]
    report = import_csv(files, tmp_path / "out", VIEWED, "map.toml", BORDER, OnBadLine.STOP)
    assert (report.lines, report.written["Product Viewed"]) == (2, 2)


def real(folder: Path, example: str, *files: Path) -> Report:
    missing = [file for file in files if not file.is_file()]
    if missing:
        pytest.skip(f"the data lies outside of this repository: {missing[0]}")
    mapping = load_mapping(ROOT / "examples/imports" / example)
    return import_csv(list(files), folder, mapping, example, Border("USD"), OnBadLine.STOP)


def totals(out: Path) -> Json:
    profiles = read(out / "profiles.jsonl")
    names = ("views", "cart_adds", "orders", "spend")
    counts: dict[str, Any] = {name: sum(profile[name] for profile in profiles) for name in names}
    return {"profiles": len(profiles), **counts}


def test_taobao_comes_out_whole(tmp_path: Path) -> None:
    report = real(tmp_path / "in", "taobao.toml", TAOBAO)
    assert (report.lines, report.shoppers, dict(report.dead_letters)) == (3_517, 33, {})
    assert dict(report.rows) == {
        "Product Viewed": 3_249,
        "Product Added": 147,
        "Order Completed": 65,
        "Product Added to Wishlist": 56,
    }
    assert report.written["Order Completed"] == 59  # what one user bought in one second is one order
    summary = run(tmp_path / "out", *sorted((tmp_path / "in").glob("*.jsonl")))
    assert (summary["applied"], summary["dead_lettered"]) == (3_511, 0)
    assert totals(tmp_path / "out") == {
        "profiles": 33, "views": 3_249, "cart_adds": 147, "orders": 59, "spend": 0
    }  # fmt: skip


def test_yoochoose_comes_out_whole(tmp_path: Path) -> None:
    report = real(tmp_path / "in", "yoochoose.toml", YOOCHOOSE)
    assert (report.lines, report.shoppers, dict(report.dead_letters)) == (70_278, 17_794, {})
    assert dict(report.written) == {"Product Viewed": 70_278}
    run(tmp_path / "out", tmp_path / "in/clicks.jsonl")
    assert totals(tmp_path / "out") == {
        "profiles": 17_794, "views": 70_278, "cart_adds": 0, "orders": 0, "spend": 0
    }  # fmt: skip


def test_diginetica_comes_out_whole(tmp_path: Path) -> None:
    views = real(tmp_path / "views", "diginetica-views.toml", VIEWS)
    purchases = real(tmp_path / "purchases", "diginetica-purchases.toml", PURCHASES)
    assert (views.lines, dict(views.written)) == (9_694, {"Product Viewed": 9_694})
    assert purchases.lines == 14_469
    # 10,793 order numbers; one of them has two lines of a session, one with its user, one without.
    assert dict(purchases.written) == {"Order Completed": 10_794}
    assert dict(views.dead_letters) == dict(purchases.dead_letters) == {}
    files = (tmp_path / "views/clicks.jsonl", tmp_path / "purchases/purchases.jsonl")
    run(tmp_path / "out", *files)
    found = totals(tmp_path / "out")
    assert (found["views"], found["orders"]) == (9_694, 10_794)
