# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The database, its backups, and servers of somebody else."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Homelab

BACKUP = {"destination": "s3://backups/immich", "endpoint": "https://s3.home.net"}
MIRROR = {"name": "far", "destination": "s3://far", "schedule": "0 5 * * *"}
KEYS = {"database_backup": {"existing": "s3"}, "database_backup_far": {"existing": "far"}}


def real(homelab: Homelab) -> None:
    for host in (*homelab.groups["immich"].values(), *homelab.groups["nas"].values()):
        host["immich_rehearsal"] = False


@pytest.mark.parametrize(
    "changes",
    [
        {"immich_database_namespace": "databases"},
        {"immich_database_image_catalog": {"name": "vchord"}},
        {"immich_database_postgres": "18.4", "immich_database_vectorchord_image": "ghcr.io/tensorchord/vchord-scratch:pg18-v1.1.1"},
        {"immich_database_postgres": "18.4", "immich_database_vectorchord_image": "registry.home.net/vchord:mine"},
        {"immich_database_backup": BACKUP, "immich_secrets": {"database_backup": {"existing": "s3"}}},
        {"immich_database_backup": BACKUP | {"mirrors": [MIRROR], "schedule": "0 0 1 * * *", "retention": "4w"}, "immich_secrets": KEYS},
        {"immich_database_backup": BACKUP | {"server_name": "b"}, "immich_database_recovery": {"server_name": "a", "time": "2026-11-20T03:15:00Z"}},
        {"immich_database_provider": "external", "immich_database_host": "pg.home.net"},
    ],
)
def test_what_is_fine(homelab: Homelab, changes: dict[str, Any]) -> None:
    if changes.get("immich_database_provider") == "external":
        for name in ("instances", "size", "storage_class"):
            homelab.photos.pop(f"immich_database_{name}", None)
    homelab.photos.update(changes)
    assert homelab.errors() == [] and homelab.warnings() == []


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"immich_database_image": "r.net/pg:17", "immich_database_image_catalog": {"name": "a"}},
            "immich_database_image and immich_database_image_catalog are both set, and only one can name the image.",
        ),
        (
            {"immich_database_vectorchord_image": "x/vchord:pg18-v1.1.1"},
            "immich_database_vectorchord_image is x/vchord:pg18-v1.1.1, and only PostgreSQL 18 and later take extensions from an image of their own; "
            "immich_database_postgres is 17.10. Leave it empty.",
        ),
        (
            {"immich_database_postgres": "18.4", "immich_database_vectorchord_image": "x/vchord:pg17-v1.1.1"},
            "immich_database_vectorchord_image is x/vchord:pg17-v1.1.1, for PostgreSQL 17, and immich_database_postgres is 18.4. "
            "Use the image whose tag begins with pg18.",
        ),
        (
            {"immich_database_postgres": "18.4", "immich_database_vectorchord_image": "x/vchord:pg18-v1.0.0"},
            "immich_database_vectorchord_image is x/vchord:pg18-v1.0.0, with VectorChord 1.0.0, and immich_database_vectorchord is 1.1.1. Make them the same.",
        ),
        (
            {"immich_database_host": "pg.home.net"},
            "immich_database_host is for immich_database_provider: external, and it is cnpg. Remove it, or choose external.",
        ),
        (
            {"immich_database_image": "r.net/pg:17.10-1.0.0"},
            "immich_database_image is r.net/pg:17.10-1.0.0, by its tag with VectorChord 1.0.0, and immich_database_vectorchord is 1.1.1. Make them the same.",
        ),
        ({"immich_database_name": "postgres"}, "immich_database_name is postgres, a database of PostgreSQL's own"),
        (
            {"immich_database_privileges": "least", "immich_database_vectorchord": "1.1"},
            "immich_database_vectorchord is 1.1, and with immich_database_privileges: least the extension is updated to exactly that.",
        ),
        ({"immich_database_backup": BACKUP | {"destination": "/mnt/backups"}}, "immich_database_backup.destination is /mnt/backups. Write s3:// with a bucket"),
        ({"immich_database_backup": BACKUP | {"endpoint": "s3.home.net"}}, "immich_database_backup.endpoint is s3.home.net. Write it with https:// or http://"),
        (
            {"immich_database_backup": BACKUP | {"endpoint": "http://s3.home.net", "ca": {"secret": "ca"}}},
            "immich_database_backup.ca is set, and http://s3.home.net has no TLS to check.",
        ),
        ({"immich_database_backup": BACKUP | {"retention": "30 days"}}, "immich_database_backup.retention is 30 days. Write a number with d, w or m"),
        ({"immich_database_backup": BACKUP | {"server_name": "a/b"}}, "immich_database_backup.server_name is a/b. It becomes a folder of the bucket"),
        (
            {"immich_database_backup": BACKUP | {"schedule": "0 3 * * *"}},
            'immich_database_backup.schedule is "0 3 * * *": it has 5 fields. Write six, seconds first: "0 0 3 * * *".',
        ),
        (
            {"immich_database_backup": BACKUP | {"mirrors": [MIRROR | {"schedule": "0 0 5 * * *"}]}},
            'immich_database_backup.mirrors[0].schedule is "0 0 5 * * *": it has 6 fields. Write five, without seconds: "0 5 * * *".',
        ),
        (
            {"immich_database_backup": BACKUP | {"mirrors": [MIRROR | BACKUP | {"destination": "s3://backups/immich/"}]}},
            "immich_database_backup.mirrors[0] is the same place as the backup itself, s3://backups/immich/: no copy at all.",
        ),
        ({"immich_database_backup": BACKUP | {"mirrors": [MIRROR | {"name": "Far"}]}}, "immich_database_backup.mirrors[0].name is Far. Use lower-case letters"),
        (
            {"immich_database_backup": BACKUP | {"mirrors": [MIRROR, MIRROR | {"destination": "s3://x"}]}},
            "immich_database_backup.mirrors[1].name is far, and so is that of another mirror.",
        ),
        (
            {"immich_database_backup": BACKUP | {"mirrors": [MIRROR | {"name": "f" * 43}]}},
            "immich_database_backup.mirrors[0].name is " + "f" * 43 + ", with 43 characters. Beside the name of the Cluster there are 42 for it.",
        ),
        ({"immich_database_recovery": {"server_name": "a"}}, "immich_database_recovery is set, and immich_database_backup is not."),
        (
            {"immich_database_backup": BACKUP, "immich_database_recovery": {"server_name": "immich-db"}},
            "immich_database_recovery.server_name is immich-db, under which the new Cluster would write, too",
        ),
        (
            {"immich_database_backup": BACKUP, "immich_database_recovery": {"server_name": "a", "time": "yesterday"}},
            "immich_database_recovery.time is yesterday. Write it like 2026-11-20T03:15:00Z",
        ),
        ({"immich_database_backup": BACKUP | {"ca": {"config_map": "ca"}}}, "immich_database_backup.ca.config_map is not a known key."),
    ],
)
def test_what_is_not(homelab: Homelab, changes: dict[str, Any], text: str) -> None:
    homelab.photos.update(changes)
    assert [said for said in homelab.errors() if said.startswith(text)], homelab.errors()


