"""Ports, probes, deadlines, rights and selectors of the pods, against what the code does."""

from collections.abc import Iterator
from itertools import product
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from streams import worker
from streams.health import HealthServer
from streams.metrics import Metrics
from streams.mirror import run as mirror
from streams.settings import MetricsSettings, load
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
    settings_of,
    walk,
)

NAMES = ("beckon-worker", "beckon-mirror", "beckon-topics")
each_pod = pytest.mark.parametrize(("folder", "name"), list(product(OVERLAYS, NAMES)))
each_server = pytest.mark.parametrize(("folder", "name"), list(product(OVERLAYS, NAMES[:2])))
each_folder = pytest.mark.parametrize("folder", OVERLAYS)


def workload(folder: str, name: str) -> Manifest:
    [found] = [one for one in of_kind(rendered(folder), *WORKLOADS) if one["metadata"]["name"] == name]
    return found


@pytest.fixture(scope="module")
def answers() -> Iterator[str]:
    """The address of the server that answers probes."""
    health = HealthServer(MetricsSettings(port=0), Metrics(), lambda: True, lambda: False)
    yield health.address
    health.close()


@each_folder
def test_the_three_parts_run_in_every_overlay(folder: str) -> None:
    found = {one["metadata"]["name"] for one in of_kind(rendered(folder), *WORKLOADS)}
    assert found == {"beckon-worker", "beckon-mirror", "beckon-topics"}


@each_server
def test_probes_ask_the_paths_and_the_port_on_which_the_part_answers(
    folder: str, name: str, answers: str
) -> None:
    one = workload(folder, name)
    container = container_of(one)
    [port] = container["ports"]
    settings = load(env=settings_of(rendered(folder), one))
    assert (port["name"], port["containerPort"]) == ("metrics", settings.metrics.port)
    asked = {
        probe: container[probe]["httpGet"]["path"]
        for probe in ("startupProbe", "livenessProbe", "readinessProbe")
    }
    assert {container[probe]["httpGet"]["port"] for probe in asked} == {"metrics"}
    assert _said(answers + asked["readinessProbe"]) == (200, b"ready\n")
    assert _said(answers + asked["livenessProbe"]) == (503, b"stuck\n")
    assert _said(answers + asked["startupProbe"]) == (503, b"stuck\n")


def _said(url: str) -> tuple[int, bytes]:
    try:
        with urlopen(url, timeout=5) as answer:
            return answer.status, answer.read()
    except HTTPError as error:
        return error.code, error.read()


@each_server
def test_a_part_that_is_stuck_by_its_own_measure_is_restarted_and_not_sooner(folder: str, name: str) -> None:
    container = container_of(workload(folder, name))
    live, start = container["livenessProbe"], container["startupProbe"]
    assert live["periodSeconds"] * live["failureThreshold"] == 30  # after STUCK_S has made /live say no
    assert worker.STUCK_S == mirror.STUCK_S == 60.0
    assert start["periodSeconds"] * start["failureThreshold"] >= 120


@each_folder
def test_the_worker_has_longer_to_stop_than_it_grants_itself(folder: str) -> None:
    pod = pod_of(workload(folder, "beckon-worker"))
    assert worker.STOP_S == 20.0
    assert pod["terminationGracePeriodSeconds"] == 60  # at least twice STOP_S


@each_folder
def test_the_worker_stops_and_starts_within_what_its_group_and_its_model_may_take(folder: str) -> None:
    manifests = rendered(folder)
    one = workload(folder, "beckon-worker")
    settings = load(env=settings_of(manifests, one))
    grace = pod_of(one)["terminationGracePeriodSeconds"]
    assert settings.kafka.session_timeout_s < worker.STOP_S < grace
    assert settings.kafka.session_timeout_s / 2 < worker.STOP_S  # what lanes may take to finish


@each_folder
def test_the_mirror_has_longer_to_stop_than_one_answer_of_redis_may_take(folder: str) -> None:
    one = workload(folder, "beckon-mirror")
    settings = load(env=settings_of(rendered(folder), one))
    assert pod_of(one)["terminationGracePeriodSeconds"] == 30
    assert settings.redis.timeout_s * 3 + settings.mirror.back_off_max_s < 30


@each_pod
def test_pods_have_no_right_that_they_do_not_need(folder: str, name: str) -> None:
    pod = pod_of(workload(folder, name))
    container = container_of(workload(folder, name))
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == 10001
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    account = named(rendered(folder), "ServiceAccount", pod["serviceAccountName"])
    assert account["automountServiceAccountToken"] is False


