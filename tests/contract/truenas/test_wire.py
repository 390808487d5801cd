# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in answers as TrueNAS 25.04, 25.10 and 26 do: the same envelope, the same fields, the same errors.

The fields are those of the middleware's API models (src/middlewared/middlewared/api/v25_10_*), and the errors those of its JSON-RPC handler.
"""

from __future__ import annotations

import json
import ssl
from typing import Any

import pytest
import websocket
from ansible_collections.homelab.immich.rehearsal.truenas.testing import API_KEY, USER, Server

LOGIN = {"mechanism": "API_KEY_PLAIN", "username": USER, "api_key": API_KEY}

NFS_SHARE = {
    "id", "path", "aliases", "comment", "networks", "hosts", "ro", "maproot_user", "maproot_group", "mapall_user", "mapall_group",
    "security", "enabled", "locked", "expose_snapshots",
}  # fmt: skip
SMB_SHARE = {
    "id", "purpose", "name", "path", "enabled", "comment", "readonly", "browsable", "access_based_share_enumeration", "locked", "audit", "options",
}  # fmt: skip
NFS_CONFIG = {
    "id", "servers", "allow_nonroot", "protocols", "v4_krb", "v4_domain", "bindip", "mountd_port", "rpcstatd_port", "rpclockd_port", "mountd_log",
    "statd_lockd_log", "v4_krb_enabled", "userd_manage_gids", "keytab_has_nfs_spn", "managed_nfsd", "rdma",
}  # fmt: skip
STAT = {
    "realpath", "type", "size", "allocation_size", "mode", "mount_id", "uid", "gid", "atime", "mtime", "ctime", "btime", "dev", "inode", "nlink",
    "acl", "is_mountpoint", "is_ctldir", "attributes", "user", "group",
}  # fmt: skip
DIRECTORY_ENTRY = {
    "name", "path", "realpath", "type", "size", "allocation_size", "mode", "mount_id", "acl", "uid", "gid", "is_mountpoint", "is_ctldir",
    "attributes", "xattrs", "zfs_attrs",
}  # fmt: skip
SNAPSHOT_TASK = {
    "id", "dataset", "recursive", "lifetime_value", "lifetime_unit", "enabled", "exclude", "naming_schema", "allow_empty", "schedule", "vmware_sync",
    "state",
}  # fmt: skip
POOL = {
    "id", "name", "guid", "status", "path", "scan", "expand", "is_upgraded", "healthy", "warning", "status_code", "status_detail", "size",
    "allocated", "free", "freeing", "dedup_table_size", "dedup_table_quota", "fragmentation", "size_str", "allocated_str", "free_str",
    "freeing_str", "autotrim", "topology",
}  # fmt: skip
DATASET = {"id", "type", "name", "pool", "encrypted", "encryption_root", "key_loaded", "children", "user_properties", "locked", "mountpoint"}
PROPERTY = {"parsed", "rawvalue", "value", "source", "source_info"}
JOB = {
    "id", "message_ids", "method", "arguments", "transient", "description", "abortable", "logs_path", "logs_excerpt", "progress", "result",
    "result_encoding_error", "error", "exception", "exc_info", "state", "time_started", "time_finished", "credentials",
}  # fmt: skip


class Wire:
    """A websocket without a client's comfort: what is sent and what comes back."""

    def __init__(self, server: Server, path: str = "/api/current"):
        context = ssl.create_default_context(cafile=str(server.ca_cert))
        self.socket = websocket.create_connection(f"{server.url}{path}", sslopt={"context": context}, timeout=10)
        self.number = 0

    def say(self, message: Any) -> dict[str, Any]:
        self.socket.send(message if isinstance(message, str) else json.dumps(message))
        return json.loads(self.socket.recv())

    def call(self, method: str, *params: Any) -> dict[str, Any]:
        self.number += 1
        answer = self.say({"jsonrpc": "2.0", "id": self.number, "method": method, "params": list(params)})
        assert answer["jsonrpc"] == "2.0" and answer["id"] == self.number
        return answer

    def result(self, method: str, *params: Any) -> Any:
        return self.call(method, *params)["result"]


