# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: api_key
short_description: Manage an API key of an Immich server
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - Makes sure that O(api_key), the key that was stored the last time, is valid and has exactly the permissions that are needed.
    While that is so, no session is opened.
  - Otherwise logs in with O(email) and O(password) and changes the key's permissions, or makes a new key.
  - Immich shows the secret of a key once, when it is made, so store RV(secret) at once, and set C(no_log) on the task.
  - A stored key that the server does not accept is replaced, and the user's key named O(name), whose secret nobody has then, is deleted.
  - Names of keys are not unique in Immich. More than one key named O(name) is an error that lists them.
  - Without O(email) and O(password), O(api_key) may have more permissions than are needed, and fewer are an error.
options:
  name:
    description: Name of the key, among those of the user who logs in.
    type: str
    required: true
  purposes:
    description:
      - What the key is for. The permissions for that follow from the server's version.
      - V(validate) needs a key with all permissions.
    type: list
    elements: str
    choices: [backups, libraries, maintenance, onboarding, scan, settings, statistics, users, validate]
  permissions:
    description: Permissions of the key, as the server names them. Use either this or O(purposes).
    type: list
    elements: str
  replace_lost:
    description:
      - What to do about a key named O(name) when no O(api_key) is given, so that its secret is lost.
      - V(true) deletes it and makes a new one. V(false) is an error, for another program may be using it.
    type: bool
    default: false
  state:
    description: Whether the key exists.
    type: str
    choices: [present, absent]
    default: present
extends_documentation_fragment:
  - homelab.immich.connection
  - homelab.immich.attributes
  - homelab.immich.attributes.action_group
"""

EXAMPLES = r"""
- name: A key that can manage libraries and settings
  homelab.immich.api_key:
    url: https://photos.example.net
    api_key: "{{ stored_key | default(omit, true) }}"
    email: admin@example.net
    password: "{{ vault_immich_admin_password }}"
    name: ansible
    purposes: [libraries, settings]
  no_log: true
  register: key
"""

RETURN = r"""
secret:
  description: The secret of a new key.
  type: str
  returned: when a key was made, not in check mode
id:
  description: Identifier of the key. Null where there is none, or not yet.
  type: str
  returned: success
permissions:
  description: The permissions that are needed, as the server names them.
  type: list
  elements: str
  returned: success
requests:
  description: How many requests were sent.
  type: int
  returned: always
"""

from typing import Any, NoReturn

from ansible_collections.homelab.immich.plugins.module_utils.immich import api_keys, versions
from ansible_collections.homelab.immich.plugins.module_utils.immich.changes import Change
from ansible_collections.homelab.immich.plugins.module_utils.immich.client import Client, ImmichError
from ansible_collections.homelab.immich.plugins.module_utils.immich.module import ImmichModule

KEY_SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "purposes": {"type": "list", "elements": "str", "choices": list(versions.PURPOSES)},
    "permissions": {"type": "list", "elements": "str"},
    "replace_lost": {"type": "bool", "default": False},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


def ensure_absent(module: ImmichModule, api: Client) -> dict[str, Any]:
    """Delete the key of that name."""
    name = module.params["name"]
    module.login(api)
    module.carry_out(api, api_keys.plan_removal(api_keys.named(api_keys.list_keys(api), name), name))
    return {"id": None, "permissions": []}


def ensure_present(module: ImmichModule, api: Client) -> dict[str, Any]:
    """Keep the stored key if the server accepts it, or make another."""
    given, name = module.params, module.params["name"]
    # a server that is too old is an error before anything else
    version = api.capabilities.version
    permissions = versions.permissions(version, given["purposes"]) if given["purposes"] else sorted(set(given["permissions"]))
    own = api_keys.read_own(api) if given["api_key"] else None
    if own is None:
        return make(module, api, permissions)
    if "permissions" not in own:
        api.warnings.append(f"Immich {version} cannot say which permissions a key has; API key {name} is taken as it is.")
        return {"id": None, "permissions": permissions}
    if not module.can_log_in:
        missing = api_keys.lacking(own, permissions)
        if missing:
            raise ImmichError(f"The API key lacks the permissions {', '.join(missing)}; add them in Immich, or give email and password of its owner.")
        return {"id": own["id"], "permissions": permissions}
    plan = api_keys.plan_update(own, name, permissions)
    if plan.change.changed and not module.check_mode:
        module.login(api)
    module.carry_out(api, plan)
    return {"id": own["id"], "permissions": permissions}


def make(module: ImmichModule, api: Client, permissions: list[str]) -> dict[str, Any]:
    """Make a new key, instead of one of that name whose secret is lost."""
    given, name = module.params, module.params["name"]
    if not module.can_log_in:
        problem = "The server does not accept the API key" if given["api_key"] else f'To make the API key "{name}" somebody has to log in'
        raise ImmichError(f"{problem}; give email and password of its owner.")
    created = Change(f'API key "{name}"', None, {"name": name, "permissions": permissions})
    if module.check_mode:
        module.record(created)
        return {"id": None, "permissions": permissions}
    module.login(api)
    lost = api_keys.named(api_keys.list_keys(api), name)
    if lost is not None:
        if not given["api_key"] and not given["replace_lost"]:
            raise ImmichError(f'API key "{name}" exists and Immich does not show its secret again; give it as api_key, or set replace_lost: true.')
        # first, so that an interruption leaves no two of one name
        module.carry_out(api, api_keys.plan_removal(lost, name))
    answer = api.post("/api-keys", {"name": name, "permissions": permissions}, doing=f'make the API key "{name}"', shape=api_keys.CREATED)
    module.record(created)
    return {"id": answer["apiKey"]["id"], "permissions": permissions, "secret": answer["secret"]}


def main() -> NoReturn:
    """Run the module."""
    module = ImmichModule(
        KEY_SPEC,
        mutually_exclusive=[("purposes", "permissions")],
        required_if=[("state", "present", ("purposes", "permissions"), True)],
    )
    with module.api(authenticate=False) as api:
        result = (ensure_present if module.params["state"] == "present" else ensure_absent)(module, api)
    module.exit(**result)


if __name__ == "__main__":
    main()
