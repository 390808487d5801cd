# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every way in which a NAS differs from its declaration is said, once, and as an error only where Immich would not work or not be safe."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.truenas.exports import look, share_squash, verify_export
from ansible_collections.homelab.immich.rehearsal.truenas.testing import IMMICH, PHOTOS


def said(tank, export=None, **changed) -> list[tuple[str, str]]:
    """What is found, as (severity, message), for the exports of the NAS or for one of them declared differently."""
    exports = [export | changed] if export else [PHOTOS, IMMICH]
    with tank.client() as api:
        found = look(api, exports)
    return [(one["severity"], one["message"]) for wanted, there in zip(exports, found, strict=True) for one in verify_export(wanted, there, "tank")]


def test_a_nas_as_declared_is_not_talked_about(tank):
    assert said(tank) == []


def share(number, **fields):
    return lambda state: state["nfs_shares"][number].update(fields)


def dataset(name, **fields):
    return lambda state: state["datasets"][name].update(fields)


@pytest.mark.parametrize(
    ("drift", "severity", "words"),
    [
        (dataset("tank/photos", mounted=False), "error", ["photos", "tank/photos is not mounted", "empty folder"]),
        (dataset("tank/photos", locked=True), "error", ["tank/photos is encrypted and locked", "Unlock it"]),
        (dataset("tank/immich", readonly=True), "error", ["access is rw", "tank/immich has readonly on"]),
        (lambda state: state["datasets"].pop("tank/photos"), "error", ["there is no dataset tank/photos"]),
        (share(0, ro=False), "error", ["access is ro", "writable", "Turn on Read Only"]),
        (share(1, ro=True), "error", ["access is rw", "read-only", "Turn off Read Only"]),
        (share(0, enabled=False), "error", ["NFS share of /mnt/tank/photos is disabled"]),
        (lambda state: state["nfs_shares"].pop(0), "error", ["there is no NFS share of /mnt/tank/photos"]),
        (share(0, security=["KRB5"]), "error", ["takes KRB5 only"]),
        # squash, as the table of exports(5) has it: root is kept only by maproot_user and maproot_group together
        (share(1, maproot_group=None), "error", ["squash is none", "has root (0:65534)", "Set maproot_group to root"]),
        (share(1, maproot_user=None), "error", ["squash is none", "Set maproot_user to root"]),
        (share(1, maproot_user=None, maproot_group=None), "error", ["squash is none", "has root (65534:65534)"]),
        (share(1, mapall_user="apps", mapall_group="apps"), "error", ["squash is none", "has all (568:568)", "mapall_user to nothing"]),
        (share(0, maproot_user="root", maproot_group="root"), "error", ["squash is root (65534:65534)", "has none", "maproot_user to nothing"]),
        (share(0, networks=["192.0.2.0/25"]), "error", ["192.0.2.0/24 may not mount"]),
        (share(0, networks=["192.0.2.0/24", "198.51.100.0/24"]), "warning", ["198.51.100.0/24 may mount"]),
        (share(0, networks=[]), "warning", ["everybody", "not only 192.0.2.0/24"]),
        (lambda state: state["services"][1].update(enable=False), "warning", ["does not start with the NAS"]),
        (lambda state: state["services"][1].update(state="STOPPED"), "error", ["NFS service is stopped"]),
        (lambda state: state["nfs"].update(protocols=["NFSV3"]), "error", ["NFS serves NFSV3", "Add NFSv4"]),
        (lambda state: state["owners"]["/mnt/tank/immich"].update(uid=568), "warning", ["owner.user is 1000", "uid 568 (apps)", "left as it is"]),
        (lambda state: state["owners"]["/mnt/tank/immich"].update(mode="0777"), "warning", ["owner.mode is 0750", "has 0777"]),
        (lambda state: state["snapshot_tasks"].clear(), "warning", ["no enabled periodic snapshot task of tank/immich"]),
        (lambda state: state["snapshot_tasks"][0].update(lifetime_value=7), "warning", ["keeps 30d"]),
        (
            lambda state: state["datasets"].update({"tank/photos/2020": {"mounted": True, "locked": False, "readonly": False}}),
            "warning",
            ["tank/photos/2020", "empty folder"],
        ),
    ],
)
def test_what_differs_is_said(tank, drift, severity, words):
    tank.drift(drift)
    messages = list(dict.fromkeys(said(tank)))  # what concerns the whole NAS is said by each export, and shown once
    assert len(messages) == 1, messages
    found_severity, message = messages[0]
    assert found_severity == severity
    assert all(word in message for word in words), message


