# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plan of a guarded scan costs, for a thousand files and for a million, and a scan, for a hundred assets and for a million: neither may grow."""

from __future__ import annotations

import contextlib
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
ASSETS = (100, 1_000_000)
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
    return {count: _apart("plan", str(count)) for count in COUNTS}


def scan_of(count: int) -> dict[str, float]:
    """A guarded scan of a server that holds so many assets, or says so."""
    from ansible_collections.homelab.immich.plugins.module_utils.immich.client import Client
    from ansible_collections.homelab.immich.plugins.module_utils.immich.transport import HttpTransport
    from ansible_collections.homelab.immich.rehearsal.immich.testing import Server

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "photos" / ".immich-guard" / "photos").mkdir(parents=True)
        for number in range(10):
            (folder / "photos" / f"{number}.jpg").write_bytes(b"a photo")
        with Server("3.3.5", {"/mnt/photos": folder / "photos"}, folder) as server:
            server.running.pretended = count
            api = Client(HttpTransport(server.url))
            user = api.post("/auth/admin-sign-up", {"email": "admin@example.net", "name": "Admin", "password": "correct-horse-1"}, doing="sign up")
            api.login("admin@example.net", "correct-horse-1")
            key = api.post("/api-keys", {"name": "guard", "permissions": ["all"]}, doing="make a key")["secret"]
            api.post("/libraries", {"ownerId": user["id"], "name": "NAS photos", "importPaths": ["/mnt/photos"]}, doing="make it")
            (folder / "key").write_text(key)
            config = {
                "url": server.url,
                "api_key_file": str(folder / "key"),
                "memory": str(folder / "memory"),
                "sentinels": ["/mnt/photos/.immich-guard/photos"],
                "libraries": [{"name": "NAS photos", "owner": "admin@example.net"}],
            }
            (folder / "guard.json").write_text(json.dumps(config))
            before, began = len(server.requests), time.monotonic()
            done = _apart("guard", str(folder / "guard.json"))
            seconds = time.monotonic() - began
            # how often it looks at the queue depends on the time that the scan takes
            asked = [request for request in server.requests[before:] if request.path != "/api/queues"]
    return {"requests": len(asked), "seconds": round(seconds, 2), **done}


def guard(config: str) -> dict[str, float]:
    """Run the guard in this process; say how much memory that took."""
    from ansible_collections.homelab.immich.plugins.module_utils.guard.__main__ import main

    with contextlib.redirect_stdout(sys.stderr):
        assert main(["--config", config]) == 0
    return {"megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)}


def measure_scan() -> dict[int, dict[str, float]]:
    """{assets: {requests: sent for one scan, seconds, megabytes: of the guard}}."""
    return {count: _apart("scan", str(count)) for count in ASSETS}


def _apart(what: str, argument: str) -> dict[str, float]:
    """One measurement in a process of its own."""
    done = subprocess.run([sys.executable, __file__, what, argument], env={"PYTHONPATH": str(COLLECTIONS)}, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps({"plan": lambda text: plan_of(int(text)), "scan": lambda text: scan_of(int(text)), "guard": guard}[sys.argv[1]](sys.argv[2])))
    else:
        for name, figures in (("files", measure()), ("assets", measure_scan())):
            for number, row in figures.items():
                print(f"{number:9,} {name}: {row}")
