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
    While that is so, no session is opened, unless the server is older than 1.139 and says what a key may do only to its owner.
  - Otherwise logs in with O(email) and O(password) and changes the key's permissions, or makes a new key.
  - Immich shows the secret of a key once, when it is made, so store RV(secret) at once. A result that carries it is hidden, as with C(no_log);
    an error is shown.
  - A stored key that has another name is an error, for O(api_key) of C(module_defaults) or of the environment may be a key for something else.
    Give V("") there to have a new key made.
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
      - V(scan) is for M(homelab.immich.library_scan) with O(homelab.immich.library_scan#module:validate=false). With its default,
        give V(validate) too, which needs a key with all permissions.
    type: list
    elements: str
    choices: [backups, dashboard, guard, integrity, libraries, maintenance, onboarding, queues, recovery, scan, settings, statistics, users, validate]
  permissions:
    description: Permissions of the key, as the server names them. Use either this or O(purposes).
    type: list
    elements: str
  replace_lost:
    description:
      - What to do about a key named O(name) when neither O(api_key) nor O(store) is given, so that its secret is lost.
      - V(true) deletes it and makes a new one. V(false) is an error, for another program may be using it.
    type: bool
    default: false
  rotate:
    description:
      - Give the key a new secret, every time. Its name and permissions stay. Takes O(email) and O(password), and a key that the server accepts.
      - Before Immich 3.2 that is a new key, and the old one is deleted once the new one is made and kept in O(store).
    type: bool
    default: false
  store:
    description:
      - Name of a Kubernetes Secret in O(namespace) of O(context) that keeps the key, in its field C(key).
      - Without O(api_key) the key is read from there, and a new key is written there at once.
      - A key named O(name) whose secret is not there is lost, and replaced.
    type: str
  store_namespace:
    description: The namespace of O(store), where that is not O(namespace), as for a program that runs elsewhere and has to read it.
    type: str
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
  register: key

- name: The same, kept in the cluster
  homelab.immich.api_key:
    context: homelab
    namespace: immich
    store: immich-api-key
    email: admin@example.net
    password: "{{ vault_immich_admin_password }}"
    name: ansible
    purposes: [libraries, settings]
  register: key

- name: A new secret once a year
  homelab.immich.api_key:
    url: https://photos.example.net
    api_key: "{{ stored_key }}"
    email: admin@example.net
    password: "{{ vault_immich_admin_password }}"
    name: ansible
    purposes: [libraries, settings]
    rotate: true
  register: key

- name: No key of that name any more
  homelab.immich.api_key:
    url: https://photos.example.net
    email: admin@example.net
    password: "{{ vault_immich_admin_password }}"
    name: ansible
    state: absent
"""

RETURN = r"""
secret:
  description: The secret of a new or rotated key, or with O(store) of the key that it keeps.
  type: str
  returned: when a key was made or rotated, not in check mode, or O(store) keeps one
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

from typing import TYPE_CHECKING, Any, NoReturn

from ansible_collections.homelab.immich.plugins.module_utils.immich import api_keys, versions
from ansible_collections.homelab.immich.plugins.module_utils.immich.changes import Change
from ansible_collections.homelab.immich.plugins.module_utils.immich.client import Client
from ansible_collections.homelab.immich.plugins.module_utils.immich.errors import ImmichError
from ansible_collections.homelab.immich.plugins.module_utils.immich.module import ImmichModule

if TYPE_CHECKING:
    from ansible_collections.homelab.immich.plugins.module_utils.immich.key_store import KeyStore

KEY_SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": "str", "required": True},
    "purposes": {"type": "list", "elements": "str", "choices": list(versions.PURPOSES)},
    "permissions": {"type": "list", "elements": "str"},
    "replace_lost": {"type": "bool", "default": False},
    "rotate": {"type": "bool", "default": False},
    # the name of a Secret, not a secret
    "store": {"type": "str", "no_log": False},
    "store_namespace": {"type": "str"},
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
    given = module.params
    # a server that is too old is an error before anything else
    version = api.capabilities.version
    permissions = versions.permissions(version, given["purposes"]) if given["purposes"] else sorted(set(given["permissions"]))
    store = open_store(module) if given["store"] else None
    key = given["api_key"] or (store.read() if store else None)
    api.use_key(key)
    own = api_keys.read_own(api) if key else None
    if own is None:
        return make(module, api, permissions, key, store)
    if given["api_key"] and module.can_log_in and own.get("name", given["name"]) != given["name"]:
        # from the environment or module_defaults it may be the very key that everything else works with
        raise ImmichError(
            f'The key given as api_key is named "{own["name"]}", not "{given["name"]}"; give the one that was stored for "{given["name"]}", '
            'or api_key: "" to make a new key. Only in Immich can a key be given another name.'
        )
    result = {"id": own.get("id"), "permissions": permissions} | ({"secret": key} if store and not given["api_key"] else {})
    if "permissions" not in own and module.can_log_in:
        # a server that is too old to say what a key may do says it to the key's owner
        module.login(api)
        own = api_keys.named(api_keys.list_keys(api), given["name"]) or own
        result["id"] = own.get("id")
    if "permissions" not in own:
        api.warnings.append(f"Immich {version} does not say which permissions this key has; API key {given['name']} is taken as it is.")
    elif module.can_log_in:
        plan = api_keys.plan_update(own, given["name"], permissions)
        if plan.change.changed and not module.check_mode and not api.logged_in:
            module.login(api)
        module.carry_out(api, plan)
    elif missing := api_keys.lacking(own, permissions):
        raise ImmichError(f"The API key lacks the permissions {', '.join(missing)}; add them in Immich, or give email and password of its owner.")
    return result | rotate(module, api, own, permissions, store) if given["rotate"] else result


def rotate(module: ImmichModule, api: Client, own: dict[str, Any], permissions: list[str], store: KeyStore | None) -> dict[str, Any]:
    """Give the key a new secret; nothing is taken away before the new one works and is kept."""
    name = module.params["name"]
    if not module.can_log_in:
        raise ImmichError(f'To rotate the API key "{name}" somebody has to log in; give email and password of its owner.')
    rotated = Change(f'API key "{name}"', {"secret": "old"}, {"secret": "new"}, secret=frozenset({"secret"}))
    if module.check_mode:
        module.record(rotated)
        return {}
    if not api.logged_in:
        module.login(api)
    old = own if "id" in own else api_keys.named(api_keys.list_keys(api), name) or {}
    doing, in_place = f'rotate the API key "{name}"', bool(old) and api.capabilities.api_key_rotate
    if in_place:
        answer = api.post(f"/api-keys/{old['id']}/rotate", doing=doing, shape=api_keys.CREATED)
    else:
        answer = api.post("/api-keys", {"name": name, "permissions": permissions}, doing=doing, shape=api_keys.CREATED)
    if store:
        store.write(answer["secret"])
    if old and not in_place:
        api.delete(f"/api-keys/{old['id']}", doing=f'delete the old API key "{name}"')
    module.record(rotated)
    return {"id": answer["apiKey"]["id"], "secret": answer["secret"]}


def open_store(module: ImmichModule) -> KeyStore:
    """Reach the Secret that keeps the key."""
    # only here: the Kubernetes library takes a third of a second to import
    from ansible_collections.homelab.immich.plugins.module_utils.immich.key_store import KeyStore

    where = {option: module.params[option] for option in ("namespace", "kubeconfig", "context", "rehearsal")}
    where["namespace"] = module.params["store_namespace"] or where["namespace"]
    return KeyStore(module.params["store"], read_only=module.check_mode, **where)


def make(module: ImmichModule, api: Client, permissions: list[str], key: str | None, store: KeyStore | None) -> dict[str, Any]:
    """Make a new key, instead of one of that name whose secret is lost."""
    name = module.params["name"]
    if not module.can_log_in:
        problem = "The server does not accept the API key" if key else f'To make the API key "{name}" somebody has to log in'
        raise ImmichError(f"{problem}; give email and password of its owner.")
    created = Change(f'API key "{name}"', None, {"name": name, "permissions": permissions})
    if module.check_mode:
        module.record(created)
        return {"id": None, "permissions": permissions}
    module.login(api)
    lost = api_keys.named(api_keys.list_keys(api), name)
    if lost is not None:
        if not (key or store or module.params["replace_lost"]):
            raise ImmichError(f'API key "{name}" exists and Immich does not show its secret again; give it as api_key, or set replace_lost: true.')
        # first, so that an interruption leaves no two of one name
        module.carry_out(api, api_keys.plan_removal(lost, name))
    answer = api.post("/api-keys", {"name": name, "permissions": permissions}, doing=f'make the API key "{name}"', shape=api_keys.CREATED)
    module.record(created)
    if store:
        store.write(answer["secret"])
    return {"id": answer["apiKey"]["id"], "permissions": permissions, "secret": answer["secret"]}


def main() -> NoReturn:
    """Run the module."""
    module = ImmichModule(
        KEY_SPEC,
        mutually_exclusive=[("purposes", "permissions")],
        required_if=[("state", "present", ("purposes", "permissions"), True)],
    )
    if module.params["state"] == "present" and not (module.params["purposes"] or module.params["permissions"]):
        module.fail("A key without a permission is not possible; name at least one of purposes or permissions.")
    with module.api(authenticate=False) as api:
        result = (ensure_present if module.params["state"] == "present" else ensure_absent)(module, api)
    module.exit(**result)


if __name__ == "__main__":
    main()
