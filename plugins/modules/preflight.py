# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight
short_description: Check an inventory before anything changes
version_added: 0.1.0
description:
  - Checks the variables of all hosts of the groups C(nas) and C(immich) that take part in the run, and reports every error at once.
  - Each variable is held against the argument specs of the roles; then come the rules that span variables, roles and hosts, such as an export
    that a volume names and no NAS has.
  - A variable that begins with C(immich_) or C(nas_) and that no role knows is an error, wherever it is set.
  - It reads variables and nothing else. It talks to nothing and changes nothing.
  - With C(--limit), hosts outside the limit are taken into account, and only problems of the hosts inside are reported.
options: {}
author: homelab.immich contributors (@homelab-immich)
extends_documentation_fragment:
  - homelab.immich.attributes.read_only
"""

EXAMPLES = r"""
- name: Check the inventory
  homelab.immich.preflight:
  run_once: true
"""

RETURN = r"""
msg:
  description:
    - Which hosts were checked, or how many errors there are.
    - The errors themselves are printed above it, once, numbered by host, each with the file and line of the value.
  returned: always
  type: str
  sample: The variables of tank, photos are fine.
"""
