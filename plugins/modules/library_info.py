# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: library_info
short_description: Read the external libraries of an Immich server
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - Reads the external libraries of all users.
options:
  name:
    description: Only libraries of this name.
    type: str
  owner:
    description: Only libraries of the user with this e-mail address.
    type: str
  statistics:
    description:
      - Also count the assets of each library, with one more request each.
      - Immich counts the assets that a scan has put in the trash too, so these figures do not show a lost mount.
    type: bool
    default: false
extends_documentation_fragment:
  - homelab.immich.connection
  - homelab.immich.attributes.read_only
  - homelab.immich.attributes.action_group
"""

EXAMPLES = r"""
- name: All libraries, with their sizes
  homelab.immich.library_info:
    url: https://photos.example.net
    api_key: "{{ immich_key }}"
    statistics: true
  register: found
"""

RETURN = r"""
libraries:
  description: The libraries, by owner and name.
  type: list
  elements: dict
  returned: success
  contains:
    id:
      description: Identifier of the library.
      type: str
    name:
      description: Name.
      type: str
    owner:
      description: E-mail address of the owner. Null if the account is deleted.
      type: str
    import_paths:
      description: Folders in the server.
      type: list
      elements: str
    exclusion_patterns:
      description: Globs of what is left out.
      type: list
      elements: str
    refreshed_at:
      description: When the last scan went through the folders. Null before the first.
      type: str
    statistics:
      description: Count of photos, videos and both (total), and their size in bytes (usage).
      type: dict
      returned: when O(statistics=true)
requests:
  description: How many requests were sent.
  type: int
  returned: always
"""

from ansible_collections.homelab.immich.plugins.module_utils.immich.libraries import list_libraries, statistics
from ansible_collections.homelab.immich.plugins.module_utils.immich.module import ImmichModule
from ansible_collections.homelab.immich.plugins.module_utils.immich.users import list_users


def main() -> None:
    """Run the module."""
    module = ImmichModule({"name": {"type": "str"}, "owner": {"type": "str"}, "statistics": {"type": "bool", "default": False}})
    name, owner = module.params["name"], (module.params["owner"] or "").lower()
    found = []
    with module.api() as api:
        emails = {user["id"]: user["email"].lower() for user in list_users(api)}
        for library in list_libraries(api):
            if (name and library["name"] != name) or (owner and emails.get(library["ownerId"]) != owner):
                continue
            found.append(
                {
                    "id": library["id"],
                    "name": library["name"],
                    "owner": emails.get(library["ownerId"]),
                    "import_paths": library["importPaths"],
                    "exclusion_patterns": library["exclusionPatterns"],
                    "refreshed_at": library.get("refreshedAt"),
                    **({"statistics": statistics(api, library["id"])} if module.params["statistics"] else {}),
                }
            )
    module.exit(libraries=sorted(found, key=lambda library: (library["owner"] or "", library["name"])))


if __name__ == "__main__":
    main()
