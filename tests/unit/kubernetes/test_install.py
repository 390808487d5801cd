# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Of each operator that a role has objects for, a cluster without it is told how to get it."""

from __future__ import annotations

import re
from pathlib import Path

from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.operators import INSTALL

BUILT_IN = {"apps", "autoscaling", "batch", "networking.k8s.io", "policy", "rbac.authorization.k8s.io", "resource.k8s.io"}


def test_every_kind_of_an_operator_says_what_to_install(checkout: Path) -> None:
    templates = [path.read_text() for path in checkout.glob("roles/*/templates/*.j2")]
    groups = {group for text in templates for group in re.findall(r"^ *apiVersion: ([\w.-]+)/v\w+$", text, re.MULTILINE)}
    assert {"postgresql.cnpg.io", "traefik.io"} <= groups
    assert (groups | {"cilium.io"}) - BUILT_IN - set(INSTALL) == set()  # the policies of Cilium are written by a filter
