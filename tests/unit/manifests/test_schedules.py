# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The scans by the clock: a guard in the cluster for each library that has a schedule."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.guard.config import Config, libraries
from ansible_collections.homelab.immich.plugins.module_utils.guard.signals import Pushgateway, Webhook
from ansible_collections.homelab.immich.plugins.plugin_utils.schedules import job_name

Render = Callable[..., Any]
NAS = {"name": "NAS photos", "owner": "admin@example.net", "import_paths": ["/mnt/photos"], "scan": {"schedule": "0 */6 * * *", "max_removed": "1%"}}
NAME = job_name("immich", "NAS photos", "admin@example.net")


def library(**changes: Any) -> dict[str, Any]:
    return NAS | changes


def pod(objects: Any, name: str = NAME) -> dict[str, Any]:
    return objects.one("CronJob", name)["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def mounts(objects: Any, name: str = NAME) -> dict[str, bool]:
    return {mount["mountPath"]: mount.get("readOnly", False) for mount in pod(objects, name)["containers"][0]["volumeMounts"]}


def config(objects: Any, name: str = NAME) -> dict[str, Any]:
    return json.loads(objects.one("ConfigMap", "immich-guard")["data"][f"{name}.json"])


def test_a_schedule_becomes_a_cronjob_in_the_zone_of_the_instance(render: Render) -> None:
    spec = render("schedules").one("CronJob", NAME)["spec"]
    assert (spec["schedule"], spec["timeZone"], spec["concurrencyPolicy"]) == ("0 */6 * * *", "Europe/Amsterdam", "Forbid")
    job = spec["jobTemplate"]["spec"]
    assert job["activeDeadlineSeconds"] > config(render("schedules"))["wait"]  # the guard gives up first, and says why
    # refused, braked: another try would be refused again. Put off and failed: another try may do
    [rule] = job["podFailurePolicy"]["rules"]
    assert rule["action"] == "FailJob" and rule["onExitCodes"]["values"] == [2, 4, 6, 7] and job["backoffLimit"] > 0


def test_every_hour_a_cronjob_looks_whether_others_scanned_too_much_away(render: Render) -> None:
    second = library(name="Films", import_paths=["/mnt/films"])
    objects = render("schedules", immich_libraries=[NAS, second, library(name="By hand", scan={})], immich_scan_accept={"Films": 7})
    job = objects.one("CronJob", "immich-scan-watch")
    minute, *rest = job["spec"]["schedule"].split()
    assert minute.isdecimal() and rest == ["*"] * 4 and job["spec"]["concurrencyPolicy"] == "Forbid"
    assert "homelab.immich/library" not in job["metadata"].get("annotations", {})  # not one that scans
    assert pod(objects, "immich-scan-watch")["containers"][0]["command"][-3:] == ["--config", "/guard/program/immich-scan-watch.json", "watch"]
    assert set(mounts(objects, "immich-scan-watch")) == {"/guard/program", "/guard/key", "/guard/memory"}
    told = config(objects, "immich-scan-watch")
    assert [entry["name"] for entry in told["libraries"]] == ["NAS photos", "Films"] and told["accept"] == {"Films": 7}
    assert told["memory"] == config(objects)["memory"] and told["configmap"] == config(objects)["configmap"]


@pytest.mark.parametrize(
    "changes",
    [
        {"immich_libraries": []},
        {"immich_libraries": [library(scan={})]},
        {"immich_libraries": [library(state="absent")]},
        {"immich_scan_owner": "none"},
    ],
)
def test_without_a_schedule_there_is_only_what_playbooks_share(render: Render, changes: dict[str, Any]) -> None:
    [memory] = render("schedules", **changes)
    assert (memory["kind"], memory["metadata"]["name"]) == ("ConfigMap", "immich-guard-memory")


def test_what_guards_write_into_their_memory_is_not_ours(render: Render) -> None:
    assert "data" not in render("schedules").one("ConfigMap", "immich-guard-memory")


def test_the_pod_may_nothing_but_look(render: Render) -> None:
    objects = render("schedules")
    spec = pod(objects)
    assert spec["securityContext"]["runAsNonRoot"] is True and spec["securityContext"]["runAsUser"] == 1000
    assert spec["containers"][0]["securityContext"] == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    assert [path for path, read_only in mounts(objects).items() if not read_only] == ["/guard/memory"]
    claims = {volume["name"]: volume["persistentVolumeClaim"] for volume in spec["volumes"] if "persistentVolumeClaim" in volume}
    assert all(claim.get("readOnly") for name, claim in claims.items() if name != "guard-memory")
    [to_server, to_names, to_kubernetes] = objects.one("NetworkPolicy", "immich-guard")["spec"]["egress"]
    server = to_server["to"][0]["podSelector"]["matchLabels"]
    assert server == {"app.kubernetes.io/name": "server", "app.kubernetes.io/instance": "immich"} and [port["port"] for port in to_server["ports"]] == [2283]
    assert {port["port"] for port in to_names["ports"]} == {53} and {port["port"] for port in to_kubernetes["ports"]} == {443, 6443, 16443}


def test_of_kubernetes_it_may_read_and_write_one_configmap(render: Render) -> None:
    objects = render("schedules")
    account = pod(objects)["serviceAccountName"]
    [rule] = objects.one("Role", "immich-guard")["rules"]
    assert rule == {"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [config(objects)["configmap"]], "verbs": ["get", "update"]}
    binding = objects.one("RoleBinding", "immich-guard")
    assert binding["roleRef"]["name"] == "immich-guard"
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": account, "namespace": "immich"}] and objects.one("ServiceAccount", account)


def test_the_brake_can_be_left_to_a_person(render: Render) -> None:
    assert config(render("schedules"))["brake"] is True
    assert config(render("schedules", immich_guard_brake=False))["brake"] is False


def test_who_the_guard_is(render: Render) -> None:
    def user(**changes: Any) -> tuple[bool, int, int]:
        context = pod(render("schedules", **changes))["securityContext"]
        return context["runAsNonRoot"], context["runAsUser"], context["fsGroup"]

    assert user(immich_run_as=None) == (True, 65534, 65534)  # the server may be root, the guard is not
    assert user(immich_guard_run_as={"uid": 7, "gid": 8}) == (True, 7, 8)
    assert user(immich_guard_run_as={"uid": 0, "gid": 0}) == (False, 0, 0)


def test_it_mounts_what_the_server_has_there_and_looks_from_the_same_node(render: Render) -> None:
    """The photos, and the films of motion photos in the media volume; neither thumbnails nor models."""
    objects = render("schedules")
    assert set(mounts(objects)) == {"/guard/program", "/guard/key", "/guard/memory", "/data", "/mnt/photos"}
    server = {volume["name"]: volume["persistentVolumeClaim"]["claimName"] for volume in render("workloads").pod("immich-server")["volumes"][:-1]}
    mine = {volume["name"]: volume["persistentVolumeClaim"]["claimName"] for volume in pod(objects)["volumes"] if not volume["name"].startswith("guard-")}
    assert mine.items() <= server.items()
    [affinity] = pod(objects)["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    deployment = render("workloads").one("Deployment", "immich-server")
    assert affinity["labelSelector"]["matchLabels"] == deployment["spec"]["template"]["metadata"]["labels"]


def test_it_may_follow_the_server_onto_a_node_with_a_taint(render: Render) -> None:
    taint = [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert pod(render("schedules", immich_server_tolerations=taint))["tolerations"] == taint
    assert "tolerations" not in pod(render("schedules"))


def test_a_volume_below_and_one_above_an_import_path_are_mounted(render: Render) -> None:
    volumes = [
        {"name": "media", "mount": "/data", "existing_claim": "media", "access_mode": "ReadWriteOncePod"},
        {"name": "all", "mount": "/mnt/all", "size": "1Ti", "access": "ro", "nfs": {"export": "photos"}},
        {"name": "below", "mount": "/mnt/all/2020/raw", "existing_claim": "raw"},
        {"name": "other", "mount": "/mnt/allsorts", "existing_claim": "other"},
    ]
    objects = render("schedules", immich_volumes=volumes, immich_libraries=[library(import_paths=["/mnt/all/2020"])])
    assert {path for path in mounts(objects) if not path.startswith("/guard/")} == {"/mnt/all", "/mnt/all/2020/raw"}
    told = config(objects)
    assert told["sentinels"] == ["/mnt/all/.immich-guard/photos"]
    assert told["media"] == ""  # a volume that the server alone can have is not looked at


def test_the_config_is_one_that_the_guard_takes(render: Render) -> None:
    told = config(render("schedules"))
    [limits] = libraries(told["libraries"])
    assert (limits.name, limits.owner, limits.max_removed) == ("NAS photos", "admin@example.net", "1%")
    known = Config(**{name: tuple(value) if isinstance(value, list) else value for name, value in told.items() if name in Config.__dataclass_fields__})
    assert known.view == "mount" and "/mnt/photos/.immich-guard/photos" in known.sentinels and known.media == "/data"
    assert told["url"] == "http://immich-server:2283"


@pytest.mark.parametrize(
    ("url", "port"),
    [("https://ntfy.example.net/immich", 443), ("http://ntfy.example.net/immich", 80), ("https://ntfy.example.net:8443/immich", 8443)],
)
def test_who_is_told(render: Render, url: str, port: int) -> None:
    objects = render("schedules", immich_guard_webhook={"kind": "ntfy", "url": url})
    hook = Webhook.read(config(objects)["webhook"])
    assert (hook.kind, hook.url, hook.token_file) == ("ntfy", url, "")
    assert port in {entry["port"] for rule in objects.one("NetworkPolicy", "immich-guard")["spec"]["egress"] for entry in rule["ports"] if "to" not in rule}


def test_the_token_of_a_webhook_is_in_a_secret_of_its_own(render: Render) -> None:
    objects = render("schedules", immich_guard_webhook={"kind": "gotify", "url": "https://gotify.example.net", "secret": "gotify"})
    folder, _slash, name = config(objects)["webhook"]["token_file"].rpartition("/")
    assert name == "token" and mounts(objects)[folder] is True
    [volume] = [volume for volume in pod(objects)["volumes"] if volume.get("secret", {}).get("secretName") == "gotify"]
    assert volume["name"] in [mount["name"] for mount in pod(objects)["containers"][0]["volumeMounts"] if mount["mountPath"] == folder]
    assert "webhook" not in config(render("schedules"))


def test_what_a_person_accepted_is_told_for_that_library_only(render: Render) -> None:
    libraries = [library(), library(name="Scans", import_paths=["/mnt/photos/scans"])]
    objects = render("schedules", immich_libraries=libraries, immich_scan_accept={"NAS photos": 41180})
    assert config(objects)["accept"] == {"NAS photos": 41180}
    assert config(objects, job_name("immich", "Scans", "admin@example.net"))["accept"] == {}


def test_the_program_in_the_configmap_runs(render: Render, tmp_path: Path) -> None:
    objects = render("schedules")
    (tmp_path / "guard.pyz").write_bytes(base64.b64decode(objects.one("ConfigMap", "immich-guard")["binaryData"]["guard.pyz"]))
    told = {**config(objects), "configmap": None, "url": "http://127.0.0.1:9", "api_key_file": str(tmp_path / "key"), "memory": str(tmp_path), "timeout": 1}
    (tmp_path / "key").write_text("k")
    (tmp_path / "guard.json").write_text(json.dumps(told))
    flags = pod(objects)["containers"][0]["command"][1:-3]
    line = [sys.executable, *flags, "-S", str(tmp_path / "guard.pyz"), "--config", str(tmp_path / "guard.json")]
    run = subprocess.run(line, env={}, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 5 and "connection refused" in run.stderr


def test_libraries_of_one_name_in_any_script(render: Render) -> None:
    entries = [library(), library(owner="family@example.net"), library(name="写真"), library(name="Über" * 30)]
    objects = render("schedules", immich_libraries=entries, immich_name="a-rather-long-name-of-an-instance")
    names = [item["metadata"]["name"] for item in objects if item["kind"] == "CronJob"]
    assert len(set(names)) == len(entries) + 1 and all(len(name) <= 52 for name in names)
    assert all(name.replace("-", "").isalnum() and name.isascii() and "--" not in name for name in names)
    assert len([item for item in objects if item["kind"] == "PersistentVolumeClaim"]) == 1  # one memory: two guards never work at once


def test_where_the_memory_is(render: Render) -> None:
    def storage(**changes: Any) -> str | None:
        return render("schedules", **changes).one("PersistentVolumeClaim", "immich-guard")["spec"].get("storageClassName")

    assert storage() == "longhorn"  # that of the database
    assert storage(immich_guard_storage_class="local-path") == "local-path"
    assert storage(immich_database_storage_class="") is None


def test_metrics_are_pushed_under_the_name_of_the_instance(render: Render) -> None:
    objects = render("schedules", immich_guard_pushgateway="http://pushgateway.monitoring.svc:9091/")
    address = Pushgateway.read(config(objects)["pushgateway"]).url
    assert address == "http://pushgateway.monitoring.svc:9091/metrics/job/immich_guard/instance/photos"
    rules = objects.one("NetworkPolicy", "immich-guard")["spec"]["egress"]
    assert {port["port"] for rule in rules for port in rule["ports"]} == {2283, 53, 443, 6443, 16443, 9091}


def test_quiet_hours_go_to_the_guard(render: Render) -> None:
    told = config(render("schedules", immich_libraries=[library(scan={"schedule": "0 * * * *", "quiet_hours": ["22:00-07:00"]})]))
    assert libraries(told["libraries"])[0].quiet_hours and told["timezone"] == "Europe/Amsterdam"


def test_with_a_host_that_scans_the_cluster_knows_which(render: Render) -> None:
    [memory] = render("schedules", immich_scan_owner="host", immich_scan_host="attic", immich_libraries=[library(), library(name="Other", scan={})])
    annotations = memory["metadata"]["annotations"]
    assert annotations == {"homelab.immich/scan-host": "attic", "homelab.immich/scanned-there": '["NAS photos"]'}
    assert "annotations" not in render("schedules").one("ConfigMap", "immich-guard-memory")["metadata"]
