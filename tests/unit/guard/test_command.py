# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard by itself: one file, Python and nothing else, with exit codes that a timer can tell apart."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.homelab.immich.plugins.module_utils.guard import __main__ as command
from ansible_collections.homelab.immich.plugins.module_utils.guard import zipped
from ansible_collections.homelab.immich.plugins.module_utils.guard.state import State
from ansible_collections.homelab.immich.plugins.module_utils.immich.client import Client
from ansible_collections.homelab.immich.plugins.module_utils.immich.transport import HttpTransport
from ansible_collections.homelab.immich.plugins.module_utils.immich.versions import permissions
from ansible_collections.homelab.immich.rehearsal.immich.testing import Server

EMAIL, PASSWORD = "admin@example.net", "correct-horse-1"


@dataclass
class Host:
    """A machine that mounts the photos, with the packed guard, its config and a key."""

    server: Server
    admin: Client
    folder: Path
    photos: Path
    library: str

    def config(self, **more: Any) -> Path:
        path = self.folder / "guard.json"
        content = {
            "url": self.server.url,
            "api_key_file": str(self.folder / "key"),
            "memory": str(self.folder / "memory"),
            "view": "mount",
            "folders": {"/mnt/photos": str(self.photos)},
            "sentinels": ["/mnt/photos/.immich-guard/photos"],
            "libraries": [{"name": "NAS", "owner": EMAIL, "import_paths": ["/mnt/photos"], "scan": {"schedule": "0 3 * * *", "max_removed": "10%"}}],
        }
        path.write_text(json.dumps(content | more))
        return path

    def run(self, *arguments: str, **config: Any) -> subprocess.CompletedProcess[str]:
        """Without the environment, site-packages or the folder of this test: -I, -S."""
        line = [sys.executable, "-I", "-S", str(self.folder / "guard.pyz"), *arguments, "--config", str(self.config(**config))]
        return subprocess.run(line, cwd="/", env={}, capture_output=True, text=True, timeout=60, check=False)

    def key(self, wanted: list[str]) -> None:
        made = self.admin.post("/api-keys", {"name": "guard", "permissions": wanted}, doing="make a key")
        (self.folder / "key").write_text(made["secret"] + "\n")


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    photos = tmp_path / "photos"
    (photos / ".immich-guard" / "photos").mkdir(parents=True)
    for number in range(20):
        (photos / f"{number:02}.jpg").write_bytes(b"a photo")
    monkeypatch.setattr(command, "_WAIT_S", 0.01)
    with Server("3.1.0", {"/mnt/photos": photos}, tmp_path) as server:
        admin = Client(HttpTransport(server.url))
        user = admin.post("/auth/admin-sign-up", {"email": EMAIL, "name": "Admin", "password": PASSWORD}, doing="sign up")
        admin.login(EMAIL, PASSWORD)
        library = admin.post("/libraries", {"ownerId": user["id"], "name": "NAS", "importPaths": ["/mnt/photos"]}, doing="make it")["id"]
        (tmp_path / "guard.pyz").write_bytes(zipped.archive())
        made = Host(server, admin, tmp_path, photos, library)
        made.key(permissions("3.1.0", ["guard"]))
        yield made


def test_a_scan_a_plan_and_a_refusal(host: Host) -> None:
    scan = host.run()
    assert (scan.returncode, scan.stderr) == (0, ""), scan
    assert 'Scan of library "NAS" of admin@example.net done: 20 new assets, 0 into the trash.' in scan.stdout
    for number in range(8):
        (host.photos / f"{number:02}.jpg").unlink()
    (host.photos / "new.jpg").write_bytes(b"a photo")
    before = len(host.server.mutations)
    plan, paths, refused = host.run("plan"), host.run("paths"), host.run()
    assert (plan.returncode, refused.returncode) == (4, 4) and host.server.mutations[before:] == []
    assert "it would trash 8 of 20 assets (limit 2, 10%)" in plan.stdout
    assert paths.stdout.splitlines() == [f"- /mnt/photos/{number:02}.jpg" for number in range(8)] + ["+ /mnt/photos/new.jpg"]
    assert host.run("--accept", "NAS=8").returncode == 0
    records = [json.loads(line) for line in (host.folder / "memory" / "records.jsonl").read_text().splitlines()]
    assert [(record["outcome"], record["trashed"]) for record in records] == [("scanned", 0), ("refused", 0), ("scanned", 8)]


