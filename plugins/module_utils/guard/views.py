# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two ways to look at the folders of the server: with its own eyes, or with ours."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from ..immich.client import Client
from ..immich.errors import Forbidden, ImmichError
from ..paths import mapped
from .config import Config
from .crawl import Rules, Seen, outermost, walk
from .manifest import merged

_VALIDATION = {"importPaths": [{"importPath": str, "isValid": bool}]}
_MOST = 128


class View(Protocol):
    """A way to look."""

    # whether files can be counted before a scan
    counts_files: bool

    def problems(self, library: Mapping[str, Any], folders: Iterable[str]) -> dict[str, str]:
        """What is wrong with folders, by folder; a good one is left out."""

    def files(self, library: Mapping[str, Any], wanted: Rules) -> Iterator[Seen]:
        """The files of a library as its crawler would find them, sorted."""


def view_of(config: Config, api: Client) -> View:
    """The view that was chosen."""
    return MountView(config.folders) if config.view == "mount" else ServerView(api)


class ServerView:
    """The server's own view of its mounts, which may be stale where ours is not. It sees folders only."""

    counts_files = False

    def __init__(self, api: Client) -> None:
        self._api = api

    def problems(self, library: Mapping[str, Any], folders: Iterable[str]) -> dict[str, str]:
        """Ask the server, which takes so many folders at once."""
        found: dict[str, str] = {}
        wanted = list(dict.fromkeys(folders))
        for start in range(0, len(wanted), _MOST):
            some = wanted[start : start + _MOST]
            doing = f'ask the server about the folders of library "{library["name"]}"'
            try:
                answer = self._api.post(f"/libraries/{library['id']}/validate", {"importPaths": some}, doing=doing, shape=_VALIDATION)
            except Forbidden as error:
                raise ImmichError(
                    f"{error} Only a key with the permission `all`, or the session of an administrator, may ask; give one, or look from here with view: mount."
                ) from error
            found |= {item["importPath"]: item.get("message") or "not valid" for item in answer["importPaths"] if not item["isValid"]}
        return found

    def files(self, library: Mapping[str, Any], wanted: Rules) -> Iterator[Seen]:
        """Nothing: no question of the API is about files."""
        raise NotImplementedError("the server tells nothing about files; ask counts_files first")


class MountView:
    """The same folders mounted here. What the server sees may differ when only its mount is stale."""

    counts_files = True

    def __init__(self, folders: Mapping[str, str]) -> None:
        self._folders = folders

    def local(self, path: str) -> str:
        """Where a folder of the server is here."""
        return mapped(path, self._folders) or path

    def problems(self, library: Mapping[str, Any], folders: Iterable[str]) -> dict[str, str]:
        """Look into each folder."""
        found = {}
        for folder in dict.fromkeys(folders):
            try:
                os.scandir(self.local(folder)).close()
            except OSError as error:
                found[folder] = error.strerror or type(error).__name__
        return found

    def files(self, library: Mapping[str, Any], wanted: Rules) -> Iterator[Seen]:
        """Walk through the import paths."""
        return merged(walk(path, wanted, self.local) for path in outermost(library["importPaths"]))
