# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""truenas_nfs_export and truenas_smb_share against the stand-in, which plays all versions: what they make, what they leave alone, what they refuse."""

from __future__ import annotations

import shutil

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.truenas.versions import UnknownVersion, dialect
from ansible_collections.homelab.immich.rehearsal.truenas.testing import API_KEY, IMMICH, PHOTOS, USER, Server

VERSIONS = ("TrueNAS-25.04.2.6", "TrueNAS-25.10.6", "TrueNAS-26.0.0")
SMB = {"name": "k8s", "protocol": "smb", "dataset": "tank/k8s", "share": "k8s"}
GUARD = "/mnt/tank/photos/.immich-guard/photos"


@pytest.fixture
def bare(tmp_path):
    """A TrueNAS with a pool and nothing in it."""
    with Server(tmp_path, bare=True) as server:
        yield server


@pytest.fixture
def apply(run):
    """Run a module on a NAS with exports."""

    def apply(server, *exports, check=False, module="truenas_nfs_export", **changed):
        server.calls.clear()
        connection = {"url": server.url, "username": USER, "api_key": API_KEY, "ca_cert": str(server.ca_cert), "rehearsal": True, "name": "tank"}
        done = run(module, connection | {"exports": list(exports) or [PHOTOS, IMMICH]} | changed, check)
        if done.get("failed") and done.get("changed") is False:
            del done["changed"]  # no test may take a failure for a run that changed nothing
        return done

    return apply


def share(number, **fields):
    return lambda state: state["nfs_shares"][number].update(fields)


def dataset(name, **fields):
    return lambda state: state["datasets"][name].update(fields)


@pytest.mark.parametrize("version", VERSIONS)
def test_from_a_bare_pool_to_exports(apply, tmp_path, version):
    with Server(tmp_path, bare=True, version=version) as nas:
        planned = apply(nas, check=True)
        assert planned["changed"] and nas.mutations == []
        done = apply(nas)
        assert done["changed"] and done["changes"] == planned["changes"] and done["diff"] == planned["diff"]
        assert nas.methods.count("auth.login_ex") == 1
        state = nas.host.read()
        photos, immich = state["nfs_shares"]
        assert (photos["path"], photos["ro"], photos["networks"], photos["maproot_user"]) == ("/mnt/tank/photos", True, ["192.0.2.0/24"], None)
        assert (immich["ro"], immich["maproot_user"], immich["maproot_group"]) == (False, "root", "root")
        assert state["owners"]["/mnt/tank/immich"] == {"uid": 1000, "gid": 1000, "mode": "0750"}
        assert {"enable": True, "state": "RUNNING"}.items() <= state["services"][1].items()
        assert [(task["dataset"], task["lifetime_value"], task["lifetime_unit"]) for task in state["snapshot_tasks"]] == [("tank/immich", 30, "DAY")]
        assert nas.folder(GUARD).is_dir() and nas.folder("/mnt/tank/immich/.immich-guard/immich").is_dir()
        again = apply(nas)
        assert again["changed"] is False and again["diff"] == [] and again["findings"] == [] and again["sentinels_ok"] and nas.mutations == []


def test_the_plan_shows_fields_and_nothing_else(apply, bare):
    shown = {
        entry["before_header"]: (entry["before"], entry["after"])
        for entry in apply(bare, PHOTOS | {"dataset": "tank/a/photos", "quota": "2T"}, check=True)["diff"]
    }
    assert shown["dataset tank/a/photos"] == ({}, {"share_type": "NFS", "quota": 2 << 40, "ancestors": ["tank/a"]})
    assert shown["NFS share of /mnt/tank/a/photos"][1] == {"path": "/mnt/tank/a/photos", "networks": ["192.0.2.0/24"], "enabled": True, "ro": True}
    assert shown["NFS service"] == ({"enable": False, "state": "STOPPED"}, {"enable": True, "state": "RUNNING"})


