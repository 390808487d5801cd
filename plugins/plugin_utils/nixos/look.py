# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A look at a NixOS host through its shell, without Python there: two scripts that only read, and what they print."""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.homelab.immich.plugins.module_utils import nas
from ansible_collections.homelab.immich.plugins.module_utils.linux.exports import Entry, parse
from ansible_collections.homelab.immich.plugins.module_utils.linux.look import DISKS, PROPERTIES, clients, datasets, mounts

PATTERN = re.compile(r"[/*?@]")  # a client that is no host name: a network, everybody, a pattern, a netgroup
MEDIA_FOLDERS = ("backups", "encoded-video", "library", "profile", "thumbs", "upload")
# A fact is a line: @, what it is, its value. Whatever else a login prints is passed over. root is empty; tests have a tree of their own there.
HEAD = r"""
export LC_ALL=C
root=${HOMELAB_IMMICH_ROOT:-}
tell() { printf '@\t%s\t%s\n' "$1" "$2"; }
say() { while IFS= read -r line || [ -n "$line" ]; do tell "$1" "$line"; done; }
show() { if [ -f "$2" ] && [ -r "$2" ]; then say "$1" <"$2"; fi; }
"""
_HOST = r"""
tell user "$(id -un)"
if [ -r "$root/var/lib/nfs/etab" ]; then tell etab "#"; fi # it may be empty
show etab "$root/var/lib/nfs/etab"
show kernel "$root/proc/fs/nfsd/exports"
show mount "$root/proc/self/mountinfo"
show module "$module"
for file in "$root"/etc/exports "$root"/etc/exports.d/*.exports; do
    show "file ${file#"$root"}" "$file"
done
for host in $hosts; do # mountd keeps a host by its canonical name
    getent ahosts "$host" | while read -r address kind kept; do
        if [ -n "$kept" ]; then tell "host $host" "$kept"; fi
    done
done
for file in "$root"/proc/fs/nfsd/clients/*/info; do
    show "client $file" "$file"
done
cat "$root/proc/net/tcp" "$root/proc/net/tcp6" 2>/dev/null | grep -E '^ *[0-9]+: [0-9A-F]+:0801 [0-9A-F]+:0000 0A' | say listens
if [ -e "$root/etc/systemd/system/nixos-upgrade.timer" ]; then
    start=$(sed -n 's/^ExecStart=\([^ ]*\).*/\1/p' "$root/etc/systemd/system/nixos-upgrade.service")
    { sed -n "s/.*--flake '\{0,1\}\([^ ']*\).*/\1/p" "$start" 2>/dev/null; echo "its channel"; } | head -n 1 | say upgrade
fi
if command -v zfs >/dev/null; then
    zpool list -H -o name | say pool
    if [ "$#" -gt 0 ]; then zfs get -Hp -t filesystem -r -o name,property,value,source "$properties" "$@" 2>/dev/null | say zfs; fi
else
    tell no-zfs missing
fi
"""
_PLACES = r"""
look() { # export and folder as one word, folder, the sentinel in it
    if there=$(stat -L -c '%u %g %a' "$2" 2>/dev/null); then
        kind=other
        if [ -d "$2" ]; then [ -n "$(ls -A "$2")" ] && kind=folder || kind=empty; fi
        [ -d "$2/$3" ] && sentinel=yes || sentinel=no
        tell "place $1" "$there $kind $sentinel $(readlink -f "$2")"
    fi
}
marks() { # export, folder
    for media in FOLDERS; do
        for place in "$2/$media/.immich" "$2"/*/"$media/.immich"; do
            if [ -e "$place" ]; then tell "mark $1" "${place#"$2"/}"; fi
        done
    done
}
""".replace("FOLDERS", " ".join(MEDIA_FOLDERS))


@dataclasses.dataclass(frozen=True)
class Folder:
    """One folder as stat has it."""

    owner: int
    group: int
    mode: int
    is_folder: bool
    is_empty: bool
    sentinel: bool
    real: str


NOTHING = Folder(0, 0, 0, False, False, False, "")


