# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A NAS that is looked at from outside: what is seen of it as which uid, and what is said of what cannot be seen."""

from __future__ import annotations

import socket
import struct

import examples
import pytest
from ansible_collections.homelab.immich.plugins.filter.export_users import export_users
from ansible_collections.homelab.immich.plugins.module_utils import nfs4
from ansible_collections.homelab.immich.plugins.modules import nas_export_info

from .nfs_server import Folder, Nfs4

PHOTOS = {"name": "photos", "path": "/volume1/photos", "access": "ro"}
GUARD = "/volume1/photos/.immich-guard/photos"
MINE = Folder(1000, 1000, 0o750)
POD = {"uid": 1000, "gid": 1000, "write": False}


@pytest.fixture
def look(run, monkeypatch):
    """Look at an export on a server as these users; what the module returned."""

    def look(port, *users, export=None):
        monkeypatch.setattr(nfs4, "PORT", port)
        monkeypatch.setattr(nas_export_info, "SMB_PORT", port)
        exports = [export or PHOTOS]
        options = {"name": "unas", "address": "127.0.0.1", "exports": exports, "users": {exports[0]["name"]: list(users)}, "timeout": 1}
        return run("nas_export_info", options, check=True)

    return look


def test_an_export_as_it_should_be(look):
    with Nfs4({"/volume1/photos": MINE, GUARD: Folder()}) as server:
        seen = look(server.port, POD)
    assert seen["changed"] is False and seen["findings"] == []
    assert seen["exports"] == [{"name": "photos", "seen": True, "sentinel": True, "owner": "1000", "group": "1000", "mode": "0750"}]
    # PUTROOTFH, LOOKUP, GETATTR and ACCESS: nothing else is ever sent
    assert {operation for compound in server.asked for operation in compound} == {24, 15, 9, 3}


def test_the_documented_example(run, monkeypatch):
    [task] = examples.of("modules/nas_export_info")
    with Nfs4({"/volume1/photos": MINE, GUARD: Folder()}) as server:
        monkeypatch.setattr(nfs4, "PORT", server.port)
        seen = run("nas_export_info", task["homelab.immich.nas_export_info"] | {"address": "127.0.0.1"})
    assert seen["exports"][0]["sentinel"] is True and seen["findings"] == []


@pytest.mark.parametrize(
    ("folders", "user", "said"),
    [
        ({"/volume1/photos": MINE}, POD, f"the sentinel {GUARD} is missing. Make it on the NAS, where the photos are."),
        (
            {"/volume1/photos": Folder(1026, 100, 0o700)},
            POD,
            "a pod with 1000:1000 may not read /volume1/photos: it belongs to 1026:100, mode 0700. Change immich_run_as, or owner or squash on the NAS.",
        ),
        (
            {"/volume1/photos": Folder(1000, 1000, 0o750, read_only=True), GUARD: Folder()},
            POD | {"write": True},
            "a pod with 1000:1000 may not write to /volume1/photos: it belongs to 1000:1000, mode 0750, or the export is read-only.",
        ),
        ({"/volume1": Folder(0, 0, 0o700), "/volume1/photos": MINE}, POD, "a pod with 1000:1000 may not enter /volume1/photos, or a folder above."),
        ({"/volume1/videos": MINE}, POD, "/volume1/photos is not shown to this machine. Look whether it is exported"),
        ({"/volume1/photos": Folder(kind=1)}, POD, "/volume1/photos is no folder. Correct path."),
    ],
)
def test_what_is_not_right_is_a_warning(look, folders, user, said):
    with Nfs4(folders) as server:
        seen = look(server.port, user)
    assert "failed" not in seen and f"unas, export photos: {said}" in seen["findings"][0]["message"]
    assert seen["warned"] == [finding["message"] for finding in seen["findings"]]


def test_each_user_looks_for_itself_and_a_subpath_is_a_folder_below(look):
    export = PHOTOS | {"access": "rw", "subpaths": ["family"]}
    family = "/volume1/photos/family"
    folders = {"/volume1/photos": Folder(), family: MINE, GUARD: Folder(), f"{family}/.immich-guard/photos": Folder()}
    with Nfs4(folders) as server:
        seen = look(server.port, POD, {"uid": 2000, "gid": 2000, "write": True, "subpath": "family"}, export=export)
    assert [finding["message"].partition(": ")[2] for finding in seen["findings"]] == [
        f"a pod with 2000:2000 may not read {family}: it belongs to 1000:1000, mode 0750. Change immich_run_as, or owner or squash on the NAS."
    ]
    assert seen["exports"][0]["sentinel"] is True


def test_supplemental_groups_count(look):
    user = POD | {"uid": 5000, "gid": 5000, "groups": [7, 1000]}
    with Nfs4({"/volume1/photos": MINE, GUARD: Folder()}) as server:
        assert look(server.port, user)["findings"] == []
        assert "a pod with 5000:5000 and the groups 7 may not read" in look(server.port, user | {"groups": [7]})["warned"][0]