@pytest.mark.parametrize(
    ("drift", "before", "after"),
    [
        (share(0, ro=False), {"ro": False}, {"ro": True}),
        (share(0, enabled=False), {"enabled": False}, {"enabled": True}),
        # root is kept only by maproot_user and maproot_group together
        (share(1, maproot_group=None), {"maproot_group": None}, {"maproot_group": "root"}),
        (
            share(1, maproot_user=None, maproot_group=None, mapall_user="apps", mapall_group="apps"),
            {"maproot_user": None, "maproot_group": None, "mapall_user": "apps", "mapall_group": "apps"},
            {"maproot_user": "root", "maproot_group": "root", "mapall_user": None, "mapall_group": None},
        ),
        (share(0, networks=[]), {"networks": []}, {"networks": ["192.0.2.0/24"]}),
        (lambda state: state["services"][1].update(enable=False), {"enable": False}, {"enable": True}),
        (lambda state: state["services"][1].update(state="STOPPED"), {"state": "STOPPED"}, {"state": "RUNNING"}),
        (lambda state: state["nfs"].update(protocols=["NFSV3"]), {"protocols": ["NFSV3"]}, {"protocols": ["NFSV3", "NFSV4"]}),
        (lambda state: state["snapshot_tasks"][0].update(lifetime_value=7), {"lifetime_value": 7}, {"lifetime_value": 30}),
    ],
)
def test_what_differs_is_put_right_and_nothing_else_is_touched(apply, tank, drift, before, after):
    tank.drift(drift)
    planned = apply(tank, check=True)
    assert [(entry["before"], entry["after"]) for entry in planned["diff"]] == [(before, after)] and tank.mutations == []
    apply(tank)
    assert len(tank.mutations) == 1
    assert apply(tank)["changed"] is False


@pytest.mark.parametrize("written", [{"networks": ["192.0.2.7/24"]}, {"path": "/mnt/tank/photos/"}])
def test_the_same_written_differently_is_no_change(apply, tank, written):
    tank.drift(share(0, **written))
    assert apply(tank)["changed"] is False


def test_properties_are_compared_as_values(apply, tank):
    declared = IMMICH | {"quota": "2T", "recordsize": "1M", "compression": "zstd"}
    assert apply(tank, declared)["diff"] == [
        {
            "before_header": "dataset tank/immich",
            "after_header": "dataset tank/immich",
            "before": {"quota": "none", "recordsize": "128K", "compression": "LZ4"},
            "after": {"quota": 2 << 40, "recordsize": "1M", "compression": "ZSTD"},
        }
    ]
    for same in ({"quota": "2048G", "recordsize": "1024K"}, {"quota": "2TiB", "recordsize": "1048576"}):
        assert apply(tank, declared | same)["changed"] is False
    assert apply(tank, IMMICH)["changed"] is False  # what is not declared stays as it is
    apply(tank, IMMICH | {"quota": "none"})
    assert tank.host.read()["datasets"]["tank/immich"]["properties"]["quota"] is None


def test_an_owner_is_given_once_and_a_later_difference_is_said(apply, tank):
    tank.drift(lambda state: state["owners"]["/mnt/tank/immich"].update(uid=568, mode="0777"))
    left = apply(tank)
    assert left["changed"] is False
    assert "owner says uid 1000, mode 0750, and /mnt/tank/immich has uid 568, mode 0777. It is left as it is" in left["warned"][0]
    enforced = IMMICH | {"owner": IMMICH["owner"] | {"enforce": True}}
    assert apply(tank, enforced)["diff"][0]["after"] == {"uid": 1000, "mode": "0750"}
    ((_method, (sent,)),) = [call for call in tank.calls if call[0] == "filesystem.setperm"]
    assert sent["path"] == "/mnt/tank/immich" and sent["options"]["recursive"] is False and sent["options"]["traverse"] is False
    assert apply(tank, enforced)["changed"] is False


POD = {"uid": 1000, "gid": 1000, "groups": [], "write": True, "subpath": ""}


