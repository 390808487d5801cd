# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages that people read say what the code says."""

from __future__ import annotations

import re
import runpy

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
