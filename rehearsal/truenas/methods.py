# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The methods that the stand-in knows, with the roles that they need. One that is not here answers that it does not exist."""

from __future__ import annotations

import errno
import itertools
import os
import stat as stat_bits
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from ansible_collections.homelab.immich.plugins.module_utils.truenas.versions import dialect

from . import changes
from .errors import CallRefused, Invalid
from .query import BadQuery, NothingFound, query
from .state import Host

RECORD_SIZES = {"512": 512} | {f"{1 << power}K": 1 << (power + 10) for power in range(10)} | {f"{1 << power}M": 1 << (power + 20) for power in range(5)}
MECHANISMS = ("API_KEY_PLAIN", "PASSWORD_PLAIN", "TOKEN_PLAIN", "OTP_TOKEN")


@dataclass
class Session:
    """One connection."""

    host: Host
    credentials: dict[str, str]
    secure: bool
    user: str | None = None
    jobs: list[dict[str, Any]] = field(default_factory=list)
    looked_at: set[int] = field(default_factory=set)


@dataclass(frozen=True)
class Method:
    """A method, and with how many arguments it may be called; `public` needs no login and counts for the ban.

    `role` is the one that it needs, nothing where a login is enough. `changes` says that it changes something, `job` that its answer is a job's number.
    """

    run: Callable[..., Any]
    least: int = 0
    most: int = 0
    role: str = ""
    changes: bool = False
    job: bool = False
    public: bool = False
    since: tuple[int, int] = (25, 4)
    until: tuple[int, int] = (99, 0)

    def known(self, version: str) -> bool:
        """Whether TrueNAS of this version has it."""
        return self.since <= number(version) < self.until


_job_numbers = itertools.count(1001)

# What each role includes, as far as it matters here (role.py of the middleware).
_READS = (
    *("ACCOUNT_READ", "DATASET_READ", "FILESYSTEM_ATTRS_READ", "FILESYSTEM_DATA_READ", "POOL_READ", "SERVICE_READ"),
    *("SHARING_NFS_READ", "SHARING_SMB_READ", "SNAPSHOT_TASK_READ", "SYSTEM_GENERAL_READ"),
)
INCLUDES: dict[str, tuple[str, ...]] = {
    "READONLY_ADMIN": _READS,
    "SHARING_ADMIN": (*_READS, "READONLY_ADMIN", "DATASET_WRITE", "SHARING_NFS_WRITE", "SHARING_SMB_WRITE", "FILESYSTEM_ATTRS_WRITE"),
    "FILESYSTEM_FULL_CONTROL": ("FILESYSTEM_ATTRS_WRITE", "FILESYSTEM_DATA_WRITE", "FILESYSTEM_ATTRS_READ", "FILESYSTEM_DATA_READ"),
    **{role.replace("_READ", "_WRITE"): (role,) for role in _READS if role not in ("SERVICE_READ",)},
}


def number(version: str) -> tuple[int, int]:
    """TrueNAS-25.10.1 is (25, 10)."""
    return dialect(version).since


def roles_of(state: dict[str, Any]) -> set[str]:
    """The roles of the user of the key, with everything that they include."""
    given = set(state["roles"])
    return given | {part for role in given for part in INCLUDES.get(role, ())}


def _login_ex(session: Session, data: Any) -> dict[str, Any]:
    mechanism = data.get("mechanism") if isinstance(data, dict) else None
    if mechanism not in MECHANISMS:
        tags = ", ".join(f"'{name}'" for name in MECHANISMS)
        raise Invalid([("login_data", f"Input tag '{mechanism}' found using 'mechanism' does not match any of the expected tags: {tags}")])
    needed = {"API_KEY_PLAIN": ("username", "api_key"), "PASSWORD_PLAIN": ("username", "password"), "TOKEN_PLAIN": ("token",), "OTP_TOKEN": ("otp_token",)}
    missing = [(f"login_data.{mechanism}.{name}", "Field required") for name in needed[mechanism] if not isinstance(data.get(name), str)]
    if missing:
        raise Invalid(missing)
    if mechanism != "API_KEY_PLAIN" or session.credentials.get(data["username"]) != data["api_key"]:
        return {"response_type": "AUTH_ERR"}
    if not session.secure:  # the real one revokes the key
        session.credentials.pop(data["username"])
        return {"response_type": "EXPIRED"}
    answer = session.host.read()["login"]
    if answer != "SUCCESS":
        return {"response_type": answer} | ({"username": data["username"]} if answer == "OTP_REQUIRED" else {})
    session.user = data["username"]
    wants_info = (data.get("login_options") or {}).get("user_info", True)
    return {"response_type": "SUCCESS", "user_info": _me(session) if wants_info else None, "authenticator": "LEVEL_1"}