def test_pods_that_may_not_do_what_they_have_to_are_a_warning(apply, bare):
    declared = {"name": "media", "dataset": "tank/media", "clients": ["192.0.2.0/24"], "subpaths": ["upload"]}
    users = {"media": [POD, POD | {"uid": 0, "gid": 0, "write": False, "subpath": "upload"}]}
    said = "tank, export media: pods may not write at /mnt/tank/media: uid 1000, and 0:0 0755 does not let it write."
    for check in (True, False):  # by what the folder will be, and by what it is
        assert [said in message for message in apply(bare, declared, check=check, users=users)["warned"]] == [True]
    assert [said in message for message in apply(bare, declared, users=users)["warned"]] == [True]
    bare.drift(lambda state: state["owners"].update({"/mnt/tank/media": {"uid": 1000, "gid": 1000, "mode": "0700"}}))
    assert apply(bare, declared, users=users)["warned"] == []
    bare.drift(lambda state: (state["owners"].update({"/mnt/tank/media": {"uid": 0, "gid": 0, "mode": "0700"}}), state.update(acls=["/mnt/tank/media"])))
    assert apply(bare, declared, users=users)["warned"] == []  # the ACL decides, and is not read
    owned = declared | {"owner": {"user": 1000, "group": 1000, "enforce": True}}
    assert apply(bare, owned, users=users)["warned"] == []


def test_groups_that_the_nas_looks_up_itself(apply, tank):
    users = {"immich": [POD | {"uid": 5000, "gid": 5000, "groups": [1000], "write": False}]}
    assert apply(tank, users=users)["warned"] == []
    tank.drift(lambda state: state["nfs"].update(userd_manage_gids=True))
    (warning,) = apply(tank, users=users)["warned"]
    assert "pods with uid 5000 may read at /mnt/tank/immich by the groups 1000 alone, and the NFS service looks up the groups" in warning


def test_a_new_dataset_with_an_acl_from_above_gets_its_mode(apply, bare):
    bare.drift(lambda state: state.update(acls=["/mnt/tank/immich"]))
    assert apply(bare, IMMICH)["changed"]
    assert bare.host.read()["owners"]["/mnt/tank/immich"]["mode"] == "0750"


def test_an_owner_by_name(apply, tank):
    named = IMMICH | {"owner": {"user": "apps", "group": "apps", "enforce": True}}
    assert apply(tank, named)["diff"][0]["after"] == {"uid": 568, "gid": 568}


def test_a_run_that_was_cut_off_is_finished_by_the_next(apply, bare):
    bare.drift(lambda state: state.update(failing="filesystem.setperm"))
    failed = apply(bare)
    assert failed["failed"] and "Input/output error" in failed["msg"] and "Run it again to go on." in failed["msg"]
    assert "Done before that: dataset tank/photos" in failed["msg"] and failed["changed"]
    bare.drift(lambda state: state.update(failing=None))
    assert apply(bare)["changed"]
    assert bare.host.read()["owners"]["/mnt/tank/immich"] == {"uid": 1000, "gid": 1000, "mode": "0750"}
    assert apply(bare)["changed"] is False


def test_subpaths_are_folders_with_the_owner_and_a_sentinel(apply, tank):
    declared = IMMICH | {"subpaths": ["staging/upload"]}
    assert apply(tank, declared)["changed"]
    assert tank.folder("/mnt/tank/immich/staging/upload/.immich-guard/immich").is_dir()
    assert tank.host.read()["owners"]["/mnt/tank/immich/staging/upload"]["uid"] == 1000
    assert apply(tank, declared)["changed"] is False


def test_everybody_has_to_be_said(apply, bare):
    refused = apply(bare, PHOTOS | {"clients": []})
    assert refused["failed"] and "clients is empty, and that would be everybody" in refused["msg"] and bare.calls == []
    assert apply(bare, PHOTOS | {"clients": ["*"]})["changed"]
    assert (bare.host.read()["nfs_shares"][0]["networks"], bare.host.read()["nfs_shares"][0]["hosts"]) == ([], [])
    assert apply(bare, PHOTOS | {"clients": ["*"]})["changed"] is False


@pytest.mark.parametrize(
    ("before", "mounting", "named"),
    [
        ({"networks": ["192.0.2.0/24", "198.51.100.0/24"]}, {"mounting": [{"address": "198.51.100.7"}, {"address": "192.0.2.7"}]}, "198.51.100.7"),
        ({"networks": []}, {"mounting_nfs3": [{"address": "203.0.113.9", "path": "/mnt/tank/photos"}]}, "203.0.113.9"),
        ({"networks": []}, {"mounting_nfs3": [{"address": "203.0.113.9", "path": "/mnt/tank/other"}]}, None),
        ({"networks": ["192.0.2.0/25"]}, {"mounting": [{"address": "192.0.2.7"}]}, None),  # it becomes wider
        ({"ro": False}, {"mounting": [{"address": "192.0.2.7"}]}, "192.0.2.7"),
    ],
)
def test_clients_that_lose_a_mount_are_named(apply, tank, before, mounting, named):
    tank.drift(lambda state: (state["nfs_shares"][0].update(before), state.update(mounting)))
    for check in (True, False):
        warned = apply(tank, check=check)["warned"]
        assert [f" {named}, which mount from this NAS now" in message for message in warned] == ([True] if named else [])


