# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which libraries are on which NAS, and where. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.homelab.immich.plugins.module_utils.paths import mapped

from .schedules import host_folders


def libraries_of_nas(
    libraries: Iterable[Mapping[str, Any]], volumes: Sequence[Mapping[str, Any]], nas: Sequence[Mapping[str, Any]], live: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The libraries by the NAS that has them, as the module zfs_changes takes them; `live` is what library_info says of them, with statistics."""
    known = {(entry["name"], entry["owner"]): entry for entry in live}
    folders = {host["inventory_hostname"]: host_folders(volumes, nas, host["inventory_hostname"], {}) for host in nas}
    found: dict[str, list[dict[str, Any]]] = {}
    for library in libraries:
        if library.get("state") == "absent":
            continue
        entry = known.get((library["name"], library["owner"].strip().lower()), {})
        paths = entry.get("import_paths") or library["import_paths"]
        host, places = next(
            ((host, places) for host, mounts in folders.items() if len(places := {path: mapped(path, mounts) for path in paths}) and all(places.values())),
            ("", {}),
        )
        if not host:
            raise ValueError(
                f"immich_guard_view is zfs, and {', '.join(paths)} of library {library['name']} is on no NFS export of one host of the group nas. "
                "Use the view server or mount."
            )
        total = (entry.get("statistics") or {}).get("total", 0)
        told = {"name": library["name"], "owner": library["owner"], "folders": places, "total": total}
        found.setdefault(host, []).append(told | {"exclusion_patterns": entry.get("exclusion_patterns", [])})
    return [{"host": host, "libraries": there} for host, there in found.items()]
