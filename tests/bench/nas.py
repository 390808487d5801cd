# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run without a change asks of TrueNAS, for 1 and for 20 exports."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from ansible_collections.homelab.immich.plugins.module_utils.truenas.look import look
from ansible_collections.homelab.immich.plugins.module_utils.truenas.plan import plan
from ansible_collections.homelab.immich.plugins.module_utils.truenas.versions import dialect
from ansible_collections.homelab.immich.rehearsal.truenas.testing import PHOTOS, Server


def measure() -> dict[int, dict[str, float]]:
    """{exports: {logins, listings, stats, seconds}}. Listings must not grow with the exports, stats may, by two an export."""
    exports = [PHOTOS | {"name": f"photos{number}", "dataset": f"tank/photos{number}"} for number in range(20)]
    figures = {}
    with tempfile.TemporaryDirectory() as folder, Server(Path(folder), exports) as nas:
        for number in (1, 20):
            nas.calls.clear()
            began = time.monotonic()
            with nas.client() as api:
                made = plan(exports[:number], look(api, exports[:number]), dialect(api.call("system.version")))
            assert not made.steps and not made.refusals
            logins, stats = nas.methods.count("auth.login_ex"), nas.methods.count("filesystem.stat")
            figures[number] = {"logins": logins, "listings": len(nas.methods) - logins - stats, "stats": stats, "seconds": round(time.monotonic() - began, 3)}
    return figures


if __name__ == "__main__":
    for exports, figures in measure().items():
        print(f"{exports:3} exports: {figures}")
