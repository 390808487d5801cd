# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each Immich version has and accepts, as data. Every "if version" of the collection lives here; docs/versions.md is made from it.

Standard library only: it also runs in a pod of the cluster.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any


class VersionError(ValueError):
    """A version that cannot be used; the message is one sentence."""


@dataclass(frozen=True, order=True)
class Version:
    """An ordered major.minor.patch."""

    major: int
    minor: int = 0
    patch: int = 0

    def __str__(self) -> str:
        return f"v{self.plain}"

    @property
    def plain(self) -> str:
        """Without the v, as PostgreSQL and VectorChord write theirs."""
        return f"{self.major}.{self.minor}.{self.patch}"


@dataclass(frozen=True)
class Range:
    """A version range: minimum <= version < below; below None means no upper end."""

    minimum: Version
    below: Version | None = None

    def __contains__(self, version: object) -> bool:
        return isinstance(version, Version) and self.minimum <= version and (self.below is None or version < self.below)

    def __str__(self) -> str:
        return f">={_short(self.minimum)}" + (f" <{_short(self.below)}" if self.below else "")


def _short(version: Version) -> str:
    """Write 0.3.0 as 0.3 and 2.0.0 as 2."""
    return re.sub(r"(\.0)+$", "", version.plain)


def _has(what: str, *, oldest: bool = False) -> Any:
    """Something that a version has or has not: what it is, for the page, and whether the oldest version has it."""
    return dataclasses.field(default=oldest, metadata={"what": what})  # pylint: disable=invalid-field-call  # for the fields of the class below


@dataclass(frozen=True)
class Capabilities:
    """What one Immich version has. The defaults are those of the oldest supported version; _CHANGES says since when they differ."""

    version: Version
    newer_than_known: bool = False
    # where the server keeps its media unless IMMICH_MEDIA_LOCATION says otherwise
    media_location: str = "/usr/src/app/upload"
    # what the server's startup check accepts
    vectorchord: Range = Range(Version(0, 3), Version(0, 5))
    # enforced at startup; the documentation names an upper end too
    postgres: Range = Range(Version(14))
    postgres_documented: Range = Range(Version(14), Version(18))
    # how the settings call the audio codec Opus
    opus_codec: str = "libopus"
    pgvecto_rs: bool = _has("pgvecto.rs in place of VectorChord", oldest=True)
    undeclared_needs_all: bool = _has("A call that declares no permission takes a key with all permissions: before, any key")
    nightly_tasks: bool = _has("The nightly tasks can be switched off one by one, the emptying of the trash among them (`nightlyTasks`)")
    stamped_backups: bool = _has("The file name of a database backup says when and by which versions it was made")
    jobs_post_204: bool = _has("`POST /jobs` answers 204, before 201")
    api_keys_me: bool = _has("An API key can be asked for its own permissions")
    maintenance_api: bool = _has("Maintenance mode")
    queues_api: bool = _has("Queues by themselves (`/queues`), beside `/jobs`")
    allow_setup_env: bool = _has("The sign-up of the first administrator can be switched off (`IMMICH_ALLOW_SETUP`)")
    backups_api: bool = _has("Database backups can be listed, and restored in maintenance mode")
    backup_as_owner: bool = _has("A database backup needs no superuser of PostgreSQL")
    maintenance_status: bool = _has("Maintenance mode tells how far it is, without a login")
    ping_in_maintenance: bool = _has("The health check answers in maintenance mode: before, Kubernetes kills the server")
    backup_timezone: bool = _has("The list of database backups tells the time zone")
    integrity_api: bool = _has("Integrity reports: missing files, untracked files, wrong checksums")
    restore_rewrites_owner: bool = _has("A restore gives everything to the role that restores")
    admin_config_api: bool = _has("The settings at `/admin/config`; `/system-config` is still served")
    api_key_rotate: bool = _has("An API key gets a new secret and keeps its name and permissions")


OLDEST = Version(1, 135, 3)
NEWEST = Version(3, 3, 5)
# the newest release whose server was seen; later ones have the same API contract
RUNTIME_SEEN = Version(3, 1)

