# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The vocabulary of ``nas_exports``: what one export means, whatever NAS it is on. Pure functions, standard library only.

Every function takes an export as the inventory has it, or as `normalise` returns it.
"""

from __future__ import annotations

import ipaddress
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

PROTOCOLS = ("nfs", "smb")
ACCESS = ("rw", "ro")
SQUASH = ("none", "root", "all")
NOBODY = 65534  # anonuid and anongid of exports(5) when none is given
SENTINELS = ".immich-guard"
EVERYBODY = "*"  # the only client that is everybody: an empty list is more often an oversight
MANAGED = ("truenas", "nixos", "linux")  # where this collection makes the export; on any other NAS a person does

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")  # it becomes a folder name
_DATASET = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.: -]*(/[A-Za-z0-9_.: -]+)*")
_MODE = re.compile(r"[0-7]{3,4}")
_KEEP = re.compile(r"[1-9][0-9]*[hdwmy]")
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)([KMGTP]?)(?:i?B?)", re.IGNORECASE)
_COMPRESSION = re.compile(r"on|off|lz4|lzjb|zle|gzip(-[1-9])?|zstd(-(1?[1-9]|10))?|zstd-fast(-[1-9]0{0,2}|-1000)?")
_SAME_COMPRESSION = {"gzip-6": "gzip", "zstd-fast-1": "zstd-fast"}  # what ZFS reads back as another word
_RECORD_SIZES = [2**power for power in range(9, 25)]  # 512 bytes to 16 MiB
_PROPERTIES = ("quota", "recordsize", "compression")
# What else exports(5) knows, with or without a value; an unknown word would cost the whole line.
_OPTIONS = (
    *("secure", "insecure", "async", "sync", "wdelay", "no_wdelay", "hide", "nohide", "crossmnt", "subtree_check", "no_subtree_check"),
    *("auth_nlm", "no_auth_nlm", "secure_locks", "insecure_locks", "mountpoint", "mp", "fsid", "refer", "replicas", "pnfs", "no_pnfs"),
    *("security_label", "xprtsec", "reexport", "sec", "fsuid", "no_acl"),
)
_OPTION = re.compile(r"[a-z_]+(=[^\s(),\"\\]+)?")
_SAID_ELSEWHERE = {
    **dict.fromkeys(("ro", "rw"), "access"),
    **dict.fromkeys(("root_squash", "no_root_squash", "all_squash", "no_all_squash"), "squash"),
    **{"anonuid": "map_user", "anongid": "map_group"},
}


def normalise(export: Mapping[str, Any]) -> dict[str, Any]:
    """The export with every key of the vocabulary present. What cannot have a default is None."""
    owner = export.get("owner") or {}
    return {
        "name": export["name"],
        "protocol": export.get("protocol") or "nfs",
        "dataset": export.get("dataset") or None,
        "path": export.get("path") or None,
        "subpaths": [str(subpath) for subpath in export.get("subpaths") or []],
        "share": export.get("share") or None,
        "access": export.get("access") or "rw",
        "squash": export.get("squash") or "root",
        "map_user": _identity(export.get("map_user")),
        "map_group": _identity(export.get("map_group")),
        "clients": [client_network(client) for client in export.get("clients") or []],
        "options": list(export.get("options") or []),
        "owner": {
            "user": _identity(owner.get("user")),
            "group": _identity(owner.get("group")),
            "mode": _text(owner.get("mode")),
            "enforce": bool(owner.get("enforce")),
        },
        "address": export.get("address") or None,
        "quota": _text(export.get("quota")),
        "recordsize": _text(export.get("recordsize")),
        "compression": _text(export.get("compression")),
        "snapshots": dict(export.get("snapshots") or {}) or None,
    }


def problems(export: Mapping[str, Any], provider: str = "none") -> list[str]:
    """What is wrong with an export by itself, one sentence each; the caller says which variable and index."""
    found = []
    if not isinstance(export.get("name"), str) or not _NAME.fullmatch(export["name"]):
        return [f"name is {export.get('name')!r}. Give each export a name of letters, digits, dots, dashes and underscores."]
    for key, choices in (("protocol", PROTOCOLS), ("access", ACCESS), ("squash", SQUASH)):
        if export.get(key) and export[key] not in choices:
            found.append(f"{key} is {export[key]}. Use {_either(choices)}.")
    if found:
        return found
    wanted = normalise(export)
    checks = (_place_problems, _smb_problems if wanted["protocol"] == "smb" else _nfs_problems, _dataset_problems)
    return [problem for check in checks for problem in check(export, wanted, provider)]


def _place_problems(export: Mapping[str, Any], wanted: Mapping[str, Any], provider: str) -> Iterator[str]:
    """Dataset, path, the folders in it, and who owns them."""
    dataset, path = wanted["dataset"], wanted["path"]
    if dataset and not _DATASET.fullmatch(dataset):
        yield f"dataset {dataset} is no ZFS name. Write pool/dataset, without a slash at either end."
    if path and (not path.startswith("/") or path != "/" and path.endswith("/") or {"..", "."} & set(path.split("/"))):
        yield f"path {path} is not absolute, has dots in it, or ends in a slash. Write it as the NAS exports it, for example /volume1/photos."
    elif path and dataset and provider == "truenas" and not f"{path}/".startswith(f"/mnt/{dataset}/"):
        yield f"path {path} is not in the dataset {dataset}, which is at /mnt/{dataset}. Correct path or dataset, or remove path."
    if provider == "truenas" and not dataset and (path or wanted["share"]):
        yield "dataset is not set. On TrueNAS every export has one: pool/dataset."
    for subpath in wanted["subpaths"]:
        if not is_subpath(subpath):
            yield f"subpaths has {subpath}, which is not a folder below the root of the export. Write it without a slash at either end and without dots."
    mode = (export.get("owner") or {}).get("mode")
    if mode is not None and (isinstance(mode, int) or not _MODE.fullmatch(str(mode))):  # an unquoted 0750 reaches us as 488
        yield f'owner.mode is {mode}. Write the mode as a quoted octal number, for example "0750".'


def _smb_problems(export: Mapping[str, Any], wanted: Mapping[str, Any], provider: str) -> Iterator[str]:
    if not wanted["share"]:
        yield "protocol is smb and no share is named. Set share to the name of the SMB share."
    if provider in ("nixos", "linux"):
        yield "protocol is smb, and this collection makes SMB shares on TrueNAS only. Export it over NFS, or make the share by hand and set nas_provider: none."
    yield from (f"{key} has no meaning for SMB. Remove it." for key in ("squash", "map_user", "map_group", "clients", "options") if export.get(key))


def _nfs_problems(export: Mapping[str, Any], wanted: Mapping[str, Any], provider: str) -> Iterator[str]:
    """Who may mount, as whom, and the other options of exports(5)."""
    clients, user, group = wanted["clients"], wanted["map_user"], wanted["map_group"]
    if wanted["share"]:
        yield "share is set and protocol is nfs. Set protocol: smb, or use dataset or path."
    elif not wanted["dataset"] and not wanted["path"]:
        yield f"neither dataset nor path is set. Set {'dataset' if provider == 'truenas' else 'dataset, or path,'} to what is exported."
    if not clients and provider in MANAGED:
        yield 'clients is empty, and that would be everybody. Name the networks of the cluster, such as clients: [192.0.2.0/24], or write clients: ["*"].'
    if EVERYBODY in clients and len(clients) > 1:
        yield 'clients has "*", which is everybody, and others. Keep "*" alone, or remove it.'
    mapped = [key for key in ("map_user", "map_group") if wanted[key] is not None]
    if mapped and wanted["squash"] == "none":
        yield f"{' and '.join(mapped)} set, and squash is none, which maps nobody. Use squash: root or squash: all."
    elif len(mapped) == 1:
        yield f"{mapped[0]} is set alone. Set map_user and map_group together."
    elif mapped and wanted["squash"] == "root" and user in (0, "root") and group in (0, "root"):
        yield "squash is root, and map_user and map_group make root of root again. Use squash: none."
    elif provider == "nixos" and (names := [key for key in mapped if isinstance(wanted[key], str)]):
        yield f"{names[0]} is {wanted[names[0]]}, and exports(5) takes numbers. Write the number that NixOS gives it."
    if provider == "truenas" and wanted["options"]:
        yield "options are exports(5) options, which TrueNAS does not take. Remove them."
        return
    for option in wanted["options"]:
        word = option.partition("=")[0]
        if word in _SAID_ELSEWHERE:
            yield f"options has {option}, which {_SAID_ELSEWHERE[word]} says. Set {_SAID_ELSEWHERE[word]} instead."
        elif word not in _OPTIONS or not _OPTION.fullmatch(option):
            yield f"options has {option}, which exports(5) does not know. Correct it, one option an entry, or remove it."


def _dataset_problems(export: Mapping[str, Any], wanted: Mapping[str, Any], provider: str) -> Iterator[str]:
    """Properties and snapshots, which are the dataset's."""
    for key in _PROPERTIES:
        if wanted[key] is not None and provider not in MANAGED:
            yield f"{key} is set, and nothing is changed on a NAS of nas_provider: none. Remove it."
        elif wanted[key] is not None and not wanted["dataset"]:
            yield f"{key} is a property of a ZFS dataset, and dataset is not set. Set dataset, or remove {key}."
    if wanted["quota"] is not None and wanted["quota"] != "none" and not _bytes(wanted["quota"]):
        yield f"quota is {wanted['quota']}. Write a size such as 2T or 500Gi, or none."
    if wanted["recordsize"] is not None and _bytes(wanted["recordsize"]) not in _RECORD_SIZES:
        yield f"recordsize is {wanted['recordsize']}. Write a power of two from 512 to 16M, such as 128K or 1M."
    if wanted["compression"] is not None and not _COMPRESSION.fullmatch(wanted["compression"].lower()):
        yield f"compression is {wanted['compression']}. Write what ZFS has, such as lz4, zstd, zstd-3 or off."
    if provider == "truenas":
        yield from _truenas_properties(wanted)
    if wanted["snapshots"] and provider in ("nixos", "linux"):
        yield f"snapshots are taken on TrueNAS only. On {provider} set up sanoid, or services.zfs.autoSnapshot of NixOS, and remove snapshots here."
    keep = (export.get("snapshots") or {}).get("keep")
    if keep is not None and not _KEEP.fullmatch(str(keep)):
        yield f"snapshots.keep is {keep}. Write a number and h, d, w, m or y, for example 30d."


