# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Linux host has: datasets, mounts, folders, exports, the NFS server. Reads only; standard library only."""

from __future__ import annotations

import dataclasses
import glob
import grp
import os
import pwd
import re
import shutil
import socket
import subprocess
from collections.abc import Iterable, Mapping
from typing import Any

from .exports import Entry, unescape

PROPERTIES = ["mountpoint", "canmount", "mounted", "keystatus", "readonly", "sharenfs", "available", "used", "quota", "recordsize", "compression"]
ETAB = "/var/lib/nfs/etab"
# how each family installs what is missing; ID and ID_LIKE of os-release name the family
NFS_SERVER = {"debian": "apt install nfs-kernel-server", "fedora": "dnf install nfs-utils", "rhel": "dnf install nfs-utils", "arch": "pacman -S nfs-utils"}
ZFS = {"debian": "apt install zfsutils-linux", **dict.fromkeys(("fedora", "rhel"), "dnf install zfs, from the repository of OpenZFS")}
ZFS |= {"arch": "the packages zfs-dkms and zfs-utils of the AUR"}
_YES = ("1", "t", "true", "y", "yes", "on")  # as nfs.conf(5) has it
# file systems that hold somebody's files, as opposed to what the kernel or an automounter puts there
DISKS = {"zfs", "ext2", "ext3", "ext4", "xfs", "btrfs", "bcachefs", "f2fs", "jfs", "fuse.mergerfs", "fuseblk", "ntfs3", "exfat", "vfat"}


class LinuxError(Exception):
    """A sentence for the user."""


