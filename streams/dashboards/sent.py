"""What did we send? Promotions and their cost by campaign, and why others were not sent."""

from streams.dashboards.grafana import Page, Panel, Query
from streams.dashboards.queries import quantile, rate, share

_HOUR = 3600
_OFFERED = rate("beckon_decisions_total", outcome="offered")
_HELD_OUT = rate("beckon_decisions_total", outcome="held_out")

PAGE = Page(
    name="sent",
    title="Beckon: what did we send?",
    description="Promotions, their planned cost, the hold-out, and the reasons of what was not sent.",
    panels=(
        Panel(
            "Promotions per hour",
            "At the present rate.",
            "short",
            (Query(f"{rate('beckon_promotions_total')} * {_HOUR}", "promotions"),),
            "stat",
        ),
        Panel(
            "Cost per hour",
            "At the present rate: the sum of `cost` of the offers sent, in units of the shop's base currency.",
            "short",
            (Query(f"{rate('beckon_promotion_cost_total')} * {_HOUR}", "cost"),),
            "stat",
        ),
        Panel(
            "Hold-out",
            "Share of the decisions to offer that were held out. It must be near the share in the campaign file.",
            "percentunit",
            (Query(share(_HELD_OUT, f"({_OFFERED} + {_HELD_OUT})"), "share"),),
            "stat",
        ),
        Panel(
            "No consent",
            "Times per second that a campaign was not offered because the shopper did not agree.",
            "ops",
            (Query(rate("beckon_suppressions_total", reason="no_consent"), "no consent"),),
            "stat",
        ),
        Panel(
            "Promotions by campaign",
            "Sent per second.",
            "ops",
            (Query(rate("beckon_promotions_total", ("campaign",)), "{{campaign}}"),),
        ),
        Panel(
            "Cost by campaign",
            "Per hour at the present rate, in units of the shop's base currency.",
            "short",
            (Query(f"{rate('beckon_promotion_cost_total', ('campaign',))} * {_HOUR}", "{{campaign}}"),),
        ),
        Panel(
            "How decisions end",
            "One decision for each trigger with a live and eligible campaign.",
            "ops",
            (Query(rate("beckon_decisions_total", ("outcome",)), "{{outcome}}"),),
        ),
        Panel(
            "Why campaigns were not offered",
            "The first step that stopped a campaign. `not_eligible` is the usual end: most shoppers fit none.",
            "ops",
            (Query(rate("beckon_suppressions_total", ("reason",)), "{{reason}}"),),
        ),
        Panel(
            "Promotions per event",
            "Share of the events applied that led to a promotion.",
            "percentunit",
            (
                Query(
                    share(rate("beckon_promotions_total"), rate("beckon_events_total", outcome="applied")),
                    "share",
                ),
            ),
        ),
        Panel(
            "From event to promotion",
            "From the broker's time of the trigger to the promotion's acknowledgement.",
            "s",
            (
                Query(quantile(0.5, "beckon_event_to_promotion_seconds"), "p50"),
                Query(quantile(0.99, "beckon_event_to_promotion_seconds"), "p99"),
            ),
        ),
        Panel(
            "Campaigns switched",
            "Times that a worker took other campaigns from their topic, and problems that kept it at those before.",
            "short",
            (
                Query(f"{rate('beckon_campaign_switches_total')} * {_HOUR}", "switches per hour"),
                Query(f"{rate('beckon_campaign_problems_total')} * {_HOUR}", "problems per hour"),
            ),
        ),
    ),
)
