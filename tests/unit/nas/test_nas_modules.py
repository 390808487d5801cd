# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The NAS modules that only look: what they return, and what they say."""

from __future__ import annotations

import socket

from ansible_collections.homelab.immich.plugins.modules import nas_reachable_info


def test_a_nas_that_answers(run, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setitem(nas_reachable_info.PORTS, "nfs", server.getsockname()[1])
        assert run("nas_reachable_info", {"name": "unas", "address": "127.0.0.1"}, check=True)["findings"] == []


def test_a_nas_that_does_not_answer_is_a_warning(run, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setitem(nas_reachable_info.PORTS, "smb", server.getsockname()[1])
    result = run("nas_reachable_info", {"name": "unas", "address": "127.0.0.1", "protocols": ["smb"]})
    assert "failed" not in result
    assert [finding["severity"] for finding in result["findings"]] == ["warning"]
    assert "unas: 127.0.0.1 does not answer on port" in result["warned"][0]
