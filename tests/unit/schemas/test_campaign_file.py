"""Campaign files: what is wrong is one line that names the exact path."""

from pathlib import Path

import pytest

from schemas.campaign_file import digest_of, load_campaigns
from schemas.campaigns import Campaign
from schemas.errors import CampaignError
from schemas.events import Purpose

ROOT = Path(__file__).resolve().parents[3]
OFFER = "{promotion_id: p, name: n}"
SMALL = f"""campaigns:
  - id: a
    triggers: [Product Viewed]
    offers: [{OFFER}]
"""
LOOK = "look it up in docs/campaigns.md"


def line_of(text: str) -> str:
    """Return the line that a person sees; fail when the file is accepted."""
    with pytest.raises(CampaignError) as caught:
        load_campaigns(text, "shop.yaml")
    line = str(caught.value)
    assert line.isprintable()
    assert len(line) < 600
    assert caught.value.exit_code == 2
    return line


def campaign(text: str) -> Campaign:
    """Return the first campaign of `SMALL` with one more line."""
    return load_campaigns(f"{SMALL}    {text}\n", "shop.yaml").campaigns[0]


def test_the_smallest_file_is_accepted() -> None:
    assert load_campaigns(SMALL, "shop.yaml").campaigns[0].id == "a"


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda path: path.name)
def test_the_examples_are_accepted(path: Path) -> None:
    assert len(load_campaigns(path.read_text(encoding="utf-8"), path.name).campaigns) >= 4


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("nme: x", "campaigns[0].nme: is not a field of a campaign file; did you mean `name`?"),
        (
            "trigger: [Cart Viewed]",
            "campaigns[0].trigger: is not a field of a campaign file; did you mean `triggers`?",
        ),
        ("lives: {}", "campaigns[0].lives: is not a field of a campaign file; did you mean `live`?"),
        ("wen: {}", "campaigns[0].wen: is not a field of a campaign file; did you mean `when`?"),
        (
            "valid_fro: 7d",
            "campaigns[0].valid_fro: is not a field of a campaign file; did you mean `valid_for`?",
        ),
        (
            "reach_witin: 7d",
            "campaigns[0].reach_witin: is not a field of a campaign file; did you mean `reach_within`?",
        ),
        (
            "prioritys: 7",
            "campaigns[0].prioritys: is not a field of a campaign file; did you mean `priority`?",
        ),
        ("cap: []", "campaigns[0].cap: is not a field of a campaign file; did you mean `caps`?"),
        ("holdout: 0", "campaigns[0].holdout: is not a field of a campaign file; did you mean `hold_out`?"),
        ("channel: []", "campaigns[0].channel: is not a field of a campaign file; did you mean `channels`?"),
        ("purposes: x", "campaigns[0].purposes: is not a field of a campaign file; did you mean `purpose`?"),
        (
            "live: {form: x}",
            "campaigns[0].live.form: is not a field of a campaign file; did you mean `from`?",
        ),
        (
            "caps: [{atmost: 1}]",
            "campaigns[0].caps[0].atmost: is not a field of a campaign file; did you mean `at_most`?",
        ),
        (
            "when: {features: x}",
            "campaigns[0].when.features: is not a field of a campaign file; did you mean `feature`?",
        ),
        (
            "when: {all: [{tags: x}]}",
            "campaigns[0].when.all[0].tags: is not a field of a campaign file; did you mean `tag`?",
        ),
        (
            "when: {not: {atleast: 1}}",
            "campaigns[0].when.not.atleast: is not a field of a campaign file; did you mean `at_least`?",
        ),
        # In the design, and not there yet.
        ("budget: {total: 5000}", "campaigns[0].budget: is not there yet; take it out"),
        ("budget:", "campaigns[0].budget: is not there yet; take it out"),
        ("explore: {method: squarecb}", "campaigns[0].explore: is not there yet; take it out"),
        (
            "when: {any: [{feature: score, model: m, label: l, at_least: 1}]}",
            "campaigns[0].when.any[0].feature: `score` is not there yet; choose another one",
        ),
        # Types. `no` is a word in YAML 1.2.
        ("priority: high", f"campaigns[0].priority: wants a whole number, got a text; {LOOK}"),
        ("priority: 1.5", f"campaigns[0].priority: wants a whole number, got a number; {LOOK}"),
        ("priority: null", f"campaigns[0].priority: wants a whole number, got nothing; {LOOK}"),
        ("hold_out: no", f"campaigns[0].hold_out: wants a number, got a text; {LOOK}"),
        ("hold_out: true", f"campaigns[0].hold_out: wants a number, got true or false; {LOOK}"),
        ("hold_out: '0.1'", f"campaigns[0].hold_out: wants a number, got a text; {LOOK}"),
        ("name: 5", f"campaigns[0].name: wants a text, got a whole number; {LOOK}"),
        ("valid_for: 7", f"campaigns[0].valid_for: wants a text, got a whole number; {LOOK}"),
        ("channels: push", f"campaigns[0].channels: wants a list, got a text; {LOOK}"),
        ("channels: [1]", f"campaigns[0].channels[0]: wants a text, got a whole number; {LOOK}"),
        ("caps: {at_most: 1, per: 7d}", f"campaigns[0].caps: wants a list, got a mapping; {LOOK}"),
        ("caps: [null]", f"campaigns[0].caps[0]: wants a mapping, got nothing; {LOOK}"),
        ("live: 2026", f"campaigns[0].live: wants a mapping, got a whole number; {LOOK}"),
        ("live: {from: 2026}", f"campaigns[0].live.from: wants a text, got a whole number; {LOOK}"),
        ("when: []", f"campaigns[0].when: wants a mapping, got a list; {LOOK}"),
        ("when: {all: {feature: views}}", f"campaigns[0].when.all: wants a list, got a mapping; {LOOK}"),
        ("when: {not: []}", f"campaigns[0].when.not: wants a mapping, got a list; {LOOK}"),
        # Ranges and forms.
        ("priority: 1000001", f"campaigns[0].priority: wants a whole number of at most 1000000; {LOOK}"),
        ("priority: 1" + "0" * 40, f"campaigns[0].priority: wants a whole number of at most 1000000; {LOOK}"),
        ("hold_out: 1.01", f"campaigns[0].hold_out: wants a number of at most 1; {LOOK}"),
        ("hold_out: -0.01", f"campaigns[0].hold_out: wants a number of at least 0; {LOOK}"),
        ("hold_out: .nan", "campaigns[0].hold_out: is not a finite number; write digits"),
        ("hold_out: 1e999", "campaigns[0].hold_out: is not a finite number; write digits"),
        (
            "caps: [{at_most: 0, per: 7d}]",
            f"campaigns[0].caps[0].at_most: wants a whole number of at least 1; {LOOK}",
        ),
        ("caps: [{at_most: 1}]", "campaigns[0].caps[0].per: is missing; add it"),
        ("channels: [push, push]", "campaigns[0].channels[1]: repeats push; name it once"),
        ("channels: ['']", f"campaigns[0].channels[0]: wants at least 1 character; {LOOK}"),
        ("purpose: no", "campaigns[0].purpose: `no` is not known; known: profiling, marketing, training"),
        ("purpose: Marketing", "campaigns[0].purpose: `Marketing` is not known; did you mean `marketing`?"),
        (
            "live: {from: 2026-13-01}",
            "campaigns[0].live.from: `2026-13-01` is not a time; write it like 2026-11-01T00:00:00Z",
        ),
        (
            "live: {from: 2026-11-02, to: 2026-11-02}",
            "campaigns[0].live.to: is not after `from`; a campaign is live from `from` until before `to`",
        ),
    ],
)
def test_a_wrong_line_of_a_campaign_is_named(line: str, error: str) -> None:
    assert line_of(f"{SMALL}    {line}\n") == error


