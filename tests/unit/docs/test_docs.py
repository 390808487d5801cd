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


def test_every_link_and_every_target_of_the_readme_exists(checkout):
    readme = (checkout / "README.md").read_text()
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", readme):
        assert (checkout / link).exists(), link
    targets = re.findall(r"^([a-z-]+):", (checkout / "Makefile").read_text(), re.MULTILINE)
    for target in re.findall(r"[`$] ?make ([a-z-]+)", readme):
        assert target in targets, target
