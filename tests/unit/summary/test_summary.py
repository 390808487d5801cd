# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a person reads at the end of a run."""

from __future__ import annotations

import pytest
from ansible_collections.homelab.immich.plugins.plugin_utils import summary

INSTANCE = {
    "inventory_hostname": "photos",
    "immich_rehearsal": True,
    "immich_url": "https://photos.example.net",
    "immich_version": "v3.3.5",
    "immich_admin_email": "admin@example.net",
    "immich_users": [{"email": "family@example.net"}],
    "immich_database_postgres": "17.10",
    "immich_database_vectorchord": "1.1.1",
    "immich_database_instances": 1,
    "immich_database_privileges": "superuser",
    "immich_volumes": [{"name": "media"}, {"name": "photos", "access": "ro"}],
    "immich_ingress": [{"hosts": ["photos.example.net"], "issuer": "letsencrypt"}],
    "immich_scan_owner": "cluster",
    "immich_libraries": [
        {"name": "NAS photos", "import_paths": ["/mnt/photos"], "scan": {"schedule": "0 */6 * * *", "max_removed": "1%"}},
        {"name": "Scans", "import_paths": ["/mnt/scans"]},
    ],
}
NAS = {"tank": {"nas_provider": "truenas", "__nas_verified": {"exports": 2, "sentinels_ok": True, "findings": []}}}


def render(applied=(), configured=None, reached=True, check=False, instance=None, nas=None):
    lines = summary.rows(instance or INSTANCE, nas or NAS, applied, configured or {}, reached, check)
    return summary.render(summary.heading(INSTANCE, check), lines, ["make down"])


def test_a_run_that_changed_nothing_reads_like_this():
    assert render(applied=[{"skipped": True}, {"total": 34}]).splitlines() == [
        "Immich photos  https://photos.example.net  v3.3.5   (rehearsal)",
        "  NAS         tank (TrueNAS)  2 exports, sentinels in place",
        "  Database    PostgreSQL 17.10, VectorChord 1.1.1, 1 instance, superuser",
        "  Volumes     2  (photos read-only)",
        "  Way in      photos.example.net  TLS",
        "  Users       admin@example.net, family@example.net",
        "  Library     NAS photos  /mnt/photos  guarded scans (0 */6 * * *, at most 1% removed)",
        "              Scans  /mnt/scans  scanned by playbooks/scan.yml only",
        "  Kubernetes  34 objects in the cluster: nothing to change",
        "  Immich      nothing to change",
        "Next:         make down",
    ]


def test_what_has_a_copy_and_what_has_none_by_the_inventorys_own_word():
    thumbs = {"name": "thumbs", "backup": {"schedule": "0 * * * *", "repository": "b2:bucket:thumbs"}}
    media = {"name": "media", "backup": [{"schedule": "@daily"}, {"schedule": "0 5 * * 0"}]}
    text = render(instance=INSTANCE | {"immich_volumes": [media, thumbs], "immich_backup_waive": ["database"]})
    assert "  Backups     media (@daily), media (0 5 * * 0), thumbs (0 * * * *)\n  No copy of  database  (waived)\n" in text


def test_a_database_of_somebody_else_says_where_it_is_and_whether_it_was_seen():
    there = INSTANCE | {"immich_database_provider": "external", "immich_database_host": "pg.home.net"}
    database = "  Database    PostgreSQL 17.10, VectorChord 1.1.1, on pg.home.net"
    assert f"{database} (played by its name, and not looked at), superuser\n" in render(instance=there | {"immich_rehearsal": True})
    assert f"{database} (not looked at: no immich_database_admin_user), superuser\n" in render(instance=there | {"immich_rehearsal": False})
    assert f"{database}, superuser\n" in render(instance=there | {"immich_rehearsal": False, "immich_database_admin_user": "postgres"})


def test_a_schedule_that_nobody_keeps_says_so():
    text = render(instance=INSTANCE | {"immich_scan_owner": "none"})
    assert "scanned by playbooks/scan.yml only; immich_scan_owner none starts none by the clock (0 */6 * * *, at most 1% removed)" in text


