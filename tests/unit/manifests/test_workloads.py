# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server and machine learning: workers, hardware, autoscaling, a file of settings, and where pods run."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

Render = Callable[..., Any]
SERVER, JOBS, ML = "immich-server", "immich-microservices", "immich-machine-learning"


def kinds(objects: list[dict[str, Any]], kind: str) -> list[str]:
    return [item["metadata"]["name"] for item in objects if item["kind"] == kind]


def host_paths(pod: dict[str, Any]) -> dict[str, str]:
    return {volume["hostPath"]["path"]: volume["hostPath"]["type"] for volume in pod["volumes"] if "hostPath" in volume}


# --- workers ---------------------------------------------------------------


def test_one_pod_has_both_workers_unless_they_are_split(render: Render) -> None:
    objects = render("workloads")
    assert kinds(objects, "Deployment") == [ML, SERVER]
    assert not [name for name in objects.env(SERVER) if name.startswith("IMMICH_WORKERS")]


def test_split_workers_see_the_same_files_and_the_same_database(render: Render) -> None:
    objects = render("workloads", immich_workers="split", immich_server_env={"IMMICH_LOG_LEVEL": "debug"})
    assert kinds(objects, "Deployment") == [ML, SERVER, JOBS]
    api, jobs = objects.env(SERVER), objects.env(JOBS)
    assert (api.pop("IMMICH_WORKERS_INCLUDE"), jobs.pop("IMMICH_WORKERS_EXCLUDE")) == ("api", "api")
    assert api == jobs
    for part in ("image", "volumeMounts"):
        assert objects.container(SERVER)[part] == objects.container(JOBS)[part]
    assert objects.pod(SERVER)["volumes"] == objects.pod(JOBS)["volumes"]


def test_nobody_asks_the_microservices_worker_over_http(render: Render) -> None:
    """It listens on no known port: a probe would kill it for ever."""
    objects = render("workloads", immich_workers="split")
    assert not [name for name in objects.container(JOBS) if name.endswith("Probe") or name == "ports"]
    assert objects.container(SERVER)["livenessProbe"]["httpGet"]["path"] == "/api/server/ping"
    service = objects.one("Service", SERVER)["spec"]["selector"]
    assert service.items() <= objects.one("Deployment", SERVER)["spec"]["template"]["metadata"]["labels"].items()
    assert not service.items() <= objects.one("Deployment", JOBS)["spec"]["template"]["metadata"]["labels"].items()


@pytest.mark.parametrize("workers", ["unified", "split"])
def test_no_two_generations_of_a_worker_run_at_once(render: Render, workers: str) -> None:
    """A new version migrates the database: its old pods are gone by then."""
    objects = render("workloads", immich_workers=workers, immich_server_autoscaling={"min": 2, "max": 3} if workers == "split" else {})
    for name in kinds(objects, "Deployment"):
        if name != ML:
            assert objects.one("Deployment", name)["spec"]["strategy"] == {"type": "Recreate"}
    images = {objects.container(name)["image"] for name in kinds(objects, "Deployment") if name != ML}
    assert len(images) == 1


def test_the_guard_looks_where_the_scan_runs(render: Render) -> None:
    scan = [{"name": "A", "owner": "a@example.net", "import_paths": ["/mnt/photos"], "scan": {"schedule": "@daily"}}]
    for workers, name in (("unified", "server"), ("split", "microservices")):
        jobs = [item for item in render("schedules", immich_libraries=scan, immich_workers=workers) if item["kind"] == "CronJob"]
        assert jobs
        for job in jobs:
            affinity = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
            assert affinity[0]["labelSelector"]["matchLabels"]["app.kubernetes.io/name"] == name


# --- hardware --------------------------------------------------------------


def test_no_pod_has_a_device_or_a_privilege_that_nobody_asked_for(render: Render) -> None:
    objects = render("workloads", immich_workers="split")
    for name in kinds(objects, "Deployment"):
        pod, container = objects.pod(name), objects.container(name)
        assert not host_paths(pod) and "supplementalGroups" not in pod["securityContext"] and "runtimeClassName" not in pod
        assert container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
        assert "limits" not in container["resources"] and "nodeSelector" not in pod