@pytest.fixture
def tank(tmp_path):
    with Server(tmp_path) as server:
        yield server


@pytest.fixture
def stranger(tank):
    """A connection that has not logged in."""
    wire = Wire(tank)
    yield wire
    wire.socket.close()


@pytest.fixture
def wire(stranger):
    assert stranger.result("auth.login_ex", LOGIN)["response_type"] == "SUCCESS"
    return stranger


@pytest.mark.parametrize(
    ("method", "params", "fields"),
    [
        ("sharing.nfs.query", [], NFS_SHARE),
        ("pool.query", [], POOL),
        ("pool.snapshottask.query", [], SNAPSHOT_TASK),
        ("service.query", [], {"id", "service", "enable", "state", "pids"}),
        ("filesystem.listdir", ["/mnt/tank/photos"], DIRECTORY_ENTRY),
    ],
)
def test_lists_have_the_fields_of_the_real_ones(wire, method, params, fields):
    entries = wire.result(method, *params)
    assert entries and all(set(entry) == fields for entry in entries)


@pytest.mark.parametrize(("method", "params", "fields"), [("nfs.config", [], NFS_CONFIG), ("filesystem.stat", ["/mnt/tank/photos"], STAT)])
def test_single_answers_have_the_fields_of_the_real_ones(wire, method, params, fields):
    assert set(wire.result(method, *params)) == fields


def test_smb_shares(tank, wire):
    tank.make([{"name": "k8s", "protocol": "smb", "dataset": "tank/k8s", "share": "k8s"}])
    (share,) = wire.result("sharing.smb.query")
    assert set(share) == SMB_SHARE


VERSIONS = {"TrueNAS-25.04.2.6": (25, 4), "TrueNAS-25.10.6": (25, 10), "TrueNAS-26.0.0": (26, 0)}
OLD_SMB_SHARE = {
    "id", "purpose", "path", "path_suffix", "home", "name", "comment", "ro", "browsable", "timemachine", "timemachine_quota", "recyclebin",
    "guestok", "abe", "hostsallow", "hostsdeny", "aapl_name_mangling", "acl", "durablehandle", "shadowcopy", "streams", "fsrvp", "auxsmbconf",
    "enabled", "afp", "audit", "vuid", "path_local", "locked",
}  # fmt: skip
IN_26 = {"dataset", "relative_path", "tier"}


@pytest.fixture(params=VERSIONS)
def of_each_version(request, tmp_path):
    """A connection to a TrueNAS of each version that is supported, and which it is."""
    with Server(tmp_path, version=request.param) as server:
        server.make([{"name": "k8s", "protocol": "smb", "dataset": "tank/k8s", "share": "k8s"}])
        wire = Wire(server)
        assert wire.result("auth.login_ex", LOGIN)["response_type"] == "SUCCESS"
        yield wire, VERSIONS[request.param]
        wire.socket.close()


def test_each_version_has_its_fields(of_each_version):
    wire, version = of_each_version
    more = IN_26 if version >= (26, 0) else set()
    assert set(wire.result("sharing.nfs.query")[0]) == NFS_SHARE | more
    assert set(wire.result("sharing.smb.query")[0]) == (OLD_SMB_SHARE if version < (25, 10) else SMB_SHARE | more)


def test_each_version_starts_services_in_its_way(of_each_version):
    wire, version = of_each_version
    assert ("result" in wire.call("service.start", "nfs", {})) is (version < (26, 0))
    assert ("result" in wire.call("service.control", "START", "nfs", {})) is (version >= (25, 10))


def test_each_version_takes_its_own_field_for_a_read_only_smb_share(of_each_version):
    wire, version = of_each_version
    for field, since, until in (("ro", (25, 4), (25, 10)), ("readonly", (25, 10), (99, 0))):
        answer = wire.call("sharing.smb.update", 1, {field: True})
        assert ("result" in answer) is (since <= version < until), answer