def test_two_shares_of_one_path_are_told_apart_by_their_clients(apply, tank):
    other = {"id": 9, "networks": ["198.51.100.0/24"], "ro": False}
    tank.drift(lambda state: state["nfs_shares"].append(state["nfs_shares"][0] | other))
    assert apply(tank)["changed"] is False
    tank.drift(share(2, networks=["192.0.2.128/25"]))
    refused = apply(tank)
    assert "2 NFS shares export /mnt/tank/photos to these clients (numbers 1, 9)" in refused["msg"] and tank.mutations == []


def test_one_path_for_two_kinds_of_clients(apply, bare):
    exports = [PHOTOS, PHOTOS | {"name": "edit", "access": "rw", "clients": ["198.51.100.7"]}]
    assert apply(bare, *exports)["changed"]
    assert [(one["networks"], one["ro"]) for one in bare.host.read()["nfs_shares"]] == [(["192.0.2.0/24"], True), (["198.51.100.7/32"], False)]
    assert apply(bare, *exports)["changed"] is False


def add(name, **fields):
    return lambda state: state["datasets"].update({name: {"mounted": True, "locked": False, "readonly": False} | fields})


@pytest.mark.parametrize(
    ("drift", "changed", "words"),
    [
        (dataset("tank/photos", mounted=False), {}, "the dataset tank/photos is not mounted, so clients see an empty folder"),
        (dataset("tank", mounted=False), {}, "is not mounted"),
        (dataset("tank/photos", locked=True), {}, "the dataset tank/photos is encrypted and locked, so clients see nothing of it. Unlock it."),
        (dataset("tank", locked=True), {"dataset": "tank/new"}, "the dataset tank is encrypted and locked, so nothing can be created in it. Unlock it."),
        (dataset("tank/photos", readonly=True), {"access": "rw"}, "access is rw, but the dataset tank/photos has readonly on"),
        (dataset("tank", readonly=True), {"dataset": "tank/new"}, "tank has readonly on, so tank/new cannot be created"),
        (dataset("tank/photos", type="VOLUME"), {}, "tank/photos is a volume (zvol)"),
        (lambda state: state.update(full=True), {"dataset": "tank/new"}, "tank is full, so tank/new cannot be created. Free some space"),
        (None, {"dataset": "dozer/photos"}, "there is no pool dozer. Import the pool"),
        (None, {"path": "/mnt/tank/photos/1999"}, "there is no folder /mnt/tank/photos/1999 in the dataset tank/photos"),
        (None, {"squash": "all", "map_user": "nobodyknows", "map_group": "apps"}, "map_user is nobodyknows, and TrueNAS has no user nobodyknows"),
        (None, {"squash": "all", "map_user": "apps", "map_group": 4242}, "map_group is 4242, and TrueNAS has no group number 4242"),
        (None, {"owner": {"user": "nobodyknows", "group": "apps"}}, "owner.user is nobodyknows, and TrueNAS has no such user"),
        (share(0, security=["KRB5"]), {}, "takes KRB5 only, and pods mount with SYS"),
        (None, {"clients": ["0.0.0.0/0"]}, 'Write clients: ["*"] for everybody'),
        (
            lambda state: state.update(roles=["READONLY_ADMIN", "DATASET_WRITE"]),
            {"quota": "2T", "access": "rw"},
            "lacks SHARING_NFS_WRITE for sharing.nfs.update",
        ),
    ],
)
def test_what_is_in_the_way_is_said_before_anything_changes(apply, tank, drift, changed, words):
    if drift:
        tank.drift(drift)
    for check in (True, False):
        refused = apply(tank, IMMICH | {"quota": "1T"}, PHOTOS | changed, check=check)
        assert refused["failed"] and words in refused["msg"] and "nothing was changed" in refused["msg"]
        assert tank.mutations == []


