# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Secrets come from. No sentence shows a value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.homelab.immich.plugins.plugin_utils import backup, secrets

from ..model import Host, Inventory, Problem, did_you_mean


def sources(inventory: Inventory) -> Iterator[Problem]:
    """One source for a purpose, with the keys that it needs."""
    for host in inventory.instances:
        given, volumes = host.get("immich_secrets", {}), [volume.value for volume in host.list("immich_volumes")]
        database = _database(host)
        wanted = secrets.wanted(given, volumes, host.get("immich_cache_provider", ""), host.get("immich_cache_host", ""), database)
        for name in wanted:
            if name not in given and not secrets.purpose_of(name).generated and not host.rehearses and host.sound("immich_secrets"):
                yield Problem(host.name, secrets.missing(name), ("immich_secrets",))
        copied = {backup.purpose_name(entry) for volume in volumes for entry in backup.entries(volume)}
        for name, entry in given.items():
            if name in copied:
                continue  # judged with the backups
            at = ("immich_secrets", name)
            near = "" if secrets.purpose_of(name) else did_you_mean(name, secrets.PURPOSES)
            for text in secrets.problems(name, entry, wanted):
                yield Problem(host.name, f"immich_secrets.{name} {text}{near}", at)
        if len(secrets.namespaces("database", database)) > 1 and isinstance(given.get("database"), Mapping) and "sealed" in given["database"]:
            yield Problem(
                host.name,
                f"immich_secrets.database.sealed is for one namespace, and the password is wanted in two, {host.get('immich_namespace')} and "
                f"{database['namespace']} (immich_database_namespace). Use external, onepassword or sops, or leave it out to have it generated and copied.",
                ("immich_secrets", "database"),
            )


def _database(host: Host) -> dict[str, Any]:
    """What the Secrets of the database depend on."""
    apart = host.get("immich_database_namespace")
    return {
        "provider": host.get("immich_database_provider", ""),
        "namespace": apart if apart != host.get("immich_namespace") else "",
        "backup": host.get("immich_database_backup", {}),
    }


RULES = (sources,)
