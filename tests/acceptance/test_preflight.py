# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad inventories through ansible-playbook: one run says everything, before anything is reached."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
DEFAULT = CHECKOUT / "inventories" / "homelab"
PLAY = """
- hosts: all
  connection: local
  gather_facts: false
  vars: {ansible_python_interpreter: "{{ ansible_playbook_python }}"}
  tasks:
    - ansible.builtin.import_role: {name: homelab.immich.preflight}
    - ansible.builtin.debug: {msg: went on}
"""

# What is fine, for every instance of the inventory below; each host then spoils one thing.
SHARED = """
all:
  vars: {immich_rehearsal: true}
  children:
    nas:
      hosts:
        tank:
          ansible_host: 192.0.2.10
          nas_provider: truenas
          nas_api_key: secret-of-the-nas
          nas_exports:
            - {name: photos, dataset: tank/photos, access: ro, clients: [192.0.2.0/24]}
            - {name: one, dataset: tank/one, squash: none, clients: [192.0.2.0/24]}
            - {name: inside, dataset: tank/one/inside, squash: none, clients: [192.0.2.0/24]}
    immich:
      vars:
        immich_context: homelab
        immich_version: v3.3.5
        immich_namespace: "{{ inventory_hostname }}"
        immich_url: "https://{{ inventory_hostname }}.example.net"
        immich_admin_email: admin@example.net
        immich_admin_password: secret-of-the-admin
        immich_database_postgres: "17.10"
        immich_database_vectorchord: 1.1.1
        media: {name: media, mount: /data, size: 1Ti, storage_class: longhorn}
        photos: {name: photos, mount: /mnt/photos, size: 2Ti, access: ro, nfs: {export: photos}}
        immich_volumes: ["{{ media }}", "{{ photos }}"]
        library: {name: NAS, owner: admin@example.net, import_paths: [/mnt/photos]}
        immich_libraries: ["{{ library }}"]
        immich_backup_waive: [upload, library, profile, backups]
      hosts:
        fine: {}
"""