def _truenas_properties(wanted: Mapping[str, Any]) -> Iterator[str]:
    """What ZFS has and the API of TrueNAS does not take."""
    quota, compression = wanted["quota"], (wanted["compression"] or "").lower()
    if quota is not None and 0 < (_bytes(quota) or 0) < 1 << 30:
        yield f"quota is {quota}, and TrueNAS takes no less than 1G. Write 1G or more, or none."
    if compression in [f"gzip-{level}" for level in range(2, 9)]:
        yield f"compression is {wanted['compression']}, and TrueNAS has gzip-1, gzip and gzip-9. Use one of them, or zstd."
    if wanted["dataset"] and "/" not in wanted["dataset"] and wanted["owner"]["user"] is not None:
        yield f"owner is set, and dataset is the pool {wanted['dataset']}, whose owner TrueNAS does not change. Export a dataset in it, or remove owner."


def parse_size(text: Any) -> int:
    """A size in bytes: a number and K, M, G, T or P by 1024, as ZFS has them (1M, 1Mi and 1MiB are the same). ValueError for anything else."""
    size = _bytes(text)
    if size is None:
        raise ValueError(f"{text} is no size. Write a number and K, M, G, T or P, such as 500G.")
    return size


def dataset_properties(export: Mapping[str, Any]) -> dict[str, str]:
    """What an export says of its dataset, as `zfs get -p` reads it back: exact numbers, and one word of those that mean the same."""
    wanted = normalise(export)
    found = {}
    if wanted["quota"]:
        found["quota"] = "0" if wanted["quota"] == "none" else str(parse_size(wanted["quota"]))
    if wanted["recordsize"]:
        found["recordsize"] = str(parse_size(wanted["recordsize"]))
    if wanted["compression"]:
        found["compression"] = _SAME_COMPRESSION.get(word := wanted["compression"].lower(), word)
    return found


