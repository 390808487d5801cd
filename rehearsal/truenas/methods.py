# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The methods that the stand-in knows: those that only read. One that is not here answers that it does not exist."""

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

from .query import BadQuery, NothingFound, query
from .state import Host

MECHANISMS = ("API_KEY_PLAIN", "PASSWORD_PLAIN", "TOKEN_PLAIN", "OTP_TOKEN")


class CallRefused(Exception):
    """The call fails with this errno."""

    def __init__(self, code: int, said: str):
        super().__init__(said)
        self.code, self.said = code, said


class Invalid(Exception):
    """The parameters are wrong: (field, what is wrong with it)."""

    def __init__(self, fields: list[tuple[str, str]]):
        super().__init__(str(fields))
        self.fields = fields


@dataclass
class Session:
    """One connection."""

    host: Host
    credentials: dict[str, str]
    secure: bool
    user: str | None = None
    jobs: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Method:
    """A method, and with how many arguments it may be called; `public` needs no login and counts for the ban."""

    run: Callable[..., Any]
    least: int = 0
    most: int = 0
    public: bool = False


_job_numbers = itertools.count(1001)


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
        "privilege": {"allowlist": [], "roles": ["READONLY_ADMIN"], "web_shell": False, "webui_access": True},
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
        properties = {
            "readonly": _property(known["readonly"], "on" if known["readonly"] else "off"),
            "atime": _property(False, "off"),
            "acltype": _property("nfsv4", "nfsv4"),
            "aclmode": _property("passthrough", "passthrough"),
            "casesensitivity": _property("sensitive", "sensitive"),
            "compression": _property("lz4", "lz4", "INHERITED"),
            "recordsize": _property(131072, "131072", "DEFAULT", "128K"),
            "quota": _property(None, "0", "DEFAULT"),
            "available": _property(8 << 40, str(8 << 40), "NONE", "8 TiB"),
            "used": _property(1 << 40, str(1 << 40), "NONE", "1 TiB"),
        }
        entries.append(
            {
                "id": name,
                "type": "FILESYSTEM",
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


def _property(parsed: Any, raw: str, source: str = "LOCAL", value: str | None = None) -> dict[str, Any]:
    return {"parsed": parsed, "rawvalue": raw, "value": value or raw.upper(), "source": source, "source_info": None}


def _mounted(state: dict[str, Any], dataset: str) -> bool:
    names = [dataset, *(str(parent) for parent in PurePosixPath(dataset).parents[:-1])]
    return all(state["datasets"][name]["mounted"] and not state["datasets"][name]["locked"] for name in names)


def _nfs_shares(session: Session, filters: Any = None, options: Any = None) -> Any:
    state = session.host.read()
    entries = [share | {"aliases": [], "locked": _locked(state, share["path"])} for share in state["nfs_shares"]]
    return _query(entries, filters, options)


def _smb_shares(session: Session, filters: Any = None, options: Any = None) -> Any:
    state = session.host.read()
    entries = [
        share
        | {
            "purpose": "DEFAULT_SHARE",
            "browsable": True,
            "access_based_share_enumeration": False,
            "audit": {"enable": False, "watch_list": [], "ignore_list": []},
            "locked": _locked(state, share["path"]),
            "options": {},
        }
        for share in state["smb_shares"]
    ]
    return _query(entries, filters, options)


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
        "acl": False,
        "is_mountpoint": dataset in state["datasets"] and _mounted(state, dataset),
        "is_ctldir": False,
        "attributes": [],
        "xattrs": [],
        "zfs_attrs": None,
    } | owner


def _bulk(session: Session, method: str, params: Any, description: str | None = None) -> int:
    """The one job there is so far: the same call with many parameters."""
    if method not in METHODS or not isinstance(params, list):
        raise Invalid([("method", f"{method} does not exist")])
    results = []
    for arguments in params:
        try:
            results.append({"job_id": None, "error": None, "result": METHODS[method].run(session, *arguments)})
        except CallRefused as error:
            results.append({"job_id": None, "error": error.said, "result": None})
    now = {"$date": int(time.time() * 1000)}
    job = {
        "id": next(_job_numbers),
        "message_ids": [],
        "method": "core.bulk",
        "arguments": [method, params, description],
        "transient": False,
        "description": description,
        "abortable": False,
        "logs_path": None,
        "logs_excerpt": None,
        "progress": {"percent": 100, "description": "", "extra": None},
        "result": results,
        "result_encoding_error": None,
        "error": None,
        "exception": None,
        "exc_info": None,
        "state": "SUCCESS",
        "time_started": now,
        "time_finished": now,
        "credentials": None,
    }
    session.jobs.append(job)
    return job["id"]


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


METHODS: dict[str, Method] = {
    "auth.login_ex": Method(_login_ex, 1, 1, public=True),
    "auth.me": Method(_me),
    "core.bulk": Method(_bulk, 2, 3),
    "core.get_jobs": Method(lambda session, filters=None, options=None: _query(session.jobs, filters, options), 0, 2),
    "core.ping": Method(lambda session: "pong"),
    "filesystem.listdir": Method(_listdir, 1, 3),
    "filesystem.stat": Method(_stat, 1, 1),
    "group.query": Method(_groups, 0, 2),
    "nfs.config": Method(_nfs_config),
    "pool.dataset.query": Method(_datasets, 0, 2),
    "pool.query": Method(_pools, 0, 2),
    "pool.snapshottask.query": Method(_snapshot_tasks, 0, 2),
    "service.query": Method(_services, 0, 2),
    "sharing.nfs.query": Method(_nfs_shares, 0, 2),
    "sharing.smb.query": Method(_smb_shares, 0, 2),
    "system.info": Method(_info),
    "system.version": Method(lambda session: session.host.read()["version"]),
    "user.query": Method(_users, 0, 2),
}
