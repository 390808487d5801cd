# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What somebody gets who applies the rendered objects."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.homelab.immich.plugins.plugin_utils import cache
from ansible_collections.homelab.immich.plugins.plugin_utils.manifests import ROLES

Render = Callable[..., Any]
MEDIA = {"name": "media", "mount": "/data", "size": "1Ti", "nfs": {"export": "immich"}}
PHOTOS = {"name": "photos", "mount": "/mnt/photos", "size": "2Ti", "access": "ro", "nfs": {"export": "photos"}}
THUMBS = {"name": "thumbs", "mount": "/data/thumbs", "size": "50Gi", "storage_class": "longhorn"}
CLAIM = {"name": "old", "mount": "/mnt/old", "existing_claim": "pictures"}


def deployments(objects: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    return (item for item in objects if item["kind"] == "Deployment")


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from leaves(item, f"{path}/{key}")
    if not isinstance(value, dict | list):
        yield path, value


def test_objects_come_in_the_order_of_roles_and_templates(render: Render) -> None:
    kinds = [item["kind"] for item in render("cache", "secrets", "database")]
    assert kinds == ["Deployment", "Service", "Secret", "Secret", "Cluster", "Database"]


def test_every_object_says_what_it_belongs_to(render: Render) -> None:
    for item in render():
        labels = item["metadata"]["labels"]
        assert labels["app.kubernetes.io/part-of"] == "immich"
        assert labels["app.kubernetes.io/instance"] == "immich"
        assert labels["app.kubernetes.io/managed-by"] == "homelab.immich"
        assert labels["homelab.immich/instance"] == "photos"
        assert item["metadata"].get("namespace") == (None if item["kind"] == "PersistentVolume" else "immich")


def test_two_instances_share_no_name(render: Render) -> None:
    def identities(objects: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
        return {(item["kind"], item["metadata"].get("namespace", ""), item["metadata"]["name"]) for item in objects}

    assert not identities(render()) & identities(render(immich_namespace="stage"))
    assert not identities(render()) & identities(render(immich_name="stage"))


def test_any_value_survives(render: Render) -> None:
    """A colon, quotes, a template, a line break in a value: YAML and Jinja both leave it alone."""
    nasty = "a: b # \"c\" 'd' {{ e }} \\n\n- f"
    objects = render(immich_server_env={"MOTTO": nasty}, immich_timezone=nasty, immich_name=nasty, immich_ingress=[{"type": "ingress", "hosts": [nasty]}])
    name = f"{nasty}-server"
    assert objects.env(name)["MOTTO"] == nasty
    assert objects.env(name)["TZ"] == nasty
    assert objects.one("Ingress", name)["spec"]["rules"][0]["host"] == nasty


def test_nothing_limits_the_cpu(render: Render) -> None:
    assert not [path for path, _value in leaves(render()) if "limits" in path and path.endswith("cpu")]


# --- storage ---------------------------------------------------------------


def test_a_read_only_volume_is_read_only_everywhere(render: Render) -> None:
    objects = render()
    volume = objects.one("PersistentVolume", "immich-immich-photos")["spec"]
    assert "ro" in volume["mountOptions"]
    assert volume["nfs"] == {"server": "192.0.2.10", "path": "/mnt/tank/photos", "readOnly": True}
    assert volume["accessModes"] == ["ReadOnlyMany"] == objects.one("PersistentVolumeClaim", "immich-photos")["spec"]["accessModes"]
    (mount,) = [mount for mount in objects.container("immich-server")["volumeMounts"] if mount["name"] == "photos"]
    assert mount["readOnly"] is True
    (source,) = [source for source in objects.pod("immich-server")["volumes"] if source["name"] == "photos"]
    assert source["persistentVolumeClaim"] == {"claimName": "immich-photos", "readOnly": True}


def test_a_writable_volume_is_writable_everywhere(render: Render) -> None:
    objects = render()
    volume = objects.one("PersistentVolume", "immich-immich-media")["spec"]
    assert "ro" not in volume["mountOptions"]
    assert volume["nfs"]["readOnly"] is False
    assert not [mount for mount in objects.container("immich-server")["volumeMounts"] if mount["name"] == "media" and mount.get("readOnly")]


def test_an_nfs_volume_is_kept_and_meant_for_its_claim_only(render: Render) -> None:
    objects = render(immich_namespace="family")
    volume = objects.one("PersistentVolume", "family-immich-media")["spec"]
    claim = objects.one("PersistentVolumeClaim", "immich-media")["spec"]
    assert volume["persistentVolumeReclaimPolicy"] == "Retain"
    assert volume["claimRef"] == {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": "family", "name": "immich-media"}
    assert claim["volumeName"] == "family-immich-media"
    assert volume["storageClassName"] == claim["storageClassName"] == ""
    assert "hard" in volume["mountOptions"]


def test_a_volume_is_the_folder_of_an_export_that_it_names(render: Render) -> None:
    family = MEDIA | {"nfs": {"export": "immich", "subpath": "family/upload"}}
    volume = render("storage", immich_volumes=[family]).one("PersistentVolume", "immich-immich-media")
    assert volume["spec"]["nfs"] == {"server": "192.0.2.10", "path": "/mnt/tank/immich/family/upload", "readOnly": False}


def test_the_nfs_driver_mounts_the_same_folder_as_read_only_and_as_hard(render: Render) -> None:
    objects = render("storage", immich_volumes=[PHOTOS | {"nfs": {"export": "photos", "csi": True}}])
    volume = objects.one("PersistentVolume", "immich-immich-photos")["spec"]
    assert volume["csi"]["driver"] == "nfs.csi.k8s.io"
    assert volume["csi"]["volumeAttributes"] == {"server": "192.0.2.10", "share": "/mnt/tank/photos"}
    assert volume["csi"]["readOnly"] is True and {"hard", "ro"} <= set(volume["mountOptions"])
    assert "nfs" not in volume and volume["persistentVolumeReclaimPolicy"] == "Retain"


UNAS = {"inventory_hostname": "tank", "ansible_host": "192.0.2.30", "nas_exports": [{"name": "k8s", "protocol": "smb", "share": "k8s"}]}
SHARE = {"name": "library", "mount": "/data", "size": "2Ti", "smb": {"export": "k8s", "path": "immich"}}


def test_a_share_is_mounted_for_the_user_of_the_pods_with_a_secret_in_their_namespace(render: Render) -> None:
    objects = render("storage", immich_volumes=[SHARE], immich_run_as={"uid": 1000, "gid": 1001}, immich_namespace="media", hostvars={"tank": UNAS})
    volume = objects.one("PersistentVolume", "media-immich-library")["spec"]
    assert volume["csi"]["driver"] == "smb.csi.k8s.io"
    assert volume["csi"]["volumeAttributes"] == {"source": "//192.0.2.30/k8s", "subDir": "immich"}
    assert volume["csi"]["nodeStageSecretRef"] == {"namespace": "media", "name": "immich-smb"}
    assert volume["csi"]["readOnly"] is False
    assert {"noserverino", "uid=1000", "gid=1001", "hard"} <= set(volume["mountOptions"])
    assert volume["accessModes"] == ["ReadWriteMany"] and volume["persistentVolumeReclaimPolicy"] == "Retain"


def test_a_share_that_is_read_only_and_whole(render: Render) -> None:
    pictures = SHARE | {"access": "ro", "smb": {"export": "k8s"}}
    changes = {"immich_volumes": [pictures], "immich_secrets": {"smb": {"existing": "unas"}}, "hostvars": {"tank": UNAS}}
    volume = render("storage", **changes).one("PersistentVolume", "immich-immich-library")["spec"]
    assert volume["csi"]["readOnly"] is True and "ro" in volume["mountOptions"] and volume["accessModes"] == ["ReadOnlyMany"]
    assert volume["csi"]["volumeAttributes"] == {"source": "//192.0.2.30/k8s"}
    assert volume["csi"]["nodeStageSecretRef"]["name"] == "unas"


def test_two_folders_of_one_share_are_two_volumes(render: Render) -> None:
    volumes = [SHARE, SHARE | {"name": "pics", "mount": "/mnt/pics", "smb": {"export": "k8s", "path": "pics"}}]
    objects = render("storage", immich_volumes=volumes, hostvars={"tank": UNAS})
    handles = [item["spec"]["csi"]["volumeHandle"] for item in objects if item["kind"] == "PersistentVolume"]
    assert len(set(handles)) == 2


def test_a_share_without_anybody_to_log_in_is_refused_in_a_real_run(render: Render) -> None:
    changes = {"immich_volumes": [SHARE], "hostvars": {"tank": UNAS}}
    with pytest.raises(Exception, match=r"immich_secrets\.smb is not set, and nobody can guess username and password"):
        render("secrets", immich_rehearsal=False, **changes)
    played = render("secrets", **changes).one("Secret", "immich-smb")
    assert played["metadata"]["annotations"] == {"homelab.immich/generate": "username,password"}


def test_no_two_volumes_of_a_driver_have_one_handle(render: Render) -> None:
    """Two instances read the same photos: with one handle a node would mount the first only."""
    photos = PHOTOS | {"nfs": {"export": "photos", "csi": True}}
    objects = [*render("storage", immich_volumes=[photos, photos | {"name": "again"}]), *render("storage", immich_namespace="stage", immich_volumes=[photos])]
    handles = [item["spec"]["csi"]["volumeHandle"] for item in objects if item["kind"] == "PersistentVolume"]
    assert len(set(handles)) == len(handles) == 3


def test_a_folder_of_a_node_is_never_made_and_takes_its_pods_there(render: Render) -> None:
    disk = {"name": "disk", "mount": "/data", "size": "1Ti", "host_path": {"path": "/srv/immich", "node": "pi"}}
    objects = render("storage", "workloads", immich_volumes=[disk])
    volume = objects.one("PersistentVolume", "immich-immich-disk")["spec"]
    assert volume["hostPath"] == {"path": "/srv/immich", "type": "Directory"}
    (term,) = volume["nodeAffinity"]["required"]["nodeSelectorTerms"]
    assert term["matchExpressions"] == [{"key": "kubernetes.io/hostname", "operator": "In", "values": ["pi"]}]
    assert "mountOptions" not in volume  # Kubernetes refuses them here
    assert {"name": "disk", "persistentVolumeClaim": {"claimName": "immich-disk"}} in objects.pod("immich-server")["volumes"]
    anywhere = render("storage", immich_volumes=[disk | {"host_path": {"path": "/srv/immich"}, "access": "ro"}])
    assert "nodeAffinity" not in anywhere.one("PersistentVolume", "immich-immich-disk")["spec"]
    assert "mountOptions" not in anywhere.one("PersistentVolume", "immich-immich-disk")["spec"]


def test_a_storage_class_makes_a_claim_and_no_volume(render: Render) -> None:
    objects = render("storage", immich_volumes=[THUMBS])
    assert [(item["kind"], item["spec"]["storageClassName"]) for item in objects] == [("PersistentVolumeClaim", "longhorn")]


def test_an_existing_claim_is_mounted_and_not_rendered(render: Render) -> None:
    assert render("storage", immich_volumes=[CLAIM]) == []
    sources = render("workloads", immich_volumes=[MEDIA, CLAIM]).pod("immich-server")["volumes"]
    assert {"name": "old", "persistentVolumeClaim": {"claimName": "pictures"}} in sources


def test_an_unknown_export_names_variable_and_template(render: Render) -> None:
    with pytest.raises(Exception, match=r"roles/storage/templates/volumes\.yaml\.j2, line 1: .*immich_volumes: No host of the group nas exports phtos"):
        render("storage", immich_volumes=[PHOTOS | {"nfs": {"export": "phtos"}}])


# --- workloads --------------------------------------------------------------


def test_pods_mount_what_is_theirs_and_parents_first(render: Render) -> None:
    objects = render()
    assert [mount["mountPath"] for mount in objects.container("immich-server")["volumeMounts"]] == ["/data", "/data/thumbs", "/mnt/photos", "/tmp"]
    assert [mount["mountPath"] for mount in objects.container("immich-machine-learning")["volumeMounts"]] == ["/cache", "/tmp"]


def test_every_mount_has_its_volume(render: Render) -> None:
    for item in deployments(render()):
        pod = item["spec"]["template"]["spec"]
        assert {mount["name"] for mount in pod["containers"][0]["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}


def test_models_have_an_empty_folder_when_no_volume_is_there(render: Render) -> None:
    objects = render(immich_volumes=[MEDIA])
    assert {"name": "scratch-cache", "emptyDir": {}} in objects.pod("immich-machine-learning")["volumes"]


@pytest.mark.parametrize(
    ("volumes", "fs_group"),
    [
        ([MEDIA, PHOTOS], None),  # nothing to give away, and nothing that could chown a photo
        ([MEDIA, PHOTOS, THUMBS], 1001),  # a fresh block volume belongs to root
        ([MEDIA, THUMBS, CLAIM], None),  # who knows what is on it
        ([MEDIA, THUMBS, CLAIM | {"access": "ro"}], 1001),  # the kubelet leaves read-only volumes alone
        ([MEDIA, THUMBS | {"access": "ro"}], None),
        ([MEDIA | {"nfs": {"export": "immich", "csi": True}}, THUMBS], None),  # its driver would change the group of every file
        ([MEDIA, PHOTOS | {"nfs": {"export": "photos", "csi": True}}, THUMBS], 1001),
        ([MEDIA, THUMBS | {"pods": ["machine-learning"]}], None),
    ],
)
def test_a_group_is_given_only_where_it_cannot_change_a_photo_library(render: Render, volumes: list[dict[str, Any]], fs_group: int | None) -> None:
    security = render("workloads", immich_volumes=volumes, immich_run_as={"uid": 1000, "gid": 1001}).pod("immich-server")["securityContext"]
    assert security.get("fsGroup") == fs_group
    assert security.get("fsGroupChangePolicy") == ("OnRootMismatch" if fs_group else None)


def test_run_as(render: Render) -> None:
    objects = render(immich_run_as={"uid": 1000, "gid": 1001})
    for name in ("immich-server", "immich-machine-learning"):
        security = objects.pod(name)["securityContext"]
        assert (security["runAsUser"], security["runAsGroup"], security["runAsNonRoot"]) == (1000, 1001, True)
        assert objects.container(name)["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_without_run_as_the_image_decides(render: Render) -> None:
    objects = render(immich_run_as=None)
    for name in ("immich-server", "immich-machine-learning"):
        assert objects.pod(name)["securityContext"] == {"seccompProfile": {"type": "RuntimeDefault"}}
        # root needs its capabilities to write where others own the files
        assert objects.container(name)["securityContext"]["capabilities"] == {"drop": ["NET_RAW"]}


def test_pods_never_run_twice_and_get_no_surprises(render: Render) -> None:
    for item in deployments(render()):
        assert item["spec"]["strategy"] == {"type": "Recreate"}
        assert item["spec"]["replicas"] == 1
        pod = item["spec"]["template"]["spec"]
        assert pod["enableServiceLinks"] is False
        assert pod["automountServiceAccountToken"] is False
        assert pod["containers"][0]["securityContext"]["allowPrivilegeEscalation"] is False


def test_a_slow_start_is_waited_for(render: Render) -> None:
    for name in ("immich-server", "immich-machine-learning"):
        objects = render()
        container = objects.container(name)
        budget = container["startupProbe"]["periodSeconds"] * container["startupProbe"]["failureThreshold"]
        assert budget >= 1800
        assert objects.one("Deployment", name)["spec"]["progressDeadlineSeconds"] > budget
        assert all(container[probe]["timeoutSeconds"] >= 5 for probe in ("startupProbe", "livenessProbe", "readinessProbe"))


@pytest.mark.parametrize(
    ("version", "path"),
    [("v2.2.3", "/api/server/ping"), ("v2.5.5", "/api/server/config"), ("v2.6.0", "/api/server/ping"), ("v3.3.5", "/api/server/ping")],
)
def test_a_restore_in_maintenance_mode_is_not_killed(render: Render, version: str, path: str) -> None:
    container = render("workloads", immich_version=version).container("immich-server")
    assert container["startupProbe"]["httpGet"]["path"] == container["readinessProbe"]["httpGet"]["path"] == path
    assert ("tcpSocket" in container["livenessProbe"]) == (path == "/api/server/config")


def test_both_images_are_of_one_version(render: Render) -> None:
    objects = render(immich_version="v2.5.5")
    assert objects.container("immich-server")["image"] == "ghcr.io/immich-app/immich-server:v2.5.5"
    assert objects.container("immich-machine-learning")["image"] == "ghcr.io/immich-app/immich-machine-learning:v2.5.5"


def test_the_server_finds_what_is_rendered(render: Render) -> None:
    objects = render(immich_name="pics", immich_database_cluster="pg16", immich_database_name="photos")
    env = objects.env("pics-server")
    assert env["DB_HOSTNAME"] == "pg16-rw"
    assert objects.one("Cluster", "pg16")["spec"]["bootstrap"]["initdb"]["database"] == env["DB_DATABASE_NAME"] == "photos"
    assert objects.one("Service", env["REDIS_HOSTNAME"])["spec"]["ports"][0]["port"] == int(env["REDIS_PORT"])
    service, port = env["IMMICH_MACHINE_LEARNING_URL"].removeprefix("http://").split(":")
    assert objects.one("Service", service)["spec"]["ports"][0]["port"] == int(port)
    for item in deployments(objects):
        for entry in item["spec"]["template"]["spec"]["containers"][0]["env"]:
            if reference := entry.get("valueFrom", {}).get("secretKeyRef"):
                secret = objects.one("Secret", reference["name"])
                generated = secret["metadata"]["annotations"]["homelab.immich/generate"].split(",")
                assert reference["key"] in [*generated, *secret.get("stringData", {})]


def test_every_service_finds_its_pod(render: Render) -> None:
    objects = render()
    for service in (item for item in objects if item["kind"] == "Service"):
        template = objects.one("Deployment", service["metadata"]["name"])["spec"]["template"]
        assert service["spec"]["selector"].items() <= template["metadata"]["labels"].items()
        ports = {port["name"] for port in template["spec"]["containers"][0]["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports


def test_setup_is_closed_once_there_is_an_administrator(render: Render) -> None:
    assert "IMMICH_ALLOW_SETUP" not in render("workloads").env("immich-server")
    assert render("workloads", __immich_initialized=True).env("immich-server")["IMMICH_ALLOW_SETUP"] == "false"
    assert "IMMICH_ALLOW_SETUP" not in render("workloads", __immich_initialized=True, immich_version="v2.4.1").env("immich-server")


def test_a_person_may_set_any_variable(render: Render) -> None:
    secret = {"secretKeyRef": {"name": "mail", "key": "password"}}
    env = render("workloads", immich_server_env={"TZ": "UTC", "IMMICH_LOG_LEVEL": "verbose", "DEBUG": True, "RATIO": 0.5, "MAIL": secret}).env("immich-server")
    assert (env["TZ"], env["IMMICH_LOG_LEVEL"], env["DEBUG"], env["RATIO"], env["MAIL"]) == ("UTC", "verbose", "true", "0.5", secret)
    env = render("workloads", immich_machine_learning_env={"IMMICH_HOST": "0.0.0.0"}).env("immich-machine-learning")
    assert env["IMMICH_HOST"] == "0.0.0.0"


def test_machine_learning_can_be_left_out(render: Render) -> None:
    objects = render("workloads", immich_machine_learning_enabled=False)
    assert [item["metadata"]["name"] for item in objects] == ["immich-server", "immich-server"]
    assert objects.env("immich-server")["IMMICH_MACHINE_LEARNING_ENABLED"] == "false"


def test_nodes_can_be_chosen(render: Render) -> None:
    board = {"homelab.example.net/board": "opi5"}
    objects = render(immich_server_node_selector=board, immich_machine_learning_node_selector=board, immich_database_node_selector=board)
    assert objects.pod("immich-server")["nodeSelector"] == objects.pod("immich-machine-learning")["nodeSelector"] == board
    assert objects.one("Cluster", "immich-db")["spec"]["affinity"]["nodeSelector"] == board


# --- database and cache -----------------------------------------------------


def test_the_image_follows_from_both_versions(render: Render) -> None:
    def image(**changes: Any) -> str:
        return render("database", **changes).one("Cluster", "immich-db")["spec"]["imageName"]

    assert image(immich_database_postgres="16", immich_database_vectorchord="0.4.3") == "ghcr.io/tensorchord/cloudnative-vectorchord:16-0.4.3"
    assert image(immich_database_image="registry.example.net/pg:17-custom") == "registry.example.net/pg:17-custom"


@pytest.mark.parametrize(("privileges", "superuser"), [("superuser", True), ("least", False)])
def test_privileges_never_cost_the_login(render: Render, privileges: str, superuser: bool) -> None:
    (role,) = render("database", immich_database_privileges=privileges).one("Cluster", "immich-db")["spec"]["managed"]["roles"]
    # least says so instead of leaving it out, so that it takes back what superuser gave
    assert (role["name"], role["login"], role["superuser"]) == ("immich", True, superuser)


def test_extensions_are_made_in_the_database_of_immich(render: Render) -> None:
    objects = render("database", immich_database_name="photos")
    database = objects.one("Database", "immich-db")["spec"]
    assert (database["name"], database["owner"], database["cluster"]) == ("photos", "immich", {"name": "immich-db"})
    assert [extension["name"] for extension in database["extensions"]] == ["vector", "vchord", "cube", "earthdistance"]
    assert not [path for path, _value in leaves(objects) if "postInit" in path]


def test_the_password_of_the_superuser_stays_inside(render: Render) -> None:
    cluster = render("database").one("Cluster", "immich-db")["spec"]
    assert cluster["enableSuperuserAccess"] is False
    assert "inheritedMetadata" not in cluster


@pytest.mark.parametrize(("instances", "budget"), [(1, False), (3, True)])
def test_a_single_instance_does_not_block_a_drain(render: Render, instances: int, budget: bool) -> None:
    assert render("database", immich_database_instances=instances).one("Cluster", "immich-db")["spec"]["enablePDB"] is budget


def test_parameters_go_over_the_profile(render: Render) -> None:
    postgresql = render("database", immich_database_parameters={"max_wal_size": "1GB", "max_connections": 200, "jit": False}).one("Cluster", "immich-db")
    parameters = postgresql["spec"]["postgresql"]["parameters"]
    assert (parameters["max_wal_size"], parameters["max_connections"], parameters["jit"]) == ("1GB", "200", "false")
    assert parameters["shared_buffers"] == "512MB"
    assert postgresql["spec"]["postgresql"]["shared_preload_libraries"] == ["vchord.so"]


def test_volumes_of_the_database(render: Render) -> None:
    cluster = render("database", immich_database_wal_size="5Gi").one("Cluster", "immich-db")["spec"]
    assert cluster["storage"] == {"size": "20Gi", "storageClass": "longhorn"}
    assert cluster["walStorage"] == {"size": "5Gi", "storageClass": "longhorn"}
    cluster = render("database", immich_database_storage_class="").one("Cluster", "immich-db")["spec"]
    assert cluster["storage"] == {"size": "20Gi"}  # the default class
    assert "walStorage" not in cluster


def test_passwords_are_generated_and_in_no_object(render: Render) -> None:
    secrets = [item for item in render() if item["kind"] == "Secret"]
    assert {item["metadata"]["name"] for item in secrets} == {"immich-database", "immich-cache"}
    for secret in secrets:
        assert secret["metadata"]["annotations"]["homelab.immich/generate"] == "password"
        assert "password" not in secret.get("stringData", {}) | secret.get("data", {})


def test_the_queue_loses_nothing_and_tells_no_password(render: Render) -> None:
    container = render("cache").container("immich-valkey")
    command = " ".join(container["command"])
    assert "--maxmemory-policy noeviction" in command
    assert "requirepass" not in command.splitlines()[0]  # what the process list shows
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert render("cache").pod("immich-valkey")["securityContext"]["runAsNonRoot"] is True


@pytest.mark.parametrize("provider", ["valkey", "redis"])
@pytest.mark.parametrize(("answer", "well"), [("PONG", True), ("NOAUTH Authentication required.", False), ("LOADING Redis is loading the dataset", False)])
def test_every_client_can_tell_whether_the_queue_answers(render: Render, tmp_path: Path, provider: str, answer: str, well: bool) -> None:
    """Redis 6.2, which older Immich came with, knows no option -e and ends well with an error for an answer."""
    client = tmp_path / f"{provider}-cli"
    client.write_text(f'#!/bin/sh\n[ "$*" = ping ] || exit 1\necho "{answer}"\n')
    client.chmod(0o755)
    container = render("cache", immich_cache_provider=provider).container(f"immich-{provider}")
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        done = subprocess.run(container[probe]["exec"]["command"], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, check=False)
        assert (done.returncode == 0) is well


@pytest.mark.parametrize("provider", ["valkey", "redis", "dragonfly"])
def test_the_server_reaches_the_queue_of_each_kind_with_its_password(render: Render, provider: str) -> None:
    objects = render(immich_cache_provider=provider)
    env, name = objects.env("immich-server"), f"immich-{provider}"
    password = {"secretKeyRef": {"name": "immich-cache", "key": "password"}}
    assert (env["REDIS_HOSTNAME"], env["REDIS_PORT"], env["REDIS_PASSWORD"]) == (name, "6379", password)
    queues = [(item["kind"], item["metadata"]["name"]) for item in render("cache", immich_cache_provider=provider)]
    assert queues == ([("Dragonfly", name)] if provider == "dragonfly" else [("Deployment", name), ("Service", name)])


def test_redis_is_valkey_by_another_name(render: Render) -> None:
    container = render("cache", immich_cache_provider="redis", immich_cache_image="redis:8.4-alpine").container("immich-redis")
    assert container["image"] == "redis:8.4-alpine" and "valkey" not in str(container)
    assert "redis-server - --maxmemory-policy noeviction" in container["command"][-1]


@pytest.mark.parametrize("password", ["plain", 'quo"te', "back\\slash", "dol$lar `x` $(y)", "per%cent"])
def test_the_queue_has_the_password_that_the_secret_says(render: Render, tmp_path: Path, password: str) -> None:
    """The command of the container, with a server that shows what it is configured with."""
    (tmp_path / "valkey-server").write_text("#!/bin/sh\ncat\n")
    (tmp_path / "valkey-server").chmod(0o755)
    command = render("cache").container("immich-valkey")["command"]
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "REDISCLI_AUTH": password}
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()
    assert re.sub(r"\\(.)", r"\1", shown) == f'requirepass "{password}"'  # as the server reads its configuration
    assert re.fullmatch(r'requirepass "([^"\\]|\\.)*"', shown)


def test_a_dragonfly_runs_the_scripts_of_immich_and_is_not_open_to_others(render: Render) -> None:
    changes = {"immich_cache_replicas": 3, "immich_cache_threads": 2, "immich_cache_max_memory": "1000M"}
    spec = render("cache", immich_cache_provider="dragonfly", **changes).one("Dragonfly", "immich-dragonfly")["spec"]
    assert spec["args"] == ["--proactor_threads=2", "--maxmemory=1000M", "--default_lua_flags=allow-undeclared-keys"]
    assert (spec["replicas"], spec["networkPolicyEnabled"]) == (3, True)
    assert spec["authentication"] == {"passwordFromSecret": {"name": "immich-cache", "key": "password"}}


def test_a_queue_of_somebody_else(render: Render) -> None:
    def env(**changes: Any) -> dict[str, Any]:
        found = render("workloads", immich_cache_provider="external", **changes).env("immich-server")
        return {name: value for name, value in found.items() if name.startswith("REDIS")}

    there = {"immich_cache_host": "redis.example.net"}
    assert env(**there) == {"REDIS_HOSTNAME": "redis.example.net", "REDIS_PORT": "6379"}
    more = {"immich_cache_port": 6380, "immich_cache_username": "immich", "immich_cache_database": 2, "immich_secrets": {"cache": {"existing": "redis"}}}
    assert env(**there, **more) == {
        "REDIS_HOSTNAME": "redis.example.net",
        "REDIS_PORT": "6380",
        "REDIS_USERNAME": "immich",
        "REDIS_DBINDEX": "2",
        "REDIS_PASSWORD": {"secretKeyRef": {"name": "redis", "key": "password"}},
    }
    assert env(immich_secrets={"cache_url": {"existing": "sentinel"}}) == {"REDIS_URL": {"secretKeyRef": {"name": "sentinel", "key": "url"}}}
    assert render("cache", immich_cache_provider="external", **there) == []
    names = [item["metadata"]["name"] for item in render("secrets", immich_cache_provider="external", **there)]
    assert names == ["immich-database"]  # none is made up for a queue that has no password
    url = render(immich_cache_provider="external", immich_secrets={"cache_url": {"onepassword": "vaults/home/items/queue"}})
    made = url.one("OnePasswordItem", "immich-cache-url")["metadata"]["name"]
    assert url.env("immich-server")["REDIS_URL"]["secretKeyRef"]["name"] == made


def test_sentinels_are_given_as_immich_reads_them() -> None:
    url = cache.ioredis_url({"sentinels": [{"host": "a.example.net", "port": 26379}], "name": "mymaster", "password": "ä"})
    scheme, _slashes, encoded = url.partition("//")
    assert scheme == "ioredis:"
    assert json.loads(base64.b64decode(encoded)) == {"sentinels": [{"host": "a.example.net", "port": 26379}], "name": "mymaster", "password": "ä"}


# --- ingress ----------------------------------------------------------------


def test_no_way_in_is_no_object(render: Render) -> None:
    assert render("ingress", immich_ingress=[]) == []


def test_cert_manager_keeps_the_certificate(render: Render) -> None:
    ingress = render("ingress").one("Ingress", "immich-server")
    assert ingress["metadata"]["annotations"] == {"cert-manager.io/cluster-issuer": "letsencrypt"}
    assert ingress["spec"]["tls"] == [{"hosts": ["photos.example.net"], "secretName": "immich-server-tls"}]
    assert ingress["spec"]["ingressClassName"] == "traefik"


def test_several_ways_in(render: Render) -> None:
    ways = [{"hosts": ["a.example.net", "b.example.net"], "issuer": "x"}, {"hosts": ["c.example.net"], "class": "internal", "issuer": "y"}]
    objects = render("ingress", immich_ingress=ways)
    assert [item["metadata"]["name"] for item in objects] == ["immich-server", "immich-server-2"]
    assert [rule["host"] for rule in objects[0]["spec"]["rules"]] == ["a.example.net", "b.example.net"]
    assert len({item["spec"]["tls"][0]["secretName"] for item in objects}) == 2


def test_only_the_server_can_be_exposed(render: Render) -> None:
    objects = render()
    assert {item["spec"].get("type", "ClusterIP") for item in objects if item["kind"] == "Service"} == {"ClusterIP"}
    backends = [value for path, value in leaves([item for item in objects if item["kind"] == "Ingress"]) if path.endswith("/service/name")]
    assert set(backends) == {"immich-server"}


# --- patches and errors -----------------------------------------------------


def test_a_patch_changes_its_object(render: Render) -> None:
    patches = [
        {"kind": "Deployment", "name": "immich-server", "patch": {"spec": {"template": {"spec": {"hostNetwork": True}}}}},
        {"kind": "Service", "name": "immich-server", "patch": [{"op": "add", "path": "/spec/type", "value": "LoadBalancer"}]},
    ]
    objects = render("workloads", immich_patches=patches)
    assert objects.pod("immich-server")["hostNetwork"] is True
    assert objects.one("Service", "immich-server")["spec"]["type"] == "LoadBalancer"


def test_a_patch_for_another_phase_waits_for_it(render: Render) -> None:
    patches = [{"kind": "Ingress", "name": "immich-server", "patch": {"metadata": {"annotations": {"a": "b"}}}}]
    assert render("cache", immich_patches=patches) == render("cache")


def test_a_patch_that_matches_nothing_is_an_error(render: Render) -> None:
    with pytest.raises(Exception, match=r"immich_patches\[0\] \(Deployment imich-server\) matches no object"):
        render("cache", immich_patches=[{"kind": "Deployment", "name": "imich-server", "patch": {}}])


def test_a_wrong_patch_is_named_even_where_another_role_cannot_be_rendered(render: Render) -> None:
    with pytest.raises(Exception, match=r"immich_patches\[0\] \(Deployment imich-server\) matches no object"):
        render("cache", immich_patches=[{"kind": "Deployment", "name": "imich-server", "patch": {}}], __immich_cluster=None)


def test_a_role_without_templates_is_an_error(render: Render) -> None:
    with pytest.raises(Exception, match="Role common has no templates. Use one of deliver, secrets, storage, "):
        render("common")


@pytest.mark.parametrize(
    ("template", "line", "message"),
    [
        ("a: 1\nb: {{ nothing }}\nc: 1\n", 2, "'nothing' is undefined"),
        ("{% set x = [\n  1,\n] %}\na: 1\n{% for i in x %}\nb: 1\nc: {{ i.nope.nope }}\n{% endfor %}\n", 7, "nope"),
        ("a: 1\n\nb: {{ '1' | ansible.builtin.regex_replace('(', '') }}\n", 3, "regex_replace"),
        ("{% if no_such_variable %}\na: 1\n{% endif %}\n", 1, "no_such_variable"),
        ("a: 1\n{% set ok = 1 %}\n{% for i in [1, 2] %}\n{% if i and nothing %}\nb: 1\n{% endif %}\n{% endfor %}\n", 4, "nothing"),
        ("a: 1\n{% if %}\n{% endif %}\n", 2, "Expected an expression"),
    ],
)
def test_an_error_names_template_and_line(render: Render, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, template: str, line: int, message: str) -> None:
    from ansible.plugins.loader import lookup_loader

    (tmp_path / "broken" / "templates").mkdir(parents=True)
    (tmp_path / "broken" / "templates" / "thing.yaml.j2").write_text(template)
    lookup = lookup_loader.get("homelab.immich.manifests", class_only=True)
    monkeypatch.setitem(lookup.run.__globals__, "FOLDER", tmp_path)
    monkeypatch.setitem(lookup.run.__globals__, "ROLES", ("broken",))
    with pytest.raises(Exception, match=rf"roles/broken/templates/thing\.yaml\.j2, line {line}: .*{message}"):
        render("broken")


def test_what_comes_back_is_plain(render: Render) -> None:
    """Nothing of Ansible's lazy or tagged types is left, which other serialisers do not know."""
    objects = render(immich_patches=[{"kind": "Service", "name": "immich-server", "patch": {"spec": {"externalName": "x"}}}])
    assert json.loads(json.dumps(list(objects))) == objects
    assert yaml.safe_load(yaml.safe_dump(list(objects))) == objects


def test_every_role_with_templates_is_rendered(checkout: Path) -> None:
    assert {path.parent.parent.name for path in (checkout / "roles").glob("*/templates/*.yaml.j2")} == set(ROLES)


def test_the_deliver_role_imports_the_defaults_of_every_role_that_it_renders(checkout: Path) -> None:
    imported = {task["ansible.builtin.import_role"]["name"] for task in yaml.safe_load((checkout / "roles/deliver/tasks/defaults.yml").read_text())}
    assert imported == {f"homelab.immich.{role}" for role in ("common", *ROLES[1:])}
