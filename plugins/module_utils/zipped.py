# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A program as one file, for a pod or a host that has Python and nothing else."""

from __future__ import annotations

import io
import zipfile
import zipimport
from collections.abc import Sequence
from pathlib import Path

# the same content is the same file
_WHEN = (2026, 1, 1, 0, 0, 0)


def packed(program: str, others: Sequence[str]) -> bytes:
    """Pack a package of module_utils, and the files that it imports of its neighbours; Python runs what comes of it."""
    if isinstance(__loader__, zipimport.zipimporter):  # packed already
        return Path(__loader__.archive).read_bytes()
    here = Path(__file__).parent
    names = [*(f"{program}/{path.stem}" for path in sorted((here / program).glob("*.py"))), *others]
    packages = sorted({"", *(f"{name.rpartition('/')[0]}/" for name in names if "/" in name)})
    files = {"__main__.py": f"import sys\nfrom homelab_immich.{program}.__main__ import main\nsys.exit(main())\n"}
    files |= {f"homelab_immich/{package}__init__.py": "" for package in packages}
    files |= {f"homelab_immich/{name}.py": (here / f"{name}.py").read_text(encoding="utf-8") for name in names}
    result = io.BytesIO()
    # not compressed: not every zlib compresses alike, and the same source is to be the same file everywhere
    with zipfile.ZipFile(result, "w") as file:
        for name, text in files.items():
            file.writestr(zipfile.ZipInfo(name, _WHEN), text)
    return result.getvalue()
