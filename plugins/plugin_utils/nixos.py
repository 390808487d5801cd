# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The exports of a NAS as a NixOS module. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.homelab.immich.plugins.module_utils import nas

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
