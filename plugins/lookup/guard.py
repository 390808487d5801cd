# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lookup: the guard as one file."""

from __future__ import annotations

DOCUMENTATION = r"""
name: guard
short_description: The guard of scans as one file, in base64
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - Packs the guard, which needs Python 3.11 and nothing else, as C(binaryData) of a ConfigMap takes it.
  - The same release of this collection gives the same file everywhere.
options:
  _terms:
    description: None, or V(path) for the path of the file on the control node instead, which lasts as long as the run.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Show how large the guard is
  ansible.builtin.debug:
    msg: "{{ lookup('homelab.immich.guard') | length }}"
"""

RETURN = r"""
_list:
  description: The file in base64, or its path.
  type: list
  elements: str
"""

import base64
from pathlib import Path
from typing import Any

from ansible.constants import DEFAULT_LOCAL_TMP
from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.homelab.immich.plugins.module_utils.guard.zipped import archive


class LookupModule(LookupBase):
    """Pack the guard."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """Return the file."""
        if not terms:
            return [base64.b64encode(archive()).decode()]
        if terms != ["path"]:
            raise AnsibleLookupError(f"homelab.immich.guard knows the term path; there is no {', '.join(map(str, terms))}.")
        file = Path(DEFAULT_LOCAL_TMP) / "guard.pyz"
        file.write_bytes(archive())
        return [str(file)]
