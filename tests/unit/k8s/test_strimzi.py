"""Topics as the code has them, and users who may do what their part does and nothing else."""

import pytest

from schemas.topics import ALL, CAMPAIGNS, CHANGELOG, DEAD_LETTERS, DECISIONS, INTERNAL, PROMOTIONS, SOURCES
from streams import kubernetes
from streams.app import build_app
from streams.mirror.source import Source
from streams.settings import TopicSettings, load
from streams.topics import NEEDED, plans
from tests.support.manifests import ROOT, named, of_kind, pod_of, rendered, settings_of

PROD = "overlays/prod"
INPUTS = {topic.name for topic in SOURCES if topic.input}
Rights = set[tuple[str, str, str]]


def rights_of(user: str) -> Rights:
    """Return what a user may do: kind of thing, its name, operation."""
    authorization = named(rendered(PROD), "KafkaUser", user)["spec"]["authorization"]
    assert authorization["type"] == "simple"
    return {
        (acl["resource"]["type"], acl["resource"].get("name", ""), operation)
        for acl in authorization["acls"]
        for operation in acl["operations"]
    }


def test_the_files_are_what_the_code_writes() -> None:
    alerts = (ROOT / "k8s" / "alerts" / "beckon.yaml").read_text(encoding="utf-8")
    written = {"strimzi/topics.yaml": kubernetes.topics(), "monitoring/rules.yaml": kubernetes.rules(alerts)}
    for name, text in written.items():
        file = ROOT / "k8s" / "components" / name
        assert file.read_text(encoding="utf-8") == text, "run `python -m streams.kubernetes`"


def test_strimzi_makes_every_topic_with_the_settings_of_topics_apply() -> None:
    manifests = rendered(PROD)
    worker = named(manifests, "StatefulSet", "beckon-worker")
    settings = load(env=settings_of(manifests, worker)).topics
    assert (settings.partitions, settings.replication) == (12, 3)
    wanted = {plan.name: (plan.partitions, 3, plan.config) for plan in plans(settings)}
    found = {
        one["metadata"]["name"]: (one["spec"]["partitions"], one["spec"]["replicas"], one["spec"]["config"])
        for one in of_kind(manifests, "KafkaTopic")
    }
    assert found == wanted
    assert len(found) == len(ALL)


def test_the_topics_of_the_code_are_those_of_the_settings() -> None:
    assert TopicSettings(partitions=12, replication=3) == kubernetes.SETTINGS


def test_the_worker_reads_its_sources_writes_its_outputs_and_does_nothing_else() -> None:
    reads = {*SOURCES, CHANGELOG}
    writes = {INTERNAL, PROMOTIONS, DECISIONS, DEAD_LETTERS, CHANGELOG}
    assert reads | writes == set(NEEDED)
    topics = {("topic", topic.name, "Read") for topic in (*reads, CAMPAIGNS)} | {
        ("topic", topic.name, "Write") for topic in writes
    }
    group = build_app(load(flags={"worker.data_dir": "/tmp"})).conf.id
    own = {
        ("group", group, "Read"),
        ("group", "beckon-reader", "Describe"),  # of the client that follows campaigns
        ("transactionalId", f"{group}-p", "Write"),
    }
    assert rights_of("beckon-worker") == topics | own


def test_the_mirror_reads_what_it_copies_and_writes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    copied = _topics_of_the_mirror(monkeypatch)
    assert copied == {"beckon-profiles-changelog", "promotions"}
    assert rights_of("beckon-mirror") == {
        *(("topic", name, "Read") for name in copied),
        ("group", "beckon-mirror", "Describe"),  # it may not join: that takes Read
    }


def test_the_job_looks_at_topics_and_brokers_and_changes_nothing() -> None:
    assert rights_of("beckon-topics") == {
        ("cluster", "", "DescribeConfigs"),
        *(("topic", topic.name, operation) for topic in ALL for operation in ("Describe", "DescribeConfigs")),
    }
    [container] = pod_of(named(rendered(PROD), "Job", "beckon-topics"))["containers"]
    assert container["args"] == ["topics", "check"]
    [container] = pod_of(named(rendered("base"), "Job", "beckon-topics"))["containers"]
    assert container["args"] == ["topics", "apply"]


def test_a_producer_writes_inputs_and_nothing_else() -> None:
    assert {"clicks", "purchases", "feedback", "identities"} == INPUTS
    assert rights_of("beckon-producer") == {("topic", name, "Write") for name in INPUTS}


def test_nobody_is_given_all_or_a_pattern_but_the_worker_its_transactions() -> None:
    for user in of_kind(rendered(PROD), "KafkaUser"):
        assert user["spec"]["authentication"]["type"] == "scram-sha-512"
        for acl in user["spec"]["authorization"]["acls"]:
            is_transaction = acl["resource"]["type"] == "transactionalId"
            wanted = "prefix" if is_transaction else "literal"
            assert acl["resource"].get("patternType", "literal") == wanted
            assert not {"All", "Create", "Delete", "Alter", "AlterConfigs"} & set(acl["operations"])


def test_every_part_signs_in_as_its_own_user() -> None:
    manifests = rendered(PROD)
    users = {one["metadata"]["name"] for one in of_kind(manifests, "KafkaUser")}
    for kind, name in (
        ("StatefulSet", "beckon-worker"),
        ("Deployment", "beckon-mirror"),
        ("Job", "beckon-topics"),
    ):
        workload = named(manifests, kind, name)
        assert settings_of(manifests, workload)["BECKON_KAFKA_SASL_USERNAME"] == name
        [password] = [
            variable["valueFrom"]["secretKeyRef"]
            for variable in pod_of(workload)["containers"][0]["env"]
            if variable["name"] == "BECKON_KAFKA_SASL_PASSWORD"
        ]
        assert password == {"name": name, "key": "password"}
        assert name in users


def test_the_cluster_acknowledges_with_two_of_three_copies_and_makes_no_topic_by_itself() -> None:
    [cluster] = of_kind(rendered("kafka"), "Kafka")
    config = cluster["spec"]["kafka"]["config"]
    assert config["default.replication.factor"] == 3
    assert config["min.insync.replicas"] == 2
    assert config["auto.create.topics.enable"] is False
    assert config["unclean.leader.election.enable"] is False
    assert config["offsets.retention.minutes"] >= kubernetes.SETTINGS.retention_days * 24 * 60
    [listener] = cluster["spec"]["kafka"]["listeners"]
    assert (listener["name"], listener["port"], listener["tls"]) == ("tls", 9093, True)
    assert listener["authentication"] == {"type": "scram-sha-512"}
    assert cluster["spec"]["kafka"]["authorization"] == {"type": "simple"}


def _topics_of_the_mirror(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return the topics that the mirror looks for, by the first one that it misses, twice."""
    found: set[str] = set()
    for _ in range(2):
        monkeypatch.setattr("streams.mirror.source.partition_counts", lambda _: dict.fromkeys(found, 12))
        with pytest.raises(Exception, match="does not exist") as missing:
            Source(load().kafka, "")
        found.add(str(missing.value).split()[1].rstrip(":"))
    return found
