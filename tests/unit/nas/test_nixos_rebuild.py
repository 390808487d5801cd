# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nas_nixos_mode: rebuild and verify, by the role, on a host whose commands are played: the state of the host after each failure."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

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
def run(checkout: Path, tmp_path: Path, host: Host):
    """Run the role for this host: (what was printed, the result that the summary reads, or nothing when the run failed)."""

    def run(*arguments: str, exports: list | None = None, **variables) -> tuple[str, dict]:
        cardinal = {
            "ansible_connection": "local",
            "ansible_python_interpreter": "/nowhere/python3",  # a NixOS host has none
            "ansible_become": False,
            "ansible_host": "127.0.0.1",
            "nas_provider": "nixos",
            "nas_nixos_mode": "rebuild",
            "nas_nixos_checkout": str(host.checkout),
            "nas_exports": exports if exports is not None else [images(host)],
        }
        (tmp_path / "play.yml").write_text(PLAY)
        (tmp_path / "hosts.json").write_text(json.dumps({"all": {"children": {"nas": {"hosts": {"cardinal": cardinal | variables}}}}}))
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")} | {
            "ANSIBLE_COLLECTIONS_PATH": str(checkout / "collections"),
            "ANSIBLE_HOME": str(tmp_path / "ansible"),
            "ANSIBLE_NOCOLOR": "1",
        }
        results = tmp_path / "result.json"
        results.unlink(missing_ok=True)
        words = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "hosts.json", "play.yml", "-e", f"results={results}", *arguments]
        done = subprocess.run(words, env=environment | host.environment, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
        return done.stdout + done.stderr, json.loads(results.read_text()) if results.exists() else {}

    return run


def images(host: Host, **changed) -> dict:
    return {"name": "images", "dataset": "tank/Images", "path": f"{host.tank}/Images", "squash": "all", "clients": ["10.0.0.0/8"]} | changed


def test_from_nothing_to_an_export_and_then_nothing_to_do(host, run):
    output, result = run("--check", "--diff")
    assert host.calls() == ["nixos-rebuild build", "nixos-rebuild dry-activate", "switch-to-configuration dry-activate"]
    assert not host.file.exists() and host.etab == "" and not (host.tank / "Images/.immich-guard").exists()
    assert f"+      {host.tank}/Images 10.0.0.0/8(rw," in output and "would restart the following units: nfs-mountd.service" in output
    assert result["changed"] and result["planned"] == 3  # the file, the switch, the sentinel

    before = host.running
    output, result = run()
    assert host.calls() == ["nixos-rebuild build", "nixos-rebuild switch", "switch-to-configuration switch"]
    assert host.etab == (f"{host.tank}/Images\t10.0.0.0/8(rw,sync,no_subtree_check,all_squash,mountpoint)\n")
    assert host.running != before and host.generation == "system-2-link"
    assert (host.tank / "Images/.immich-guard/images").is_dir()
    assert result["changed"] and result["sentinels_ok"] and [found["severity"] for found in result["findings"]] == ["warning"]  # nobody serves port 2049 here

    for mode in ([], ["--check"]):
        output, result = run(*mode)
        assert host.calls() == ["nixos-rebuild build"] and not result["changed"] and host.generation == "system-2-link"


def test_a_flake_is_found_and_its_configuration_named(host, run):
    host.flake()
    host.file.write_text("")
    host.git("add", "--intent-to-add", "immich-exports.nix")
    output, result = run(nas_nixos_configuration="cardinal")
    assert host.etab and result["changed"], output
    output, result = run("--check")
    assert host.calls()[-1] == "nixos-rebuild build" and not result["changed"]


def test_a_flake_does_not_see_a_file_that_git_does_not_track(host, run):
    host.flake()
    for mode in (["--check"], []):
        output, result = run(*mode)
        command = f"sudo touch {host.file} && sudo git -C {host.checkout} add --intent-to-add {host.file}"
        assert f"Run on the NAS: {command}; or set nas_nixos_intent_to_add: true." in output
        assert result == {} and host.calls() == [] and not host.file.exists()


def test_git_is_told_where_an_option_says_so(host, run):
    host.flake()
    output, result = run("--check", nas_nixos_intent_to_add=True)
    assert result["planned"] == 3 and host.git("status", "--short") == "A  flake.nix\n"
    output, result = run(nas_nixos_intent_to_add=True)
    assert host.etab and result["changed"], output
    assert host.git("status", "--short") == "A  flake.nix\n A immich-exports.nix\n"


FAILURES = {
    "build": (["nixos-rebuild build"], "nixos-rebuild build fails, so nothing was switched."),
    "early": (["nixos-rebuild build", "nixos-rebuild switch", "switch-to-configuration switch"], "nixos-rebuild switch fails, so the generation before"),
    "units": (
        ["nixos-rebuild build", "nixos-rebuild switch", "switch-to-configuration switch", "nix-env --switch-generation 2", "switch-to-configuration switch"],
        "nixos-rebuild switch fails, so the generation before was switched back to and the file put back.",
    ),
    "deaf": (
        ["nixos-rebuild build", "nixos-rebuild switch", "switch-to-configuration switch", "nix-env --switch-generation 2", "switch-to-configuration switch"],
        "is not exported, so the generation before was switched back to and the file put back.",
    ),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_leaves_what_was_there_working(host, run, failure):
    run()
    before = (host.running, host.generation, host.etab, host.file.read_text())
    host.calls()
    host.play(failure)
    output, result = run(exports=[images(host, access="ro")])
    calls, says = FAILURES[failure]
    assert result == {} and "failed=1" in output and says in output
    assert host.calls() == calls
    assert (host.running, host.generation, host.etab, host.file.read_text()) == before
    host.play("quiet")
    output, result = run(exports=[images(host, access="ro")])
    assert result["changed"] and "(ro," in host.etab


@pytest.mark.parametrize("failure", FAILURES)
def test_a_first_run_that_fails_leaves_nothing_behind(host, run, failure):
    host.flake()
    host.play(failure)
    before = (host.running, host.generation, host.etab, host.git("status", "--short"))
    output, result = run(nas_nixos_intent_to_add=True)
    assert result == {} and (host.running, host.generation, host.etab, host.git("status", "--short")) == before
    assert not host.file.exists() and not (host.tank / "Images/.immich-guard").exists()


def test_what_nixos_rebuild_says_is_shown(host, run):
    host.play("build")
    output, _result = run()
    assert "error: undefined variable 'nfz'" in output


def test_a_way_back_that_fails_is_said_loudly(host, run):
    run()
    host.play("stuck")
    output, result = run(exports=[images(host, access="ro")])
    assert result == {} and "the way back failed too. Run nixos-rebuild switch --rollback on the NAS at once" not in output  # it never left
    assert "nixos-rebuild switch fails, so the generation before was switched back to" in output


def test_a_file_that_nobody_imports(host, run):
    (host.checkout / "configuration.nix").write_text('{ hostName = "cardinal"; }\n')
    output, result = run()
    assert result == {} and "Add the file to the imports of that configuration" in output
    assert host.calls() == ["nixos-rebuild build"] and not host.file.exists()


def test_the_configuration_exports_the_same_already(host, run):
    (host.checkout / "nas.nix").write_text(f"{{\n  exports = ''\n    {host.tank}/Images 10.0.0.0/8(rw,insecure)\n  '';\n}}\n")
    (host.checkout / "configuration.nix").write_text('{ imports = [ "./nas.nix" "./immich-exports.nix" ]; }\n')
    output, result = run()
    assert f"the configuration exports {host.tank}/Images to 10.0.0.0/8 already, elsewhere than in {host.file}. Take it out there." in output
    assert result == {} and host.calls() == ["nixos-rebuild build"] and not host.file.exists()


def test_a_file_of_somebody_else_is_left_alone(host, run):
    host.file.write_text("{ services.nfs.server.enable = true; }\n")
    output, result = run()
    assert result == {} and "was not written by this collection" in output
    assert host.file.read_text() == "{ services.nfs.server.enable = true; }\n" and host.calls() == []


def test_no_configuration_there(host, run):
    output, result = run(nas_nixos_checkout=f"{host.root}/etc")
    assert result == {} and f"{host.root}/etc has neither flake.nix nor configuration.nix. Set nas_nixos_checkout" in output


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
    output, result = run()
    assert result == {} and "cardinal was left as it is:" in output and says in output
    assert host.calls() == [] and not host.file.exists() and not list(host.tank.rglob(".immich-guard"))


def test_the_sentinel_of_a_folder_that_lost_it_is_not_made_again(host, run):
    export = {"name": "attic", "path": f"{host.tank}/attic", "clients": ["10.0.0.0/8"]}
    (host.tank / "attic").mkdir()
    run(exports=[export])
    (host.tank / "attic/.immich-guard/attic").rmdir()
    output, result = run(exports=[export])
    assert result == {} and "its sentinel is gone: a disk is probably not mounted. Mount it; if the folder is right as it is, run sudo mkdir -p" in output


def test_a_nightly_upgrade_from_elsewhere_is_named(host, run):
    units = host.root / "etc/systemd/system"
    units.mkdir(parents=True)
    (units / "nixos-upgrade.timer").write_text("")
    (units / "nixos-upgrade.service").write_text(f"[Service]\nExecStart={host.root}/start \n")
    (host.root / "start").write_text("nixos-rebuild switch --refresh --flake git+https://forge.example.net/me/homelab.git --upgrade\n")
    _output, result = run()
    (message,) = [found["message"] for found in result["findings"] if "nixos-upgrade" in found["message"]]
    assert "rebuilds it from git+https://forge.example.net/me/homelab.git" in message and "Set nas_nixos_mode: flake" in message


def test_verify_after_a_rebuild_needs_nothing_and_changes_nothing(host, run):
    run()
    host.calls()
    _output, result = run(nas_nixos_mode="verify")
    assert result["sentinels_ok"] and not result["changed"] and host.calls() == []
    (host.root / "var/lib/nfs/etab").write_text("")
    output, result = run("--check", nas_nixos_mode="verify")
    assert result == {} and f"cardinal, export images: {host.tank}/Images is not exported to 10.0.0.0/8. Deploy the module" in output
