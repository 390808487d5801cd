# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is set for a provider that is not the chosen one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..model import Inventory, Problem


def of_another_provider(inventory: Inventory, prefix: str, providers: Mapping[str, str]) -> Iterator[Problem]:
    """Variables that would do nothing; `providers` says which one each is for, by its name behind the prefix."""
    for host in inventory.instances:
        chosen = host.get(f"{prefix}_provider")
        for name, owner in providers.items():
            variable = f"{prefix}_{name}"
            if variable in host.given and chosen is not None and chosen != owner:
                text = f"{variable} is for {prefix}_provider: {owner}, and it is {chosen}. Remove it, or choose {owner}."
                yield Problem(host.name, text, (variable,))
