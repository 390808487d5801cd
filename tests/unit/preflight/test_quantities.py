# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes, quotas and ids."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Homelab


@pytest.mark.parametrize(
    ("size", "advice"),
    [
        ("50GB", "Write a Kubernetes quantity such as 50Gi."),
        ("50 gb", "Write a Kubernetes quantity such as 50Gi."),
        ("1.5TiB", "Write a Kubernetes quantity such as 1.5Ti."),
        ("0Gi", "Write a Kubernetes quantity such as 50Gi."),
        ("-1Gi", "Write a Kubernetes quantity such as 50Gi."),
        ("plenty", "Write a Kubernetes quantity such as 50Gi."),
        ("50", "That is a number of bytes. Write a unit, such as 50Gi."),
        (50, "That is a number of bytes. Write a unit, such as 50Gi."),
    ],
)
def test_sizes_that_are_none(homelab: Homelab, size: Any, advice: str) -> None:
    homelab.photos["immich_database_size"] = size
    homelab.volumes[1]["size"] = size
    homelab.photos["immich_users"][0]["quota"] = size
    assert homelab.errors() == [
        f"immich_database_size is {size}. {advice}",
        f"immich_volumes[1] (thumbs): size is {size}. {advice}",
        f"immich_users[0] (Family): quota is {size}. {advice}",
    ]


@pytest.mark.parametrize("size", ["1Ti", "500Gi", "1.5Ti", "100G", "200000M"])
def test_sizes(homelab: Homelab, size: str) -> None:
    homelab.volumes[1]["size"] = size
    assert homelab.errors() == []


def test_resources(homelab: Homelab) -> None:
    homelab.photos["immich_server_resources"] = {"requests": {"cpu": "half", "memory": "4GB"}, "limit": {"memory": "4Gi"}}
    assert homelab.errors() == [
        "immich_server_resources.requests.cpu is half. Write a Kubernetes quantity such as 250m or 2.",
        "immich_server_resources.requests.memory is 4GB. Write a Kubernetes quantity such as 4Gi.",
        "immich_server_resources.limit is not a known key. Use requests or limits.",
    ]


@pytest.mark.parametrize("number", [-1, 2**31])
def test_an_id_that_no_pod_can_have(homelab: Homelab, number: int) -> None:
    homelab.photos["immich_run_as"]["uid"] = number
    assert f"immich_run_as.uid is {number}. Use a number from 0 to 2147483647." in homelab.errors()
