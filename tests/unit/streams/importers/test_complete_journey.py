"""Complete Journey into events: a few lines by rule, and the real tables where they are there."""

from pathlib import Path

import pytest

from schemas.decode import Border
from schemas.errors import InputError
from streams.importers.complete_journey import import_complete_journey
from tests.support.lines import read, run

DATA = Path(__file__).resolve().parents[5] / "shared/data/complete_journey"
TRANSACTIONS = (
    "household_id,store_id,basket_id,product_id,quantity,sales_value,retail_disc,coupon_disc,"
    "coupon_match_disc,week,transaction_timestamp\n"
)
PRODUCTS = "product_id,manufacturer_id,department,brand,product_category,product_type,package_size\n"
REDEMPTIONS = "household_id,coupon_upc,campaign_id,redemption_date\n"


def tables(folder: Path, *transactions: str) -> Path:
    source = folder / "set"
    source.mkdir()
    (source / "transactions_sample.csv").write_text(TRANSACTIONS + "\n".join(transactions) + "\n")
    (source / "products.csv").write_text(
        PRODUCTS + "10,2,GROCERY,National,BREAD,BREAD:ITALIAN,22 OZ\n11,2,FUEL,Private,,,\n"
    )
    (source / "coupon_redemptions.csv").write_text(REDEMPTIONS + "7,510000,26,2017-03-26\n")
    return source


def test_a_basket_is_one_order_and_a_redemption_one_coupon(tmp_path: Path) -> None:
    source = tables(
        tmp_path,
        "7,316,900,10,2.0,3.35,0.50,0.0,0.0,13,2017-03-26 17:22:21",
        "7,316,900,11,12500.0,25.0,0.0,1.0,0.25,13,2017-03-26 17:22:20",
        "7,316,900,12,0.0,0.4,0.0,0.0,0.0,13,2017-03-26 17:22:21",
    )
    report = import_complete_journey(source, tmp_path / "in", Border("USD"))
    (order,) = read(tmp_path / "in/purchases.jsonl")
    assert (order["userId"], order["messageId"]) == ("7", "complete-journey-900")
    assert order["timestamp"] == "2017-03-26T17:22:20.000Z"  # the earliest line
    assert order["properties"] == {
        "order_id": "900",
        "total": 28.75,
        "currency": "USD",
        "discount": 1.75,
        "products": [
            {"product_id": "10", "quantity": 2, "price": 1.675, "name": "BREAD:ITALIAN", "category": "BREAD"},
            {"product_id": "11", "quantity": 10_000, "price": 0.002, "category": "FUEL"},
        ],
    }
    (coupon,) = read(tmp_path / "in/feedback.jsonl")
    assert (coupon["event"], coupon["properties"]) == ("Coupon Applied", {"coupon_id": "510000"})
    assert report.notes == {
        "coupon lines": 1, "lines of quantity 0": 1, "baskets without a line": 0, "quantities cut": 1
    }  # fmt: skip


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("7,316,900,10,two,3.35,0,0,0,13,2017-03-26 17:22:21", ":2: quantity is 'two'"),
        ("7,316,900,10,1,-1,0,0,0,13,2017-03-26 17:22:21", ":2: sales_value is '-1'"),
        ("7,316,900,10,1,1,0,0,0,13,yesterday", ":2: transaction_timestamp is 'yesterday'"),
    ],
)
def test_a_line_that_cannot_be_read_is_one_line_that_names_it(tmp_path: Path, line: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        import_complete_journey(tables(tmp_path, line), tmp_path / "in", Border("USD"))
    assert f"transactions_sample.csv{words}" in str(caught.value)


def test_a_folder_without_transactions_or_with_two_tables_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no transactions\*\.csv"):
        import_complete_journey(tmp_path, tmp_path / "in", Border("USD"))
    for name in ("transactions_a.csv", "transactions_b.csv"):
        (tmp_path / name).write_text(TRANSACTIONS)
    with pytest.raises(InputError, match=r"holds 2 files transactions\*\.csv"):
        import_complete_journey(tmp_path, tmp_path / "in", Border("USD"))


@pytest.mark.skipif(not DATA.is_dir(), reason=f"Complete Journey lies outside of this repository: {DATA}")
def test_the_figures_of_the_real_set_come_out_of_import_and_replay(tmp_path: Path) -> None:
    report = import_complete_journey(DATA, tmp_path / "in", Border("USD"))
    assert dict(report.rows) == {"Order Completed": 60_673, "Coupon Applied": 1_748}
    assert dict(report.written) == {"Order Completed": 38_110, "Coupon Applied": 1_748}
    assert (report.shoppers, dict(report.dead_letters)) == (1_930, {})
    assert report.notes == {
        "coupon lines": 921, "lines of quantity 0": 338, "baskets without a line": 170, "quantities cut": 323
    }  # fmt: skip
    summary = run(tmp_path / "out", *sorted((tmp_path / "in").glob("*.jsonl")))
    assert (summary["applied"], summary["dead_lettered"]) == (39_858, 0)
    profiles = read(tmp_path / "out/profiles.jsonl")
    assert len(profiles) == 1_930
    assert sum(profile["orders"] for profile in profiles) == 38_110
    assert sum(profile["spend"] for profile in profiles) == 18_921_526
    assert round(sum(profile["orders"] >= 2 for profile in profiles) / len(profiles), 3) == 0.953
