"""`beckon import rees46 | complete-journey | csv | snowplow | ga4` as a user meets them."""

import json
import sys
from pathlib import Path

import pytest

from streams.cli import main

ROOT = Path(__file__).resolve().parents[4]
HIT = {
    "event_name": "view_item",
    "event_timestamp": 1_780_304_400_000_000,
    "user_pseudo_id": "device",
    "items": [{"item_id": "tee"}],
}
REES46 = (
    "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session\n"
    "2019-10-01 00:00:00 UTC,view,10,900,shoes.run,acme,35.79,ann,s1\n"
)


@pytest.fixture
def beckon(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]):  # noqa: ANN201
    """Return a function that runs `beckon import ...` in an empty folder: (exit code, output, errors)."""
    monkeypatch.chdir(tmp_path)
    for name in ("BECKON_CONFIG", "BECKON_SHOP_CURRENCY", "BECKON_BASE_CURRENCY"):
        monkeypatch.delenv(name, raising=False)

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["beckon", "import", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def test_ga4_prints_what_became_of_the_records_and_how_to_go_on(beckon, tmp_path: Path) -> None:  # noqa: ANN001
    (tmp_path / "hits.jsonl").write_text(json.dumps(HIT) + "\n{\n")
    code, out, err = beckon("ga4", "hits.jsonl", "--out", "in")
    assert (code, err) == (0, "")
    assert "records read              2" in out
    assert "  dead letter: not_json   1" in out
    assert "dead letters are in in/rejected/dead_letters.jsonl" in out
    assert "BECKON_SHOP_CURRENCY=USD beckon replay in/clicks.jsonl --out FOLDER" in out
    code, out, _ = beckon("ga4", "hits.jsonl", "--out", "in", "--json")
    assert (code, json.loads(out)["written"]) == (0, {"Product Viewed": 1})


def test_snowplow_counts_what_it_skips(beckon, tmp_path: Path) -> None:  # noqa: ANN001
    (tmp_path / "pings.jsonl").write_text('{"event_name": "page_ping", "event_id": "1"}\n')
    code, out, _ = beckon("snowplow", "pings.jsonl", "--out", "in", "--json")
    assert (code, json.loads(out)["left_out"]) == (0, {"page_ping": 1})


def test_the_command_for_rees46_and_its_example_mapping_write_the_same(beckon, tmp_path: Path) -> None:  # noqa: ANN001
    (tmp_path / "oct.csv").write_text(REES46)
    mapping = str(ROOT / "examples/imports/rees46.toml")
    assert beckon("rees46", "oct.csv", "--out", "a", "--currency", "EUR")[0] == 0
    assert json.loads((tmp_path / "a/clicks.jsonl").read_text())["properties"]["currency"] == "EUR"
    assert beckon("rees46", "oct.csv", "--out", "a")[0] == 0
    assert beckon("csv", "oct.csv", "--mapping", mapping, "--out", "b")[0] == 0
    assert (tmp_path / "a/clicks.jsonl").read_bytes() == (tmp_path / "b/clicks.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (("ga4", "none.jsonl", "--out", "in"), "none.jsonl: cannot be read"),
        (("rees46", "wrong.csv", "--out", "in"), "rees46: time.column names a column that wrong.csv"),
        (("complete-journey", ".", "--out", "in"), ".: holds no transactions*.csv"),
        (("csv", "wrong.csv", "--mapping", "none.toml", "--out", "in"), "none.toml: cannot be read"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(beckon, tmp_path: Path, words, error: str) -> None:  # noqa: ANN001
    (tmp_path / "wrong.csv").write_text("a,b\n1,2\n")
    code, out, err = beckon(*words)
    assert (code, out) == (2, "")
    assert err.startswith(f"beckon: {error}")
    assert err.count("\n") == 1


def test_a_bad_line_stops_the_csv_import_unless_it_is_to_be_left_out(beckon, tmp_path: Path) -> None:  # noqa: ANN001
    (tmp_path / "oct.csv").write_text(REES46 + "soon,view,10,900,,,1,ann,s1\n")
    words = ("csv", "oct.csv", "--mapping", str(ROOT / "examples/imports/rees46.toml"), "--out", "in")
    code, _, err = beckon(*words)
    assert code == 2
    assert err.startswith("beckon: oct.csv:3: event_time is `soon`, which is not iso; mend the line")
    code, out, _ = beckon(*words, "--leave-out-bad")
    assert code == 0
    assert "dead letter: bad_timestamp event_time" in out
