"""The commands on files, called as a person calls them: what they print, and how they end."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import ruamel.yaml

from tests.support.lines import read, write
from tests.support.story import MINUTE, MONDAY, consent, order, track

BECKON = str(Path(sys.executable).with_name("beckon"))
ROOT = Path(__file__).resolve().parents[2]
CAMPAIGNS = """
shop: {cool_down: 1h}
campaigns:
  - id: looker
    triggers: [Product Viewed]
    when: {feature: affinity, tag: shoes, at_least: 1.5}
    offers: [{promotion_id: p10, name: Ten off, coupon: {kind: percent, value: 10, code: TEN}}]
    caps: [{at_most: 1, per: 7d}]
"""
EVENTS = (
    consent(MONDAY, "yes", marketing=True),
    *(track("Product Viewed", MONDAY + n * MINUTE, product_id="boots", category="shoes") for n in range(4)),
    order("o1", MONDAY + 9 * MINUTE, 40, "boots"),
    track("Product Viewed", MONDAY, "a1", "annika", product_id="mug", category="kitchen"),
    b"{",
)


def beckon(*arguments: object, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BECKON_")}
    return subprocess.run(
        [BECKON, *map(str, arguments)],
        cwd=folder,
        env=clean | variables,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with events, campaigns and the replay of both in `out`."""
    folder = tmp_path_factory.mktemp("commands")
    (folder / "campaigns.yaml").write_text(CAMPAIGNS)
    write(folder / "events.jsonl", *EVENTS)
    done = beckon("replay", "events.jsonl", "--campaigns", "campaigns.yaml", "--out", "out", folder=folder)
    assert done.returncode == 0, done.stderr
    (folder / "printed.txt").write_text(done.stdout)
    return folder


def test_replay_prints_one_summary_that_says_where_tags_come_from(folder: Path) -> None:
    lines = (folder / "printed.txt").read_text().splitlines()
    assert lines[:-1] == [
        "lines         8 = 7 accepted + 0 skipped + 1 dead-lettered",
        "events        7 applied, 0 seen before",
        "  dead letter 1 not_json",
        "profiles      2, seen from 2026-03-02T00:09:00.000Z",
        "orders        1, and 0 refunds; USD 40.00 spent",
        "tags          a product's category is its one tag",
        "decisions     3: 1 offered, 0 held out, 2 suppressed",
        "  offered by  1 looker",
        "  not offered 2 capped",
        "  not offered 2 not_eligible",
    ]
    assert lines[-1].startswith("written       out, in ")