@pytest.mark.parametrize(
    ("method", "params", "field", "said"),
    [
        ("pool.dataset.create", [{"name": "tank"}], "pool_dataset_create.name", "You need a full name, e.g. pool/newdataset"),
        ("pool.dataset.create", [{"name": "tank/photos"}], "pool_dataset_create.name", "Path /mnt/tank/photos already exists"),
        ("pool.dataset.create", [{"name": "tank/a/b"}], "pool_dataset_create.name", "Parent dataset (tank/a) does not exist."),
        ("pool.dataset.update", ["tank/photos", {"quota": 1}], "pool_dataset_update.quota", "Input should be greater than or equal to 1073741824"),
        ("pool.dataset.update", ["tank/photos", {"recordsize": "3K"}], "pool_dataset_update.recordsize", "'3K' is an invalid recordsize."),
        ("pool.dataset.update", ["tank/photos", {"share_type": "NFS"}], "data.share_type", "Extra inputs are not permitted"),
        ("sharing.nfs.update", [1, {"maproot_group": "root"}], "sharingnfs_update.maproot_user", "This field is required when map group is specified"),
        ("sharing.nfs.update", [1, {"mapall_user": "who"}], "sharingnfs_update.mapall_user", "User not found: who"),
        ("sharing.nfs.update", [2, {"mapall_user": "apps"}], "sharingnfs_update.mapall_user", "maproot_user disqualifies mapall_user"),
        ("sharing.nfs.update", [1, {"path": "/etc"}], "sharingnfs_update.path", "The path must reside within a pool mount point"),
        ("sharing.nfs.update", [1, {"paths": ["/mnt/tank"]}], "data.paths", "Extra inputs are not permitted"),
        ("nfs.update", [{"protocols": []}], "nfs_update.protocols", 'Must specify at least one value ("NFSV3", "NFSV4") in the "protocols" list.'),
    ],
)
def test_what_is_not_valid_is_said_with_its_field(wire, method, params, field, said):
    error = wire.call(method, *params)["error"]
    assert (error["code"], error["message"]) == (-32602, "Invalid params")
    assert error["data"]["extra"] == [[field, said, 22]]
    assert error["data"]["reason"] == f"[EINVAL] {field}: {said}"


def test_a_share_for_clients_that_another_one_has(wire):
    error = wire.call("sharing.nfs.create", {"path": "/mnt/tank/photos", "networks": ["192.0.2.128/25"]})["error"]
    assert "another NFS share exports /mnt/tank/photos to 192.0.2.0/24 and overlaps network 192.0.2.128/25" in error["data"]["reason"]


@pytest.mark.parametrize(
    ("roles", "method", "params"),
    [
        (["READONLY_ADMIN"], "pool.dataset.create", [{"name": "tank/new"}]),
        (["SHARING_ADMIN"], "filesystem.mkdir", [{"path": "/mnt/tank/photos/new"}]),
        (["DATASET_WRITE"], "sharing.nfs.query", []),
        (["SHARING_NFS_READ"], "nfs.get_nfs4_clients", []),
    ],
)
def test_a_role_is_needed(tank, wire, roles, method, params):
    tank.drift(lambda state: state.update(roles=roles))
    error = wire.call(method, *params)["error"]
    assert (error["code"], error["data"]["errname"], error["data"]["reason"]) == (-32001, "EACCES", "[EACCES] Not authorized")


def test_a_service_is_changed_by_whose_it_is(tank, wire):
    tank.drift(lambda state: state.update(roles=["SHARING_SMB_WRITE"]))
    assert wire.call("service.update", "nfs", {"enable": False})["error"]["data"]["errname"] == "EPERM"
    assert wire.result("service.update", "cifs", {"enable": True}) == 4


