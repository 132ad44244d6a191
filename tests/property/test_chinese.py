"""Every sentence and flip that a decision of any history makes has its Chinese words, with the same numbers."""

import re

from hypothesis import given
from hypothesis import strategies as st

from processors.campaigns import compile_campaigns
from processors.explain import why_page
from processors.side_inputs import SideInputs
from processors.words.languages import WORDS, Language
from processors.words.zh_sentences import said
from tests.support.histories import (
    agreed,
    campaign_files,
    catalogs,
    histories,
    nearly_in_order,
    some_histories,
)
from tests.support.story import MINUTE, POLICY, tell

HAN = re.compile(r"[\u4e00-\u9fff]")
NUMBERS = re.compile(r"\d+(?:\.\d+)?")


@some_histories
@given(st.data())
def test_what_a_record_says_is_said_in_chinese_with_the_same_numbers(data: st.DataObject) -> None:
    file, catalog = data.draw(campaign_files()), data.draw(catalogs)
    arrivals = data.draw(nearly_in_order(agreed(data.draw(histories()))))
    side = SideInputs(data.draw(st.sampled_from((0, 0, 11 * MINUTE))), catalog)
    for decision in tell(compile_campaigns(file, POLICY, "USD"), arrivals, side).decisions:
        for check in (check for candidate in decision.candidates for check in candidate.checks):
            for english in filter(None, (check.sentence, check.flip)):
                chinese = said(english)
                assert HAN.search(chinese), english
                assert sorted(NUMBERS.findall(chinese)) == sorted(NUMBERS.findall(english))
        page = why_page(decision, WORDS[Language.ZH])
        assert page.startswith("发生了什么\n----------\n顾客 ann：")
