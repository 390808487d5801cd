# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: server_info
short_description: Read what an Immich server says about itself
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - Reads the version, the features, who owns the settings, and whether the server is in maintenance mode. That takes no key.
  - With O(api_key), or O(email) and O(password), it also reads the storage and the build.
  - In maintenance mode the server tells nothing but that.
options:
  statistics:
    description:
      - Also count the assets of all users. The key needs the permission C(server.statistics).
      - Immich counts what a scan has put in the trash too.
    type: bool
    default: false
extends_documentation_fragment:
  - homelab.immich.connection
  - homelab.immich.attributes.read_only
  - homelab.immich.attributes.action_group
"""

EXAMPLES = r"""
- name: What runs there, without a key
  homelab.immich.server_info:
    url: https://photos.example.net
  register: immich

- name: The settings are managed here, and not by a file
  ansible.builtin.assert:
    that: immich.settings_owner == 'api'

- name: With storage and counts
  homelab.immich.server_info:
    url: https://photos.example.net
    api_key: "{{ immich_key }}"
    statistics: true
"""

RETURN = r"""
maintenance:
  description: Whether the server is in maintenance mode. All other values are null then, but for RV(version) from v2.5 on.
  type: bool
  returned: success
version:
  description: Version, without a v.
  type: str
  returned: success
  sample: 3.3.5
known:
  description: Whether this collection knows the version. A newer one is treated like the newest known one.
  type: bool
  returned: success
initialized:
  description: Whether there is an administrator. From v2.5 on also true where C(IMMICH_ALLOW_SETUP=false) forbids to make one.
  type: bool
  returned: success
features:
  description: What is switched on, such as C(smartSearch), C(trash) or C(oauth).
  type: dict
  returned: success
settings_owner:
  description: V(file) where the server takes its settings from the file of C(IMMICH_CONFIG_FILE) and refuses changes, V(api) otherwise.
  type: str
  returned: success
history:
  description: Which versions have run on this database since when, the newest first. A version is written when the server has started with it.
  type: list
  elements: dict
  returned: success
  contains:
    version:
      description: Version.
      type: str
    since:
      description: When it first started.
      type: str
storage:
  description: The file system of the media location, in bytes. Null without credentials.
  type: dict
  returned: success
  contains:
    size:
      description: Size.
      type: int
    used:
      description: What is used.
      type: int
    available:
      description: What is left.
      type: int
about:
  description: What the server was built from and with, as it says it itself. Null without credentials.
  type: dict
  returned: success
statistics:
  description: How many photos and videos there are, and how many bytes they take (usage).
  type: dict
  returned: with O(statistics)
requests:
  description: How many requests were sent.
  type: int
  returned: always
"""

from ansible_collections.homelab.immich.plugins.module_utils.immich import server
from ansible_collections.homelab.immich.plugins.module_utils.immich.module import ImmichModule


def main() -> None:
    """Run the module."""
    module = ImmichModule({"statistics": {"type": "bool", "default": False}})
    key, statistics = module.params["api_key"], module.params["statistics"]
    with module.api(authenticate=False) as api:
        facts = server.public_facts(api)
        if statistics or key or module.can_log_in:
            if facts["maintenance"]:
                module.ansible.warn("The server is in maintenance mode: keys and sessions do not count there, so storage, build and statistics stay unknown.")
            else:
                if not key:
                    module.login(api)
                facts |= server.facts(api, statistics=statistics)
    module.exit(**facts)


if __name__ == "__main__":
    main()