@pytest.mark.parametrize(
    ("acceleration", "files"),
    [
        ("vaapi", {"/dev/dri": "Directory"}),
        ("qsv", {"/dev/dri": "Directory"}),
        ("rkmpp", {"/dev/dri": "Directory", "/dev/dma_heap": "Directory", "/dev/rga": "CharDevice", "/dev/mpp_service": "CharDevice"}),
    ],
)
def test_the_server_opens_device_files_of_the_node(render: Render, acceleration: str, files: dict[str, str]) -> None:
    objects = render("workloads", immich_server_acceleration=acceleration, immich_server_device_groups=[44, 104])
    pod, container = objects.pod(SERVER), objects.container(SERVER)
    assert host_paths(pod) == files
    assert {mount["mountPath"] for mount in container["volumeMounts"]} >= files.keys()
    assert container["securityContext"] == {"privileged": True}
    assert pod["securityContext"]["supplementalGroups"] == [44, 104] and pod["securityContext"]["runAsUser"] == 1000
    assert not host_paths(objects.pod(ML)) and "supplementalGroups" not in objects.pod(ML)["securityContext"]


@pytest.mark.parametrize(
    ("acceleration", "suffix", "files"),
    [
        ("rocm", "-rocm", {"/dev/dri": "Directory", "/dev/kfd": "CharDevice"}),
        ("openvino", "-openvino", {"/dev/dri": "Directory"}),
        ("rknn", "-rknn", {"/dev/dri": "Directory"}),
        ("armnn", "-armnn", {"/dev/mali0": "CharDevice", "/usr/lib/libmali.so": "File"}),
    ],
)
def test_machine_learning_opens_device_files_of_the_node(render: Render, acceleration: str, suffix: str, files: dict[str, str]) -> None:
    objects = render("workloads", immich_machine_learning_acceleration=acceleration, immich_version="v3.1.0")
    pod, container = objects.pod(ML), objects.container(ML)
    assert container["image"] == f"ghcr.io/immich-app/immich-machine-learning:v3.1.0{suffix}"
    assert host_paths(pod) == files and container["securityContext"] == {"privileged": True}
    assert pod["nodeSelector"]["kubernetes.io/arch"] == ("arm64" if acceleration in ("rknn", "armnn") else "amd64")
    assert objects.container(SERVER)["image"] == "ghcr.io/immich-app/immich-server:v3.1.0"


