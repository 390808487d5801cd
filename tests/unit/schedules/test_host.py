# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scans by the clock on a host: its units, what they run, how playbooks find its memory, and how another takes over. The host is this machine, in a folder."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import jinja2
import pytest
from ansible_collections.homelab.immich.plugins.module_utils.guard.brake import set_brake
from ansible_collections.homelab.immich.plugins.module_utils.guard.state import State
from ansible_collections.homelab.immich.plugins.module_utils.guard.zipped import archive
from ansible_collections.homelab.immich.plugins.module_utils.immich.client import Client
from ansible_collections.homelab.immich.plugins.module_utils.immich.transport import HttpTransport
from ansible_collections.homelab.immich.plugins.plugin_utils.schedules import host_folders, on_host, unit_part
from ansible_collections.homelab.immich.rehearsal.immich.testing import Server

from .test_zfs_diff import Nas

EMAIL, PASSWORD = "admin@example.net", "correct-horse-1"
LIBRARY = {"name": "NAS photos", "owner": EMAIL, "import_paths": ["/mnt/photos"], "scan": {"schedule": "0 */6 * * *", "max_removed": "10%"}}
PLAY = """
- hosts: photos
  gather_facts: false
  connection: local
  vars:
    ansible_python_interpreter: "{{ ansible_playbook_python }}"
    ansible_connection: local
    ansible_pipelining: true
    __immich_api: "{{ lookup('homelab.immich.connection', 'immich') }}"
    __immich_guard_key: {secret: "{{ guard_key }}"}
  module_defaults:
    group/homelab.immich.immich: "{{ __immich_api | combine({'api_key': '', 'email': immich_admin_email, 'password': immich_admin_password}) }}"
  tasks:
    - ansible.builtin.import_role: {name: homelab.immich.deliver, tasks_from: defaults, rolespec_validate: false}
    - ansible.builtin.import_role: {name: homelab.immich.libraries, rolespec_validate: false}
      when: false  # for its variables, as in site.yml
"""
SYSTEMCTL = """#!/bin/sh
# plays systemctl: what is enabled and started is in two folders
echo "$@" >>ROOT/asked
for word; do case $word in *.timer) unit=$word ;; esac; done
case "$1 $2" in
show*) [ -e "ROOT/units/$unit" ] || exit 0
  [ -e "ROOT/active/$unit" ] && state=active || state=inactive
  echo "Id=$unit"; echo LoadState=loaded; echo "ActiveState=$state"; echo "FragmentPath=ROOT/units/$unit" ;;
is-enabled*) [ -e "ROOT/enabled/$unit" ] && echo enabled || { echo disabled; exit 1; } ;;
is-active*) [ -e "ROOT/active/$unit" ] ;;
enable*) touch "ROOT/enabled/$unit" ;;
disable*) rm -f "ROOT/enabled/$unit" ;;
start*|restart*) touch "ROOT/active/$unit" ;;
stop*) rm -f "ROOT/active/$unit" ;;
esac
"""


