"""Are we late? From the broker's clock to the decision, and where the time goes."""

from streams.dashboards.grafana import Page, Panel, Query
from streams.dashboards.queries import largest, quantile, rate, series, share, total

_PARTITION = ("topic", "partition")
_PLACE = "{{topic}} {{partition}}"


def _quantiles(name: str) -> tuple[Query, ...]:
    return tuple(Query(quantile(at, name), f"p{at * 100:g}") for at in (0.5, 0.95, 0.99, 0.999))


PAGE = Page(
    name="late",
    title="Beckon: are we late?",
    description="How long events wait until they are decided, per partition and per step.",
    panels=(
        Panel(
            "Slowest partition",
            "Age of the last event done in the partition that is furthest behind. Above 60 s the alert "
            "BeckonLate fires.",
            "s",
            (Query(largest("beckon_event_time_lag_seconds"), "lag"),),
            "stat",
            60,
        ),
        Panel(
            "Events that wait",
            "Records on the broker that no worker has committed.",
            "short",
            (Query(total("beckon_consumer_lag_records"), "records"),),
            "stat",
        ),
        Panel(
            "Events per second",
            "Events applied to profiles, all topics.",
            "ops",
            (Query(rate("beckon_events_total", outcome="applied"), "applied"),),
            "stat",
        ),
        Panel(
            "Mirror behind",
            "Age of the last record in Redis where others wait. Readers of Redis see profiles this old.",
            "s",
            (Query(largest("beckon_mirror_lag_seconds"), "lag"),),
            "stat",
            60,
        ),
        Panel(
            "From event to decision",
            "Until all that an event leads to is acknowledged, counted from the oldest record fetched with it. "
            "The objective is 99.9 % within 1 s.",
            "s",
            _quantiles("beckon_event_to_decision_seconds"),
            limit=1,
        ),
        Panel(
            "From event to promotion",
            "From the broker's time of the trigger to the promotion's acknowledgement. The goal is p99 below "
            "50 ms at half load.",
            "s",
            _quantiles("beckon_event_to_promotion_seconds"),
            limit=0.05,
        ),
        Panel(
            "Lag in seconds, per partition",
            "One partition that stands still is one line that climbs; a sum would hide it.",
            "s",
            (Query(largest("beckon_event_time_lag_seconds", _PARTITION), _PLACE),),
            limit=60,
        ),
        Panel(
            "Lag in records, per partition",
            "Records on the broker that are not committed.",
            "short",
            (Query(largest("beckon_consumer_lag_records", _PARTITION), _PLACE),),
        ),
        Panel(
            "Since the last commit, per partition",
            "Grows only while records wait. Above 120 s the partition is stuck.",
            "s",
            (Query(largest("beckon_commit_age_seconds", _PARTITION), _PLACE),),
            limit=120,
        ),
        Panel(
            "Where the time goes",
            "Share of one second spent in each step of a batch, over all workers. `send` waits for the broker, "
            "`tag` for the model.",
            "percentunit",
            (Query(rate("beckon_stage_duration_seconds_sum", ("stage",)), "{{stage}}"),),
        ),
        Panel(
            "Slowest batches per step",
            "99 of 100 batches take less than this in a step.",
            "s",
            (Query(quantile(0.99, "beckon_stage_duration_seconds", ("stage",)), "{{stage}}"),),
        ),
        Panel(
            "Events per batch",
            "Small batches are idle time; batches at the bound of worker.batch_events are a backlog.",
            "short",
            (
                Query(quantile(0.5, "beckon_batch_events"), "p50"),
                Query(quantile(0.99, "beckon_batch_events"), "p99"),
                Query(share(rate("beckon_batch_events_sum"), rate("beckon_batch_events_count")), "mean"),
            ),
        ),
        Panel(
            "Events that wait in lanes",
            "Read from the broker, not yet in a batch.",
            "short",
            (Query(total("beckon_lane_waiting_events", ("instance",)), "{{instance}}"),),
        ),
        Panel(
            "Cores in use",
            "CPU time per second of each process. A worker computes on one core, its model on more; at 1 it is full.",
            "short",
            (Query(rate("beckon_process_cpu_seconds_total", ("instance",)), "{{instance}}"),),
        ),
        Panel(
            "Event time behind the clock",
            "Age of the event applied last. A negative value is a shop whose clock runs ahead.",
            "s",
            (Query(f"time() - ({series('beckon_watermark_timestamp_seconds')} > 0)", "{{instance}}"),),
        ),
    ),
)
