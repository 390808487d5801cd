# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backups."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Homelab

NOWHERE = (
    "immich_volumes[0] (media): upload, library, profile and backups have no copy off this volume. Snapshots of the NAS are on it, too. "
    "Give it a backup (docs/backup.md), or say that you do without: immich_backup_waive: [upload, library, profile, backups]."
)


def back_up(homelab: Homelab, index: int = 0, **changes: Any) -> dict[str, Any]:
    """Give a volume a good backup, with some things changed."""
    copy = {"schedule": "0 3 * * *", "repository": f"s3:https://s3.example.net/bucket/{index}", **changes}
    homelab.volumes[index]["backup"] = {key: value for key, value in copy.items() if value is not None}
    homelab.photos.pop("immich_backup_waive", None)
    if index:
        homelab.photos["immich_backup_waive"] = ["upload", "library", "profile", "backups"]
    return homelab.volumes[index]["backup"]


def real(homelab: Homelab) -> None:
    for host in (*homelab.groups["immich"].values(), *homelab.groups["nas"].values()):
        host["immich_rehearsal"] = False


def about(homelab: Homelab, *words: str) -> list[str]:
    return [text for text in homelab.errors() if all(word in text for word in words)]


def test_what_has_no_copy_is_named(homelab: Homelab) -> None:
    del homelab.photos["immich_backup_waive"]
    assert homelab.errors() == [NOWHERE]


def test_what_is_waived_is_waived_by_name(homelab: Homelab) -> None:
    homelab.photos["immich_backup_waive"] = ["upload", "library", "backups"]
    assert homelab.errors() == [
        "immich_volumes[0] (media): profile has no copy off this volume. Snapshots of the NAS are on it, too. "
        "Give it a backup (docs/backup.md), or say that you do without: immich_backup_waive: [upload, library, backups, profile]."
    ]


def test_a_backup_is_a_copy(homelab: Homelab) -> None:
    back_up(homelab)
    assert homelab.problems() == []


def test_a_waiver_that_is_not_needed_any_more(homelab: Homelab) -> None:
    back_up(homelab)
    homelab.photos["immich_backup_waive"] = ["profile"]
    assert homelab.errors() == [] and homelab.warnings() == ["immich_backup_waive: profile has a backup. Take it out."]


def test_a_folder_with_a_volume_of_its_own(homelab: Homelab) -> None:
    homelab.volumes[1] |= {"name": "profile", "mount": "/data/profile"}
    back_up(homelab)
    assert homelab.errors() == [
        "immich_volumes[1] (profile): profile has no copy off this volume. Give it a backup (docs/backup.md), or say that you do without: "
        "immich_backup_waive: [profile]."
    ]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"immich_settings": {"backup": {"database": {"enabled": False}}}}, "immich_settings switches Immich's nightly dumps off"),
        (
            {"immich_version": "v2.4.1", "immich_database_privileges": "least", "immich_database_vectorchord": "0.4.3"},
            "with immich_database_privileges: least Immich v2.4.1 cannot make its nightly dumps",
        ),
    ],
)
def test_a_database_without_a_copy(homelab: Homelab, changes: dict[str, Any], why: str) -> None:
    homelab.photos.update(changes)
    assert (
        f"The database has no copy off its volume: immich_database_backup is not set, and {why}. Albums, faces and names of people are in it alone. "
        "Set immich_database_backup, or say that you do without: immich_backup_waive: [upload, library, profile, backups, database]."
    ) in homelab.errors()
    homelab.photos["immich_backup_waive"] = ["upload", "library", "profile", "backups", "database"]
    assert about(homelab, "The database has no copy") == []


