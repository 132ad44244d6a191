"""The sentences and flips of decision records in simplified Chinese.

A record keeps each sentence in English, in one of the few forms below. A form is matched whole, its gaps are
taken out and put into the Chinese one; so every record ever written can be read, and none has to be longer.
"""

import re
from collections.abc import Iterator

#: What a gap holds, by its name without digits.
_GAPS = {
    "n": r"-?[\d.,]+",
    "money": r"[A-Z]{3} -?[\d.]+(?:e-?\d+)?",
    "at": r"\d{4}-\d\d-\d\dT[\d:.]+Z",
    "for": r"\d+ (?:minute|hour|day)s?",
    "purpose": r"profiling|marketing|training",
    "value": r".*",
    "feature": r".+",
    "thing": r".+?",
    "any": r".+",
}
_UNITS = {"minute": "分钟", "hour": "小时", "day": "天"}
_PURPOSES = {"profiling": "用户画像", "marketing": "营销", "training": "模型训练"}
_VALUES = {"not set": "未设置", "not known": "未知", "yes": "是", "no": "否"}

_NOUNS = {
    "product view": "商品浏览次数",
    "product click": "商品点击次数",
    "search": "搜索次数",
    "addition to the cart": "加入购物车次数",
    "order": "订单数",
    "item in the cart": "购物车商品件数",
    "day since the last order": "距上次下单的天数",
    "day since the last visit": "距上次访问的天数",
    "product event in this visit": "本次访问的商品事件数",
}
_PLURALS = {
    "searches": "search",
    "additions to the cart": "addition to the cart",
    "items in the cart": "item in the cart",
    "days since the last order": "day since the last order",
    "days since the last visit": "day since the last visit",
    "product events in this visit": "product event in this visit",
    "product views": "product view",
    "product clicks": "product click",
    "orders": "order",
}
_FEATURES = {
    "value of the cart": "购物车金额",
    "in the cart": "购物车金额",
    "minutes in this visit": "本次访问的分钟数",
    "buyer group": "买家分组",
    "known by a user id": "已登录识别",
    "money spent": "消费金额",
    "spent": "消费金额",
}

