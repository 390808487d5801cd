# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What differs between Immich releases: data, read here and nowhere compared by hand."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import yaml

from .instance import NotReady

# The releases whose API contract the stand-in is checked against; a release in between behaves as its data says (`since`).
DIALECTS = ("1.135.3", "2.0.0", "2.4.1", "2.5.5", "2.7.5", "3.0.0", "3.1.0", "3.3.5")

Version = tuple[int, int, int]


def parse(version: str) -> Version:
    """'v3.1.0' or '3.1.0-cuda' as a comparable tuple."""
    parts = version.removeprefix("v").split("-")[0].split(".")
    if len(parts) != 3 or not all(part.isdigit() for part in parts):
        raise NotReady(f"image tag {version!r} is not a release of Immich: use a full version such as v{DIALECTS[-1]}")
    return int(parts[0]), int(parts[1]), int(parts[2])


def played(version: str) -> Version:
    """The version as a tuple, or why it cannot be played."""
    parsed = parse(version)
    if parsed < parse(DIALECTS[0]):
        raise NotReady(f"Immich {version} is not played by the rehearsal yet: the oldest is v{DIALECTS[0]}")
    return parsed


def comes_with_data(version: str) -> bool:
    """Whether the media location of an image is /data unless told otherwise; names that are no release have the new one."""
    try:
        return parse(version) >= (1, 137, 0)
    except NotReady:
        return True


def present(entry: dict, version: Version) -> bool:
    """Whether a release has what this entry describes."""
    since, before = entry.get("since"), entry.get("before")
    return not (since and parse(since) > version) and not (before and parse(before) <= version)


def resolve(node: Any, version: Version) -> Any:
    """Data as one release has it: without what it lacks, with its changes applied."""
    if not isinstance(node, dict):
        return node
    if "type" not in node:
        children = {name: child for name, child in node.items() if isinstance(child, dict) and present(child, version)}
        resolved = {name: resolve(child, version) for name, child in children.items()}
        return {name: child for name, child in resolved.items() if child != {}}
    leaf = {name: value for name, value in node.items() if name not in ("since", "before", "changes")}
    for release, changes in node.get("changes", {}).items():
        if parse(release) <= version:
            leaf |= changes
    return leaf


@functools.cache
def _load(name: str) -> Any:
    return yaml.safe_load((Path(__file__).parent / "data" / f"{name}.yaml").read_text(encoding="utf-8"))


@functools.cache
def data(name: str, version: Version) -> Any:
    """A data file as one release has it."""
    return resolve(_load(name), version)


@functools.cache
def permissions(version: Version) -> tuple[str, ...]:
    """Every permission that an API key of this release can have."""
    return tuple(sorted(name for group in _load("permissions") if present(group, version) for name in group["names"]))


@functools.cache
def names(kind: str, version: Version) -> tuple[str, ...]:
    """The queue names, or the manual job names, of this release."""
    return tuple(name for name, entry in _load("queues")[kind].items() if present(entry or {}, version))
