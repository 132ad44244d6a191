"""Pages in another language are made from the record alone."""

import re
from collections.abc import Iterator

import pytest
from msgspec import Struct, structs

from processors.explain import why_page
from processors.words.languages import WORDS, Language
from processors.words.zh_sentences import said
from tests.support.story import MONDAY, campaigns_of, consent, tell, track

HAN = re.compile(r"[\u4e00-\u9fff]")
GAPS = re.compile(r"\{\w+")
#: Texts that are nothing but signs and gaps.
SIGNS = {".comma", ".answer.standing"}
YES = consent(MONDAY, marketing=True)
VIEW = track("Product Viewed", MONDAY, "m1", product_id="p", category="shoes")
RUN = {"id": "run", "when": {"feature": "affinity", "tag": "shoes", "at_least": 0.5}}


@pytest.mark.parametrize(
    ("english", "chinese"),
    [
        ("interest in shoes is 3.2, at least 2.0 needed", "对 shoes 的兴趣为 3.2，至少需要 2.0"),
        ("0.51 less interest in shoes", "对 shoes 的兴趣减少 0.51"),
        ("trait city is not set, Berlin needed", "属性 city 为 未设置，需要是 Berlin"),
        ("1 fewer order", "订单数减少 1"),
        ("EUR 27.66 more spent in the last 7 days", "过去 7 天内的消费金额增加 EUR 27.66"),
        ("the shopper has not agreed to marketing", "顾客没有同意营销"),
        ("1 offer of this campaign in the last 7 days, at most 1 allowed",
         "过去 7 天内该活动已有 1 次优惠，最多允许 1 次"),
        ("a sentence of another version", "a sentence of another version"),
    ],
)  # fmt: skip
def test_a_sentence_has_its_chinese_form_and_an_unknown_one_stays(english: str, chinese: str) -> None:
    assert said(english) == chinese


def test_a_page_in_chinese_says_what_the_english_one_says() -> None:
    told = tell(campaigns_of(RUN, {"id": "other", "priority": -1}), [YES, VIEW])
    lines = why_page(told.decision, WORDS[Language.ZH]).splitlines()
    for line in (
        "顾客 ann：Product Viewed，时间 2026-03-02T00:00:00.000Z（消息 m1）。",
        "已发送活动 run 的优惠 p。",
        "  是：对 shoes 的兴趣为 1.0，至少需要 0.5",
        "  - 顾客撤回对营销的同意",
        "  未发送 [lost_arbitration]：另一个活动更有价值",
        "  怎样会改变结果：优先级 1",
    ):
        assert line in lines, line
    assert len(lines) == len(why_page(told.decision).splitlines())


def texts(words: Struct, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text that a language brings, with where it stands."""
    for name, value in structs.asdict(words).items():
        where = f"{path}.{name}"
        if isinstance(value, str):
            yield where, value
        elif isinstance(value, Struct):
            yield from texts(value, where)
        elif isinstance(value, dict):
            yield from ((f"{where}.{key}", text) for key, text in value.items())


def test_every_heading_and_label_has_its_chinese_with_the_same_gaps() -> None:
    english, chinese = (dict(texts(WORDS[language])) for language in (Language.EN, Language.ZH))
    assert english.keys() == chinese.keys()
    assert len(english) > 140
    for where, text in chinese.items():
        assert HAN.search(text) or where in SIGNS, where
        assert sorted(GAPS.findall(text)) == sorted(GAPS.findall(english[where])), where
