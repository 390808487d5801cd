# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The exports of a NAS as a NixOS module, and what a NixOS NAS really exports. Pure functions."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.homelab.immich.plugins.module_utils import nas
from ansible_collections.homelab.immich.plugins.module_utils.linux.exports import differences, parse

_MODULE = """\
# Written by homelab.immich from nas_exports of {host}. Change the inventory: the next run overwrites this file.
{{
  services.nfs.server = {{
    enable = true;
    # Nothing here makes a folder: an export whose dataset is not mounted has to be missing, not empty.
    exports = ''
{lines}
    '';
  }};

  networking.firewall.allowedTCPPorts = [ 2049 ];
}}
"""


def render(exports: Iterable[Mapping[str, Any]], host: str) -> str:
    """The text of the module, as nixfmt leaves it. `services.nfs.server.exports` merges with what other modules add."""
    lines = [f"      {_indented_string(nas.exports_line(export))}" for export in exports]
    return _MODULE.format(host=" ".join(host.split()), lines="\n".join(lines)) if lines else f"# Written by homelab.immich: {host} has no nas_exports.\n{{ }}\n"


def _indented_string(text: str) -> str:
    """Text between two pairs of single quotes, in which Nix reads ${ and '' as its own."""
    return text.replace("''", "'''").replace("${", "''${")


def look_script(exports: Iterable[Mapping[str, Any]]) -> str:
    """A shell script that only reads, and needs no Python: the table of exports, then one line for each export."""
    lines = ["cat /var/lib/nfs/etab"]
    for export in exports:
        path, dataset = nas.nfs_path(export, "nixos"), export.get("dataset") or ""
        mounted = f'[ "$(findmnt -no SOURCE -T {shlex.quote(path)})" = {shlex.quote(dataset)} ]' if dataset else f"[ -d {shlex.quote(path)} ]"
        sentinel = shlex.quote(f"{path}/{nas.sentinel_path(export)}")
        lines.append(f'echo "# {export["name"]} $({mounted} && echo mounted || echo absent) $([ -d {sentinel} ] && echo sentinel || echo bare)"')
    return "\n".join(lines)


def findings(exports: Iterable[Mapping[str, Any]], seen: str, host: str) -> list[dict[str, Any]]:
    """Where a NixOS NAS is not as declared, from what look_script printed: {export, severity, message}."""
    states = {words[1]: words[2:] for line in seen.splitlines() if len(words := line.split()) == 4 and words[0] == "#"}
    table = parse(seen)
    found = []
    for export in exports:
        name, path = export["name"], nas.nfs_path(export, "nixos")
        mounted, sentinel = states.get(name, ("absent", "bare"))

        def say(severity: str, message: str, name: str = name) -> None:
            found.append({"export": name, "severity": severity, "message": f"{host}, export {name}: {message}"})

        if mounted == "absent":
            what = f"the dataset {export['dataset']} is not mounted at {path}" if export.get("dataset") else f"there is no folder {path}"
            say("error", f"{what}, so clients see nothing or an empty folder. Mount or create it before anything scans it.")
            continue
        for difference in differences(parse(nas.exports_line(export)), table):
            say("error", f"{difference}. Deploy the module that nas_nixos_mode: flake writes, or correct nas_exports.")
        wanted = {entry.client for entry in parse(nas.exports_line(export))}
        for entry in table:
            if entry.path == path and entry.client not in wanted:
                say("warning", f"{path} is exported to {entry.client} too, which clients does not have. Add it, or take it out of the configuration.")
        if sentinel == "bare":
            say("warning", f"its sentinel is missing, so scans are refused. On {host}: {' ; '.join(nas.sentinel_commands(export, 'nixos'))}")
    return found
