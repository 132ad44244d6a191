"""Invoices into events: each rule on a few lines, and the figures of the whole set where it is there."""

import json
import lzma
from pathlib import Path

import pytest

from schemas.errors import InputError
from streams.importers.online_retail import Report, import_online_retail
from streams.settings import load
from streams.shuffle import Disturbance
from tests.support.lines import Json, read, run

DATA = Path(__file__).resolve().parents[5] / "shared/data/online_retail/online_retail.shared.csv.xz"
HEAD = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
GBP = load({"shop.currency": "GBP"})


def imported(folder: Path, *lines: str) -> tuple[Report, list[Json]]:
    source = folder / "retail.csv"
    source.write_text(HEAD + "".join(line + "\n" for line in lines), encoding="utf-8")
    report = import_online_retail([source], folder / "out")
    assert json.loads((folder / "out/report.json").read_text())["lines"] == len(lines)
    return report, read(folder / "out/purchases.jsonl")


def test_an_invoice_is_one_order_at_its_earliest_line_in_utc(tmp_path: Path) -> None:
    report, (event,) = imported(
        tmp_path,
        "536365,85123A, WHITE HEART ,6,2011-06-01 08:27:00,2.55,17850.0,United Kingdom",
        "536365,POST,,1,2011-06-01 08:26:00,1.10,17850.0,United Kingdom",
    )
    assert event == {
        "type": "track",
        "event": "Order Completed",
        "messageId": "online-retail-536365",
        "timestamp": "2011-06-01T07:26:00.000Z",  # British summer time
        "userId": "17850",
        "properties": {
            "order_id": "536365",
            "total": 16.4,
            "currency": "GBP",
            "products": [
                {"product_id": "85123A", "name": "WHITE HEART", "price": 2.55, "quantity": 6},
                {"product_id": "POST", "price": 1.1, "quantity": 1},
            ],
        },
    }
    assert (report.total_minor, report.lines_written, report.customers) == (1640, 2, 1)


def test_a_cancelled_invoice_is_a_refund_under_its_own_number(tmp_path: Path) -> None:
    report, events = imported(
        tmp_path,
        "1,A,a,2,2011-01-01 10:00:00,5,7,UK",
        "C2,A,a,-1,2011-01-02 10:00:00,5,7,UK",
    )
    assert [(e["event"], e["properties"]["order_id"], e["properties"]["total"]) for e in events] == [
        ("Order Completed", "1", 10.0),
        ("Order Refunded", "C2", 5.0),
    ]
    assert (report.invoices_cancelled, report.refunded_minor, report.buyers) == (1, 500, 1)
    summary = run(tmp_path / "replayed", tmp_path / "out/purchases.jsonl", settings=GBP)
    assert (summary["orders"], summary["refunds"], summary["spend"]) == (1, 1, 1000)


