# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every test shares: the folders of the checkout."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from ansible.plugins.loader import init_plugin_loader

CHECKOUT = Path(__file__).resolve().parent.parent

# A shell starts what runs in the background with Ctrl-C ignored, and every process inherits that; tests interrupt theirs.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Ansible's importer, before a test imports anything of the collection: without it no plugin is found by its full name.
init_plugin_loader([str(CHECKOUT / "collections")])


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The root of the collection."""
    return CHECKOUT


@pytest.fixture(scope="session")
def reference() -> Path:
    """The API contracts and CRDs that some tests compare with; they are not part of the project."""
    folder = CHECKOUT.parent / "shared"
    if not folder.is_dir():
        pytest.skip(f"no {folder.name}/ beside the checkout: nothing to compare with")
    return folder
