"""Is the model sane? Which one runs, what it says, how often others have to stand in."""

from streams.dashboards.grafana import Page, Panel, Query
from streams.dashboards.queries import quantile, rate, series, share

_TAGS = rate("beckon_model_tags_total")

PAGE = Page(
    name="model",
    title="Beckon: is the model sane?",
    description="The tag model: in use, its answers, its cost, and how often categories stand in for it.",
    panels=(
        Panel(
            "Model in use",
            "Workers per model and version. Two versions for longer than a roll-out are a roll-out that stuck.",
            "short",
            (Query(f"sum by (model, version)({series('beckon_model_info')})", "{{model}} {{version}}"),),
            "stat",
        ),
        Panel(
            "Stood in for",
            "Share of the texts that got their category in place of tags, because the model failed.",
            "percentunit",
            (
                Query(
                    share(
                        rate("beckon_model_fallbacks_total"),
                        f"({rate('beckon_model_fallbacks_total')} + {rate('beckon_model_texts_total')}"
                        f" + {rate('beckon_model_cache_hits_total')})",
                    ),
                    "share",
                ),
            ),
            "stat",
            0.01,
        ),
        Panel(
            "Remembered",
            "Share of the texts whose tags were in memory. Low and falling: raise models.cache_texts.",
            "percentunit",
            (
                Query(
                    share(
                        rate("beckon_model_cache_hits_total"),
                        f"({rate('beckon_model_texts_total')} + {rate('beckon_model_cache_hits_total')})",
                    ),
                    "share",
                ),
            ),
            "stat",
        ),
        Panel(
            "Texts without a tag",
            "Share of the answers in which no label reached the model's threshold.",
            "percentunit",
            (Query(share(rate("beckon_model_tags_total", tag="none"), _TAGS), "share"),),
            "stat",
            0.5,
        ),
        Panel(
            "Which tags it gives",
            "The ten most given. A mix that shifts without a new catalogue or model is a model that drifts.",
            "percentunit",
            (
                Query(
                    f"topk(10, {rate('beckon_model_tags_total', ('tag',))} / ignoring(tag) group_left()"
                    f" ({_TAGS} > 0))",
                    "{{tag}}",
                ),
            ),
        ),
        Panel(
            "Texts",
            "Scored by the model, found in memory, and left to their category.",
            "ops",
            (
                Query(rate("beckon_model_texts_total"), "scored"),
                Query(rate("beckon_model_cache_hits_total"), "remembered"),
                Query(rate("beckon_model_fallbacks_total"), "stood in for"),
            ),
        ),
        Panel(
            "Time for tags",
            "How long a batch waits for its tags, memory included.",
            "s",
            (
                Query(quantile(0.5, "beckon_stage_duration_seconds", stage="tag"), "p50"),
                Query(quantile(0.99, "beckon_stage_duration_seconds", stage="tag"), "p99"),
            ),
        ),
        Panel(
            "Texts per call",
            "What one call of the model scores. Close to 1 wastes a GPU.",
            "short",
            (
                Query(
                    share(rate("beckon_model_texts_total"), rate("beckon_model_calls_total")),
                    "texts per call",
                ),
            ),
        ),
        Panel(
            "Texts that wait",
            "For the model, over all workers. While it keeps growing, lanes wait for the model.",
            "short",
            (Query(f"sum({series('beckon_model_queue_texts')})", "texts"),),
        ),
        Panel(
            "Versions refused",
            "Pointers whose version failed a check, and switches per second by outcome. The old version goes on.",
            "short",
            (
                Query(f"sum by (part)({series('beckon_model_refused')})", "{{part}} refused"),
                Query(rate("beckon_model_switches_total", ("outcome",)), "{{outcome}}"),
            ),
            "stat",
        ),
        Panel(
            "Drift",
            "The ten labels whose scores are farthest from those of the held-out texts. Above 0.25: train anew.",
            "short",
            (Query(f"topk(10, max by (tag)({series('beckon_model_drift_psi')}))", "{{tag}}"),),
        ),
        Panel(
            "Candidate",
            "What a candidate in the shadow says of the texts that the version in use tags.",
            "ops",
            (Query(rate("beckon_shadow_texts_total", ("outcome",)), "{{outcome}}"),),
        ),
    ),
)
