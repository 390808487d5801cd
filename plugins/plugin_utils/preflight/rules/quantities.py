# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes, quotas and ids."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ..model import Inventory, Problem

_SIZE = re.compile(r"(\d+(\.\d+)?|\.\d+)([KMGTPE]i|[kMGTPE])")
_QUANTITY = re.compile(r"(\d+(\.\d*)?|\.\d+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?\d+)?")
_LARGEST_ID = 2**31 - 1  # what Kubernetes takes for runAsUser and runAsGroup


def sizes(inventory: Inventory) -> Iterator[Problem]:
    """How large volumes, the database and quotas are."""
    for host in inventory.instances:
        for variable, value in host.values.items():
            if variable.startswith("immich_") and variable.endswith("_size") and value and (advice := size_problem(value)):
                yield Problem(host.name, f"{variable} is {value}. {advice}", (variable,))
        for volume in host.list("immich_volumes"):
            if volume.get("size") is not None and (advice := size_problem(volume.get("size"))):
                yield volume.problem(f"size is {volume.get('size')}. {advice}", "size")
        for user in host.list("immich_users"):
            if user.get("quota") not in (None, "unlimited") and (advice := size_problem(user.get("quota"))):
                yield user.problem(f"quota is {user.get('quota')}. {advice}", "quota")


def resources(inventory: Inventory) -> Iterator[Problem]:
    """Requests and limits of the pods."""
    for host in inventory.instances:
        for variable, value in host.values.items():
            if not (variable.startswith("immich_") and variable.endswith("_resources") and isinstance(value, Mapping)):
                continue
            for kind, amounts in value.items():
                if kind not in ("requests", "limits", "claims"):
                    yield Problem(host.name, f"{variable}.{kind} is not a known key. Use requests or limits.", (variable, kind))
                for resource, amount in amounts.items() if isinstance(amounts, Mapping) else ():
                    if isinstance(amount, bool) or not _QUANTITY.fullmatch(str(amount)):
                        example = "250m or 2" if resource == "cpu" else "4Gi"
                        yield Problem(
                            host.name, f"{variable}.{kind}.{resource} is {amount}. Write a Kubernetes quantity such as {example}.", (variable, kind, resource)
                        )


def ids(inventory: Inventory) -> Iterator[Problem]:
    """The user and group of the pods."""
    for host in inventory.instances:
        for key, value in host.get("immich_run_as", {}).items():
            if isinstance(value, int) and not 0 <= value <= _LARGEST_ID:
                yield Problem(host.name, f"immich_run_as.{key} is {value}. Use a number from 0 to {_LARGEST_ID}.", ("immich_run_as", key))


def size_problem(value: object) -> str:
    """What to write instead of a size; nothing when it is fine."""
    text = str(value)
    if isinstance(value, int | float) or text.isdecimal():
        return f"That is a number of bytes. Write a unit, such as {value}Gi."
    match = _SIZE.fullmatch(text)
    if match is not None and float(match[1]) > 0:
        return ""
    near = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGTPE])(i?)b?\s*", text, re.IGNORECASE)
    return f"Write a Kubernetes quantity such as {f'{near[1]}{near[2].upper()}i' if near and float(near[1]) > 0 else '50Gi'}."


RULES = (sizes, resources, ids)