def test_an_unmounted_pool_takes_its_datasets_with_it(tank):
    tank.drift(dataset("tank", mounted=False))
    assert [message.partition(" is not mounted")[0] for _severity, message in said(tank)] == [
        "tank, export photos: the dataset tank/photos",
        "tank, export immich: the dataset tank/immich",
    ]


@pytest.mark.parametrize(
    "fields",
    [
        {"networks": ["192.0.2.7/24"]},  # a host address in a network is that network
        {"networks": ["192.0.2.0/24"], "hosts": ["192.0.2.9"]},  # already within
        {"networks": ["192.0.2.0/25", "192.0.2.128/25", "192.0.2.0/24"]},
    ],
)
def test_the_same_clients_written_differently_are_the_same(tank, fields):
    tank.drift(share(0, **fields))
    assert said(tank) == []


def test_a_missing_sentinel_is_a_warning_with_the_command_that_makes_it(tank):
    tank.folder("/mnt/tank/photos/.immich-guard/photos").rmdir()
    ((severity, message),) = said(tank)
    assert severity == "warning"
    assert message.endswith("sudo mkdir -p /mnt/tank/photos/.immich-guard/photos")


def test_no_sentinel_is_asked_for_where_nothing_is_mounted(tank):
    """The command would put it into the empty mount point, where it says the opposite of the truth."""
    tank.drift(dataset("tank/photos", mounted=False))
    assert not any("mkdir" in message for _severity, message in said(tank))


def test_another_exports_sentinel_does_not_count(tank):
    tank.folder("/mnt/tank/photos/.immich-guard/photos").rename(tank.folder("/mnt/tank/photos/.immich-guard") / "videos")
    assert [severity for severity, _message in said(tank)] == ["warning"]


def test_two_shares_of_one_path_are_told_apart_by_their_clients(tank):
    tank.drift(lambda state: state["nfs_shares"].append(state["nfs_shares"][0] | {"id": 9, "networks": ["198.51.100.0/24"], "ro": False}))
    assert said(tank) == []
    tank.drift(share(2, networks=["192.0.2.128/25"]))
    assert said(tank) == []  # that one has none of the declared clients wholly
    tank.drift(share(2, networks=["192.0.2.0/23"]))
    assert [message for _severity, message in said(tank)] == [
        "tank, export photos: 2 NFS shares export /mnt/tank/photos (numbers 1, 9). Keep one, or give them clients that tell them apart."
    ]


def test_a_pool_that_is_not_imported_is_named(tank):
    ((severity, message),) = said(tank, PHOTOS, dataset="dozer/photos")
    assert severity == "error" and "there is no pool dozer" in message


def test_a_folder_inside_a_dataset(tank):
    inside = PHOTOS | {"path": "/mnt/tank/photos/2016"}
    assert "there is no NFS share of /mnt/tank/photos/2016" in said(tank, inside)[0][1]
    assert "there is no folder /mnt/tank/photos/1999" in said(tank, inside, path="/mnt/tank/photos/1999")[0][1]


