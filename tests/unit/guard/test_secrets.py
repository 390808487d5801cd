# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets that are no headers, or are in the wrong place: what is told of them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.guard.config import ConfigError
from ansible_collections.homelab.immich.plugins.module_utils.guard.signals import Webhook
from ansible_collections.homelab.immich.plugins.module_utils.immich.transport import TransportError


@pytest.fixture
def address() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/immich"


@pytest.mark.parametrize("token", ["s3cret\nand more", "s3cret\u2026"])
def test_a_token_that_no_header_may_hold_is_not_shown(address: str, tmp_path: Path, token: str) -> None:
    (tmp_path / "token").write_text(token)
    report = {"library": "NAS photos", "outcome": "braked", "message": "", "notes": []}
    with pytest.raises(TransportError, match="holds a character that no header may") as raised:
        Webhook("ntfy", address, str(tmp_path / "token")).send(report)
    assert "s3cret" not in str(raised.value) and "and more" not in str(raised.value)


def test_a_config_of_a_webhook_that_is_wrong_is_told_without_what_it_says(address: str) -> None:
    with pytest.raises(ConfigError, match="webhook has kind, token, url; write kind") as raised:
        Webhook.read({"kind": "ntfy", "url": address, "token": "s3cret"})
    assert "s3cret" not in str(raised.value)