@each_pod
def test_no_service_of_the_namespace_becomes_a_variable_beside_our_settings(folder: str, name: str) -> None:
    assert pod_of(workload(folder, name))["enableServiceLinks"] is False


@each_pod
def test_pods_ask_for_what_they_need_and_only_memory_is_limited(folder: str, name: str) -> None:
    resources = container_of(workload(folder, name))["resources"]
    assert {"cpu", "memory", "ephemeral-storage"} <= resources["requests"].keys()
    assert {"memory", "ephemeral-storage"} <= resources["limits"].keys()
    assert "cpu" not in resources["limits"]  # a worker that is paused loses its partitions


@each_pod
def test_a_worker_is_never_given_more_memory_than_it_asked_for(folder: str, name: str) -> None:
    resources = container_of(workload(folder, name))["resources"]
    if name == "beckon-worker":
        assert resources["requests"]["memory"] == resources["limits"]["memory"]


@each_pod
def test_images_are_of_this_version(folder: str, name: str) -> None:
    version = next(
        line.split('"')[1]
        for line in (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
        if line.startswith("version = ")
    )
    tag = f"{version}-gpu" if folder == "overlays/prod-gpu" else version
    assert container_of(workload(folder, name))["image"] == f"beckon:{tag}"


@each_pod
def test_workloads_select_the_pods_they_make(folder: str, name: str) -> None:
    one = workload(folder, name)
    if one["kind"] != "Job":
        assert one["spec"]["selector"]["matchLabels"] == pod_labels(one)


@each_folder
def test_every_other_selector_finds_the_pods_it_is_meant_for(folder: str) -> None:
    manifests = rendered(folder)
    workers, mirrors = (workload(folder, name) for name in ("beckon-worker", "beckon-mirror"))
    service = named(manifests, "Service", "beckon-worker")
    assert service["spec"]["selector"] == pod_labels(workers)
    assert workers["spec"]["serviceName"] == "beckon-worker"
    for name, one in (("beckon-worker", workers), ("beckon-mirror", mirrors)):
        budget = named(manifests, "PodDisruptionBudget", name)
        assert budget["spec"]["selector"] == {"matchLabels": pod_labels(one)}
        assert budget["spec"]["maxUnavailable"] == 1
    for constraint in pod_of(workers)["topologySpreadConstraints"]:
        assert constraint["labelSelector"] == {"matchLabels": pod_labels(workers)}


@each_pod
def test_every_mount_has_its_volume_and_every_volume_its_mount(folder: str, name: str) -> None:
    one = workload(folder, name)
    claims = [claim["metadata"]["name"] for claim in one["spec"].get("volumeClaimTemplates", [])]
    volumes = [volume["name"] for volume in pod_of(one).get("volumes", [])]
    mounts = [mount["name"] for mount in container_of(one).get("volumeMounts", [])]
    assert sorted(mounts) == sorted(claims + volumes)


@each_pod
def test_every_map_that_a_pod_names_is_made(folder: str, name: str) -> None:
    made = {one["metadata"]["name"] for one in of_kind(rendered(folder), "ConfigMap")}
    named_maps = [
        value["configMapRef"]["name"] if "configMapRef" in value else value["configMap"]["name"]
        for value in walk(pod_of(workload(folder, name)))
        if isinstance(value, dict) and ("configMapRef" in value or "configMap" in value)
    ]
    assert set(named_maps) <= made
    assert len(named_maps) >= 1


def test_the_gpu_overlay_asks_for_one_gpu_and_says_cuda() -> None:
    one = workload("overlays/prod-gpu", "beckon-worker")
    assert container_of(one)["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert pod_of(one)["tolerations"] == [
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    ]
    settings = load(env=settings_of(rendered("overlays/prod-gpu"), one))
    assert settings.models.provider == "cuda"
    prod = rendered("overlays/prod")
    without = load(env=settings_of(prod, named(prod, "StatefulSet", "beckon-worker")))
    assert without.models.provider == "auto"


def test_a_claim_outlives_the_set_but_not_a_worker_that_is_no_longer_wanted() -> None:
    one = workload("base", "beckon-worker")
    assert one["spec"]["persistentVolumeClaimRetentionPolicy"] == {
        "whenDeleted": "Retain",
        "whenScaled": "Delete",
    }


def test_the_namespace_is_restricted() -> None:
    [namespace] = of_kind(rendered("base"), "Namespace")
    labels = namespace["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
