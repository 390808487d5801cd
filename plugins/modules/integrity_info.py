# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: integrity_info
short_description: Read what the integrity checks of an Immich server found
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - From v3.0 on the server compares its files with its database, by default every night. This reads what the last checks found, and starts none.
  - They cover the media location only, never external libraries.
  - None found is also what a server says whose checks have not run yet.
options:
  types:
    description:
      - Which findings to list one by one. Counts are always returned.
      - V(missing_file) is a file that the database knows and the disk does not, V(untracked_file) the other way round,
        V(checksum_mismatch) one whose content has changed.
    type: list
    elements: str
    choices: [missing_file, untracked_file, checksum_mismatch]
    default: []
  limit:
    description: How many findings of each type to list at most.
    type: int
    default: 1000
extends_documentation_fragment:
  - homelab.immich.connection
  - homelab.immich.attributes.read_only
  - homelab.immich.attributes.action_group
"""

EXAMPLES = r"""
- name: Which files are missing
  homelab.immich.integrity_info:
    url: https://photos.example.net
    api_key: "{{ immich_key }}"
    types: [missing_file]
  register: integrity

- name: None must be, after a restore
  ansible.builtin.assert:
    that: integrity.summary.missing_file == 0
    fail_msg: "{{ integrity.findings | map(attribute='path') | join(', ') }}"
"""

RETURN = r"""
summary:
  description: How many findings there are, by type.
  type: dict
  returned: success
  sample: {"checksum_mismatch": 0, "missing_file": 2, "untracked_file": 0}
findings:
  description: The findings of O(types).
  type: list
  elements: dict
  returned: success
  contains:
    id:
      description: Identifier of the finding.
      type: str
    type:
      description: As in O(types).
      type: str
    path:
      description: The file, as the server sees it.
      type: str
truncated:
  description: Types of which there are more than O(limit).
  type: list
  elements: str
  returned: success
requests:
  description: How many requests were sent.
  type: int
  returned: always
"""

from ansible_collections.homelab.immich.plugins.module_utils.immich import integrity
from ansible_collections.homelab.immich.plugins.module_utils.immich.module import ImmichModule


def main() -> None:
    """Run the module."""
    module = ImmichModule(
        {
            "types": {"type": "list", "elements": "str", "choices": list(integrity.TYPES), "default": []},
            "limit": {"type": "int", "default": 1000},
        }
    )
    limit = module.params["limit"]
    if limit < 1:
        module.fail(f"limit is {limit}; give how many findings to list, 1 or more.")
    with module.api() as api:
        api.require("integrity_api", "read the integrity report")
        summary = integrity.summary(api)
        listed = {kind: integrity.findings(api, kind, limit) for kind in dict.fromkeys(module.params["types"])}
    module.exit(
        summary=summary,
        findings=[finding for found in listed.values() for finding in found],
        truncated=[kind for kind, found in listed.items() if summary[kind] > len(found)],
    )


if __name__ == "__main__":
    main()