def _bytes(text: Any) -> int | None:
    match = _SIZE.fullmatch(str(text).strip())
    return int(float(match[1]) * 1024 ** ("KMGTP".index(match[2].upper()) + 1 if match[2] else 0)) if match else None


def is_subpath(text: str) -> bool:
    """Whether this is a folder below another: relative, without dots, and none of the sentinels."""
    parts = text.split("/")
    return all(part and part not in (".", "..") for part in parts) and parts[0] != SENTINELS


def within(path: str, place: str) -> bool:
    """Whether a path is a folder, or below it. Both absolute, without a slash at the end."""
    return path == place or path.startswith(f"{place.rstrip('/')}/")


def provider_of(hostvars: Mapping[str, Any]) -> str:
    """What kind of NAS a host is."""
    return hostvars.get("nas_provider") or "none"


def export_address(hostvars: Mapping[str, Any], export: Mapping[str, Any]) -> str:
    """The server that clients mount from: the export's own address, or the address of the NAS."""
    return str(export.get("address") or hostvars.get("ansible_host") or hostvars["inventory_hostname"])


def nfs_path(export: Mapping[str, Any], provider: str = "none") -> str:
    """The path that clients mount, which is also where the folder is on the NAS."""
    if export.get("path"):
        return str(export["path"])
    if not export.get("dataset"):
        raise ValueError(f"Export {export['name']} has neither dataset nor path.")
    return ("/mnt/" if provider == "truenas" else "/") + str(export["dataset"])