@pytest.mark.parametrize("value", ["10 m", "10M", "0m", "1w", "1.5h", "'7d\\n'", "''", "-1d", "1000000m"])
def test_a_duration_is_a_whole_number_with_its_unit(value: str) -> None:
    text = value.replace("'", '"')
    assert line_of(f"{SMALL}    valid_for: {text}\n") == (
        f"campaigns[0].valid_for: `{text.strip(chr(34)).replace(chr(92) + 'n', ' ')}` is not a duration;"
        " write minutes, hours or days, such as 30m, 48h or 7d"
    )


@pytest.mark.parametrize(
    ("shop", "error"),
    [
        ("timezone: UTC", "shop.timezone: is not a field of a campaign file; did you mean `time_zone`?"),
        ("time_zone: Mars", "shop.time_zone: `Mars` is not a time zone; write one such as Europe/Berlin"),
        ("time_zone: ../x", "shop.time_zone: `../x` is not a time zone; write one such as Europe/Berlin"),
        ("currency: EURO", "shop.currency: `EURO` is not a currency code; write three letters, such as EUR"),
        ("currency: 978", f"shop.currency: wants a text, got a whole number; {LOOK}"),
        (
            "cool_down: daily",
            "shop.cool_down: `daily` is not a duration; write minutes, hours or days, such as 30m, 48h or 7d",
        ),
        ("salt: 5", f"shop.salt: wants a text, got a whole number; {LOOK}"),
        ("quiet_hours: night", f"shop.quiet_hours: wants a mapping, got a text; {LOOK}"),
        ("quiet_hours: {from: '21:00'}", "shop.quiet_hours.to: is missing; add it"),
        (
            "quiet_hours: {from: 2100, to: '08:00'}",
            f"shop.quiet_hours.from: wants a text, got a whole number; {LOOK}",
        ),
        (
            "quiet_hours: {from: '21:00', to: '24:00'}",
            'shop.quiet_hours.to: `24:00` is not a time of day; write it quoted, such as "08:00"',
        ),
        (
            "quiet_hours: {from: '9:00', to: '08:00'}",
            'shop.quiet_hours.from: `9:00` is not a time of day; write it quoted, such as "21:00"',
        ),
        (
            "quiet_hours: {from: '09:00', to: '09:00'}",
            "shop.quiet_hours.to: is the same time as `from`; leave a time that is not quiet",
        ),
    ],
)
def test_a_wrong_setting_of_the_shop_is_named(shop: str, error: str) -> None:
    assert line_of(f"shop: {{{shop}}}\n{SMALL}") == error


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "shop.yaml: is not a campaign file; start it with `campaigns:`"),
        ("# only a remark\n", "shop.yaml: is not a campaign file; start it with `campaigns:`"),
        ("[]", "shop.yaml: is not a campaign file; start it with `campaigns:`"),
        ("shop: {}", "campaigns: is missing; add it"),
        ("campaigns:", f"campaigns: wants a list, got nothing; {LOOK}"),
        ("campaigns: {}", f"campaigns: wants a list, got a mapping; {LOOK}"),
        ("campaigns: [5]", f"campaigns[0]: wants a mapping, got a whole number; {LOOK}"),
        ("campaigns: [{}]", "campaigns[0].id: is missing; add it"),
        ("campaign: []", "campaign: is not a field of a campaign file; did you mean `campaigns`?"),
        (
            "campaigns:\n\t- id: a",
            "shop.yaml:2: is not YAML: found character '\\t' that cannot start any token; mend the line",
        ),
        (
            SMALL + "    id: b\n",
            'shop.yaml:5: is not YAML: found duplicate key "id" with value "b" (original value: "a"); mend the line',
        ),
        (SMALL + "---\n" + SMALL, "shop.yaml:5: is not YAML: but found another document; mend the line"),
        (SMALL + "    caps: [", "shop.yaml:5: is not YAML: expected the node content, but found"),
        (
            SMALL + "    name: *nobody\n",
            "shop.yaml:5: is not YAML: found undefined alias 'nobody'; mend the line",
        ),
        (
            SMALL + "    name: \x07\n",
            "shop.yaml: is not YAML: unacceptable character #x0007: special characters are not allowed; mend the line",
        ),
        (
            SMALL + "    name: !!python/name:os.system x\n",
            "shop.yaml:5: is not YAML: could not determine a constructor for the tag",
        ),
        (SMALL + "    hold_out: !!bool maybe\n", "shop.yaml: is not YAML: KeyError; mend the file"),
        (
            SMALL + "    name: !!binary aGk=\n",
            "campaigns[0].name: is a bytes; write a text, a number, a list or a mapping",
        ),
        (
            "# remark\n\n%YAML 1.1\n---\n" + SMALL,
            "shop.yaml: starts with a YAML directive; leave it out: files are YAML 1.2",
        ),
        (
            SMALL + '    name: "\\ud800"\n',
            "campaigns[0].name: holds half a surrogate pair; write the character itself",
        ),
        (
            SMALL + SMALL.partition("\n")[2],
            "campaigns[1].id: `a` is taken by campaigns[0]; choose another one",
        ),
        ("x" * (2**20 + 1), "shop.yaml: is longer than 1 MiB; split it"),
    ],
)
def test_a_file_that_is_wrong_as_a_whole_says_where(text: str, error: str) -> None:
    assert line_of(text).startswith(error)


