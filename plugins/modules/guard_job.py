# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: guard_job
short_description: Run the guard of the cluster now, and follow it
version_added: 0.1.0
description:
  - Starts a Job as the CronJob of each library would, where the photos are seen by its pod and by nobody else, shows what the guard prints, and waits for it.
  - With O(command=plan) the guard says what a scan would do and changes nothing; the Job itself is an object in the cluster, which goes after a day.
  - Check mode sends nothing but reads. It shows what the guard found when it ran last, and when that was.
options:
  libraries:
    description: Names of the libraries. All that have a CronJob by default.
    type: list
    elements: str
  command:
    description: Whether to say what a scan would do, or to scan.
    type: str
    choices: [plan, scan]
    default: plan
  accept:
    description: How many assets may go this once, by library, as the refusal named it.
    type: dict
    default: {}
  in_quiet_hours:
    description: Whether to scan although these are the C(quiet_hours) of a library.
    type: bool
    default: false
  name:
    description: The first part of the names of the instance's objects, C(immich_name).
    type: str
    default: immich
  namespace:
    description: Its namespace.
    type: str
    default: immich
  wait_timeout:
    description: How many seconds to wait for each Job.
    type: int
    default: 21600
extends_documentation_fragment:
  - homelab.immich.kubernetes
  - homelab.immich.attributes
author: homelab.immich contributors (@homelab-immich)
"""

EXAMPLES = r"""
- name: See what a scan would do, with the eyes of the cluster
  homelab.immich.guard_job:
    context: homelab
"""

RETURN = r"""
jobs:
  description: What came of each library.
  type: list
  elements: dict
  returned: always
  contains:
    library:
      description: Its name.
      type: str
    job:
      description: The name of the Job. Empty in check mode.
      type: str
    exit_code:
      description: How the guard ended (docs/safety.md). Null in check mode, and where the pod did not say.
      type: int
    output:
      description: What it printed; in check mode, what it recorded last.
      type: str
"""
