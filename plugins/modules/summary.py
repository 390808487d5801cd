# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: summary
short_description: Print what a run leaves behind, as a person reads it
version_added: 0.1.0
description:
  - Prints one short text about one Immich instance, what exists, where, what the run changed, and what to do next.
  - Reads the variables of the instance and the results of the tasks before. It talks to nothing and changes nothing.
options:
  applied:
    description: The results of the M(homelab.immich.apply) tasks of this run.
    type: list
    elements: dict
    default: []
  configured:
    description: The results of the tasks that configured Immich itself, by a word for each, such as C(users).
    type: dict
    default: {}
  reached:
    description:
      - Whether Immich's API was there to be compared with.
      - If not, as in check mode on an empty cluster, the summary says so, and what the first real run configures.
    type: bool
    default: true
  initialized:
    description: Whether the first administrator has been made.
    type: bool
    default: false
author: homelab.immich contributors (@homelab-immich)
extends_documentation_fragment:
  - homelab.immich.attributes.read_only
"""

EXAMPLES = r"""
- name: Say what exists now
  homelab.immich.summary:
    applied: ["{{ data_layer }}", "{{ everything }}"]
    configured:
      users: "{{ users }}"
      libraries: "{{ libraries }}"
    initialized: true
"""

RETURN = r"""
summary:
  description: The text, line by line.
  returned: always
  type: list
  elements: str
  sample: ["Immich photos  https://photos.example.net  v3.3.5   (rehearsal)"]
"""
