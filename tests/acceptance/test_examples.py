# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documented examples that need a cluster, as they stand, on the default homelab."""

from __future__ import annotations

import base64
from pathlib import Path

import examples
import pytest
import yaml
from harness import Homelab


@pytest.fixture
def environment(homelab: Homelab) -> dict[str, str]:
    """What makes the homelab reachable by the names of the examples: the context homelab, and Immich behind the cluster's proxy for services."""
    kubeconfig = yaml.safe_load(Path(homelab.state["kubeconfig"]).read_text())
    kubeconfig["contexts"][0]["name"] = "homelab"
    path = homelab.folder / "kubeconfig-of-the-examples"
    path.write_text(yaml.safe_dump(kubeconfig))
    proxy = f"{homelab.state['immich']}/api/v1/namespaces/immich/services/immich-server:2283/proxy"
    return {**homelab.environment, "KUBECONFIG": str(path), "IMMICH_URL": proxy}


def test_the_examples_that_need_a_cluster_run(homelab: Homelab, environment: dict[str, str]) -> None:
    first = ("modules/cluster_check", "modules/apply")  # whose results others need
    names = [name for name, place in examples.PLACES.items() if place == examples.ACCEPTANCE]
    every = [one for name in sorted(names, key=lambda name: first.index(name) if name in first else 9) for one in examples.of(name)]
    tasks = [one for one in every if "hosts" not in one] + [task for task in examples.of("modules/api_key") if task["homelab.immich.api_key"].get("store")]
    defaults = {"name": "Defaults", "ansible.builtin.import_role": {"name": "homelab.immich.deliver", "tasks_from": "defaults", "rolespec_validate": False}}
    before = {"users": {"changed": False}, "libraries": {"changed": False}, "__immich_initialized": True}  # what the site did
    instance = {**examples.LOCAL, "hosts": "immich", "vars": before, "pre_tasks": [defaults], "tasks": tasks}
    plays = [{**one, "vars": {"vault_immich_api_key": stored_key(homelab)}} for one in every if "hosts" in one]
    output = examples.play(homelab.folder, *plays, instance, inventory=homelab.inventory, **environment)
    assert "Immich photos  https://photos.example.net" in output
    assert homelab.play().total("failed") == 0  # the key has the rights back that an example took


def stored_key(homelab: Homelab) -> str:
    return base64.b64decode(homelab.api("Secret").get(name="immich-api-key", namespace="immich").data.key).decode()
