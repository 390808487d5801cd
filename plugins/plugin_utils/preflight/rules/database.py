# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the database lives, what it runs, and where it is backed up to."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Any
from urllib.parse import urlsplit

from ..model import Host, Inventory, Problem
from .providers import of_another_provider
from .schedules import KUBERNETES_NAMES, cron_problem

_NETWORK_SHARE = re.compile(r"(^|[^a-z])(nfs|smb|cifs|samba)([^a-z]|$)", re.IGNORECASE)


def not_on_a_share(inventory: Inventory) -> Iterator[Problem]:
    """PostgreSQL on a network share loses data: it needs a local or block device."""
    for host in inventory.instances:
        storage_class = host.get("immich_database_storage_class")
        if storage_class is not None and _NETWORK_SHARE.search(str(storage_class)):
            yield Problem(
                host.name,
                f"immich_database_storage_class is {storage_class}, by its name a network share, and PostgreSQL loses data on NFS and SMB. "
                "Use a class of local or block storage, such as longhorn or local-path.",
                ("immich_database_storage_class",),
            )


def image(inventory: Inventory) -> Iterator[Problem]:
    """An image that the operator can run, and whose version it can tell."""
    for host in inventory.instances:
        wanted, postgres = str(host.get("immich_database_image", "")), str(host.get("immich_database_postgres", ""))
        if not wanted:
            continue
        tag = wanted.partition("@")[0].rpartition("/")[2].partition(":")[2]
        major = postgres.partition(".")[0]
        if "immich-app/postgres" in wanted:
            text = "which is for Docker Compose and does not run under CloudNativePG. Use ghcr.io/tensorchord/cloudnative-vectorchord, or leave it empty."
        elif major and not re.match(rf"{re.escape(major)}(\D|$)", tag):
            text = (
                f"whose tag does not begin with {major}, the major version of immich_database_postgres ({postgres}); the operator reads the version from there."
            )
        elif (says := re.match(r"\d+(?:\.\d+)*-v?(\d+\.\d+\.\d+)", tag)) and host.get("immich_database_vectorchord", says[1]) != says[1]:
            text = f"by its tag with VectorChord {says[1]}, and immich_database_vectorchord is {host.get('immich_database_vectorchord')}. Make them the same."
        else:
            continue
        yield Problem(host.name, f"immich_database_image is {wanted}, {text}", ("immich_database_image",))


def names(inventory: Inventory) -> Iterator[Problem]:
    """A database of Immich's own, and a version that somebody can be told to update to."""
    for host in inventory.instances:
        if (name := str(host.get("immich_database_name", ""))) in ("postgres", "template0", "template1"):
            text = f"immich_database_name is {name}, a database of PostgreSQL's own, which the operator does not manage. Use another, such as immich."
            yield Problem(host.name, text, ("immich_database_name",))
        wanted = str(host.get("immich_database_vectorchord", ""))
        if host.get("immich_database_privileges") == "least" and re.fullmatch(r"\d+(\.\d+)?", wanted):
            yield Problem(
                host.name,
                f"immich_database_vectorchord is {wanted}, and with immich_database_privileges: least the extension is updated to exactly that. "
                "Write all three numbers, such as 1.1.1.",
                ("immich_database_vectorchord",),
            )


_OF = {  # which provider a variable is for
    **dict.fromkeys(("host", "port", "ssl_mode", "admin_user", "admin_password"), "external"),
    **dict.fromkeys(("cluster", "namespace", "image", "image_catalog", "vectorchord_image", "instances", "size", "wal_size", "storage_class"), "cnpg"),
    **dict.fromkeys(("parameters", "resources", "node_selector", "backup", "recovery", "mirror_image", "mirror_resources"), "cnpg"),
}


def provider(inventory: Inventory) -> Iterator[Problem]:
    """What is set is of the provider that is chosen."""
    yield from of_another_provider(inventory, "immich_database", _OF)


