# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render roles as Ansible would, without a process for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jinja2
import pytest
from ansible_collections.homelab.immich.plugins.plugin_utils import manifests

ROLES = manifests.ROLES[1:]  # without the namespace and the ConfigMap of the deliver role


class Objects(list):
    """Rendered objects, found by kind and name."""

    def one(self, kind: str, name: str) -> dict[str, Any]:
        """The only object of this kind and name."""
        (found,) = [item for item in self if item["kind"] == kind and item["metadata"]["name"] == name]
        return found

    def pod(self, name: str) -> dict[str, Any]:
        """The pod of a Deployment."""
        return self.one("Deployment", name)["spec"]["template"]["spec"]

    def container(self, name: str) -> dict[str, Any]:
        """The only container of a Deployment."""
        (found,) = self.pod(name)["containers"]
        return found

    def env(self, name: str) -> dict[str, Any]:
        """The environment of a Deployment's container: values, or what valueFrom says."""
        return {entry["name"]: entry.get("value", entry.get("valueFrom")) for entry in self.container(name)["env"]}


@pytest.fixture(scope="session", autouse=True)
def compiled_once(checkout: Path) -> Iterator[None]:
    """The templates of the roles are the same in all tests: Jinja compiles each once, which else takes four fifths of a test. Variables aside."""
    templates = {path.read_text(encoding="utf-8") for path in checkout.glob("roles/*/templates/*.j2")}
    compiled: dict[Any, Any] = {}
    compile_anew = jinja2.Environment.compile

    def compile_once(environment: jinja2.Environment, source: Any, *names: Any) -> Any:
        # with __immich_line the lookup tries the lines of a template in turn, to find the one that fails
        if source not in templates and "__immich_line" not in str(source):
            return compile_anew(environment, source, *names)
        if (source, names) not in compiled:
            compiled[source, names] = compile_anew(environment, source, *names)
        return compiled[source, names]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jinja2.Environment, "compile", compile_once)
        yield


@pytest.fixture(scope="session")
def ansible(checkout: Path) -> tuple[Any, dict[str, Any]]:
    """Ansible's loader, and the variables of the host `photos` in inventories/homelab over the defaults of the roles."""
    from ansible.inventory.manager import InventoryManager
    from ansible.parsing.dataloader import DataLoader
    from ansible.vars.hostvars import HostVars
    from ansible.vars.manager import VariableManager

    loader = DataLoader()
    inventory = InventoryManager(loader, sources=[str(checkout / "inventories" / "homelab")])
    manager = VariableManager(loader, inventory)
    HostVars(inventory, manager, loader)  # the manager hands it out from here on
    variables: dict[str, Any] = {"__immich_cluster": {"cluster_uid": "0"}, "__immich_initialized": False}
    for role in ("common", *ROLES):
        variables |= loader.load_from_file(str(checkout / "roles" / role / "defaults" / "main.yml"), trusted_as_template=True)
    return loader, variables | manager.get_vars(host=inventory.get_host("photos"))


@pytest.fixture
def render(ansible: tuple[Any, dict[str, Any]]) -> Callable[..., Objects]:
    """Render roles (all of them unless named) of inventories/homelab with some variables changed; a variable that is None is taken away."""
    from ansible.plugins.loader import lookup_loader
    from ansible.template import Templar

    loader, defaults = ansible

    def run(*roles: str, **changes: Any) -> Objects:
        variables = {name: value for name, value in (defaults | changes).items() if value is not None}
        lookup = lookup_loader.get("homelab.immich.manifests", loader=loader, templar=Templar(loader=loader, variables=variables))
        return Objects(lookup.run(list(roles or ROLES), variables=variables))

    return run