def test_replay_json_is_the_summary_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    file = folder / "events.jsonl"
    done = beckon("replay", file, "--out", "o", "--as-of", "2026-03-03", "--json", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (tmp_path / "o/summary.json").read_text()
    assert json.loads(done.stdout)["as_of"] == MONDAY + 24 * 60 * MINUTE


def test_replay_takes_the_base_currency_from_the_environment_or_a_settings_file(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "beckon.toml").write_text('[shop]\ncurrency = "EUR"\ncurrency_rates = {USD = 0.5}\n')
    file = folder / "events.jsonl"
    beckon("replay", file, "--out", "euros", folder=tmp_path)
    assert read(tmp_path / "euros/profiles.jsonl")[0]["spend"] == 2000
    done = beckon("replay", file, "--out", "yen", "--json", folder=folder, BECKON_BASE_CURRENCY="JPY")
    assert json.loads(done.stdout)["dead_letter_fields"] == {
        "bad_value properties.currency": 1,
        "not_json": 1,
    }


def test_why_explains_an_offer_by_its_id_or_the_start_of_it(folder: Path) -> None:
    offered = read(folder / "out/promotions.jsonl")[0]["decision_id"]
    done = beckon("why", offered, "--from", "out", folder=folder)
    assert done.returncode == 0, done.stderr
    assert f"Decision {offered}." in done.stdout
    for words in (
        "What happened",
        "interest in shoes is 2.0, at least 1.5 needed",
        "What would have changed it",
    ):
        assert words in done.stdout
    assert beckon("why", offered[:8].upper(), "--from", "out", folder=folder).stdout == done.stdout
    record = beckon("why", offered, "--from", "out", "--json", folder=folder).stdout
    assert json.loads(record)["decision_id"] == offered
    assert record.encode() in (folder / "out/decisions.jsonl").read_bytes()


def test_why_explains_what_was_not_sent_too(folder: Path) -> None:
    capped = read(folder / "out/decisions.jsonl")[1]["candidates"][0]["decision_id"]
    done = beckon("why", capped, "--from", "out", folder=folder)
    assert "No promotion" in done.stdout
    assert "1 offer of this campaign in the last 7 days, at most 1 allowed" in done.stdout
    assert "the same event at 2026-03-09T00:01:00.000Z or later" in done.stdout


def test_why_lists_the_decisions_of_a_shopper(folder: Path) -> None:
    lines = beckon("why", "--user", "ann", "--from", "out", folder=folder).stdout.splitlines()
    assert [line.partition("Product Viewed: ")[2] for line in lines] == [
        "p10 of looker offered",
        "nothing sent (looker capped)",
        "nothing sent (looker capped)",
    ]
    assert lines[0].startswith("2026-03-02 00:01:00  ")


def test_profile_prints_a_page_and_the_raw_line(folder: Path) -> None:
    page = beckon("profile", "ann", "--from", "out", folder=folder).stdout
    assert page.startswith("Shopper ann\n-----------\n")
    for title in ("Interests", "Cart", "Visit", "Orders", "Offers", "Consent"):
        assert f"\n\n{title}\n{'-' * len(title)}\n" in page
    assert "p10 of looker offered" in page
    raw = beckon("profile", "ann", "--from", "out", "--json", folder=folder).stdout
    assert raw == (folder / "out/profiles.jsonl").read_text().partition("\n")[0] + "\n"


def test_pages_about_a_shopper_come_in_chinese_too(folder: Path) -> None:
    page = beckon("profile", "ann", "--from", "out", "--language", "zh", folder=folder).stdout
    assert page.startswith("顾客 ann\n--------\n")
    assert "已发送活动 looker 的 p10" in page
    listed = beckon("why", "--user", "ann", "--from", "out", "--language", "zh", folder=folder).stdout
    assert [line.partition("Product Viewed: ")[2] for line in listed.splitlines()] == [
        "已发送活动 looker 的 p10",
        "未发送（looker 已达次数上限）",
        "未发送（looker 已达次数上限）",
    ]
    call = ("why", "--user", "ann", "--campaign", "looker", "--campaigns", "campaigns.yaml", "--from", "out")
    between = beckon(*call, "--language", "zh", folder=folder).stdout
    for words in (
        "顾客 ann，时间 2026-",
        "looker：已达次数上限",
        "已有的决策，可用 `beckon why DECISION_ID` 查看：",
    ):
        assert words in between
    assert beckon(*call, "--json", "--language", "zh", folder=folder).stdout == (
        beckon(*call, "--json", folder=folder).stdout
    )


def test_an_output_that_cannot_show_bars_shows_their_codes(folder: Path) -> None:
    done = beckon("profile", "ann", "--from", "out", folder=folder, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 0, done.stderr
    assert "\\u2588" in done.stdout


def test_campaigns_check_says_ok_with_counts_and_digest(folder: Path) -> None:
    done = beckon("campaigns", "check", "campaigns.yaml", folder=folder)
    digest = json.loads((folder / "out/summary.json").read_text())["policy_digest"]
    assert done.stdout == f"campaigns.yaml: OK, 1 campaign, 1 trigger, {digest}\n"
    assert (done.returncode, done.stderr) == (0, "")


def test_campaigns_in_another_currency_are_right_but_not_for_these_settings(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("shop: {currency: EUR}\ncampaigns: []\n")
    done = beckon("campaigns", "check", "c.yaml", folder=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("c.yaml: OK, 0 campaigns, 0 triggers, ")
    assert done.stderr == (
        "beckon: shop.currency is EUR, the settings here say USD: set BECKON_SHOP_CURRENCY=EUR to use it\n"
    )
    (tmp_path / "events.jsonl").write_text("")
    done = beckon("replay", "events.jsonl", "--campaigns", "c.yaml", "--out", "o", folder=tmp_path)
    assert (done.returncode, done.stderr.partition(";")[0]) == (
        2, "beckon: shop.currency: is EUR, but the settings say USD"
    )  # fmt: skip


def test_the_schema_for_editors_accepts_the_example_and_refuses_a_typo(tmp_path: Path) -> None:
    schema = json.loads(beckon("campaigns", "check", "--schema", folder=tmp_path).stdout)
    jsonschema.Draft202012Validator.check_schema(schema)
    example = ruamel.yaml.YAML(typ="safe").load((ROOT / "examples/campaigns.yaml").read_text())
    jsonschema.validate(example, schema)
    example["campaigns"][0]["trigger"] = "Product Viewed"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(example, schema)


def test_import_says_how_to_replay_what_it_wrote(tmp_path: Path) -> None:
    head = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
    (tmp_path / "retail.csv").write_text(f"{head}1,A,a,2,2011-01-01 10:00:00,5,7,UK\n")
    done = beckon("import", "online-retail", "retail.csv", "--out", "events", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "total of the orders  " in done.stdout
    variable, _, command = done.stdout.splitlines()[-1].strip().partition(" ")
    name, _, value = variable.partition("=")
    replayed = beckon(*command.split()[1:-1], "replayed", folder=tmp_path, **{name: value})
    assert replayed.returncode == 0, replayed.stderr
    assert "GBP 10.00 spent" in replayed.stdout
    printed = beckon("import", "online-retail", "retail.csv", "--out", "events", "--json", folder=tmp_path)
    assert printed.stdout == (tmp_path / "events/report.json").read_text()


def test_check_tells_of_every_part_and_fails_when_one_does(folder: Path, tmp_path: Path) -> None:
    nobody = {"BECKON_KAFKA_SERVERS": "127.0.0.1:1", "BECKON_KAFKA_CONNECT_TIMEOUT_S": "0.5"}
    done = beckon("check", folder=tmp_path, BECKON_MODELS_TAGS="", **nobody)
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [
        ["settings", "ok"], ["models", "ok"], ["campaigns", "ok"], ["broker", "failed"], ["topics", "failed"],
        ["guarantee", "failed"], ["redis", "ok"],
    ]  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "")
    assert "no broker answers at 127.0.0.1:1" in done.stdout
    found = json.loads(beckon("check", "--json", folder=tmp_path, **nobody).stdout)
    parts = ["settings", "models", "campaigns", "broker", "topics", "guarantee", "redis"]
    assert [part["part"] for part in found] == parts
    assert "there is no model tags" in found[1]["text"]
    campaigns = {"BECKON_CAMPAIGNS_FILE": str(folder / "campaigns.yaml")}
    assert "campaigns.yaml: 1 campaigns, " in beckon("check", folder=tmp_path, **nobody, **campaigns).stdout


def test_check_lists_every_setting_with_variable_default_and_meaning(tmp_path: Path) -> None:
    lines = beckon("check", "--settings", folder=tmp_path).stdout.splitlines()
    place = next(n for n, line in enumerate(lines) if line.startswith("topics.partitions "))
    assert lines[place].split() == ["topics.partitions", "BECKON_TOPICS_PARTITIONS", "12"]
    assert lines[place + 1] == "    per topic; cannot change later"


WRONG: list[tuple[str, int, str]] = [
    ("replay", 2, "Missing argument 'events'; see `beckon replay --help`"),
    ("replay events.jsonl", 2, "Missing option '--out'; see `beckon replay --help`"),
    ("replay missing.jsonl --out o", 2, "missing.jsonl: cannot be read (No such file or directory); "),
    ("replay out --out o", 2, "out: cannot be read (Is a directory); "),
    ("replay cut.jsonl.xz --out o", 2, "cut.jsonl.xz: is damaged ("),
    ("replay events.jsonl --out .", 2, ".: holds campaigns.yaml, which no replay wrote; "),
    ("replay events.jsonl --out events.jsonl", 2, "events.jsonl: is a file; give --out a folder"),
    ("replay events.jsonl --out o --as-of noon", 2, "--as-of: `noon` is not a time; "),
    (
        "replay events.jsonl --out o --as-of 99999999999999999",
        2,
        "--as-of: `99999999999999999` is not a time; ",
    ),
    (
        "replay events.jsonl --out o --as-of 2026-03-02",
        2,
        "--as-of: 2026-03-02T00:00:00.000Z is before the newest",
    ),
    ("replay events.jsonl --out o --duplicate 1.5", 2, "Invalid value for '--duplicate': "),
    ("replay events.jsonl --out o --shuffle x", 2, "Invalid value for '--shuffle': "),
    ("replay events.jsonl --out o --tags colour", 2, "Invalid value for '--tags': "),
    ("replay events.jsonl events.jsonl --out o --keep-order", 2, "--keep-order: there are several files; "),
    ("replay events.jsonl --out o --models nowhere", 2, "models.tags: there is no model tags in nowhere; "),
    (
        "replay events.jsonl --out o --campaigns typo.yaml",
        2,
        "campaigns[0].trigger: is not a field of a campaign",
    ),
    (
        "replay events.jsonl --out o --campaigns no.yaml",
        2,
        "no.yaml: cannot be read (No such file or directory); ",
    ),
    ("replay events.jsonl --out o --catalog events.jsonl", 2, "events.jsonl:1: "),
    (
        "replay events.jsonl --out o --config wrong.toml",
        2,
        "kafka.server: is not a setting (in wrong.toml); did you",
    ),
    (
        "replay events.jsonl --out o --config no.toml",
        2,
        "no.toml: cannot be read (No such file or directory); ",
    ),
    ("replay events.jsonl --out o --colour", 2, "No such option: --colour"),
    ("import online-retail events.jsonl --out o", 2, "events.jsonl: has no column InvoiceNo; "),
    ("import online-retail no.csv --out o", 2, "no.csv: cannot be read (No such file or directory); "),
    ("import offline-retail x --out o", 2, "No such command 'offline-retail'. Did you mean 'online-retail'?"),
    ("campaigns check", 2, "FILE: is missing; give a campaign file, or --schema"),
    ("campaigns check typo.yaml", 2, "campaigns[0].trigger: is not a field of a campaign file; did you mean"),
    ("campaigns check out", 2, "out: cannot be read (Is a directory); "),
    ("profile ann", 2, "--from: is missing, and no demo has run here; "),
    ("profile ann --from events.jsonl", 2, "events.jsonl: is not a folder; "),
    ("profile ann --from .", 2, ".: is not a replay folder (it has no profiles.jsonl); "),
    ("profile ann --from out --kafka", 2, "--kafka: and --from are two places; "),
    ("profile", 2, "USER: is wanted, or --sizes; "),
    ("profile ann --sizes --kafka", 2, "USER: is wanted, or --sizes; "),
    ("profile --sizes --from out", 2, "--sizes: needs --kafka; a folder holds lines for people, not stored"),
    ("profile AN --from out", 1, "shopper AN: is not in out; there is ann, annika"),
    ("why --from out", 2, "DECISION_ID: is wanted, or --user; "),
    ("why abc --user ann --from out", 2, "DECISION_ID: is wanted, or --user; "),
    (
        "why nonsense --from out",
        1,
        "decision nonsense: is not in out; `beckon why --user USER` lists a shopper's",
    ),
    ("why --user annika --from out", 1, "shopper annika: has no decisions in out; "),
    ("why --user zoe --from out", 1, "shopper zoe: is not in out; ids are compared letter by letter"),
    (
        "check --config wrong.toml",
        2,
        "kafka.server: is not a setting (in wrong.toml); did you mean kafka.servers?",
    ),
    ("chek", 2, "No such command 'chek'"),
]


@pytest.fixture(scope="module")
def wrong(folder: Path) -> Path:
    """The folder with some files in it that are not right."""
    (folder / "typo.yaml").write_text("campaigns:\n  - {id: a, trigger: [Product Viewed], offers: []}\n")
    (folder / "wrong.toml").write_text("[kafka]\nserver = 'x'\n")
    (folder / "cut.jsonl.xz").write_bytes(b"\xfd7zXZ\x00")
    return folder


@pytest.mark.parametrize(("call", "code", "line"), WRONG, ids=[call for call, _, _ in WRONG])
def test_a_mistake_is_one_line_that_names_it(wrong: Path, call: str, code: int, line: str) -> None:
    done = beckon(*call.split(), folder=wrong)
    assert (done.returncode, done.stdout) == (code, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"beckon: {line}"), done.stderr
    assert not (wrong / "o").exists()


def test_a_variable_with_a_typo_stops_every_command_with_its_name(folder: Path) -> None:
    for call in ("check", "replay events.jsonl --out o", "campaigns check campaigns.yaml"):
        done = beckon(*call.split(), folder=folder, BECKON_TOPICS_PARTITONS="4")
        assert done.returncode == 2
        assert done.stderr.startswith(
            "beckon: topics.partitons: is not a setting (from BECKON_TOPICS_PARTITONS); did you mean topics.partitions?"
        )


def test_control_characters_in_what_was_asked_cannot_forge_a_line(folder: Path) -> None:
    done = beckon("profile", "zoe\x1b[2J\nok", "--from", "out", folder=folder)
    assert done.stderr.splitlines() == [
        "beckon: shopper zoe [2J ok: is not in out; ids are compared letter by letter"
    ]
