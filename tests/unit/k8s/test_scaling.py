"""KEDA: by lag in seconds, never to 0, never more than there are partitions; what Prometheus scrapes."""

import re

from streams.metrics import all_declared
from streams.settings import load
from tests.support import promql
from tests.support.manifests import (
    Manifest,
    container_of,
    named,
    pod_labels,
    rendered,
    selects,
    settings_of,
)

PROD = "overlays/prod"


def scaled() -> Manifest:
    """Return the specification of the ScaledObject."""
    spec: Manifest = named(rendered(PROD), "ScaledObject", "beckon-worker")["spec"]
    return spec


def test_it_scales_the_worker_and_says_alone_how_many() -> None:
    target = scaled()["scaleTargetRef"]
    worker = named(rendered(PROD), target["kind"], target["name"])
    assert target["apiVersion"] == worker["apiVersion"]
    assert "replicas" not in worker["spec"]


def test_there_are_never_none_and_never_more_than_partitions() -> None:
    manifests = rendered(PROD)
    settings = load(env=settings_of(manifests, named(manifests, "StatefulSet", "beckon-worker")))
    assert scaled()["minReplicaCount"] == 2
    assert scaled()["maxReplicaCount"] == settings.topics.partitions == 12
    assert "idleReplicaCount" not in scaled()


def test_lag_is_asked_in_seconds_by_a_metric_that_exists() -> None:
    [lag] = [trigger for trigger in scaled()["triggers"] if trigger["type"] == "prometheus"]
    query = lag["metadata"]["query"]
    # The operator writes `namespace` on what it scrapes; our own pages have no such label.
    assert promql.problems(query.replace('{namespace="beckon"}', "")) == []
    assert re.findall(r"beckon_\w+", query) == ["beckon_event_time_lag_seconds"]
    assert "beckon_event_time_lag_seconds" in {metric.name for metric in all_declared()}
    assert 'namespace="beckon"' in query
    # The alert BeckonLate pages at 60 s: there must be more workers long before.
    assert float(lag["metadata"]["threshold"]) == 10.0
    assert lag["metadata"]["ignoreNullValues"] == "false"


def test_it_grows_soon_and_shrinks_one_by_one_after_a_quiet_time() -> None:
    behavior = scaled()["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    assert behavior["scaleDown"]["stabilizationWindowSeconds"] == 900
    assert behavior["scaleDown"]["policies"] == [{"type": "Pods", "value": 1, "periodSeconds": 300}]
    assert behavior["scaleUp"]["stabilizationWindowSeconds"] == 60


def test_prometheus_finds_workers_and_mirrors_by_labels_and_port_and_calls_the_job_beckon() -> None:
    manifests = rendered(PROD)
    monitor = named(manifests, "PodMonitor", "beckon")["spec"]
    [endpoint] = monitor["podMetricsEndpoints"]
    [expression] = monitor["selector"]["matchExpressions"]
    found = []
    for kind, name in (
        ("StatefulSet", "beckon-worker"),
        ("Deployment", "beckon-mirror"),
        ("Job", "beckon-topics"),
    ):
        workload = named(manifests, kind, name)
        labels = pod_labels(workload)
        if (
            selects(monitor["selector"]["matchLabels"], labels)
            and labels[expression["key"]] in expression["values"]
        ):
            found.append(name)
            [port] = container_of(workload)["ports"]
            assert endpoint["port"] == port["name"]
            assert "beckon" in labels[monitor["jobLabel"]]
    assert found == ["beckon-worker", "beckon-mirror"]
    assert endpoint["path"] == "/metrics"
    [relabeled] = endpoint["relabelings"]
    assert relabeled == {"sourceLabels": ["__meta_kubernetes_pod_name"], "targetLabel": "instance"}


def test_all_alerts_are_in_the_rule_that_the_operator_gets() -> None:
    rules = named(rendered(PROD), "PrometheusRule", "beckon")["spec"]["groups"]
    names = {rule["alert"] for group in rules for rule in group["rules"] if "alert" in rule}
    assert {"BeckonLate", "BeckonWorkerAbsent", "BeckonDeadLetters"} <= names