def test_a_path_that_is_not_a_dataset(apply, bare):
    bare.folder("/mnt/tank").joinpath("photos").mkdir()
    assert "/mnt/tank/photos is there and is not a dataset, so no dataset can be mounted there. Move it away" in apply(bare)["msg"]
    assert bare.mutations == []


def test_a_pool_without_space_for_a_sentinel(apply, tank):
    tank.folder(GUARD).rmdir()
    tank.drift(lambda state: state.update(full=True))
    assert "No space left on device" in (refused := apply(tank))["msg"] and "The pool is full; free some space, or raise the quota" in refused["msg"]
    tank.drift(lambda state: state.update(full=False))
    assert apply(tank)["changes"] == [f"sentinel {GUARD}"]


@pytest.mark.parametrize(("answer", "words"), [("EXPIRED", "the API key has expired, or was revoked"), ("DENIED", "may not use the API from here")])
def test_a_key_that_opens_nothing_any_more(apply, tank, answer, words):
    tank.drift(lambda state: state.update(login=answer))
    for check in (True, False):
        assert words in apply(tank, check=check)["msg"] and tank.methods == ["auth.login_ex"]


@pytest.mark.parametrize("module", ["truenas_nfs_export", "truenas_smb_share"])
@pytest.mark.parametrize("wrong", [{"exports": [1]}, {"exports": [{"nme": "photos"}]}, {"exports": [], "api_keey": API_KEY}])
def test_a_wrong_option_does_not_show_the_key(run, tank, module, wrong):
    # before Ansible knows which options are secret; the fixture looks for the key
    assert run(module, {"url": tank.url, "username": USER, "api_key": API_KEY, **wrong})["msg"]
    assert tank.methods == []


def test_everything_in_the_way_is_said_at_once(apply, tank):
    tank.drift(dataset("tank/photos", locked=True))
    message = apply(tank, PHOTOS, IMMICH | {"dataset": "dozer/immich"})["msg"]
    assert "export photos" in message and "export immich" in message and "tank cannot be brought to what nas_exports declares" in message


def test_no_sentinel_where_nothing_is_mounted(apply, tank):
    tank.drift(dataset("tank/photos", mounted=False))
    assert apply(tank)["failed"]
    assert list(tank.folder("/mnt/tank/photos").iterdir()) == []


def test_a_missing_sentinel_is_made_and_another_exports_does_not_count(apply, tank):
    tank.folder(GUARD).rename(tank.folder("/mnt/tank/photos/.immich-guard") / "videos")
    assert apply(tank)["changes"] == [f"sentinel {GUARD}"]
    assert tank.folder(GUARD).is_dir()


def test_a_dataset_that_is_gone_is_not_replaced_by_an_empty_one(apply, tank):
    tank.drift(lambda state: state["datasets"].pop("tank/photos"))
    shutil.rmtree(tank.folder("/mnt/tank/photos"))
    for check in (True, False):
        refused = apply(tank, check=check)
        assert "the dataset tank/photos is gone, and /mnt/tank/photos is still shared. Bring it back" in refused["msg"] and tank.mutations == []
    tank.drift(lambda state: state["nfs_shares"].pop(0))
    assert "dataset tank/photos" in apply(tank)["changes"]


def test_a_shared_folder_that_lost_everything_gets_no_sentinel(apply, tank):
    photos = tank.folder("/mnt/tank/photos")
    shutil.rmtree(photos)
    photos.mkdir()
    for check in (True, False):
        done = apply(tank, check=check)
        assert done["changed"] is False and done["sentinels_ok"] is False and list(photos.iterdir()) == [] and tank.mutations == []
        assert "/mnt/tank/photos is shared and empty, and has no sentinel: is it the right dataset?" in done["findings"][0]["message"]
    (photos / "IMG_0001.jpg").touch()
    assert apply(tank)["sentinels_ok"] and tank.folder(GUARD).is_dir()