def test_a_repository_on_the_nas_of_the_volume_is_no_copy(homelab: Homelab) -> None:
    back_up(homelab, repository="/mnt/repository/media", nfs={"server": "192.0.2.10", "path": "/mnt/tank/backup"})
    assert homelab.errors() == [NOWHERE]
    assert homelab.warnings() == [
        "immich_volumes[0] (media): backup.nfs is on 192.0.2.10, where the volume is. It does not survive that machine, and counts for no copy."
    ]
    homelab.volumes[0]["backup"]["nfs"]["server"] = "192.0.2.60"
    assert homelab.problems() == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"schedule": "0 0 3 * * *"}, 'backup.schedule is "0 0 3 * * *": it has 6 fields. Write five, without seconds: "0 3 * * *".'),
        ({"schedule": None}, "backup.schedule is required and not set"),
        ({"repositry": "x"}, "backup.repositry is not a known key. Did you mean repository?"),
        ({"repository": "sftp:nas:/backup"}, "backup.repository is wrong: VolSync cannot use sftp:. Begin with one of s3:, b2:, azure:, gs:, rest:."),
        ({"repository": "s3:https://s3.example.net"}, "backup.repository is wrong: write server and bucket"),
        ({"repository": "rest:https://me:hunter2@nas/x"}, "backup.repository is wrong: it has a password in it."),
        ({"repository": "/backup"}, "backup.repository is wrong: a folder is one of an export: set nfs beside it"),
        ({"nfs": {"server": "192.0.2.60", "path": "/b"}}, "backup.repository is wrong: nfs is set, but the repository is not on it."),
        ({"ca": {"config_map": "a", "secret": "b"}}, "backup.ca names not exactly one of config_map and secret."),
        ({"ca": {"key": "ca.crt"}}, "backup.ca names not exactly one of config_map and secret."),
        ({"retain": {}}, "backup.retain keeps nothing but the last snapshot."),
        ({"retain": {"days": 7}}, "backup.retain.days is not a known key."),
        ({"prune_interval_days": 0}, "backup.prune_interval_days is 0. Write 1 or more days."),
        ({"max_removed": "lots"}, "backup.max_removed is lots. Write a count such as 100, or a percentage such as 10%."),
        ({"copy_method": "Snapshot"}, "backup.copy_method is Snapshot, but only a storage class makes such a copy."),
        ({"copy_method": "None"}, "backup.copy_method is None, which is not possible. Use Direct, Snapshot or Clone."),
        ({"name": "Off site"}, "backup.name is Off site. Use small letters, digits and dashes."),
        ({"name": "a-name-that-nobody-would-give-to-a-backup"}, "makes the CronJob immich-backup-media-a-name-that-nobody-would-give-to-a-backup"),
        ({"secret": "restic"}, "backup.secret is restic. Use volume_backup, or a name that begins with volume_backup_."),
    ],
)
def test_a_backup_that_cannot_be(homelab: Homelab, changes: dict[str, Any], said: str) -> None:
    back_up(homelab, **changes)
    assert about(homelab, "immich_volumes[0] (media)", said) != [], homelab.errors()
    assert not about(homelab, "hunter2")


def test_a_volume_that_one_pod_only_can_have(homelab: Homelab) -> None:
    homelab.volumes[1]["access_mode"] = "ReadWriteOncePod"
    back_up(homelab, 1)
    assert about(homelab, "(thumbs): backup is set, but the volume is ReadWriteOncePod") != []


def test_several_repositories_need_names(homelab: Homelab) -> None:
    one = back_up(homelab)
    homelab.volumes[0]["backup"] = [one, one | {"repository": "b2:bucket:immich/media"}]
    assert [text.partition(". ")[0] for text in homelab.errors()] == [f"immich_volumes[0] (media): backup[{index}] has no name" for index in (0, 1)]
    homelab.volumes[0]["backup"] = [one | {"name": "near"}, one | {"repository": "b2:bucket:immich/media", "name": "offsite"}]
    assert homelab.problems() == []


@pytest.mark.parametrize(
    "repository",
    [
        "s3:https://s3.example.net/bucket/0/",
        "s3:https://s3.example.net/bucket/0/thumbs",
        "s3:https://s3.example.net/bucket",
    ],
)
def test_a_repository_of_another_volume(homelab: Homelab, repository: str) -> None:
    back_up(homelab)
    homelab.volumes[1]["backup"] = {"schedule": "0 3 * * *", "repository": repository}
    [error] = about(homelab, "Give each backup a repository of its own")
    assert error.startswith("immich_volumes[1] (thumbs): backup.repository ") and "the repository of immich_volumes[0] (media)" in error


def test_a_repository_of_another_instance(homelab: Homelab) -> None:
    back_up(homelab)
    other = homelab.second_instance()
    other["immich_volumes"][0]["backup"] = {"schedule": "0 3 * * *", "repository": "s3:https://s3.example.net/bucket/0"}
    assert about(homelab, "is the same as the repository of immich_volumes[0] (media) of photos") != []