def _me(session: Session) -> dict[str, Any]:
    return {
        "pw_name": session.user,
        "pw_gecos": "",
        "pw_dir": "/var/empty",
        "pw_shell": "/usr/sbin/nologin",
        "pw_uid": 3100,
        "pw_gid": 3100,
        "grouplist": None,
        "sid": None,
        "source": "LOCAL",
        "local": True,
        "attributes": {},
        "two_factor_config": {"provisioning_uri": None, "secret_configured": False, "interval": 30, "otp_digits": 6},
        "privilege": {"allowlist": [], "roles": sorted(roles_of(session.host.read())), "web_shell": False, "webui_access": True},
        "account_attributes": ["LOCAL", "API_KEY"],
    }


def _info(session: Session) -> dict[str, Any]:
    state = session.host.read()
    return {"version": state["version"].removeprefix("TrueNAS-"), "hostname": state["hostname"], "timezone": "Etc/UTC", "system_product": "Rehearsal"}


def _pools(session: Session, filters: Any = None, options: Any = None) -> Any:
    names = sorted({name.split("/")[0] for name in session.host.read()["datasets"]})
    sizes = {"size": 9 << 40, "allocated": 1 << 40, "free": 8 << 40, "freeing": 0}
    entries = [
        {"id": number, "name": name, "guid": str(number), "path": f"/mnt/{name}", "status": "ONLINE", "healthy": True, "warning": False}
        | {"status_code": "OK", "status_detail": None, "scan": None, "expand": None, "is_upgraded": True, "fragmentation": "0", "topology": None}
        | {"dedup_table_size": 0, "dedup_table_quota": "auto", "autotrim": {"parsed": "off", "rawvalue": "off", "source": "DEFAULT", "value": "off"}}
        | sizes
        | {f"{key}_str": str(size) for key, size in sizes.items()}
        for number, name in enumerate(names, 1)
    ]
    return _query(entries, filters, options)


def _datasets(session: Session, filters: Any = None, options: Any = None) -> Any:
    extra = dict(options or {}).get("extra") or {}
    wanted = extra.get("properties")
    state = session.host.read()
    entries = []
    for name, known in sorted(state["datasets"].items()):
        local = known.get("properties", {})
        available = 0 if state.get("full") else 8 << 40
        size = RECORD_SIZES[local.get("recordsize", "128K")]
        compression = local.get("compression", "LZ4").lower()
        smb = known.get("share_type") == "SMB"
        properties = {
            "readonly": _property(known["readonly"], "on" if known["readonly"] else "off"),
            "atime": _property(False, "off"),
            "acltype": _property("nfsv4", "nfsv4"),
            "aclmode": _property("restricted" if smb else "passthrough", "restricted" if smb else "passthrough"),
            "casesensitivity": _property("insensitive" if smb else "sensitive", "insensitive" if smb else "sensitive"),
            "compression": _property(compression, compression, "LOCAL" if "compression" in local else "INHERITED"),
            "recordsize": _property(size, str(size), "LOCAL" if "recordsize" in local else "DEFAULT", local.get("recordsize", "128K")),
            "quota": _quota(local.get("quota")),
            "available": _property(available, str(available), "NONE", f"{available >> 40} TiB"),
            "used": _property(1 << 40, str(1 << 40), "NONE", "1 TiB"),
        }
        entries.append(
            {
                "id": name,
                "type": known.get("type", "FILESYSTEM"),
                "name": name,
                "pool": name.split("/")[0],
                "encrypted": known["locked"],
                "encryption_root": name if known["locked"] else None,
                "key_loaded": False if known["locked"] else None,
                "locked": known["locked"],
                "mountpoint": f"/mnt/{name}" if _mounted(state, name) else None,
                "user_properties": {},
                "children": [],
            }
            | {key: value for key, value in properties.items() if wanted is None or key in wanted}
        )
    return _query(entries, filters, options)


