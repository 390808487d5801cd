# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file system that the container sees: mounts over the directories of the image."""

from __future__ import annotations

import errno
import os
import posixpath
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from .instance import Mount

# Directories of the image, empty as far as Immich is concerned; everything else is there only through a mount.
IMAGE = ("/", "/build", "/data", "/etc", "/home", "/media", "/mnt", "/opt", "/root", "/srv", "/tmp", "/usr", "/usr/src", "/usr/src/app", "/var")


class Files:
    """Container paths on host folders."""

    def __init__(self, mounts: tuple[Mount, ...]) -> None:
        self.mounts = sorted(mounts, key=lambda mount: len(mount.path), reverse=True)
        parents = {str(parent) for mount in mounts for parent in Path(mount.path).parents}
        self.image = set(IMAGE) | parents

    def mount_of(self, path: str) -> Mount | None:
        path = posixpath.normpath(path)
        return next((mount for mount in self.mounts if path == mount.path or path.startswith(mount.path.rstrip("/") + "/")), None)

    def host(self, path: str) -> Path:
        """The host's path; FileNotFoundError for what the container does not have."""
        path = posixpath.normpath(path)
        mount = self.mount_of(path)
        if not mount:
            raise FileNotFoundError(errno.ENOENT, "no such file or directory", path)
        relative = posixpath.relpath(path, mount.path)
        host = mount.folder if relative == "." else mount.folder / relative
        root = os.path.realpath(mount.folder)
        # a symbolic link that leaves the mount points at something that the container does not have
        if os.path.realpath(host) != root and not os.path.realpath(host).startswith(root + "/"):
            raise FileNotFoundError(errno.ENOENT, "no such file or directory", path)
        return host

    def stat(self, path: str) -> os.stat_result | None:
        """None for a directory of the image; OSError as the container would see it."""
        if not self.mount_of(path) and posixpath.normpath(path) in self.image:
            return None
        return os.stat(self.host(path))

    def is_directory(self, path: str) -> bool:
        result = self.stat(path)
        return result is None or stat.S_ISDIR(result.st_mode)

    def walk(self, top: str, skip: Callable[[str], object]) -> Iterator[tuple[str, os.stat_result]]:
        """Every file below a directory as (container path, stat), without hidden ones and without what skip says, folders too."""
        below = {posixpath.basename(mount.path): mount.path for mount in self.mounts if posixpath.dirname(mount.path) == top}
        entries = set(below)
        if self.mount_of(top):
            try:
                entries |= set(os.listdir(self.host(top)))
            except OSError:
                return  # the crawler passes over what it cannot read
        elif top in self.image:
            entries |= {posixpath.basename(path) for path in self.image if path != "/" and posixpath.dirname(path) == top}
        for name in sorted(entries):
            if name.startswith("."):
                continue
            path = posixpath.join(top, name)
            if skip(path):
                continue
            try:
                found = self.stat(path)
            except OSError:
                continue
            if found is None or stat.S_ISDIR(found.st_mode):
                yield from self.walk(path, skip)
            elif stat.S_ISREG(found.st_mode):
                yield path, found

    def readable(self, path: str) -> bool:
        return not self.mount_of(path) or os.access(self.host(path), os.R_OK)

    def writable(self, path: str) -> Path:
        """The host's path below a mount that may be written to."""
        mount = self.mount_of(path)
        if mount and mount.read_only:
            raise OSError(errno.EROFS, "read-only file system", path)
        return self.host(path)

    def create(self, path: str, content: bytes) -> None:
        """Write a file that is not there yet, with its folder."""
        host = self.writable(path)
        host.parent.mkdir(parents=True, exist_ok=True)
        with open(host, "xb") as file:
            file.write(content)

    def overwrite(self, path: str, content: bytes) -> None:
        """Write into a file that is there."""
        with open(self.writable(path), "r+b") as file:
            file.truncate()
            file.write(content)
