# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: user
short_description: Manage the users of an Immich server
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - Creates, updates, deletes and restores users. They are told apart by e-mail address.
  - A user who is not listed keeps the account. An option that is left out is left alone on the server.
  - All errors in the list are reported at once, before anything is changed. The server is asked once, however many users are listed.
options:
  users:
    description: The users.
    type: list
    elements: dict
    required: true
    suboptions:
      email:
        description: E-mail address, which is also the name to log in with. Upper and lower case do not matter.
        type: str
        required: true
      name:
        description: Display name. Needed to make an account.
        type: str
      password:
        description: Password. Needed to make an account, and not used afterwards unless O(users[].update_password) says so.
        type: str
      update_password:
        description:
          - When to set O(users[].password). The server cannot say whether a password is the same,
            so with V(always) it is set, and reported as a change, every time.
        type: str
        choices: [always, on_create]
        default: on_create
      should_change_password:
        description: Whether the user must choose another password at the next login. Used when a password is set.
        type: bool
      quota:
        description: How much the user may upload, in bytes or as a size such as V(200Gi) or V(200G), or V(unlimited).
        type: str
      storage_label:
        description: Folder name that Immich's storage template uses for this user. An empty one removes it.
        type: str
      admin:
        description: Whether the user administers the server.
        type: bool
      allow_removal:
        description: Whether an account may be deleted that has assets, of its own or in its libraries. The files of libraries stay.
        type: bool
        default: false
      restore:
        description: Bring back an account that was deleted and not removed for good yet. Without this, such an account is an error.
        type: bool
        default: false
      state:
        description:
          - V(absent) deletes the account, if it has no assets or O(users[].allow_removal) is set.
            The server keeps it and its photos for the days of the setting C(user.deleteDelay).
        type: str
        choices: [present, absent]
        default: present
extends_documentation_fragment:
  - homelab.immich.connection
  - homelab.immich.attributes
  - homelab.immich.attributes.action_group
"""

EXAMPLES = r"""
- name: The family
  homelab.immich.user:
    url: https://photos.example.net
    api_key: "{{ immich_key }}"
    users:
      - name: Family
        email: family@example.net
        password: "{{ vault_family_password }}"
        quota: 200Gi
      - email: guest@example.net
        state: absent
"""

RETURN = r"""
users:
  description: What became of each user.
  type: list
  elements: dict
  returned: success
  contains:
    user:
      description: The user.
      type: str
      sample: user family@example.net
    action:
      description: V(created), V(updated), V(deleted) or V(unchanged).
      type: str
requests:
  description: How many requests were sent.
  type: int
  returned: always
"""

from ansible_collections.homelab.immich.plugins.module_utils.immich.module import ImmichModule
from ansible_collections.homelab.immich.plugins.module_utils.immich.scans import counts
from ansible_collections.homelab.immich.plugins.module_utils.immich.users import list_users, plan_users

USER_SPEC = {
    "email": {"type": "str", "required": True},
    "name": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    # it names a choice, no secret
    "update_password": {"type": "str", "choices": ["always", "on_create"], "default": "on_create", "no_log": False},
    "should_change_password": {"type": "bool", "no_log": False},
    "quota": {"type": "str"},
    "storage_label": {"type": "str"},
    "admin": {"type": "bool"},
    "allow_removal": {"type": "bool", "default": False},
    "restore": {"type": "bool", "default": False},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}


def main() -> None:
    """Run the module."""
    module = ImmichModule({"users": {"type": "list", "elements": "dict", "required": True, "options": USER_SPEC}})
    done = []
    with module.api() as api:
        current = list_users(api, with_deleted=True)
        for plan in plan_users(current, module.params["users"], lambda user_id: sum(counts(api, user_id).values())):
            module.carry_out(api, plan)
            done.append({"user": plan.change.what, "action": plan.change.action})
    module.exit(users=done)


if __name__ == "__main__":
    main()
