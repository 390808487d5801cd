# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The database that an inventory becomes, its backups and the copies of them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Render = Callable[..., Any]
BACKUP = {"destination": "s3://backups/immich/", "endpoint": "https://s3.home.net:9000", "ca": {"secret": "ca"}, "schedule": "0 0 23 * * *", "retention": "14d"}
MIRROR = {"name": "far", "destination": "s3://far", "schedule": "0 5 * * *", "region": "eu-central-1"}


def cluster(render: Render, **changes: Any) -> dict[str, Any]:
    return render("database", **changes).one("Cluster", "immich-db")["spec"]


# --- the image -------------------------------------------------------------


def test_the_image_of_the_versions_or_one_of_your_own(render: Render) -> None:
    assert cluster(render)["imageName"] == "ghcr.io/tensorchord/cloudnative-vectorchord:17.10-1.1.1"
    assert cluster(render, immich_database_image="r.example.net/pg:17@sha256:0")["imageName"] == "r.example.net/pg:17@sha256:0"


def test_how_a_cluster_was_made_is_never_changed(render: Render) -> None:
    live = render("database").one("Cluster", "immich-db")
    assert live["metadata"]["annotations"] == {"homelab.immich/initial": "spec.bootstrap,spec.externalClusters"}


def test_a_catalog_says_which_image_a_major_version_has(render: Render) -> None:
    spec = cluster(render, immich_database_image_catalog={"kind": "ImageCatalog", "name": "vchord"})
    assert spec["imageCatalogRef"] == {"apiGroup": "postgresql.cnpg.io", "kind": "ImageCatalog", "name": "vchord", "major": 17}
    assert "imageName" not in spec


def test_vectorchord_beside_the_image_of_postgresql(render: Render) -> None:
    image = "ghcr.io/tensorchord/vchord-scratch:pg18-v1.1.1"
    spec = cluster(render, immich_database_postgres="18.4", immich_database_vectorchord_image=image)
    assert spec["imageName"] == "ghcr.io/cloudnative-pg/postgresql:18.4-standard-trixie"
    assert spec["postgresql"]["shared_preload_libraries"] == ["vchord.so"]
    assert spec["postgresql"]["extensions"] == [
        {
            "name": "vchord",
            "image": {"reference": image},
            "dynamic_library_path": ["/usr/lib/postgresql/18/lib"],
            "extension_control_path": ["/usr/share/postgresql/18/"],
        }
    ]


# --- privileges ------------------------------------------------------------


@pytest.mark.parametrize(("privileges", "superuser"), [("superuser", True), ("least", False)])
def test_the_role_can_always_log_in(render: Render, privileges: str, superuser: bool) -> None:
    (role,) = cluster(render, immich_database_privileges=privileges)["managed"]["roles"]
    assert (role["login"], role["superuser"]) == (True, superuser)


def test_somebody_updates_vectorchord(render: Render) -> None:
    """Immich as a superuser, and rebuilds its indexes then; otherwise the operator, which is told the version."""

    def vchord(privileges: str) -> dict[str, Any]:
        database = render("database", immich_database_privileges=privileges).one("Database", "immich-db")["spec"]
        return next(item for item in database["extensions"] if item["name"] == "vchord")

    assert "version" not in vchord("superuser")
    assert vchord("least")["version"] == "1.1.1"


def test_nothing_makes_the_superuser_s_secret_or_copies_it(render: Render) -> None:
    spec = cluster(render, immich_database_backup=BACKUP)
    assert spec["enableSuperuserAccess"] is False and "inheritedMetadata" not in spec


# --- a namespace of its own ------------------------------------------------


def test_a_database_in_a_namespace_of_its_own(render: Render) -> None:
    changes = {"immich_database_namespace": "databases", "immich_database_backup": BACKUP | {"mirrors": [MIRROR]}, "immich_rehearsal": True}
    objects = render(**changes)
    there = {(item["kind"], item["metadata"]["name"]) for item in objects if item["metadata"].get("namespace") == "databases"}
    assert there == {
        ("Cluster", "immich-db"),
        ("Database", "immich-db"),
        ("ObjectStore", "immich-db"),
        ("ScheduledBackup", "immich-db"),
        ("CronJob", "immich-db-far"),
        ("Secret", "immich-database"),
        ("Secret", "immich-database-backup"),
        ("Secret", "immich-database-backup-far"),
    }
    namespaces = [item["metadata"]["name"] for item in render("deliver", **changes) if item["kind"] == "Namespace"]
    assert namespaces == ["immich", "databases"]
    assert [item["metadata"]["name"] for item in render("deliver") if item["kind"] == "Namespace"] == ["immich"]
    assert objects.env("immich-server")["DB_HOSTNAME"] == "immich-db-rw.databases"


