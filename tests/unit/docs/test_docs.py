# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages that people read say what the code says."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import yaml


def test_the_generated_pages_are_what_the_code_says(checkout):
    generated = runpy.run_path(str(checkout / "docs" / "generate.py"))
    for name, page in generated["PAGES"].items():
        assert (checkout / "docs" / name).read_text() == page(), f"docs/{name} is stale: run make docs"
    with_options = {
        path.parts[-3]
        for path in checkout.glob("roles/*/meta/argument_specs.yml")
        if yaml.safe_load(path.read_text())["argument_specs"]["main"].get("options")
    }
    assert with_options <= set(generated["ROLES"])


def test_every_module_plugin_role_and_playbook_is_in_the_list(checkout):
    page = (checkout / "docs" / "modules.md").read_text()
    parts = [*checkout.glob("plugins/modules/*.py"), *checkout.glob("plugins/lookup/*.py"), *checkout.glob("plugins/filter/*.py")]
    parts += [*checkout.glob("roles/*"), *checkout.glob("playbooks/*.yml")]
    for part in parts:
        assert f"| [`{part.stem}`](../{part.relative_to(checkout)}" in page, f"{part.stem} is missing in docs/modules.md: run make docs"


def test_every_link_of_a_page_and_every_target_that_it_names_exist(checkout):
    targets = re.findall(r"^([a-z-]+):", (checkout / "Makefile").read_text(), re.MULTILINE)
    for page in (checkout / "README.md", *checkout.glob("docs/*.md")):
        content = page.read_text()
        for link in re.findall(r"\]\((?!http)([^)#]+)\)", content):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
        for target in re.findall(r"[`$] ?make ([a-z-]+)", content):
            assert target in targets, f"{page.name}: make {target}"


def test_every_page_is_linked_in_the_readme(checkout):
    readme = (checkout / "README.md").read_text()
    assert [page.name for page in checkout.glob("docs/*.md") if f"](docs/{page.name})" not in readme] == []


@pytest.mark.parametrize("kind", ["module", "lookup", "filter"])
def test_ansible_doc_shows_a_complete_page_for_each(checkout, kind):
    folder = checkout / "plugins" / {"module": "modules"}.get(kind, kind)
    names = sorted(f"homelab.immich.{path.stem}" for path in folder.glob("*.py"))
    command = [Path(sys.executable).with_name("ansible-doc"), "--json", "-t", kind, *names]
    shown = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=True)
    assert shown.stderr == ""
    pages = json.loads(shown.stdout)
    assert sorted(pages) == names
    for name, page in pages.items():
        assert page["doc"]["short_description"] and page["doc"]["description"] and page["doc"]["author"] and page["doc"]["version_added"], name
        assert page["examples"].strip() and page["return"], f"{name}: EXAMPLES or RETURN is missing"
        documented = [*options(page["doc"].get("options") or {}), *options(page["return"])]
        assert [path for path, option in documented if not (option.get("description") and option.get("type"))] == [], name
        if kind == "module":
            assert {"check_mode", "diff_mode"} <= set(page["doc"].get("attributes") or {}), f"{name} does not say whether it has a check mode"


def options(found, above=""):
    """Every option or returned value with its path, those inside others too."""
    for name, option in found.items():
        yield f"{above}{name}", option
        yield from options(option.get("suboptions") or option.get("contains") or {}, f"{above}{name}.")