def _quota(size: int | None) -> dict[str, Any]:
    if not size:
        return _property(None, "0", "DEFAULT") | {"value": None}
    return _property(size, str(size), "LOCAL", f"{size / (1 << 30):g} GiB")


def _property(parsed: Any, raw: str, source: str = "LOCAL", value: str | None = None) -> dict[str, Any]:
    return {"parsed": parsed, "rawvalue": raw, "value": value or raw.upper(), "source": source, "source_info": None}


def _mounted(state: dict[str, Any], dataset: str) -> bool:
    names = [dataset, *(str(parent) for parent in PurePosixPath(dataset).parents[:-1])]
    return all(state["datasets"][name]["mounted"] and not state["datasets"][name]["locked"] for name in names)


def _nfs_shares(session: Session, filters: Any = None, options: Any = None) -> Any:
    state = session.host.read()
    entries = [share | {"aliases": [], "locked": _locked(state, share["path"])} | _since_26(state, share["path"]) for share in state["nfs_shares"]]
    return _query(entries, filters, options)


def _since_26(state: dict[str, Any], path: str) -> dict[str, Any]:
    """What shares say of their dataset from version 26 on."""
    if number(state["version"]) < (26, 0):
        return {}
    dataset = max((name for name in state["datasets"] if PurePosixPath(path).is_relative_to(f"/mnt/{name}")), key=len, default=None)
    relative = None if dataset is None else str(PurePosixPath(path).relative_to(f"/mnt/{dataset}"))
    return {"dataset": dataset, "relative_path": "" if relative == "." else relative, "tier": None}


def _smb_shares(session: Session, filters: Any = None, options: Any = None) -> Any:
    state = session.host.read()
    return _query([_smb_share(state, share) for share in state["smb_shares"]], filters, options)


def _smb_share(state: dict[str, Any], share: dict[str, Any]) -> dict[str, Any]:
    audit = {"enable": False, "watch_list": [], "ignore_list": []}
    entry = {"purpose": "DEFAULT_SHARE", "browsable": True, "audit": audit, "locked": _locked(state, share["path"])} | share
    if number(state["version"]) >= (25, 10):
        return entry | {"access_based_share_enumeration": False, "options": {}} | _since_26(state, share["path"])
    old = dict.fromkeys(("home", "timemachine", "recyclebin", "guestok", "abe", "aapl_name_mangling", "fsrvp", "afp"), False) | dict.fromkeys(
        ("acl", "durablehandle", "shadowcopy", "streams"), True
    )
    entry["ro"] = entry.pop("readonly")
    return (
        entry | old | {"path_suffix": "", "timemachine_quota": 0, "hostsallow": [], "hostsdeny": [], "auxsmbconf": "", "vuid": "", "path_local": share["path"]}
    )


def _locked(state: dict[str, Any], path: str) -> bool:
    return any(known["locked"] and PurePosixPath(path).is_relative_to(f"/mnt/{name}") for name, known in state["datasets"].items())


def _nfs_config(session: Session) -> dict[str, Any]:
    defaults = {"id": 1, "servers": 2, "v4_krb": False, "v4_krb_enabled": False, "v4_domain": "", "mountd_port": None, "rpcstatd_port": None}
    more = {"rpclockd_port": None, "mountd_log": True, "statd_lockd_log": False, "keytab_has_nfs_spn": False, "managed_nfsd": True, "rdma": False}
    return defaults | more | session.host.read()["nfs"]


def _services(session: Session, filters: Any = None, options: Any = None) -> Any:
    return _query(session.host.read()["services"], filters, options)


def _users(session: Session, filters: Any = None, options: Any = None) -> Any:
    users = session.host.read()["users"]
    return _query([{"id": number, "builtin": user["uid"] < 3000, "local": True} | user for number, user in enumerate(users, 1)], filters, options)


def _groups(session: Session, filters: Any = None, options: Any = None) -> Any:
    groups = session.host.read()["groups"]
    entries = [{"id": number, "builtin": group["gid"] < 3000, "local": True, "name": group["group"]} | group for number, group in enumerate(groups, 1)]
    return _query(entries, filters, options)


