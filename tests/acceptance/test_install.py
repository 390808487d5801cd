# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection as somebody gets it who has no checkout: built, installed in an empty folder, run with an inventory of one's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from harness import CHECKOUT, Run

# What a homelab of one's own calls things.
OWN_NAMES = {
    "192.0.2.": "198.51.100.",
    "photos.example.net": "pictures.example.net",
    "homelab": "attic",
    "longhorn": "local-path",
    "tank": "vault7",
}


class Installation:
    """An installed collection, an empty folder to work in, and no checkout in sight."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.work = folder / "work"
        self.collections = folder / "collections"
        for name in ("work", "home", "state"):
            (folder / name).mkdir()
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "IMMICH_", "PYTHON"))}
        self.environment = kept | {
            "HOME": str(folder / "home"),
            "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")),  # the built control plane
            "XDG_STATE_HOME": str(folder / "state"),
            "ANSIBLE_COLLECTIONS_PATH": str(self.collections),
            "ANSIBLE_NOCOLOR": "1",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the empty folder."""
        return subprocess.run(
            command,
            cwd=self.work,
            env=self.environment | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
            check=False,
        )

    def site(self, inventory: str) -> Run:
        """Run the main job."""
        done = self.run("ansible-playbook", "homelab.immich.site", "-i", inventory)
        assert done.returncode == 0, done.stdout
        return Run(done.returncode, done.stdout, 0)

    def files(self) -> dict[str, tuple[int, int]]:
        """What is installed, and when each file was last written. Byte code aside: root may write where nobody may, and Python uses that."""
        found = (path for path in self.collections.rglob("*") if path.is_file() and path.parent.name != "__pycache__")
        return {str(path.relative_to(self.collections)): (path.stat().st_size, path.stat().st_mtime_ns) for path in found}


@pytest.fixture(scope="module")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection, built from what git knows or would know of the checkout."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("tarball")
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if os.path.lexists(CHECKOUT / name):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, source / name, follow_symlinks=False)
    (source / ".git").mkdir()
    (source / "build").mkdir()
    (source / "build" / "bench.json").write_text("{}")
    galaxy = ["ansible-galaxy", "collection", "build", "--output-path", str(target)]
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(galaxy, cwd=source, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
    [built] = target.iterdir()
    return built


@pytest.fixture(scope="module")
def installation(tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """The tarball installed, and its files made read-only."""
    installed = Installation(tmp_path_factory.mktemp("installed"))
    # what it depends on comes with the PyPI package `ansible`
    done = installed.run("ansible-galaxy", "collection", "install", "--offline", "--no-deps", "-p", str(installed.collections), str(tarball))
    assert done.returncode == 0, done.stdout
    shutil.rmtree(tarball.parent)
    folders = [path for path in [installed.collections, *installed.collections.rglob("*")] if not path.is_symlink()]
    for path in folders:
        path.chmod(path.stat().st_mode & ~0o222)
    yield installed
    down = [sys.executable, "-m", "ansible_collections.homelab.immich.rehearsal", "down", "--all"]
    installed.run(*down, PYTHONPATH=str(installed.collections))
    for path in folders:
        path.chmod(path.stat().st_mode | 0o200)  # pytest removes it some day


@pytest.fixture
def inventory(installation: Installation) -> str:
    """An inventory of one's own, in the empty folder: the example with other names everywhere."""
    text = (CHECKOUT / "inventories" / "homelab" / "hosts.yml").read_text()
    for name, own in OWN_NAMES.items():
        text = text.replace(name, own)
    content = yaml.safe_load(text)
    hosts = content["all"]["children"]["immich"]["hosts"]
    hosts["pictures"] = hosts.pop("photos") | {"immich_namespace": "gallery", "immich_name": "gallery"}
    (installation.work / "inventory.yml").write_text(yaml.safe_dump(content, sort_keys=False))
    shutil.copytree(CHECKOUT / "inventories" / "homelab" / "group_vars", installation.work / "group_vars", dirs_exist_ok=True)
    return "inventory.yml"


def test_the_tarball_holds_what_a_run_needs_and_no_rubbish(tarball):
    with tarfile.open(tarball) as archive:
        names = set(archive.getnames())
    needed = {
        "LICENSE",
        "README.md",
        "meta/runtime.yml",
        "playbooks/site.yml",
        "requirements.txt",
        "rehearsal/go.mod",
        "rehearsal/go.sum",
        "rehearsal/crd_modules/dragonflydb.io_dragonflies.json",
        "rehearsal/crd_modules/go.mod",
        "rehearsal/stages/kubelet.yaml",
        "rehearsal/__main__.py",
        "roles/deliver/tasks/main.yml",
        "roles/workloads/templates/server.yaml.j2",
        "inventories/homelab/hosts.yml",
    }
    assert needed - names == set()
    first = {name.partition("/")[0] for name in names}
    assert first & {".git", ".ci", ".ansible", ".pytest_cache", ".ruff_cache", "ansible.cfg", "build", "collections"} == set()
    assert [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".tar.gz"))] == []


def test_it_runs_without_a_checkout_and_keeps_its_state_outside(installation, inventory):
    before = installation.files()
    first = installation.site(inventory)
    assert first.total("failed") == first.total("unreachable") == 0
    assert "Immich pictures  https://pictures.example.net  v3.3.5   (rehearsal)" in first.output
    again = installation.site(inventory)
    assert again.total("changed") == 0, again.output
    # as the summary says, for there is no Makefile
    [command] = {line.partition("  ·")[0].strip() for line in first.output.splitlines() if " down -i " in line}
    down = installation.run("bash", "-c", command)
    assert "is gone" in down.stdout
    assert installation.files() == before
    assert sorted(path.name for path in installation.work.iterdir()) == ["group_vars", "inventory.yml"]