@pytest.mark.parametrize(
    ("patch", "text"),
    [
        ({"spec": {"backup": {"barmanObjectStore": {"destinationPath": "s3://a"}}}}, "barmanObjectStore is the form of backups that CloudNativePG drops"),
        ({"spec": {"plugins": [{"name": "barman-cloud.cloudnative-pg.io", "isWALArchiver": False}]}}, "it turns WAL archiving off, and nothing would say so"),
        ([{"op": "replace", "path": "/spec/plugins/0/isWALArchiver", "value": False}], "it turns WAL archiving off"),
        ({"metadata": {"annotations": {"cnpg.io/skipWalArchiving": "enabled"}}}, "it turns WAL archiving off"),
        ({"metadata": {"annotations": {"cnpg.io/skipEmptyWalArchiveCheck": "enabled"}}}, "skipEmptyWalArchiveCheck lets two databases write into one archive"),
        (
            {"spec": {"inheritedMetadata": {"annotations": {"reflector.v1.k8s.emberstack.com/reflection-auto-enabled": "true"}}}},
            "inheritedMetadata goes to every Secret that the operator makes",
        ),
        ({"spec": {"managed": {"roles": [{"name": "immich", "superuser": True}]}}}, "the role immich has no login: true in it"),
        ([{"op": "replace", "path": "/spec/managed/roles/0", "value": {"name": "immich", "superuser": True}}], "the role immich has no login: true in it"),
        ([{"op": "remove", "path": "/spec/managed/roles/0/login"}], "the role immich has no login: true in it"),
    ],
)
def test_a_patch_that_would_hurt_without_a_sound(homelab: Homelab, patch: Any, text: str) -> None:
    homelab.photos["immich_patches"] = [{"kind": "Cluster", "name": "immich-db", "patch": patch}]
    (said,) = homelab.errors()
    assert said.startswith(f"immich_patches[0] (immich-db): {text}")


