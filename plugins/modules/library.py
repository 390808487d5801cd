# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: library
short_description: Manage the external libraries of an Immich server
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - Creates, updates and deletes external libraries. They are told apart by owner and name.
  - What would lose assets with their albums, faces and edits is refused, with their number, unless O(allow_removal) is set.
  - All errors are reported at once, before anything is changed. The server is asked once, however many libraries are listed.
options:
  name:
    description: Name of one library. Use either this or O(libraries).
    type: str
  owner:
    description: E-mail address of the owner. Immich cannot change the owner of a library.
    type: str
  import_paths:
    description:
      - Absolute folders in the server. Their order does not matter, and they are written without a slash at the end.
      - Left out, they are left alone. Needed to create a library.
    type: list
    elements: str
  exclusion_patterns:
    description: Globs of what is left out, such as V(**/@eaDir/**). Left out, they are left alone, and a new library gets Immich's own.
    type: list
    elements: str
  previous_name:
    description: Name that the library had before. It is renamed, instead of everything being imported a second time.
    type: str
  allow_removal:
    description: Let assets go, by O(state=absent), or by an import path that disappears. Their albums, faces and edits go with them.
    type: bool
    default: false
  allow_overlap:
    description: Let an import path be inside one of another library, or around it. The photos there are then imported once for each.
    type: bool
    default: false
  state:
    description: Whether the library exists.
    type: str
    choices: [present, absent]
    default: present
  libraries:
    description:
      - Many libraries at once, each with the options of one.
      - A library of the server that is not listed is reported as RV(unmanaged), never deleted.
    type: list
    elements: dict
    suboptions:
      name:
        description: As O(name).
        type: str
        required: true
      owner:
        description: As O(owner).
        type: str
        required: true
      import_paths:
        description: As O(import_paths).
        type: list
        elements: str
      exclusion_patterns:
        description: As O(exclusion_patterns).
        type: list
        elements: str
      previous_name:
        description: As O(previous_name).
        type: str
      allow_removal:
        description: As O(allow_removal).
        type: bool
        default: false
      allow_overlap:
        description: As O(allow_overlap).
        type: bool
        default: false
      state:
        description: As O(state).
        type: str
        choices: [present, absent]
        default: present
      scan:
        description: Not used here. When and within which limits a library is scanned is the guard's, and an inventory says it at the same place.
        type: dict
extends_documentation_fragment:
  - homelab.immich.connection
  - homelab.immich.attributes
  - homelab.immich.attributes.action_group
"""

EXAMPLES = r"""
- name: One library
  homelab.immich.library:
    url: https://photos.example.net
    api_key: "{{ immich_key }}"
    name: NAS photos
    owner: admin@example.net
    import_paths: [/mnt/photos]

- name: All libraries, with one listing
  homelab.immich.library:
    url: https://photos.example.net
    api_key: "{{ immich_key }}"
    libraries:
      - name: NAS photos
        previous_name: Photos
        owner: admin@example.net
        import_paths: [/mnt/photos/2023, /mnt/photos/2024]
      - name: Scans
        owner: family@example.net
        import_paths: [/mnt/scans]
        exclusion_patterns: ["**/@eaDir/**", "**/drafts/**"]
"""

RETURN = r"""
libraries:
  description: What became of each library.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: Name.
      type: str
    owner:
      description: E-mail address of the owner.
      type: str
    id:
      description: Identifier. Null if there is no such library, or not yet.
      type: str
    action:
      description: V(created), V(updated), V(deleted) or V(unchanged).
      type: str
unmanaged:
  description: Libraries of the server that O(libraries) does not name.
  type: list
  elements: dict
  returned: when O(libraries) is given
  contains:
    name:
      description: Name.
      type: str
    owner:
      description: E-mail address of the owner. Null if the account is deleted.
      type: str
    id:
      description: Identifier.
      type: str
requests:
  description: How many requests were sent.
  type: int
  returned: always
"""

from typing import Any

from ansible_collections.homelab.immich.plugins.module_utils.immich import libraries
from ansible_collections.homelab.immich.plugins.module_utils.immich.module import ImmichModule
from ansible_collections.homelab.immich.plugins.module_utils.immich.users import list_users

LIBRARY_SPEC: dict[str, dict[str, Any]] = {
    "name": {"type": "str"},
    "owner": {"type": "str"},
    "import_paths": {"type": "list", "elements": "str"},
    "exclusion_patterns": {"type": "list", "elements": "str"},
    "previous_name": {"type": "str"},
    "allow_removal": {"type": "bool", "default": False},
    "allow_overlap": {"type": "bool", "default": False},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
}
ENTRY_SPEC = LIBRARY_SPEC | {"name": {"type": "str", "required": True}, "owner": {"type": "str", "required": True}, "scan": {"type": "dict"}}


def main() -> None:
    """Run the module."""
    module = ImmichModule(
        LIBRARY_SPEC | {"libraries": {"type": "list", "elements": "dict", "options": ENTRY_SPEC}},
        required_one_of=[("name", "libraries")],
        mutually_exclusive=[("name", "libraries")],
        required_by={"name": "owner"},
    )
    listed = module.params["libraries"] is not None
    done = []
    with module.api() as api:
        emails = {user["id"]: user["email"].lower() for user in list_users(api)}
        owners = {email: user_id for user_id, email in emails.items()}
        # in check mode the owner may be one whom the same play would create
        wanted = libraries.desired(module.params["libraries"] if listed else [module.params], owners, unknown_owner_ok=module.check_mode)
        found = libraries.list_libraries(api)
        plans, unmanaged = libraries.plan_libraries(found, wanted, emails, lambda library_id: libraries.statistics(api, library_id)["total"])
        for plan in plans:
            library_id = (plan.current or {}).get("id") if module.check_mode else libraries.carry_out(api, plan)
            module.record(plan.change)
            done.append({"name": plan.wanted.name, "owner": plan.wanted.owner, "id": library_id, "action": plan.change.action})
            if plan.wanted.owner_id is not None:
                continue
            if plan.wanted.state == "present":
                module.ansible.warn(f"The owner of {plan.wanted.what} has no account yet; without one the library cannot be created.")
            elif any(library["name"] == plan.wanted.name and library["ownerId"] not in emails for library in found):
                module.ansible.warn(f'A library "{plan.wanted.name}" of a deleted user is left alone; restore the account to remove it.')
    others = [{"name": library["name"], "owner": emails.get(library["ownerId"]), "id": library["id"]} for library in unmanaged]
    module.exit(libraries=done, **({"unmanaged": others} if listed else {}))


if __name__ == "__main__":
    main()