# (first release, what changed with it), oldest first
_CHANGES: tuple[tuple[Version, dict[str, Any]], ...] = (
    (Version(1, 136), {"nightly_tasks": True, "undeclared_needs_all": True, "stamped_backups": True}),
    (Version(1, 137), {"media_location": "/data"}),
    (Version(1, 138), {"jobs_post_204": True}),
    (Version(1, 139), {"api_keys_me": True}),
    (Version(2, 1), {"vectorchord": Range(Version(0, 3), Version(0, 6))}),
    (Version(2, 3), {"maintenance_api": True}),
    (Version(2, 4), {"queues_api": True}),
    (Version(2, 4, 1), {"postgres_documented": Range(Version(14), Version(19))}),
    (
        Version(2, 5),
        {
            "vectorchord": Range(Version(0, 3), Version(2)),
            "allow_setup_env": True,
            "backups_api": True,
            "backup_as_owner": True,
            "maintenance_status": True,
        },
    ),
    (Version(2, 6), {"ping_in_maintenance": True}),
    (Version(2, 7), {"backup_timezone": True}),
    (Version(2, 7, 5), {"opus_codec": "opus"}),
    (Version(3, 0), {"pgvecto_rs": False, "integrity_api": True, "postgres_documented": Range(Version(14), Version(20))}),
    (Version(3, 0, 2), {"restore_rewrites_owner": True}),
    (Version(3, 2), {"admin_config_api": True, "api_key_rotate": True}),
)

# newest VectorChord of each line: what to advise when a version is refused
_VECTORCHORD_RELEASES = (Version(0, 3, 0), Version(0, 4, 3), Version(0, 5, 3), Version(1, 1, 1))

# settings (and all below them) that not every version has
LATER_SETTINGS: dict[str, Version] = {
    "nightlyTasks": Version(1, 136),
    "oauth.roleClaim": Version(1, 136),
    "machineLearning.availabilityChecks": Version(1, 143),
    "job.ocr": Version(2, 2),
    "machineLearning.ocr": Version(2, 2),
    "notifications.smtp.transport.secure": Version(2, 2),
    "job.workflow": Version(2, 3),
    "image.fullsize.progressive": Version(2, 5),
    "image.preview.progressive": Version(2, 5),
    "image.thumbnail.progressive": Version(2, 5),
    "job.editor": Version(2, 5),
    "ffmpeg.realtime": Version(3, 0),
    "integrityChecks": Version(3, 0),
    "job.integrityCheck": Version(3, 0),
    "newVersionCheck.channel": Version(3, 0),
    "oauth.allowInsecureRequests": Version(3, 0),
    "oauth.endSessionEndpoint": Version(3, 0),
    "oauth.prompt": Version(3, 0),
    "ffmpeg.realtime.resolutions": Version(3, 0, 2),
    "ffmpeg.realtime.videoCodecs": Version(3, 0, 2),
    "oauth.accountManagementUrl": Version(3, 2),
}

# queues that not every version has; what a server lists is what counts
LATER_QUEUES: dict[str, Version] = {"ocr": Version(2, 2), "workflow": Version(2, 3), "editor": Version(2, 5), "integrityCheck": Version(3, 0)}

# first release that knows a group of permissions; a group not named here is in every supported version
_PERMISSIONS_SINCE: dict[str, Version] = {
    "adminConfig": Version(3, 2),
    "adminUser": Version(1, 136),
    "asset.statistics": Version(1, 136),
    "backup": Version(2, 5),
    "job": Version(1, 136),
    "maintenance": Version(2, 3),
    "queue": Version(2, 4),
    "queueJob": Version(2, 4),
    "server": Version(1, 136),
    "user": Version(1, 136),
}
# how older versions call a group
_PERMISSIONS_BEFORE = {"adminUser": "admin.user"}

ANYBODY, ANY_KEY, ALL = "", "any key", "all"


@dataclass(frozen=True)
class Endpoint:
    """One call of the API. `permission` is what a key needs, or ANYBODY (no key), or ANY_KEY. `capability` names what a version needs to have it."""

    method: str
    path: str
    permission: str
    status: int = 200
    capability: str = ""


