"""Strict schemas of Kubernetes' own kinds and of the operators' kinds, from the files that define them.

Strict: a field that a kind does not know is a fault, as it is for `kubectl apply --validate=strict`.
"""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from ruamel.yaml import YAML

from tests.support import kube_tools

_META = "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
Kind = tuple[str, str]


def faults(manifest: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a manifest, each fault with its path; [] when it is right."""
    kind = (str(manifest.get("apiVersion")), str(manifest.get("kind")))
    validator = _validators().get(kind)
    if validator is None:
        return [f"{kind[0]} has no kind {kind[1]}"]
    found = validator.iter_errors(manifest)
    return [f"{'.'.join(str(part) for part in one.absolute_path)}: {one.message[:200]}" for one in found]


@cache
def _validators() -> dict[Kind, Draft202012Validator]:
    found: dict[Kind, Draft202012Validator] = {}
    folder = kube_tools.schemas()
    core = kube_tools.folder_of(folder, kube_tools.KUBERNETES)
    registry: Registry[Any] = Registry()
    for file in sorted(core.glob("*.json")):
        schemas = json.loads(file.read_text(encoding="utf-8")).get("components", {}).get("schemas", {})
        _close(schemas)
        uri = f"core:{file.name}"
        contents = {"components": {"schemas": schemas}}
        registry = registry.with_resource(uri, Resource(contents, DRAFT202012))
        for name, schema in schemas.items():
            for kind in _kinds_of(schema):
                reference = {"$ref": f"{uri}#/components/schemas/{name}"}
                found.setdefault(kind, Draft202012Validator(reference, registry=registry))
    core_registry = registry
    for kind, schema in _custom(folder):
        _close(schema)
        meta = {"$ref": f"core:api__v1_openapi.json{_META}"}
        schema["properties"] |= {"metadata": meta}
        found[kind] = Draft202012Validator(schema, registry=core_registry)
    return {kind: Draft202012Validator(one.schema, registry=core_registry) for kind, one in found.items()}


def _kinds_of(schema: Mapping[str, Any]) -> Iterator[Kind]:
    for one in schema.get("x-kubernetes-group-version-kind", []):
        group = f"{one['group']}/" if one["group"] else ""
        yield f"{group}{one['version']}", one["kind"]


def _custom(folder: Path) -> Iterator[tuple[Kind, dict[str, Any]]]:
    for file in custom_definitions(folder):
        spec = read(file)["spec"]
        for version in spec["versions"]:
            if version["served"]:
                yield (
                    (f"{spec['group']}/{version['name']}", spec["names"]["kind"]),
                    version["schema"]["openAPIV3Schema"],
                )


def custom_definitions(folder: Path) -> list[Path]:
    """Return the files of all CustomResourceDefinitions."""
    return sorted(folder.glob("*/*.yaml"))


def read(file: Path) -> Any:
    """Return the one document of a YAML file."""
    return YAML(typ="safe").load(file.read_text(encoding="utf-8"))


def _close(schema: Any) -> None:
    """Turn an OpenAPI schema into a JSON Schema that refuses unknown fields, in place."""
    if isinstance(schema, list):
        for one in schema:
            _close(one)
        return
    if not isinstance(schema, dict):
        return
    for one in schema.values():
        _close(one)
    if schema.get("x-kubernetes-int-or-string") is True:
        schema.pop("type", None)
        schema["anyOf"] = [{"type": "integer"}, {"type": "string"}]
    if schema.get("nullable") is True and isinstance(schema.get("type"), str):
        schema["type"] = [schema["type"], "null"]
    # `properties` may itself be the name of a field.
    is_object = isinstance(schema.get("properties"), dict) and schema.get("type", "object") == "object"
    if is_object and schema.get("x-kubernetes-preserve-unknown-fields") is not True:
        schema.setdefault("additionalProperties", False)