def test_datasets_below_have_sentinels_and_those_without_a_share_are_named(apply, tank):
    tank.drift(add("tank/photos/2020"))
    tank.drift(add("tank/photos/2021", locked=True))
    done = apply(tank)
    assert tank.folder("/mnt/tank/photos/2020/.immich-guard/photos").is_dir()
    assert not tank.folder("/mnt/tank/photos/2021/.immich-guard").exists()
    assert [
        "tank/photos/2020 lies below and has no share of its own" in done["warned"][0],
        "tank/photos/2021 lies below and is locked" in done["warned"][1],
    ] == [True, True]
    assert done["children"] == {"photos": ["tank/photos/2020", "tank/photos/2021"]}
    again = apply(tank)
    assert again["changed"] is False and again["warned"] == done["warned"]


def test_a_read_only_dataset_gets_no_sentinel_and_the_run_says_so(apply, tank):
    tank.drift(dataset("tank/photos", readonly=True))
    tank.folder(GUARD).rmdir()
    done = apply(tank)
    assert done["sentinels_ok"] is False and "has readonly on. Set it to off for one run" in done["warned"][0] and tank.mutations == []


def test_other_snapshot_tasks_stay(apply, tank):
    tank.drift(lambda state: state["snapshot_tasks"][0]["schedule"].update(hour="5"))
    assert apply(tank)["changed"]
    assert [task["schedule"]["hour"] for task in tank.host.read()["snapshot_tasks"]] == ["5", "4"]


def test_a_service_that_does_not_start(apply, tank):
    tank.drift(lambda state: (state["services"][1].update(state="STOPPED"), state.update(failing="service.start")))
    assert "Service not running after start" in apply(tank)["msg"]


def test_media_location_markers_are_found(apply, tank):
    tank.folder("/mnt/tank/immich/staging/upload").mkdir(parents=True)
    tank.folder("/mnt/tank/immich/staging/upload/.immich").touch()
    assert apply(tank)["markers"] == {"immich": ["staging/upload/.immich"]}
    tank.folder("/mnt/tank/immich/library").mkdir()
    tank.folder("/mnt/tank/immich/library/.immich").touch()
    assert apply(tank)["markers"] == {"immich": ["library/.immich"]}


def test_a_media_location_that_cannot_be_read_is_no_empty_one(apply, tank):
    tank.drift(lambda state: state.update(failing="filesystem.listdir"))
    assert "refused filesystem.listdir" in apply(tank)["msg"]


@pytest.mark.parametrize("hosts", [["192.0.2.7"], ["192.0.2.7/32"]])
def test_an_address_among_the_hosts_of_a_share_is_the_same(apply, tank, hosts):
    tank.drift(share(0, networks=[], hosts=hosts))
    assert apply(tank, PHOTOS | {"clients": ["192.0.2.7"]})["changed"] is False


def test_nfs_and_smb_in_one_login(apply, bare):
    done = apply(bare, smb_shares=[SMB])
    assert done["changed"] and bare.methods.count("auth.login_ex") == 1 and done["exports"] == 3
    state = bare.host.read()
    assert [share["name"] for share in state["smb_shares"]] == ["k8s"] and len(state["nfs_shares"]) == 2
    assert [service["state"] for service in state["services"][:2]] == ["RUNNING", "RUNNING"]
    again = apply(bare, smb_shares=[SMB])
    assert again["changed"] is False and again["sentinels_ok"] and again["findings"] == []
    assert "smb_shares[0] (k8s): protocol is smb and no share is named" in apply(bare, smb_shares=[{"name": "k8s", "dataset": "tank/k8s"}])["msg"]


def test_a_dataset_for_nfs_and_smb_is_made_for_both(apply, bare):
    both = {"name": "edit", "dataset": "tank/photos", "share": "photos"}
    assert apply(bare, PHOTOS | {"access": "rw"}, smb_shares=[both])["changed"]
    assert bare.host.read()["datasets"]["tank/photos"]["share_type"] == "MULTIPROTOCOL"
    assert apply(bare, PHOTOS | {"access": "rw"}, smb_shares=[both])["changed"] is False


def test_writing_over_nfs_to_a_dataset_that_was_made_for_smb_is_a_warning(apply, bare):
    apply(bare, SMB, module="truenas_smb_share")
    over_nfs = {"name": "media", "dataset": "tank/k8s", "clients": ["192.0.2.0/24"]}
    assert "tank/k8s was made for SMB, so IMG.jpg and img.jpg are one file in it" in apply(bare, over_nfs)["warned"][0]
    assert apply(bare, over_nfs | {"access": "ro"})["warned"] == []


