# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring up the rehearsal that the inventory asks for, before anything else happens in a run."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible_collections.homelab.immich.plugins.module_utils import nas
from ansible_collections.homelab.immich.plugins.plugin_utils import ways_in
from ansible_collections.homelab.immich.rehearsal import bringup, state
from ansible_collections.homelab.immich.rehearsal.progress import Progress

TERMINAL = sys.stdout.isatty()  # asked at the import, which happens before Ansible forks: its workers have no terminal


class ActionModule(ActionBase):
    """The action behind homelab.immich.rehearsal; the documentation is with the module of that name."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Start or update the rehearsal. It runs in check mode too: there is nothing to check against without it, and it changes nothing outside itself."""
        super().run(tmp, task_vars)
        self.validate_argument_spec(argument_spec={})
        variables = task_vars or {}
        hostvars, groups = variables["hostvars"], variables["groups"]
        if not rehearses(hostvars, groups["all"]):
            return {"changed": False, "rehearsal": False}
        inventory = (variables.get("ansible_inventory_sources") or [""])[0]
        spec = {"inventory": os.path.realpath(inventory)} | from_inventory(hostvars, groups)
        progress = Progress(self._display.display, self._put if TERMINAL else None)
        try:
            home = state.home_of_run(variables)
            changed = bringup.up(inventory, spec, progress)
        except state.RehearsalError as error:
            progress.end()
            raise AnsibleActionFail(str(error)) from None
        return {"changed": changed, "rehearsal": True, "home": str(home)}

    def _put(self, text: str) -> None:
        self._display.display(text, newline=False, screen_only=True)


def _value(hostvars: Mapping[str, Any], host: str, name: str) -> Any:
    """One variable of one host. The others are left alone: they may need a vault, and are nothing to us."""
    try:
        return hostvars[host].get(name)
    except AnsibleError as error:
        raise AnsibleActionFail(f"{name} of host {host} cannot be resolved, and the rehearsal needs it: {error}") from None


def rehearses(hostvars: Mapping[str, Any], hosts: list[str]) -> bool:
    """Whether this inventory rehearses; all hosts have to agree."""
    answers = {host: boolean(_value(hostvars, host, "immich_rehearsal") or False, strict=False) for host in hosts}
    if len(set(answers.values())) > 1:
        lists = {answer: ", ".join(sorted(host for host in hosts if answers[host] is answer)) for answer in (True, False)}
        raise AnsibleActionFail(
            f"immich_rehearsal is true for {lists[True]} and false for {lists[False]}, and half a rehearsal would touch real things. Set it once, in all.vars."
        )
    return any(answers.values())


def from_inventory(hostvars: Mapping[str, Any], groups: Mapping[str, list[str]]) -> dict[str, Any]:
    """What the rehearsal has to have: classes, issuers, Gateways, claims, namespaces and nodes that instances name, and the NAS with what they export."""
    classes, ways, selectors, nodes, namespaces, claims = set(), [], [], set(), set(), []
    for host in groups.get("immich", []):
        named = [name for name in hostvars[host] if name.startswith("immich_") and name.endswith("_storage_class")]
        classes |= {_value(hostvars, host, name) for name in named}
        volumes = _mappings(hostvars, host, "immich_volumes")
        classes |= {volume.get("storage_class") for volume in volumes}
        nodes |= {volume["host_path"].get("node") for volume in volumes if isinstance(volume.get("host_path"), Mapping)}
        chosen = [_value(hostvars, host, name) for name in hostvars[host] if name.startswith("immich_") and name.endswith("_node_selector")]
        selectors += [{str(key): str(value) for key, value in selector.items()} for selector in chosen if isinstance(selector, Mapping) and selector]
        namespace = str(_value(hostvars, host, "immich_namespace") or "")
        found = {str(volume["existing_claim"]): volume.get("access_mode") or "ReadWriteMany" for volume in volumes if volume.get("existing_claim")}
        claims += [{"namespace": namespace, "name": name, "modes": [mode]} for name, mode in found.items() if namespace]
        ways += _mappings(hostvars, host, "immich_ingress")
        dashboard = _value(hostvars, host, "immich_dashboard")
        namespaces |= {dashboard.get("namespace")} if isinstance(dashboard, Mapping) else set()
    appliances = {}
    for host in groups.get("nas", []):
        facts = {name: _value(hostvars, host, name) for name in ("nas_provider", "ansible_host")}
        appliances[host] = {
            "provider": nas.provider_of(facts),
            "address": str(facts["ansible_host"] or host),
            "exports": _mappings(hostvars, host, "nas_exports"),
        }
    issuers = [ways_in.issuer(way["issuer"]) for way in ways if isinstance(way.get("issuer"), str | Mapping)]
    return {
        "storage_classes": _names(classes),
        "ingress_classes": _names("tailscale" if way.get("type") == "tailscale" else way.get("class") for way in ways),
        "issuers": _names(issuer["name"] for issuer in issuers if issuer["kind"] == "ClusterIssuer"),
        "gateways": _names(gateway for way in ways for gateway in way.get("gateways") or [] if ways_in.GATEWAY.fullmatch(str(gateway))),
        "namespaces": _names(namespaces),
        "nodes": _names(nodes),
        "node_selectors": selectors,
        "claims": claims,
        "nas": appliances,
    }


def _mappings(hostvars: Mapping[str, Any], host: str, name: str) -> list[dict[str, Any]]:
    """The entries of a list; what is none, preflight has reported."""
    return [dict(entry) for entry in _value(hostvars, host, name) or [] if isinstance(entry, Mapping)]


def _names(values: Iterable[Any]) -> list[str]:
    return sorted({str(value) for value in values if value})
