# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the variables of every host of a run, and say all that is wrong at once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path as Folder
from typing import Any

from ansible import constants as C
from ansible.errors import AnsibleActionFail, AnsibleError, AnsibleUndefinedVariable
from ansible.plugins.action import ActionBase
from ansible_collections.homelab.immich.plugins.plugin_utils import preflight
from ansible_collections.homelab.immich.plugins.plugin_utils.preflight import report, specs
from ansible_collections.homelab.immich.plugins.plugin_utils.preflight.model import Path, did_you_mean

try:
    from ansible._internal._datatag._tags import Origin  # not public; without it the report names no lines
except ImportError:
    Origin = None  # type: ignore[assignment,misc]

ROLES = Folder(__file__).parents[2] / "roles"


class ActionModule(ActionBase):
    """The action behind homelab.immich.preflight; the documentation is with the module of that name."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Check all hosts of the groups nas and immich; fail with one message when there is an error."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        self.validate_argument_spec(argument_spec={})
        connection = variables.get("ansible_connection", "local")
        if connection != "local":  # only the command line can say so here, the play says local
            raise AnsibleActionFail(f"ansible_connection is {connection}, and all of this runs on the control node. Remove it from the command line.")
        if not variables.get("groups", {}).get("immich"):
            sources = ", ".join(os.path.relpath(source) for source in variables.get("ansible_inventory_sources") or ()) or "the inventory"
            near = did_you_mean("immich", variables.get("groups", ()))
            raise AnsibleActionFail(f"There is no host in the group immich of {sources}, so there is no Immich to set up.{near} Name another with -i.")
        known = specs.read(ROLES)
        given = self._given(variables, known)
        problems = preflight.check([one for one, _raw in given], known)
        places = {one.host: raw for one, raw in given}
        for problem in problems:
            if problem.warning:
                self._display.warning(report.sentence(problem, len(given) > 1))
        errors = [problem for problem in problems if not problem.warning]
        if errors:
            # printed here and not returned: Ansible would show a returned message twice, the second time inside YAML or JSON
            self._display.display(report.render(errors, lambda problem: _origin(places[problem.host], problem.at)), color=C.COLOR_ERROR)
            return {"failed": True, "changed": False, "msg": report.failed(errors)}
        return {"changed": False, "msg": report.passed([one.host for one, _raw in given if one.in_run])}

    def _given(self, task_vars: dict[str, Any], known: Mapping[str, Mapping[str, Any]]) -> list[tuple[preflight.Given, Mapping[str, Any]]]:
        """The variables of each host, and the same before their templates were resolved."""
        groups, hostvars = task_vars.get("groups", {}), task_vars["hostvars"]
        playing = set(task_vars.get("ansible_play_hosts_all", ()))
        found = []
        for group in specs.ROLES:
            defaults = self._defaults(group)
            for host in groups.get(group, ()):
                raw = hostvars.raw_get(host)
                wanted = [*specs.options_of(group, known), "ansible_host", "inventory_hostname"]
                values, broken = self._resolve(wanted, {**defaults, **raw, "hostvars": hostvars})
                found.append((preflight.Given(host, group, values, frozenset(raw), host in playing, broken), raw))
        return found

    def _defaults(self, group: str) -> dict[str, Any]:
        """The defaults of the roles that a host of this group goes through."""
        defaults: dict[str, Any] = {}
        for role in specs.ROLES[group]:
            path = ROLES / role / "defaults" / "main.yml"
            if path.is_file():
                defaults |= self._loader.load_from_file(str(path), unsafe=True, trusted_as_template=True) or {}
        return defaults

    def _resolve(self, wanted: list[str], variables: dict[str, Any]) -> tuple[dict[str, Any], dict[Path, preflight.Broken]]:
        """Resolve templates value by value, so that one that fails has a place and hides no other."""
        templar = self._templar.copy_with_new_env(available_variables=variables)
        broken: dict[Path, preflight.Broken] = {}

        def resolve(at: Path, value: Any) -> Any:
            if isinstance(value, Mapping):
                return {key: resolve((*at, key), entry) for key, entry in value.items()}
            if isinstance(value, list):
                return [resolve((*at, index), entry) for index, entry in enumerate(value)]
            if value is None or isinstance(value, bool | int | float):
                return value
            try:
                return templar.template(value)
            except AnsibleUndefinedVariable as error:
                broken[at] = preflight.Broken(f"uses a variable that is not there: {error}. Define it, for example in group_vars/all/vault.yml.")
            except AnsibleError as error:
                broken[at] = preflight.Broken("has a template that fails.", str(error))
            return None

        return {name: resolve((name,), variables[name]) for name in wanted if name in variables}, broken


def _origin(raw: Mapping[str, Any], at: Path) -> str:
    """The file and line that a value comes from, or what it is in; empty where Ansible does not know."""
    origin, value = None, raw
    for part in at:
        # a boolean and a null carry no origin, their key does
        key = next((key for key in value if key == part), None) if isinstance(value, Mapping) else None
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            break
        origin = Origin and (Origin.get_tag(value) or Origin.get_tag(key)) or origin
    if origin is None or not origin.path:
        return str(origin or "")
    return f"{os.path.relpath(origin.path)}{f':{origin.line_num}' if origin.line_num else ''}"
