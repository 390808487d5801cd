# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Monitoring: labels and times as Kubernetes and Prometheus take them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ..model import Inventory, Problem

_TEXTS = ("immich_monitoring_labels", "immich_monitoring_rule_labels", "immich_monitoring_dashboard_labels", "immich_monitoring_dashboard_annotations")
_LABEL = re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?")
_OF_PROMETHEUS = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def labels(inventory: Inventory) -> Iterator[Problem]:
    """Labels are text; those of Kubernetes are short, and those of Prometheus have names without dots and dashes."""
    for host in inventory.instances:
        for variable in _TEXTS:
            given = host.get(variable, {})
            for name, value in given.items() if isinstance(given, Mapping) else ():
                at = (variable, str(name))
                if not isinstance(value, str):
                    yield Problem(host.name, f"{variable}.{name} is {value}, which is no text. Put it in quotes.", at)
                elif variable == "immich_monitoring_rule_labels":
                    if not _OF_PROMETHEUS.fullmatch(str(name)):
                        yield Problem(host.name, f"{variable}.{name} is no name of a label for Prometheus. Use letters, digits and underscores.", at)
                    elif name in ("severity", "alertname"):
                        yield Problem(host.name, f"{variable}.{name} is set by each alert itself. Use another name.", at)
                elif variable.endswith("_labels") and not _LABEL.fullmatch(value):
                    yield Problem(host.name, f"{variable}.{name} is {value}. A label has up to 63 letters, digits, dashes, dots and underscores.", at)


def interval(inventory: Inventory) -> Iterator[Problem]:
    """How often Prometheus asks."""
    for host in inventory.instances:
        given = str(host.get("immich_monitoring_interval", "60s"))
        if not re.fullmatch(r"[1-9]\d*(s|m)", given):
            yield Problem(
                host.name, f"immich_monitoring_interval is {given}. Write seconds or minutes, such as 30s or 2m.", ("immich_monitoring_interval",)
            )


RULES = (labels, interval)
