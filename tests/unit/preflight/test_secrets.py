# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Secrets come from."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Homelab


def test_one_source_for_each(homelab: Homelab) -> None:
    homelab.photos["immich_secrets"] = {"database": {"existing": "pg"}, "cache": {"onepassword": "vaults/home/items/queue"}}
    assert homelab.errors() == [] and homelab.warnings() == []


def test_a_secret_for_a_share_that_is_not_there(homelab: Homelab) -> None:
    homelab.photos["immich_secrets"] = {"smb": {"existing": "nas"}}
    assert homelab.errors() == ["immich_secrets.smb is used by nothing in this inventory. Remove it."]


def test_a_purpose_that_is_misspelt(homelab: Homelab) -> None:
    homelab.photos["immich_secrets"] = {"datbase": {"existing": "pg"}}
    (text,) = homelab.errors()
    assert text.startswith("immich_secrets.datbase is for nothing that this collection knows.") and text.endswith("Did you mean database?")


def test_two_sources(homelab: Homelab) -> None:
    homelab.photos["immich_secrets"] = {"cache": {"existing": "a", "sops": "b"}}
    assert homelab.errors() == [
        "immich_secrets.cache does not have exactly one source. Give it one of existing, values, external, onepassword, sealed or sops, with what it needs."
    ]


@pytest.mark.parametrize("entry", ["hunter2", {"values": "hunter2"}, {"values": {"password": ["hunter2"]}}, {"hunter2": 1}, ["hunter2"]])
def test_no_value_is_shown(homelab: Homelab, entry: Any) -> None:
    homelab.photos["immich_secrets"] = {"cache": entry}
    assert homelab.errors() and "hunter2" not in str(homelab.errors())
    homelab.photos["immich_secrets"] = "hunter2"
    assert homelab.errors() and "hunter2" not in str(homelab.errors())
