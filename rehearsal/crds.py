# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The CRDs of the rehearsal: from the Go module zips that crd_modules/go.mod pins and crd_modules/go.sum verifies, and the files beside them."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

import yaml

from . import state
from .binaries import go, go_environment
from .processes import lock
from .progress import Progress
from .state import RehearsalError

SOURCE = Path(__file__).parent / "crd_modules"


def pinned() -> dict[tuple[str, str], tuple[str, frozenset[str]]]:
    """(module, version) -> the pattern of its CRD files and the kinds that are taken from them, from the lines of crd_modules/go.mod."""
    lines = re.findall(r"^\s+(\S+) (v\S+) // (\S+): (.+)$", (SOURCE / "go.mod").read_text(), re.MULTILINE)
    return {(module, version): (pattern, frozenset(kinds.split())) for module, version, pattern, kinds in lines}


def ensure(progress: Progress) -> list[dict]:
    """All CRDs as objects. They are kept as JSON: reading YAML would take longer than the API server takes to accept them."""
    content = b"".join(path.read_bytes() for path in sorted(SOURCE.iterdir()))
    path = state.cache() / f"crds-{hashlib.sha256(content).hexdigest()[:12]}.json"
    if not path.exists():
        with lock(state.cache() / "crds.lock", progress, "another download of CRDs"):
            if not path.exists():
                _extract(path, progress)
    return json.loads(path.read_bytes())


def _extract(path: Path, progress: Progress) -> None:
    program = go(progress)
    wanted = pinned()
    progress.step(f"Getting the CRDs of {len(wanted)} projects")
    log = state.cache() / "crds.log"
    crds: list[dict] = [json.loads(beside.read_bytes()) for beside in sorted(SOURCE.glob("*.json"))]
    with tempfile.TemporaryDirectory(dir=state.cache(), prefix="crds-") as temporary:
        for name in ("go.mod", "go.sum"):
            shutil.copyfile(SOURCE / name, Path(temporary) / name)
        command = [program, "mod", "download", "-json", *(f"{module}@{version}" for module, version in wanted)]
        with open(log, "wb") as errors:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL, cwd=temporary, env=go_environment(), check=False)
        downloads = _objects(done.stdout.decode())
        problems = [f"{module['Path']}: {module['Error']}" for module in downloads if "Error" in module]
        sums = (SOURCE / "go.sum").read_text().splitlines()
        problems += [f"{module['Path']} {module['Version']} has no checksum in {SOURCE}/go.sum" for module in downloads
                     if "Error" not in module and f"{module['Path']} {module['Version']} {module['Sum']}" not in sums]  # fmt: skip
        if done.returncode or problems:
            log.write_text(log.read_text() + done.stdout.decode())
            raise RehearsalError(
                f"The CRDs of the rehearsal could not be fetched ({problems[0] if problems else 'go mod download failed'}); see {log}, then run it again."
            )
        for module in downloads:
            pattern, kinds = wanted[module["Path"], module["Version"]]
            with zipfile.ZipFile(module["Zip"]) as archive:
                for name in fnmatch.filter(archive.namelist(), f"{module['Path']}@{module['Version']}/{pattern}"):
                    text = archive.read(name)
                    if not kinds.isdisjoint(re.findall(r"^ +kind: (\w+)$", text.decode(), re.MULTILINE)):  # reading YAML takes long
                        objects = yaml.load_all(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
                        crds += [crd for crd in objects if crd and crd["kind"] == "CustomResourceDefinition" and crd["spec"]["names"]["kind"] in kinds]
        new = Path(temporary) / "crds.json"
        new.write_text(json.dumps(crds, default=str))
        os.replace(new, path)


def _objects(text: str) -> list[dict]:
    """The JSON objects of a stream."""
    decoder, found, at = json.JSONDecoder(), [], 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        value, at = decoder.raw_decode(text, at)
        found.append(value)
    return found