@pytest.mark.parametrize(
    "text",
    [
        "campaigns: &a [*a]",
        SMALL + "    when: &w {not: *w}\n",
        "campaigns: " + "[" * 300 + "]" * 300,
        "campaigns: " + "[" * 1000,
        "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
        + "".join(f"{b}: &{b} [{','.join(['*' + a] * 10)}]\n" for a, b in ["ab", "bc", "cd", "de", "ef"])
        + "campaigns: *f",
    ],
    ids=["recursive", "recursive condition", "deep", "without end", "bomb"],
)
def test_a_file_made_to_explode_is_one_line(text: str) -> None:
    assert len(line_of(text)) < 200


def test_ruling_61_only_true_and_false_are_booleans_and_clock_times_are_texts() -> None:
    assert campaign("name: no").name == "no"
    assert campaign("channels: [on, off, yes]").channels == ("on", "off", "yes")
    quiet = load_campaigns(
        'shop: {quiet_hours: {from: "21:00", to: "08:00"}}\n' + SMALL, "shop.yaml"
    ).shop.quiet_hours
    assert quiet is not None
    assert (quiet.from_, quiet.to) == ("21:00", "08:00")
    assert campaign("live: {from: 2026-11-01T00:00:00Z}").live.from_ == "2026-11-01T00:00:00Z"


