# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders and what is in them. A slash too many changes nothing."""

from __future__ import annotations

from collections.abc import Mapping


def parts(path: str) -> tuple[str, ...]:
    """A path without its slashes."""
    return tuple(part for part in path.split("/") if part)


def within(path: str, folder: str) -> bool:
    """Whether a path is a folder, or below it."""
    return parts(path)[: len(parts(folder))] == parts(folder)


def mapped(path: str, folders: Mapping[str, str]) -> str | None:
    """Where a path is when `folders` says where its folders are, of which the nearest counts; None when it is in none of them."""
    nearest = max((folder for folder in folders if within(path, folder)), key=lambda folder: len(parts(folder)), default=None)
    if nearest is None:
        return None
    return "/".join([folders[nearest].rstrip("/"), *parts(path)[len(parts(nearest)) :]]) or "/"
