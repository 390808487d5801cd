# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report on the terminal."""

from __future__ import annotations

from ansible_collections.homelab.immich.plugins.plugin_utils.preflight import report
from ansible_collections.homelab.immich.plugins.plugin_utils.preflight.model import Problem


def test_errors_are_numbered_by_host_and_have_a_place() -> None:
    errors = [
        Problem("photos", "immich_url is wrong.", ("immich_url",)),
        Problem("tank", "nas_provider is wrong.", ("nas_provider",)),
        Problem("photos", "immich_timezone is wrong.", ("immich_timezone",)),
        Problem("photos", "Both are wrong.", (), ("tank",)),
    ]
    assert report.render(errors, lambda problem: f"hosts.yml:{len(problem.at)}" if problem.at else "").splitlines() == [
        "4 errors in the inventory. Nothing was changed.",
        "",
        "photos:",
        "  1. immich_url is wrong.",
        "     hosts.yml:1",
        "  2. immich_timezone is wrong.",
        "     hosts.yml:1",
        "",
        "tank:",
        "  3. nas_provider is wrong.",
        "     hosts.yml:1",
        "",
        "photos, tank:",
        "  4. Both are wrong.",
    ]


def test_one_error_is_singular() -> None:
    assert report.failed([Problem("photos", "x")]) == "1 error in the inventory, listed above. Nothing was changed."
