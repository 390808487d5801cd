# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Immich's system settings: what the collection keeps to itself, and the time zone."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator, Mapping

from ..model import Inventory, Problem, did_you_mean


def scans_are_guarded(inventory: Inventory) -> Iterator[Problem]:
    """Immich's own scan timer and watcher stay off: a scan of an export that is not mounted empties the library."""
    for host in inventory.instances:
        settings = host.get("immich_settings", {})
        library = settings.get("library") if isinstance(settings, Mapping) else None
        for key in ("scan", "watch"):
            if isinstance(library, Mapping) and key in library:
                yield Problem(
                    host.name,
                    f"immich_settings.library.{key} would let Immich scan on its own, and an export that is not mounted would then empty its library. "
                    "Remove it, and set scan.schedule in immich_libraries.",
                    ("immich_settings", "library", key),
                )


def time_zone(inventory: Inventory) -> Iterator[Problem]:
    """A zone that the IANA database has."""
    for host in inventory.instances:
        zone = host.get("immich_timezone")
        if zone is None or _is_zone(str(zone)):
            continue
        zones = zoneinfo.available_timezones()
        if zones:  # a machine without the database cannot tell
            cities = {full.rpartition("/")[2].lower(): full for full in sorted(zones)}
            city = cities.get(str(zone).rpartition("/")[2].lower())
            near = f" Did you mean {city}?" if city else did_you_mean(zone, zones)
            text = f"immich_timezone is {zone}, which is no time zone. Use a name of the IANA list, such as Europe/Amsterdam.{near}"
            yield Problem(host.name, text, ("immich_timezone",))


def _is_zone(name: str) -> bool:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


RULES = (scans_are_guarded, time_zone)
