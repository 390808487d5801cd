# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which cluster this is, and which it was last time."""

from __future__ import annotations

import json
import os
from typing import Any

from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.client import Client


def cluster_uid(client: Client) -> str:
    """What tells one cluster from another: the uid of the namespace kube-system."""
    resource = client.resource("v1", "Namespace")
    live = client.get(resource, "kube-system") if resource else None
    return live["metadata"]["uid"] if live else ""


def recall(path: str) -> dict[str, Any]:
    """What the control node remembers of the last run."""
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except (FileNotFoundError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def remember(path: str, uid: str, context: str) -> None:
    """Keep which cluster this was, for the next run."""
    content = {"cluster_uid": uid, "context": context}
    if recall(path) == content:
        return
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    with open(f"{path}.new", "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
    os.replace(f"{path}.new", path)
