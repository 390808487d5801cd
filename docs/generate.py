# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write docs/variables.md from the argument specs of the roles, where every variable is documented."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "variables.md"
ROLES = ("common", "nas", "storage", "database", "cache", "workloads", "ingress", "instance", "libraries", "deliver")
HEAD = """\
# Variables

Generated from `roles/*/meta/argument_specs.yml` by `make docs`. `nas_*` belongs to hosts of the group `nas`, everything else to hosts of the group `immich`,
where one host is one instance. What is indented by dots is a key of the variable above it.
"""


def text(value: Any) -> str:
    """A description as one line of Markdown."""
    lines = value if isinstance(value, list) else [value]
    joined = " ".join(str(line) for line in lines)
    return re.sub(r"\b[CVOM]\(([^)]*)\)", r"`\1`", joined).replace("|", "\\|")


def kind(option: dict[str, Any]) -> str:
    """The type, and what is allowed."""
    name = option.get("type", "str")
    name = f"list of {option['elements']}" if name == "list" and "elements" in option else name
    return f"{name}: {', '.join(f'`{choice}`' for choice in option['choices'])}" if "choices" in option else name


def default(option: dict[str, Any]) -> str:
    """The default, or that there is none."""
    if option.get("required"):
        return "required"
    value = option.get("default")
    return "" if value in (None, "") else f"`{value if isinstance(value, str) else yaml.safe_dump(value, default_flow_style=True).split(chr(10))[0]}`"


def rows(options: dict[str, Any], depth: int = 0) -> list[str]:
    """A line for every variable, and below it one for each of its keys."""
    lines = []
    for name, option in options.items():
        label = f"{'· ' * depth}`{name}`"
        lines.append(f"| {label} | {kind(option)} | {default(option)} | {text(option['description'])} |")
        lines += rows(option.get("options") or {}, depth + 1)
    return lines


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for role in ROLES:
        spec = yaml.safe_load((ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]
        if spec.get("options"):
            parts.append(f"## {role}: {text(spec['short_description'])}\n")
            parts.append("\n".join(["| Variable | Type | Default | Meaning |", "|---|---|---|---|", *rows(spec["options"])]) + "\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page())
