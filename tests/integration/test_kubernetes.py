"""Manifests against the schemas of their kinds and, where it was built, against a real kube-apiserver.

`make kubernetes` builds the server (minutes, once); from then on these tests always ask it.
"""

import os
import time
from collections.abc import Callable, Iterator

import pytest

from schemas.errors import BeckonError
from tests.support import kube_schemas, kube_server, kube_tools
from tests.support.kube_server import ApiServer
from tests.support.manifests import (
    OVERLAYS,
    ROOT,
    WORKLOADS,
    Manifest,
    container_of,
    named,
    of_kind,
    pod_labels,
    pod_of,
    rendered,
)
from tests.support.prometheus import promtool

FOLDERS = (*OVERLAYS, "kafka")


@pytest.fixture(scope="module", autouse=True)
def schemas() -> None:
    try:
        kube_tools.schemas()
    except BeckonError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="module")
def api() -> Iterator[ApiServer]:
    """A server that knows the operators' kinds and has our namespace."""
    try:
        if not os.environ.get("BECKON_REQUIRE_KUBERNETES") and kube_tools.built("kube-apiserver") is None:
            pytest.skip("kube-apiserver is not built: `make kubernetes` builds it once and runs this test")
        with kube_server.running() as server:
            for file in kube_schemas.custom_definitions(kube_tools.schemas()):
                assert server.apply(kube_schemas.read(file)).status == 201
            _await_kinds(server)
            assert server.apply(of_kind(rendered("base"), "Namespace")[0]).status == 201
            yield server
    except BeckonError as error:
        pytest.fail(str(error), pytrace=False)


def _await_kinds(server: ApiServer) -> None:
    user = named(rendered("overlays/prod"), "KafkaUser", "beckon-mirror")
    for _ in range(100):
        if server.try_out(user).message != "kafka.strimzi.io/v1 has no kind KafkaUser":
            return
        time.sleep(0.1)


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_manifest_is_right_by_the_strict_schema_of_its_kind(folder: str) -> None:
    found = {
        f"{one['kind']} {one['metadata']['name']}": faults
        for one in rendered(folder)
        if (faults := kube_schemas.faults(one))
    }
    assert found == {}


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_real_api_server_takes_every_manifest_and_warns_of_nothing(folder: str, api: ApiServer) -> None:
    for manifest in rendered(folder):
        answer = api.try_out(manifest)
        assert answer.status in {200, 201}, f"{manifest['kind']}: {answer.message}"
        assert answer.warnings == []


@pytest.mark.parametrize("folder", OVERLAYS)
def test_a_real_api_server_lets_our_pods_into_a_restricted_namespace(folder: str, api: ApiServer) -> None:
    for workload in of_kind(rendered(folder), *WORKLOADS):
        answer = api.try_pod(_pod(workload), "beckon")
        assert (answer.status, answer.warnings) == (201, []), answer.message


Fault = Callable[[Manifest], None]


def _typo(manifest: Manifest) -> None:
    container_of(manifest)["livenessProb"] = container_of(manifest).pop("livenessProbe")


def _wrong_type(manifest: Manifest) -> None:
    manifest["spec"]["replicas"] = "two"


def _removed(manifest: Manifest) -> None:
    manifest["apiVersion"] = manifest["apiVersion"].replace("v1", "v1beta1")


def _old_strimzi(manifest: Manifest) -> None:
    manifest["apiVersion"] = "kafka.strimzi.io/v1beta2"


def _partitions_as_text(manifest: Manifest) -> None:
    manifest["spec"]["partitions"] = "twelve"


def _unknown_operation(manifest: Manifest) -> None:
    manifest["spec"]["authorization"]["acls"][0]["operations"] = ["Reed"]


def _old_acl_field(manifest: Manifest) -> None:
    manifest["spec"]["authorization"]["acls"][0]["operation"] = "Read"  # gone with v1


def _replica_typo(manifest: Manifest) -> None:
    manifest["spec"]["minReplicas"] = manifest["spec"].pop("minReplicaCount")