def sentinel_path(export: Mapping[str, Any]) -> str:
    """The folder, relative to the root of the export, that says: this is that export, and it is mounted."""
    return f"{SENTINELS}/{export['name']}"


def sentinel_places(export: Mapping[str, Any], provider: str = "none", children: Iterable[str] = ()) -> list[str]:
    """Every folder that has a sentinel: the root of the export, its subpaths, and the mount points of the datasets below it that are given."""
    root = f"/mnt/{export['dataset']}" if export.get("protocol") == "smb" else nfs_path(export, provider)
    return [f"{root}/{sentinel_path(export)}", *(f"{place}/{sentinel_path(export)}" for place in [*_below(root, export), *children])]


def _below(root: str, export: Mapping[str, Any]) -> list[str]:
    return [f"{root}/{subpath}" for subpath in normalise(export)["subpaths"]]


def sentinel_commands(export: Mapping[str, Any], provider: str = "none") -> list[str]:
    """What a person runs on the NAS to make the sentinels, where nobody else can. With ZFS, only where the dataset is mounted."""
    if export.get("protocol") == "smb":  # which folder that is, the NAS alone knows
        return [f"mkdir -p {shlex.quote(place)}  # in the folder of the share {export['share']}" for place in _guards(export)]
    root, name, dataset = nfs_path(export, provider), sentinel_path(export), export.get("dataset")
    if not dataset:
        return [f"sudo mkdir -p {shlex.quote(f'{place}/{name}')}" for place in (root, *_below(root, export))]
    whole = root == nfs_path({**export, "path": None}, provider)
    everywhere = (
        f"zfs list -Hr -t filesystem -o mounted,mountpoint {shlex.quote(dataset)} | "
        f'while read -r mounted at; do if [ "$mounted" = yes ]; then sudo mkdir -p "$at"/{shlex.quote(name)}; fi; done'
    )
    folders = _below(root, export) if whole else [root, *_below(root, export)]
    return [everywhere] * whole + [
        f"if findmnt -no SOURCE -T {shlex.quote(folder)} | grep -qFx {shlex.quote(dataset)}; then sudo mkdir -p {shlex.quote(f'{folder}/{name}')}; fi"
        for folder in folders
    ]


