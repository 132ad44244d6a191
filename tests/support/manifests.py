"""What kustomize makes of our folders, as typed as it needs to be."""

import subprocess
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from schemas.errors import BeckonError
from tests.support import kube_tools

ROOT = Path(__file__).parents[2]
OVERLAYS = ("base", "overlays/dev", "overlays/prod", "overlays/prod-gpu")
#: The kinds that make pods.
WORKLOADS = ("StatefulSet", "Deployment", "Job")
Manifest = dict[str, Any]


def rendered(folder: str) -> list[Manifest]:
    """Return copies of the manifests of a folder below k8s."""
    return deepcopy(_rendered(folder))


@cache
def _rendered(folder: str) -> list[Manifest]:
    try:
        command = kube_tools.kustomize()
    except BeckonError as error:
        pytest.fail(str(error), pytrace=False)
    done = subprocess.run([*command, str(ROOT / "k8s" / folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # it warns of fields that it will drop
    return [document for document in YAML(typ="safe").load_all(done.stdout) if document]


def of_kind(manifests: list[Manifest], *kinds: str) -> list[Manifest]:
    """Return the manifests of these kinds."""
    return [one for one in manifests if one["kind"] in kinds]


def named(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    """Return the one manifest of a kind and name."""
    [found] = [one for one in of_kind(manifests, kind) if one["metadata"]["name"] == name]
    return found


def pod_of(workload: Manifest) -> Manifest:
    """Return the specification of a workload's pods."""
    found: Manifest = workload["spec"]["template"]["spec"]
    return found


def pod_labels(workload: Manifest) -> dict[str, str]:
    """Return the labels of a workload's pods."""
    found: dict[str, str] = workload["spec"]["template"]["metadata"]["labels"]
    return found


def container_of(workload: Manifest) -> Manifest:
    """Return the only container of a workload's pods."""
    [found] = pod_of(workload)["containers"]
    return found


def settings_of(manifests: list[Manifest], workload: Manifest) -> dict[str, str]:
    """Return the variables of a workload's container; a secret's value is `secret`."""
    container = container_of(workload)
    found: dict[str, str] = {}
    for source in container.get("envFrom", []):
        found |= named(manifests, "ConfigMap", source["configMapRef"]["name"])["data"]
    for variable in container.get("env", []):
        found[variable["name"]] = variable.get("value", "secret")
    return found


def selects(selector: dict[str, str], labels: dict[str, str]) -> bool:
    """Return whether `matchLabels` take something with these labels."""
    return selector.items() <= labels.items()


def walk(value: Any) -> Iterator[Any]:
    """Yield a value and all that lies in it."""
    yield value
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from walk(one)
