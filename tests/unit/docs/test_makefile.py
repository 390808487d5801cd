# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a newcomer types."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def make(tmp_path, checkout):
    """make, with everything installed already: the programs of this Python, at the place of the cached ones."""
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    for name in ("ansible-vault", "ansible-doc"):
        (venv / "bin" / name).symlink_to(Path(sys.executable).parent / name)
    (venv / "bin" / "activate").write_text(f"export PATH='{venv}/bin':$PATH")
    for name in (".run", ".dev"):
        (venv / name).touch()

    def run(*arguments: str, stdin: str = "", folder: Path = checkout) -> subprocess.CompletedProcess[str]:
        command = ["make", f"VENV={venv}", f"PYTHON={sys.executable}", *arguments]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")} | {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
        return subprocess.run(command, cwd=folder, env=environment, input=stdin, capture_output=True, text=True, check=False, timeout=60)

    run.venv = venv
    return run


def test_a_shell_has_the_programs_that_the_readme_names(make):
    done = make("shell", stdin="command -v ansible-vault ansible-doc\nfalse\n")
    assert done.returncode == 0, done.stderr  # whatever was typed last
    assert done.stdout.split() == [f"{make.venv}/bin/ansible-vault", f"{make.venv}/bin/ansible-doc"]


def test_arguments_of_pytest_are_none_of_molecule_s(make):
    planned = make("--dry-run", "test", "ARGS=-k something").stdout
    assert "tests/unit tests/golden -k something" in planned
    [molecule] = [line for line in planned.splitlines() if " molecule --base-config" in line]
    assert molecule.endswith("test --all")
    assert make("--dry-run", "molecule", "SCENARIO=storage").stdout.rstrip().endswith("test --scenario-name storage")


@pytest.mark.parametrize("fails", [False, True])
def test_an_installation_shows_that_it_goes_on_and_fails_when_pip_fails(make, tmp_path, checkout, fails):
    shutil.rmtree(make.venv)
    said = "Collecting a\\nCollecting b\\nInstalling collected packages: a, b\\n" + ("" if fails else "Successfully installed a b\\n")
    python = tmp_path / "python"  # makes a venv whose pip says this
    python.write_text(f"""#!/bin/bash
[ "$1 $2" = "-m venv" ] || exec {sys.executable} "$@"
mkdir -p {make.venv}/bin
printf '#!/bin/sh\\nprintf "{said}"\\necho "ERROR: no such thing" >&2\\nexit {int(fails)}\\n' > {make.venv}/bin/pip
chmod +x {make.venv}/bin/pip
""")
    python.chmod(0o755)
    done = make(f"PYTHON={python}", f"{make.venv}/.run")
    assert ".. unpacking ..." + ("" if fails else " done") in done.stdout.splitlines()
    assert (done.returncode, (make.venv / ".run").exists()) == ((2, False) if fails else (0, True))
    assert "ERROR: no such thing" in done.stderr


def test_an_inventory_of_one_s_own_stays_out_of_git(checkout):
    ignored = subprocess.run(["git", "check-ignore", "-q", "inventories/mine/hosts.yml"], cwd=checkout, check=False)
    assert ignored.returncode == 0
