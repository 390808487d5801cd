# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server and machine learning: workers, hardware, autoscaling, and who owns the settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.homelab.immich.plugins.module_utils.immich import settings, versions
from ansible_collections.homelab.immich.plugins.plugin_utils import acceleration, system_settings

from ..model import Host, Inventory, Problem

COMPONENTS = ("server", "machine_learning")
# variables that the collection sets from others
ENVIRONMENT = {
    "IMMICH_WORKERS_INCLUDE": "immich_workers: split gives each worker a pod of its own",
    "IMMICH_WORKERS_EXCLUDE": "immich_workers: split gives each worker a pod of its own",
    "IMMICH_CONFIG_FILE": "immich_settings_owner: file makes the file",
}


def environment(inventory: Inventory) -> Iterator[Problem]:
    """What has a variable of its own."""
    for host in inventory.instances:
        for name, instead in ENVIRONMENT.items():
            if name in host.get("immich_server_env", {}):
                at = ("immich_server_env", name)
                yield Problem(host.name, f"immich_server_env.{name} is set by the collection. Remove it: {instead}.", at)


def devices(inventory: Inventory) -> Iterator[Problem]:
    """A backend that gets its device in the way that is chosen, and may open it."""
    for host in inventory.instances:
        for component in COMPONENTS:
            variable = f"immich_{component}"
            backend, way = host.get(f"{variable}_acceleration", "none"), host.get(f"{variable}_device", acceleration.HOST)
            groups = host.get(f"{variable}_device_groups", [])
            if backend == "none" or component == "machine_learning" and not host.get("immich_machine_learning_enabled", True):
                continue
            why = acceleration.obstacle(backend, way, host.get(f"{variable}_device_resource", ""))
            if why:
                at = f"{variable}_device" if "Use host" in why else f"{variable}_device_resource"
                value = way if "Use host" in why else "empty"
                yield Problem(host.name, f"{at} is {value}, and {why}", (at,))
            elif not groups and host.get("immich_run_as", {}).get("uid") and not acceleration.opened_by_everybody(backend):
                text = (
                    f"{variable}_device_groups is empty, and the pod runs as uid {host.get('immich_run_as')['uid']}: unless everybody may open the device, "
                    f"{backend} does not work. Name the groups, such as [44, 104]; stat -c %g {acceleration.looked_at(backend)} on the node tells."
                )
                yield Problem(host.name, text, (f"{variable}_acceleration",), warning=True)
            for index, group in enumerate(groups):
                if isinstance(group, int) and not 0 < group < 2**31:
                    yield Problem(host.name, f"{variable}_device_groups[{index}] is {group}. Use the number of a group.", (f"{variable}_device_groups", index))


def follows(inventory: Inventory) -> Iterator[Problem]:
    """The setting that makes the server use its device."""
    for host in inventory.instances:
        wanted, given = host.get("immich_server_acceleration", "none"), _at(host.get("immich_settings", {}), "ffmpeg.accel")
        if wanted != "none" and given is not None and given != wanted:
            text = (
                f"immich_settings.ffmpeg.accel is {given}, and immich_server_acceleration is {wanted}: the setting wins, and the device is not used. "
                "Remove the setting, and it follows."
            )
            yield Problem(host.name, text, ("immich_settings", "ffmpeg", "accel"), warning=True)


