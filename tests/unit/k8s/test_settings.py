"""Every BECKON_ variable in the manifests is a setting, and every file and secret it names is mounted."""

from pathlib import PurePosixPath

import pytest

from processors.campaigns import compile_campaigns
from schemas.campaign_file import load_campaigns
from schemas.errors import SettingsError
from streams.parts import policy_of
from streams.settings import load
from tests.support.manifests import (
    OVERLAYS,
    ROOT,
    WORKLOADS,
    Manifest,
    container_of,
    named,
    of_kind,
    pod_of,
    rendered,
    settings_of,
    walk,
)

each_folder = pytest.mark.parametrize("folder", OVERLAYS)


@each_folder
def test_every_variable_of_every_pod_is_a_setting_with_a_right_value(folder: str) -> None:
    manifests = rendered(folder)
    for workload in of_kind(manifests, *WORKLOADS):
        variables = settings_of(manifests, workload)
        assert all(name.startswith("BECKON_") for name in variables)
        assert load(env=variables).metrics.host == "0.0.0.0"


@each_folder
@pytest.mark.parametrize("map_name", ["beckon-settings", "beckon-mirror-settings"])
def test_every_key_of_the_maps_is_a_setting_by_itself(folder: str, map_name: str) -> None:
    [found] = [
        one
        for one in of_kind(rendered(folder), "ConfigMap")
        if one["metadata"]["name"].rpartition("-")[0] == map_name
    ]
    for key, value in found["data"].items():
        load(env={key: value})


def test_a_key_with_a_typing_error_would_be_found() -> None:
    [found] = [
        one
        for one in of_kind(rendered("base"), "ConfigMap")
        if one["metadata"]["name"].startswith("beckon-settings")
    ]
    with pytest.raises(SettingsError, match=r"topics\.partition: is not a setting"):
        load(env={**found["data"], "BECKON_TOPICS_PARTITION": "12"})


def test_service_links_would_have_been_refused_by_the_settings() -> None:
    with pytest.raises(SettingsError, match=r"worker\.service_host: is not a setting"):
        load(env={"BECKON_WORKER_SERVICE_HOST": "10.0.0.7"})


@each_folder
def test_files_that_the_settings_name_are_mounted_and_folders_that_are_written_to_can_be(folder: str) -> None:
    manifests = rendered(folder)
    worker = named(manifests, "StatefulSet", "beckon-worker")
    settings = load(env=settings_of(manifests, worker))
    mounts = {mount["mountPath"]: mount for mount in container_of(worker)["volumeMounts"]}
    assert mounts[str(PurePosixPath(settings.campaigns.file).parent)]["readOnly"] is True
    assert mounts[settings.worker.data_dir].get("readOnly", False) is False
    if settings.models.tags:
        assert mounts[settings.models.dir]["readOnly"] is True
    if settings.kafka.ssl_ca_file:
        assert mounts[str(PurePosixPath(settings.kafka.ssl_ca_file).parent)]["readOnly"] is True


@each_folder
def test_the_campaigns_that_are_mounted_pass_their_check(folder: str) -> None:
    [found] = [
        one
        for one in of_kind(rendered(folder), "ConfigMap")
        if one["metadata"]["name"].startswith("beckon-campaigns")
    ]
    settings = load(env={})
    campaigns = load_campaigns(found["data"]["campaigns.yaml"], "campaigns.yaml")
    compile_campaigns(campaigns, policy_of(settings.profile), settings.shop.currency)
    assert len(campaigns.campaigns) == (1 if folder == "overlays/dev" else 0)


@each_folder
def test_secrets_come_by_reference_and_none_is_written_down(folder: str) -> None:
    manifests = rendered(folder)
    assert of_kind(manifests, "Secret") == []
    for workload in of_kind(manifests, *WORKLOADS):
        for variable in container_of(workload).get("env", []):
            is_secret = any(word in variable["name"] for word in ("PASSWORD", "LOG_KEY"))
            assert is_secret == ("valueFrom" in variable)
    for one in of_kind(manifests, "ConfigMap"):
        assert not any("PASSWORD" in key or "LOG_KEY" in key for key in one["data"])


def test_outside_a_laptop_a_missing_secret_stops_the_start() -> None:
    for folder in ("base", "overlays/prod", "overlays/prod-gpu"):
        for workload in of_kind(rendered(folder), *WORKLOADS):
            references = [
                value["secretKeyRef"]
                for value in walk(pod_of(workload))
                if isinstance(value, dict) and "secretKeyRef" in value
            ]
            assert not any(reference.get("optional") for reference in references)


def test_prod_speaks_to_kafka_and_redis_by_tls_and_with_a_password() -> None:
    manifests = rendered("overlays/prod")
    for workload in of_kind(manifests, *WORKLOADS):
        settings = load(env=settings_of(manifests, workload))
        assert settings.kafka.security_protocol == "SASL_SSL"
        assert settings.kafka.sasl_mechanism == "SCRAM-SHA-512"
        assert settings.kafka.sasl_username == workload["metadata"]["name"]
        assert settings.kafka.sasl_password == "secret"
    mirror: Manifest = named(manifests, "Deployment", "beckon-mirror")
    redis = load(env=settings_of(manifests, mirror)).redis
    assert (redis.url, redis.username, redis.password) == (
        "rediss://redis.redis:6380/0",
        "beckon-mirror",
        "secret",
    )


def test_dashboards_are_mounted_as_they_are() -> None:
    for name in ("late", "losing", "model", "sent"):
        found = named(rendered("overlays/prod"), "ConfigMap", f"beckon-dashboard-{name}")
        assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
        file = ROOT / "k8s" / "dashboards" / f"{name}.json"
        assert found["data"] == {file.name: file.read_text(encoding="utf-8")}
