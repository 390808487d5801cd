# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""External libraries, and who owns them."""

from __future__ import annotations

import pytest

from .conftest import Homelab


def test_an_import_path_under_no_volume(homelab: Homelab) -> None:
    homelab.library["import_paths"] = ["/mnt/photo"]
    assert homelab.errors() == [
        "immich_libraries[0] (NAS photos): import path /mnt/photo is under no volume of the server. "
        "Volumes mount /data, /data/thumbs, /mnt/photos. Did you mean /mnt/photos?"
    ]


def test_an_import_path_under_a_volume_of_machine_learning(homelab: Homelab) -> None:
    homelab.library["import_paths"] = ["/cache"]
    assert homelab.errors() == [
        "immich_libraries[0] (NAS photos): import path /cache is under no volume of the server. Volumes mount /data, /data/thumbs, /mnt/photos."
    ]


def test_the_folder_of_a_library_that_goes_may_be_gone(homelab: Homelab) -> None:
    homelab.library.update(import_paths=["/mnt/photo"], state="absent")
    assert homelab.errors() == []


@pytest.mark.parametrize("path", ["/data", "/data/library/me"])
def test_an_import_path_among_the_uploads(homelab: Homelab, path: str) -> None:
    homelab.library["import_paths"] = [path]
    assert homelab.errors() == [
        f"immich_libraries[0] (NAS photos): import path {path} is in /data, where Immich keeps its own files, and the server refuses it. "
        "Mount the photos elsewhere, such as /mnt/photos."
    ]


def test_an_import_path_around_the_uploads(homelab: Homelab) -> None:
    homelab.library["import_paths"] = ["/"]
    assert homelab.errors() == [
        "immich_libraries[0] (NAS photos): import path / contains /data, where Immich keeps its own files. Name the folders of the photos."
    ]


def test_uploads_by_another_mount(homelab: Homelab) -> None:
    homelab.volumes.append({"name": "all", "mount": "/mnt/all", "size": "1Ti", "access": "ro", "nfs": {"export": "immich"}})
    homelab.library["import_paths"] = ["/mnt/photos", "/mnt/all/library"]
    assert homelab.errors() == [
        "immich_libraries[0] (NAS photos): import path /mnt/all/library is the folder of the uploads in /data by another mount, "
        "so each upload would appear twice. Keep photos and uploads apart."
    ]


@pytest.mark.parametrize("path", ["mnt/photos", "/mnt/photos/", "/mnt//photos", "/mnt/./photos"])
def test_an_import_path_that_is_not_in_its_shortest_form(homelab: Homelab, path: str) -> None:
    homelab.library["import_paths"] = [path]
    assert homelab.errors() == [
        f"immich_libraries[0] (NAS photos): import path {path} is not an absolute folder in its shortest form. Write it like /mnt/photos."
    ]


@pytest.mark.parametrize("owner", ["admin@example.net", "family@example.net"])
def test_two_libraries_that_overlap(homelab: Homelab, owner: str) -> None:
    homelab.photos["immich_libraries"].append({"name": "2024", "owner": owner, "import_paths": ["/mnt/photos/2024"]})
    assert homelab.errors() == [
        "immich_libraries[1] (2024): import path /mnt/photos/2024 overlaps /mnt/photos of immich_libraries[0] (NAS photos), "
        "so photos would be imported twice. Give each library folders of its own, or set allow_overlap: true if both are wanted."
    ]


def test_two_libraries_whose_paths_only_begin_alike(homelab: Homelab) -> None:
    homelab.library["import_paths"] = ["/mnt/photos/a"]
    homelab.photos["immich_libraries"].append({"name": "ab", "owner": "admin@example.net", "import_paths": ["/mnt/photos/ab"]})
    assert homelab.errors() == []


def test_one_folder_for_two_owners_who_want_it(homelab: Homelab) -> None:
    homelab.photos["immich_libraries"].append({"name": "NAS photos", "owner": "family@example.net", "import_paths": ["/mnt/photos"], "allow_overlap": True})
    assert homelab.errors() == []


def test_import_paths_of_one_library_that_overlap(homelab: Homelab) -> None:
    homelab.library["import_paths"] = ["/mnt/photos", "/mnt/photos/2024"]
    assert homelab.errors() == ["immich_libraries[0] (NAS photos): import paths /mnt/photos and /mnt/photos/2024 overlap. Keep the outer one only."]


def test_an_owner_whom_nothing_creates(homelab: Homelab) -> None:
    homelab.library["owner"] = "famly@example.net"
    assert homelab.errors() == [
        "immich_libraries[0] (NAS photos): owner famly@example.net is nobody whom this inventory creates. "
        "immich_admin_email and immich_users name admin@example.net, family@example.net. Did you mean family@example.net?"
    ]


