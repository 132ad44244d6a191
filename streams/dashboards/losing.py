"""Are we losing? What became of every record, who holds which partitions, and is Redis a true copy."""

from streams.dashboards.grafana import Page, Panel, Query
from streams.dashboards.queries import largest, quantile, rate, share, total

PAGE = Page(
    name="losing",
    title="Beckon: are we losing?",
    description="Every record read is applied, skipped, a duplicate, a stray or a dead letter.",
    panels=(
        Panel(
            "Dead letters",
            "Share of the records read that could not be used. The objective is below 0.1 %.",
            "percentunit",
            (
                Query(
                    share(rate("beckon_events_total", outcome="dead_letter"), rate("beckon_events_total")),
                    "share",
                ),
            ),
            "stat",
            0.001,
        ),
        Panel(
            "Partitions held",
            "Over all workers: topics.partitions when all is well, less while partitions move.",
            "short",
            (Query(total("beckon_partitions"), "partitions"),),
            "stat",
        ),
        Panel(
            "Workers ready",
            "Workers whose profiles are restored.",
            "short",
            (Query(total("beckon_ready"), "workers"),),
            "stat",
        ),
        Panel(
            "Redis out of order",
            "1 while the mirror waits for Redis. Decisions go on; readers of Redis see old profiles.",
            "short",
            (Query(largest("beckon_degraded", ("part",)), "{{part}}"),),
            "stat",
            1,
        ),
        Panel(
            "What became of records",
            "`applied` changed a profile; `duplicate` was there before; `skipped` is no event for us; `stray` was "
            "sent on to its home partition, `redirected` to whom its id belongs to now; `told` is no event but what lanes "
            "tell each other; `dead_letter` lies in the topic dead-letters.",
            "ops",
            (Query(rate("beckon_events_total", ("outcome",)), "{{outcome}}"),),
        ),
        Panel(
            "Dead letters by reason",
            "`processing_failed` is a fault of ours; all others are what a producer sent.",
            "ops",
            (Query(rate("beckon_dead_letters_total", ("reason",)), "{{reason}}"),),
        ),
        Panel(
            "Strays",
            "Events that a producer put on the wrong partition, as a share of all. Its partitioner is not murmur2.",
            "percentunit",
            (Query(share(rate("beckon_strays_total"), rate("beckon_events_total")), "share"),),
            limit=0.01,
        ),
        Panel(
            "Partitions per worker",
            "Who holds how many partition numbers.",
            "short",
            (Query(total("beckon_partitions", ("instance",)), "{{instance}}"),),
        ),
        Panel(
            "Rebalances",
            "Times per second that partitions were taken from a worker, and that a restore ended.",
            "ops",
            (
                Query(rate("beckon_rebalances_total", ("instance",)), "{{instance}}"),
                Query(rate("beckon_restores_total"), "restores, all workers"),
            ),
        ),
        Panel(
            "Still to restore",
            "Changelog records that a worker reads before its first event. It must fall.",
            "short",
            (Query(total("beckon_restore_remaining_records", ("instance",)), "{{instance}}"),),
        ),
        Panel(
            "Restores",
            "How long partitions stood still, from assignment to the first event.",
            "s",
            (
                Query(quantile(0.5, "beckon_restore_duration_seconds"), "p50"),
                Query(quantile(0.99, "beckon_restore_duration_seconds"), "p99"),
            ),
        ),
        Panel(
            "Profiles held",
            "In the memory of the workers.",
            "short",
            (Query(total("beckon_profiles", ("instance",)), "{{instance}}"),),
        ),
        Panel(
            "What the mirror writes",
            "`older`: a newer record was there before; `unreadable`: not written by Beckon.",
            "ops",
            (Query(rate("beckon_mirror_records_total", ("topic", "outcome")), "{{topic}} {{outcome}}"),),
        ),
        Panel(
            "What the mirror has still to write",
            "Records on the broker that are not in Redis.",
            "short",
            (
                Query(
                    largest("beckon_mirror_lag_records", ("topic", "partition")), "{{topic}} {{partition}}"
                ),
                Query(largest("beckon_mirror_refilling"), "refilling (1: yes)"),
            ),
        ),
        Panel(
            "Faults of Redis",
            "Answers that were none, by kind, and readings from the start, by cause.",
            "ops",
            (
                Query(rate("beckon_redis_errors_total", ("fault",)), "{{fault}}"),
                Query(rate("beckon_mirror_refills_total", ("cause",)), "refill: {{cause}}"),
            ),
        ),
        Panel(
            "Batches of the mirror",
            "Time that Redis takes for a batch.",
            "s",
            (
                Query(quantile(0.5, "beckon_mirror_batch_duration_seconds"), "p50"),
                Query(quantile(0.99, "beckon_mirror_batch_duration_seconds"), "p99"),
            ),
        ),
    ),
)
