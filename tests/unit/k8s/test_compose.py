"""The compose file: by its schema, and its ports, files, settings and images against everything else."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from schemas.errors import BeckonError
from streams import kafka_jars, worker
from streams.settings import load
from tests.support import kube_tools
from tests.support.manifests import ROOT

OURS = ("topics", "worker", "mirror", "shop")
THEIRS = ("kafka", "redis", "prometheus", "grafana")


def read(name: str) -> Any:
    return YAML(typ="safe").load((ROOT / name).read_text(encoding="utf-8"))


COMPOSE = read("compose.yaml")
SERVICES: dict[str, Any] = COMPOSE["services"]


def faults(compose: Any) -> list[str]:
    """Return what is wrong by the schema of the compose specification."""
    try:
        folder = kube_tools.folder_of(kube_tools.schemas(), kube_tools.COMPOSE)
    except BeckonError as error:
        pytest.fail(str(error), pytrace=False)
    schema = json.loads((folder / "compose-spec.json").read_text(encoding="utf-8"))
    return [error.message for error in Draft202012Validator(schema).iter_errors(compose)]


def test_it_is_right_by_the_schema() -> None:
    assert faults(COMPOSE) == []


@pytest.mark.parametrize(
    ("service", "key", "value"),
    [("worker", "read_onyl", True), ("kafka", "ports", 9094), ("mirror", "depends_on", {"redis": "healthy"})],
)
def test_the_schema_finds_a_planted_fault(service: str, key: str, value: object) -> None:
    broken = read("compose.yaml")
    broken["services"][service][key] = value
    assert len(faults(broken)) >= 1


def test_all_parts_are_there() -> None:
    assert set(SERVICES) == {*OURS, *THEIRS}


@pytest.mark.parametrize("name", OURS)
def test_our_parts_run_without_rights_on_a_root_that_nobody_writes_to(name: str) -> None:
    service = SERVICES[name]
    assert (service["user"], service["read_only"], service["cap_drop"]) == ("10001:10001", True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("name", OURS)
def test_every_variable_is_a_setting_and_every_file_it_names_is_mounted(name: str) -> None:
    service = SERVICES[name]
    settings = load(env=service["environment"])
    mounts = dict(mount.split(":")[1::-1] for mount in service["volumes"])
    assert mounts[settings.campaigns.file] == "./examples/campaigns.yaml"
    assert mounts[settings.models.dir] == "./models"
    for source in mounts.values():
        assert (ROOT / source).exists()
    assert settings.worker.data_dir in " ".join(SERVICES["worker"]["tmpfs"])


@pytest.mark.parametrize("name", THEIRS)
def test_files_that_other_programs_get_exist(name: str) -> None:
    for mount in SERVICES[name].get("volumes", []):
        if mount.startswith("./"):
            assert (ROOT / mount.split(":")[0]).exists()
            assert mount.endswith(":ro")


def test_nothing_listens_beyond_this_machine() -> None:
    for service in SERVICES.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


def test_parts_find_one_another_by_the_ports_they_listen_on() -> None:
    settings = load(env=SERVICES["worker"]["environment"])
    kafka = SERVICES["kafka"]["environment"]
    assert f"INSIDE://{settings.kafka.servers}" in kafka["KAFKA_ADVERTISED_LISTENERS"]
    assert settings.redis.url == "redis://redis:6379/0"
    [scraped] = read("compose/prometheus.yaml")["scrape_configs"]
    assert "beckon" in scraped["job_name"]
    assert scraped["dns_sd_configs"] == [
        {"names": ["worker", "mirror"], "type": "A", "port": settings.metrics.port, "refresh_interval": "10s"}
    ]
    for name in ("worker", "mirror"):
        assert f"http://127.0.0.1:{settings.metrics.port}/live" in SERVICES[name]["healthcheck"]["test"][-1]


def test_the_worker_has_longer_to_stop_than_it_grants_itself() -> None:
    assert worker.STOP_S == 20.0
    assert SERVICES["worker"]["stop_grace_period"] == "60s"


def test_kafka_is_the_one_of_the_tests_and_makes_no_topic_by_itself() -> None:
    assert SERVICES["kafka"]["image"] == f"docker.io/apache/kafka:{kafka_jars.VERSION}"
    assert SERVICES["kafka"]["environment"]["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


def test_kafkas_variables_are_properties_that_the_broker_of_the_tests_has_too() -> None:
    own = {line.partition("=")[0] for line in kafka_jars.PROPERTIES.splitlines()}
    variables = set(SERVICES["kafka"]["environment"]) - {"KAFKA_HEAP_OPTS"}
    asked = {name.removeprefix("KAFKA_").lower().replace("_", ".") for name in variables}
    assert asked <= own


def test_images_name_a_version() -> None:
    for service in SERVICES.values():
        assert re.fullmatch(r"[a-z0-9./-]+:v?\d+\.\d+[\w.-]*", service["image"])


def test_prometheus_reads_the_rules_that_are_mounted() -> None:
    [rules] = read("compose/prometheus.yaml")["rule_files"]
    assert f"./k8s/alerts/beckon.yaml:/etc/prometheus/{rules}:ro" in SERVICES["prometheus"]["volumes"]


def test_grafana_finds_prometheus_and_the_dashboards() -> None:
    [source] = read("compose/grafana/datasources/prometheus.yaml")["datasources"]
    assert (source["type"], source["url"]) == ("prometheus", "http://prometheus:9090")
    [provider] = read("compose/grafana/dashboards/beckon.yaml")["providers"]
    path = provider["options"]["path"]
    assert f"./k8s/dashboards:{path}:ro" in SERVICES["grafana"]["volumes"]
    assert "./compose/grafana:/etc/grafana/provisioning:ro" in SERVICES["grafana"]["volumes"]
    assert len(list(Path(ROOT / "k8s" / "dashboards").glob("*.json"))) == 4