# purpose of an API key -> the calls that it takes
_CALLS: dict[str, tuple[Endpoint, ...]] = {
    "backups": (
        Endpoint("POST", "/jobs", "job.create", 204),
        Endpoint("GET", "/jobs", "job.read"),
        Endpoint("GET", "/queues", "queue.read", capability="queues_api"),
        Endpoint("GET", "/admin/database-backups", "maintenance", capability="backups_api"),
        Endpoint("GET", "/admin/database-backups/{filename}", "backup.download", capability="backups_api"),
        Endpoint("DELETE", "/admin/database-backups", "backup.delete", capability="backups_api"),
    ),
    # what the widget of Homepage shows
    "dashboard": (Endpoint("GET", "/server/statistics", "server.statistics"),),
    # the least that a guard with the view `mount` can do with
    "guard": (
        Endpoint("GET", "/admin/users", "adminUser.read"),
        Endpoint("GET", "/admin/users/{id}/statistics", "adminUser.read"),
        Endpoint("GET", "/libraries", "library.read"),
        Endpoint("GET", "/libraries/{id}", "library.read"),
        Endpoint("POST", "/libraries/{id}/scan", "library.update", 204),
        Endpoint("GET", "/libraries/{id}/statistics", "library.statistics"),
        Endpoint("GET", "/jobs", "job.read"),
        Endpoint("GET", "/queues", "queue.read", capability="queues_api"),
    ),
    "integrity": (
        Endpoint("POST", "/jobs", "job.create", 204),
        Endpoint("GET", "/jobs", "job.read"),
        Endpoint("GET", "/queues", "queue.read", capability="queues_api"),
        Endpoint("GET", "/admin/integrity/summary", "maintenance", capability="integrity_api"),
        Endpoint("GET", "/admin/integrity/report", "maintenance", capability="integrity_api"),
    ),
    "libraries": (
        Endpoint("GET", "/admin/users", "adminUser.read"),
        Endpoint("GET", "/libraries", "library.read"),
        Endpoint("POST", "/libraries", "library.create", 201),
        Endpoint("PUT", "/libraries/{id}", "library.update"),
        Endpoint("DELETE", "/libraries/{id}", "library.delete", 204),
        Endpoint("GET", "/libraries/{id}/statistics", "library.statistics"),
    ),
    "maintenance": (
        Endpoint("POST", "/admin/maintenance", "maintenance", 201, "maintenance_api"),
        Endpoint("GET", "/admin/maintenance/detect-install", "maintenance", capability="maintenance_status"),
    ),
    "onboarding": (
        Endpoint("GET", "/system-metadata/admin-onboarding", "systemMetadata.read"),
        Endpoint("POST", "/system-metadata/admin-onboarding", "systemMetadata.update", 204),
    ),
    "queues": (
        Endpoint("GET", "/jobs", "job.read"),
        Endpoint("PUT", "/jobs/{name}", "job.create"),
        Endpoint("GET", "/queues", "queue.read", capability="queues_api"),
        Endpoint("PUT", "/queues/{name}", "queue.update", capability="queues_api"),
        Endpoint("GET", "/queues/{name}/jobs", "queueJob.read", capability="queues_api"),
        Endpoint("DELETE", "/queues/{name}/jobs", "queueJob.delete", 204, "queues_api"),
    ),
    # what of a library is still in the trash, and why; for the owner of the library only
    "recovery": (
        Endpoint("GET", "/users/me", "user.read"),
        Endpoint("POST", "/search/statistics", "asset.statistics"),
        Endpoint("POST", "/search/metadata", "asset.read"),
    ),
    "scan": (
        Endpoint("GET", "/admin/users", "adminUser.read"),
        Endpoint("GET", "/admin/users/{id}/statistics", "adminUser.read"),
        Endpoint("GET", "/libraries", "library.read"),
        Endpoint("POST", "/libraries/{id}/scan", "library.update", 204),
        Endpoint("GET", "/libraries/{id}/statistics", "library.statistics"),
        Endpoint("GET", "/jobs", "job.read"),
        Endpoint("PUT", "/jobs/{name}", "job.create"),
        Endpoint("GET", "/queues", "queue.read", capability="queues_api"),
    ),
    "settings": (
        Endpoint("GET", "/system-config", "systemConfig.read"),
        Endpoint("PUT", "/system-config", "systemConfig.update"),
        Endpoint("GET", "/admin/config", "adminConfig.read", capability="admin_config_api"),
        Endpoint("PUT", "/admin/config", "adminConfig.update", capability="admin_config_api"),
    ),
    "statistics": (
        Endpoint("GET", "/server/about", "server.about"),
        Endpoint("GET", "/server/storage", "server.storage"),
        Endpoint("GET", "/server/statistics", "server.statistics"),
        Endpoint("GET", "/server/version-check", "server.versionCheck"),
        Endpoint("GET", "/admin/users/{id}/statistics", "adminUser.read"),
    ),
    "users": (
        Endpoint("GET", "/admin/users", "adminUser.read"),
        Endpoint("POST", "/admin/users", "adminUser.create", 201),
        Endpoint("PUT", "/admin/users/{id}", "adminUser.update"),
        Endpoint("DELETE", "/admin/users/{id}", "adminUser.delete"),
        Endpoint("POST", "/admin/users/{id}/restore", "adminUser.delete"),
        Endpoint("GET", "/admin/users/{id}/statistics", "adminUser.read"),
    ),
    # declares no permission, and so takes a key that may do everything
    "validate": (Endpoint("POST", "/libraries/{id}/validate", ALL),),
}
PURPOSES = tuple(sorted(_CALLS))
# what needs no purpose
_OTHER_CALLS = (
    Endpoint("GET", "/server/ping", ANYBODY),
    Endpoint("GET", "/server/version", ANYBODY),
    Endpoint("GET", "/server/config", ANYBODY),
    Endpoint("GET", "/server/features", ANYBODY),
    Endpoint("POST", "/auth/admin-sign-up", ANYBODY, 201),
    Endpoint("POST", "/auth/login", ANYBODY, 201),
    Endpoint("GET", "/admin/maintenance/status", ANYBODY, capability="maintenance_status"),
    Endpoint("POST", "/admin/maintenance/login", ANYBODY, 201, "maintenance_api"),
    Endpoint("GET", "/api-keys/me", ANY_KEY, capability="api_keys_me"),
    Endpoint("GET", "/api-keys", "apiKey.read"),
    Endpoint("POST", "/api-keys", "apiKey.create", 201),
    Endpoint("PUT", "/api-keys/{id}", "apiKey.update"),
    Endpoint("DELETE", "/api-keys/{id}", "apiKey.delete", 204),
    Endpoint("POST", "/api-keys/{id}/rotate", "apiKey.rotate", 201, capability="api_key_rotate"),
)


