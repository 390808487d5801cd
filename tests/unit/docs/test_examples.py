# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that has documentation has examples, and each is run: here, or in the test that tests/examples.py names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import examples
import pytest
import yaml
from ansible_collections.homelab.immich.plugins.modules import linux_nfs_export
from ansible_collections.homelab.immich.rehearsal.immich.testing import Server
from ansible_collections.homelab.immich.rehearsal.truenas.testing import API_KEY, USER
from ansible_collections.homelab.immich.rehearsal.truenas.testing import Server as TrueNAS
from module_runner import Run, run_module

__all__ = ["run_module"]  # a fixture

PASSWORD = "correct-horse-1"
# what others need comes first; api_key replaces and removes the key of the play
FIRST, LAST = ("modules/admin", "modules/user", "modules/library"), "modules/api_key"


def here(kind: str) -> list[str]:
    return [name for name, place in examples.PLACES.items() if place == examples.UNIT and name.startswith(kind)]


def test_everything_has_an_example_of_itself() -> None:
    assert [name for name, tasks in examples.documented().items() if f"homelab.immich.{name.partition('/')[2]}" not in yaml.safe_dump(tasks)] == []


def test_every_example_is_run_by_a_test(checkout: Path) -> None:
    assert sorted(examples.documented()) == sorted([*examples.PLACES, *examples.of_immich(), *examples.filters()])
    for name, place in examples.PLACES.items():
        if place not in (examples.UNIT, examples.ACCEPTANCE):  # these two run all that is theirs; another test takes them by name
            assert f'examples.of("{name}")' in (checkout / place).read_text(), f"{place} does not run the examples of {name}"


def test_the_examples_of_the_immich_modules_run(tmp_path: Path) -> None:
    names = sorted(examples.of_immich(), key=lambda name: (name == LAST, FIRST.index(name) if name in FIRST else len(FIRST)))
    # what is kept in a cluster is run there
    tasks = [task for name in names for task in examples.of(name) if not (task.get("homelab.immich.api_key") or {}).get("store")]
    for folder in ("2023", "2024", "scans", ".immich-guard/photos"):
        (tmp_path / "photos" / folder).mkdir(parents=True)
    mounts = {"/mnt/photos": tmp_path / "photos", "/mnt/scans": tmp_path / "photos" / "scans"}
    with Server("3.3.5", mounts, tmp_path) as immich:
        first = {
            "name": "A key",
            "register": "made",
            "homelab.immich.api_key": {"url": immich.url, "email": "admin@example.net", "password": PASSWORD, "name": "tests", "permissions": ["all"]},
        }
        secrets = {"vault_immich_admin_password": PASSWORD, "vault_family_password": PASSWORD, "vault_oauth_secret": "x"}
        keys = {"immich_key": "{{ made.secret | default('') }}", "stored_key": "{{ key.secret | default('') }}"}
        moved = at(immich.url, tasks, "https://photos.example.net", "https://login.example.net")
        moved = at(str(tmp_path / "guard"), moved, "/var/lib/immich-guard")
        examples.play(tmp_path, {**examples.LOCAL, "hosts": "localhost", "vars": secrets | keys, "tasks": [moved[0], first, *moved[1:]]})


def at(there: str, tasks: list[dict[str, Any]], *places: str) -> list[dict[str, Any]]:
    """The same tasks, with a stand-in's address (account, folder) in the place of the example's."""
    text = yaml.safe_dump(tasks, sort_keys=False)
    for place in places:
        assert place in text
        text = text.replace(place, there)
    return yaml.safe_load(text)


def test_the_examples_of_the_truenas_modules_run(tmp_path: Path) -> None:
    names = here("modules/truenas_")
    with TrueNAS(tmp_path, bare=True) as tank:
        tasks = [{**task, "vars": {"vault_nas_api_key": API_KEY}} for name in names for task in examples.of(name)]
        defaults = {f"homelab.immich.{name[8:]}": {"ca_cert": str(tank.ca_cert)} for name in names}
        tasks = at(f"username: {USER}", at(tank.url, tasks, "wss://tank.example.net"), "username: ansible")
        output = examples.play(tmp_path, {**examples.LOCAL, "hosts": "localhost", "module_defaults": defaults, "tasks": tasks})
        assert "pool.dataset.create" in tank.mutations and "sharing.nfs.create" in tank.mutations and "sharing.smb.create" in tank.mutations
    assert API_KEY not in output


@pytest.mark.parametrize("task", examples.of("modules/linux_nfs_export"), ids=lambda task: task["name"])
def test_the_examples_of_linux_nfs_export_are_what_a_host_can_carry_out(task: dict[str, Any], run_module: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """In check mode, on a host with a pool and an NFS server that exports nothing: tests/vm carries such out on a real one."""
    properties = {"mountpoint": "/tank", "canmount": "on", "mounted": "yes", "keystatus": "-", "readonly": "off", "sharenfs": "off"}
    properties |= {"available": "1073741824", "used": "4096", "quota": "0", "recordsize": "131072", "compression": "lz4"}
    host = {
        "zfs": True,
        "pools": ["tank"],
        "datasets": {"tank": {key: (value, "local") for key, value in properties.items()}},
        "mounts": [("/", "ext4", "/dev/vda"), ("/tank", "zfs", "tank")],
        "fstab": ["/"],
        "files": {},
        "etab": "",
        "clients": [],
        "service": {"installed": True, "enabled": True, "active": True},
        "manage_gids": False,
    }
    monkeypatch.setattr(linux_nfs_export, "look", lambda wanted: host)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert task["become"] is True
    result = run_module("linux_nfs_export", check=True, **task["homelab.immich.linux_nfs_export"])
    assert result.changed and result["exports"] == 1
    assert "192.0.2.0/24" in "".join(diff["after"] for diff in result["diff"])


def test_the_examples_that_read_an_inventory_run(tmp_path: Path, checkout: Path) -> None:
    """On the default inventory, in the play of a NAS or of an instance, as each needs."""
    tasks = [task for name in [*here("modules/preflight"), *here("lookup/"), *examples.filters()] for task in examples.of(name)]
    of_nas = [task for task in tasks if "nas_exports" in yaml.safe_dump(task)]
    of_instance = [task for task in tasks if task not in of_nas]
    # the defaults of the roles, as in site.yml
    roles = {"name": "Defaults", "ansible.builtin.import_role": {"name": "homelab.immich.deliver", "tasks_from": "defaults", "rolespec_validate": False}}
    written = tmp_path / "src/homelab/nixos/hosts/cardinal/immich-exports.nix"
    written.parent.mkdir(parents=True)
    instance = {**examples.LOCAL, "hosts": "photos", "pre_tasks": [roles], "tasks": of_instance}
    plays = ({**examples.LOCAL, "hosts": "tank", "tasks": at(f"{tmp_path}/src", of_nas, "~/src")}, instance)
    output = examples.play(tmp_path, *plays, inventory=checkout / "inventories" / "homelab")
    assert "tank/photos" in written.read_text()
    assert "PersistentVolumeClaim" in output and "immich-media" in output
