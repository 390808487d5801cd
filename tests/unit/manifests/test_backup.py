# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What backs up volumes."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.volume_backup.config import Config
from ansible_collections.homelab.immich.plugins.plugin_utils import backup, pod_security

Render = Callable[..., Any]
REPOSITORY = "s3:https://s3.example.net:9000/bucket/media"
KEYS = {"RESTIC_PASSWORD": "r", "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s"}
SOURCES = {"volume_backup": {"values": KEYS}}
COPY = {"schedule": "0 3 * * *", "repository": REPOSITORY}


def media(*copies: dict[str, Any], **changes: Any) -> list[dict[str, Any]]:
    """The uploads on NFS, backed up."""
    return [{"name": "media", "mount": "/data", "size": "1Ti", "nfs": {"export": "immich"}, "backup": list(copies) if len(copies) > 1 else copies[0]} | changes]


def thumbs(**copy: Any) -> list[dict[str, Any]]:
    """A volume of a storage class, backed up."""
    cache = {"name": "cache", "mount": "/data/thumbs", "size": "10Gi", "storage_class": "longhorn"}
    return [*media(COPY), cache | {"backup": {**COPY, "repository": "b2:bucket:x", **copy}}]


def restic(objects: Any, name: str = "immich-media") -> dict[str, Any]:
    return objects.one("ReplicationSource", name)["spec"]["restic"]


def pod(objects: Any, name: str = "immich-backup-media") -> dict[str, Any]:
    return objects.one("CronJob", name)["spec"]["jobTemplate"]["spec"]["template"]["spec"]


def test_without_a_backup_there_is_nothing(render: Render) -> None:
    assert render("backup") == []


def test_what_volsync_is_told(render: Render) -> None:
    objects = render("backup", immich_volumes=media(COPY | {"ca": {"config_map": "home-ca", "key": "ca.pem"}}))
    source = objects.one("ReplicationSource", "immich-media")
    assert source["spec"]["sourcePVC"] == "immich-media"
    assert source["spec"]["paused"] is True and source["spec"]["trigger"] == {"manual": "not-yet"}  # nothing before somebody looked
    assert source["metadata"]["annotations"] == {"homelab.immich/initial": "spec.paused,spec.trigger"}
    told = source["spec"]["restic"]
    assert (told["copyMethod"], told["pruneIntervalDays"], told["retain"]) == ("Direct", 7, {"daily": 7, "weekly": 4, "monthly": 6})
    assert (told["cacheCapacity"], told["cacheStorageClassName"], told["cacheAccessModes"]) == ("5Gi", "longhorn", ["ReadWriteOnce"])
    assert told["customCA"] == {"configMapName": "home-ca", "key": "ca.pem"}
    assert told["moverSecurityContext"]["runAsUser"] == 1000 and told["moverSecurityContext"]["runAsNonRoot"] is True
    assert "volumeSnapshotClassName" not in told and "accessModes" not in told


def test_nothing_restores(render: Render) -> None:
    assert "ReplicationDestination" not in {item["kind"] for item in render(immich_volumes=thumbs(), immich_secrets=SOURCES)}


def test_where_the_class_makes_snapshots_one_is_backed_up(render: Render) -> None:
    classes = {"immich_backup_snapshot_classes": {"longhorn": "longhorn-snapshot"}}
    told = restic(render("backup", immich_volumes=thumbs(), **classes), "immich-cache")
    assert (told["copyMethod"], told["volumeSnapshotClassName"], told["accessModes"]) == ("Snapshot", "longhorn-snapshot", ["ReadWriteOnce"])
    assert restic(render("backup", immich_volumes=thumbs(), **classes))["copyMethod"] == "Direct"  # NFS
    assert restic(render("backup", immich_volumes=thumbs(copy_method="Direct"), **classes), "immich-cache")["copyMethod"] == "Direct"
    assert "volumeSnapshotClassName" not in restic(render("backup", immich_volumes=thumbs(copy_method="Clone"), **classes), "immich-cache")


def test_several_repositories_of_one_volume(render: Render) -> None:
    offsite = COPY | {"name": "offsite", "repository": "b2:bucket:immich/media", "secret": "volume_backup_b2"}
    sources = SOURCES | {"volume_backup_b2": {"values": {"RESTIC_PASSWORD": "r", "B2_ACCOUNT_ID": "a", "B2_ACCOUNT_KEY": "b"}}}
    objects = render("backup", "secrets", immich_volumes=media(COPY | {"name": "near"}, offsite), immich_secrets=sources, immich_rehearsal=False)
    assert restic(objects, "immich-media-near")["repository"] == "immich-backup-media-near"
    assert restic(objects, "immich-media-offsite")["repository"] == "immich-backup-media-offsite"
    secret = objects.one("Secret", "immich-backup-media-offsite")["data"]
    assert base64.b64decode(secret["RESTIC_REPOSITORY"]) == b"b2:bucket:immich/media"
    assert set(secret) == {"RESTIC_REPOSITORY", "RESTIC_PASSWORD", "B2_ACCOUNT_ID", "B2_ACCOUNT_KEY"}
    assert len({item["metadata"]["name"] for item in objects if item["kind"] == "CronJob"}) == 2