def _numbers(value: object, name: str, example: str, pattern: str) -> Version:
    match = re.fullmatch(pattern, value.strip(), re.ASCII) if isinstance(value, str) else None
    if match is None:
        hint = "; quote it, YAML reads it as a number" if isinstance(value, int | float) and not isinstance(value, bool) else ""
        raise VersionError(f'{name} {value!r} is not a version; write it like "{example}"{hint}.')
    return Version(*(int(part) for part in match.groups() if part is not None))


def parse(value: object) -> Version:
    """Read an Immich version such as v3.3.5 or 3.3.5."""
    return _numbers(value, "Immich version", "v3.3.5", r"v?(\d{1,5})\.(\d{1,5})\.(\d{1,5})")


def parse_vectorchord(value: object) -> Version:
    """Read a VectorChord version such as 1.1.1."""
    return _numbers(value, "VectorChord version", "1.1.1", r"v?(\d{1,5})\.(\d{1,5})(?:\.(\d{1,5}))?")


def parse_postgres(value: object) -> Version:
    """Read a PostgreSQL version such as 17.10 or 17."""
    return _numbers(value, "PostgreSQL version", "17.10", r"(\d{1,5})(?:\.(\d{1,5}))?")


def _immich(version: Version | str) -> Version:
    return version if isinstance(version, Version) else parse(version)


