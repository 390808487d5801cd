# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nas_nixos_mode: rebuild and verify, by the role, on a host whose commands are played: the state of the host after each failure."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import examples
import pytest
from ansible.errors import AnsibleActionFail
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.plugins.loader import connection_loader
from ansible.template import Templar
from ansible_collections.homelab.immich.plugins.action import nixos_nfs_export
from ansible_collections.homelab.immich.plugins.plugin_utils.nixos import module, rebuild

from .nixos_host import Host

PLAY = """
- hosts: nas
  gather_facts: false
  tasks:
    - ansible.builtin.import_role: {name: homelab.immich.nas}
    - ansible.builtin.copy: {content: "{{ __nas_verified | to_json }}", dest: "{{ results }}", mode: "0600"}
      check_mode: false
      vars: {ansible_python_interpreter: "{{ ansible_playbook_python }}"}
"""


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A NixOS host with a pool and a dataset."""
    host = Host(tmp_path)
    host.datasets({"tank": {}, "tank/Images": {}})
    return host


@pytest.fixture
def play(checkout: Path, tmp_path: Path, host: Host):
    """Run the role for this host, by ansible-playbook: (what was printed, the result that the summary reads, or nothing when the run failed)."""

    def play(*arguments: str, mode: str = "rebuild", tasks: list | None = None) -> tuple[str, dict]:
        cardinal = {
            "ansible_connection": "local",
            "ansible_python_interpreter": "/nowhere/python3",  # a NixOS host has none
            "ansible_host": "127.0.0.1",
            "nas_provider": "nixos",
            "nas_nixos_mode": mode,
            "nas_nixos_checkout": str(host.checkout),
            "nas_exports": [images(host)],
        }
        (tmp_path / "play.yml").write_text(json.dumps([{"hosts": "nas", "gather_facts": False, "tasks": tasks}]) if tasks else PLAY)
        (tmp_path / "hosts.json").write_text(json.dumps({"all": {"children": {"nas": {"hosts": {"cardinal": cardinal}}}}}))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")} | {
            "ANSIBLE_COLLECTIONS_PATH": str(checkout / "collections"),
            "ANSIBLE_HOME": str(tmp_path / "ansible"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_BECOME_ALLOW_SAME_USER": "1",  # where root runs the tests, it becomes root
        }
        results = tmp_path / "result.json"
        results.unlink(missing_ok=True)
        words = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "hosts.json", "play.yml", "-e", f"results={results}", *arguments]
        done = subprocess.run(words, env=environment | host.environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
        return done.stdout + done.stderr, json.loads(results.read_text()) if results.exists() else {}

    return play


@pytest.fixture
def run(host: Host, monkeypatch):
    """Rebuild this host, by the action alone. A failure is a result with `failed` and `msg`."""
    for name, value in host.environment.items():
        monkeypatch.setenv(name, value)

    def run(check: bool = False, **options) -> dict:
        given = {"name": "cardinal", "rebuild": True, "checkout": str(host.checkout), "exports": [images(host)]} | options
        task = Task.load({"action": {"module": "homelab.immich.nixos_nfs_export", **given}})
        task.check_mode = check
        loader = DataLoader()
        context = PlayContext()
        connection = connection_loader.get("local", context)
        try:
            return nixos_nfs_export.ActionModule(task, connection, context, loader, Templar(loader), None).run(task_vars={})
        except AnsibleActionFail as error:
            return {"failed": True, "changed": False, "msg": str(error)}

    return run


def images(host: Host, **changed) -> dict:
    return {"name": "images", "dataset": "tank/Images", "path": f"{host.tank}/Images", "squash": "all", "clients": ["10.0.0.0/8"]} | changed


def test_from_nothing_to_an_export_and_then_nothing_to_do(host, play):
    output, result = play("--check", "--diff")
    asked = ["sudo"] * 2  # to look, before; the rest is asked in one go
    assert host.calls() == [*asked, "sudo", "nixos-rebuild build", "nixos-rebuild dry-activate", "switch-to-configuration dry-activate"]
    assert not host.file.exists() and host.etab == "" and not (host.tank / "Images/.immich-guard").exists()
    assert f"+      {host.tank}/Images 10.0.0.0/8(rw," in output and "would restart the following units: nfs-mountd.service" in output
    assert result["changed"] and result["planned"] == 3  # the file, the switch, the sentinel
    before = host.running

    output, result = play()
    sentinel_and_look = ["sudo"] * 3
    assert host.calls() == [*asked, "sudo", "nixos-rebuild build", "nixos-rebuild switch", "switch-to-configuration switch", *sentinel_and_look]
    assert host.etab == f"{host.tank}/Images\t10.0.0.0/8(rw,sync,no_subtree_check,all_squash,mountpoint)\n"
    assert host.running != before and host.generation == "system-2-link"
    assert (host.tank / "Images/.immich-guard/images").is_dir()
    assert result["changed"] and result["sentinels_ok"] and "changed=2" in output
    (warning,) = result["findings"]
    assert warning["severity"] == "warning" and "127.0.0.1 does not answer there from here" in warning["message"]  # nobody serves NFS on this machine

    output, result = play()
    assert "nixos-rebuild switch" not in host.calls() and host.generation == "system-2-link"
    assert not result["changed"] and result["sentinels_ok"]


def test_verify_needs_no_python_and_changes_nothing(host, play, run):
    run()
    host.calls()
    _output, result = play(mode="verify")
    assert result["sentinels_ok"] and not result["changed"] and host.calls() == []
    (host.root / "var/lib/nfs/etab").write_text("")
    output, result = play("--check", mode="verify")
    assert result == {} and "failed=1" in output and "changed=0" in output
    assert f"cardinal, export images: {host.tank}/Images is not exported to 10.0.0.0/8. Deploy the module" in output


def test_check_mode_after_a_rebuild_has_nothing_to_say(host, run):
    run()
    host.calls()
    result = run(check=True)
    assert host.calls() == ["nixos-rebuild build"] and not result["changed"] and result["planned"] == 0 and result["diff"] == []


def test_a_failure_is_shown_with_what_nixos_rebuild_says(host, play):
    host.play("build")
    output, result = play()
    assert result == {} and "failed=1" in output
    says = "cardinal: nixos-rebuild build fails, so nothing was switched. Correct what it says.\n$ nixos-rebuild build --no-flake"
    assert says in output and "\nerror: undefined variable 'nfz'" in output


def test_a_flake_is_found_and_its_configuration_named(host, run):
    host.flake()
    host.file.write_text("")
    host.git("add", "--intent-to-add", "immich-exports.nix")
    assert run(configuration="cardinal")["changed"] and host.etab
    assert (host.root / "flakes").read_text().splitlines() == [f"{host.checkout}#cardinal"] * 2  # build and switch
    host.calls()
    assert not run(check=True)["changed"] and host.calls() == ["nixos-rebuild build"]


@pytest.mark.parametrize("check", [True, False])
def test_a_flake_does_not_see_a_file_that_git_does_not_track(host, run, check):
    host.flake()
    result = run(check=check)
    command = f"sudo touch {host.file} && sudo git -C {host.checkout} add --intent-to-add {host.file}"
    assert result["failed"] and f"Run on the NAS: {command}; or set nas_nixos_intent_to_add: true." in result["msg"]
    assert host.calls() == [] and not host.file.exists()


def test_git_is_told_where_an_option_says_so(host, run):
    host.flake()
    assert run(check=True, intent_to_add=True)["planned"] == 3 and host.git("status", "--short") == "A  flake.nix\n"
    result = run(intent_to_add=True)
    assert result["changed"] and host.etab
    assert result["next"] == [f"On cardinal, commit {host.file}, or the next pull or upgrade may undo it."]
    assert host.git("status", "--short") == "A  flake.nix\n A immich-exports.nix\n"


SWITCHED_BACK = ["nixos-rebuild build", "nixos-rebuild switch", "switch-to-configuration switch", "nix-env --switch-generation GENERATION"]
FAILURES = {
    "build": (["nixos-rebuild build"], "nixos-rebuild build fails, so nothing was switched."),
    "early": (["nixos-rebuild build", "nixos-rebuild switch", "switch-to-configuration switch"], "nixos-rebuild switch fails, so the generation before"),
    "units": ([*SWITCHED_BACK, "switch-to-configuration switch"], "nixos-rebuild switch fails (smartd.service), so the generation before was switched back to"),
    "deaf": ([*SWITCHED_BACK, "switch-to-configuration switch"], "is not exported, so the generation before was switched back to and the file put back."),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_leaves_what_was_there_working(host, run, failure):
    run()
    before = (host.running, host.generation, host.etab, host.file.read_text())
    host.calls()
    host.play(failure)
    read_only = [images(host, access="ro")]
    result = run(exports=read_only)
    calls, says = FAILURES[failure]
    assert result["failed"] and says in result["msg"] and not result["changed"]
    assert host.calls() == [call.replace("GENERATION", "2") for call in calls]
    assert (host.running, host.generation, host.etab, host.file.read_text()) == before
    host.play("quiet")
    (host.root / "failed").unlink(missing_ok=True)
    assert run(exports=read_only)["changed"] and "(ro," in host.etab


@pytest.mark.parametrize("failure", FAILURES)
def test_a_first_run_that_fails_leaves_nothing_behind(host, run, failure):
    host.flake()
    host.play(failure)
    before = (host.running, host.generation, host.etab, host.git("status", "--short"))
    result = run(intent_to_add=True)
    assert result["failed"] and (host.running, host.generation, host.etab, host.git("status", "--short")) == before
    assert not host.file.exists() and not (host.tank / "Images/.immich-guard").exists()


@pytest.mark.parametrize(("failure", "exported"), [("quiet", True), ("deaf", False)])
def test_a_connection_that_breaks_leaves_nothing_half_done(host, failure, exported):
    """The shell loses its terminal and its output at once, and goes on to the end."""
    host.play(failure)
    place = rebuild.Place(str(host.checkout), str(host.file))
    script = rebuild.rebuild_script(place, module.render([images(host)], "cardinal"), [images(host)], {}, check=False)
    before = host.running
    shell = subprocess.Popen(["sh", "-c", script], env=os.environ | host.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    shell.stdout.close()
    host.wait_for("nixos-rebuild build")
    shell.send_signal(signal.SIGHUP)
    assert shell.wait(60) == (0 if exported else 1)
    assert (host.etab != "", host.file.exists(), host.running != before) == (exported, exported, exported)


def test_a_way_back_that_fails_is_said_loudly(host, run):
    host.play("trap")
    result = run()
    assert result["failed"] and "and the way back failed too. Run nixos-rebuild switch --rollback on the NAS at once" in result["msg"]
    assert not host.file.exists()


def test_a_file_that_nobody_imports(host, run):
    (host.checkout / "configuration.nix").write_text('{ hostName = "cardinal"; }\n')
    result = run()
    assert result["failed"] and "Add the file to the imports of that configuration" in result["msg"]
    assert host.calls() == ["nixos-rebuild build"] and not host.file.exists()


def test_the_configuration_exports_the_same_already(host, run):
    (host.checkout / "nas.nix").write_text(f"{{\n  exports = ''\n    {host.tank}/Images 10.0.0.0/8(rw,insecure)\n  '';\n}}\n")
    (host.checkout / "configuration.nix").write_text('{ imports = [ "./nas.nix" "./immich-exports.nix" ]; }\n')
    result = run()
    assert result["failed"] and f"exports {host.tank}/Images to 10.0.0.0/8 already, elsewhere than in {host.file}. Take it out there." in result["msg"]
    assert host.calls() == ["nixos-rebuild build"] and not host.file.exists()


def test_a_file_of_somebody_else_is_left_alone(host, run):
    host.file.write_text("{ services.nfs.server.enable = true; }\n")
    result = run()
    assert result["failed"] and "was not written by this collection" in result["msg"]
    assert host.file.read_text() == "{ services.nfs.server.enable = true; }\n" and host.calls() == []


def test_no_configuration_there(host, run):
    result = run(checkout=f"{host.root}/etc")
    assert result["failed"] and f"{host.root}/etc has neither flake.nix nor configuration.nix. Set nas_nixos_checkout" in result["msg"]


def test_an_account_without_root(host, run):
    (host.root / "bin/id").write_text('#!/bin/sh\n[ "$1" = -u ] && echo 1000 || echo ansible\n')
    result = run()
    assert result["failed"] and "this needs root, and runs as ansible. Set ansible_become: true" in result["msg"] and host.calls() == []


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"mounted": "no"}, "the dataset tank/Images is not mounted, so clients see nothing or an empty folder. Run sudo zfs mount tank/Images"),
        ({"mounted": "no", "keystatus": "unavailable"}, "is encrypted and locked. Run sudo zfs load-key tank/Images && sudo zfs mount tank/Images."),
        ({"sharenfs": "on"}, "ZFS exports tank/Images by itself too (sharenfs=on on tank/Images)"),
        (None, "there is no dataset tank/Images. Make it: sudo zfs create -p tank/Images"),
    ],
)
def test_what_is_in_the_way_is_said_before_anything_changes(host, run, changed, says):
    host.datasets({"tank": {}} | ({} if changed is None else {"tank/Images": changed}))
    result = run()
    assert result["failed"] and result["msg"].startswith("cardinal was left as it is:") and says in result["msg"]
    assert host.calls() == [] and not host.file.exists() and not list(host.tank.rglob(".immich-guard"))


def test_the_sentinel_of_a_folder_that_lost_it_is_not_made_again(host, run):
    export = {"name": "attic", "path": f"{host.tank}/attic", "clients": ["10.0.0.0/8"]}
    (host.tank / "attic").mkdir()
    run(exports=[export])
    (host.tank / "attic/.immich-guard/attic").rmdir()
    result = run(exports=[export])
    assert result["failed"] and "its sentinel is gone: a disk is probably not mounted. Mount it; if the folder is right as it is" in result["msg"]


def test_a_dataset_that_lost_its_photos_gets_no_sentinel(host, run):
    """Such as one that was destroyed and made anew by that name. An export that Immich writes to may start empty."""
    exports = [images(host, access="ro")]
    assert not run(exports=exports).get("failed")
    for sentinel in host.tank.rglob(".immich-guard"):
        shutil.rmtree(sentinel)
    result = run(exports=exports)
    assert result["failed"] and "is empty now, without its sentinel: is tank/Images the right dataset? Bring the photos back" in result["msg"]
    assert not list(host.tank.rglob(".immich-guard"))
    (host.tank / "Images/1.jpg").touch()
    assert not run(exports=exports).get("failed") and (host.tank / "Images/.immich-guard/images").is_dir()


def test_a_dataset_that_goes_away_gets_no_sentinel(host, run):
    """Unmounted by the switch itself, after the look."""
    host.play("unmount")
    result = run()
    assert result["failed"] and "the dataset tank/Images is not mounted" in result["msg"]
    assert not (host.tank / "Images/.immich-guard").exists()


def test_a_sentinel_that_cannot_be_made(host, run):
    (host.tank / "Images/.immich-guard").write_text("a file")
    result = run()
    assert result["failed"] and "mkdir: " in result["msg"] and result["msg"].endswith("Correct that, then run again.")


def test_a_unit_that_failed_before_is_no_reason_to_go_back(host, run):
    (host.root / "failed").write_text("backup.service loaded failed failed Backup\n")
    result = run()
    assert result["changed"] and host.etab and host.generation == "system-2-link"
    assert [found["message"] for found in result["findings"] if "backup.service" in found["message"]] == [
        "cardinal: nixos-rebuild switch was done and complains of units that had failed before, backup.service. Look at systemctl status."
    ]


def test_clients_that_lose_something_are_named(host, run):
    run()
    info = host.root / "proc/fs/nfsd/clients/7/info"
    info.parent.mkdir(parents=True)
    info.write_text('clientid: 0x1\naddress: "10.1.2.3:945"\nname: "Linux NFSv4.2 node1"\n')
    for check in (True, False):
        (message,) = [found["message"] for found in run(check=check, exports=[images(host, access="ro")])["findings"] if "fewer" in found["message"]]
        says = f"cardinal: {host.tank}/Images is exported to fewer than before: 10.0.0.0/8 may not write any more."
        assert message == f"{says} Connected now: 10.1.2.3 (Linux NFSv4.2 node1)."
    (message,) = [found["message"] for found in run(exports=[])["findings"] if "fewer" in found["message"]]
    assert "10.0.0.0/8 may not mount it any more." in message and host.etab == ""


@pytest.mark.parametrize("flake", ["git+https://forge.example.net/me/homelab.git", "CHECKOUT", ""])
def test_a_nightly_upgrade_from_elsewhere_is_named(host, run, flake):
    units = host.root / "etc/systemd/system"
    units.mkdir(parents=True)
    (units / "nixos-upgrade.timer").write_text("")
    (units / "nixos-upgrade.service").write_text(f"[Service]\nExecStart={host.root}/start \n")
    option = f"--flake {flake}".replace("CHECKOUT", f"{host.checkout}#cardinal") if flake else ""
    (host.root / "start").write_text(f"nixos-rebuild switch {option} --upgrade\n")
    found = [found["message"] for found in run()["findings"] if "nixos-upgrade" in found["message"]]
    if flake.startswith("git"):
        assert f"rebuilds it from {flake}, which knows nothing of {host.checkout}" in found[0] and "Set nas_nixos_mode: flake" in found[0]
    else:
        assert found == []


def test_a_system_that_the_next_start_does_not_take_is_named(host, run):
    run()
    profile = host.root / "nix/var/nix/profiles/system"
    profile.unlink()
    profile.symlink_to("system-1-link")  # as nixos-rebuild test leaves it
    (message,) = [found["message"] for found in run()["findings"] if "next start" in found["message"]]
    assert message.endswith("Run sudo nixos-rebuild boot on it.")


def test_paths_and_clients_of_every_kind(host, run):
    odd = host.tank / "my photos (2024)"
    odd.mkdir()
    result = run(exports=[{"name": "odd", "path": str(odd), "clients": ["node1.example.net", "*.lan", "2001:db8::/64"]}])
    assert not result.get("failed"), result["msg"]
    assert result["sentinels_ok"] and host.etab.count("my\\040photos\\040\\0502024\\051\t") == 3
    assert not run(exports=[{"name": "odd", "path": str(odd), "clients": ["node1.example.net", "*.lan", "2001:db8::/64"]}])["changed"]


def test_the_port_is_tried_from_here(host, run, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(nixos_nfs_export, "NFS_PORT", server.getsockname()[1])
        assert run(address="127.0.0.1")["findings"] == []
    (found,) = run(address="127.0.0.1")["findings"]
    assert found["severity"] == "warning" and "Look at networking.firewall on it (allowedTCPPorts = [ 2049 ])" in found["message"]
    with socket.create_server(("127.0.0.2", 0)) as server:  # the address that an export names
        monkeypatch.setattr(nixos_nfs_export, "NFS_PORT", server.getsockname()[1])
        assert run(address="127.0.0.1", exports=[images(host, address="127.0.0.2")])["findings"] == []


def test_the_documented_examples(host, play):
    """As they stand, but for a folder /tank/Images, which this machine has not: that is all that is in the way."""
    host.datasets({"tank": {}, "tank/Images": {"mountpoint": "/tank/Images"}})
    for task in examples.of("modules/nixos_nfs_export"):
        output, _result = play(tasks=[task])
        assert "export images: there is no folder /tank/Images. Make it: sudo install -d" in output and "failed=1" in output
