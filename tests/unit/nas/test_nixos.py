# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The NixOS module that carries the exports: what it says, and what Nix makes of it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from ansible_collections.homelab.immich.plugins.plugin_utils.nixos.module import render

IMAGES = {
    "name": "images",
    "dataset": "tank/Images",
    "squash": "all",
    "map_user": 1000,
    "map_group": 1000,
    "clients": ["10.0.0.0/8", "2001:db8::/64"],
    "options": ["insecure"],
}
ODD = {"name": "odd", "path": "/srv/my ${photos} ''of'' \"2024\" (#1)\\", "access": "ro", "squash": "none", "clients": ["*"]}

# Options as NixOS declares them: a module that sets anything else, or of another type, is refused.
STUB = """
let
  known = {
    services.nfs.server = { enable = builtins.isBool; exports = builtins.isString; };
    networking.firewall.allowedTCPPorts = ports: builtins.isList ports && builtins.all builtins.isInt ports;
  };
  check = at: options: set: builtins.all (name:
    if !(options ? ${name}) then throw "no option ${at}${name}"
    else if builtins.isFunction options.${name} then options.${name} set.${name} || throw "wrong type of ${at}${name}"
    else check "${at}${name}." options.${name} set.${name}) (builtins.attrNames set);
  module = import MODULE;
in assert check "" known module; module
"""


@pytest.fixture
def evaluate(tmp_path: Path):
    """What Nix makes of a module, held against the stub."""
    if not shutil.which("nix-instantiate"):
        pytest.skip("no nix-instantiate here: apt-get install nix-bin, and the module is evaluated too")

    def evaluate(text: str) -> dict:
        module = tmp_path / "module.nix"
        module.write_text(text)
        nix = {"NIX_STATE_DIR": str(tmp_path / "var"), "NIX_STORE_DIR": str(tmp_path / "store"), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
        subprocess.run(["nix-instantiate", "--parse", module], env=nix, capture_output=True, text=True, check=True)
        words = ["nix-instantiate", "--eval", "--strict", "--json", "-E", STUB.replace("MODULE", str(module))]
        done = subprocess.run(words, env=nix, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return evaluate


def exported(text: str) -> dict[str, dict[str, set[str]]]:
    """/etc/exports as exports(5) reads it: path, client, options."""
    found: dict[str, dict[str, set[str]]] = {}
    for line in text.splitlines():
        path, *clients = line.split()
        path = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), path)
        for client in clients:
            name, options = re.fullmatch(r"([^(]+)\(([^()]*)\)", client).groups()
            found.setdefault(path, {})[name] = set(options.split(","))
    return found


def test_the_module_as_people_read_it():
    assert render([IMAGES], "cardinal") == (
        "# Written by homelab.immich from nas_exports of cardinal. Change the inventory: the next run overwrites this file.\n"
        "{\n"
        "  services.nfs.server = {\n"
        "    enable = true;\n"
        "    # Nothing here makes a folder: an export whose dataset is not mounted has to be missing, not empty.\n"
        "    exports = ''\n"
        "      /tank/Images 10.0.0.0/8(rw,sync,no_subtree_check,all_squash,anonuid=1000,anongid=1000,mountpoint,insecure)"
        " 2001:db8::/64(rw,sync,no_subtree_check,all_squash,anonuid=1000,anongid=1000,mountpoint,insecure)\n"
        "    '';\n"
        "  };\n"
        "\n"
        "  networking.firewall.allowedTCPPorts = [ 2049 ];\n"
        "}\n"
    )


def test_nothing_makes_the_folder_of_an_unmounted_dataset():
    assert not re.search(r"tmpfiles|createMountPoints|mkdir|activationScripts", render([IMAGES, ODD], "cardinal"))


def test_nix_reads_what_exports_needs(evaluate):
    module = evaluate(render([IMAGES, ODD], "cardinal"))
    assert module["networking"]["firewall"]["allowedTCPPorts"] == [2049]
    server = module["services"]["nfs"]["server"]
    assert server["enable"] is True
    squashed = {"rw", "sync", "no_subtree_check", "all_squash", "anonuid=1000", "anongid=1000", "mountpoint", "insecure"}
    assert exported(server["exports"]) == {
        "/tank/Images": {"10.0.0.0/8": squashed, "2001:db8::/64": squashed},
        ODD["path"]: {"*": {"ro", "sync", "no_subtree_check", "no_root_squash"}},
    }


def test_a_nas_without_exports_is_a_module_that_says_nothing(evaluate):
    assert evaluate(render([], "cardinal")) == {}


def test_the_stub_refuses_what_nixos_would(evaluate):
    with pytest.raises(AssertionError, match=r"no option services\.nfs\.servr"):
        evaluate(render([IMAGES], "cardinal").replace("nfs.server", "nfs.servr"))


@pytest.mark.parametrize("options", ["fsid=''", "fsid=${x}"])
def test_what_nix_reads_as_its_own_stays_text(evaluate, options):
    text = evaluate(render([IMAGES | {"options": [options]}], "cardinal"))["services"]["nfs"]["server"]["exports"]
    assert options in text
