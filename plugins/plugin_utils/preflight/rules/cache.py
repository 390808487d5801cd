# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The queue of Immich's jobs."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.objects import quantity
from ansible_collections.homelab.immich.plugins.plugin_utils.cache import URL

from ..model import Host, Inventory, Problem
from .providers import of_another_provider

_OF = {  # which provider a variable is for
    **dict.fromkeys(("replicas", "threads", "max_memory"), "dragonfly"),
    **dict.fromkeys(("host", "port", "username", "database"), "external"),
}
_PER_THREAD = 256 * 1024**2  # bytes; with less, Dragonfly does not start


def provider(inventory: Inventory) -> Iterator[Problem]:
    """What is set is of the provider that is chosen."""
    yield from of_another_provider(inventory, "immich_cache", _OF)


def dragonfly(inventory: Inventory) -> Iterator[Problem]:
    """Memory with which Dragonfly starts, and within its limit."""
    for host in inventory.instances:
        if host.get("immich_cache_provider") != "dragonfly":
            continue
        memory, threads = _bytes(host.get("immich_cache_max_memory")), host.get("immich_cache_threads", 1)
        if (replicas := host.get("immich_cache_replicas", 1)) < 1 or threads < 1:
            variable = "immich_cache_replicas" if replicas < 1 else "immich_cache_threads"
            yield Problem(host.name, f"{variable} is {host.get(variable)}. Use 1 or more.", (variable,))
            continue
        if memory is None:
            text = f"immich_cache_max_memory is {host.get('immich_cache_max_memory')}. Write a Kubernetes quantity such as 1Gi."
            yield Problem(host.name, text, ("immich_cache_max_memory",))
        elif memory < threads * _PER_THREAD:
            yield Problem(
                host.name,
                f"immich_cache_max_memory is {host.get('immich_cache_max_memory')}, and Dragonfly wants 256Mi for each of its {threads} threads, or does not "
                f"start. Set it to {threads * 256}Mi or more, or immich_cache_threads to fewer.",
                ("immich_cache_max_memory",),
            )
        limit = _limit(host)
        if memory and limit and limit <= memory:
            yield Problem(
                host.name,
                f"immich_cache_resources.limits.memory leaves nothing above immich_cache_max_memory ({host.get('immich_cache_max_memory')}), so the node would "
                "kill Dragonfly before it is full. Set the limit to half as much again.",
                ("immich_cache_resources", "limits", "memory"),
            )


def url(inventory: Inventory) -> Iterator[Problem]:
    """A REDIS_URL that Immich does not ignore."""
    for host in inventory.instances:
        given = host.get("immich_server_env", {}).get("REDIS_URL")
        if isinstance(given, str) and not given.startswith(URL):
            text = f"immich_server_env.REDIS_URL does not begin with {URL}, and Immich ignores any other without a word."
            yield Problem(host.name, f"{text} Remove it, and set immich_cache_provider: external.", ("immich_server_env", "REDIS_URL"))


def _limit(host: Host) -> float | None:
    limits = host.get("immich_cache_resources", {}).get("limits")
    return _bytes(limits.get("memory")) if isinstance(limits, dict) else None


def _bytes(text: object) -> float | None:
    try:
        return quantity(text)
    except ValueError:
        return None


RULES = (provider, dragonfly, url)