def test_one_password_in_both_namespaces(render: Render) -> None:
    objects = render("secrets", immich_database_namespace="databases")
    secrets = {item["metadata"]["namespace"]: item for item in objects if item["metadata"]["name"] == "immich-database"}
    assert secrets["databases"]["metadata"]["annotations"] == {"homelab.immich/generate": "password"}
    assert secrets["immich"]["metadata"]["annotations"] == {"homelab.immich/copy-of": "databases/immich-database"}
    assert "stringData" not in secrets["immich"] and secrets["immich"]["type"] == "kubernetes.io/basic-auth"


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ({"external": {"store": "ClusterSecretStore/home", "key": "pg"}}, "ExternalSecret"),
        ({"onepassword": "vaults/home/items/pg"}, "OnePasswordItem"),
        ({"values": {"password": "hunter2"}}, "Secret"),
        ({"existing": "pg"}, "Secret"),
    ],
)
def test_every_source_gives_it_in_both_namespaces(render: Render, source: dict[str, Any], kind: str) -> None:
    objects = render("secrets", immich_rehearsal=False, immich_database_namespace="databases", immich_secrets={"database": source})
    found = [item for item in objects if item["kind"] == kind and item["metadata"]["name"] in ("immich-database", "pg")]
    assert [item["metadata"]["namespace"] for item in found] == ["databases", "immich"]
    assert found[0] == found[1] | {"metadata": found[1]["metadata"] | {"namespace": "databases"}}


# --- backup ----------------------------------------------------------------


def test_a_backup_archives_every_change_under_a_name_that_is_said(render: Render) -> None:
    (plugin,) = cluster(render, immich_database_backup=BACKUP)["plugins"]
    assert plugin["isWALArchiver"] is True
    assert plugin["parameters"] == {"barmanObjectName": "immich-db", "serverName": "immich-db"}
    (plugin,) = cluster(render, immich_database_backup=BACKUP | {"server_name": "immich-2"})["plugins"]
    assert plugin["parameters"]["serverName"] == "immich-2"


def test_the_object_store_is_reached_as_those_that_are_not_amazon_s_want(render: Render) -> None:
    store = render("database", immich_database_backup=BACKUP | {"region": "garage"}).one("ObjectStore", "immich-db")["spec"]
    assert store["retentionPolicy"] == "14d"
    assert store["configuration"]["destinationPath"] == "s3://backups/immich/"
    assert store["configuration"]["endpointURL"] == "https://s3.home.net:9000"
    assert store["configuration"]["endpointCA"] == {"name": "ca", "key": "ca.crt"}
    assert store["configuration"]["s3Credentials"] == {
        "accessKeyId": {"name": "immich-database-backup", "key": "ACCESS_KEY_ID"},
        "secretAccessKey": {"name": "immich-database-backup", "key": "ACCESS_SECRET_KEY"},
    }
    env = {entry["name"]: entry["value"] for entry in store["instanceSidecarConfiguration"]["env"]}
    assert env == {
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
        "AWS_RESPONSE_CHECKSUM_VALIDATION": "when_required",
        "AWS_DEFAULT_REGION": "garage",
    }


def test_the_whole_is_copied_at_once_and_then_by_the_clock(render: Render) -> None:
    scheduled = render("database", immich_database_backup=BACKUP).one("ScheduledBackup", "immich-db")["spec"]
    assert (scheduled["schedule"], scheduled["immediate"], scheduled["method"]) == ("0 0 23 * * *", True, "plugin")


def test_a_restored_database_writes_under_another_name_than_it_was_read_from(render: Render) -> None:
    spec = cluster(render, immich_database_backup=BACKUP | {"server_name": "immich-2"}, immich_database_recovery={"server_name": "immich-db"})
    recovery = spec["bootstrap"]["recovery"]
    assert "initdb" not in spec["bootstrap"]
    assert (recovery["database"], recovery["owner"], recovery["secret"]) == ("immich", "immich", {"name": "immich-database"})
    (origin,) = spec["externalClusters"]
    assert origin["name"] == recovery["source"]
    assert origin["plugin"]["parameters"]["serverName"] == "immich-db"
    assert spec["plugins"][0]["parameters"]["serverName"] == "immich-2"


def test_a_restored_database_keeps_its_source_when_the_inventory_forgets_it(render: Render) -> None:
    """The operator's webhook refuses a Cluster with bootstrap.recovery.source and no external cluster of that name."""
    from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.plan import _without_initial

    changes = {"immich_database_backup": BACKUP | {"server_name": "immich-2"}}
    live = render("database", **changes, immich_database_recovery={"server_name": "immich-db"}).one("Cluster", "immich-db")
    later = _without_initial(render("database", **changes).one("Cluster", "immich-db"), live)
    assert later["spec"]["bootstrap"] == live["spec"]["bootstrap"]
    assert later["spec"]["externalClusters"] == live["spec"]["externalClusters"]


# --- mirrors ---------------------------------------------------------------


