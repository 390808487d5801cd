# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look up how to reach the cluster, Immich and the NAS; in a rehearsal that is never anything but this machine."""

from __future__ import annotations

DOCUMENTATION = r"""
name: connection
short_description: How to reach the cluster, Immich and the NAS of a host
version_added: 0.1.0
description:
  - The one place that decides where a play connects to. Every connection option of this collection comes from here.
  - With C(immich_rehearsal) every value comes from the rehearsal that runs on this machine. No other variable, extra variable, inventory or environment
    variable can lead elsewhere, and without a running rehearsal it is an error.
  - Otherwise the values come from C(immich_context), C(immich_kubeconfig), C(immich_api_url), C(immich_url) and C(nas_api_*).
options:
  _terms:
    description:
      - What to connect to.
      - V(kubernetes) is the API server of the cluster. V(immich) is Immich as this collection calls it, V(public) as people open it.
      - V(truenas) is the API of the NAS that is the current host.
    type: list
    elements: str
    choices: [kubernetes, immich, truenas, public]
    required: true
notes:
  - The rehearsal is that of the first inventory of the run, or the one that the environment variable E(IMMICH_REHEARSAL) names.
seealso:
  - module: homelab.immich.rehearsal
author: homelab.immich contributors (@homelab-immich)
"""

EXAMPLES = r"""
- name: Look at the server's Deployment
  kubernetes.core.k8s_info:
    kubeconfig: "{{ lookup('homelab.immich.connection', 'kubernetes').kubeconfig }}"
    context: "{{ lookup('homelab.immich.connection', 'kubernetes').context }}"
    api_version: apps/v1
    kind: Deployment
    namespace: immich
    name: immich-server

- name: Give all modules of this collection the same connection
  hosts: immich
  connection: local
  gather_facts: false
  module_defaults:
    group/homelab.immich.immich: "{{ lookup('homelab.immich.connection', 'immich') | combine({'api_key': vault_immich_api_key}) }}"
  tasks:
    - name: Look at the libraries
      homelab.immich.library_info:
"""

RETURN = r"""
_raw:
  description:
    - One dictionary per term, every one with C(rehearsal), which says whether only loopback may be reached.
    - V(kubernetes) has C(kubeconfig) and C(context). A C(kubeconfig) of null means what kubectl would use.
    - V(immich) has C(url), C(ca_cert), C(kubeconfig), C(context), C(namespace) and C(service). A C(url) of null means the service proxy of the API server.
    - V(truenas) has C(url), C(username), C(api_key), C(ca_cert) and C(validate_certs).
    - V(public) has C(url).
  type: list
  elements: dict
"""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from ansible.errors import AnsibleLookupError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.lookup import LookupBase
from ansible_collections.homelab.immich.rehearsal import processes, state


class LookupModule(LookupBase):
    """The lookup; each term is a pair of methods, one for a rehearsal and one for a real run."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **_kwargs: Any) -> list[dict[str, Any]]:
        """One dictionary of connection options per term."""
        variables = variables or {}

        def value(name: str, default: Any = "") -> Any:
            """A variable of the current host; only those that are asked for are templated, for others may need a vault."""
            return self._templar.template(variables[name]) if name in variables else default

        rehearsal = boolean(value("immich_rehearsal", False), strict=False)
        options: dict[str, Callable[..., dict[str, Any]]] = REHEARSED if rehearsal else REAL
        for term in terms:
            if term not in options:
                raise AnsibleLookupError(f"homelab.immich.connection knows {', '.join(options)}; there is no {term!r}.")
        facts = _facts(variables) if rehearsal else {}
        return [{**options[term](value, facts), "rehearsal": rehearsal} for term in terms]


def _facts(variables: dict[str, Any]) -> dict[str, Any]:
    """Where the rehearsal of this run is; an error when it does not run."""
    try:
        home = state.home_of_run(variables)
        facts = state.read(home)
        if processes.pid(home, "kube-apiserver") is None:
            raise state.NotRunning(f"The rehearsal in {home} has ended.")
    except state.RehearsalError as error:
        raise AnsibleLookupError(
            f"immich_rehearsal is true, so nothing but this machine may be reached. {error} "
            "Start it: ansible-playbook homelab.immich.site -i INVENTORY, without --skip-tags always."
        ) from None
    return facts


def _service(value: Callable[..., Any]) -> dict[str, str]:
    return {"namespace": str(value("immich_namespace", "immich")), "service": f"{value('immich_name', 'immich')}-server"}


def _rehearsed_kubernetes(_value: Callable[..., Any], facts: dict[str, Any]) -> dict[str, Any]:
    return {"kubeconfig": facts["kubeconfig"], "context": facts["context"]}


def _rehearsed_immich(value: Callable[..., Any], facts: dict[str, Any]) -> dict[str, Any]:
    where = _service(value)
    url = f"{facts['immich']}/api/v1/namespaces/{where['namespace']}/services/{where['service']}:2283/proxy"
    return {"url": url, "ca_cert": None, **_rehearsed_kubernetes(value, facts), **where}


def _rehearsed_truenas(value: Callable[..., Any], facts: dict[str, Any]) -> dict[str, Any]:
    url = f"{facts['truenas']}/{value('inventory_hostname')}"
    return {"url": url, "username": facts["truenas_user"], "api_key": facts["truenas_api_key"], "ca_cert": facts["ca"], "validate_certs": True}


def _rehearsed_public(value: Callable[..., Any], facts: dict[str, Any]) -> dict[str, Any]:
    return {"url": f"{facts['immich']}/host/{urlsplit(str(value('immich_url'))).hostname}"}


def _real_kubernetes(value: Callable[..., Any], _facts: dict[str, Any]) -> dict[str, Any]:
    return {"kubeconfig": value("immich_kubeconfig") or None, "context": value("immich_context")}


def _real_immich(value: Callable[..., Any], facts: dict[str, Any]) -> dict[str, Any]:
    return {"url": value("immich_api_url") or None, "ca_cert": None, **_real_kubernetes(value, facts), **_service(value)}


def _real_truenas(value: Callable[..., Any], _facts: dict[str, Any]) -> dict[str, Any]:
    address = value("nas_api_url") or f"wss://{value('ansible_host') or value('inventory_hostname')}"
    return {
        "url": address,
        "username": value("nas_api_user"),
        "api_key": value("nas_api_key"),
        "ca_cert": value("nas_api_ca_cert") or None,
        "validate_certs": boolean(value("nas_api_validate_certs", True)),
    }


def _real_public(value: Callable[..., Any], _facts: dict[str, Any]) -> dict[str, Any]:
    return {"url": value("immich_url")}


REHEARSED = {"kubernetes": _rehearsed_kubernetes, "immich": _rehearsed_immich, "truenas": _rehearsed_truenas, "public": _rehearsed_public}
REAL = {"kubernetes": _real_kubernetes, "immich": _real_immich, "truenas": _real_truenas, "public": _real_public}