@pytest.mark.parametrize(
    ("changes", "name", "resource"),
    [
        ({"immich_server_acceleration": "vaapi", "immich_server_device_resource": "amd.com/gpu"}, SERVER, "amd.com/gpu"),
        ({"immich_server_acceleration": "qsv"}, SERVER, "gpu.intel.com/i915"),
        ({"immich_server_acceleration": "nvenc"}, SERVER, "nvidia.com/gpu"),
        ({"immich_machine_learning_acceleration": "cuda"}, ML, "nvidia.com/gpu"),
        ({"immich_machine_learning_acceleration": "rocm"}, ML, "amd.com/gpu"),
        ({"immich_machine_learning_acceleration": "openvino", "immich_machine_learning_device_resource": "gpu.intel.com/xe"}, ML, "gpu.intel.com/xe"),
    ],
)
def test_a_device_plugin_hands_out_the_device_without_privileges(render: Render, changes: dict[str, Any], name: str, resource: str) -> None:
    requests = {"requests": {"cpu": "1"}, "limits": {"memory": "4Gi"}}
    ways = {"immich_server_device": "plugin", "immich_machine_learning_device": "plugin"}
    objects = render("workloads", immich_server_resources=requests, immich_machine_learning_resources=requests, **ways, **changes)
    container = objects.container(name)
    assert container["resources"] == {"requests": {"cpu": "1"}, "limits": {"memory": "4Gi", resource: 1}}
    assert container["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    assert not host_paths(objects.pod(name))


@pytest.mark.parametrize("name", [SERVER, ML])
def test_a_driver_hands_out_the_device_by_a_claim(render: Render, name: str) -> None:
    variable = "immich_server" if name == SERVER else "immich_machine_learning"
    changes = {f"{variable}_acceleration": "qsv" if name == SERVER else "openvino", f"{variable}_device": "dra"}
    objects = render("workloads", **changes)
    assert kinds(objects, "ResourceClaimTemplate") == [name]
    (request,) = objects.one("ResourceClaimTemplate", name)["spec"]["spec"]["devices"]["requests"]
    assert request["exactly"] == {"deviceClassName": "gpu.intel.com"}
    (claim,) = objects.pod(name)["resourceClaims"]
    assert claim["resourceClaimTemplateName"] == name
    assert objects.container(name)["resources"]["claims"] == [{"name": claim["name"]}]
    assert not host_paths(objects.pod(name)) and "privileged" not in objects.container(name)["securityContext"]


def test_an_nvidia_gpu_comes_with_its_runtime(render: Render) -> None:
    changes = {"immich_server_acceleration": "nvenc", "immich_machine_learning_acceleration": "cuda"}
    objects = render("workloads", **changes)
    for name in (SERVER, ML):
        assert objects.pod(name)["runtimeClassName"] == "nvidia"
        assert objects.env(name)["NVIDIA_VISIBLE_DEVICES"] == "all"
        assert objects.container(name)["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    assert objects.env(SERVER)["NVIDIA_DRIVER_CAPABILITIES"] == "all"  # without video, NVENC is not among them
    assert objects.container(ML)["image"].endswith("-cuda")
    objects = render("workloads", immich_nvidia_runtime_class="", immich_server_device="plugin", **changes)
    assert "runtimeClassName" not in objects.pod(SERVER)
    assert "NVIDIA_VISIBLE_DEVICES" not in objects.env(SERVER)  # the plugin says which


def test_with_split_workers_the_one_that_transcodes_has_the_device(render: Render) -> None:
    objects = render("workloads", immich_workers="split", immich_server_acceleration="vaapi", immich_server_device_groups=[44])
    assert host_paths(objects.pod(JOBS)) and objects.container(JOBS)["securityContext"] == {"privileged": True}
    assert not host_paths(objects.pod(SERVER)) and "privileged" not in objects.container(SERVER)["securityContext"]
    assert "supplementalGroups" not in objects.pod(SERVER)["securityContext"]


def test_a_label_of_the_inventory_goes_before_that_of_the_backend(render: Render) -> None:
    selector = {"kubernetes.io/arch": "riscv64", "gpu": "arc"}
    assert render("workloads", immich_server_acceleration="qsv", immich_server_node_selector=selector).pod(SERVER)["nodeSelector"] == selector


# --- autoscaling -----------------------------------------------------------


def test_nothing_is_autoscaled_unless_it_is_said(render: Render) -> None:
    objects = render("workloads", immich_workers="split")
    assert not kinds(objects, "HorizontalPodAutoscaler") and not kinds(objects, "PodDisruptionBudget")
    assert {objects.one("Deployment", name)["spec"]["replicas"] for name in (SERVER, JOBS, ML)} == {1}


def test_the_api_worker_and_machine_learning_are_multiplied_and_jobs_are_not(render: Render) -> None:
    scaling = {"min": 1, "max": 3, "cpu": 50, "stabilization": 120}
    objects = render("workloads", immich_workers="split", immich_server_autoscaling=scaling, immich_machine_learning_autoscaling={"max": 2})
    assert kinds(objects, "HorizontalPodAutoscaler") == [SERVER, ML]
    spec = objects.one("HorizontalPodAutoscaler", SERVER)["spec"]
    assert (spec["scaleTargetRef"]["name"], spec["minReplicas"], spec["maxReplicas"]) == (SERVER, 1, 3)
    assert spec["metrics"][0]["resource"]["target"] == {"type": "Utilization", "averageUtilization": 50}
    assert {spec["behavior"][way]["stabilizationWindowSeconds"] for way in ("scaleUp", "scaleDown")} == {120}
    assert objects.one("Deployment", JOBS)["spec"]["replicas"] == 1
    for name in (SERVER, ML):  # a number here would undo what the autoscaler did, with every run
        assert "replicas" not in objects.one("Deployment", name)["spec"]
    # one after the other, and never one more than there are devices for
    assert objects.one("Deployment", ML)["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}


def test_a_budget_protects_several_pods_and_never_a_single_one(render: Render) -> None:
    one, two = {"min": 1, "max": 3}, {"min": 2, "max": 3}
    objects = render("workloads", immich_workers="split", immich_server_autoscaling=two, immich_machine_learning_autoscaling=one)
    assert kinds(objects, "PodDisruptionBudget") == [SERVER]
    budget = objects.one("PodDisruptionBudget", SERVER)["spec"]
    assert budget["maxUnavailable"] == 1
    assert budget["selector"]["matchLabels"] == objects.one("Deployment", SERVER)["spec"]["selector"]["matchLabels"]


def test_machine_learning_that_is_off_is_not_autoscaled(render: Render) -> None:
    assert not kinds(render(immich_machine_learning_enabled=False, immich_machine_learning_autoscaling={"max": 2}), "HorizontalPodAutoscaler")


# --- settings from a file --------------------------------------------------

OAUTH = {"oauth": {"enabled": True, "issuerUrl": "https://auth.example.net", "clientId": "immich"}}
FILE: dict[str, Any] = {"immich_settings_owner": "file", "immich_settings": OAUTH, "immich_secrets": {"oauth": {"values": {"clientSecret": "hunter2"}}}}


def test_without_a_file_there_is_none(render: Render) -> None:
    objects = render("workloads", immich_settings=OAUTH)
    assert "IMMICH_CONFIG_FILE" not in objects.env(SERVER)
    assert "initContainers" not in objects.pod(SERVER) and not kinds(objects, "ConfigMap")


@pytest.mark.parametrize("workers", ["unified", "split"])
def test_a_file_has_the_settings_and_no_secret(render: Render, workers: str) -> None:
    objects = render("secrets", "workloads", immich_workers=workers, **FILE)
    settings = json.loads(objects.one("ConfigMap", "immich-config")["data"]["immich.json"])
    assert settings["oauth"] == OAUTH["oauth"]
    assert settings["library"] == {"scan": {"enabled": False}, "watch": {"enabled": False}}
    assert settings["server"]["externalDomain"] == "https://photos.example.net"
    assert "hunter2" not in json.dumps(objects)
    for name in [SERVER] + [JOBS] * (workers == "split"):
        assert objects.env(name)["IMMICH_CONFIG_FILE"] == "/config/immich.json"
        (mount,) = [mount for mount in objects.container(name)["volumeMounts"] if mount["mountPath"] == "/config"]
        assert mount["readOnly"]
        (volume,) = [volume for volume in objects.pod(name)["volumes"] if volume["name"] == mount["name"]]
        assert volume["emptyDir"]["medium"] == "Memory"
        (config,) = objects.pod(name)["initContainers"]
        assert config["image"] == objects.container(name)["image"]
        assert config["env"] == [{"name": "settings.oauth.clientSecret", "valueFrom": {"secretKeyRef": {"name": "immich-oauth", "key": "clientSecret"}}}]
        assert config["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def test_a_secret_may_come_from_anywhere(render: Render) -> None:
    sources = {"oauth": {"existing": "authelia"}, "smtp": {"external": {"store": "SecretStore/x", "key": "y"}}}
    objects = render("workloads", **FILE | {"immich_secrets": sources})
    (config,) = objects.pod(SERVER)["initContainers"]
    assert {entry["name"]: entry["valueFrom"]["secretKeyRef"] for entry in config["env"]} == {
        "settings.oauth.clientSecret": {"name": "authelia", "key": "clientSecret"},
        "settings.notifications.smtp.transport.password": {"name": "immich-smtp", "key": "password"},
    }


def test_a_change_of_the_file_starts_the_pod_anew(render: Render) -> None:
    def mark(**changes: Any) -> dict[str, str]:
        return render("workloads", **FILE | changes).one("Deployment", SERVER)["spec"]["template"]["metadata"]["annotations"]

    assert mark() == mark()
    assert mark() != mark(immich_settings=OAUTH | {"trash": {"days": 60}})
    assert mark() == mark(immich_secrets={"oauth": {"values": {"clientSecret": "other"}}})  # nothing can be guessed from it


def made(container: dict[str, Any], folder: Path, layers: dict[str, Any], secrets: dict[str, str]) -> Any:
    """Run the program of the init container."""
    node = shutil.which("node")
    if not node:
        pytest.skip("node is not installed: what the init container does is not run")
    for name, content in layers.items():
        (folder / "layers" / name).mkdir(parents=True)
        (folder / "layers" / name / "immich.json").write_text(json.dumps(content))
    (folder / "config").mkdir()
    program = container["command"][2].replace("/layers/", f"{folder}/layers/").replace("/config/", f"{folder}/config/")
    subprocess.run([node, "-e", program], env=secrets, check=True)
    assert (folder / "config" / "immich.json").stat().st_mode & 0o777 == 0o400
    return json.loads((folder / "config" / "immich.json").read_text())


def test_the_pod_lays_settings_brake_and_secrets_over_one_another(render: Render, tmp_path: Path) -> None:
    (config,) = render("workloads", **FILE).pod(SERVER)["initContainers"]
    inventory = {"oauth": {"enabled": True}, "nightlyTasks": {"databaseCleanup": True, "startTime": "01:00"}, "ffmpeg": {"acceptedVideoCodecs": ["h264"]}}
    brake = {"nightlyTasks": {"databaseCleanup": False}}
    secrets = {"settings.oauth.clientSecret": 'a"b\\c$d\n', "settings.notifications.smtp.transport.password": "x.y", "PATH": "/"}
    assert made(config, tmp_path, {"inventory": inventory, "brake": brake}, secrets) == {
        "oauth": {"enabled": True, "clientSecret": 'a"b\\c$d\n'},
        "nightlyTasks": {"databaseCleanup": False, "startTime": "01:00"},
        "ffmpeg": {"acceptedVideoCodecs": ["h264"]},
        "notifications": {"smtp": {"transport": {"password": "x.y"}}},
    }


def test_the_pod_needs_neither_a_brake_nor_secrets(render: Render, tmp_path: Path) -> None:
    objects = render("workloads", **FILE | {"immich_secrets": {}})
    (config,) = objects.pod(SERVER)["initContainers"]
    assert "env" not in config
    (brake,) = [volume["configMap"] for volume in objects.pod(SERVER)["volumes"] if volume["name"] == "config-brake"]
    assert brake == {"name": "immich-guard-memory", "optional": True, "items": [{"key": "immich.json", "path": "immich.json"}]}
    assert made(config, tmp_path, {"inventory": {"trash": {"days": 60}}}, {}) == {"trash": {"days": 60}}


# --- metrics ---------------------------------------------------------------


def ports(objects: Any, name: str) -> dict[str, int]:
    return {port["name"]: port["containerPort"] for port in objects.container(name).get("ports", [])}


def test_metrics_listen_where_the_worker_is(render: Render) -> None:
    assert "IMMICH_TELEMETRY_INCLUDE" not in render("workloads").env(SERVER)
    objects = render("workloads", immich_monitoring=True)
    assert objects.env(SERVER)["IMMICH_TELEMETRY_INCLUDE"] == "all"
    assert ports(objects, SERVER) == {"http": 2283, "metrics-api": 8081, "metrics-ms": 8082}
    objects = render("workloads", immich_monitoring=True, immich_workers="split")
    assert ports(objects, SERVER) == {"http": 2283, "metrics-api": 8081}
    assert ports(objects, JOBS) == {"metrics-ms": 8082}


# --- where pods run, and what they take ------------------------------------


def test_pods_run_where_the_inventory_says(render: Render) -> None:
    taint = {"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}
    affinity = {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}}
    spread = {"maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway"}
    for variable, names in (("immich_server", [SERVER, JOBS]), ("immich_machine_learning", [ML])):
        words = {"affinity": affinity, "tolerations": [taint], "topology_spread": [spread], "priority_class": "photos", "node_selector": {"a": "b"}}
        objects = render("workloads", immich_workers="split", **{f"{variable}_{word}": value for word, value in words.items()})
        for name in (SERVER, JOBS, ML):
            pod = objects.pod(name)
            got = {key: pod.get(key) for key in ("affinity", "tolerations", "topologySpreadConstraints", "priorityClassName", "nodeSelector")}
            if name not in names:
                assert not any(got.values())
                continue
            selector = {"matchLabels": objects.one("Deployment", name)["spec"]["selector"]["matchLabels"]}
            assert list(got.values()) == [affinity, [taint], [spread | {"labelSelector": selector}], "photos", {"a": "b"}]


def test_the_pod_that_works_on_jobs_may_take_more(render: Render) -> None:
    more = {"requests": {"cpu": "2", "memory": "4Gi"}}
    objects = render("workloads", immich_workers="split", immich_microservices_resources=more)
    assert objects.container(JOBS)["resources"] == more
    objects = render("workloads", immich_workers="split", immich_server_resources=more)
    assert objects.container(JOBS)["resources"] == more


def test_machine_learning_that_loads_a_model_is_given_time(render: Render) -> None:
    container = render("workloads", immich_machine_learning_probe_timeout=25).container(ML)
    assert {container[probe]["timeoutSeconds"] for probe in ("startupProbe", "livenessProbe", "readinessProbe")} == {25}


# --- what docs/workloads.md says -------------------------------------------


def examples(checkout: Path) -> list[dict[str, Any]]:
    blocks = re.findall(r"^```yaml\n(.*?)^```", (checkout / "docs" / "workloads.md").read_text(), re.MULTILINE | re.DOTALL)
    return [yaml.safe_load(block) for block in blocks]


def test_every_example_of_the_page_renders(render: Render, checkout: Path) -> None:
    options = yaml.safe_load((checkout / "roles" / "workloads" / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]["options"]
    others = {"immich_settings", "immich_secrets", "immich_patches"}
    assert len(found := examples(checkout)) >= 5
    for example in found:
        assert example.keys() <= options.keys() | others
        assert render("secrets", "workloads", **example).one("Deployment", SERVER)


def test_volumes_and_containers_come_through_patches(render: Render, checkout: Path) -> None:
    (example,) = [example for example in examples(checkout) if "immich_patches" in example]
    pod = render(**example).pod(SERVER)
    assert [container["name"] for container in pod["containers"]] == ["server", "exporter"]
    assert pod["volumes"][-1]["name"] == "fonts" and pod["containers"][0]["volumeMounts"][-1]["mountPath"] == "/usr/share/fonts/own"


# --- mistakes that homelabs report -----------------------------------------

SHAPES = [
    {},
    {"immich_workers": "split", "immich_server_autoscaling": {"min": 2, "max": 3}, "immich_machine_learning_autoscaling": {"max": 3}},
    {"immich_workers": "split", "immich_server_acceleration": "vaapi", "immich_machine_learning_acceleration": "rocm", "immich_settings_owner": "file"},
]
IN_EVERY_SHAPE = pytest.mark.parametrize("changes", SHAPES, ids=["default", "autoscaled", "gpu"])


@IN_EVERY_SHAPE
def test_the_address_that_the_server_has_of_machine_learning_leads_there(render: Render, changes: dict[str, Any]) -> None:
    """Without its Service the server waits for nobody, and search finds nothing."""
    objects = render("workloads", **changes)
    host, port = re.fullmatch(r"http://([^:]+):(\d+)", objects.env(SERVER)["IMMICH_MACHINE_LEARNING_URL"]).groups()
    service = objects.one("Service", host)["spec"]
    labels = objects.one("Deployment", ML)["spec"]["template"]["metadata"]["labels"]
    assert service["selector"].items() <= labels.items() and [entry["port"] for entry in service["ports"]] == [int(port)]
    assert {entry["name"] for entry in objects.container(ML)["ports"]} >= {entry["targetPort"] for entry in service["ports"]}


@IN_EVERY_SHAPE
def test_no_pod_has_a_cpu_limit_or_service_links_or_waits_for_a_path_that_is_gone(render: Render, changes: dict[str, Any]) -> None:
    objects = render("workloads", **changes)
    for name in kinds(objects, "Deployment"):
        assert objects.pod(name)["enableServiceLinks"] is False
        for container in [*objects.pod(name).get("initContainers", []), *objects.pod(name)["containers"]]:
            assert "cpu" not in container["resources"].get("limits", {})
            paths = {container[probe]["httpGet"]["path"] for probe in container if probe.endswith("Probe")}
            assert paths <= {"/ping" if name == ML else "/api/server/ping"}  # not /api/server-info/ping, of old guides


def test_machine_learning_that_is_multiplied_shares_its_cache_or_has_none_to_share(render: Render) -> None:
    shared = {"name": "models", "mount": "/cache", "size": "10Gi", "storage_class": "longhorn", "access_mode": "ReadWriteMany", "pods": ["machine-learning"]}
    media = {"name": "media", "mount": "/data", "existing_claim": "media"}
    objects = render(immich_machine_learning_autoscaling={"max": 3}, immich_volumes=[media, shared])
    assert objects.one("PersistentVolumeClaim", "immich-models")["spec"]["accessModes"] == ["ReadWriteMany"]
    objects = render(immich_machine_learning_autoscaling={"max": 3}, immich_volumes=[media])
    (cache,) = [volume for volume in objects.pod(ML)["volumes"] if volume["name"] == "scratch-cache"]
    assert cache["emptyDir"] == {}
