# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookup: the program that backs up a volume, as one file."""

from __future__ import annotations

DOCUMENTATION = r"""
name: volume_backup
short_description: The program that backs up a volume, in base64
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - Packs the program that looks at a volume, lets VolSync back it up and compares the result, as C(binaryData) of a ConfigMap takes it.
  - It needs Python 3.11 and nothing else. The same release of this collection gives the same file everywhere.
options:
  _terms:
    description: None.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Show how large the program is
  ansible.builtin.debug:
    msg: "{{ lookup('homelab.immich.volume_backup') | length }}"
"""

RETURN = r"""
_list:
  description: The file in base64.
  type: list
  elements: str
"""

import base64
from typing import Any

from ansible.plugins.lookup import LookupBase
from ansible_collections.homelab.immich.plugins.module_utils.volume_backup.zipped import archive


class LookupModule(LookupBase):
    """Pack the program."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """Return the file."""
        return [base64.b64encode(archive()).decode()]