def capabilities(version: Version | str) -> Capabilities:
    """Say what a version has; a version above the newest known one is treated as that one, and says so."""
    wanted = _immich(version)
    if wanted < OLDEST:
        raise VersionError(f"Immich {wanted} is older than {OLDEST}, the oldest supported version; use {OLDEST} or later.")
    result = Capabilities(version=wanted, newer_than_known=wanted > NEWEST)
    for since, changes in _CHANGES:
        if wanted >= since:
            result = replace(result, **changes)
    return result


def since(capability: str) -> Version:
    """Name the first supported release that has a capability."""
    return next(release for release in releases() if getattr(capabilities(release), capability))


def releases() -> tuple[Version, ...]:
    """Name the releases with which something changed, the oldest and the newest supported one included."""
    return tuple(sorted({OLDEST, NEWEST, *(release for release, _changes in _CHANGES), *LATER_SETTINGS.values(), *LATER_QUEUES.values()}))


def setting_since(path: str) -> Version:
    """Name the first supported release that has a setting, given by its dotted path."""
    parts = path.split(".")
    return max(LATER_SETTINGS.get(".".join(parts[:length]), OLDEST) for length in range(1, len(parts) + 1))


def queue_since(queue: str) -> Version:
    """Name the first supported release that has a queue."""
    return LATER_QUEUES.get(queue, OLDEST)


def vectorchord_ok(version: Version | str, vectorchord: Version | str) -> bool:
    """Say whether this Immich starts with this VectorChord."""
    wanted = vectorchord if isinstance(vectorchord, Version) else parse_vectorchord(vectorchord)
    return wanted in capabilities(version).vectorchord


def vectorchord_range(version: Version | str) -> str:
    """Write the range of VectorChord versions that this Immich accepts, such as ">=0.3 <0.6"."""
    return str(capabilities(version).vectorchord)


def newest_vectorchord(version: Version | str) -> str:
    """Name the newest known VectorChord that this Immich accepts, such as "0.5.3"."""
    return max(release for release in _VECTORCHORD_RELEASES if release in capabilities(version).vectorchord).plain


def first_version_accepting_vectorchord(vectorchord: Version | str) -> Version | None:
    """Name the first supported Immich that accepts this VectorChord; None when no known one does."""
    return next((release for release in releases() if vectorchord_ok(release, vectorchord)), None)


def endpoints(version: Version | str, purpose: str | None = None) -> list[Endpoint]:
    """List the calls that this version has: those that a purpose takes, or all that the collection makes."""
    known = capabilities(version)
    wanted = _CALLS[purpose] if purpose else (*_OTHER_CALLS, *(call for name in PURPOSES for call in _CALLS[name]))
    here = [call for call in dict.fromkeys(wanted) if not call.capability or getattr(known, call.capability)]
    # 201 is the only status that ever changed
    return [replace(call, status=201) if (call.method, call.path) == ("POST", "/jobs") and not known.jobs_post_204 else call for call in here]


def permissions(version: Version | str, purposes: Iterable[str]) -> list[str]:
    """Compute the permissions that an API key needs for these purposes, as this version names them."""
    known = capabilities(version)
    wanted: set[str] = set()
    for purpose in purposes:
        if purpose not in _CALLS:
            raise VersionError(f"Purpose {purpose!r} of an API key is not known; choose from {', '.join(PURPOSES)}.")
        wanted |= {call.permission for call in endpoints(known.version, purpose)} or {ANY_KEY}
    if ALL in wanted:
        return [ALL]
    names = (permission_name(name, known.version) for name in wanted)
    # a key needs at least one permission; where none of these has a name yet, any key may do it
    return sorted(name for name in names if name) or (["apiKey.read"] if wanted else [])


def permission_name(permission: str, version: Version) -> str | None:
    """Name a permission as this version does; None when it has no such permission."""
    group, _dot, action = permission.partition(".")
    if permission in (ANYBODY, ANY_KEY):
        return None
    if version >= _PERMISSIONS_SINCE.get(permission, _PERMISSIONS_SINCE.get(group, OLDEST)):
        return permission
    older = _PERMISSIONS_BEFORE.get(group)
    return f"{older}.{action}" if older else None