def test_users_by_number_and_by_name(tank):
    mapped = {"squash": "all", "map_user": "568", "map_group": "568"}
    tank.drift(share(1, maproot_user=None, maproot_group=None, mapall_user="apps", mapall_group="apps"))
    assert said(tank, IMMICH, **mapped) == []
    assert said(tank, IMMICH, squash="all", map_user="apps", map_group="apps") == []
    assert "squash is all (1000:1000)" in said(tank, IMMICH, squash="all", map_user="1000", map_group="1000")[0][1]
    assert "map_user is nobodyknows, and TrueNAS has no such user" in said(tank, IMMICH, squash="all", map_user="nobodyknows", map_group="apps")[0][1]


def test_nobody_may_be_written_out(tank):
    tank.drift(share(0, mapall_user="nobody", mapall_group="nogroup"))
    assert said(tank, PHOTOS, squash="all") == []


@pytest.mark.parametrize(
    ("fields", "squash"),
    [
        ({}, ("root", 65534, 65534)),
        ({"maproot_user": "root", "maproot_group": "root"}, ("none", 0, 0)),
        ({"maproot_user": "root"}, ("root", 0, 65534)),
        ({"maproot_user": "photos", "maproot_group": "photos"}, ("root", 3000, 3000)),
        ({"mapall_user": "photos", "mapall_group": "photos"}, ("all", 3000, 3000)),
        ({"mapall_user": "root", "mapall_group": "root"}, ("all", 0, 0)),
        ({"maproot_user": "wheel", "maproot_group": "wheel"}, ("root", "wheel", "wheel")),  # a name from older days that resolves to nobody
    ],
)
def test_what_the_fields_of_a_share_amount_to(fields, squash):
    assert share_squash(fields, {"root": 0, "photos": 3000}, {"root": 0, "photos": 3000}) == squash


def test_media_location_markers_are_found(tank):
    for place in ("upload", "library"):
        tank.folder(f"/mnt/tank/immich/{place}").mkdir()
    tank.folder("/mnt/tank/immich/upload/.immich").touch()
    with tank.client() as api:
        photos, immich = look(api, [PHOTOS, IMMICH])
    assert immich["markers"] == ["upload/.immich"]
    assert photos["markers"] == []


def test_markers_are_found_one_folder_down(tank):
    tank.folder("/mnt/tank/immich/immich/upload").mkdir(parents=True)
    tank.folder("/mnt/tank/immich/immich/upload/.immich").touch()
    with tank.client() as api:
        assert look(api, [IMMICH])[0]["markers"] == ["immich/upload/.immich"]


def test_smb(tank):
    export = {"name": "k8s", "protocol": "smb", "dataset": "tank/k8s", "share": "k8s", "access": "rw"}
    assert "the SMB service is stopped" in said(tank, export)[0][1]
    tank.spec["nas"]["tank"]["exports"] = [PHOTOS, IMMICH, export]
    assert said(tank, export) == []
    tank.drift(lambda state: state["smb_shares"][0].update(readonly=True))
    assert "SMB share k8s is read-only" in said(tank, export)[0][1]
    tank.drift(lambda state: state["smb_shares"][0].update(readonly=False, path="/mnt/tank"))
    assert "is the folder /mnt/tank, not /mnt/tank/k8s" in said(tank, export)[0][1]


def test_one_login_and_a_bounded_number_of_calls_however_many_exports(tank):
    many = [PHOTOS | {"name": f"photos{number}", "dataset": f"tank/photos{number}"} for number in range(20)]
    tank.spec["nas"]["tank"]["exports"] = many
    with tank.client() as api:
        look(api, many[:1])
        tank.calls.clear()
        look(api, many)
    listings = [method for method in tank.methods if not method.startswith("filesystem.")]
    assert len(listings) == len(set(listings)) <= 6
    assert len(tank.methods) - len(listings) == 2 * 20  # the folder and its sentinel
    assert "auth.login_ex" not in tank.methods


def test_verifying_changes_nothing_it_was_given(tank):
    with tank.client() as api:
        found = look(api, [PHOTOS])[0]
    before = copy.deepcopy((PHOTOS, found))
    verify_export(PHOTOS, found)
    assert (PHOTOS, found) == before
