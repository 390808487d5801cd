# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filter: what a PostgreSQL server of somebody else lacks."""

from __future__ import annotations

DOCUMENTATION = r"""
name: database_problems
short_description: Say what an external PostgreSQL server lacks
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - Compares what a server says of itself with what an instance needs, and gives a sentence for each thing that is missing.
positional: wanted
options:
  _input:
    description:
      - What the server says, C(version), C(superuser) (whether who asks is one), C(standby), C(preload) (its C(shared_preload_libraries)), C(available)
        (versions of extensions that it has files of), C(installed) (those in the database), C(owner) and C(encoding) of the database, both null without one.
    type: dict
    required: true
  wanted:
    description: The inventory, as C(host), C(admin), C(name) (of the database), C(immich), C(postgres) and C(vectorchord) (versions).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show what a server without VectorChord lacks
  ansible.builtin.debug:
    msg: >-
      {{ {'version': '17.10', 'superuser': true, 'standby': false, 'preload': '', 'available': {'vector': '0.8.1', 'cube': '1.5', 'earthdistance': '1.2'},
          'owner': none, 'encoding': none}
         | homelab.immich.database_problems({'host': 'postgres.example.net', 'admin': 'postgres', 'name': 'immich',
           'immich': 'v3.3.5', 'postgres': '17', 'vectorchord': '1.1.1'}) }}
"""

RETURN = r"""
_value:
  description: Sentences; none when all is there.
  type: list
  elements: str
  sample:
    - "shared_preload_libraries of postgres.example.net is '', without vchord.so, and VectorChord does not work without.
      Add it (ALTER SYSTEM SET shared_preload_libraries = …, vchord.so) and restart PostgreSQL."
"""

from collections.abc import Callable
from typing import Any

from ansible_collections.homelab.immich.plugins.plugin_utils.database import problems


class FilterModule:
    """The filter of this file."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Name the filter."""
        return {"database_problems": problems}
