# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""
Write the pages of docs/ that the code can tell.

docs/variables.md comes from the argument specs, docs/modules.md from the documentation of modules and plugins, docs/versions.md from the table of versions,
the tables of docs/nas.md from their functions and rows, and the one of docs/safety.md from the tests of tests/faults.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml
from ansible_collections.homelab.immich.plugins.plugin_utils import manifests

ROOT = Path(__file__).parent.parent
TABLE = ROOT / "plugins" / "module_utils" / "immich" / "versions.py"
ROLES = ("common", "nas", *manifests.ROLES[1:], "instance", "libraries", "deliver")
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


def variables() -> str:
    """The page of variables."""
    parts = [HEAD]
    for role in ROLES:
        spec = yaml.safe_load((ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text())["argument_specs"]["main"]
        if spec.get("options"):
            parts.append(f"## {role}: {text(spec['short_description'])}\n")
            parts.append("\n".join(["| Variable | Type | Default | Meaning |", "|---|---|---|---|", *rows(spec["options"])]) + "\n")
    return "\n".join(parts)


def table_of_versions() -> ModuleType:
    """The module, which needs nothing but the standard library."""
    spec = importlib.util.spec_from_file_location("versions", TABLE)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["versions"] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


def table(head: list[str], lines: list[list[Any]]) -> str:
    """A table of Markdown."""
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in (head, ["---"] * len(head), *lines)) + "\n"


def versions() -> str:
    """The page of versions."""
    v = table_of_versions()
    known = {release: v.capabilities(release) for release in v.releases()}

    def database(release: Any) -> list[Any]:
        has = known[release]
        return [has.vectorchord, v.newest_vectorchord(release), "yes" if has.pgvecto_rs else "no", has.postgres_documented, f"`{has.media_location}`"]

    databases: list[list[Any]] = []
    for release in known:
        if not databases or databases[-1][1:] != database(release):
            databases.append([f"{release} and later", *database(release)])
    abilities = [field for field in fields(v.Capabilities) if "what" in field.metadata]
    gained = [[field.metadata["what"], v.since(field.name)] for field in abilities if getattr(known[v.NEWEST], field.name)]
    lost = [
        [field.metadata["what"], next(release for release, has in known.items() if not getattr(has, field.name))]
        for field in abilities
        if not getattr(known[v.NEWEST], field.name)
    ]
    settings = [[f"`{path}`", v.setting_since(path)] for path in sorted(v.LATER_SETTINGS, key=lambda path: (v.setting_since(path), path))]
    purposes = [[f"`{name}`", ", ".join(f"`{part}`" for part in v.permissions(v.NEWEST, [name]))] for name in v.PURPOSES]
    queues = ", ".join(f"`{name}` ({v.queue_since(name)})" for name in v.LATER_QUEUES)
    calls = sorted({(call.path, call.method): call for call in v.endpoints(v.NEWEST)}.items())
    return "\n".join(
        [
            f"""\
# Versions

Generated from `{TABLE.relative_to(ROOT)}` by `make docs`: the one table that every role and module asks.

This collection works with Immich {v.OLDEST} to {v.NEWEST}. An older server is refused. A newer one is treated like {v.NEWEST}, with a warning.
What it knows of the server itself was seen in Immich up to {v.RUNTIME_SEEN}. For later ones the contract of the API was compared:
beside what is listed here, nothing changed for this collection.

## Database and media

Immich checks its database at the start and does not start with a VectorChord outside its range. VectorChord 0.4.3 serves every version.
pgvecto.rs is what Immich used before VectorChord: change over before you upgrade to a version that does not take it any more.
PostgreSQL is what the makers of Immich document; it starts with any from 14 on.
""",
            table(["Immich", "VectorChord", "newest known in the range", "pgvecto.rs", "PostgreSQL", "Media folder"], databases),
            "## What came when\n",
            table(["What", "From"], gained),
            table(["What is gone", "From"], lost),
            """\
## Settings

`immich_settings` may name these from the version on that has them. On an older server the run stops before anything changes, and says which version it takes.
The audio codec Opus may be written `opus` or `libopus`: it is sent as the version calls it.
""",
            table(["Setting", "From"], settings),
            f"Queues that not every version has: {queues}. What a server lists is what counts.\n",
            """\
## API keys

`homelab.immich.api_key` computes the permissions of a key from what it is for (`purposes`), as the version names them.
Before {since} the calls of jobs, queues and the server take any key.
Immich refuses a name that it does not know, so the list is not the same for all versions.
""".format(since=v.since("undeclared_needs_all")),
            table(["Purpose", f"Permissions on {v.NEWEST}"], purposes),
            "## Calls\n\nWhat this collection asks of the API. A dash means that no key is needed.\n",
            table(
                ["Call", "Permission", "Answers", "From"],
                [
                    [f"`{call.method} {call.path}`", _needs(v, call), _answers(v, call), v.since(call.capability) if call.capability else v.OLDEST]
                    for _key, call in calls
                ],
            ),
        ]
    )


def _needs(v: ModuleType, call: Any) -> str:
    return {v.ANYBODY: "-", v.ANY_KEY: v.ANY_KEY}.get(call.permission, f"`{call.permission}`")


def _answers(v: ModuleType, call: Any) -> str:
    """The status of success, and the one that it was."""
    first = next((old for old in v.endpoints(v.OLDEST) if (old.method, old.path) == (call.method, call.path)), call)
    changed = next((release for release in v.releases() if call in v.endpoints(release)), v.OLDEST)
    return str(call.status) if first == call else f"{call.status}, before {changed} {first.status}"


