# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The init container that makes the file of Immich's settings: kwok runs no program, so it is played here."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from ..plugins.plugin_utils.system_settings import laid_over

NAME, FILE = "config", "immich.json"
LAYERS = ("config-inventory", "config-brake")


def make(pod: dict, folder: Path, data: Callable[[str], dict[str, str]], env: dict[str, str]) -> None:
    """Write the file of a pod into its folder when the pod starts; later changes of its layers wait for the next pod. `data` reads a ConfigMap."""
    if (folder / FILE).exists():
        return
    settings: dict = {}
    sources = {volume["name"]: volume["configMap"]["name"] for volume in pod["spec"]["volumes"] if "configMap" in volume}
    for layer in LAYERS:
        settings = laid_over(settings, json.loads(data(sources.get(layer, "")).get(FILE, "{}")))
    for name, value in env.items():
        place = settings
        *groups, last = name.removeprefix("settings.").split(".")
        if name.startswith("settings."):
            for group in groups:
                place = place.setdefault(group, {})
            place[last] = value
    (folder / FILE).write_text(json.dumps(settings))
    (folder / FILE).chmod(0o400)
