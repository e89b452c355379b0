"""The Kubernetes manifests, held against Kubernetes' own schemas and against the code: no cluster is started here."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from app.access.rules import OPEN
from app.store.ledger import CONNECTIONS, SPARE_CONNECTIONS
from tests.deploy.files import DEPLOY, document, documents
from tests.deploy.settings import is_setting
from tests.deploy.test_containers import VERSION

KUBERNETES = DEPLOY / "kubernetes"
OVERLAYS = sorted((KUBERNETES / "overlays").iterdir())
Object = dict[str, Any]


@cache
def objects(folder: Path) -> dict[tuple[str, str], Object]:
    """The objects of a kustomization by kind and name, with its patches in them."""
    kustomization = document(folder / "kustomization.yaml")
    found: dict[tuple[str, str], Object] = {}
    for name in kustomization["resources"]:
        path = folder / name
        if path.is_dir():
            found |= copy.deepcopy(objects(path.resolve()))
        else:
            found |= {(each["kind"], each["metadata"]["name"]): each for each in documents(path)}
    for patch in kustomization.get("patches", []):
        for each in documents(folder / patch["path"]):
            merge(found[each["kind"], each["metadata"]["name"]], each)
    return found


def merge(into: Object, patch: Object) -> None:
    for name, value in patch.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            merge(into[name], value)
        else:
            into[name] = value


ALL = [
    pytest.param(each, id=f"{folder.name}-{kind}-{name}")
    for folder in OVERLAYS
    for (kind, name), each in objects(folder).items()
]


def pods(folder: Path) -> Iterator[tuple[str, Object]]:
    for (kind, name), each in objects(folder).items():
        if kind in ("Deployment", "Job"):
            yield name, each["spec"]["template"]
        if kind == "CronJob":
            yield name, each["spec"]["jobTemplate"]["spec"]["template"]


PODS = [pytest.param(pod, id=f"{folder.name}-{name}") for folder in OVERLAYS for name, pod in pods(folder)]


def settings(folder: Path) -> dict[str, str]:
    kustomization = document(folder / "kustomization.yaml")
    found: dict[str, str] = {}
    for name in kustomization["resources"]:
        if (folder / name).is_dir():
            found |= settings(folder / name)
    for each in kustomization["configMapGenerator"]:
        assert each["name"] == "onestop"
        found |= dict(literal.split("=", 1) for literal in each["literals"])
    return found


@pytest.mark.parametrize("given", ALL)
def test_kubernetes_knows_every_field(given: Object) -> None:
    kubernetes_validate.validate(given, kubernetes_validate.latest_version(), strict=True)


def test_a_field_that_kubernetes_does_not_know_is_found() -> None:
    given = copy.deepcopy(objects(KUBERNETES / "base")["Deployment", "onestop"])
    given["spec"]["template"]["spec"]["containers"][0]["securityContex"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(given, kubernetes_validate.latest_version(), strict=True)


def test_there_is_all_that_was_promised() -> None:
    kinds = {"ServiceAccount", "Deployment", "Service", "PodDisruptionBudget", "HorizontalPodAutoscaler"}
    kinds |= {"NetworkPolicy", "Job", "CronJob"}
    assert {kind for kind, _ in objects(KUBERNETES / "base")} == kinds
    files = {path.name for path in (KUBERNETES / "base").iterdir()} - {"kustomization.yaml"}
    assert files == set(document(KUBERNETES / "base" / "kustomization.yaml")["resources"])
    for folder in OVERLAYS:
        assert {kind for kind, _ in objects(folder)} == {*kinds, "Namespace"}


@pytest.mark.parametrize("pod", PODS)
def test_a_pod_has_no_more_rights_than_it_needs(pod: Object) -> None:
    spec = pod["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "runAsGroup": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
    kinds = {volume["name"]: set(volume) - {"name"} for volume in spec["volumes"]}
    packs = {"packs": {"configMap"}} if is_service(pod) else {}
    assert kinds == {"tmp": {"emptyDir"}, **packs}
    (container,) = spec["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["image"] == f"onestop:{VERSION}"
    assert set(container["resources"]) == {"requests", "limits"}
    assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("pod", PODS)
def test_a_pod_takes_its_secrets_from_the_secret_and_its_settings_from_the_map(pod: Object) -> None:
    (container,) = pod["spec"]["containers"]
    needed: set[str] = set()
    optional: set[str] = set()
    for variable in container["env"]:
        name = variable["name"]
        assert is_setting(name)
        if name == "ONESTOP_PACKS_DIR":
            continue
        source = variable["valueFrom"]["secretKeyRef"]
        assert (source["name"], source["key"]) == ("onestop", name)
        (optional if source.get("optional") else needed).add(name)
    assert needed == {"ONESTOP_DATABASE_URL", "ONESTOP_PII_KEY"}
    # The service alone looks for a person, and asks a replica.
    assert optional == ({"ONESTOP_PII_EARLIER_KEYS", "ONESTOP_READ_DATABASE_URL"} if is_service(pod) else set())
    assert container["envFrom"] == [{"configMapRef": {"name": "onestop"}}]


def is_service(pod: Object) -> bool:
    return bool(pod["metadata"]["labels"]["app.kubernetes.io/component"] == "service")


def test_packs_of_ones_own_are_mounted_where_the_service_looks_and_may_be_missing() -> None:
    spec = objects(KUBERNETES / "base")["Deployment", "onestop"]["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    (told,) = [each["value"] for each in container["env"] if each["name"] == "ONESTOP_PACKS_DIR"]
    mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    assert mounts["packs"] == told
    # Without the map the folder is empty, and there: without a folder the service would not start.
    assert [each["configMap"] for each in spec["volumes"] if each["name"] == "packs"] == [
        {"name": "onestop-packs", "optional": True}
    ]


@pytest.mark.parametrize("folder", OVERLAYS, ids=lambda path: path.name)
def test_the_connections_that_are_asked_for_are_enough(folder: Path) -> None:
    found = objects(folder)
    (container,) = found["Deployment", "onestop"]["spec"]["template"]["spec"]["containers"]
    workers = int(container["args"][container["args"].index("--workers") + 1])
    pods_at_most = found["HorizontalPodAutoscaler", "onestop"]["spec"]["maxReplicas"] + 5
    (said,) = re.findall(r"max_connections of (\d+)", (folder / "kustomization.yaml").read_text("utf-8"))
    assert pods_at_most * workers * (CONNECTIONS + SPARE_CONNECTIONS) + 13 <= int(said)


@pytest.mark.parametrize("folder", OVERLAYS, ids=lambda path: path.name)
def test_every_setting_is_one_and_no_secret(folder: Path) -> None:
    found = settings(folder)
    assert len(found) == 3
    assert all(map(is_setting, found))
    assert not [name for name in found if "KEY" in name or "URL" in name]


def test_probes_ask_routes_that_are_open_and_a_lost_database_restarts_nobody() -> None:
    (container,) = objects(KUBERNETES / "base")["Deployment", "onestop"]["spec"]["template"]["spec"]["containers"]
    probes = {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert {each["port"] for each in probes.values()} == {container["ports"][0]["name"]}
    assert all(("GET", each["path"]) in OPEN for each in probes.values())
    assert {name: each["path"] for name, each in probes.items()} == {
        "startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz",
    }  # fmt: skip


def test_a_pod_that_leaves_has_the_time_for_it() -> None:
    deployment = objects(KUBERNETES / "base")["Deployment", "onestop"]["spec"]
    pod = deployment["template"]["spec"]
    drain = int(settings(KUBERNETES / "base")["ONESTOP_DRAIN_SECONDS"])
    probe = pod["containers"][0]["readinessProbe"]
    assert drain > probe["periodSeconds"] * probe["failureThreshold"] + probe["timeoutSeconds"]
    assert pod["terminationGracePeriodSeconds"] > drain + 30
    assert deployment["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    # The autoscaler says how many there are.
    assert "replicas" not in deployment


@pytest.mark.parametrize("folder", OVERLAYS, ids=lambda path: path.name)
def test_one_may_go_and_the_others_serve(folder: Path) -> None:
    found = objects(folder)
    scale = found["HorizontalPodAutoscaler", "onestop"]["spec"]
    budget = found["PodDisruptionBudget", "onestop"]["spec"]
    assert 1 <= budget["minAvailable"] < scale["minReplicas"] < scale["maxReplicas"]
    assert scale["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "onestop"}
    assert {each["type"] for each in scale["metrics"]} == {"Pods"}
    assert [each["pods"]["metric"] for each in scale["metrics"]] == [
        {"name": "onestop_queue_requests", "selector": {"matchLabels": {"queue": queue}}}
        for queue in ("ledger", "calculation")
    ]


def test_what_selects_pods_selects_some() -> None:
    found = objects(KUBERNETES / "base")
    labels = {name: pod["metadata"]["labels"] for name, pod in pods(KUBERNETES / "base")}
    service = [
        found["Service", "onestop"]["spec"]["selector"],
        found["PodDisruptionBudget", "onestop"]["spec"]["selector"]["matchLabels"],
        found["Deployment", "onestop"]["spec"]["selector"]["matchLabels"],
    ]
    for selector in service:
        assert [name for name in labels if selector.items() <= labels[name].items()] == ["onestop"]
    every = found["NetworkPolicy", "onestop"]["spec"]["podSelector"]["matchLabels"]
    assert all(every.items() <= each.items() for each in labels.values())


def test_in_comes_who_is_labelled_and_out_goes_names_and_the_ledger() -> None:
    policy = objects(KUBERNETES / "base")["NetworkPolicy", "onestop"]["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert [[port["port"] for port in rule["ports"]] for rule in policy["ingress"]] == [[8000]]
    assert all(rule["from"] for rule in policy["ingress"])
    assert [[port["port"] for port in rule["ports"]] for rule in policy["egress"]] == [[53, 53], [5432]]


def test_jobs_run_commands_that_exist() -> None:
    found = {name: pod["spec"]["containers"][0]["args"] for name, pod in pods(KUBERNETES / "base")}
    assert found["onestop-migrate"] == ["db", "upgrade"]
    assert found["onestop-replay"][0] == "replay"
    assert found["onestop"][0] == "serve"