def test_without_a_user_the_declared_owner_looks(look):
    owned = PHOTOS | {"owner": {"user": 1000, "group": 1000}}
    with Nfs4({"/volume1/photos": Folder(1000, 1000, 0o700), GUARD: Folder()}) as server:
        assert look(server.port, export=owned)["exports"][0]["sentinel"] is True


def test_nothing_is_claimed_of_a_sentinel_that_cannot_be_seen(look):
    with Nfs4({"/volume1/photos": MINE, "/volume1/photos/.immich-guard": Folder(0, 0, 0o700), GUARD: Folder()}) as server:
        seen = look(server.port, POD)
    assert seen["exports"][0]["sentinel"] is None and seen["findings"] == []


def test_a_nas_that_wants_a_port_of_root(look, monkeypatch):
    connect = nfs4._connect
    monkeypatch.setattr(nfs4, "_connect", lambda *arguments: (connect(*arguments)[0], False))
    with Nfs4({"/volume1/photos": MINE}, status=nfs4.PERM) as server:
        seen = look(server.port, POD)
    assert seen["exports"][0]["seen"] is False
    assert "which need root: nas_look_as_root: true looks as root." in seen["warned"][0]


def test_versions(look):
    with Nfs4({"/volume1/photos": MINE, GUARD: Folder()}, minors=(0,)) as server:
        seen = look(server.port, POD)
        assert "does not speak NFSv4.1, which volumes mount with" in seen["warned"][0] and seen["exports"][0]["sentinel"] is True
    with Nfs4({}, minors=(1, 2)) as server:
        seen = look(server.port, POD)
        assert "it speaks NFSv4.1 and later only" in seen["warned"][0] and seen["exports"][0]["seen"] is False
    with Nfs4({}, minors=()) as server:
        assert "127.0.0.1 speaks NFS, but not version 4, which the cluster mounts with, seen from here." in look(server.port, POD)["warned"][0]


def test_a_server_that_is_still_asking_is_asked_again(look):
    with Nfs4({"/volume1/photos": MINE, GUARD: Folder()}, delays=1) as server:
        assert look(server.port, POD)["findings"] == []


@pytest.mark.parametrize("raw", [b"HTTP/1.1 400 Bad Request\r\n\r\n", bytes(64), struct.pack(">7I", 1, 1, 0, 0, 0, 5, 0)])
def test_somebody_who_is_no_nfs_server(look, raw):
    with Nfs4({}, raw=raw) as server:
        assert "answers with something that is not NFS" in look(server.port, POD)["warned"][0]


def test_somebody_who_refuses_our_credentials(look):
    with Nfs4({}, raw=struct.pack(">5I", 1, 1, 1, 1, 5)) as server:
        assert "refuses us for credentials that are too weak" in look(server.port, POD)["warned"][0]


def test_somebody_who_says_nothing_or_is_not_there(look):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert "127.0.0.1 does not answer within 1 seconds" in look(port, POD)["warned"][0]
    seen = look(port, POD)
    assert f"127.0.0.1 does not answer on port {port} (Connection refused), seen from here." in seen["warned"][0]
    assert seen["exports"][0]["seen"] is False and seen["exports"][0]["sentinel"] is None


def test_a_nas_that_is_not_there_is_waited_for_once(run, monkeypatch):
    asked = []
    monkeypatch.setattr(nfs4, "_connect", lambda address, *_rest: asked.append(address) or (none for none in ()).throw(nfs4.NfsError("does not answer")))
    exports = [PHOTOS, PHOTOS | {"name": "videos", "path": "/volume1/videos"}, PHOTOS | {"name": "far", "path": "/far", "address": "192.0.2.41"}]
    seen = run("nas_export_info", {"name": "unas", "address": "192.0.2.40", "exports": exports})
    assert asked == ["192.0.2.40", "192.0.2.41"] and len(seen["warned"]) == 2 and [export["seen"] for export in seen["exports"]] == [False] * 3


def test_of_a_share_no_more_is_seen_than_its_port(look):
    smb = {"name": "k8s", "protocol": "smb", "share": "k8s"}
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert look(port, export=smb)["findings"] == []
    assert f"127.0.0.1 does not answer on port {port} (SMB) from here." in look(port, export=smb)["warned"][0]


def test_who_mounts_what_follows_from_the_volumes():
    photos = {"immich_run_as": {"uid": 1000, "gid": 1000}, "immich_volumes": [{"name": "media", "nfs": {"export": "immich", "subpath": "a"}}]}
    read = {"name": "photos", "access": "ro", "nfs": {"export": "photos"}}
    stage = {"immich_volumes": [read, {"name": "thumbs", "storage_class": "longhorn"}]}
    assert export_users([photos, stage, stage, {}]) == {
        "immich": [{"uid": 1000, "gid": 1000, "groups": [], "write": True, "subpath": "a"}],
        "photos": [{"uid": 0, "gid": 0, "groups": [], "write": False, "subpath": ""}],
    }
