# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Linux host has: datasets, mounts, folders, exports, the NFS server. Reads only; standard library only."""

from __future__ import annotations

import glob
import grp
import os
import pwd
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from typing import Any

from .exports import unescape

PROPERTIES = ["mountpoint", "canmount", "mounted", "keystatus", "readonly", "sharenfs", "available", "used", "quota", "recordsize", "compression"]
ETAB = "/var/lib/nfs/etab"
PACKAGES = {"debian": "apt install {deb}", "fedora": "dnf install {rpm}", "rhel": "dnf install {rpm}", "arch": "pacman -S {rpm}"}
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
    pools = run("zpool", "list", "-H", "-o", "name").split() if zfs else []
    named = sorted({export["dataset"].split("/")[0] for export in wanted if export["dataset"]} & set(pools))
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


def install_hint(deb: str, rpm: str) -> str:
    """How this family of distributions installs a package."""
    release = dict(line.split("=", 1) for line in _read("/etc/os-release").splitlines() if "=" in line)
    for family in (release.get("ID", "") + " " + release.get("ID_LIKE", "")).replace('"', "").split():
        if family in PACKAGES:
            return PACKAGES[family].format(deb=deb, rpm=rpm)
    return f"the package {deb} or {rpm}"


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