_FORMS = (
    # conditions: what is, what is needed
    ("{feature} is {value}, at least {value2} needed", "{feature}为 {value}，至少需要 {value2}"),
    ("{feature} is {value}, at most {value2} allowed", "{feature}为 {value}，最多允许 {value2}"),
    ("{feature} is {value}, more than {value2} needed", "{feature}为 {value}，需要大于 {value2}"),
    ("{feature} is {value}, less than {value2} needed", "{feature}为 {value}，需要小于 {value2}"),
    ("{feature} is {value}, one of {value2} needed", "{feature}为 {value}，需要是其中之一：{value2}"),
    ("{feature} is {value}, none of {value2} allowed", "{feature}为 {value}，不允许是其中任何一个：{value2}"),
    ("{feature} is {value}, anything but {value2} needed", "{feature}为 {value}，需要不是 {value2}"),
    ("{feature} is {value}, {value2} needed", "{feature}为 {value}，需要是 {value2}"),
    # steps
    (
        "the event is of {at}, and one before {at2} is too old to ask",
        "事件发生于 {at}，早于 {at2} 的事件已过时，不再询问",
    ),
    ("a campaign that is not paused", "活动不再暂停"),
    ("a campaign that ends after {at}", "活动结束时间晚于 {at}"),
    ("the shopper allows {purpose}", "顾客同意{purpose}"),
    ("the shopper refused {purpose}", "顾客拒绝了{purpose}"),
    ("the shopper has not agreed to {purpose}", "顾客没有同意{purpose}"),
    ("consent to {purpose}", "顾客同意{purpose}"),
    ("consent to {purpose} and {purpose2}", "顾客同意{purpose}和{purpose2}"),
    ("withdrawn consent to {purpose}", "顾客撤回对{purpose}的同意"),
    (
        "decided {n} s after the event arrived, at most {for} allowed",
        "在事件到达 {n} 秒后作出决定，最多允许 {for}",
    ),
    ("more than {n} s more delay", "再多延迟 {n} 秒以上"),
    ("{n} s less delay", "少延迟 {n} 秒"),
    (
        "{n} offers? of this campaign in the last {for}, at most {n2} allowed",
        "过去 {for}内该活动已有 {n} 次优惠，最多允许 {n2} 次",
    ),
    ("{n} more offers?", "再多 {n} 次优惠"),
    ("no offer of any campaign in the last {for}", "过去 {for}内没有任何活动的优惠"),
    ("1 offer", "1 次优惠"),
    (
        "the last offer of any campaign was at {at}, {for} without one needed",
        "最近一次优惠（任何活动）在 {at}，需要间隔 {for}",
    ),
    ("the same event at {at} or later", "同样的事件在 {at} 或之后发生"),
    (
        r"{n} of the products sold out \({thing}, \.\.\.\), at least one in stock needed",
        "{n} 件商品售罄（{thing} 等），至少需要一件有货",
    ),
    (
        r"{n} of the products sold out \({thing}\), at least one in stock needed",
        "{n} 件商品售罄（{thing}），至少需要一件有货",
    ),
    ("all of them sold out", "全部售罄"),
    ("one of them in stock again", "其中一件重新有货"),
    (
        r"expected value is {money} \(propensity {any} times margin {money2}, less cost {money3}\), at least 0 needed",
        "预期价值为 {money}（购买倾向 {any} 乘以毛利 {money2}，减去成本 {money3}），至少需要 0",
    ),
    ("more than a cost of {money}", "成本高于 {money}"),
    ("a cost of {money} or less", "成本不高于 {money}"),
    (
        r"the text names \{first_product\}, and there is no product to name",
        "文案要提到 {{first_product}}，但没有可提的商品",
    ),
    ("a product to name", "有可提的商品"),
    (
        "it is {any} in {thing}, and quiet until {at}; the offer expires {at2}",
        "{thing} 当地时间 {any}，免打扰到 {at}；优惠于 {at2} 到期",
    ),
    ("an offer valid for at least {n} minutes?", "优惠有效期至少 {n} 分钟"),
    ("an offer valid for less than {n} minutes", "优惠有效期少于 {n} 分钟"),
    (
        "priority {n} and expected value {money} lost to {thing} with priority {n2} and {money2}",
        "优先级 {n}、预期价值 {money}，输给了优先级 {n2}、预期价值 {money2} 的 {thing}",
    ),
    ("priority {n}", "优先级 {n}"),
    (
        "place {n} in the hold-out of all campaigns, which takes those below {any}",
        "在全部活动的对照组中位置为 {n}，低于 {any} 者属于对照组",
    ),
    (
        "place {n} in the hold-out of campaign {thing}, which takes those below {any}",
        "在活动 {thing} 的对照组中位置为 {n}，低于 {any} 者属于对照组",
    ),
    ("a hold-out of {n} or more", "对照组比例为 {n} 或更高"),
    ("a hold-out of {n} or less", "对照组比例为 {n} 或更低"),
    (
        "a hold-out of {n} or less for all campaigns, and of {n2} or less for this one",
        "全部活动的对照组比例为 {n} 或更低，且该活动的为 {n2} 或更低",
    ),
    # flips of conditions
    ("{feature} {value} instead of {value2}", "{feature}为 {value} 而不是 {value2}"),
    ("{money} more {feature}", "{feature}增加 {money}"),
    ("{money} less {feature}", "{feature}减少 {money}"),
    ("{n} more {feature}", "{feature}增加 {n}"),
    ("{n} (?:fewer|less) {feature}", "{feature}减少 {n}"),
)
_GAP = re.compile(r"\{([a-z]+)(\d?)\}")


def said(sentence: str) -> str:
    """Return a sentence or a flip in Chinese; one of no known form as it is.

    >>> said("number of orders in the last 7 days is 1, at least 3 needed")
    '过去 7 天内的订单数为 1，至少需要 3'
    """
    for form, chinese in _COMPILED:
        found = form.fullmatch(sentence)
        if found is None:
            continue
        words = {name: _gap(name, text) for name, text in found.groupdict().items()}
        if None not in words.values():
            return chinese.format_map(words)
    return sentence


def feature(english: str) -> str | None:
    """Return the Chinese name of a feature, None for a text that names none."""
    for start, name in (("interest in ", "对 {} 的兴趣"), ("trait ", "属性 {} ")):
        if english.startswith(start):
            return name.format(english.removeprefix(start))
    label, _, window = english.removeprefix("number of ").partition(" in the last ")
    noun = _NOUNS.get(_PLURALS.get(label, label)) or _FEATURES.get(label)
    if noun is None:
        return None
    return f"过去 {_duration(window)}内的{noun}" if window else noun


def _gap(name: str, text: str) -> str | None:
    match name.rstrip("0123456789"):
        case "feature":
            return feature(text)
        case "value":
            return _VALUES.get(text, text)
        case "for":
            return _duration(text)
        case "purpose":
            return _PURPOSES[text]
    return text


def _duration(text: str) -> str:
    count, _, unit = text.partition(" ")
    return f"{count} {_UNITS.get(unit.removesuffix('s'), unit)}"


def _compiled() -> Iterator[tuple[re.Pattern[str], str]]:
    for form, chinese in _FORMS:
        pattern = _GAP.sub(lambda gap: f"(?P<{gap[1]}{gap[2]}>{_GAPS[gap[1]]})", form)
        yield re.compile(pattern, re.DOTALL), chinese


_COMPILED = tuple(_compiled())
