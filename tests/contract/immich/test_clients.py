# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients that are generated from Immich's own API documents drive the stand-in, and parse every answer with their own models."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.homelab.immich.rehearsal.immich.testing import Server

# the release of immichpy that is generated from (the last document before) each release of Immich
CLIENTS = {"2.4.1": "1.6.5", "2.5.5": "3.0.0", "2.7.5": "4.0.0", "3.0.0": "5.0.0", "3.1.0": "7.0.0", "3.3.5": "9.2.4"}


def client(version: str) -> Path:
    """The Python that has this client: a virtual environment of its own in the cache, made when it is missing."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "homelab-immich" / "clients" / version
    complete = home / "complete"
    if not complete.exists():
        shutil.rmtree(home, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        pip = [home / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"immichpy=={version}"]
        installed = subprocess.run(pip, capture_output=True, text=True, timeout=300, check=False)
        if installed.returncode:
            pytest.skip(f"immichpy {version} cannot be installed here: {installed.stderr.strip().splitlines()[-1]}")
        complete.touch()
    return home / "bin" / "python"


@pytest.mark.parametrize("release", CLIENTS)
def test_a_generated_client_understands_every_answer(release: str, tmp_path: Path) -> None:
    python = client(CLIENTS[release])
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("one.jpg", "two.heic"):
        (photos / name).write_bytes(b"a photo")
    (tmp_path / "media" / "upload").mkdir(parents=True)
    (tmp_path / "media" / "upload" / "stray.jpg").write_bytes(b"nobody's")
    with Server(release, {"/mnt/photos": photos}, tmp_path) as server:
        script = Path(__file__).parent / "client_session.py"
        result = subprocess.run([python, script, server.url], capture_output=True, text=True, timeout=60, check=False)
        assert result.returncode == 0, result.stdout + result.stderr
        assert len(server.requests) > 45
        assert server.requests[-1].status == 204
