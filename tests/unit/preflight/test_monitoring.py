# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Monitoring."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Homelab


def test_labels_as_they_should_be(homelab: Homelab) -> None:
    values: dict[str, Any] = {
        "immich_monitoring": True,
        "immich_monitoring_labels": {"release": "kube-prometheus-stack"},
        "immich_monitoring_rule_labels": {"team": "home"},
        "immich_monitoring_dashboard_annotations": {"grafana_folder": "At home, and elsewhere"},
        "immich_monitoring_interval": "2m",
    }
    homelab.photos.update(values)
    assert homelab.problems() == []


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("immich_monitoring_dashboard_labels", {"a": 1}, "immich_monitoring_dashboard_labels.a is 1, which is no text. Put it in quotes."),
        ("immich_monitoring_labels", {"release": "my stack"}, "immich_monitoring_labels.release is my stack. A label has up to 63 letters"),
        ("immich_monitoring_rule_labels", {"my-team": "x"}, "immich_monitoring_rule_labels.my-team is no name of a label for Prometheus."),
        ("immich_monitoring_rule_labels", {"severity": "x"}, "immich_monitoring_rule_labels.severity is set by each alert itself."),
        ("immich_monitoring_interval", "often", "immich_monitoring_interval is often. Write seconds or minutes, such as 30s or 2m."),
        ("immich_monitoring", "maybe", 'immich_monitoring is the text "maybe", not true or false.'),
    ],
)
def test_what_nobody_takes(homelab: Homelab, variable: str, value: Any, said: str) -> None:
    homelab.photos[variable] = value
    assert len(homelab.errors()) == 1 and said in homelab.errors()[0]