def test_what_is_left_out_is_counted_and_every_line_and_invoice_is_accounted_for(tmp_path: Path) -> None:
    report, events = imported(
        tmp_path,
        "1,A,a,1,2011-01-01 10:00:00,5,,UK",  # nobody's
        "2,A,a,1,2011-01-01 10:00:00,0,7,UK",  # a gift, and nothing else on the invoice
        "3,A,a,-1,2011-01-01 10:00:00,5,7,UK",  # a correction, on an invoice with a good line
        "3,B,b,1,2011-01-01 10:00:00,5,7,UK",
        "3,B,b,1,2011-01-01 10:00:00,5,7,UK",  # scanned twice
        "C4,A,a,-80995,2011-01-01 10:00:00,1,7,UK",
        "C5,A,a,-1,2011-01-01 10:00:00,5,,UK",
    )
    assert len(events) == 2
    assert (report.lines, report.lines_without_customer, report.lines_of_customers_left_out) == (7, 2, 2)
    assert report.lines_written == 3
    assert (report.invoices, report.invoices_without_customer, report.invoices_without_a_line) == (5, 2, 1)
    assert (report.order_completed, report.order_refunded, report.invoices_cancelled) == (1, 1, 2)
    assert (report.lines_exact_duplicates, report.lines_quantity_cut) == (1, 1)
    refund = events[1]["properties"]
    assert (refund["total"], refund["products"][0]["quantity"]) == (80995.0, 10_000)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1,A,a,x,2011-01-01 10:00:00,5,7,UK", ":2: Quantity is 'x'; mend or remove the line"),
        ("1,A,a,1,yesterday,5,7,UK", ":2: InvoiceDate is 'yesterday'; mend or remove the line"),
        ("1,A,a,1,2011-01-01 10:00:00,NaN,7,UK", ":2: UnitPrice is 'NaN'; mend or remove the line"),
        ("1,A,a", ":2: Quantity is ''; mend or remove the line"),
        ("1,A,a,1,2011-01-01 10:00:00,5,7,UK,more", ":2: has more columns than the header; mend the line"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        imported(tmp_path, line)
    assert str(caught.value) == f"{tmp_path / 'retail.csv'}{message}"


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"a,b\n1,2\n", "has no column InvoiceNo; give the CSV with its header line"),
        (b"", "has no column InvoiceNo; give the CSV with its header line"),
        (HEAD.encode() + b"\xff,A,a,1,2011-01-01 10:00:00,5,7,UK\n", "is not UTF-8; save it as UTF-8"),
        (HEAD.encode() + b'"' + b"x" * 200_000, "is not CSV (field larger than field limit (131072))"),
    ],
)
def test_a_file_that_is_none_of_ours_is_one_line(tmp_path: Path, raw: bytes, message: str) -> None:
    (tmp_path / "retail.csv").write_bytes(raw)
    with pytest.raises(InputError) as caught:
        import_online_retail([tmp_path / "retail.csv"], tmp_path / "out")
    assert message in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_damaged_archive_and_a_file_in_the_place_of_the_folder_are_one_line(tmp_path: Path) -> None:
    whole = lzma.compress((HEAD + "1,A,a,1,2011-01-01 10:00:00,5,7,UK\n" * 1000).encode())
    (tmp_path / "cut.csv.xz").write_bytes(whole[:-20])
    with pytest.raises(InputError, match=r"cut\.csv\.xz: is damaged"):
        import_online_retail([tmp_path / "cut.csv.xz"], tmp_path / "out")
    (tmp_path / "whole.csv.xz").write_bytes(whole)
    (tmp_path / "out").write_text("")
    with pytest.raises(InputError, match=r"out: cannot be written \(File exists\)"):
        import_online_retail([tmp_path / "whole.csv.xz"], tmp_path / "out")


def test_an_invoice_may_span_two_files(tmp_path: Path) -> None:
    for name, line in (
        ("a", "1,A,a,1,2011-01-01 10:01:00,5,7,UK"),
        ("b", "1,B,b,1,2011-01-01 10:00:00,5,7,UK"),
    ):
        (tmp_path / name).write_text(f"\ufeff{HEAD}{line}\n", encoding="utf-8")
    report = import_online_retail([tmp_path / "a", tmp_path / "b"], tmp_path / "out")
    (event,) = read(tmp_path / "out/purchases.jsonl")
    assert (event["timestamp"], len(event["properties"]["products"])) == ("2011-01-01T10:00:00.000Z", 2)
    assert (report.lines, report.invoices) == (2, 1)


@pytest.mark.skipif(not DATA.is_file(), reason="the Online Retail data lies outside of this repository")
def test_the_figures_of_the_real_set_come_out_of_import_and_replay(tmp_path: Path) -> None:
    report = import_online_retail([DATA], tmp_path / "out")
    assert (report.lines, report.lines_without_customer, report.customers) == (426_511, 105_857, 3_509)
    assert (report.invoices, report.invoices_cancelled, report.product_codes) == (20_694, 2_997, 4_018)
    assert (report.total_minor, report.lines_exact_duplicates, report.lines_price_not_above_0) == (
        720_658_034, 4_333, 1_992
    )  # fmt: skip
    assert round(report.repeat_buyers / report.buyers, 3) == 0.657
    assert report.lines == (
        report.lines_without_customer + report.lines_of_customers_left_out + report.lines_written
    )
    assert report.invoices == (
        report.invoices_without_customer
        + report.invoices_without_a_line
        + report.order_completed
        + report.order_refunded
    )
    events = tmp_path / "out/purchases.jsonl"
    summary = run(tmp_path / "one", events, settings=GBP)
    wanted = {"profiles": 3_509, "orders": 14_870, "refunds": 2_858, "spend": 720_658_034, "dead_lettered": 0}
    assert {name: summary[name] for name in wanted} == wanted
    run(tmp_path / "two", events, settings=GBP)
    run(tmp_path / "wild", events, settings=GBP, disturbance=Disturbance(11, True, 0.2))
    profiles = {name: (tmp_path / f"{name}/profiles.jsonl").read_bytes() for name in ("one", "two", "wild")}
    assert profiles["one"] == profiles["two"] == profiles["wild"]
