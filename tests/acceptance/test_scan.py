# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks of the guard, on the default homelab: a scan, a NAS that is not mounted, the brake. What the guard does in each fault is in tests/faults."""

from __future__ import annotations

import base64
import json
import re
import shlex
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from ansible_collections.homelab.immich.plugins.module_utils.guard import __main__ as command
from ansible_collections.homelab.immich.plugins.module_utils.guard import shared
from ansible_collections.homelab.immich.plugins.module_utils.immich.errors import ImmichError
from harness import CHECKOUT, Homelab
from test_site import api_key, immich


@pytest.fixture
def photos(homelab: Homelab):
    """The folder of the photos on the NAS, mounted again at the end."""
    folder = homelab.home / "nas" / "tank" / "mnt" / "tank" / "photos"
    away = folder.with_name("photos.away")
    yield folder
    if away.exists():
        folder.rmdir()
        away.rename(folder)


def counted(homelab: Homelab) -> dict[str, int]:
    """What the administrator sees, and what is in the trash."""
    [library] = immich(homelab, "/libraries")
    path = f"/admin/users/{library['ownerId']}/statistics?isTrashed="
    return {"visible": immich(homelab, f"{path}false")["total"], "trashed": immich(homelab, f"{path}true")["total"]}


def test_a_scan_a_nas_that_is_away_and_the_way_back(homelab, photos):
    planned = homelab.play("--check", playbook="playbooks/scan.yml")
    assert 'Scan of library "NAS photos" of admin@example.net would be started' in planned.output
    scan = homelab.play(playbook="playbooks/scan.yml")
    assert 'Scan of library "NAS photos" of admin@example.net done' in scan.output
    whole = counted(homelab)
    assert whole["visible"] > 0 and whole["trashed"] == 0

    photos.rename(photos.with_name("photos.away"))
    photos.mkdir()
    refused = homelab.play(playbook="playbooks/scan.yml", check=False)
    assert refused.returncode != 0 and "the sentinel /mnt/photos/.immich-guard/photos" in refused.output
    assert f"A scan could put all {whole['visible']} assets into the trash. Nothing was changed." in " ".join(refused.output.split())
    assert counted(homelab) == whole

    # from another control node, or by a guard in the cluster: what they share is in the cluster
    braked = homelab.play("-e", f"immich_guard_memory={homelab.folder}/elsewhere", playbook="playbooks/brake.yml")
    assert braked.total("changed") == 1 and immich(homelab, "/system-config")["nightlyTasks"]["databaseCleanup"] is False
    photos.rmdir()
    photos.with_name("photos.away").rename(photos)
    look = json.dumps({"immich_guard_view": "mount", "immich_guard_folders": {"/mnt/photos": str(photos)}})
    back = homelab.play("-e", look, playbook="playbooks/scan.yml")
    assert "The brake is set since" in back.output and counted(homelab) == whole

    status = homelab.play(playbook="playbooks/scan_status.yml")
    assert status.total("changed") == 0 and "The brake is set since" in status.output
    outcomes = re.findall(r"^ *\d{4}-\d\d-\d\d \d\d:\d\d  NAS photos +(\w+)", status.output, re.MULTILINE)
    assert outcomes == ["scanned", "refused", "scanned"]  # a look in check mode leaves no record

    released = homelab.play("-e", "immich_brake=released", playbook="playbooks/brake.yml")
    assert released.total("changed") == 1 and immich(homelab, "/system-config")["nightlyTasks"]["databaseCleanup"] is True
    assert api_key(homelab) not in planned.output + scan.output + refused.output + back.output


def test_the_drill_of_the_page_brings_everything_back(homelab, photos):
    """The commands of docs/safety.md, as they stand there, after somebody scanned in the web page while the NAS was away."""
    drill = (CHECKOUT / "docs" / "safety.md").read_text().partition("## At three in the morning\n")[2].partition("\n## ")[0]
    brake, scan, release = (shlex.split(line) for line in re.findall(r"`(ansible-playbook [^`]+)`", drill))

    def run(command: list[str]):
        name, playbook, option, inventory, *more = command
        assert (name, option, inventory) == ("ansible-playbook", "-i", "my/inventory")
        return homelab.play(*more, playbook=playbook)

    run(scan)
    whole = counted(homelab)
    photos.rename(photos.with_name("photos.away"))
    photos.mkdir()
    [library] = immich(homelab, "/libraries")
    call(homelab, "POST", f"/libraries/{library['id']}/scan")
    wait_for(lambda: counted(homelab)["trashed"] == whole["visible"])

    assert run(brake).total("changed") == 1 and immich(homelab, "/system-config")["nightlyTasks"]["databaseCleanup"] is False
    photos.rmdir()
    photos.with_name("photos.away").rename(photos)
    one = next(path for path in sorted(photos.rglob("*.jpg")) if not path.name.startswith("."))
    one.rename(one.with_suffix(".lost"))
    partly = " ".join(run(scan).output.split())
    assert f"{whole['visible'] - 1:,} came back out of it" in partly
    assert f"1 asset whose file Immich does not find below the import paths (/mnt/photos/{one.relative_to(photos)})" in partly
    one.with_suffix(".lost").rename(one)
    assert "1 came back out of it" in run(scan).output and counted(homelab) == whole
    assert run(release).total("changed") == 1 and immich(homelab, "/system-config")["nightlyTasks"]["databaseCleanup"] is True