# host: (what it spoils, as YAML; the sentences that it gets)
SPOILT: dict[str, tuple[str, list[str]]] = {
    "unknown-export": (
        'immich_volumes: [\'{{ media }}\', \'{{ photos | combine({"nfs": {"export": "phots"}}) }}\']',
        ["immich_volumes[1] (photos): no NAS has an export phots. nas_exports of the group nas name inside, one, photos. Did you mean photos?"],
    ),
    "unknown-volume": (
        "immich_libraries: [{name: NAS, owner: admin@example.net, import_paths: [/mnt/photo]}]",
        ["immich_libraries[0] (NAS): import path /mnt/photo is under no volume of the server. Volumes mount /data, /mnt/photos. Did you mean /mnt/photos?"],
    ),
    "two-backends": (
        "immich_volumes: ['{{ media | combine({\"existing_claim\": \"mine\"}) }}', '{{ photos }}']",
        [
            "immich_volumes[0] (media): storage_class and existing_claim are both set. "
            "A volume has exactly one of nfs, smb, storage_class, host_path or existing_claim: keep one."
        ],
    ),
    "one-mount": (
        "immich_volumes: ['{{ media }}', '{{ photos }}', {name: more, mount: /mnt/photos, size: 1Gi, storage_class: longhorn}]",
        ["immich_volumes[2] (more): mount /mnt/photos is the mount of immich_volumes[1] (photos) too. Give each volume a mount of its own."],
    ),
    "shares-one": (
        "immich_volumes: ['{{ photos }}', {name: media, mount: /data, size: 1Ti, nfs: {export: one}}]",
        [
            "immich_volumes[1] (media) of shares-one is the parent folder of immich_volumes[1] (media) of shares-inside, "
            "and immich_volumes[1] (media) of shares-one and immich_volumes[1] (media) of shares-inside may write to it. "
            "Give each instance a folder of its own, or set access: ro on both."
        ],
    ),
    "shares-inside": ("immich_volumes: ['{{ photos }}', {name: media, mount: /data, size: 1Ti, nfs: {export: inside}}]", []),
    "media-path": (
        "immich_libraries: [{name: NAS, owner: admin@example.net, import_paths: [/data/library]}]",
        [
            "immich_libraries[0] (NAS): import path /data/library is in /data, where Immich keeps its own files, and the server refuses it. "
            "Mount the photos elsewhere, such as /mnt/photos."
        ],
    ),
    "unknown-owner": (
        "immich_libraries: [{name: NAS, owner: family@example.net, import_paths: [/mnt/photos]}]",
        [
            "immich_libraries[0] (NAS): owner family@example.net is nobody whom this inventory creates. "
            "immich_admin_email and immich_users name admin@example.net."
        ],
    ),
    "old-version": (
        "immich_version: v1.134.0",
        ["immich_version is v1.134.0, older than v1.135.3, the oldest that this collection knows. Use v1.135.3 to v3.3.5."],
    ),
    "new-vectorchord": (
        "immich_version: v2.4.1",
        ["immich_version v2.4.1 accepts VectorChord >=0.3 <0.6; immich_database_vectorchord is 1.1.1. Use 0.5.3, or upgrade Immich to v2.5.0 or later first."],
    ),
    "database-on-nfs": (
        "immich_database_storage_class: nfs-csi",
        [
            "immich_database_storage_class is nfs-csi, by its name a network share, and PostgreSQL loses data on NFS and SMB. "
            "Use a class of local or block storage, such as longhorn or local-path."
        ],
    ),
    "six-fields": (
        "immich_libraries: [\"{{ library | combine({'scan': {'schedule': '0 0 3 * * *'}}) }}\"]",
        ['immich_libraries[0] (NAS): scan.schedule is "0 0 3 * * *": it has 6 fields. Write five, without seconds: "0 3 * * *".'],
    ),
    "url-with-path": (
        "immich_url: https://url.example.net/immich",
        ["immich_url is https://url.example.net/immich. Remove what follows the host (Immich cannot live below a path): https://url.example.net."],
    ),
    "unquoted": (
        "immich_database_postgres: 17.10",
        ["immich_database_postgres is the number 17.1, not text: YAML drops digits (17.10 becomes 17.1). Put it in quotes."],
    ),
    "misspelt": ("immich_timezon: UTC", ["immich_timezon is not a variable of this collection. Did you mean immich_timezone?"]),
    "undefined": (
        'immich_users: [{name: Me, email: me@example.net, password: "{{ vault_me }}"}]',
        ["immich_users[0] (Me): password uses a variable that is not there: 'vault_me' is undefined. Define it, for example in group_vars/all/vault.yml."],
    ),
    "secret-that-fails": (
        'immich_users: [{name: Me, email: me@example.net, password: "{{ {} | combine(immich_admin_password) }}"}]',
        ["immich_users[0] (Me): password has a template that fails."],
    ),
    "secret-of-a-wrong-type": (
        "immich_users: [{name: Me, email: me@example.net, password: [hunter22-and-more]}]",
        ["immich_users[0] (Me): password is a list, not text. Write text."],
    ),
}


