# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The queue of Immich's jobs."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Homelab


@pytest.mark.parametrize(
    "changes",
    [
        {"immich_cache_provider": "redis", "immich_cache_image": "redis:8.4-alpine"},
        {"immich_cache_provider": "dragonfly", "immich_cache_replicas": 3, "immich_cache_max_memory": "1000M", "immich_cache_threads": 2},
        {"immich_cache_provider": "dragonfly", "immich_cache_resources": {"limits": {"memory": "1536Mi"}}},
        {"immich_cache_provider": "external", "immich_cache_host": "redis.home.net"},
        {"immich_cache_provider": "external", "immich_secrets": {"cache_url": {"values": {"url": "ioredis://e30="}}}},
        {"immich_server_env": {"REDIS_URL": "ioredis://e30="}},
        {"immich_server_env": {"REDIS_URL": {"secretKeyRef": {"name": "a", "key": "b"}}}},
    ],
)
def test_what_is_fine(homelab: Homelab, changes: dict[str, Any]) -> None:
    homelab.photos.update(changes)
    assert homelab.errors() == [] and homelab.warnings() == []


@pytest.mark.parametrize(("name", "value", "owner"), [("replicas", 3, "dragonfly"), ("max_memory", "1Gi", "dragonfly"), ("host", "redis", "external")])
def test_a_variable_of_another_kind(homelab: Homelab, name: str, value: Any, owner: str) -> None:
    homelab.photos[f"immich_cache_{name}"] = value
    assert homelab.errors() == [f"immich_cache_{name} is for immich_cache_provider: {owner}, and it is valkey. Remove it, or choose {owner}."]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"immich_cache_threads": 8}, "immich_cache_max_memory is 1Gi, and Dragonfly wants 256Mi for each of its 8 threads, or does not start."),
        ({"immich_cache_max_memory": "lots"}, "immich_cache_max_memory is lots. Write a Kubernetes quantity such as 1Gi."),
        ({"immich_cache_replicas": 0}, "immich_cache_replicas is 0. Use 1 or more."),
        ({"immich_cache_resources": {"limits": {"memory": "1Gi"}}}, "immich_cache_resources.limits.memory leaves nothing above immich_cache_max_memory (1Gi)"),
    ],
)
def test_a_dragonfly_that_would_not_live(homelab: Homelab, changes: dict[str, Any], text: str) -> None:
    homelab.photos.update({"immich_cache_provider": "dragonfly"} | changes)
    (said,) = homelab.errors()
    assert said.startswith(text)


def test_an_address_that_immich_ignores(homelab: Homelab) -> None:
    homelab.photos["immich_server_env"] = {"REDIS_URL": "redis://:hunter2@redis:6379"}
    (said,) = homelab.errors()
    assert said.startswith("immich_server_env.REDIS_URL does not begin with ioredis://") and "hunter2" not in said


def test_a_queue_of_somebody_else_that_is_nowhere(homelab: Homelab) -> None:
    homelab.photos["immich_cache_provider"] = "external"
    for host in (*homelab.groups["immich"].values(), *homelab.groups["nas"].values()):
        host["immich_rehearsal"] = False
    assert [text for text in homelab.errors() if text.startswith("immich_secrets.cache_url is not set")]