@pytest.fixture
def in_pod(homelab: Homelab, tmp_path: Path) -> Callable[[str], shared.ConfigMap]:
    """A ConfigMap as a pod of the guard reaches it: with the token of its account, which Kubernetes makes for the pod."""
    from kubernetes import client

    api = client.CoreV1Api(homelab.kubectl().client)
    token = api.create_namespaced_service_account_token("immich-guard", "immich", {"spec": {}}).status.token
    cluster = yaml.safe_load(Path(homelab.state["kubeconfig"]).read_text())["clusters"][0]["cluster"]
    (tmp_path / "ca.crt").write_bytes(base64.b64decode(cluster["certificate-authority-data"]))
    (tmp_path / "token").write_text(token)
    (tmp_path / "namespace").write_text("immich")
    server = urlsplit(cluster["server"])
    address = {"KUBERNETES_SERVICE_HOST": str(server.hostname), "KUBERNETES_SERVICE_PORT": str(server.port)}
    return lambda name: shared.in_cluster(name, tmp_path, address)


def test_the_account_of_the_guard_opens_one_configmap(in_pod):
    memory, program = in_pod("immich-guard-memory"), in_pod("immich-guard")
    memory.write("test", "written")
    assert memory.read("test") == "written"
    memory.write("test", None)
    with pytest.raises(ImmichError, match="403"):
        program.read("guard.pyz")


def test_a_cronjob_scans_and_brakes_and_a_person_releases(homelab, photos, in_pod, tmp_path, monkeypatch, capsys):
    """The guard with the config, the key and the account that its pod gets; the folders are elsewhere here, and so is the server."""
    configs = homelab.api("ConfigMap").get(name="immich-guard", namespace="immich").data.to_dict()
    [told] = [text for name, text in configs.items() if name != "immich-scan-watch.json"]
    key = homelab.api("Secret").get(name="immich-guard-key", namespace="immich").data.key
    (tmp_path / "key").write_bytes(base64.b64decode(key))
    nas = homelab.home / "nas" / "tank" / "mnt" / "tank"
    here = {
        "url": f"{homelab.state['immich']}/api/v1/namespaces/immich/services/immich-server:2283/proxy",
        "api_key_file": str(tmp_path / "key"),
        "memory": str(tmp_path / "memory"),
        "folders": {"/mnt/photos": str(photos), "/data": str(nas / "immich")},
    }
    (tmp_path / "guard.json").write_text(json.dumps(json.loads(told) | here))
    monkeypatch.setattr(command, "in_cluster", in_pod)
    monkeypatch.setattr(command, "_WAIT_S", 0.1)

    def guard(*what):
        code = command.main([*what, "--config", str(tmp_path / "guard.json")])
        return code, capsys.readouterr().out

    code, said = guard()
    assert code == 0 and 'Scan of library "NAS photos" of admin@example.net done' in said, said
    whole = counted(homelab)
    # somebody scans in the web page while the NAS is away; the look of every hour sees it
    photos.rename(photos.with_name("photos.away"))
    photos.mkdir()
    [library] = immich(homelab, "/libraries")
    call(homelab, "POST", f"/libraries/{library['id']}/scan")
    wait_for(lambda: counted(homelab)["trashed"] == whole["visible"])
    code, said = guard("watch")
    assert code == 6 and "The brake is set" in said, said
    assert immich(homelab, "/system-config")["nightlyTasks"]["databaseCleanup"] is False

    status = homelab.play(playbook="playbooks/scan_status.yml")
    assert "braked" in status.output and "The brake is set since" in status.output
    photos.rmdir()
    photos.with_name("photos.away").rename(photos)
    code, said = guard()
    assert code == 0 and counted(homelab) == whole, said
    assert homelab.play().total("changed") == 0  # what guards remember is not the inventory's
    released = homelab.play("-e", "immich_brake=released", playbook="playbooks/brake.yml")
    assert released.total("changed") == 1 and immich(homelab, "/system-config")["nightlyTasks"]["databaseCleanup"] is True
    assert "The brake is not set." in homelab.play(playbook="playbooks/scan_status.yml").output


def test_a_server_whose_settings_are_in_a_file_is_braked_all_the_same(homelab):
    def cleanup() -> bool:
        return immich(homelab, "/system-config")["nightlyTasks"]["databaseCleanup"]

    file = ("-e", "immich_settings_owner=file")
    homelab.play(*file)
    assert immich(homelab, "/server/features")["configFile"] is True and cleanup() is True
    assert immich(homelab, "/system-config")["library"]["scan"]["enabled"] is False
    assert homelab.play(*file, playbook="playbooks/brake.yml").total("changed") == 1 and cleanup() is False
    assert homelab.play(*file).total("changed") == 0 and cleanup() is False  # site.yml does not undo it
    assert homelab.play(*file, "-e", "immich_brake=released", playbook="playbooks/brake.yml").total("changed") == 1 and cleanup() is True

    stopped = homelab.play("-e", "immich_brake=stopped", playbook="playbooks/brake.yml")
    assert stopped.total("changed") == 1
    refused = " ".join(homelab.play(check=False).output.split())
    assert "Deployment immich/immich-server was stopped by playbooks/brake.yml" in refused
    homelab.play("-e", "immich_brake=released", playbook="playbooks/brake.yml")
    homelab.play()
    assert immich(homelab, "/server/features")["configFile"] is False


def call(homelab: Homelab, method: str, path: str) -> None:
    """Ask for something as the administrator does in the web page."""
    base = f"{homelab.state['immich']}/api/v1/namespaces/immich/services/immich-server:2283/proxy/api"
    request = urllib.request.Request(base + path, method=method, headers={"x-api-key": api_key(homelab)})
    urllib.request.urlopen(request, timeout=10).close()


def wait_for(done: Callable[[], bool]) -> None:
    """Wait until the stand-in has worked through its queue."""
    ends = time.monotonic() + 30
    while not done():
        assert time.monotonic() < ends
        time.sleep(0.1)
