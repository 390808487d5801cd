# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plan of a guarded scan costs, for a thousand files and for a million: seconds, and memory that must not grow."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

COLLECTIONS = Path(__file__).resolve().parents[2] / "collections"
COUNTS = (1_000, 1_000_000)
PATTERNS = ["**/@eaDir/**", "**/._*", "**/#recycle/**", "**/#snapshot/**", "**/.stversions/**", "**/.stfolder/**"]


def plan_of(count: int) -> dict[str, float]:
    """A walk that writes its list, and a second one that is compared with it."""
    from ansible_collections.homelab.immich.plugins.module_utils.guard import crawl, manifest

    wanted = crawl.rules(PATTERNS)

    def listing() -> Iterator[crawl.Seen]:
        for number in range(count):
            path = f"/mnt/photos/2024/album {number // 1000:04}/IMG_{number % 1000:04}_of_a_summer.jpg"
            if not wanted.skips(path) and not wanted.drops(path):
                yield crawl.Seen(path, "", 1.0)

    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        manifest.plan(None, manifest.write(Path(folder) / "files.gz", listing()))
        first = time.monotonic()
        made = manifest.plan(manifest.read(Path(folder) / "files.gz"), manifest.write(Path(folder) / "new.gz", listing()))
        size = (Path(folder) / "files.gz").stat().st_size
    assert (made.known, made.removed, made.added) == (count, 0, 0)
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"first": round(first - began, 2), "seconds": round(time.monotonic() - first, 2), "megabytes": round(megabytes), "list_kilobytes": size // 1024}


def measure() -> dict[int, dict[str, float]]:
    """{files: {first: seconds of the first plan, seconds: of every later one, megabytes: of the process, list_kilobytes}}, each in a process of its own."""
    figures = {}
    for count in COUNTS:
        done = subprocess.run([sys.executable, __file__, str(count)], env={"PYTHONPATH": str(COLLECTIONS)}, capture_output=True, text=True, check=True)
        figures[count] = json.loads(done.stdout)
    return figures


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(plan_of(int(sys.argv[1]))))
    else:
        for files, row in measure().items():
            print(f"{files:9,} files: {row}")