def _number_as_text(manifest: Manifest) -> None:
    manifest["spec"]["maxReplicaCount"] = "twelve"


def _port_as_number(manifest: Manifest) -> None:
    manifest["spec"]["podMetricsEndpoints"][0]["port"] = 9464


def _rule_typo(manifest: Manifest) -> None:
    manifest["spec"]["groups"][0]["rules"][0]["expression"] = "up"


FAULTS = (
    ("StatefulSet", "beckon-worker", _typo, "livenessProb"),
    ("StatefulSet", "beckon-worker", _wrong_type, "replicas"),
    ("StatefulSet", "beckon-worker", _removed, "StatefulSet"),
    ("PodDisruptionBudget", "beckon-worker", _removed, "PodDisruptionBudget"),
    ("KafkaTopic", "clicks", _old_strimzi, "KafkaTopic"),
    ("KafkaTopic", "clicks", _partitions_as_text, "partitions"),
    ("KafkaUser", "beckon-worker", _unknown_operation, "operations"),
    ("KafkaUser", "beckon-worker", _old_acl_field, "operation"),
    ("ScaledObject", "beckon-worker", _replica_typo, "minReplicas"),
    ("ScaledObject", "beckon-worker", _number_as_text, "maxReplicaCount"),
    ("PodMonitor", "beckon", _port_as_number, "port"),
    ("PrometheusRule", "beckon", _rule_typo, "expression"),
)
each_fault = pytest.mark.parametrize(("kind", "name", "plant", "named_in_fault"), FAULTS)


@each_fault
def test_the_schemas_find_a_planted_fault(kind: str, name: str, plant: Fault, named_in_fault: str) -> None:
    manifest = named(rendered("overlays/prod"), kind, name)
    plant(manifest)
    faults = kube_schemas.faults(manifest)
    assert len(faults) >= 1
    assert named_in_fault in " ".join(faults)


@each_fault
def test_a_real_api_server_finds_a_planted_fault(
    kind: str, name: str, plant: Fault, named_in_fault: str, api: ApiServer
) -> None:
    manifest = named(rendered("overlays/prod"), kind, name)
    plant(manifest)
    answer = api.try_out(manifest)
    assert answer.status in {400, 404, 422, 500}
    assert named_in_fault in answer.message


def test_only_the_server_knows_that_a_selector_misses_its_own_pods(api: ApiServer) -> None:
    worker = named(rendered("base"), "StatefulSet", "beckon-worker")
    worker["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/component"] = "wroker"
    assert kube_schemas.faults(worker) == []
    answer = api.try_out(worker)
    assert answer.status == 422
    assert "`selector` does not match template `labels`" in answer.message


@pytest.mark.parametrize("loosened", ["runAsNonRoot", "seccompProfile"])
def test_a_restricted_namespace_refuses_a_pod_that_is_less_restricted(loosened: str, api: ApiServer) -> None:
    worker = named(rendered("base"), "StatefulSet", "beckon-worker")
    del pod_of(worker)["securityContext"][loosened]
    answer = api.try_pod(_pod(worker), "beckon")
    assert answer.status == 403
    assert loosened in answer.message
    assert any("restricted" in warning for warning in api.try_out(worker).warnings)


def test_prometheus_takes_the_configuration_of_the_compose_file() -> None:
    said = promtool("check", "config", "--syntax-only", str(ROOT / "compose" / "prometheus.yaml"))
    assert "SUCCESS" in said


def _pod(workload: Manifest) -> Manifest:
    """Return a pod as its controller would make it."""
    spec = pod_of(workload)
    for claim in workload["spec"].get("volumeClaimTemplates", []):
        name = claim["metadata"]["name"]
        spec["volumes"].append({"name": name, "persistentVolumeClaim": {"claimName": f"{name}-0"}})
    meta = {"name": "one", "namespace": "beckon", "labels": pod_labels(workload)}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}
