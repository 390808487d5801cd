# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One running Immich: its database, its files, its config and its jobs."""

from __future__ import annotations

import datetime
import posixpath
import uuid
from pathlib import Path
from typing import Any

from . import dialects, environment
from .files import Files
from .instance import Instance, NotReady
from .store import Database

FOLDERS = ("encoded-video", "library", "upload", "profile", "thumbs", "backups")
DOCS = "Please see https://docs.immich.app/administration/system-integrity#folder-checks for more information."


class Server:
    """Starts as the real one does, or raises NotReady with what its log would say."""

    def __init__(self, instance: Instance, state_dir: Path, job_seconds: float) -> None:
        from .config import complete, from_file  # config.py registers routes that take a Server
        from .jobs import Jobs

        self.instance, self.env = instance, instance.env
        self.version = dialects.played(instance.version)
        environment.check(self.version, self.env)
        self.db = Database(state_dir, instance.database)
        self.files = Files(instance.mounts)
        self.restart_wanted = False  # after the answer that is being given
        self.pretended = 0  # assets that are only counted, for tests of a million
        self.backup_fault = ""  # fail or truncate: what the next backups do, for tests
        self.age = datetime.timedelta()  # how far this server's clock is ahead, for tests of what happens next month
        self.migrate()
        self.media_location = self.detect_media_location()
        self.check_mounts()
        self.db["media_location"] = self.media_location
        self.config_file = self.env.get("IMMICH_CONFIG_FILE", "")
        if self.config_file:
            self.config = from_file(self.version, self.env, self.read_config_file())
            self.db["onboarded"] = True
        else:
            self.config = complete(self.version, self.env, self.db["config"])
        self.jobs = Jobs(self, job_seconds)
        self.db.save()

    # -- start

    def migrate(self) -> None:
        """A newer version writes itself into the history; an older one meets migrations that it does not know."""
        release = ".".join(map(str, self.version))
        history = self.db["version_history"]
        if history and dialects.parse(history[-1]["version"]) > self.version:
            raise NotReady(
                f"corrupted migrations: a previously executed migration is missing "
                f"(the database belongs to v{history[-1]['version']}; downgrading to v{release} is not supported)"
            )
        if not history or history[-1]["version"] != release:
            history.append({"id": self.new_id(), "createdAt": self.now(), "version": release})

    def detect_media_location(self) -> str:
        if self.env.get("IMMICH_MEDIA_LOCATION"):
            return posixpath.normpath(posixpath.join("/usr/src/app", self.env["IMMICH_MEDIA_LOCATION"]))
        if not dialects.comes_with_data(self.instance.version):
            return "/usr/src/app/upload"
        # /data is a directory of the image: a mount at the old place makes both exist, and the old place wins
        return "/usr/src/app/upload" if self.files.mount_of("/usr/src/app/upload") or "/usr/src/app/upload" in self.files.image else "/data"

    def check_mounts(self) -> None:
        """A marker in each folder, written when this database first starts, missed on every start after."""
        try:
            for folder in FOLDERS:
                marker = f"{self.media_location}/{folder}/.immich"
                outside = f"<UPLOAD_LOCATION>/{folder}/.immich"
                known = folder in self.db["mount_checks"]
                if not self.files.mount_of(marker):
                    # the container's own layer: writable, and gone with the container
                    if known:
                        raise NotReady(f'Failed to read: "{outside} ({marker}) - {DOCS}"')
                    self.db["mount_checks"].append(folder)
                    continue
                if not known:
                    self.create_marker(marker, outside)
                try:
                    self.files.host(marker).read_bytes()
                except OSError:
                    raise NotReady(f'Failed to read: "{outside} ({marker}) - {DOCS}"') from None
                try:
                    self.files.overwrite(marker, self.timestamp())
                except OSError:
                    raise NotReady(f'Failed to write "{outside} - {DOCS}"') from None
                if not known:
                    self.db["mount_checks"].append(folder)
        except NotReady:
            if not environment.flag(self.env, "IMMICH_IGNORE_MOUNT_CHECK_ERRORS", default=False):
                raise

    def create_marker(self, marker: str, outside: str) -> None:
        try:
            self.files.create(marker, self.timestamp())
        except FileExistsError:
            pass  # "Found existing mount file, skipping creation"
        except OSError:
            raise NotReady(f'Failed to create "{outside} - {DOCS}"') from None

    def read_config_file(self) -> str:
        try:
            return self.files.host(self.config_file).read_text(encoding="utf-8")
        except OSError as error:
            raise NotReady(f"Unable to load configuration file: {self.config_file}: {error.strerror}") from None

    # -- what everybody needs

    @staticmethod
    def new_id() -> str:
        return str(uuid.uuid4())

    def clock(self) -> datetime.datetime:
        return datetime.datetime.now(datetime.UTC) + self.age

    def now(self) -> str:
        return stamp(self.clock())

    def timestamp(self) -> bytes:
        return str(int(self.clock().timestamp() * 1000)).encode()

    @property
    def setup_allowed(self) -> bool:
        return self.version < (2, 5, 0) or environment.flag(self.env, "IMMICH_ALLOW_SETUP", default=True)

    def admin(self) -> dict[str, Any] | None:
        return next((user for user in self.db["users"].values() if user["isAdmin"] and not user["deletedAt"]), None)


def stamp(moment: datetime.datetime) -> str:
    """A time as Immich writes it into JSON."""
    return moment.astimezone(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
