"""Nothing is open but what a part speaks to: policies against the addresses in its settings."""

import pytest

from streams.settings import load
from tests.support.manifests import (
    OVERLAYS,
    WORKLOADS,
    Manifest,
    named,
    of_kind,
    pod_labels,
    rendered,
    selects,
    settings_of,
)

each_folder = pytest.mark.parametrize("folder", OVERLAYS)


def policies_of(manifests: list[Manifest], workload: Manifest) -> list[str]:
    """Return the names of the policies that select a workload's pods."""
    labels = pod_labels(workload)
    return [
        one["metadata"]["name"]
        for one in of_kind(manifests, "NetworkPolicy")
        if selects(one["spec"]["podSelector"].get("matchLabels", {}), labels)
    ]


def ports_of(policy: Manifest, direction: str) -> set[int]:
    """Return the ports that a policy opens."""
    return {port["port"] for rule in policy["spec"][direction] for port in rule["ports"]}


@each_folder
def test_everything_is_denied_and_each_part_gets_what_it_needs(folder: str) -> None:
    manifests = rendered(folder)
    deny = named(manifests, "NetworkPolicy", "deny-all")["spec"]
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    wanted = {
        "beckon-worker": ["deny-all", "from-prometheus", "to-dns", "to-kafka"],
        "beckon-mirror": ["deny-all", "from-prometheus", "mirror-to-redis", "to-dns", "to-kafka"],
        "beckon-topics": ["deny-all", "from-prometheus", "to-dns", "to-kafka"],
    }
    for workload in of_kind(manifests, *WORKLOADS):
        assert sorted(policies_of(manifests, workload)) == wanted[workload["metadata"]["name"]]


@each_folder
def test_the_open_ports_are_those_of_the_settings(folder: str) -> None:
    manifests = rendered(folder)
    mirror = load(env=settings_of(manifests, named(manifests, "Deployment", "beckon-mirror")))
    kafka_port = int(mirror.kafka.servers.rpartition(":")[2])
    redis_port = int(mirror.redis.url.rpartition(":")[2].partition("/")[0])
    to_kafka = named(manifests, "NetworkPolicy", "to-kafka")
    assert ports_of(to_kafka, "egress") == {kafka_port}
    assert ports_of(named(manifests, "NetworkPolicy", "mirror-to-redis"), "egress") == {redis_port}
    prometheus = named(manifests, "NetworkPolicy", "from-prometheus")
    assert ports_of(prometheus, "ingress") == {mirror.metrics.port}


@each_folder
def test_no_rule_is_open_to_everyone(folder: str) -> None:
    for policy in of_kind(rendered(folder), "NetworkPolicy"):
        for rule in policy["spec"].get("egress", []) + policy["spec"].get("ingress", []):
            assert len(rule["ports"]) >= 1
            assert len(rule.get("to", []) + rule.get("from", [])) >= 1


def test_open_kafka_is_looked_for_in_the_namespace_of_its_address() -> None:
    manifests = rendered("base")
    settings = load(env=settings_of(manifests, named(manifests, "StatefulSet", "beckon-worker")))
    [rule] = named(manifests, "NetworkPolicy", "to-kafka")["spec"]["egress"]
    namespace = rule["to"][0]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
    assert settings.kafka.servers == f"kafka.{namespace}:9092"


def test_strimzis_brokers_are_looked_for_by_the_cluster_that_topics_and_users_name() -> None:
    manifests = rendered("overlays/prod")
    [rule] = named(manifests, "NetworkPolicy", "to-kafka")["spec"]["egress"]
    assert rule["to"] == [
        {"podSelector": {"matchLabels": {"strimzi.io/cluster": "beckon", "strimzi.io/name": "beckon-kafka"}}}
    ]
    [cluster] = of_kind(rendered("kafka"), "Kafka")
    assert cluster["metadata"]["name"] == "beckon"
    clusters = {
        one["metadata"]["labels"]["strimzi.io/cluster"]
        for one in of_kind(manifests, "KafkaTopic", "KafkaUser")
    }
    assert clusters == {"beckon"}
