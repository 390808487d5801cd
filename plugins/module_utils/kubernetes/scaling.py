# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What autoscaling would ask of the nodes, and whether anything measures the load. Pure functions."""

from __future__ import annotations

import re
from typing import Any

from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.objects import Object, quantity

METRICS = ("metrics.k8s.io/v1beta1", "PodMetrics")
_SHOWN = {"cpu": "CPU", "memory": "memory"}


def asked(resources: dict[str, Any], pods: int) -> dict[str, str]:
    """What so many pods request, CPU and memory, as Kubernetes writes it: three times 50m is 150m."""
    requests = resources.get("requests") or {}
    return {name: _times(str(requests[name]), pods) for name in _SHOWN if requests.get(name)}


def said(amounts: dict[str, str]) -> str:
    """150m CPU and 12Gi memory."""
    return " and ".join(f"{amount} {_SHOWN[name]}" for name, amount in amounts.items())


def warnings(autoscaled: list[dict[str, Any]], nodes: list[Object], measured: bool) -> list[str]:
    """Why autoscaling will not do what somebody expects. Each entry has the variable, what it says, and the resources of one pod."""
    result = []
    for entry in autoscaled:
        scaling = entry["scaling"]
        least, most = int(scaling.get("min", 1)), int(scaling.get("max", 1))
        if not measured:
            result.append(
                f"{entry['variable']} has no effect: nothing in this cluster measures the load (it has no API metrics.k8s.io), so there stay {least} of"
                f" {most} pods. Install metrics-server (https://github.com/kubernetes-sigs/metrics-server)."
            )
        for name, amount in asked(entry["resources"], most).items():
            there = sum(quantity((node.get("status") or {}).get("allocatable", {}).get(name, 0)) for node in nodes if not _cordoned(node))
            if nodes and quantity(amount) > there:
                result.append(
                    f"{entry['variable']} may ask for {amount} {_SHOWN[name]} with {most} pods, and the nodes of this cluster have {_readable(name, there)}"
                    " altogether: the last ones would stay Pending. Lower max or the request."
                )
    return result


def _cordoned(node: Object) -> bool:
    return bool((node.get("spec") or {}).get("unschedulable"))


def _times(amount: str, pods: int) -> str:
    match = re.fullmatch(r"([0-9.]+)([A-Za-z]*)", amount)
    return f"{float(match[1]) * pods:g}{match[2]}" if match else f"{pods} x {amount}"


def _readable(name: str, amount: float) -> str:
    return f"{amount:g}" if name == "cpu" else f"{amount / 1024**3:.3g}Gi"