def test_datasets_and_their_properties(wire):
    entries = {entry["id"]: entry for entry in wire.result("pool.dataset.query", [], {"extra": {"properties": ["readonly", "recordsize"]}})}
    assert sorted(entries) == ["tank", "tank/immich", "tank/photos"]
    photos = entries["tank/photos"]
    assert set(photos) == DATASET | {"readonly", "recordsize"}
    assert set(photos["readonly"]) == PROPERTY
    assert photos["readonly"]["parsed"] is False and photos["readonly"]["value"] == "OFF"
    assert (photos["recordsize"]["parsed"], photos["recordsize"]["rawvalue"], photos["recordsize"]["value"]) == (131072, "131072", "128K")
    assert photos["mountpoint"] == "/mnt/tank/photos"
    assert set(wire.result("pool.dataset.query", [["id", "=", "tank"]], {"get": True, "extra": {"properties": []}})) == DATASET
    assert "compression" in wire.result("pool.dataset.query", [["id", "=", "tank"]], {"get": True})


def test_an_unmounted_dataset(tank, wire):
    tank.drift(lambda state: state["datasets"]["tank/photos"].update(mounted=False))
    assert wire.result("pool.dataset.query", [["id", "=", "tank/photos"]], {"get": True})["mountpoint"] is None
    assert wire.result("filesystem.stat", "/mnt/tank/photos")["is_mountpoint"] is False
    assert wire.result("filesystem.listdir", "/mnt/tank/photos") == []


def test_queries(wire):
    def names(filters, **options):
        return [entry["id"] for entry in wire.result("pool.dataset.query", filters, options)]

    assert names([["id", "^", "tank/"]]) == ["tank/immich", "tank/photos"]
    assert names([["id", "in", ["tank", "tank/photos"]], ["name", "!=", "tank"]]) == ["tank/photos"]
    assert names([["OR", [["id", "=", "tank"], [["id", "$", "photos"], ["pool", "=", "tank"]]]]]) == ["tank", "tank/photos"]
    assert names([], order_by=["-id"], limit=2) == ["tank/photos", "tank/immich"]
    assert names([], offset=1, limit=1) == ["tank/immich"]
    assert wire.result("pool.dataset.query", [], {"count": True}) == 3
    assert wire.result("user.query", [["uid", "=", 0]], {"select": ["username"]}) == [{"username": "root"}]


def test_login(stranger):
    answer = stranger.result("auth.login_ex", LOGIN)
    assert set(answer) == {"response_type", "user_info", "authenticator"}
    assert answer["user_info"]["pw_name"] == USER
    assert stranger.result("auth.login_ex", LOGIN | {"login_options": {"user_info": False}})["user_info"] is None
    assert stranger.result("auth.me")["pw_name"] == USER
    assert stranger.result("core.ping") == "pong"


@pytest.mark.parametrize("wrong", [{"api_key": "1-wrong"}, {"username": "root"}, {"mechanism": "PASSWORD_PLAIN", "password": "x"}])
def test_a_wrong_login_is_an_answer_and_no_error(stranger, wrong):
    assert stranger.result("auth.login_ex", LOGIN | wrong) == {"response_type": "AUTH_ERR"}
    assert stranger.call("core.ping")["error"]["data"]["errname"] == "ENOTAUTHENTICATED"


@pytest.mark.parametrize(
    ("login", "field"), [({"mechanism": "MAGIC"}, "login_data"), ({"mechanism": "API_KEY_PLAIN", "username": USER}, "login_data.API_KEY_PLAIN.api_key")]
)
def test_a_login_that_is_none(stranger, login, field):
    error = stranger.call("auth.login_ex", login)["error"]
    assert (error["code"], error["message"]) == (-32602, "Invalid params")
    ((attribute, _said, number),) = error["data"]["extra"]
    assert (attribute, number) == (field, 22)
    assert error["data"]["errname"] == "EINVAL"


def test_twenty_logins_a_minute_and_then_ten_minutes_none(tank, stranger):
    for _number in range(20):
        assert "result" in stranger.call("auth.login_ex", LOGIN)
    error = stranger.call("auth.login_ex", LOGIN)["error"]
    assert (error["code"], error["data"]["errname"], error["data"]["reason"]) == (-32001, "EBUSY", "[EBUSY] Rate Limit Exceeded")
    assert stranger.result("core.ping") == "pong"  # whoever is in stays in
    now = tank.clock()
    tank.clock = lambda: now + 599
    assert "error" in stranger.call("auth.login_ex", LOGIN)
    tank.clock = lambda: now + 601
    assert "result" in stranger.call("auth.login_ex", LOGIN)


