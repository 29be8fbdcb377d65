"""Kubernetes: the manifests start what the compose file starts, with the same secrets and no more rights."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from shared.service.probes import LIVE_PATH, READY_PATH
from shared.settings.names import variables
from tests.compose_file import read_services

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "kubernetes"
SERVICES = ("fetcher", "gateway", "mapper", "writer")
KNOWN = {variable.name for variable in variables()} | {"OCEAN__SCHEDULED_RESYNC_INTERVAL"}
KAFKA_LOGIN = {"OCEAN__KAFKA__USERNAME", "OCEAN__KAFKA__PASSWORD"}


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8")))


def pod(name: str) -> dict[str, Any]:
    (deployment,) = (one for one in documents(f"{name}.yaml") if one["kind"] == "Deployment")
    template = deployment["spec"]["template"]
    assert deployment["spec"]["selector"]["matchLabels"] == template["metadata"]["labels"]
    spec: dict[str, Any] = template["spec"]
    return spec


def container(name: str) -> dict[str, Any]:
    (one,) = pod(name)["containers"]
    assert isinstance(one, dict)
    return one


def from_secret(name: str) -> set[str]:
    """Return the variables that a service takes from the secret, each from the key of its own name."""
    keys = {one["name"]: one["valueFrom"]["secretKeyRef"] for one in container(name)["env"][1:]}
    assert all(variable == key["key"] and key["name"] == "pagerport" for variable, key in keys.items())
    return set(keys)


def given() -> dict[str, str]:
    """Return the settings that all services share."""
    generators = documents("kustomization.yaml")[0]["configMapGenerator"]
    (settings,) = (one for one in generators if one["name"] == "pagerport-settings")
    return dict(literal.split("=", 1) for literal in settings["literals"])


def test_kustomization_names_every_manifest() -> None:
    (kustomization,) = documents("kustomization.yaml")
    present = {file.name for file in FOLDER.glob("*.yaml")} - {"kustomization.yaml"}
    assert set(kustomization["resources"]) == present


def test_image_is_of_this_version() -> None:
    (kustomization,) = documents("kustomization.yaml")
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert [(one["name"], one["newTag"]) for one in kustomization["images"]] == [("pagerport", version)]


@pytest.mark.parametrize("name", SERVICES)
def test_service_is_started_as_compose_starts_it(name: str) -> None:
    composed = read_services()[name]
    assert ["pagerport", *container(name)["args"]] == composed.arguments
    assert pod(name)["terminationGracePeriodSeconds"] == composed.stop_grace_s
    assert container(name)["env"][0] == {
        "name": "OCEAN__HTTP__PORT",
        "value": composed.environment["OCEAN__HTTP__PORT"],
    }


@pytest.mark.parametrize("name", SERVICES)
def test_service_has_every_setting_it_needs_and_only_the_secrets_it_has_need_of(name: str) -> None:
    told = from_secret(name) | given().keys()
    assert told - KNOWN == set()
    # What Compose gives beside these has a default that fits; a cluster may want a login.
    wanted = read_services()[name].environment.keys()
    secrets = {one for one in wanted if one in KNOWN and one.endswith(("_ID", "TOKEN", "SECRET"))}
    assert from_secret(name) == secrets | KAFKA_LOGIN
    assert {one for one in wanted if one.endswith(("URL", "SERVERS", "IDENTIFIER"))} - told == set()


@pytest.mark.parametrize("name", SERVICES)
def test_pod_has_no_rights_and_a_read_only_root(name: str) -> None:
    spec = pod(name)
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container(name)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    user = (spec["securityContext"]["runAsUser"], spec["securityContext"]["runAsGroup"])
    assert f"USER {user[0]}:{user[1]}" in (ROOT / "Dockerfile").read_text()


@pytest.mark.parametrize("name", SERVICES)
def test_probes_ask_what_the_service_answers(name: str) -> None:
    one = container(name)
    asked = {
        probe: one[probe]["httpGet"]["path"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")
    }
    assert asked == {"startupProbe": LIVE_PATH, "livenessProbe": LIVE_PATH, "readinessProbe": READY_PATH}
    assert one["ports"] == [{"name": "http", "containerPort": int(one["env"][0]["value"])}]