@dataclasses.dataclass
class Seen:
    """What a NixOS host has."""

    user: str = ""
    etab: list[Entry] | None = None  # None: cannot be read, or there is no NFS server
    hosts: dict[str, str] = dataclasses.field(default_factory=dict)  # the canonical name of a client
    kernel: list[Entry] = dataclasses.field(default_factory=list)
    files: list[Entry] = dataclasses.field(default_factory=list)
    clients: list[tuple[str, str]] = dataclasses.field(default_factory=list)  # connected now: address, name
    mounts: list[tuple[str, str, str]] = dataclasses.field(default_factory=list)  # place, file system, source
    mount_lines: list[str] = dataclasses.field(default_factory=list)  # the same, as the kernel prints them
    module: str | None = None  # the text of our file there
    listens: bool = False
    upgrade: str | None = None  # what the nightly upgrade builds
    zfs: bool = True
    pools: list[str] = dataclasses.field(default_factory=list)
    datasets: dict[str, dict[str, tuple[str, str]]] = dataclasses.field(default_factory=dict)
    folders: dict[str, Folder] = dataclasses.field(default_factory=dict)  # by "<export> <folder>"; absent where there is none
    marks: dict[str, list[str]] = dataclasses.field(default_factory=dict)  # by export

    def mount_of(self, path: str) -> int | None:
        """The number of the mount that a path is on: the deepest place, and there the last that was mounted."""
        found = None
        for number, (place, _kind, _source) in enumerate(self.mounts):
            if nas.within(path, place) and (found is None or len(place) >= len(self.mounts[found][0])):
                found = number
        return found

    def below(self, path: str) -> list[tuple[str, str]]:
        """The file systems that are mounted below a folder, as (place, source), without snapshots that somebody looks at."""
        below = [(mounted, source) for mounted, kind, source in self.mounts if mounted != path and kind in DISKS and nas.within(mounted, path)]
        return [(mounted, source) for mounted, source in below if "@" not in source]


def host_script(exports: Sequence[Mapping[str, Any]], module: str = "") -> str:
    """The first script: tables of exports, mounts, datasets, and our module file if it is there."""
    pools = sorted({export["dataset"].split("/")[0] for export in exports if export.get("dataset")})
    hosts = sorted({client for export in exports for client in nas.normalise(export)["clients"] if not PATTERN.search(client)})
    given = f"module={shlex.quote(module)}\nhosts={shlex.quote(' '.join(hosts))}\nproperties={','.join(PROPERTIES)}\nset -- {shlex.join(pools)}"
    return f"{HEAD}{given}{_HOST}"


def read_host(printed: str) -> Seen:
    """What the first script printed."""
    found: dict[str, list[str]] = {}
    for key, value in facts(printed):
        found.setdefault(key, []).append(value)
    files = [entry for key, lines in found.items() if key.startswith("file ") for entry in parse("\n".join(lines), key.removeprefix("file "))]
    return Seen(
        user="".join(found.get("user", [])),
        etab=parse("\n".join(found["etab"])) if "etab" in found else None,
        hosts={key.removeprefix("host "): names[0] for key, names in found.items() if key.startswith("host ")},
        kernel=parse("\n".join(found.get("kernel", []))),
        files=files,
        clients=clients("\n".join(lines) for key, lines in found.items() if key.startswith("client ")),
        mounts=mounts("\n".join(found.get("mount", []))),
        mount_lines=found.get("mount", []),
        module="".join(f"{line}\n" for line in found["module"]) if "module" in found else None,
        listens="listens" in found,
        upgrade=found.get("upgrade", [None])[0],
        zfs="no-zfs" not in found,
        pools=found.get("pool", []),
        datasets=datasets("\n".join(found.get("zfs", []))),
    )


def facts(printed: str) -> Iterable[tuple[str, str]]:
    """The lines that a script says as facts; a terminal in between may have added carriage returns."""
    for line in printed.splitlines():
        mark, _tab, rest = line.partition("\t")
        if mark == "@":
            key, _tab, value = rest.partition("\t")
            yield key, value


def places(export: Mapping[str, Any], seen: Seen) -> list[str]:
    """The folders of an export that have a sentinel: its root, its subpaths, and what is mounted below."""
    root = nas.nfs_path(export, "nixos")
    return list(dict.fromkeys([root, *(f"{root}/{subpath}" for subpath in export.get("subpaths") or []), *(place for place, _source in seen.below(root))]))


def places_script(exports: Iterable[Mapping[str, Any]], seen: Seen) -> str:
    """The second script: owner, mode and sentinel of each of these folders, and where Immich has been."""
    lines = []
    for export in exports:
        name = export["name"]
        lines += [f"look {shlex.join([f'{name} {place}', place, nas.sentinel_path(export)])}" for place in places(export, seen)]
        if nas.normalise(export)["access"] == "rw":
            lines.append(f"marks {shlex.join([name, nas.nfs_path(export, 'nixos')])}")
    return HEAD + _PLACES + "\n".join(lines)


def read_places(printed: str, seen: Seen) -> None:
    """Add what the second script printed."""
    seen.folders, seen.marks = {}, {}
    for key, value in facts(printed):
        what, _space, name = key.partition(" ")
        if what == "mark":
            seen.marks.setdefault(name, []).append(value)
        elif what == "place":
            owner, group, mode, kind, sentinel, real = value.split(" ", 5)
            seen.folders[name] = Folder(int(owner), int(group), int(mode, 8), kind != "other", kind == "empty", sentinel == "yes", real)