def _snapshot_tasks(session: Session, filters: Any = None, options: Any = None) -> Any:
    defaults = {"recursive": False, "exclude": [], "naming_schema": "auto-%Y-%m-%d_%H-%M", "allow_empty": True, "vmware_sync": False}
    tasks = session.host.read()["snapshot_tasks"]
    return _query([defaults | {"state": {"state": "PENDING"}} | task for task in tasks], filters, options)


def _stat(session: Session, path: str) -> dict[str, Any]:
    state = session.host.read()
    entry = _entry(session, state, path)
    status = os.stat(session.host.on_disk(path))
    times = {"atime": status.st_atime, "mtime": status.st_mtime, "ctime": status.st_ctime, "btime": status.st_ctime}
    names = {
        "user": next((user["username"] for user in state["users"] if user["uid"] == entry["uid"]), None),
        "group": next((group["group"] for group in state["groups"] if group["gid"] == entry["gid"]), None),
    }
    kept = {key: value for key, value in entry.items() if key not in ("name", "path", "xattrs", "zfs_attrs")}
    return kept | times | names | {"dev": status.st_dev, "inode": status.st_ino, "nlink": status.st_nlink}


def _listdir(session: Session, path: str, filters: Any = None, options: Any = None) -> Any:
    state = session.host.read()
    if state.get("failing") == "filesystem.listdir":
        raise CallRefused(errno.EIO, "Input/output error")
    folder = _entry(session, state, path)
    if folder["type"] != "DIRECTORY":
        raise CallRefused(errno.ENOTDIR, f"Path {path} is not a directory")
    names = sorted(os.listdir(session.host.on_disk(path)))
    return _query([_entry(session, state, f"{path.rstrip('/')}/{name}") for name in names], filters, options)


def _entry(session: Session, state: dict[str, Any], path: str) -> dict[str, Any]:
    if not isinstance(path, str) or not path.startswith("/"):
        raise Invalid([("path", f"{path!r}: path must be absolute")])
    try:
        status = os.stat(session.host.on_disk(path))
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        raise CallRefused(errno.ENOENT, f"Path {path} not found") from None
    owner, mode = {"uid": 0, "gid": 0}, status.st_mode
    for place in (PurePosixPath(path), *PurePosixPath(path).parents):  # what nobody re-owned belongs to whom the export was given to
        if str(place) in state["owners"]:
            known = state["owners"][str(place)]
            owner = {"uid": known["uid"], "gid": known["gid"]}
            if str(place) == path.rstrip("/"):
                mode = stat_bits.S_IFMT(mode) | int(known["mode"], 8)
            break
    dataset = str(PurePosixPath(path)).removeprefix("/mnt/")
    return {
        "name": PurePosixPath(path).name,
        "path": path,
        "realpath": str(PurePosixPath(path)),
        "type": "DIRECTORY" if stat_bits.S_ISDIR(mode) else "FILE" if stat_bits.S_ISREG(mode) else "OTHER",
        "size": status.st_size,
        "allocation_size": status.st_blocks * 512,
        "mode": mode,
        "mount_id": 1,
        "acl": path.rstrip("/") in state.get("acls", []),
        "is_mountpoint": dataset in state["datasets"] and _mounted(state, dataset),
        "is_ctldir": False,
        "attributes": [],
        "xattrs": [],
        "zfs_attrs": None,
    } | owner


def _bulk(session: Session, method: str, params: Any, description: str | None = None) -> list[dict[str, Any]]:
    """The same call with many parameters."""
    if method not in METHODS or METHODS[method].changes or not isinstance(params, list):
        raise Invalid([("method", f"{method} does not exist")])
    results = []
    for arguments in params:
        try:
            results.append({"job_id": None, "error": None, "result": METHODS[method].run(session, *arguments)})
        except CallRefused as error:
            results.append({"job_id": None, "error": error.said, "result": None})
    return results


