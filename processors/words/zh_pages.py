"""The pages about a shopper in simplified Chinese."""

from processors.words.page_shape import AnswerWords, Counted, ProfileWords
from schemas.decisions import Reason


def _counted(text: str) -> Counted:
    return Counted(text, text)  # Chinese nouns have no plural


_STOPS = {
    Reason.STALE: "事件太旧",
    Reason.NOT_LIVE: "不在有效期内",
    Reason.NOT_ELIGIBLE: "不符合条件",
    Reason.NO_CONSENT: "缺少同意",
    Reason.TOO_LATE: "太晚",
    Reason.CAPPED: "已达次数上限",
    Reason.COOLING_DOWN: "冷却中",
    Reason.OUT_OF_STOCK: "已售罄",
    Reason.BUDGET_EXHAUSTED: "预算已用完",
    Reason.LOW_VALUE: "得不偿失",
    Reason.COPY_REJECTED: "无法生成文案",
    Reason.QUIET_HOURS: "免打扰时段",
    Reason.LOST_ARBITRATION: "输给了另一个活动",
    Reason.HELD_OUT: "属于对照组",
}

CHINESE_PROFILE = ProfileWords(
    shopper="顾客 {shopper}",
    interests="兴趣",
    cart="购物车",
    visit="访问",
    orders="订单",
    offers="优惠",
    consent="同意情况",
    seen="首次出现 {first}，最近出现 {last}（UTC）",
    views=_counted("商品浏览 {n:,} 次"),
    clicks=_counted("商品点击 {n:,} 次"),
    searches=_counted("搜索 {n:,} 次"),
    cart_adds=_counted("加入购物车 {n:,} 次"),
    was_also="曾用编号：{ids}",
    weaker="另有 {n} 个较弱的",
    older="另有 {n} 个更早的",
    no_interests="暂无",
    cart_empty="空",
    cart_line="{quantity} x {product}，{price}，加入于 {at}",
    price_unknown="价格未知",
    cart_worth="合计 {value}",
    no_visit="没有看过商品",
    visit_began="最近一次访问始于 {at}：{events}",
    events=_counted("{n:,} 个商品事件"),
    kinds={
        "view": "浏览",
        "click": "点击",
        "wish": "收藏",
        "add": "加入购物车",
        "remove": "移出购物车",
        "buy": "购买",
    },
    orders_made=_counted("{n:,} 个订单"),
    refunds=_counted("{n:,} 次退款"),
    spent="共消费 {amount}",
    not_ordered="尚未下单",
    with_discount="有折扣",
    all_given_back="已全额退款",
    given_back="已退款 {amount}",
    cancelled="已取消",
    no_offers="无",
    without_offer=_counted("另有 {n:,} 个决策没有发送优惠"),
    offered="已发送活动 {campaign} 的 {promotion}",
    held_out="选中活动 {campaign} 的 {promotion}，属于对照组，未发送",
    nothing_sent="未发送（{stops}）",
    stops=_STOPS,
    was_offered="已发送",
    stated="{purpose}：{answer}，表示于 {at}",
    never_stated="从未表示",
    purposes={"profiling": "用户画像", "marketing": "营销", "training": "模型训练"},
)

CHINESE_ANSWER = AnswerWords(
    title="顾客 {shopper}，时间 {at}",
    would_bring="{event} 会带来：{what}",
    nothing="无",
    promotion="活动 {campaign} 的 {promotion}",
    standing="{campaign}：{standing}",
    would_be_offered="会发送",
    stops={**_STOPS, Reason.HELD_OUT: "被选中，但属于对照组"},
    would_take="需要的变化：{flip}",
    nothing_helps="无法改变",
    paused="活动已暂停",
    live_from="活动从 {start} 开始，现在是 {now}",
    live_until="活动已于 {end} 结束，现在是 {now}",
    one_of_these="至少需要满足以下一项：",
    recorded="已有的决策，可用 `beckon why DECISION_ID` 查看：",
    never_recorded="从未对该活动作出过决策。",
    not_kept="文件夹不保存 {features}：属性视为未设置，顾客视为已登录识别。",
    joined_by=" 和 ",
)