def test_a_name_that_is_not_utf_8(host: Host) -> None:
    name = os.fsencode(str(host.photos)) + b"/not\xff.jpg"
    with open(name, "wb") as file:
        file.write(b"a photo")
    assert host.run().returncode == 0
    os.unlink(name)
    for number in range(5):
        (host.photos / f"{number:02}.jpg").unlink()
    line = [sys.executable, "-I", "-S", str(host.folder / "guard.pyz"), "paths", "--config", str(host.config())]
    paths = subprocess.run(line, env={"LC_ALL": "C.UTF-8"}, capture_output=True, check=True)
    assert b"- /mnt/photos/not\xff.jpg\n" in paths.stdout
    refused = host.run("plan")
    assert refused.returncode == 4 and "it would trash 6 of" in refused.stdout


def test_put_off_while_another_guard_is_at_work(host: Host) -> None:
    with State(str(host.folder / "memory")).alone():
        run = host.run()
    assert run.returncode == 3 and "another guard is at work" in run.stdout


def test_a_key_that_is_wrong_and_a_server_that_is_away(host: Host) -> None:
    (host.folder / "key").write_text("k3y-nobody-may-see")
    wrong = host.run()
    assert wrong.returncode == 5 and "Invalid API key" in wrong.stderr and "nobody-may-see" not in wrong.stderr + wrong.stdout
    away = host.run(url="http://127.0.0.1:9", timeout=1)
    assert away.returncode == 5 and "connection refused" in away.stderr and "Traceback" not in away.stderr


def scanned_while_unmounted(host: Host) -> None:
    assert host.run().returncode == 0
    away = host.photos.with_name("away")
    host.photos.rename(away)
    host.photos.mkdir()
    host.admin.post(f"/libraries/{host.library}/scan", doing="scan")
    host.server.wait()
    host.photos.rmdir()
    away.rename(host.photos)


def test_braked_and_released(host: Host) -> None:
    host.key(permissions("3.1.0", ["guard", "settings"]))
    scanned_while_unmounted(host)
    braked = host.run()
    assert braked.returncode == 6 and "20 assets of admin@example.net went into the trash" in braked.stdout
    back = host.run()
    assert back.returncode == 0 and "20 came back out of it" in back.stdout and "The brake is set since" in back.stdout
    assert "playbooks/brake.yml -i my/inventory -e immich_brake=released" in back.stdout  # without -i it would be that of the example
    released = host.run("release")
    assert released.returncode == 0 and "nightlyTasks.databaseCleanup: True" in released.stdout
    assert "The brake is not set" in host.run("release").stdout
    assert "The brake is set." in host.run("brake").stdout


def test_a_key_that_may_not_brake_says_so_loudly(host: Host) -> None:
    scanned_while_unmounted(host)
    run = host.run()
    assert run.returncode == 7 and "THE BRAKE COULD NOT BE SET" in run.stdout and "systemConfig" in run.stdout
    assert host.run(brake=False).returncode == 7


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"memory": None}, "url and memory are needed"),
        ({"view": "both"}, "view is 'both'"),
        ({"viev": "mount"}, "viev is not known"),
        ({"libraries": [{"owner": EMAIL}]}, "A library has no name"),
    ],
)
def test_a_config_that_is_wrong(host: Host, config: dict[str, Any], says: str) -> None:
    run = host.run(**config)
    assert run.returncode == 2 and says in run.stderr and "Traceback" not in run.stderr


def test_a_config_that_is_not_there_and_one_that_is_no_json(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--config", str(host.folder / "none.json")]) == 2
    assert "No such file" in capsys.readouterr().err
    (host.folder / "bad.json").write_text("{")
    assert command.main(["--config", str(host.folder / "bad.json")]) == 2


def test_the_same_source_is_the_same_file() -> None:
    assert zipped.archive() == zipped.archive() and len(zipped.archive()) < 500_000  # a ConfigMap takes a megabyte


def test_as_many_requests_for_ten_times_the_photos(host: Host) -> None:
    def requests() -> int:
        before = len(host.server.requests)
        assert command.main(["plan", "--config", str(host.config())]) == 0
        return len(host.server.requests) - before

    assert host.run().returncode == 0
    few = requests()
    for number in range(200):
        (host.photos / f"more{number:03}.jpg").write_bytes(b"a photo")
    assert host.run().returncode == 0
    assert requests() == few


def test_it_packs_itself_again(tmp_path: Path) -> None:
    first, second = tmp_path / "guard.pyz", tmp_path / "copy.pyz"
    first.write_bytes(zipped.archive())
    subprocess.run([sys.executable, "-I", "-S", str(first), "pack", "--to", str(second)], timeout=60, check=True)
    assert second.read_bytes() == first.read_bytes()