def autoscaling(inventory: Inventory) -> Iterator[Problem]:
    """What an autoscaler needs to work at all."""
    for host in inventory.instances:
        for component in COMPONENTS:
            variable = f"immich_{component}_autoscaling"
            scaling = host.get(variable, {})
            if not scaling:
                continue
            if component == "server" and host.get("immich_workers") != "split":
                text = f"{variable} multiplies the api worker, and with immich_workers: unified every pod would work on jobs, too. Set immich_workers: split."
                yield Problem(host.name, text, (variable,))
            if not _at(host.get(f"immich_{component}_resources", {}), "requests.cpu"):
                text = f"{variable} compares the load with what is requested, and immich_{component}_resources has no requests.cpu. Set one, such as 250m."
                yield Problem(host.name, text, (variable,))
            least, most = scaling.get("min", 1), scaling.get("max")
            if most is None and host.sound(variable):
                yield Problem(host.name, f"{variable} has no max. Say how many pods there may be, such as {{min: 1, max: 3}}.", (variable,))
            for key, low, high in (("min", 1, 100), ("max", 1, 100), ("cpu", 1, 1000), ("stabilization", 0, 3600)):
                value = scaling.get(key)
                if isinstance(value, int) and not low <= value <= high:
                    yield Problem(host.name, f"{variable}.{key} is {value}. Use a number from {low} to {high}.", (variable, key))
            if isinstance(least, int) and isinstance(most, int) and 1 <= most < least:
                yield Problem(host.name, f"{variable}.max is {most}, less than min, {least}. Raise max, or lower min.", (variable, "max"))


def limits(inventory: Inventory) -> Iterator[Problem]:
    """A CPU limit slows down what nobody else waits for."""
    for host in inventory.instances:
        for component in ("server", "microservices", "machine_learning"):
            variable = f"immich_{component}_resources"
            limit = _at(host.get(variable, {}), "limits.cpu")
            if limit:
                text = (
                    f"{variable}.limits.cpu is {limit}: it makes thumbnails, transcodes and faces crawl on an idle node, and probes fail. "
                    "Remove it; requests.cpu shares the node fairly."
                )
                yield Problem(host.name, text, (variable, "limits", "cpu"), warning=True)
        if host.get("immich_microservices_resources") and host.get("immich_workers") != "split":
            text = "immich_microservices_resources is for immich_workers: split, and it is unified. Remove it, or choose split."
            yield Problem(host.name, text, ("immich_microservices_resources",))
        timeout = host.get("immich_machine_learning_probe_timeout")
        if isinstance(timeout, int) and not 1 <= timeout <= 600:
            at = ("immich_machine_learning_probe_timeout",)
            yield Problem(host.name, f"immich_machine_learning_probe_timeout is {timeout}. Use a number of seconds from 1 to 600.", at)


def owner(inventory: Inventory) -> Iterator[Problem]:
    """One owner of the settings, and the values of secrets where that owner has them from."""
    for host in inventory.instances:
        given = host.get("immich_settings", {})
        if host.get("immich_settings_owner", "api") == "api":
            for purpose, keys in system_settings.SECRETS.items():
                if purpose in host.get("immich_secrets", {}):
                    text = (
                        f"immich_secrets.{purpose} is for immich_settings_owner: file, and it is api. Choose file, or write the value, encrypted, to "
                        f"immich_settings.{[*keys.values()][0]}."
                    )
                    yield Problem(host.name, text, ("immich_secrets", purpose))
            continue
        for purpose, keys in system_settings.SECRETS.items():
            for key, setting in keys.items():
                if _at(given, setting) is not None:
                    text = (
                        f"immich_settings.{setting} would be in a ConfigMap, for everybody to read. Remove it, and give it as "
                        f"immich_secrets.{purpose}: {{values: {{{key}: …}}}}, or from another source."
                    )
                    yield Problem(host.name, text, ("immich_settings", *setting.split(".")))
        yield from _later(host, given)


def _later(host: Host, given: Mapping[str, Any]) -> Iterator[Problem]:
    """A server ignores what it does not know in a file, without a word."""
    try:
        version = versions.capabilities(str(host.get("immich_version", ""))).version
    except versions.VersionError:
        return  # the rule about versions says so
    for name, _value in settings.flat(given):
        since = versions.setting_since(name)
        if since > version:
            text = f"immich_settings.{name} needs Immich {since} or later, and immich_version is {version}. Leave it out until the upgrade."
            yield Problem(host.name, text, ("immich_settings", *name.split(".")))


def _at(value: Any, path: str) -> Any:
    """What is at a dotted path; None where there is nothing."""
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


RULES = (environment, devices, follows, autoscaling, limits, owner)