def start_job(session: Session, name: str, params: list[Any]) -> int:
    """Do what a method does as a job. It is still under way when somebody looks for the first time."""
    result: Any = None
    error: str | None = None
    try:
        result = METHODS[name].run(session, *params)
    except Invalid as wrong:
        error = "\n".join(f"[EINVAL] {field}: {said}" for field, said in wrong.fields)
    except CallRefused as refused:
        error = f"[{errno.errorcode.get(refused.code, refused.code)}] {refused.said}"
    now = {"$date": int(time.time() * 1000)}
    job = {
        "id": next(_job_numbers),
        "message_ids": [],
        "method": name,
        "arguments": params,
        "transient": False,
        "description": None,
        "abortable": False,
        "logs_path": None,
        "logs_excerpt": None,
        "progress": {"percent": 100, "description": "", "extra": None},
        "result": result,
        "result_encoding_error": None,
        "error": error,
        "exception": None if error is None else f"CallError: {error}",
        "exc_info": None if error is None else {"repr": error, "type": "CallError", "errno": errno.EINVAL, "extra": None},
        "state": "SUCCESS" if error is None else "FAILED",
        "time_started": now,
        "time_finished": now,
        "credentials": None,
    }
    session.jobs.append(job)
    return job["id"]


def _jobs(session: Session, filters: Any = None, options: Any = None) -> Any:
    """The jobs of this session; each is RUNNING the first time that it is seen."""
    seen = []
    for job in session.jobs:
        first = job["id"] not in session.looked_at
        session.looked_at.add(job["id"])
        seen.append(job | {"state": "RUNNING", "result": None, "error": None, "time_finished": None} if first else job)
    return _query(seen, filters, options)


def _query(entries: list[dict[str, Any]], filters: Any, options: Any) -> Any:
    if filters is not None and not isinstance(filters, list):
        raise Invalid([("filters", "Input should be a valid list")])
    if options is not None and not isinstance(options, dict):
        raise Invalid([("options", "Input should be a valid dictionary")])
    try:
        return query(entries, filters or [], options or {})
    except BadQuery as error:
        raise Invalid([("filters", str(error))]) from None
    except NothingFound:
        raise CallRefused(errno.ENOENT, "No results match the filter") from None


def _service(session: Session, name: str, **fields: Any) -> int:
    """Change a service, if the user's roles are about that one."""
    needed = {"nfs": "SHARING_NFS_WRITE", "cifs": "SHARING_SMB_WRITE"}.get(name, "SERVICE_WRITE")
    if not roles_of(session.host.read()) & {"FULL_ADMIN", "SERVICE_WRITE", needed}:
        raise CallRefused(errno.EPERM, f"{name}: authenticated session lacks privilege to update service")
    return changes.change_service(session.host, name, **fields)


def _start(session: Session, name: str, options: Any = None) -> bool:
    state = session.host.read()
    if state.get("failing") == "service.start":
        if (options or {}).get("silent", True):
            return False
        raise CallRefused(errno.EFAULT, "Service not running after start")
    _service(session, name, state="RUNNING")
    return True


def _control(session: Session, verb: str, name: str, options: Any = None) -> bool:
    if verb != "START":
        raise Invalid([("verb", "The stand-in starts services only")])
    return _start(session, name, options)


def _made(session: Session, path: str) -> dict[str, Any]:
    return _entry(session, session.host.read(), path)


def _nfs_clients(session: Session, kind: str, filters: Any, options: Any) -> Any:
    """Who mounts something: `mounting` of the state is a list of {address, path}."""
    mounting = session.host.read()["mounting"] if kind == "nfs4" else session.host.read()["mounting_nfs3"]
    if kind == "nfs3":
        return _query([{"ip": client["address"], "export": client["path"]} for client in mounting], filters, options)
    info = [{"address": f"{client['address']}:790", "status": "confirmed", "minor version": 2} for client in mounting]
    return _query([{"id": str(order), "info": entry, "states": []} for order, entry in enumerate(info, 1)], filters, options)


def _nfs_update(session: Session, data: Any) -> dict[str, Any]:
    changes.update_nfs(session.host, data)
    return _nfs_config(session)


def _one(listing: Callable[..., Any], session: Session, wanted: Any) -> dict[str, Any]:
    return listing(session, [["id", "=", wanted]], {"get": True})


def _smb_name(session: Session) -> str:
    return dialect(session.host.read()["version"]).smb_read_only