@pytest.mark.parametrize(
    "patch",
    [
        {"spec": {"inheritedMetadata": {"labels": {"team": "home"}}, "managed": {"roles": [{"name": "immich", "login": True}, {"name": "grafana"}]}}},
        [{"op": "add", "path": "/spec/managed/roles/-", "value": {"name": "grafana", "login": True}}],
        {"spec": {"plugins": [{"name": "barman-cloud.cloudnative-pg.io", "isWALArchiver": True}]}},
    ],
)
def test_a_patch_that_does_not(homelab: Homelab, patch: Any) -> None:
    homelab.photos["immich_patches"] = [{"kind": "Cluster", "name": "immich-db", "patch": patch}]
    assert homelab.errors() == []


def test_two_instances_never_share_an_archive(homelab: Homelab) -> None:
    other = homelab.second_instance()
    for host in (homelab.photos, other):
        host["immich_database_backup"] = dict(BACKUP)
    assert homelab.errors() == [
        "The databases of photos and family are both backed up to s3://backups/immich as immich-db, and neither could be restored from such a mixture. "
        "Give each an immich_database_backup.server_name of its own."
    ]
    other["immich_database_backup"]["server_name"] = "family"
    assert homelab.errors() == []


def test_two_databases_in_one_namespace_have_names_of_their_own(homelab: Homelab) -> None:
    other = homelab.second_instance()
    for host in (homelab.photos, other):
        host["immich_database_namespace"] = "databases"
    (said,) = homelab.errors()
    assert said.startswith("photos and family both have the immich_database_cluster immich-db and use the namespace databases")
    other["immich_database_cluster"] = "family-db"
    (said,) = homelab.errors()
    assert said.startswith("photos and family both have the immich_name immich and use the namespace databases")
    other["immich_name"] = "family"
    assert homelab.errors() == []


def test_a_sealed_password_is_for_one_namespace(homelab: Homelab) -> None:
    homelab.photos.update({"immich_database_namespace": "databases", "immich_secrets": {"database": {"sealed": {"password": "AgB"}}}})
    (said,) = homelab.errors()
    assert said.startswith("immich_secrets.database.sealed is for one namespace, and the password is wanted in two, immich and databases")


def test_a_backup_without_keys(homelab: Homelab) -> None:
    homelab.photos["immich_database_backup"] = BACKUP | {"mirrors": [MIRROR]}
    real(homelab)
    said = [text for text in homelab.errors() if text.startswith("immich_secrets")]
    assert [text.partition(" is not set")[0] for text in said] == ["immich_secrets.database_backup", "immich_secrets.database_backup_far"]
    assert "nobody can guess ACCESS_KEY_ID and ACCESS_SECRET_KEY" in said[0]


def test_keys_of_a_mirror_that_is_not_there(homelab: Homelab) -> None:
    homelab.photos.update({"immich_database_backup": BACKUP, "immich_secrets": {"database_backup_near": {"existing": "s3"}}})
    assert homelab.errors() == ["immich_secrets.database_backup_near is used by nothing in this inventory. Remove it."]


def external(homelab: Homelab, **changes: Any) -> None:
    for name in ("instances", "size", "storage_class"):
        homelab.photos.pop(f"immich_database_{name}", None)
    homelab.photos.update({"immich_database_provider": "external", "immich_database_host": "pg.home.net"} | changes)


def test_a_server_that_is_nowhere(homelab: Homelab) -> None:
    external(homelab, immich_database_host="")
    assert homelab.errors() == ["immich_database_host is not set, and immich_database_provider is external. Name the server, such as postgres.home.net."]


def test_a_server_with_what_only_an_operator_does(homelab: Homelab) -> None:
    external(homelab, immich_database_backup=BACKUP)
    assert homelab.errors() == ["immich_database_backup is for immich_database_provider: cnpg, and it is external. Remove it, or choose cnpg."]


def test_half_a_login(homelab: Homelab) -> None:
    external(homelab, immich_database_admin_user="postgres")
    (said,) = homelab.errors()
    assert said.startswith("immich_database_admin_user is set and immich_database_admin_password is not.")


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (None, "generated in the cluster"),
        ({"existing": "pg"}, "in the cluster"),
        ({"external": {"store": "SecretStore/a", "key": "b"}}, "in a store of the cluster"),
        ({"values": {"password": "hunter3"}}, ""),
    ],
)
def test_a_password_that_only_the_cluster_knows(homelab: Homelab, source: Any, text: str) -> None:
    external(homelab, immich_database_admin_user="postgres", immich_database_admin_password="hunter2")
    homelab.photos["immich_secrets"] = {"database": source} if source else {}
    real(homelab)
    said = [sentence for sentence in homelab.errors() if sentence.startswith("immich_database_admin_user is set, so")]
    assert [sentence.partition(" is ")[2] for sentence in said] == (
        [f"set, so the role gets its password from here, and that of immich_secrets.database is {text}. Give it as values or sops."] if text else []
    )
    assert not [sentence for sentence in homelab.errors() if "hunter" in sentence]
