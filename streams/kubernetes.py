"""`python -m streams.kubernetes [FOLDER]`: write what Kubernetes' operators get from our code, to k8s by default.

Topics as Strimzi's KafkaTopic with the settings that `beckon topics apply` would give them, and the rules of
k8s/alerts as a PrometheusRule.
"""

import json
import sys
from pathlib import Path
from textwrap import indent

from streams.settings import TopicSettings
from streams.topics import TopicPlan, plans

FOLDER = Path("k8s")
#: Three copies on three brokers: one may be away.
SETTINGS = TopicSettings(partitions=12, replication=3)
#: Strimzi's name of the cluster, which it looks for in a label.
CLUSTER = "beckon"
_WRITTEN = "# Written by `python -m streams.kubernetes`; change {source} instead.\n"


def topics() -> str:
    """Return all topics as KafkaTopics."""
    documents = [_topic(plan) for plan in plans(SETTINGS)]
    return _WRITTEN.format(source="schemas/topics.py") + "---\n".join(documents)


def rules(alerts: str) -> str:
    """Return a rule file of Prometheus as a PrometheusRule."""
    head = "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: beckon\nspec:\n"
    return _WRITTEN.format(source="k8s/alerts/beckon.yaml") + head + indent(alerts, "  ")


def write(folder: Path) -> list[Path]:
    """Write both beside the components that use them and return their files."""
    alerts = (folder / "alerts" / "beckon.yaml").read_text(encoding="utf-8")
    texts = {"strimzi/topics.yaml": topics(), "monitoring/rules.yaml": rules(alerts)}
    files = []
    for name, text in texts.items():
        file = folder / "components" / name
        file.write_text(text, encoding="utf-8")
        files.append(file)
    return files


def _topic(plan: TopicPlan) -> str:
    lines = [
        "apiVersion: kafka.strimzi.io/v1",
        "kind: KafkaTopic",
        "metadata:",
        f"  name: {plan.name}",
        "  labels:",
        f"    strimzi.io/cluster: {CLUSTER}",
        "spec:",
        f"  partitions: {plan.partitions}",
        f"  replicas: {SETTINGS.replication}",
        "  config:",
        *(f"    {key}: {json.dumps(value)}" for key, value in sorted(plan.config.items())),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