_SERVICE = "SERVICE_WRITE SHARING_NFS_WRITE SHARING_SMB_WRITE"  # any of these
METHODS: dict[str, Method] = {
    "auth.login_ex": Method(_login_ex, 1, 1, public=True),
    "auth.me": Method(_me),
    "core.bulk": Method(_bulk, 2, 3, job=True),
    "core.get_jobs": Method(_jobs, 0, 2),
    "core.ping": Method(lambda session: "pong"),
    "filesystem.chown": Method(lambda session, data: changes.set_permissions(session.host, data, False), 1, 1, "FILESYSTEM_ATTRS_WRITE", True, True),
    "filesystem.listdir": Method(_listdir, 1, 3, "FILESYSTEM_ATTRS_READ"),
    "filesystem.mkdir": Method(lambda session, data: _made(session, changes.make_folder(session.host, data)), 1, 1, "FILESYSTEM_DATA_WRITE", True),
    "filesystem.setperm": Method(lambda session, data: changes.set_permissions(session.host, data, True), 1, 1, "FILESYSTEM_ATTRS_WRITE", True, True),
    "filesystem.stat": Method(_stat, 1, 1, "FILESYSTEM_ATTRS_READ"),
    "group.query": Method(_groups, 0, 2, "ACCOUNT_READ"),
    "nfs.config": Method(_nfs_config, role="SHARING_NFS_READ"),
    "nfs.get_nfs3_clients": Method(
        lambda session, filters=None, options=None: _nfs_clients(session, "nfs3", filters, options), 0, 2, "READONLY_ADMIN SHARING_NFS_WRITE"
    ),
    "nfs.get_nfs4_clients": Method(
        lambda session, filters=None, options=None: _nfs_clients(session, "nfs4", filters, options), 0, 2, "READONLY_ADMIN SHARING_NFS_WRITE"
    ),
    "nfs.update": Method(_nfs_update, 1, 1, "SHARING_NFS_WRITE", True),
    "pool.dataset.create": Method(lambda session, data: _one(_datasets, session, changes.create_dataset(session.host, data)), 1, 1, "DATASET_WRITE", True),
    "pool.dataset.query": Method(_datasets, 0, 2, "DATASET_READ"),
    "pool.dataset.update": Method(
        lambda session, name, data: _one(_datasets, session, changes.update_dataset(session.host, name, data)), 2, 2, "DATASET_WRITE", True
    ),
    "pool.query": Method(_pools, 0, 2, "POOL_READ"),
    "pool.snapshottask.create": Method(
        lambda session, data: _one(_snapshot_tasks, session, changes.write_snapshot_task(session.host, None, data)), 1, 1, "SNAPSHOT_TASK_WRITE", True
    ),
    "pool.snapshottask.query": Method(_snapshot_tasks, 0, 2, "SNAPSHOT_TASK_READ"),
    "pool.snapshottask.update": Method(
        lambda session, number, data: _one(_snapshot_tasks, session, changes.write_snapshot_task(session.host, number, data)), 2, 2, "SNAPSHOT_TASK_WRITE", True
    ),
    "service.control": Method(_control, 2, 3, _SERVICE, True, True, since=(25, 10)),
    "service.query": Method(_services, 0, 2, "SERVICE_READ"),
    "service.start": Method(_start, 1, 2, _SERVICE, True, until=(26, 0)),
    "service.update": Method(lambda session, name, data: _service(session, name, enable=bool(data["enable"])), 2, 2, _SERVICE, True),
    "sharing.nfs.create": Method(
        lambda session, data: _one(_nfs_shares, session, changes.write_nfs_share(session.host, None, data)), 1, 1, "SHARING_NFS_WRITE", True
    ),
    "sharing.nfs.query": Method(_nfs_shares, 0, 2, "SHARING_NFS_READ"),
    "sharing.nfs.update": Method(
        lambda session, number, data: _one(_nfs_shares, session, changes.write_nfs_share(session.host, number, data)), 2, 2, "SHARING_NFS_WRITE", True
    ),
    "sharing.smb.create": Method(
        lambda session, data: _one(_smb_shares, session, changes.write_smb_share(session.host, None, data, _smb_name(session))), 1, 1, "SHARING_SMB_WRITE", True
    ),
    "sharing.smb.query": Method(_smb_shares, 0, 2, "SHARING_SMB_READ"),
    "sharing.smb.update": Method(
        lambda session, number, data: _one(_smb_shares, session, changes.write_smb_share(session.host, number, data, _smb_name(session))),
        2,
        2,
        "SHARING_SMB_WRITE",
        True,
    ),
    "system.info": Method(_info, role="SYSTEM_GENERAL_READ"),
    "system.version": Method(lambda session: session.host.read()["version"]),
    "user.query": Method(_users, 0, 2, "ACCOUNT_READ"),
}
