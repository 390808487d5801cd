# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which libraries are scanned by the clock, and what the guard of each has to know and to see. Pure functions, for the templates and for preflight."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

# no other pod can have such a volume, and the server has it
EXCLUSIVE = "ReadWriteOncePod"


def scheduled(libraries: Iterable[Mapping[str, Any]], volumes: Sequence[Mapping[str, Any]], instance: str, media: str) -> list[dict[str, Any]]:
    """
    The scans of the libraries that have a schedule; `volumes` are resolved, `media` is where Immich keeps its own files.

    Each has the name of its CronJob, its schedule, the volumes that its guard mounts, and its part of the guard's config.
    """
    served = [volume for volume in volumes if "server" in volume["pods"]]
    films = f"{media}/encoded-video"
    keeps = [volume for volume in served if _below(films, volume["mount"])]
    seen = bool(keeps) and keeps[-1]["access_mode"] != EXCLUSIVE
    scans = []
    for library in libraries:
        scan = dict(library.get("scan") or {})
        schedule = scan.pop("schedule", None)
        if library.get("state") == "absent" or not schedule:
            continue
        folders = [*library["import_paths"], *([films] if seen else [])]
        mounted = [volume for volume in served if volume["access_mode"] != EXCLUSIVE and any(_touch(volume["mount"], folder) for folder in folders)]
        scans.append(
            {
                "name": job_name(instance, library["name"], library["owner"]),
                "library": library["name"],
                "schedule": schedule,
                "volumes": mounted,
                "config": {
                    "media": media if seen else "",
                    "sentinels": [volume["sentinel"] for volume in mounted if volume["sentinel"]],
                    "libraries": [{"name": library["name"], "owner": library["owner"], "scan": scan}],
                },
            }
        )
    return scans


def job_name(instance: str, library: str, owner: str) -> str:
    """Name the CronJob of a library: readable, and no other's, for two people may have a library of one name, in any script. Kubernetes takes 52 characters."""
    slug = re.sub(r"[^a-z0-9]+", "-", library.lower()).strip("-")[: max(0, min(20, 39 - len(instance)))].strip("-")
    number = hashlib.sha256(f"{owner.strip().lower()}/{library}".encode()).hexdigest()[:6]
    return "-".join(part for part in (instance, "scan", slug, number) if part)


def _below(path: str, folder: str) -> bool:
    return f"{path.rstrip('/')}/".startswith(f"{folder.rstrip('/')}/")


def _touch(one: str, other: str) -> bool:
    return _below(one, other) or _below(other, one)
