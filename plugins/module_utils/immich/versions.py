# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each Immich version has and accepts, as data. Every "if version" of the collection lives here.

Standard library only: it also runs in a pod of the cluster.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace


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


@dataclass(frozen=True)
class Capabilities:
    """What one Immich version has. The defaults are those of the oldest supported version; _CHANGES says since when they differ."""

    version: Version
    newer_than_known: bool = False
    # where the server keeps its media unless IMMICH_MEDIA_LOCATION says otherwise
    media_location: str = "/usr/src/app/upload"
    # what the server's startup check accepts
    vectorchord: Range = Range(Version(0, 3), Version(0, 5))
    pgvecto_rs: bool = True
    # enforced at startup; the documentation names an upper end too
    postgres: Range = Range(Version(14))
    postgres_documented: Range = Range(Version(14), Version(18))
    # a route that declares no permission needs a key with `all` (before: any key)
    undeclared_needs_all: bool = False
    nightly_tasks: bool = False
    jobs_post_204: bool = False
    api_keys_me: bool = False
    maintenance_api: bool = False
    queues_api: bool = False
    allow_setup_env: bool = False
    backups_api: bool = False
    ping_in_maintenance: bool = False
    integrity_api: bool = False
    admin_config_api: bool = False


OLDEST = Version(1, 135, 3)
NEWEST = Version(3, 3, 5)

# (first release, what changed with it), oldest first
_CHANGES: tuple[tuple[Version, dict[str, object]], ...] = (
    (Version(1, 136), {"nightly_tasks": True, "undeclared_needs_all": True}),
    (Version(1, 137), {"media_location": "/data"}),
    (Version(1, 138), {"jobs_post_204": True}),
    (Version(1, 139), {"api_keys_me": True}),
    (Version(2, 1), {"vectorchord": Range(Version(0, 3), Version(0, 6))}),
    (Version(2, 3), {"maintenance_api": True}),
    (Version(2, 4), {"queues_api": True}),
    (Version(2, 4, 1), {"postgres_documented": Range(Version(14), Version(19))}),
    (Version(2, 5), {"vectorchord": Range(Version(0, 3), Version(2)), "allow_setup_env": True, "backups_api": True}),
    (Version(2, 6), {"ping_in_maintenance": True}),
    (Version(3, 0), {"pgvecto_rs": False, "integrity_api": True, "postgres_documented": Range(Version(14), Version(20))}),
    (Version(3, 2), {"admin_config_api": True}),
)

# newest VectorChord of each line: what to advise when a version is refused
_VECTORCHORD_RELEASES = (Version(0, 3, 0), Version(0, 4, 3), Version(0, 5, 3), Version(1, 1, 1))

# first release that knows the permission; a permission not named here is in every supported version
_PERMISSION_SINCE: dict[str, Version] = {
    "adminConfig": Version(3, 2),
    "adminUser": Version(1, 136),
    "backup": Version(2, 5),
    "job": Version(1, 136),
    "maintenance": Version(2, 3),
    "queue": Version(2, 4),
    "queueJob": Version(2, 4),
    "server": Version(1, 136),
}

# what somebody wants to do with an API key -> the permissions of the endpoints that it takes
_PURPOSES: dict[str, frozenset[str]] = {
    "backups": frozenset({"backup.delete", "backup.download", "backup.list", "job.create", "job.read", "maintenance", "queue.read"}),
    "libraries": frozenset({"adminUser.read", "library.create", "library.delete", "library.read", "library.statistics", "library.update"}),
    "maintenance": frozenset({"job.create", "job.read", "maintenance", "queue.read", "queue.update", "queueJob.delete", "queueJob.read"}),
    "onboarding": frozenset({"systemMetadata.read", "systemMetadata.update"}),
    "scan": frozenset({"adminUser.read", "job.create", "job.read", "library.read", "library.statistics", "library.update", "queue.read"}),
    "settings": frozenset({"adminConfig.read", "adminConfig.update", "systemConfig.read", "systemConfig.update"}),
    "statistics": frozenset({"adminUser.read", "server.about", "server.statistics", "server.storage", "server.versionCheck"}),
    "users": frozenset({"adminUser.create", "adminUser.delete", "adminUser.read", "adminUser.update"}),
    # POST /libraries/{id}/validate declares no permission
    "validate": frozenset({"all"}),
}
PURPOSES = tuple(sorted(_PURPOSES))


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
            result = replace(result, **changes)  # type: ignore[arg-type]
    return result


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
    for candidate in (OLDEST, *(since for since, _changes in _CHANGES)):
        if vectorchord_ok(candidate, vectorchord):
            return candidate
    return None


def permissions(version: Version | str, purposes: Iterable[str]) -> list[str]:
    """Compute the permissions that an API key needs for these purposes, as this version names them."""
    known = capabilities(version)
    wanted: set[str] = set()
    for purpose in purposes:
        if purpose not in _PURPOSES:
            raise VersionError(f"Purpose {purpose!r} of an API key is not known; choose from {', '.join(PURPOSES)}.")
        wanted |= _PURPOSES[purpose]
    if "all" in wanted:
        return ["all"]
    names = (_in_dialect(name, known.version) for name in wanted)
    # a key needs at least one permission; where none of these has a name yet, any key may do it
    return sorted(name for name in names if name) or (["apiKey.read"] if wanted else [])


def _in_dialect(permission: str, version: Version) -> str | None:
    """Name a permission as this version does; None when it has no such permission."""
    group, _dot, action = permission.partition(".")
    if version >= _PERMISSION_SINCE.get(group, OLDEST):
        return permission
    return f"admin.user.{action}" if group == "adminUser" else None