@dataclass
class Home:
    """An Immich, a cluster that has one ConfigMap, and the host attic."""

    root: Path
    server: Server
    photos: Path
    admin: Client
    key: str
    library: str
    memory: dict[str, Any]
    checkout: Path

    def installed(self) -> None:
        """The files as schedules/host makes them, which the first test sees."""
        config, told = self.root / "etc" / "photos", {"url": self.server.url, "api_key_file": "${CREDENTIALS_DIRECTORY}/key"}
        program = self.root / "lib" / "photos" / "guard.pyz"
        for folder in (config, program.parent, self.root / "var" / "photos"):
            folder.mkdir()
        program.write_bytes(archive())
        (config / "key").write_text(self.key)
        for scan in on_host([LIBRARY], [], {"/mnt/photos": str(self.photos)}, "photos", "/data", "UTC"):
            file = config / f"{scan['name']}.json"
            file.write_text(json.dumps(told | {"memory": str(self.root / "var" / "photos")} | scan["config"]))
            command = f"{sys.executable} {program} {scan['command']} --config {file}"
            (self.root / "units" / f"{scan['name']}.service").write_text(f"ExecStart={command}\nLoadCredential=key:{config / 'key'}\n")
            for folder in ("units", "enabled", "active"):
                (self.root / folder / f"{scan['name']}.timer").touch()

    def play(self, *tasks: str, check: bool = False, fails: bool = False, nas: dict[str, Any] | None = None, **variables: Any) -> tuple[str, int]:
        """
        Run task files of roles, such as schedules/host: (what was printed, how much was changed). `others` are more instances, with their variables.

        A run takes seconds, most of them for its start: tests share them.
        """
        line = "    - ansible.builtin.import_role: {name: homelab.immich.%s, tasks_from: %s, rolespec_validate: false}\n"
        lines = "".join(line % tuple(task.split("/")) for task in tasks)
        others = variables.pop("others", {})
        (self.root / "play.yml").write_text(PLAY.replace("photos", ":".join(["photos", *others]), 1) + lines)
        attic = {"ansible_connection": "local", "ansible_user": "root", "ansible_become_method": "su", "ansible_python_interpreter": sys.executable}
        known = {
            "immich_rehearsal": False,
            "immich_kubeconfig": str(self.root / "kubeconfig"),
            "immich_context": "homelab",
            "immich_api_url": self.server.url,
            "immich_admin_password": PASSWORD,
            "immich_scan_owner": "host",
            "immich_scan_host": "attic",
            "immich_scan_host_user": "root",
            "immich_scan_host_python": sys.executable,
            "immich_guard_folders": {"/mnt/photos": str(self.photos)},
            "immich_libraries": [LIBRARY],
            "immich_guard_memory": str(self.root / "control"),
            "guard_key": self.key,
        }
        # as an inventory has them: other hosts do not see them
        hosts = {"attic": attic | (nas or {}), "shed": attic, "photos": known | variables}
        hosts |= {name: {"immich_namespace": "immich", "immich_admin_email": EMAIL} | known | more for name, more in others.items()}
        (self.root / "attic.json").write_text(json.dumps({"all": {"hosts": hosts, "children": {"nas": {"hosts": {"attic": {}} if nas else {}}}}}))
        places = {
            "__immich_scan_units": str(self.root / "units"),
            "__immich_scan_program": str(self.root / "lib" / "photos"),
            "__immich_scan_config": str(self.root / "etc" / "photos"),
            "__immich_scan_memory": str(self.root / "var" / "photos"),
        }
        (self.root / "given.json").write_text(json.dumps(places))
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "K8S_"))} | {
            "ANSIBLE_COLLECTIONS_PATH": str(self.checkout / "collections"),
            "ANSIBLE_HOME": str(self.root / "ansible"),
            "ANSIBLE_NOCOLOR": "1",
            "PATH": f"{self.root / 'bin'}:{os.environ['PATH']}",
        }
        words = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(self.checkout / "inventories" / "homelab"), "-i", "attic.json", "play.yml"]
        words += ["-e", "@given.json", "--diff", *(["--check"] if check else [])]
        done = subprocess.run(words, env=environment, cwd=self.root, capture_output=True, text=True, timeout=240, check=False)
        said = done.stdout + done.stderr
        assert (done.returncode != 0) is fails, said
        assert self.key not in said
        changed = re.search(r"^photos +: ok=\d+ +changed=(\d+)", said, re.MULTILINE)
        return said, int(changed[1]) if changed else 0

    def units(self) -> list[str]:
        return sorted(path.name for path in (self.root / "units").iterdir())

    def run(self, unit: str, command: str = "") -> subprocess.CompletedProcess[str]:
        """The ExecStart line of a unit, as systemd would run it."""
        text = (self.root / "units" / unit).read_text()
        [line] = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
        credentials = self.root / "credentials"
        credentials.mkdir(exist_ok=True)
        for name, path in re.findall(r"^LoadCredential=(\w+):(.*)$", text, re.MULTILINE):
            shutil.copy(path, credentials / name)
        words = [word for word in shlex.split(line) if not command or word not in ("scan", "watch")]
        environment = {"CREDENTIALS_DIRECTORY": str(credentials)}
        return subprocess.run([*words, *([command] if command else [])], env=environment, cwd="/", capture_output=True, text=True, timeout=60, check=False)

    def cleanup_is_on(self) -> bool:
        return self.server.running.config["nightlyTasks"]["databaseCleanup"]

    def braked(self) -> None:
        """The guard of the host finds that all is in the trash."""
        away = self.photos.with_name("away")
        self.photos.rename(away)
        self.photos.mkdir()
        self.admin.post(f"/libraries/{self.library}/scan", doing="scan")
        self.server.wait()
        self.photos.rmdir()
        away.rename(self.photos)
        assert self.run(f"{SCAN}.service").returncode == 6 and not self.cleanup_is_on()


