"""REES46 history into events: a few lines by rule, and the real file where it is there."""

from pathlib import Path

import pytest

from schemas.decode import Border
from streams.importers.folder import Report
from streams.importers.rees46 import import_rees46
from tests.support.lines import Json, read, run

DATA = Path(__file__).resolve().parents[5] / "shared/data/rees46_multi/2019-Oct-first3h.shared.csv.xz"
HEAD = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session\n"


def imported(folder: Path, *lines: str) -> tuple[Report, list[Json]]:
    (folder / "oct.csv").write_text(HEAD + "".join(line + "\n" for line in lines), encoding="utf-8")
    report = import_rees46([folder / "oct.csv"], folder / "in", Border("USD"), "USD")
    return report, [event for file in sorted((folder / "in").glob("*.jsonl")) for event in read(file)]


def test_purchases_of_one_session_and_second_are_one_order(tmp_path: Path) -> None:
    report, events = imported(
        tmp_path,
        "2019-10-01 00:00:00 UTC,view,10,900,shoes.run,acme,35.79,ann,s1",
        "2019-10-01 00:00:01 UTC,cart,10,900,,,35.79,ann,s1",
        "2019-10-01 00:00:02 UTC,remove_from_cart,10,900,,,35.79,ann,s1",
        "2019-10-01 00:00:03 UTC,purchase,10,900,shoes.run,acme,35.79,ann,s1",
        "2019-10-01 00:00:03 UTC,purchase,11,901,,,0.01,ann,s1",
        "2019-10-01 00:00:04 UTC,purchase,11,901,,,0.01,ann,s1",
        "2019-10-01 00:00:05 UTC,purchase,12,901,,,-5,ann,s1",
    )
    assert [event["event"] for event in events] == [
        "Product Viewed", "Product Added", "Product Removed", "Order Completed", "Order Completed"
    ]  # fmt: skip
    assert events[0]["properties"] == {
        "product_id": "10", "category": "shoes.run", "brand": "acme", "price": 35.79, "currency": "USD"
    }  # fmt: skip
    assert events[3]["properties"]["total"] == 35.8
    assert len(events[3]["properties"]["products"]) == 2
    assert dict(report.dead_letters) == {"bad_value line 8, price": 1}


@pytest.mark.skipif(not DATA.is_file(), reason=f"the REES46 data lies outside of this repository: {DATA}")
def test_the_figures_of_the_real_set_come_out_of_import_and_replay(tmp_path: Path) -> None:
    report = import_rees46([DATA], tmp_path / "in", Border("USD"), "USD")
    assert (report.lines, report.shoppers, dict(report.dead_letters)) == (13_772, 3_596, {})
    assert dict(report.rows) == {"Product Viewed": 13_477, "Product Added": 123, "Order Completed": 172}
    assert dict(report.written) == dict(report.rows)  # here each purchase is a second of its own
    summary = run(tmp_path / "out", *sorted((tmp_path / "in").glob("*.jsonl")))
    assert (summary["applied"], summary["dead_lettered"]) == (13_772, 0)
    profiles = read(tmp_path / "out/profiles.jsonl")
    assert len(profiles) == 3_596
    assert sum(profile["views"] for profile in profiles) == 13_477
    assert sum(profile["cart_adds"] for profile in profiles) == 123
    assert sum(profile["orders"] for profile in profiles) == 172