def test_ruling_61_events_stand_under_triggers() -> None:
    assert campaign("name: x").triggers == ("Product Viewed",)
    assert line_of(SMALL.replace("triggers", "on")).startswith(
        "campaigns[0].on: is not a field of a campaign file"
    )


def test_ruling_57_what_is_not_said_has_its_default() -> None:
    file = load_campaigns(SMALL, "shop.yaml")
    a, shop = file.campaigns[0], file.shop
    assert (a.live.from_, a.live.to, a.when, a.caps) == (None, None, None, ())
    assert (a.purpose, a.hold_out, a.priority, a.valid_for, a.reach_within) == (
        Purpose.MARKETING,
        0.0,
        0,
        "7d",
        "10m",
    )
    offer = a.offers[0]
    assert (offer.cost, offer.products, offer.creative, offer.copy, offer.coupon) == (
        0.0,
        None,
        None,
        None,
        None,
    )
    assert (shop.hold_out, shop.quiet_hours, shop.cool_down, shop.time_zone) == (0.0, None, None, "UTC")
    assert (
        line_of("campaigns: [{id: a, triggers: [Cart Viewed]}]") == "campaigns[0].offers: is missing; add it"
    )
    assert line_of(SMALL.replace(OFFER, "")) == f"campaigns[0].offers: wants at least 1 entry; {LOOK}"


def test_a_digest_names_what_a_file_means() -> None:
    def digest(text: str) -> str:
        return digest_of(load_campaigns(text, "shop.yaml"))

    small = digest(SMALL)
    assert len(small) == 32
    assert digest(f"# a remark\n{SMALL}") == small
    assert digest(SMALL.replace("\n", "\r\n")) == small
    assert digest(SMALL + "    priority: 0\n    valid_for: 7d\n    caps: []\n    live: {}\n") == small
    reordered = (
        'campaigns: [{"offers": [{name: n, promotion_id: p}], triggers: ["Product Viewed"], id: a}]\nshop: {}'
    )
    assert digest(reordered) == small
    for other in ("priority: 1", "hold_out: 0.1", "name: x", "when: {feature: views, at_least: 1}"):
        assert digest(f"{SMALL}    {other}\n") != small
    two = SMALL + SMALL.partition("\n")[2].replace("id: a", "id: b")
    other_way = two.replace("id: a", "id: x").replace("id: b", "id: a").replace("id: x", "id: b")
    assert digest(two) != digest(other_way)  # the order of campaigns breaks ties
