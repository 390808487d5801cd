# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard as one file, for a pod or a host that has Python and nothing else."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

# what the guard imports of the client
_CLIENT = ("answers", "backups", "changes", "client", "errors", "libraries", "queues", "scans", "settings", "transport", "users", "versions")
_START = "import sys\nfrom homelab_immich.guard.__main__ import main\nsys.exit(main())\n"
# the same content is the same file
_WHEN = (2026, 1, 1, 0, 0, 0)


def archive() -> bytes:
    """Pack the guard; `python guard.pyz --config ...` runs it."""
    here = Path(__file__).parent
    files = {"__main__.py": _START, "homelab_immich/__init__.py": "", "homelab_immich/guard/__init__.py": "", "homelab_immich/immich/__init__.py": ""}
    files |= {f"homelab_immich/guard/{path.name}": path.read_text(encoding="utf-8") for path in sorted(here.glob("*.py")) if path.name != "__init__.py"}
    files |= {f"homelab_immich/immich/{name}.py": (here.parent / "immich" / f"{name}.py").read_text(encoding="utf-8") for name in _CLIENT}
    packed = io.BytesIO()
    # not compressed: not every zlib compresses alike, and the same source is to be the same file everywhere
    with zipfile.ZipFile(packed, "w") as file:
        for name, text in files.items():
            file.writestr(zipfile.ZipInfo(name, _WHEN), text)
    return packed.getvalue()
