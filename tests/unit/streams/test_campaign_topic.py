"""Records of the campaign topic put together: a whole file, or the one before."""

import msgspec
import pytest
from hypothesis import given, settings

from schemas.campaign_file import digest_of, load_campaigns
from schemas.campaigns import CampaignFile
from schemas.errors import CampaignError
from streams.campaign_topic import EMPTY, Records, _records
from streams.campaign_yaml import as_yaml
from tests.support.histories import HISTORIES, campaign_files, some_histories

ONE = "{id: ID, triggers: [Product Viewed], offers: [{promotion_id: p, name: P}]}"


def file_of(*ids: str, shop: str = "{}", **changes: object) -> CampaignFile:
    lines = "".join(f"  - {ONE.replace('ID', each)}\n" for each in ids)
    file = load_campaigns(
        f"shop: {shop}\ncampaigns:\n{lines}" if ids else f"shop: {shop}\ncampaigns: []\n", "c"
    )
    campaigns = tuple(msgspec.structs.replace(campaign, **changes) for campaign in file.campaigns)
    return msgspec.structs.replace(file, campaigns=campaigns)


def put(
    records: Records, old: CampaignFile, new: CampaignFile, broken: frozenset[str] = frozenset()
) -> list[tuple[str, bool]]:
    """Put what an apply writes, one by one, and return which record made another file whole."""
    return [
        (key, records.put(key.encode(), value, {"digest": digest.encode()}))
        for key, value, digest in _records(old, new, broken)
    ]


def test_a_file_is_whole_with_the_last_record_and_only_what_differs_is_written() -> None:
    records, first = Records(), file_of("a", "b")
    assert put(records, EMPTY, first) == [("a", False), ("b", False), ("shop", True)]
    assert (records.file, records.digest) == (first, digest_of(first))
    second = msgspec.structs.replace(first, campaigns=(*file_of("c").campaigns, first.campaigns[1]))
    assert put(records, first, second) == [("c", False), ("a", False), ("shop", True)]
    assert records.file == second
    assert put(records, second, second) == []
    turned = msgspec.structs.replace(second, campaigns=second.campaigns[::-1])
    assert put(records, second, turned) == [("shop", True)]
    assert records.file == turned


def test_half_of_an_apply_changes_nothing() -> None:
    records, first = Records(), file_of("a", "b")
    put(records, EMPTY, first)
    second = file_of("a", "b", priority=7)
    key, value, _ = next(iter(_records(first, second, frozenset())))
    assert records.put(key.encode(), value, {}) is False
    assert records.file == first
    # Whoever starts at this moment has no whole file yet.
    late = Records()
    late.put(key.encode(), value, {})
    shop = list(_records(EMPTY, first, frozenset()))[-1]
    assert late.put(shop[0].encode(), shop[1], {"digest": shop[2].encode()}) is False
    assert late.file is None


def test_a_record_that_is_none_of_ours_is_a_problem_until_it_is_written_over() -> None:
    records, first = Records(), file_of("a")
    put(records, EMPTY, first)
    assert records.put(b"a", b"{", {}) is False
    assert records.put(None, b"\xff", {}) is False
    assert (records.file, set(records.problems)) == (first, {"a", ""})
    assert str(records.problems["a"]).startswith("topic campaigns, key a: is no campaign (")
    written = put(records, first, first, frozenset(records.problems))
    assert [key for key, _ in written] == ["a", ""]
    assert records.problems == {}


def test_the_key_of_the_shop_is_no_id() -> None:
    with pytest.raises(CampaignError, match=r"campaigns\[1\]\.id: `shop` is the key of the shop part"):
        list(_records(EMPTY, file_of("a", "shop"), frozenset()))


@settings(some_histories, max_examples=max(1, HISTORIES // 6))  # reading YAML takes longer than a history
@given(campaign_files())
def test_any_file_comes_back_from_the_topic_and_from_its_yaml(file: CampaignFile) -> None:
    records = Records()
    put(records, EMPTY, file)
    assert (records.file, records.digest) == (file, digest_of(file))
    assert digest_of(load_campaigns(as_yaml(file), "c")) == digest_of(file)


@pytest.mark.parametrize(
    "text", ["no", "true", "1.5", "2026-01-01T00:00:00Z", "21:00", "null", "- a: b", "~", "é\n  x", "#"]
)
def test_texts_that_look_like_something_else_stay_texts_in_yaml(text: str) -> None:
    file = msgspec.convert(
        {
            "campaigns": [
                {"id": text, "triggers": ["Product Viewed"], "offers": [{"promotion_id": text, "name": text}]}
            ]
        },
        CampaignFile,
    )
    assert load_campaigns(as_yaml(file), "c") == file
