"""PromQL from names and labels: every selector asks for the job and instance that the page shows."""

from collections.abc import Sequence

#: Grafana chooses it so that a rate sees at least four samples.
RATE_WINDOW = "$__rate_interval"


def series(name: str, **labels: str) -> str:
    """Return a selector of one metric.

    >>> series("beckon_ready")
    'beckon_ready{job=~"$job", instance=~"$instance"}'
    """
    matchers = [
        'job=~"$job"',
        'instance=~"$instance"',
        *(f'{key}="{value}"' for key, value in labels.items()),
    ]
    return f"{name}{{{', '.join(matchers)}}}"


def rate(name: str, by: Sequence[str] = (), **labels: str) -> str:
    """Return a counter's rise per second, summed over what is not in `by`.

    >>> rate("beckon_strays_total")
    'sum(rate(beckon_strays_total{job=~"$job", instance=~"$instance"}[$__rate_interval]))'
    """
    return f"sum{_by(by)}(rate({series(name, **labels)}[{RATE_WINDOW}]))"


def total(name: str, by: Sequence[str] = ()) -> str:
    """Return a gauge, summed over what is not in `by`."""
    return f"sum{_by(by)}({series(name)})"


def largest(name: str, by: Sequence[str] = ()) -> str:
    """Return the greatest value of a gauge for each `by`."""
    return f"max{_by(by)}({series(name)})"


def quantile(share: float, name: str, by: Sequence[str] = (), **labels: str) -> str:
    """Return a quantile of a histogram over all instances.

    >>> quantile(0.99, "beckon_batch_events")[:40]
    'histogram_quantile(0.99, sum by (le)(rat'
    """
    return f"histogram_quantile({share:g}, {rate(f'{name}_bucket', ('le', *by), **labels)})"


def share(part: str, whole: str) -> str:
    """Return one rate as a share of another; nothing while the whole is 0.

    >>> share("a", "b")
    'a / (b > 0)'
    """
    return f"{part} / ({whole} > 0)"


def _by(labels: Sequence[str]) -> str:
    return f" by ({', '.join(labels)})" if labels else ""