def external(inventory: Inventory) -> Iterator[Problem]:
    """A server that can be found, and prepared."""
    for host in inventory.instances:
        if host.get("immich_database_provider") != "external":
            continue
        if not host.get("immich_database_host") and host.sound("immich_database_host"):
            text = "immich_database_host is not set, and immich_database_provider is external. Name the server, such as postgres.home.net."
            yield Problem(host.name, text, ("immich_database_provider",))
        user, password = (bool(host.get(f"immich_database_admin_{name}")) for name in ("user", "password"))
        if user != password and host.sound("immich_database_admin_user") and host.sound("immich_database_admin_password"):
            there, missing = ("user", "password") if user else ("password", "user")
            yield Problem(
                host.name,
                f"immich_database_admin_{there} is set and immich_database_admin_{missing} is not. "
                "Set both, or neither where role, database and extensions are there already.",
                (f"immich_database_admin_{there}",),
            )
        source = [*(host.get("immich_secrets", {}).get("database") or ("generated",))][0]
        if user and source not in ("values", "sops") and not host.rehearses:
            yield Problem(
                host.name,
                f"immich_database_admin_user is set, so the role gets its password from here, and that of immich_secrets.database is {_NOT_HERE[source]}. "
                "Give it as values or sops.",
                ("immich_secrets", "database"),
            )


_NOT_HERE = {
    "generated": "generated in the cluster",
    "existing": "in the cluster",
    "external": "in a store of the cluster",
    "onepassword": "in an item that the cluster reads",
    "sealed": "sealed for the cluster",
}


def image_choice(inventory: Inventory) -> Iterator[Problem]:
    """One place where the image comes from; and VectorChord beside it only where PostgreSQL can take it."""
    for host in inventory.instances:
        if host.get("immich_database_image") and host.get("immich_database_image_catalog"):
            text = "immich_database_image and immich_database_image_catalog are both set, and only one can name the image. Remove one of them."
            yield Problem(host.name, text, ("immich_database_image_catalog",))
        beside = str(host.get("immich_database_vectorchord_image", ""))
        major = str(host.get("immich_database_postgres", "")).partition(".")[0]
        if not beside or not major.isdecimal():
            continue
        tag = beside.partition("@")[0].rpartition("/")[2].partition(":")[2]
        says = re.match(r"pg(\d+)-v?(\d+(?:\.\d+)*)", tag)
        postgres, vectorchord = host.get("immich_database_postgres"), str(host.get("immich_database_vectorchord", ""))
        if int(major) < 18:
            text = f"and only PostgreSQL 18 and later take extensions from an image of their own; immich_database_postgres is {postgres}. Leave it empty."
        elif says and says[1] != major:
            text = f"for PostgreSQL {says[1]}, and immich_database_postgres is {postgres}. Use the image whose tag begins with pg{major}."
        elif says and vectorchord and says[2] != vectorchord:
            text = f"with VectorChord {says[2]}, and immich_database_vectorchord is {vectorchord}. Make them the same."
        else:
            continue
        yield Problem(host.name, f"immich_database_vectorchord_image is {beside}, {text}", ("immich_database_vectorchord_image",))


_RETENTION = re.compile(r"[1-9][0-9]*[dwm]")
_SERVER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_MIRROR_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_LONGEST_CRONJOB = 52


def backup(inventory: Inventory) -> Iterator[Problem]:
    """A bucket that can be written to, and copies of it that are somewhere else."""
    for host in inventory.instances:
        given = host.get("immich_database_backup", {})
        yield from _place_problems(host, given, ("immich_database_backup",))
        if (kept := given.get("retention")) is not None and not _RETENTION.fullmatch(str(kept)):
            text = f"immich_database_backup.retention is {kept}. Write a number with d, w or m (days, weeks, months), such as 30d."
            yield Problem(host.name, text, ("immich_database_backup", "retention"))
        if (name := given.get("server_name")) is not None and not _SERVER_NAME.fullmatch(str(name)):
            text = f"immich_database_backup.server_name is {name}. It becomes a folder of the bucket: use letters, digits, dots and dashes."
            yield Problem(host.name, text, ("immich_database_backup", "server_name"))
        yield from _mirrors(host, given)