def pod(render: Render, **mirror: Any) -> dict[str, Any]:
    job = render("database", immich_timezone="Europe/Berlin", immich_database_backup=BACKUP | {"mirrors": [MIRROR | mirror]}).one("CronJob", "immich-db-far")[
        "spec"
    ]
    assert (job["schedule"], job["concurrencyPolicy"], job["timeZone"]) == ("0 5 * * *", "Forbid", "Europe/Berlin")
    return job["jobTemplate"]["spec"]["template"]["spec"]


def test_a_mirror_knows_both_stores_and_no_secret_is_written_down(render: Render) -> None:
    (container,) = pod(render, ca={"secret": "far-ca", "key": "tls.crt"})["containers"]
    env = {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in container["env"]}
    assert (env["SOURCE"], env["TARGET"]) == ("backups/immich", "far")
    assert env["RCLONE_CONFIG_SOURCE_ENDPOINT"] == "https://s3.home.net:9000" and "RCLONE_CONFIG_TARGET_ENDPOINT" not in env
    assert (env["RCLONE_CONFIG_SOURCE_PROVIDER"], env["RCLONE_CONFIG_TARGET_PROVIDER"], env["RCLONE_CONFIG_TARGET_REGION"]) == ("Other", "AWS", "eu-central-1")
    for side, name in (("SOURCE", "immich-database-backup"), ("TARGET", "immich-database-backup-far")):
        assert env[f"RCLONE_CONFIG_{side}_ACCESS_KEY_ID"] == {"secretKeyRef": {"name": name, "key": "ACCESS_KEY_ID"}}
        assert env[f"RCLONE_CONFIG_{side}_SECRET_ACCESS_KEY"] == {"secretKeyRef": {"name": name, "key": "ACCESS_SECRET_KEY"}}
    (volume,) = [item["projected"]["sources"] for item in pod(render, ca={"secret": "far-ca", "key": "tls.crt"})["volumes"] if item["name"] == "ca"]
    assert [(item["secret"]["name"], item["secret"]["items"]) for item in volume] == [
        ("ca", [{"key": "ca.crt", "path": "source.crt"}]),
        ("far-ca", [{"key": "tls.crt", "path": "target.crt"}]),
    ]


def test_a_mirror_has_no_rights_that_it_does_not_need(render: Render) -> None:
    spec = pod(render)
    assert spec["automountServiceAccountToken"] is False and spec["securityContext"]["runAsNonRoot"] is True
    assert spec["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


# --- a server of somebody else ---------------------------------------------


def test_an_external_server_renders_nothing_and_is_where_immich_connects(render: Render) -> None:
    objects = render(immich_database_provider="external", immich_database_host="pg.home.net", immich_database_port=5433, immich_database_ssl_mode="require")
    assert not [item for item in objects if "cnpg.io" in item["apiVersion"]]
    env = objects.env("immich-server")
    assert (env["DB_HOSTNAME"], env["DB_PORT"], env["DB_SSL_MODE"]) == ("pg.home.net", "5433", "require")
    assert "DB_SSL_MODE" not in render("workloads").env("immich-server")


@pytest.fixture
def rclone(tmp_path: Path, render: Render) -> Callable[..., tuple[int, list[str]]]:
    """Run what the job of a mirror runs, with a program in place of rclone that says what it is told to: how it ended, and how it was called."""
    program, calls = tmp_path / "rclone", tmp_path / "calls"
    program.write_text(f'#!/bin/sh\necho "$*" >> {calls}\ncase "$1" in lsf) printf "$FILES" ;; check) exit "$DIFFERENT" ;; esac\n')
    program.chmod(0o755)

    def run(files: str, different: int = 0, **mirror: Any) -> tuple[int, list[str]]:
        (container,) = pod(render, **mirror)["containers"]
        script = container["command"][2].replace("/tmp/files", str(tmp_path / "files"))
        env = {entry["name"]: entry["value"] for entry in container["env"] if "value" in entry}
        env |= {"PATH": f"{tmp_path}:{os.environ['PATH']}", "FILES": files, "DIFFERENT": str(different)}
        ended = subprocess.run([*container["command"][:2], script], env=env, capture_output=True, check=False).returncode
        return ended, [line.split()[0] for line in calls.read_text().splitlines()]

    return run


@pytest.mark.parametrize(
    ("files", "different", "mirror", "ended", "calls"),
    [
        ("wals/1\n", 0, {}, 0, ["lsf", "copy", "check"]),
        ("wals/1\n", 0, {"delete": True}, 0, ["lsf", "copy", "check", "sync"]),
        ("", 0, {"delete": True}, 1, ["lsf"]),  # nothing is archived: no success, and nothing is deleted
        ("wals/1\n", 1, {"delete": True}, 1, ["lsf", "copy", "check"]),
    ],
)
def test_a_copy_is_compared_and_deletes_nothing_unless_told_to(
    rclone: Callable[..., Any], files: str, different: int, mirror: dict[str, Any], ended: int, calls: list[str]
) -> None:
    assert rclone(files, different, **mirror) == (ended, calls)