@pytest.mark.parametrize("version", VERSIONS)
def test_smb(apply, tmp_path, version):
    with Server(tmp_path, bare=True, version=version) as nas:
        owned = SMB | {"owner": {"user": "1000", "group": "1000", "mode": "0770"}}
        assert apply(nas, owned, check=True, module="truenas_smb_share")["changed"] and nas.mutations == []
        assert apply(nas, owned, module="truenas_smb_share")["changed"]
        state = nas.host.read()
        assert state["datasets"]["tank/k8s"]["share_type"] == "SMB" and {"state": "RUNNING", "enable": True}.items() <= state["services"][0].items()
        assert (state["owners"]["/mnt/tank/k8s"]["uid"], state["owners"]["/mnt/tank/k8s"]["mode"]) == (1000, "0755")
        assert nas.folder("/mnt/tank/k8s/.immich-guard/k8s").is_dir()
        assert apply(nas, owned, module="truenas_smb_share")["changed"] is False
        read_only = apply(nas, owned | {"access": "ro"}, module="truenas_smb_share")
        assert list(read_only["diff"][0]["after"].values()) == [True]
        assert nas.host.read()["smb_shares"][0]["readonly"] is True
        nas.drift(lambda state: state["smb_shares"][0].update(path="/mnt/tank"))
        assert "is the folder /mnt/tank, not /mnt/tank/k8s" in apply(nas, owned, module="truenas_smb_share")["msg"]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"api_key": "1-wrong"}, "does not let rehearsal in: the user or the API key is wrong"),
        ({"url": "ws://127.0.0.1"}, "Use wss://"),
        ({"url": "wss://192.0.2.10"}, "This is a rehearsal"),
        ({"ca_cert": "/nowhere.pem"}, "/nowhere.pem"),
    ],
)
def test_a_connection_that_cannot_be(apply, tank, changed, words):
    refused = apply(tank, **changed)
    assert refused["failed"] and words in refused["msg"]
    assert set(tank.methods) <= {"auth.login_ex"}


def test_one_login_and_calls_that_do_not_grow_but_for_the_folders(apply, tank):
    many = [PHOTOS | {"name": f"photos{number}", "dataset": f"tank/photos{number}"} for number in range(20)]
    tank.make(many)
    counted = {}
    for number in (1, 20):
        assert apply(tank, *many[:number])["changed"] is False
        assert tank.methods.count("auth.login_ex") == 1
        counted[number] = [method for method in tank.methods if method != "filesystem.stat"]
        assert tank.methods.count("filesystem.stat") == 1 + 2 * number  # the pool; of each export its root and the sentinel
    assert counted[1] == counted[20] and len(counted[1]) == 6


@pytest.mark.parametrize(("version", "control"), [("TrueNAS-25.04.2.6", False), ("25.10.0", True), ("TrueNAS-26.0.0-BETA.3", True), ("TrueNAS-31.2", True)])
def test_versions(version, control):
    assert dialect(version).service_control is control


@pytest.mark.parametrize("version", ["TrueNAS-SCALE-24.10.2", "TrueNAS-13.0-U6", "MASTER"])
def test_versions_that_are_too_old(version):
    with pytest.raises(UnknownVersion, match=r"needs TrueNAS 25\.04 or later"):
        dialect(version)


def test_the_roles_that_are_documented_are_enough(apply, bare):
    least = ["DATASET_WRITE", "FILESYSTEM_ATTRS_WRITE", "FILESYSTEM_DATA_WRITE", "SHARING_NFS_WRITE", "SERVICE_READ", "ACCOUNT_READ", "SNAPSHOT_TASK_WRITE"]
    bare.drift(lambda state: state.update(roles=least))
    assert apply(bare)["changed"]
    for role in least:
        with_less = [other for other in least if other != role]
        bare.drift(lambda state, roles=with_less: state.update(roles=roles, snapshot_tasks=[], nfs_shares=[], datasets={"tank": state["datasets"]["tank"]}))
        refused = apply(bare, PHOTOS | {"dataset": f"tank/{role.lower()}"}, IMMICH | {"dataset": f"tank/i-{role.lower()}", "squash": "all"})
        assert refused["failed"] and role.replace("_WRITE", "").replace("_READ", "") in refused["msg"]
        bare.forgive()
