# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exports of a NAS, each by itself and beside the others."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator

from ansible_collections.homelab.immich.plugins.module_utils import nas

from ..model import Inventory, Item, Problem, listed

_HOST = re.compile(r"[@A-Za-z0-9*?]([A-Za-z0-9._*?-]*[A-Za-z0-9*?])?")


def make_sense(inventory: Inventory) -> Iterator[Problem]:
    """What module_utils/nas.py says about one export."""
    for host in inventory.nas:
        for export in host.list("nas_exports"):
            if export.get("name") is not None:
                for text in nas.problems(export.value, nas.provider_of(host.values)):
                    yield export.problem(text)


def unique(inventory: Inventory) -> Iterator[Problem]:
    """One name, and one folder, per export of a NAS."""
    for host in inventory.nas:
        names: dict[str, Item] = {}
        folders: dict[str, Item] = {}
        for export in host.list("nas_exports"):
            name = str(export.get("name") or "")
            if name and name in names:
                yield export.problem(f"the name is taken by nas_exports[{names[name].at[1]}]. Give each export a name of its own.", "name")
            names.setdefault(name, export)
            if export.get("protocol", "nfs") == "nfs" and (export.get("dataset") or export.get("path")):
                folder = nas.nfs_path(export.value, nas.provider_of(host.values))
                if folder in folders and (differing := _differing(folders[folder], export)):
                    text = f"{folder} is exported by {folders[folder]} already, and the two disagree about {listed(differing)}. Keep one of them."
                    yield export.problem(text, "dataset")
                elif folder in folders:
                    yield export.problem(f"{folder} is exported by {folders[folder]} already. Keep one of them.", "dataset")
                folders.setdefault(folder, export)


def nixos(inventory: Inventory) -> Iterator[Problem]:
    """Where the module of a NixOS NAS goes."""
    for host in inventory.nas:
        if nas.provider_of(host.values) != "nixos":
            continue
        mode = host.get("nas_nixos_mode")
        if mode == "flake" and not host.get("nas_nixos_path") and host.sound("nas_nixos_path"):
            text = "nas_nixos_path is not set, and nas_nixos_mode is flake. Name the file of the checkout to write, such as ~/nixos/immich-exports.nix."
            yield Problem(host.name, text, ("nas_nixos_path",))
        if mode == "rebuild":
            for key in ("nas_nixos_path", "nas_nixos_checkout"):
                value = str(host.get(key) or "")
                if value and not value.startswith("/"):
                    text = f"{key} is {value}, and nas_nixos_mode is rebuild. Write it as the NAS has it, from the root, such as /etc/nixos."
                    yield Problem(host.name, text, (key,))


def clients(inventory: Inventory) -> Iterator[Problem]:
    """Who may mount: addresses, networks or host names."""
    for host in inventory.nas:
        for export in host.list("nas_exports"):
            for index, client in enumerate(export.get("clients", [])):
                if client is not None and not _is_client(str(client)):
                    yield export.problem(f"clients[{index}] is {client}. Write an address, a network such as 10.0.0.0/24, or a host name.", "clients", index)


def _differing(first: Item, second: Item) -> list[str]:
    """About what two exports of one folder disagree."""
    one, other = nas.normalise(first.value), nas.normalise(second.value)
    return [key for key in ("access", "squash", "map_user", "map_group", "clients", "options", "owner") if one[key] != other[key]]


def _is_client(client: str) -> bool:
    try:
        ipaddress.ip_network(client, strict=False)
        return True
    except ValueError:
        return _HOST.fullmatch(client) is not None and re.fullmatch(r"[\d./:]+", client) is None


RULES = (make_sense, unique, nixos, clients)