def test_one_source_serves_several_repositories(render: Render) -> None:
    volumes = thumbs(repository="s3:https://s3.example.net/bucket/cache")
    objects = render("secrets", immich_volumes=volumes, immich_secrets=SOURCES, immich_rehearsal=False)
    repositories = [base64.b64decode(objects.one("Secret", f"immich-backup-{name}")["data"]["RESTIC_REPOSITORY"]).decode() for name in ("media", "cache")]
    assert repositories == [REPOSITORY, "s3:https://s3.example.net/bucket/cache"]


@pytest.mark.parametrize(
    ("source", "kind", "where"),
    [
        ({"external": {"store": "ClusterSecretStore/home", "key": "volsync"}}, "ExternalSecret", ("spec", "target", "template", "data")),
        ({"sealed": dict.fromkeys(KEYS, "AgB")}, "SealedSecret", ("spec", "template", "data")),
    ],
)
def test_the_repository_comes_to_what_a_controller_knows(render: Render, source: dict[str, Any], kind: str, where: tuple[str, ...]) -> None:
    found = render("secrets", immich_volumes=media(COPY), immich_secrets={"volume_backup": source}).one(kind, "immich-backup-media")
    for part in where:
        found = found[part]
    assert found == {"RESTIC_REPOSITORY": REPOSITORY}


def test_a_secret_that_exists_has_everything(render: Render) -> None:
    objects = render("secrets", "backup", immich_volumes=media(COPY), immich_secrets={"volume_backup": {"existing": "restic"}}, immich_rehearsal=False)
    assert objects.one("Secret", "restic")["metadata"]["annotations"] == {
        "homelab.immich/existing": "RESTIC_REPOSITORY,RESTIC_PASSWORD,AWS_ACCESS_KEY_ID,AWS_SECRET_ACCESS_KEY"
    }
    assert restic(objects)["repository"] == "restic"
    [variable] = pod(objects)["containers"][0]["env"]  # the program compares it with the inventory
    assert variable["valueFrom"]["secretKeyRef"] == {"name": "restic", "key": "RESTIC_REPOSITORY"}


def test_a_password_of_restic_is_never_made(render: Render) -> None:
    with pytest.raises(Exception, match="immich_secrets.volume_backup is not set, and nobody can guess RESTIC_PASSWORD"):
        render("secrets", immich_volumes=media(COPY), immich_rehearsal=False)


def test_a_rehearsal_has_a_password_of_its_own(render: Render) -> None:
    secret = render("secrets", immich_volumes=media(COPY), immich_secrets=SOURCES).one("Secret", "immich-backup-media")
    assert secret["metadata"]["annotations"]["homelab.immich/generate"] == "RESTIC_PASSWORD,AWS_ACCESS_KEY_ID,AWS_SECRET_ACCESS_KEY"
    assert secret["stringData"] == {"RESTIC_REPOSITORY": REPOSITORY}


def test_files_of_somebody_else_keep_their_group(render: Render) -> None:
    claim = [{"name": "media", "mount": "/data", "existing_claim": "old", "backup": COPY}]
    assert "fsGroup" not in restic(render("backup", immich_volumes=claim))["moverSecurityContext"]
    assert restic(render("backup", immich_volumes=media(COPY)))["moverSecurityContext"]["fsGroup"] == 1000
    copied = [claim[0] | {"backup": COPY | {"copy_method": "Snapshot"}}]
    assert restic(render("backup", immich_volumes=copied))["moverSecurityContext"]["fsGroup"] == 1000


def test_who_reads(render: Render) -> None:
    told = restic(render("backup", immich_volumes=media(COPY | {"run_as": {"uid": 33, "gid": 34}})))["moverSecurityContext"]
    assert (told["runAsUser"], told["runAsGroup"]) == (33, 34)
    assert restic(render("backup", immich_volumes=media(COPY), immich_run_as=None))["moverSecurityContext"]["runAsNonRoot"] is False


def test_privileged_movers_are_root_and_the_namespace_says_so(render: Render) -> None:
    objects = render("deliver", "backup", immich_volumes=media(COPY), immich_backup_privileged_movers=True)
    assert objects.one("Namespace", "immich")["metadata"]["annotations"] == {"volsync.backube/privileged-movers": "true"}
    assert restic(objects)["moverSecurityContext"]["runAsNonRoot"] is False  # VolSync sets uid 0 in the container
    assert pod(objects)["securityContext"]["runAsUser"] == 0
    assert "annotations" not in render("deliver", "backup", immich_volumes=media(COPY)).one("Namespace", "immich")["metadata"]