def test_a_first_check_says_what_would_be_made_and_what_follows_the_start():
    text = render(applied=[{"total": 20, "created": 20}], reached=False, check=True)
    assert "check mode: nothing was changed" in text
    assert "  Kubernetes  20 objects: 20 would be created" in text  # a plan says nothing of what is in the cluster
    assert "after the first start: administrator admin@example.net, an API key, settings, 1 user, libraries NAS photos, Scans" in text


def test_a_check_that_cannot_ask_immich_says_so():
    lines = summary.rows(INSTANCE, NAS, [], {}, reached=False, check=True, initialized=True)
    assert dict(lines)["Immich"] == "not compared: check mode needs a running server and a stored API key"


def test_changes_are_counted_and_named():
    text = render(
        applied=[{"total": 20, "created": 1, "updated": 2, "pruned": ["Service/old"]}],
        configured={"users": {"changed": True}, "libraries": {"changed": False}},
    )
    assert "20 objects in the cluster: 1 created, 2 changed, 1 removed" in text
    assert "changed: users" in text


def test_what_left_the_inventory_is_kept_and_named():
    text = render(
        applied=[{"total": 18, "leftovers": [{"object": "PersistentVolumeClaim immich/immich-old", "command": "kubectl delete pvc immich-old -n immich"}]}],
        configured={"libraries": {"unmanaged": [{"name": "Scans", "owner": None, "id": "1"}]}},
    )
    assert "PersistentVolumeClaim immich/immich-old, no longer wanted. To remove it: kubectl delete pvc immich-old -n immich" in text
    assert "library Scans of a deleted user, not in the inventory" in text


@pytest.mark.parametrize(
    ("verified", "expected"),
    [
        ({"skipped": "a NAS over ssh is not played in a rehearsal"}, "not verified: a NAS over ssh is not played in a rehearsal"),
        ({"exports": 1, "findings": [{"message": "x"}]}, "1 export, a sentinel is missing: no guarded scan before it is there, 1 finding"),
        ({"exports": 2, "sentinels_ok": True, "findings": [], "planned": 7}, "2 exports, 7 things to be made or changed"),
        (None, "not visited in this run"),
    ],
)
def test_a_nas_line_never_claims_more_than_was_seen(verified, expected):
    assert expected in render(nas={"tank": {"nas_provider": "nixos", "__nas_verified": verified}})


def test_what_was_found_on_a_nas_and_what_is_left_to_do_there_are_said():
    finding = {"export": "photos", "severity": "warning", "message": "tank, export photos: the dataset tank/photos/2020 has no share of its own."}
    nas = {
        "tank": {"nas_provider": "truenas", "__nas_verified": {"exports": 2, "sentinels_ok": True, "findings": [finding]}},
        "unas": {"nas_provider": "none", "__nas_verified": {"skipped": "only looked at", "next": ["sudo mkdir -p /volume1/photos/.immich-guard/photos"]}},
        "attic": {"nas_provider": "linux"},
    }
    lines = render(nas=nas).splitlines()
    assert lines[1:3] == [
        "  NAS         tank (TrueNAS)  2 exports, sentinels in place, 1 finding",
        "                tank, export photos: the dataset tank/photos/2020 has no share of its own.",
    ]
    assert summary.nas_steps(nas) == ["unas: sudo mkdir -p /volume1/photos/.immich-guard/photos"]


def test_what_autoscaling_may_ask_of_the_nodes_is_said():
    scaled = {
        "immich_server_autoscaling": {"min": 1, "max": 3},
        "immich_server_resources": {"requests": {"cpu": "50m", "memory": "4Gi"}},
        "immich_machine_learning_autoscaling": {"min": 2, "max": 4},
        "immich_machine_learning_resources": {"requests": {"cpu": "0.5"}},
    }
    lines = render(instance=INSTANCE | scaled).splitlines()
    assert any(line.endswith("Autoscaling  server  1 to 3 pods, which ask the nodes for up to 150m CPU and 12Gi memory") for line in lines)
    assert any(line.endswith("machine learning  2 to 4 pods, which ask the nodes for up to 2 CPU") for line in lines)
    assert not any("Autoscaling" in line for line in render().splitlines())