def test_photos_of_somebody_else(homelab: Homelab) -> None:
    back_up(homelab, 2)
    assert homelab.errors() == [
        "immich_volumes[2] (photos): backup is set, but access is ro: the files are somebody else's, who copies them already, and a second copy costs as "
        "much again. Remove it; if nobody copies them, say external: true in it."
    ]
    homelab.volumes[2]["backup"]["external"] = True
    assert homelab.errors() == []


def test_photos_that_two_instances_read_are_backed_up_once(homelab: Homelab) -> None:
    back_up(homelab, 2, external=True)
    other = homelab.second_instance()
    other["immich_volumes"][1]["backup"] = {"schedule": "0 3 * * *", "repository": "b2:bucket:photos", "external": True}
    assert homelab.errors() == [
        "immich_volumes[1] (photos): backup is set, but these files are backed up as immich_volumes[2] (photos) of photos already. "
        "Keep one of the two; it can have several repositories."
    ]


def test_a_folder_in_a_volume_that_is_backed_up(homelab: Homelab) -> None:
    homelab.exports[0]["subpaths"] = ["2020"]
    homelab.volumes.append({"name": "old", "mount": "/mnt/old", "size": "1Ti", "access": "ro", "nfs": {"export": "photos", "subpath": "2020"}})
    back_up(homelab, 2, external=True)
    back_up(homelab, 4, external=True)
    assert about(homelab, "(old): backup is set, but these files are backed up as immich_volumes[2] (photos) already") != []


def test_a_real_run_needs_the_password(homelab: Homelab) -> None:
    back_up(homelab)
    real(homelab)
    assert about(homelab, "immich_secrets.volume_backup is not set, and nobody can guess RESTIC_PASSWORD and AWS_ACCESS_KEY_ID and ") != []


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ({"values": {"RESTIC_PASSWORD": "x"}}, "immich_secrets.volume_backup values has no AWS_ACCESS_KEY_ID."),
        (
            {"values": {"RESTIC_PASSWORD": "x", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "RESTIC_REPOSITORY": "s3:x"}},
            "immich_secrets.volume_backup values.RESTIC_REPOSITORY has no meaning here.",
        ),
        ({"vault": "x"}, "immich_secrets.volume_backup does not have exactly one source."),
    ],
)
def test_a_source_that_lacks_something(homelab: Homelab, source: dict[str, Any], said: str) -> None:
    back_up(homelab)
    homelab.photos["immich_secrets"] = {"volume_backup": source}
    assert len(about(homelab, said)) == 1


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ({"existing": "restic"}, "its Secret has RESTIC_REPOSITORY in it, which is another for each"),
        ({"onepassword": "vaults/home/items/restic"}, "its Secret has RESTIC_REPOSITORY in it, which is another for each"),
        ({"sealed": {"RESTIC_PASSWORD": "A", "AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "A"}}, "kubeseal made its values for one name"),
    ],
)
def test_a_secret_that_can_have_one_repository_only(homelab: Homelab, source: dict[str, Any], why: str) -> None:
    back_up(homelab)
    homelab.photos["immich_secrets"] = {"volume_backup": source}
    assert homelab.errors() == []
    homelab.volumes[1]["backup"] = {"schedule": "0 3 * * *", "repository": "s3:https://s3.example.net/bucket/1"}
    assert homelab.errors() == [
        f"immich_secrets.volume_backup is for the backups of media, thumbs, and {why}. Give each a source of its own, and name it as secret in the backup."
    ]
    homelab.volumes[1]["backup"]["secret"] = "volume_backup_thumbs"
    homelab.photos["immich_secrets"]["volume_backup_thumbs"] = source
    assert homelab.errors() == []


def test_a_source_that_no_backup_takes(homelab: Homelab) -> None:
    homelab.photos["immich_secrets"] = {"volume_backup": {"existing": "restic"}}
    assert homelab.errors() == ["immich_secrets.volume_backup is used by nothing in this inventory. Remove it."]


@pytest.mark.parametrize(
    ("accepted", "said"),
    [
        ({"meda": 5}, "immich_backup_accept.meda is no volume that has a backup. Those are media. Did you mean media?"),
        ({"media": "5"}, "immich_backup_accept.media is 5. Write the number that the refusal names, without quotes."),
    ],
)
def test_what_is_let_through_once(homelab: Homelab, accepted: dict[str, Any], said: str) -> None:
    back_up(homelab)
    homelab.photos["immich_backup_accept"] = accepted
    assert homelab.errors() == [said]
    homelab.photos["immich_backup_accept"] = {"media": 5}
    assert homelab.errors() == []