def _mirrors(host: Host, given: Mapping[str, Any]) -> Iterator[Problem]:
    seen = {_place(given): "the backup itself"}
    names: set[str] = set()
    for index, mirror in enumerate(given.get("mirrors") or []):
        at = ("immich_database_backup", "mirrors", index)
        if not isinstance(mirror, Mapping):
            continue
        name = str(mirror.get("name", ""))
        where = f"immich_database_backup.mirrors[{index}]"
        yield from _place_problems(host, mirror, at)
        longest = _LONGEST_CRONJOB - 1 - len(str(host.get("immich_database_cluster", "")))
        if name and not _MIRROR_NAME.fullmatch(name):
            yield Problem(host.name, f"{where}.name is {name}. Use lower-case letters, digits and dashes.", (*at, "name"))
        elif len(name) > longest:
            text = f"{where}.name is {name}, with {len(name)} characters. Beside the name of the Cluster there are {longest} for it."
            yield Problem(host.name, text, (*at, "name"))
        elif name in names:
            yield Problem(host.name, f"{where}.name is {name}, and so is that of another mirror. Give each a name of its own.", (*at, "name"))
        names.add(name)
        if mirror.get("destination") and _place(mirror) in seen:
            text = f"{where} is the same place as {seen[_place(mirror)]}, {mirror['destination']}: no copy at all. Name another bucket, or another folder."
            yield Problem(host.name, text, (*at, "destination"))
        seen.setdefault(_place(mirror), where)
        if mirror.get("schedule") is not None and (wrong := cron_problem(str(mirror["schedule"]), 5, KUBERNETES_NAMES)):
            yield Problem(host.name, f'{where}.schedule is "{mirror["schedule"]}": {wrong}', (*at, "schedule"))


def _place_problems(host: Host, given: Mapping[str, Any], at: tuple[str | int, ...]) -> Iterator[Problem]:
    """What is wrong with a bucket and its address."""
    where = f"{at[0]}.{at[1]}[{at[2]}]" if len(at) > 2 else str(at[0])
    destination, endpoint = given.get("destination"), given.get("endpoint")
    if destination is not None and (not str(destination).startswith("s3://") or not urlsplit(str(destination)).netloc):
        text = f"{where}.destination is {destination}. Write s3:// with a bucket and a folder, such as s3://backups/immich; the plugin is set up for S3 only."
        yield Problem(host.name, text, (*at, "destination"))
    if endpoint and (urlsplit(str(endpoint)).scheme not in ("http", "https") or not urlsplit(str(endpoint)).hostname):
        yield Problem(host.name, f"{where}.endpoint is {endpoint}. Write it with https:// or http://, such as https://s3.home.net.", (*at, "endpoint"))
    if given.get("ca") and str(endpoint or "").startswith("http://"):
        yield Problem(host.name, f"{where}.ca is set, and {endpoint} has no TLS to check. Remove it, or write https://.", (*at, "ca"))


def _place(given: Mapping[str, Any]) -> tuple[str, str]:
    """Which bucket, and which folder of it."""
    return str(given.get("endpoint") or "").rstrip("/").lower(), str(given.get("destination", "")).rstrip("/")


def server_name(host: Host) -> str:
    """The name under which a Cluster writes to the bucket."""
    return str(host.get("immich_database_backup", {}).get("server_name") or host.get("immich_database_cluster", ""))


