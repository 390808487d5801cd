# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: zfs_changes
short_description: Tell what has changed in external libraries on ZFS since the last good scan
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - Asks C(zfs diff) what became of the files of a library since the snapshot of its last good scan, by the extensions and exclusion patterns of Immich, and
    counts what a scan would add and remove. That takes seconds where a walk takes minutes, and tells what was renamed. It runs on the NAS.
  - With O(state=plan) it takes a snapshot of each dataset of a library first, named C(@immich-guard-...), and compares with that. With O(state=done) the
    snapshot of a library that was scanned well stays and those before it are destroyed; of any other library the new one is destroyed.
  - Only a snapshot is ever destroyed that has such a name, and in its property C(homelab.immich:guard) the instance and the library.
  - Check mode takes no snapshot, and compares with the files as they are.
options:
  libraries:
    description: The libraries on this NAS.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Its name.
        type: str
        required: true
      owner:
        description: E-mail address of its owner.
        type: str
        required: true
      folders:
        description: Its import paths, and where each is on the NAS.
        type: dict
        required: true
      exclusion_patterns:
        description: Its exclusion patterns, as RV(homelab.immich.library_info#module:libraries) has them.
        type: list
        elements: str
        default: []
      total:
        description: How many assets it has. RV(homelab.immich.library_info#module:libraries) has it in its statistics.
        type: int
        default: 0
  instance:
    description: The name of the instance in the inventory.
    type: str
    required: true
  state:
    description: Whether to look before a scan, or to tidy up after it.
    type: str
    choices: [plan, done]
    default: plan
  snapshots:
    description: With O(state=done), RV(snapshots) of before the scan.
    type: dict
    default: {}
  scanned:
    description: With O(state=done), the libraries that were scanned well.
    type: list
    elements: str
    default: []
extends_documentation_fragment:
  - homelab.immich.attributes
requirements:
  - OpenZFS, and Python 3.11 or later
  - root, or C(zfs allow -u USER diff,snapshot,destroy,mount,userprop DATASET)
"""

EXAMPLES = r"""
- name: See what became of the photos since the last good scan
  homelab.immich.zfs_changes:
    instance: photos
    libraries:
      - name: NAS photos
        owner: admin@example.net
        folders: {/mnt/photos: /tank/photos}
        total: 41203
  register: changes
  check_mode: true
"""

RETURN = r"""
plans:
  description:
    - What a scan would do, by library, for O(homelab.immich.guarded_scan#module:plans). See RV(homelab.immich.guarded_scan#module:libraries). One that has no
      snapshot of a good scan is not in it.
  type: dict
  returned: with O(state=plan)
snapshots:
  description: The name of the snapshot that was taken, by library.
  type: dict
  returned: with O(state=plan)
destroyed:
  description: The snapshots that are gone.
  type: list
  elements: str
  returned: with O(state=done)
"""

import datetime
import hashlib
import os
import re
import time
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.homelab.immich.plugins.module_utils.guard.crawl import rules
from ansible_collections.homelab.immich.plugins.module_utils.paths import within
from ansible_collections.homelab.immich.plugins.module_utils.zfs import ZfsError, lines
from ansible_collections.homelab.immich.plugins.module_utils.zfs_diff import DiffError, meaning, parse

PROPERTY = "homelab.immich:guard"
SCANNED = "homelab.immich:scanned"
SPEC: dict[str, Any] = {
    "libraries": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "name": {"type": "str", "required": True},
            "owner": {"type": "str", "required": True},
            "folders": {"type": "dict", "required": True},
            "exclusion_patterns": {"type": "list", "elements": "str", "default": []},
            "total": {"type": "int", "default": 0},
        },
    },
    "instance": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["plan", "done"], "default": "plan"},
    "snapshots": {"type": "dict", "default": {}},
    "scanned": {"type": "list", "elements": "str", "default": []},
}


class Library:
    """One library on this NAS, and its datasets."""

    def __init__(self, given: dict[str, Any], instance: str, datasets: list[tuple[str, str, bool]]) -> None:
        self.given, self.name = given, given["name"]
        self.mark = f"{instance}/{given['owner'].strip().lower()}/{given['name']}"
        slug = re.sub(r"[^a-z0-9]+", "-", f"{instance}-{given['name']}".lower()).strip("-")[:40].strip("-")
        self.prefix = f"immich-guard-{slug}-{hashlib.sha256(self.mark.encode()).hexdigest()[:6]}-"
        self.mounted: list[str] = []
        self.away: list[str] = []
        for there, here in given["folders"].items():
            holding = [name for name, place, mounted in datasets if mounted and within(here, place)]
            if not holding:
                raise ZfsError(f"{there} of library {self.name} is {here} here, which is in no dataset that is mounted. Mount it, or use another view.")
            deepest = max(holding, key=lambda name: len(next(place for found, place, _mounted in datasets if found == name)))
            inside = [(name, place, mounted) for name, place, mounted in datasets if within(place, here)]
            self.mounted = list(dict.fromkeys([*self.mounted, deepest, *(name for name, _place, mounted in inside if mounted)]))
            self.away += [f"{name}\t{there.rstrip('/')}{place[len(here.rstrip('/')) :]}" for name, place, mounted in inside if not mounted]

    def ours(self, dataset: str) -> list[tuple[str, bool]]:
        """The snapshots of a dataset that this has taken for this library, the newest first, and whether a good scan followed."""
        said = _zfs("list", "-H", "-p", "-d", "1", "-t", "snapshot", "-o", f"name,{SCANNED},{PROPERTY}", "-S", "createtxg", dataset).splitlines()
        rows = [line.split("\t", 2) for line in said]
        return [(name, good == "yes") for name, good, mark in rows if name.partition("@")[2].startswith(self.prefix) and mark == self.mark]

    def snapshot(self, now: datetime.datetime) -> str:
        """Take one of all datasets at once, and return its name."""
        name = f"{self.prefix}{now:%Y%m%dT%H%M%SZ}"
        _zfs("snapshot", "-o", f"{PROPERTY}={self.mark}", *(f"{dataset}@{name}" for dataset in self.mounted))
        return name

    def plan(self, snapshot: str) -> dict[str, Any] | None:
        """What has changed since the last good scan; None where there was none. Without a snapshot the files as they are count."""
        before = {dataset: next((name for name, good in self.ours(dataset) if good), "") for dataset in self.mounted}
        if not any(before.values()):
            return None

        def entries() -> Iterator[Any]:
            for dataset, known in before.items():
                if known:
                    yield from parse(lines("diff", "-FHt", known, f"{dataset}@{snapshot}" if snapshot else dataset))

        given = self.given
        found = meaning(entries(), given["folders"], rules(given["exclusion_patterns"]), _files, known=given["total"], now=time.time())
        away = [entry.split("\t") for entry in self.away]
        found.sentinels_lost += [path for dataset, path in away if any(good for _name, good in self.ours(dataset))]
        return asdict(found)


def _files(folder: str) -> Iterator[str]:
    for here, _folders, names in os.walk(folder):
        yield from (f"{here}/{name}" for name in names)


def _zfs(*words: str) -> str:
    return "".join(lines(*words))


def _datasets() -> list[tuple[str, str, bool]]:
    rows = (line.rstrip("\n").split("\t") for line in lines("list", "-H", "-t", "filesystem", "-o", "name,mountpoint,mounted"))
    return [(name, place, mounted == "yes") for name, place, mounted in rows if place.startswith("/")]


def run(params: dict[str, Any], check_mode: bool, now: datetime.datetime) -> dict[str, Any]:
    """Look, or tidy up."""
    datasets = _datasets()
    libraries = [Library(given, params["instance"], datasets) for given in params["libraries"]]
    if params["state"] == "plan":
        taken = {} if check_mode else {library.name: library.snapshot(now) for library in libraries}
        plans = {library.name: library.plan(taken.get(library.name, "")) for library in libraries}
        return {"changed": bool(taken), "plans": {name: plan for name, plan in plans.items() if plan is not None}, "snapshots": taken}
    destroyed = []
    for library in libraries:
        new, scanned = params["snapshots"].get(library.name, ""), library.name in params["scanned"]
        for dataset in library.mounted if new else ():
            if scanned and not check_mode:
                _zfs("set", f"{SCANNED}=yes", f"{dataset}@{new}")
            # that of the last good scan stays until there is a newer one
            destroyed += [name for name, good in library.ours(dataset) if (name != f"{dataset}@{new}" if scanned else not good)]
    for name in destroyed if not check_mode else ():
        _zfs("destroy", name)
    return {"changed": bool(destroyed), "destroyed": destroyed}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    try:
        result = run(module.params, module.check_mode, datetime.datetime.now(datetime.UTC))
    except (ZfsError, DiffError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