def nas() -> str:
    """docs/nas.md, its tables written anew."""
    page = (ROOT / "docs" / "nas.md").read_text()
    for name, table in (("meaning", nas_meaning), ("access", nas_access)):
        before, mark, after = page.partition(f"<!-- generated by make docs: {name} -->\n")
        page = before + mark + table() + "\n" + after[after.index("<!-- end -->") :]
    return page


def nas_meaning() -> str:
    """What squash and map are on each kind of NAS."""
    spec = importlib.util.spec_from_file_location("nas", ROOT / "plugins" / "module_utils" / "nas.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    lines = ["| `squash` | `map_user`, `map_group` | exports(5) | TrueNAS |", "|---|---|---|---|"]
    for squash, number in (("none", None), ("root", None), ("root", 1000), ("all", None), ("all", 1000)):
        export = {"name": "x", "path": "/x", "squash": squash, "map_user": number, "map_group": number}
        options = ",".join(option for option in module.exports_options(export) if "squash" in option or "anon" in option)
        share = {field: value for field, value in module.truenas_share(export).items() if value not in (None, False)}
        truenas = ", ".join(f"{field} {f'the name of {value}' if isinstance(value, int) else value}" for field, value in share.items()) or "nothing set"
        lines.append(f"| `{squash}` | {number or ''} | `{options}` | {truenas} |")
    return "\n".join([*lines, "", "`access` is `ro` or `rw` in exports(5), and Read Only on TrueNAS."])


def nas_access() -> str:
    """Who may do what: the rows of docs/nas_access.yml."""
    lines = ["| The export | The pod | On the NAS it is | Read | Write | chown |", "|---|---|---|---|---|---|"]
    for row in yaml.safe_load((ROOT / "docs" / "nas_access.yml").read_text())["rows"]:
        export = yaml.safe_dump(row["export"], default_flow_style=True, sort_keys=False, width=1000).strip()[1:-1]
        groups = f", group {', '.join(str(group) for group in row['groups'])}" if row.get("groups") else ""
        if "nas_groups" in row:
            there = f"in group {row['nas_groups'][0]}" if row["nas_groups"] else "in no group"
            groups += f"; {there} on a NAS with manage-gids"
        may = " | ".join("yes" if row[action] else "no" for action in ("read", "write", "chown"))
        lines.append(f"| `{export}` | {row['uid']}:{row['gid']}{groups} | {row['arrives']} | {may} |")
    return "\n".join(lines)


def documentation(path: Path) -> dict[str, Any]:
    """The DOCUMENTATION of a module or plugin, read without importing it."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "DOCUMENTATION":
            return yaml.safe_load(ast.literal_eval(node.value))
    raise ValueError(f"{path} has no DOCUMENTATION")


def plugins(folder: str, names: Callable[[str], bool] = lambda name: True) -> list[list[str]]:
    """The rows of a kind of plugin: its name, linked to its file, and what it does."""
    found = sorted(path for path in (ROOT / "plugins" / folder).glob("*.py") if names(path.stem))
    return [[f"[`{path.stem}`](../plugins/{folder}/{path.name})", text(documentation(path)["short_description"])] for path in found]


def modules() -> str:
    """The page that lists everything a playbook can name."""
    of_immich = set(yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())["action_groups"]["immich"])
    specs = {path.parts[-3]: yaml.safe_load(path.read_text())["argument_specs"] for path in sorted(ROOT.glob("roles/*/meta/argument_specs.yml"))}
    roles = [[f"[`{name}`](../roles/{name}/meta/argument_specs.yml)", text(spec["main"]["short_description"])] for name, spec in specs.items()]
    playbooks = []
    for path in sorted((ROOT / "playbooks").glob("*.yml")):
        first = next(line for line in path.read_text().splitlines() if line != "---")
        playbooks.append([f"[`{path.stem}`](../playbooks/{path.name})", text(first.removeprefix("# "))])
    head = ["Name", "What it does"]
    return "\n".join(
        [
            """\
# Modules, plugins, roles and playbooks

Generated from their documentation by `make docs`. Everything is named with `homelab.immich.` before it.
`make shell` gives a shell in which `ansible-doc homelab.immich.library` shows the whole page of a module: options, examples, what it returns.
Each example is run by a test.

## Playbooks

`ansible-playbook homelab.immich.site -i my/inventory`
""",
            table(head, playbooks),
            """\
## Modules for Immich

They work on a server of any version in [versions.md](versions.md), installed by whatever means. `module_defaults` of `group/homelab.immich.immich` give them
all the same connection. `ansible-doc homelab.immich.library`
""",
            table(head, plugins("modules", lambda name: name in of_immich)),
            "## Modules for the cluster, the NAS and the run itself\n\n`ansible-doc homelab.immich.apply`\n",
            table(head, plugins("modules", lambda name: name not in of_immich)),
            "## Lookups\n\n`ansible-doc -t lookup homelab.immich.manifests`\n",
            table(head, plugins("lookup")),
            "## Filters\n\n`ansible-doc -t filter homelab.immich.volumes`\n",
            table(head, plugins("filter")),
            "## Roles\n\n`site` composes them. Their variables: [variables.md](variables.md)\n",
            table(head, roles),
        ]
    )


def safety() -> str:
    """docs/safety.md, its table of faults written anew from the one that `make faults` runs."""
    from ansible_collections.homelab.immich.tests.faults import table

    before, mark, after = (ROOT / "docs" / "safety.md").read_text().partition("<!-- generated by make docs: faults -->\n")
    return before + mark + "\n".join(table.page()) + "\n" + after[after.index("<!-- end -->") :]


PAGES = {"variables.md": variables, "modules.md": modules, "versions.md": versions, "nas.md": nas, "safety.md": safety}

if __name__ == "__main__":
    for name, page in PAGES.items():
        (ROOT / "docs" / name).write_text(page())
