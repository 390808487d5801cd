# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Secrets come from. No sentence shows a value."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.homelab.immich.plugins.plugin_utils import secrets

from ..model import Inventory, Problem, did_you_mean


def sources(inventory: Inventory) -> Iterator[Problem]:
    """One source for a purpose, with the keys that it needs."""
    for host in inventory.instances:
        given, volumes = host.get("immich_secrets", {}), [volume.value for volume in host.list("immich_volumes")]
        wanted = secrets.wanted(given, volumes, host.get("immich_cache_provider", ""), host.get("immich_cache_host", ""))
        for name in wanted:
            if name not in given and not secrets.PURPOSES[name].generated and not host.rehearses and host.sound("immich_secrets"):
                yield Problem(host.name, secrets.missing(name), ("immich_secrets",))
        for name, entry in given.items():
            at = ("immich_secrets", name)
            near = "" if name in secrets.PURPOSES else did_you_mean(name, secrets.PURPOSES)
            for text in secrets.problems(name, entry, wanted):
                yield Problem(host.name, f"immich_secrets.{name} {text}{near}", at)


RULES = (sources,)