def _guards(export: Mapping[str, Any]) -> list[str]:
    """The sentinels relative to the root of an export."""
    return [f"{folder}{sentinel_path(export)}" for folder in ("", *(f"{subpath}/" for subpath in normalise(export)["subpaths"]))]


def client_network(client: Any) -> str:
    """A client in its normal form: networks and addresses as CIDR (192.0.2.7 is 192.0.2.7/32), host names as they are."""
    try:
        return str(ipaddress.ip_network(str(client), strict=False))
    except ValueError:
        return str(client)


def truenas_share(export: Mapping[str, Any]) -> dict[str, Any]:
    """Access and squash as the fields of a TrueNAS NFS share. TrueNAS wants names: whoever sends this resolves numbers first."""
    wanted = normalise(export)
    user, group = wanted["map_user"], wanted["map_group"]
    fields: dict[str, Any] = {"ro": wanted["access"] == "ro", "maproot_user": None, "maproot_group": None, "mapall_user": None, "mapall_group": None}
    if wanted["squash"] == "none":  # root alone as maproot_user still squashes: the group has to be root too
        fields |= {"maproot_user": "root", "maproot_group": "root"}
    elif wanted["squash"] == "all":
        fields |= {"mapall_user": NOBODY if user is None else user, "mapall_group": NOBODY if group is None else group}
    else:
        fields |= {"maproot_user": user, "maproot_group": group}
    return fields


def exports_options(export: Mapping[str, Any], mountpoint: str | None = None) -> list[str]:
    """Access, squash and the rest as exports(5) says it. `mountpoint` is where the dataset is mounted, if that is not /<dataset>.

    With it the server exports the folder only while the dataset is mounted, and never the empty folder below. ValueError for a name in map_user or
    map_group: whoever writes the line resolves names first.
    """
    wanted = normalise(export)
    said = {option.partition("=")[0] for option in wanted["options"]}
    options = [wanted["access"]]
    options += ["sync"] if not said & {"async", "sync"} else []
    options += ["no_subtree_check"] if not said & {"subtree_check", "no_subtree_check"} else []
    options.append({"none": "no_root_squash", "root": "root_squash", "all": "all_squash"}[wanted["squash"]])
    for key, option in (("map_user", "anonuid"), ("map_group", "anongid")):
        if isinstance(wanted[key], str):
            raise ValueError(f"{key} is {wanted[key]}, and exports(5) takes numbers.")
        options += [f"{option}={wanted[key]}"] if wanted[key] is not None else []
    if wanted["dataset"] and not said & {"mountpoint", "mp"}:
        place, path = mountpoint or f"/{wanted['dataset']}", nfs_path(export)
        options += ["mountpoint"] if path == place else [f"mountpoint={_escaped(place)}"] if within(path, place) else []
    return options + wanted["options"]


def exports_line(export: Mapping[str, Any], mountpoint: str | None = None) -> str:
    """The line of /etc/exports for an export, as Linux and NixOS have it."""
    options = ",".join(exports_options(export, mountpoint))
    return " ".join([_escaped(nfs_path(export)), *(f"{client}({options})" for client in normalise(export)["clients"])])


def _escaped(path: str) -> str:
    """A path as exports(5) reads it: what could end it, in octal."""
    return re.sub(r"[^A-Za-z0-9/._:@%+=~\u0080-\U0010ffff-]", lambda found: f"\\{ord(found[0]):03o}", path)


def _identity(value: Any) -> int | str | None:
    """A uid or gid as a number where it is one, else a name."""
    if value is None or value == "":
        return None
    return int(value) if str(value).isdecimal() else str(value)


def _text(value: Any) -> str | None:
    return None if value is None or value == "" else str(value)


def _either(choices: Iterable[str]) -> str:
    *first, last = choices
    return f"{', '.join(first)} or {last}"