def test_nobody_gets_anything_without_a_login(stranger):
    for method, *params in (["sharing.nfs.query"], ["filesystem.stat", "/mnt/tank"], ["core.get_jobs"]):
        error = stranger.call(method, *params)["error"]
        assert (error["code"], error["message"], error["data"]["error"]) == (-32001, "Method call error", 207)
        assert error["data"]["reason"] == "[ENOTAUTHENTICATED] Not authenticated"


def test_errors_of_the_envelope(wire):
    assert wire.say("{")["error"]["code"] == -32700
    assert wire.say([])["error"]["code"] == -32600
    assert wire.say({"id": 1, "method": "core.ping"})["error"]["code"] == -32600
    assert wire.say({"jsonrpc": "2.0", "id": 1, "method": "core.ping", "params": {}})["error"]["code"] == -32600
    assert wire.say({"jsonrpc": "2.0", "id": 7, "method": "no.such"}) == {
        "jsonrpc": "2.0",
        "error": {"code": -32601, "message": "Method does not exist"},
        "id": 7,
    }


def test_what_is_not_there(wire):
    error = wire.call("filesystem.stat", "/mnt/tank/nothing")["error"]
    assert set(error["data"]) == {"error", "errname", "reason", "trace", "extra"}
    assert (error["code"], error["data"]["error"], error["data"]["reason"]) == (-32001, 2, "[ENOENT] Path /mnt/tank/nothing not found")
    assert wire.call("pool.dataset.query", [["id", "=", "tank/none"]], {"get": True})["error"]["data"]["errname"] == "ENOENT"


@pytest.mark.parametrize("path", ["/etc/passwd", "/mnt/../../../../etc/passwd", "/mnt/tank/photos/../../../../../etc", "/state.json"])
def test_only_the_nas_is_shown(wire, path):
    assert wire.call("filesystem.stat", path)["error"]["data"]["errname"] == "ENOENT"


def test_a_link_out_of_the_nas_leads_nowhere(tank, wire):
    tank.folder("/mnt/tank/photos").joinpath("away").symlink_to("/etc")
    assert wire.call("filesystem.listdir", "/mnt/tank/photos/away")["error"]["data"]["errname"] == "ENOENT"


def test_a_broken_state_file_is_an_answer_too(tank, wire):
    (tank.host.root / "state.json").write_text("{")
    assert wire.call("service.query")["error"]["data"]["errname"] == "EINVAL"


def test_a_job_is_a_number_until_it_is_asked_for(wire):
    number = wire.result("core.bulk", "filesystem.stat", [["/mnt/tank/photos"], ["/mnt/tank/nothing"]])
    assert isinstance(number, int)
    (job,) = wire.result("core.get_jobs", [["id", "=", number]])
    assert set(job) == JOB
    assert job["state"] == "RUNNING" and job["result"] is None  # it takes a moment
    (job,) = wire.result("core.get_jobs", [["id", "=", number]])
    assert job["state"] == "SUCCESS" and set(job["progress"]) == {"percent", "description", "extra"}
    good, bad = job["result"]
    assert good["error"] is None and good["result"]["is_mountpoint"] is True
    assert bad == {"job_id": None, "error": "Path /mnt/tank/nothing not found", "result": None}


@pytest.mark.parametrize("path", ["/api/current", "/api/v25.10.0"])
def test_the_versioned_address_is_there_too(tank, path):
    wire = Wire(tank, path)
    assert wire.result("auth.login_ex", LOGIN)["response_type"] == "SUCCESS"
    wire.socket.close()


def test_another_nas_and_another_path_are_not_there(tank):
    for path in ("/websocket", "/api/v2.0", "/../dozer/api/current"):
        with pytest.raises(websocket.WebSocketBadStatusException, match="404"):
            Wire(tank, path)