def test_a_repository_on_a_second_nas(render: Render) -> None:
    told = restic(render("backup", immich_volumes=media(COPY | {"repository": "/mnt/repository/media", "nfs": {"server": "192.0.2.60", "path": "/backup"}})))
    assert told["moverVolumes"] == [{"mountPath": "repository", "volumeSource": {"nfs": {"server": "192.0.2.60", "path": "/backup"}}}]


def test_an_export_that_a_mover_mounts_is_admitted(render: Render) -> None:
    def level(**copy: Any) -> str:
        return render("deliver", "backup", immich_volumes=media(COPY | copy)).one("Namespace", "immich")["metadata"]["labels"][pod_security.LABEL]

    assert level() == "restricted"
    assert level(repository="/mnt/repository/media", nfs={"server": "192.0.2.60", "path": "/backup"}) == "baseline"


@pytest.mark.parametrize(("pods", "variable"), [("server", "immich_server_tolerations"), ("machine-learning", "immich_machine_learning_tolerations")])
def test_who_looks_may_follow_the_pod_that_has_the_volume(render: Render, pods: str, variable: str) -> None:
    taint = [{"key": "gpu", "operator": "Exists"}]
    volumes = thumbs()
    volumes[1]["pods"] = [pods]
    objects = render("backup", immich_volumes=volumes, **{variable: taint})
    assert pod(objects, "immich-backup-cache")["tolerations"] == taint
    assert "tolerations" not in pod(objects)  # an export is mounted anywhere


def test_the_program_is_told_what_to_look_at_and_may_do_no_more(render: Render) -> None:
    objects = render("backup", immich_volumes=media(COPY | {"max_removed": "5%"}), immich_backup_accept={"media": 12})
    told = Config.read(json.loads(objects.one("ConfigMap", "immich-backup")["data"]["immich-backup-media.json"]))
    assert (told.mount, told.sentinels, told.max_removed, told.accept) == ("/data", ("/data/.immich-guard/immich",), "5%", 12)
    job = objects.one("CronJob", "immich-backup-media")["spec"]
    assert (job["schedule"], job["timeZone"], job["concurrencyPolicy"]) == ("0 3 * * *", "Europe/Amsterdam", "Forbid")
    [container] = pod(objects)["containers"]
    assert container["securityContext"] == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    assert all(mount["readOnly"] for mount in container["volumeMounts"]) and pod(objects)["securityContext"]["runAsNonRoot"] is True
    rules = objects.one("Role", "immich-backup")["rules"]
    assert [(rule["resources"], rule["resourceNames"], rule["verbs"]) for rule in rules] == [
        (["replicationsources"], ["immich-media"], ["get", "patch"]),
        (["configmaps"], ["immich-backup-memory"], ["get", "update"]),
    ]
    ports = {entry["port"] for rule in objects.one("NetworkPolicy", "immich-backup")["spec"]["egress"] for entry in rule["ports"]}
    assert ports == {53, 443, 6443, 16443, 9000}


def test_a_volume_of_one_node_is_looked_at_there(render: Render) -> None:
    objects = render("backup", immich_volumes=thumbs())
    [term] = pod(objects, "immich-backup-cache")["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert term["labelSelector"]["matchLabels"]["app.kubernetes.io/name"] == "server"
    assert "affinity" not in pod(objects)


def test_the_program_in_the_configmap_runs(render: Render, tmp_path: Path) -> None:
    objects = render("backup", immich_volumes=media(COPY))
    program = objects.one("ConfigMap", "immich-backup")
    (tmp_path / "backup.pyz").write_bytes(base64.b64decode(program["binaryData"]["backup.pyz"]))
    (tmp_path / "config.json").write_text(program["data"]["immich-backup-media.json"])
    line = [sys.executable, *pod(objects)["containers"][0]["command"][1:-3], "-S", str(tmp_path / "backup.pyz"), "--config", str(tmp_path / "config.json")]
    result = subprocess.run(line, env={}, capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (3, "This does not run in a pod with an account.\n", "")


@pytest.mark.parametrize(
    ("repository", "port"),
    [
        ("s3:https://s3.example.net/b/x", 443),
        ("s3:http://nas:3900/b/x", 3900),
        ("s3:s3.example.net/b/x", 443),
        ("rest:http://nas:8001/x", 8001),
        ("rest:http://nas/x", 80),
        ("b2:b:x", 443),
        ("/mnt/repository/x", None),
    ],
)
def test_where_a_repository_is_reached(repository: str, port: int | None) -> None:
    assert backup.port_of(repository) == port
