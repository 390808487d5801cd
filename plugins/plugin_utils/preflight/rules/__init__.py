# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules that span variables, roles and hosts: functions from an inventory to problems, by theme."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..model import Inventory, Problem
from . import (
    backup,
    cache,
    database,
    exports,
    ingress,
    instances,
    libraries,
    monitoring,
    network_policy,
    quantities,
    real_run,
    schedules,
    secrets,
    settings,
    urls,
    users,
    versions,
    volumes,
    workloads,
)

Rule = Callable[[Inventory], Iterator[Problem]]

RULES: tuple[Rule, ...] = tuple(
    rule
    for theme in (
        real_run,
        instances,
        versions,
        secrets,
        database,
        cache,
        urls,
        ingress,
        network_policy,
        volumes,
        exports,
        users,
        libraries,
        schedules,
        backup,
        monitoring,
        quantities,
        settings,
        workloads,
    )
    for rule in theme.RULES
)