def test_an_owner_in_another_case(homelab: Homelab) -> None:
    homelab.library["owner"] = "Family@Example.net"
    assert homelab.errors() == []


def test_two_libraries_of_one_owner_with_one_name(homelab: Homelab) -> None:
    homelab.library["import_paths"] = ["/mnt/photos/a"]
    homelab.photos["immich_libraries"].append({"name": "NAS photos", "owner": "admin@example.net", "import_paths": ["/mnt/photos/b"]})
    assert homelab.errors() == ["immich_libraries[1] (NAS photos): admin@example.net owns a library of this name in immich_libraries[0] already. Rename one."]


def test_a_previous_name_that_is_still_in_use(homelab: Homelab) -> None:
    homelab.library["import_paths"] = ["/mnt/photos/a"]
    homelab.photos["immich_libraries"].append({"name": "Scans", "previous_name": "NAS photos", "owner": "admin@example.net", "import_paths": ["/mnt/photos/b"]})
    assert homelab.errors() == [
        "immich_libraries[1] (Scans): previous_name is NAS photos, the name of immich_libraries[0] (NAS photos). Name one that no library has any more."
    ]


@pytest.mark.parametrize("limit", ["some", "-1", "101%", "1.5", "%"])
def test_a_limit_that_is_none(homelab: Homelab, limit: str) -> None:
    homelab.library["scan"]["max_removed"] = limit
    assert homelab.errors() == [f"immich_libraries[0] (NAS photos): scan.max_removed is {limit}. Write a count such as 100, or a percentage such as 0.5%."]


@pytest.mark.parametrize("limit", ["0", "100", "1%", "0.5%", "100%"])
def test_a_limit(homelab: Homelab, limit: str) -> None:
    homelab.library["scan"]["max_removed"] = limit
    assert homelab.errors() == []


@pytest.mark.parametrize("email", ["admin", "admin@", "@example.net", "admin@home", "ad min@example.net", "a..b@example.net", "Me <me@example.net>"])
def test_an_address_that_is_none(homelab: Homelab, email: str) -> None:
    homelab.photos["immich_users"][0]["email"] = email
    assert homelab.errors() == [f"immich_users[0] (Family): email is {email}, which is no e-mail address. Write it like me@home.net."]


def test_an_admin_address_that_is_none(homelab: Homelab) -> None:
    homelab.photos["immich_admin_email"] = homelab.library["owner"] = "admin"
    assert homelab.errors() == ["immich_admin_email is admin, which is no e-mail address. Write it like me@home.net."]


def test_two_users_with_one_address(homelab: Homelab) -> None:
    homelab.photos["immich_users"] += [{"name": "Me", "email": "ADMIN@example.net"}, {"name": "Kids", "email": "family@example.net"}]
    assert homelab.errors() == [
        "immich_users[1] (Me): email ADMIN@example.net is that of immich_admin_email too. Remove one of them.",
        "immich_users[2] (Kids): email family@example.net is that of immich_users[0] too. Remove one of them.",
    ]


@pytest.mark.parametrize("key", ["scan", "watch"])
def test_settings_that_let_immich_scan_on_its_own(homelab: Homelab, key: str) -> None:
    homelab.photos["immich_settings"] = {"library": {key: {"enabled": True}}, "trash": {"days": 60}}
    assert homelab.errors() == [
        f"immich_settings.library.{key} would let Immich scan on its own, and an export that is not mounted would then empty its library. "
        "Remove it, and set scan.schedule in immich_libraries."
    ]


@pytest.mark.parametrize("option", ["settle", "max_age_of_backup"])
def test_a_time_without_its_unit(homelab: Homelab, option: str) -> None:
    homelab.library["scan"][option] = "10"
    assert homelab.errors() == [
        f"immich_libraries[0] (NAS photos): scan.{option} is '10'. Write a number and its unit, such as 90s, 10m, 26h or 2d."
    ]
    homelab.library["scan"][option] = "10m"
    assert homelab.errors() == []


def test_the_guard_is_told_of_a_library_that_is_not_there(homelab: Homelab) -> None:
    homelab.photos["immich_scan_only"] = ["NAS photo"]
    homelab.photos["immich_scan_accept"] = {"NAS photos": "many"}
    assert homelab.errors() == [
        "immich_scan_only names NAS photo, and immich_libraries has NAS photos. Did you mean NAS photos?",
        "immich_scan_accept for NAS photos is many. Write the number that the refusal named.",
    ]


def test_quiet_hours_that_are_none(homelab: Homelab) -> None:
    homelab.library["scan"]["quiet_hours"] = ["22:00-07:00", "12:00-13:00"]
    assert homelab.errors() == []
    homelab.library["scan"]["quiet_hours"] = "22-7"
    expected = "immich_libraries[0] (NAS photos): scan.quiet_hours is '22-7'. Write when they begin and end, such as 22:00-06:00."
    assert homelab.errors() == [expected]