def run(*words: str) -> str:
    """What a command prints. LinuxError with what it says on stderr when it fails."""
    done = subprocess.run(words, env={**os.environ, "LC_ALL": "C"}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LinuxError(f"{' '.join(words)}: {(done.stderr or done.stdout).strip() or f'exit code {done.returncode}'}")
    return done.stdout


def look(exports: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Everything that a plan needs, in a few commands however many exports."""
    wanted = list(exports)
    zfs = shutil.which("zfs") is not None
    pools = run("zpool", "list", "-H", "-o", "name").splitlines() if zfs else []
    # a path alone may still lie in the mount point of any dataset
    named = sorted({export["dataset"].split("/")[0] for export in wanted} & set(pools)) if all(export["dataset"] for export in wanted) else pools
    listing = ["zfs", "get", "-Hp", "-t", "filesystem", "-r", "-o", "name,property,value,source", ",".join(PROPERTIES), *named]
    return {
        "zfs": zfs,
        "pools": pools,
        "datasets": datasets(run(*listing)) if named else {},
        "mounts": mounts(_read("/proc/self/mountinfo")),
        "fstab": [unescape(fields[1]) for line in _read("/etc/fstab").splitlines() if not line.startswith("#") and len(fields := line.split()) > 1],
        "files": {file: _read(file) for file in ["/etc/exports", *sorted(glob.glob("/etc/exports.d/*.exports"))] if os.path.isfile(file)},
        "etab": _read(ETAB),
        "clients": clients(_read(file) for file in sorted(glob.glob("/proc/fs/nfsd/clients/*/info"))),
        "service": service(),
        "manage_gids": manage_gids(),
    }


def datasets(text: str) -> dict[str, dict[str, tuple[str, str]]]:
    """`zfs get -Hp -o name,property,value,source` as {dataset: {property: (value, source)}}; values are exact numbers."""
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for line in text.splitlines():
        name, key, value, source = line.split("\t")
        found.setdefault(name, {})[key] = (value, source)
    return found


def mounts(mountinfo: str) -> list[tuple[str, str, str]]:
    """/proc/self/mountinfo as (place, file system, source), in the order of mounting."""
    found = []
    for line in mountinfo.splitlines():
        left, _dash, right = line.partition(" - ")
        kind, source = right.split()[:2]
        found.append((unescape(left.split()[4]), kind, unescape(source)))
    return found


def clients(infos: Iterable[str]) -> list[tuple[str, str]]:
    """The NFSv4 clients that are connected: (address, name), from /proc/fs/nfsd/clients/*/info."""
    found = set()
    for info in infos:
        address = re.search(r'^address: "(.*)"', info, re.MULTILINE)
        name = re.search(r'^name: "(.*)"', info, re.MULTILINE)
        if address:
            found.add((address[1].rpartition(":")[0].strip("[]") or address[1], name[1] if name else ""))
    return sorted(found)


def service() -> dict[str, Any]:
    """The NFS server: whether it is installed, enabled and active. All families call the unit nfs-server."""
    if shutil.which("exportfs") is None or shutil.which("systemctl") is None:
        return {"installed": False, "enabled": False, "active": False}
    shown = run("systemctl", "show", "nfs-server.service", "-p", "LoadState,UnitFileState,ActiveState")
    state = dict(line.split("=", 1) for line in shown.split())
    return {"installed": state["LoadState"] == "loaded", "enabled": state.get("UnitFileState") == "enabled", "active": state["ActiveState"] == "active"}


def manage_gids() -> bool:
    """Whether the server looks up the groups of a uid by itself, so that those that a client sends do not count: the default of Debian and Ubuntu."""
    if shutil.which("nfsconf") is None:
        return False
    # it reads nfs.conf with all that belongs to it, and fails where the key is not set
    done = subprocess.run(["nfsconf", "--get", "mountd", "manage-gids"], capture_output=True, text=True, check=False)
    return done.stdout.strip().lower() in _YES


def as_kept(entries: Iterable[Entry]) -> list[Entry]:
    """Entries as the table of exports keeps them: a host by its canonical name, whatever a file calls it."""
    return [dataclasses.replace(entry, client=_canonical(entry.client)) for entry in entries]


def _canonical(client: str) -> str:
    if set(client) & set("/*?[@"):
        return client  # a network, a pattern, a netgroup
    try:
        return socket.getaddrinfo(client, None, flags=socket.AI_CANONNAME)[0][3] or client
    except OSError:
        return client


def groups_of(uid: int) -> list[int]:
    """The groups that a uid has on this host; none where it has no account."""
    try:
        account = pwd.getpwuid(uid)
    except KeyError:
        return []
    return os.getgrouplist(account.pw_name, account.pw_gid)


def install_hint(packages: Mapping[str, str], os_release: str | None = None) -> str:
    """How this family of distributions installs something: one of `NFS_SERVER` and `ZFS`."""
    text = _read("/etc/os-release") if os_release is None else os_release
    release = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    families = f"{release.get('ID', '')} {release.get('ID_LIKE', '')}".replace('"', "").split()
    return next((packages[family] for family in families if family in packages), " or ".join(packages.values()))


def account(kind: str, value: int | str | None) -> int | None:
    """The number of a user or group. LinuxError where the name does not resolve."""
    if value is None or isinstance(value, int):
        return value
    try:
        return pwd.getpwnam(value).pw_uid if kind == "user" else grp.getgrnam(value).gr_gid
    except KeyError:
        raise LinuxError(f"there is no {kind} {value} on this host. Create it, or give its number") from None


def folder(path: str) -> dict[str, Any] | None:
    """Owner and mode of a folder, what it really is, and whether it is empty. None where there is nothing."""
    try:
        there = os.stat(path)
    except FileNotFoundError:
        return None
    is_folder = os.path.isdir(path)
    return {
        "uid": there.st_uid,
        "gid": there.st_gid,
        "mode": there.st_mode & 0o7777,
        "real": os.path.realpath(path),
        "folder": is_folder,
        "empty": is_folder and not os.listdir(path),
    }


def _read(file: str) -> str:
    try:
        with open(file, encoding="utf-8", errors="surrogateescape") as stream:
            return stream.read()
    except OSError:
        return ""
