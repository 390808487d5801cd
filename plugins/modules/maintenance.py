# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: maintenance
short_description: Put an Immich server into maintenance mode, or take it out again
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - In maintenance mode (v2.3 or later) the server has restarted into a small worker. People see a page that says so, no job runs,
    and API keys and sessions do not count.
  - Only the token that the start returns ends it again, for four hours. Keep the result of the start; it is hidden in the output.
    When the token is lost, C(immich-admin disable-maintenance-mode) in the pod of the server ends it.
  - All pods of the server go into maintenance mode, whatever their workers are.
  - From v2.3 to v2.5 the health check C(/api/server/ping) answers 404 meanwhile. A liveness probe that asks for it makes Kubernetes kill the server;
    the workloads of this collection ask for C(/api/server/config) there.
options:
  enabled:
    description: Whether the server is in maintenance mode.
    type: bool
    required: true
  token:
    description: The token that the start returned. Needed to end maintenance mode.
    type: str
extends_documentation_fragment:
  - homelab.immich.connection
  - homelab.immich.waiting
  - homelab.immich.attributes
  - homelab.immich.attributes.action_group
"""

EXAMPLES = r"""
- name: Nobody changes anything from here on
  homelab.immich.maintenance:
    url: https://photos.example.net
    api_key: "{{ immich_key }}"
    enabled: true
  register: maintenance

- name: Open again
  homelab.immich.maintenance:
    url: https://photos.example.net
    enabled: false
    token: "{{ maintenance.token }}"
"""

RETURN = r"""
maintenance:
  description: Whether the server is in maintenance mode now. In check mode, whether it is without a change.
  type: bool
  returned: success
token:
  description: The token that ends maintenance mode. It is good for four hours. The action hides a result that has it.
  type: str
  returned: when maintenance mode was started
login_url:
  description: Where a person signs in during maintenance mode. It holds the token.
  type: str
  returned: when maintenance mode was started, and the server's address is known (by O(url), or by its setting server.externalDomain)
requests:
  description: How many requests were sent.
  type: int
  returned: always
"""

from typing import Any

from ansible_collections.homelab.immich.plugins.module_utils.immich import server
from ansible_collections.homelab.immich.plugins.module_utils.immich.changes import Change, Plan, Step
from ansible_collections.homelab.immich.plugins.module_utils.immich.client import Client
from ansible_collections.homelab.immich.plugins.module_utils.immich.errors import ImmichError, UnexpectedAnswer
from ansible_collections.homelab.immich.plugins.module_utils.immich.module import ImmichModule
from ansible_collections.homelab.immich.plugins.module_utils.immich.waiting import WAIT_SPEC, wait

SPEC: dict[str, Any] = {"enabled": {"type": "bool", "required": True}, "token": {"type": "str", "no_log": True}}


def plan(enabled: bool) -> Plan:
    """Plan a change of the mode."""
    word = "start" if enabled else "end"
    step = Step("POST", "/admin/maintenance", {"action": word}, f"{word} maintenance mode")
    return Plan(Change("maintenance mode", {"enabled": not enabled}, {"enabled": enabled}), (step,))


def start(module: ImmichModule, api: Client, config: dict[str, Any]) -> dict[str, Any]:
    """Start maintenance mode; return the token."""
    api.require("maintenance_api", "start maintenance mode")
    if not api.capabilities.ping_in_maintenance:
        module.ansible.warn(
            f"Immich {api.version} answers 404 to /api/server/ping in maintenance mode: a liveness probe that asks for it makes Kubernetes kill the server. "
            "The workloads of this collection ask for /api/server/config."
        )
    if not module.params["api_key"]:
        module.login(api)
    module.carry_out(api, plan(enabled=True))
    if module.check_mode:
        return {}
    token = server.token_of(api.set_cookie)
    if token is None:
        raise UnexpectedAnswer(
            "The server started maintenance mode and gave no token that ends it; run immich-admin disable-maintenance-mode in the pod of the server."
        )
    api.use_maintenance_token(token)
    url = server.login_url(config, module.params["url"], token)
    return {"token": token} | ({"login_url": url} if url else {})


def end(module: ImmichModule, api: Client) -> dict[str, Any]:
    """End maintenance mode."""
    if not module.params["token"]:
        raise ImmichError(
            "The server is in maintenance mode, and only the token that the start returned ends it; give token, "
            "or run immich-admin disable-maintenance-mode in the pod of the server."
        )
    api.use_maintenance_token(module.params["token"])
    module.carry_out(api, plan(enabled=False))
    return {}


def main() -> None:
    """Run the module."""
    module = ImmichModule(SPEC | WAIT_SPEC)
    enabled, begun = module.params["enabled"], module.params["resume"]
    result: dict[str, Any] = {}
    with module.api(authenticate=False) as api:
        if begun is None:
            config = server.config(api)
            if server.in_maintenance(config) != enabled:
                result = start(module, api, config) if enabled else end(module, api)
                begun = {}
        if begun is not None and not module.check_mode:
            doing = f"{'start' if enabled else 'end'} maintenance mode"
            result |= wait(module, doing, lambda: server.until_maintenance(api, enabled), begun)
    would_change = module.check_mode and begun is not None
    module.exit(maintenance=enabled != would_change, **result)


if __name__ == "__main__":
    main()