def archives_apart(inventory: Inventory) -> Iterator[Problem]:
    """Two Clusters never write into one archive: neither could be restored from it."""
    backed_up = [host for host in inventory.instances if host.get("immich_database_backup") and host.get("immich_database_provider") == "cnpg"]
    for one, other in combinations(backed_up, 2):
        places = [_place(host.get("immich_database_backup")) for host in (one, other)]
        if places[0] == places[1] and server_name(one) == server_name(other):
            yield Problem(
                one.name,
                f"The databases of {one.name} and {other.name} are both backed up to {places[0][1]} as {server_name(one)}, and neither could be restored "
                "from such a mixture. Give each an immich_database_backup.server_name of its own.",
                ("immich_database_backup", "server_name"),
                (other.name,),
            )


def recovery(inventory: Inventory) -> Iterator[Problem]:
    """From backups, and on under another name."""
    for host in inventory.instances:
        given = host.get("immich_database_recovery", {})
        if not given:
            continue
        if not host.get("immich_database_backup") and host.sound("immich_database_backup"):
            text = "immich_database_recovery is set, and immich_database_backup is not. It says where the backups are: set it, too."
            yield Problem(host.name, text, ("immich_database_recovery",))
        elif given.get("server_name") == server_name(host):
            yield Problem(
                host.name,
                f"immich_database_recovery.server_name is {server_name(host)}, under which the new Cluster would write, too; it does not start on top of an "
                f"old archive. Set immich_database_backup.server_name to a new name, such as {server_name(host)}-2.",
                ("immich_database_recovery", "server_name"),
            )
        when = given.get("time")
        if when is not None and not re.fullmatch(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:?\d\d)?", str(when)):
            text = f"immich_database_recovery.time is {when}. Write it like 2026-11-20T03:15:00Z, in quotes."
            yield Problem(host.name, text, ("immich_database_recovery", "time"))


_COPIERS = ("reflector", "replicator", "kubed", "replicate")  # controllers that copy a Secret to where its annotation says


def patches(inventory: Inventory) -> Iterator[Problem]:
    """What a patch of the Cluster must not do, because nobody would notice before it is too late."""
    for host in inventory.instances:
        for patch in host.list("immich_patches"):
            if patch.get("kind") != "Cluster" or patch.get("name") != host.get("immich_database_cluster"):
                continue
            change = json.dumps(patch.get("patch"), default=str)
            if "barmanObjectStore" in change:
                text = "barmanObjectStore is the form of backups that CloudNativePG drops, and it cannot be beside the plugin's. Use immich_database_backup."
            elif "skipWalArchiving" in change or re.search(r'"isWALArchiver": false|isWALArchiver", "value": false', change):
                text = "it turns WAL archiving off, and nothing would say so: the database could only be restored to its last daily copy. Take that out of it."
            elif "skipEmptyWalArchiveCheck" in change:
                text = "skipEmptyWalArchiveCheck lets two databases write into one archive, which then restores neither. "
                text += "Use another immich_database_backup.server_name."
            elif "inheritedMetadata" in change and any(word in change for word in _COPIERS):
                text = "inheritedMetadata goes to every Secret that the operator makes, keys and passwords of superusers among them, and this annotation "
                text += "copies them. Annotate just the Secret that is to be copied."
            elif _loses_login(patch.get("patch")):
                text = "the role immich has no login: true in it, and what is left out goes back to its default: Immich could not log in any more. Add it."
            else:
                continue
            yield patch.problem(text, "patch")


def _loses_login(change: Any) -> bool:
    """Whether a role immich is written without login, or without the right to it."""
    if isinstance(change, Mapping):
        roles = change.get("roles")
        if isinstance(roles, list) and any(isinstance(role, Mapping) and role.get("name") == "immich" and role.get("login") is not True for role in roles):
            return True
        path, value = str(change.get("path", "")), change.get("value")
        if path.endswith("/login") and value is not True:
            return True
        if re.search(r"/managed/roles(/\d+)?$", path) and _loses_login({"roles": value if isinstance(value, list) else [value]}):
            return True
        return any(_loses_login(entry) for entry in change.values())
    return isinstance(change, list) and any(_loses_login(entry) for entry in change)


RULES = (not_on_a_share, image, names, image_choice, provider, external, backup, archives_apart, recovery, patches)