def play(tmp: Path, inventory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the role alone, with an empty home."""
    playbook = tmp / "play.yml"
    playbook.write_text(PLAY)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "K8S_"))}
    return subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(inventory), str(playbook), *arguments],
        cwd=CHECKOUT,
        env=environment | {"HOME": str(tmp), "ANSIBLE_NOCOLOR": "1", "COLUMNS": "10000"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def report(output: str) -> dict[str, list[str]]:
    """The errors by the hosts that they stand under."""
    found: dict[str, list[str]] = {}
    lines = output.partition("errors in the inventory. Nothing was changed.\n")[2].partition("[ERROR]")[0].splitlines()
    for line in lines:
        if heading := re.fullmatch(r"(\S.*):", line):
            found[heading[1]] = []
        elif numbered := re.fullmatch(r" *\d+\. (.*)", line):
            found[list(found)[-1]].append(numbered[1])
    return found


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory: pytest.TempPathFactory) -> subprocess.CompletedProcess[str]:
    """One run over an inventory in which every instance has another fault."""
    tmp = tmp_path_factory.mktemp("spoilt")
    inventory = tmp / "hosts.yml"
    inventory.write_text(SHARED.rstrip() + "".join(f"\n        {host}: {{__unused: 0}}" for host in SPOILT) + "\n")
    for host, (text, _sentences) in SPOILT.items():
        folder = tmp / "host_vars"
        folder.mkdir(exist_ok=True)
        (folder / f"{host}.yml").write_text(text + "\n")
        assert isinstance(yaml.safe_load(text), dict)
    return play(tmp, inventory, "-vvv")


@pytest.mark.parametrize("host", SPOILT)
def test_every_fault_is_said_in_one_run(spoilt: subprocess.CompletedProcess[str], host: str) -> None:
    found = report(spoilt.stdout)
    hosts = "shares-one, shares-inside" if host == "shares-one" else host
    assert found.get(hosts, []) == SPOILT[host][1]


def test_the_run_stops_there(spoilt: subprocess.CompletedProcess[str]) -> None:
    assert spoilt.returncode == 2
    assert f"{sum(len(sentences) for _text, sentences in SPOILT.values())} errors in the inventory, listed above. Nothing was changed." in spoilt.stdout
    assert "went on" not in spoilt.stdout
    assert "fine" not in report(spoilt.stdout)


def test_each_error_names_its_file_and_line(spoilt: subprocess.CompletedProcess[str]) -> None:
    places = re.findall(r"^     (\S+\.yml:\d+)$", spoilt.stdout, re.MULTILINE)
    assert len(places) == sum(len(sentences) for _text, sentences in SPOILT.values())
    assert any(place.endswith("host_vars/misspelt.yml:1") for place in places)


def test_no_secret_is_shown_even_when_it_is_wrong(spoilt: subprocess.CompletedProcess[str]) -> None:
    output = spoilt.stdout + spoilt.stderr
    assert not [secret for secret in ("secret-of-the-nas", "secret-of-the-admin", "hunter22-and-more") if secret in output]


def test_the_default_inventory_passes_without_a_warning(tmp_path: Path) -> None:
    result = play(tmp_path, DEFAULT, "--check")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "went on" in result.stdout
    assert "WARNING" not in result.stdout + result.stderr


def test_a_real_run_refuses_the_examples(tmp_path: Path) -> None:
    result = play(tmp_path, DEFAULT, "-e", "immich_rehearsal=false", "-vvv")
    assert result.returncode == 2
    found = report(result.stdout)
    assert sorted(found) == ["photos", "tank"]
    assert "immich_url is https://photos.example.net, an example that leads nowhere. Write your own, or set immich_rehearsal: true." in found["photos"]
    secret = "is a secret of the examples, which everybody knows. Put your own in a vault, or set immich_rehearsal: true."
    assert f"immich_admin_password {secret}" in found["photos"]
    assert f"nas_api_key {secret}" in found["tank"]
    assert "example-admin-password" not in result.stdout + result.stderr


def test_a_misspelt_variable_on_the_command_line(tmp_path: Path) -> None:
    result = play(tmp_path, DEFAULT, "-e", "immich_versoin=v3.0.0", "--tags", "nothing", "--limit", "photos")
    assert result.returncode == 2
    assert "immich_versoin is not a variable of this collection. Did you mean immich_version?" in result.stdout


def test_a_limit_keeps_the_other_hosts_in_mind(tmp_path: Path) -> None:
    result = play(tmp_path, DEFAULT, "--limit", "photos")
    assert result.returncode == 0, result.stdout + result.stderr


def test_warnings_are_ansible_s_own(tmp_path: Path) -> None:
    result = play(tmp_path, DEFAULT, "-e", "immich_version=v4.0.0")
    assert result.returncode == 0
    warning = "immich_version v4.0.0 is newer than v3.3.5, the newest that this collection knows, and is treated like that one."
    assert f"[WARNING]: photos: {warning}" in " ".join((result.stdout + result.stderr).split())


def site(tmp_path: Path, inventory: str) -> subprocess.CompletedProcess[str]:
    """The main job in an empty folder, where no ansible.cfg of ours is read."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("ANSIBLE_", "K8S_"))}
    return subprocess.run(
        [str(Path(sys.executable).with_name("ansible-playbook")), "homelab.immich.site", "-i", inventory],
        cwd=tmp_path,
        env=environment | {"HOME": str(tmp_path), "ANSIBLE_NOCOLOR": "1", "COLUMNS": "10000", "ANSIBLE_COLLECTIONS_PATH": str(CHECKOUT / "collections")},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_a_misspelt_group_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text("imich: {hosts: {photos: {}}}")
    result = site(tmp_path, "hosts.yml")
    assert result.returncode == 2
    sentence = "There is no host in the group immich of hosts.yml, so there is no Immich to set up. Did you mean imich?"
    assert sentence in result.stdout + result.stderr


def test_an_inventory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    result = site(tmp_path, "nope")
    assert result.returncode == 2
    assert "There is no host in the group immich of nope, so there is no Immich to set up. Name another with -i." in result.stdout + result.stderr


def test_the_checkout_says_which_inventory_is_not_there(tmp_path: Path) -> None:
    result = play(tmp_path, tmp_path / "nope")
    assert result.returncode == 1
    assert f"Completely failed to parse inventory source {tmp_path}/nope" in result.stdout + result.stderr
