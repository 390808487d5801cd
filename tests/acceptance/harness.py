# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A homelab to run playbooks against: a copy of an inventory, and a rehearsal of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.homelab.immich.rehearsal import state

CHECKOUT = Path(__file__).resolve().parents[2]
MUTATING = {"create", "update", "patch", "delete", "deletecollection"}

# Whatever reaches this context has left the rehearsal.
POISONED_KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: homelab
clusters: [{name: prod, cluster: {server: "https://198.51.100.7:6443"}}]
users: [{name: prod, user: {token: not-a-token}}]
contexts: [{name: homelab, context: {cluster: prod, user: prod}}]
"""


@dataclass
class Run:
    """One run of ansible-playbook."""

    returncode: int
    output: str
    seconds: float
    recap: dict[str, dict[str, int]] = field(init=False)

    def __post_init__(self) -> None:
        lines = self.output.partition("PLAY RECAP")[2].splitlines()
        found = (re.match(r"(\S+)\s*:\s*(ok=.*)", line) for line in lines)
        self.recap = {match[1]: {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", match[2])} for match in found if match}

    def total(self, key: str) -> int:
        """The sum of one column of the recap."""
        return sum(host[key] for host in self.recap.values())


class Homelab:
    """An inventory, the rehearsal that plays it, and a hand to look and to meddle."""

    def __init__(self, folder: Path, inventory: Path) -> None:
        self.folder = folder
        self.inventory = folder / "inventories" / "homelab"
        shutil.copytree(inventory, self.inventory)
        home = folder / "home"
        (home / ".kube").mkdir(parents=True)
        (home / ".kube" / "config").write_text(POISONED_KUBECONFIG)
        real = Path.home()
        self.environment = os.environ | {
            "HOME": str(home),
            "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(real / ".cache")),
            "XDG_STATE_HOME": str(folder / "state"),
            "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        for name in ("IMMICH_REHEARSAL", "KUBECONFIG"):
            self.environment.pop(name, None)

    def play(self, *arguments: str, playbook: str = "site.yml", check: bool = True, **environment: str) -> Run:
        """Run a playbook with this inventory; `check` asserts that it succeeds."""
        started = time.monotonic()
        done = subprocess.run(
            ["ansible-playbook", playbook, "-i", str(self.inventory), *arguments],
            cwd=CHECKOUT,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
            check=False,
        )
        run = Run(done.returncode, done.stdout, time.monotonic() - started)
        if check:
            assert run.returncode == 0, run.output
        return run

    def rehearsal(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Call the rehearsal's command line for this inventory."""
        return subprocess.run(
            [sys.executable, "-m", "ansible_collections.homelab.immich.rehearsal", *arguments, "-i", str(self.inventory)],
            cwd=CHECKOUT,
            env=self.environment | {"PYTHONPATH": str(CHECKOUT / "collections")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )

    @property
    def home(self) -> Path:
        """The folder of the rehearsal."""
        [home] = (self.folder / "state" / "homelab-immich" / "rehearsals").iterdir()
        return home

    @property
    def state(self) -> dict[str, Any]:
        """Addresses and credentials of the rehearsal."""
        return state.read(self.home)

    def kubectl(self) -> Any:
        """A dynamic client of the rehearsal's API server."""
        from kubernetes import client, config, dynamic

        configuration = client.Configuration()
        config.load_kube_config(self.state["kubeconfig"], client_configuration=configuration)
        return dynamic.DynamicClient(client.ApiClient(configuration))

    def api(self, kind: str, api_version: str = "v1") -> Any:
        """One kind of object."""
        return self.kubectl().resources.get(api_version=api_version, kind=kind)

    def edit(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Change the inventory as somebody with an editor would."""
        path = self.inventory / "hosts.yml"
        content = yaml.safe_load(path.read_text())
        change(content["all"])
        path.write_text(yaml.safe_dump(content, sort_keys=False))


def audit(home: Path) -> list[dict[str, Any]]:
    """The API server's audit log."""
    return [json.loads(line) for line in (home / "audit.log").read_text().splitlines()]