SCAN = on_host([LIBRARY], [], {}, "photos", "/data", "UTC")[0]["name"]
WATCH = "immich-guard-photos-watch"


@pytest.fixture
def home(tmp_path: Path, checkout: Path) -> Iterator[Home]:
    if os.geteuid() != 0:
        pytest.skip("the tasks make files of root: run as root, in a container for example")
    for name in ("units", "active", "enabled", "bin", "lib", "etc", "var"):
        (tmp_path / name).mkdir()
    (tmp_path / "bin" / "systemctl").write_text(SYSTEMCTL.replace("ROOT", str(tmp_path)))
    (tmp_path / "bin" / "systemctl").chmod(0o755)
    memory: dict[str, Any] = {}

    class Kubernetes(BaseHTTPRequestHandler):
        def answer(self, status: int, content: Any) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            known = "immich-guard-memory" in self.path and memory
            self.answer(*((200, memory) if known else (404, {"kind": "Status", "code": 404, "message": "not found", "reason": "NotFound"})))

        def do_PUT(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers["content-length"])))
            memory.clear()
            memory.update(sent)
            self.answer(200 if self.command == "PUT" else 201, memory)

        do_POST = do_PUT

        def log_message(self, *args: Any) -> None:
            pass

    cluster = ThreadingHTTPServer(("127.0.0.1", 0), Kubernetes)
    Thread(target=cluster.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    entries = {
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{cluster.server_port}"}}],
        "contexts": [{"name": "homelab", "context": {"cluster": "c"}}],
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(entries))
    photos = tmp_path / "nas" / "photos"
    (photos / ".immich-guard" / "photos").mkdir(parents=True)
    for number in range(20):
        (photos / f"{number:02}.jpg").write_bytes(b"a photo")
    with Server("3.3.5", {"/mnt/photos": photos}, tmp_path) as server:
        admin = Client(HttpTransport(server.url))
        user = admin.post("/auth/admin-sign-up", {"email": EMAIL, "name": "Admin", "password": PASSWORD}, doing="sign up")
        admin.login(EMAIL, PASSWORD)
        library = admin.post("/libraries", {"ownerId": user["id"], "name": "NAS photos", "importPaths": ["/mnt/photos"]}, doing="make it")["id"]
        key = admin.post("/api-keys", {"name": "guard", "permissions": ["all"]}, doing="make a key")["secret"]
        yield Home(tmp_path, server, photos, admin, key, library, memory, checkout)
    cluster.shutdown()
    cluster.server_close()


def remembered(home: Home, **brake: Any) -> None:
    """The ConfigMap as site.yml makes it with the owner host."""
    annotations = {"homelab.immich/scan-host": "attic", "homelab.immich/scanned-there": '["NAS photos"]'}
    home.memory.update({"metadata": {"name": "immich-guard-memory", "resourceVersion": "1", "annotations": annotations}, "data": brake})


def test_it_is_installed_once_runs_and_is_found_by_the_playbooks(home: Home) -> None:
    remembered(home)
    said, planned = home.play("schedules/host", check=True)
    assert home.units() == [] and planned > 0 and f"{SCAN}.timer" in said and "+OnCalendar=*-*-* 00,06,12,18:00:00 Europe/Amsterdam" in said
    other = home.root / "units" / "immich-guard-photos-2-scan-x-123456.timer"
    other.write_text("of the instance photos-2")
    assert home.play("schedules/host")[1] > 0
    timers = sorted([f"{SCAN}.timer", f"{WATCH}.timer"])
    assert home.units() == sorted([f"{SCAN}.service", f"{WATCH}.service", *timers, other.name])
    for folder in (home.root / "enabled", home.root / "active"):
        assert sorted(path.name for path in folder.iterdir()) == timers
    config = home.root / "etc" / "photos"
    assert (config / "key").stat().st_mode & 0o777 == 0o600 and (config / "key").read_text() == home.key
    assert len(list(config.glob("*.json"))) == 2
    assert all(path.stat().st_mode & 0o777 == 0o400 and home.key not in path.read_text() for path in config.glob("*.json"))
    assert home.run(f"{WATCH}.service").returncode == 0
    scan = home.run(f"{SCAN}.service")
    assert scan.returncode == 0 and "20 new assets, 0 into the trash" in scan.stdout, scan
    said, changed = home.play("schedules/host", "libraries/status")
    assert changed == 0 and len(re.findall(r"NAS photos +scanned", said)) == 1 and "The brake is not set." in said, said


def test_a_person_sees_the_plan_of_the_host_by_file_and_scans_with_its_memory(home: Home) -> None:
    remembered(home)
    home.installed()
    assert home.run(f"{SCAN}.service").returncode == 0
    (home.photos / "new.jpg").write_bytes(b"a photo")
    assert "21 files found, 1 new, 0 removed" in home.play("libraries/scan", check=True)[0]
    said = home.play("libraries/scan", "libraries/status")[0]
    assert "1 new asset, 0 into the trash" in said and len(re.findall(r"NAS photos +scanned", said)) == 2


def test_what_the_host_braked_a_person_releases(home: Home) -> None:
    remembered(home)
    home.installed()
    assert home.run(f"{SCAN}.service").returncode == 0
    home.braked()
    assert "20 came back out of it" in home.run(f"{SCAN}.service").stdout
    settings = {"immich_users": [], "immich_settings": {"nightlyTasks": {"databaseCleanup": True}}}
    said, _changed = home.play("schedules/owner", "instance/settings", immich_scan_host_user="made-later", **settings)
    assert "nightlyTasks.databaseCleanup stays as the brake has it" in " ".join(said.split()) and not home.cleanup_is_on()
    said, changed = home.play("libraries/brake", "libraries/status", immich_brake="released")
    assert changed == 2 and home.cleanup_is_on() and "went into the trash" in said and "The brake is not set." in said


def test_a_brake_of_the_cluster_or_of_a_control_node_is_released_there_too(home: Home) -> None:
    """It was set when CronJobs scanned, or before there was a shared memory; the host takes over, and nobody forgets it."""
    home.installed()
    cluster = State(str(home.root / "of the cluster"))
    set_brake(home.admin, cluster, {"why": "Set by hand."}, check_mode=False, record=lambda change: None)
    remembered(home, **{"brake.json": (cluster.folder / "brake.json").read_text()})
    assert home.play("libraries/brake")[1] > 0 and (home.root / "var" / "photos" / "brake.json").exists()
    (home.root / "control" / "brake.json").write_text(home.memory["data"].pop("brake.json"))
    _said, changed = home.play("libraries/brake", immich_brake="released")
    assert changed > 0 and home.cleanup_is_on()
    assert not (home.root / "control" / "brake.json").exists() and "brake.json" not in home.memory["data"]
    assert not (home.root / "var" / "photos" / "brake.json").exists()


def test_another_takes_over_and_the_brake_goes_along(home: Home) -> None:
    remembered(home)
    home.installed()
    assert home.run(f"{SCAN}.service").returncode == 0
    home.braked()
    other = home.root / "units" / "immich-guard-photos-2-scan-x-123456.timer"
    other.write_text("of the instance photos-2")
    lists = sorted(path.name for path in (home.root / "var" / "photos").iterdir() if path.is_dir())
    _said, changed = home.play("schedules/owner", immich_scan_owner="cluster")
    assert changed > 0 and home.units() == [other.name] and not list((home.root / "active").iterdir()) and not list((home.root / "enabled").iterdir())
    assert not (home.root / "etc" / "photos").exists() and not (home.root / "lib" / "photos").exists()
    # what it knows stays, but for the brake, which the cluster knows now
    assert lists and sorted(path.name for path in (home.root / "var" / "photos").iterdir() if path.is_dir()) == lists
    assert json.loads(home.memory["data"]["brake.json"])["settings"]["nightlyTasks.databaseCleanup"] == {"before": True, "set": False}
    assert not (home.root / "var" / "photos" / "brake.json").exists()


def test_a_host_that_nobody_knows_or_that_cannot_run_it(home: Home) -> None:
    remembered(home)
    home.memory["metadata"]["annotations"]["homelab.immich/scan-host"] = "cellar"
    old = home.root / "bin" / "old"
    older = """s/"python": true/"python": false/; s/"version": "[^"]*"/"version": "3.9.2"/"""
    old.write_text(f"#!/bin/sh\nexec {sys.executable} \"$@\" | sed '{older}'\n")
    old.chmod(0o755)
    others = {"unset": {"immich_scan_host": ""}, "misspelt": {"immich_scan_host": "celler"}}
    said = " ".join(home.play("schedules/owner", fails=True, others=others)[0].split())
    assert "immich_scan_host is not set, which is no host of the inventory" in said
    assert "immich_scan_host is celler, which is no host of the inventory" in said
    assert "cellar scans NAS photos by the clock, and is no host of the inventory any more" in said and "homelab.immich/scan-host-" in said
    said = " ".join(home.play("schedules/host", fails=True, immich_scan_host_python=str(old))[0].split())
    assert f"immich_scan_host_python is {old}, which is Python 3.9.2 on attic. The guard needs 3.11 or later" in said and home.units() == []


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd-analyze on this machine to ask")
def test_systemd_finds_nothing_wrong_with_the_units_and_little_that_is_open(tmp_path: Path, checkout: Path) -> None:
    odd = LIBRARY | {"name": 'Ça 100% "x"', "scan": {"schedule": "30 2 1 * SUN"}}
    given = {"inventory_hostname": "photos", "immich_scan_host_user": "root", "immich_scan_host_python": sys.executable}
    given |= {"__immich_scan_program": "/usr/local/lib/a b%c", "__immich_scan_config": "/etc/a%c", "__immich_scan_memory": "/var/lib/a b%c"}
    templates = jinja2.Environment(loader=jinja2.FileSystemLoader(checkout / "roles" / "schedules" / "templates"), undefined=jinja2.StrictUndefined)
    units = []
    for scan in on_host([LIBRARY, odd], [], {"/mnt/photos": "/srv/a b%c"}, "photos", "/data", "UTC"):
        for kind in ("service", "timer"):
            units.append(tmp_path / f"{scan['name']}.{kind}")
            units[-1].write_text(templates.get_template(f"scan.{kind}.j2").render(given, __immich_scan=scan) + "\n")
    assert len(units) == 6
    verified = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", *units], capture_output=True, text=True, check=False)
    assert verified.returncode == 0 and str(tmp_path) not in verified.stderr, verified.stderr
    security = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=25", units[0]], capture_output=True, text=True, check=False)
    assert security.returncode == 0, security.stdout
    exposure = re.search(r"exposure level for .*: ([\d.]+)", security.stdout)
    assert exposure and float(exposure[1]) <= 2.5


def test_where_the_photos_are_on_a_nas_is_known() -> None:
    export = {"name": "photos", "dataset": "tank/photos", "subpaths": []}
    nas = [{"inventory_hostname": "tank", "ansible_host": "192.0.2.10", "nas_provider": "truenas", "nas_exports": [export]}]

    def volume(mount: str, server: str, path: str) -> dict[str, Any]:
        return {"mount": mount, "pods": ["server"], "nfs": {"server": server, "path": path}}

    volumes = [
        volume("/mnt/photos", "192.0.2.10", "/mnt/tank/photos"),
        volume("/mnt/sub", "192.0.2.10", "/mnt/tank/photos/sub"),
        volume("/mnt/x", "192.0.2.11", "/mnt/tank/photos"),
    ]
    assert host_folders(volumes, nas, "tank", {}) == {"/mnt/photos": "/mnt/tank/photos", "/mnt/sub": "/mnt/tank/photos/sub"}
    assert host_folders(volumes, nas, "tank", {"/mnt/sub": "/elsewhere"})["/mnt/sub"] == "/elsewhere"
    assert host_folders(volumes, nas, "attic", {"/mnt/photos": "/photos"}) == {"/mnt/photos": "/photos"}


def test_films_of_motion_photos_are_looked_for_where_the_host_has_them() -> None:
    volumes = [
        {"mount": "/data", "pods": ["server"], "sentinel": "/data/.immich-guard/immich"},
        {"mount": "/mnt/photos", "pods": ["server"], "sentinel": "/mnt/photos/.immich-guard/photos"},
    ]
    without, _watch = on_host([LIBRARY], volumes, {"/mnt/photos": "/photos"}, "photos", "/data", "UTC")
    assert without["config"]["media"] == "" and without["config"]["sentinels"] == ["/mnt/photos/.immich-guard/photos"] and without["looks_at"] == ["/photos"]
    seen, watch = on_host([LIBRARY], volumes, {"/mnt/photos": "/photos", "/data": "/tank/immich"}, "photos", "/data", "UTC")
    assert seen["config"]["media"] == "/data" and len(seen["config"]["sentinels"]) == 2
    assert seen["looks_at"] == ["/photos", "/tank/immich/encoded-video"]
    assert watch["command"] == "watch" and watch["config"]["libraries"] == seen["config"]["libraries"]
    assert on_host([LIBRARY | {"state": "absent"}], volumes, {}, "photos", "/data", "UTC") == []


def test_names_of_units_are_of_one_instance_alone() -> None:
    assert unit_part("photos") == "photos" and unit_part("a/b") != unit_part("a-b")


def test_zfs_of_the_nas_says_what_a_scan_would_do(home: Home) -> None:
    """The NAS is this machine as well, and its zfs a script (test_zfs_diff.py)."""
    nas = Nas(home.root / "zfs")
    (home.photos / ".immich-guard" / "attic").mkdir()
    shutil.copytree(home.photos, nas.photos, dirs_exist_ok=True)
    for path in nas.photos.glob("* .jpg"):
        path.unlink()
    shutil.copy(nas.root / "bin" / "zfs", home.root / "bin" / "zfs")
    nas.keep({"tank/photos": [str(nas.photos), "yes"]})
    attic = {"nas_provider": "linux", "nas_exports": [{"name": "attic", "path": str(nas.photos), "clients": ["192.0.2.0/24"]}], "ansible_host": "127.0.0.1"}
    volume = {"name": "photos", "mount": "/mnt/photos", "size": "1Ti", "access": "ro", "nfs": {"export": "attic"}}
    given = {"immich_scan_owner": "none", "immich_guard_view": "zfs", "immich_volumes": [volume]}

    def scan(**more: Any) -> str:
        return " ".join(home.play("libraries/scan", nas=attic, **given, **more)[0].split())

    first = scan()
    assert "There is no snapshot of an earlier good scan to compare with" in first and "20 new assets" in first
    [snapshot] = nas.snapshots()
    for number in range(5):
        (nas.photos / f"{number:02}.jpg").unlink()
    would = scan(check=True, fails=True)
    assert "it would trash 5 of 20 assets (limit 2, 10%)" in would and list(nas.snapshots()) == [snapshot]
    refused = scan(fails=True)
    assert "All that is gone was in /mnt/photos, such as /mnt/photos/00.jpg" in refused and list(nas.snapshots()) == [snapshot]
    for number in range(5):
        (nas.photos / f"{number:02}.jpg").write_bytes(b"a photo")
    assert "0 into the trash" in scan() and len(nas.snapshots()) == 1 and list(nas.snapshots()) != [snapshot]
