# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts that several operators make their objects from."""

from __future__ import annotations

import base64

FAIL = "rehearsal.homelab.immich/fail"  # an object with this annotation fails, with what it says


def owned(owner: dict, name: str, **metadata: object) -> dict:
    """Metadata of an object that goes when its owner goes."""
    reference = {key: owner[key] for key in ("apiVersion", "kind")} | {key: owner["metadata"][key] for key in ("name", "uid")}
    reference |= {"controller": True, "blockOwnerDeletion": True}
    return {"name": name, "namespace": owner["metadata"]["namespace"], "ownerReferences": [reference], **metadata}


def encoded(data: dict[str, str]) -> dict[str, str]:
    return {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}


def is_ready(pod: dict) -> bool:
    """Whether a pod serves."""
    conditions = pod.get("status", {}).get("conditions", [])
    return "deletionTimestamp" not in pod["metadata"] and any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)
