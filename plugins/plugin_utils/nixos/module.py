# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The exports of a NAS as a NixOS module. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.homelab.immich.plugins.module_utils import nas

MARK = "# Written by homelab.immich"  # a file that begins otherwise is somebody's own
_MODULE = """\
{mark} from nas_exports of {host}. Change the inventory: the next run overwrites this file.
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


def export_lines(exports: Iterable[Mapping[str, Any]], mountpoints: Mapping[str, str] | None = None) -> list[str]:
    """The lines of /etc/exports. `mountpoints` is where datasets are really mounted, by the name of the export, where somebody has looked."""
    return [nas.exports_line(export, (mountpoints or {}).get(export["name"])) for export in exports]


def render(exports: Iterable[Mapping[str, Any]], host: str, mountpoints: Mapping[str, str] | None = None) -> str:
    """The text of the module, as nixfmt leaves it. `services.nfs.server.exports` merges with what other modules add."""
    lines = [f"      {_indented_string(line)}" for line in export_lines(exports, mountpoints)]
    name = " ".join(host.split())
    return _MODULE.format(mark=MARK, host=name, lines="\n".join(lines)) if lines else f"{MARK}: {name} has no nas_exports.\n{{ }}\n"


def _indented_string(text: str) -> str:
    """Text between two pairs of single quotes, in which Nix reads ${ and '' as its own."""
    return text.replace("''", "'''").replace("${", "''${")
