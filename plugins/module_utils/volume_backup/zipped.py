# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The backup of a volume as one file, for a pod that has Python and nothing else."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

# what it takes of its neighbours
_OTHERS = ("guard/shared", "immich/errors", "immich/transport")
_START = "import sys\nfrom homelab_immich.volume_backup.__main__ import main\nsys.exit(main())\n"
# the same content is the same file
_WHEN = (2026, 1, 1, 0, 0, 0)


def archive() -> bytes:
    """Pack it; `python backup.pyz --config ...` runs it."""
    here = Path(__file__).parent
    names = [f"volume_backup/{path.stem}" for path in sorted(here.glob("*.py"))]
    files = {"__main__.py": _START}
    files |= {f"homelab_immich/{folder}__init__.py": "" for folder in ("", "guard/", "immich/", "volume_backup/")}
    files |= {f"homelab_immich/{name}.py": (here.parent / f"{name}.py").read_text(encoding="utf-8") for name in (*names, *_OTHERS)}
    packed = io.BytesIO()
    # not compressed: not every zlib compresses alike
    with zipfile.ZipFile(packed, "w") as file:
        for name, text in files.items():
            file.writestr(zipfile.ZipInfo(name, _WHEN), text)
    return packed.getvalue()
