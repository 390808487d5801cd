# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every Immich module with the least that it needs, and what a server answers: what the tests of all modules go through."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# of the guard; gone when the tests have ended
MEMORY = tempfile.TemporaryDirectory(prefix="guard-")

MODULES: dict[str, dict[str, Any]] = {
    "admin": {},
    "api_key": {"name": "x", "purposes": ["libraries"]},
    "brake": {"memory": MEMORY.name},
    "database_backup": {},
    "guarded_scan": {"memory": MEMORY.name, "libraries": []},
    "integrity_info": {},
    "library": {"name": "x", "owner": "admin@example.net", "import_paths": ["/mnt/photos"]},
    "library_info": {},
    "library_scan": {},
    "maintenance": {"enabled": False},
    "queue": {"name": "library", "state": "paused"},
    "queue_info": {},
    "scan_schedule": {},
    "server_info": {},
    "system_config": {"settings": {"trash": {"days": 3}}},
    "user": {"users": [{"email": "a@example.net", "name": "A", "password": "secret-123"}]},
}

# other options, which lead to other requests
FURTHER: dict[str, tuple[dict[str, Any], ...]] = {
    "api_key": ({"name": "x", "permissions": ["library.read"]}, {"name": "x", "state": "absent"}, {"name": "y", "permissions": ["all"]}),
    "database_backup": ({"max_age": 26},),
    "brake": ({"memory": MEMORY.name, "state": "released"},),
    "guarded_scan": ({"memory": MEMORY.name, "libraries": [{"name": "y", "owner": "admin@example.net"}]},),
    "integrity_info": ({"types": ["missing_file", "untracked_file"]},),
    "library": ({"name": "y", "owner": "admin@example.net", "import_paths": ["/b"]}, {"name": "y", "owner": "admin@example.net", "state": "absent"}),
    "library_scan": ({"max_age": 1, "processing": True}, {"name": "y", "wait": False}),
    "maintenance": ({"enabled": True},),
    "queue": (
        {"name": "smartSearch", "state": "started", "wait": True},
        {"name": "library", "state": "emptied", "failed": True},
        {"state": "idle"},
    ),
    "server_info": ({"statistics": True},),
    "user": (
        {"users": [{"email": "admin@example.net", "name": "B", "quota": "1Gi"}]},
        {"users": [{"email": "admin@example.net", "state": "absent"}]},
    ),
}

_USER = {
    "id": "u",
    "email": "admin@example.net",
    "name": "A",
    "isAdmin": True,
    "storageLabel": None,
    "quotaSizeInBytes": None,
    "deletedAt": None,
    "status": "active",
}
_LIBRARY = {"id": "l", "name": "y", "ownerId": "u", "importPaths": ["/a"], "exclusionPatterns": [], "refreshedAt": None}
_KEY = {"id": "k", "name": "x", "permissions": ["all"]}
_COUNTS = {"active": 0, "completed": 1, "failed": 0, "delayed": 0, "waiting": 0, "paused": 0}
_QUEUES = ("library", "backupDatabase", "smartSearch", "sidecar", "metadataExtraction", "thumbnailGeneration")


def _settings(days: int, scans: bool) -> dict[str, Any]:
    return {"trash": {"days": days}, "library": {"scan": {"enabled": scans, "cronExpression": "x"}, "watch": {"enabled": scans}}}


def ways(name: str) -> list[dict[str, Any]]:
    """List all options to run a module with."""
    return [MODULES[name], *FURTHER.get(name, ())]


@contextmanager
def case(**what: Any) -> Iterator[None]:
    """Say which of many cases in one test went wrong."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"in the case {what}")
        raise


# by path, or by method and path: the calls that the modules make in all their ways
GOOD: dict[str, Any] = {
    "/api/server/version": {"major": 3, "minor": 3, "patch": 5},
    "/api/server/config": {"isInitialized": True, "isOnboarded": True, "trashDays": 30},
    "/api/server/features": {"configFile": False, "trash": True},
    "/api/server/version-history": [{"id": "h", "version": "3.3.5", "createdAt": "2026-01-01T00:00:00.000Z"}],
    "/api/server/storage": {"diskSizeRaw": 3, "diskUseRaw": 1, "diskAvailableRaw": 2},
    "/api/server/about": {"version": "v3.3.5"},
    "/api/server/statistics": {"photos": 1, "videos": 2, "usage": 3, "usageByUser": []},
    "/api/api-keys/me": _KEY,
    "/api/api-keys": [_KEY],
    "POST /api/api-keys": {"apiKey": _KEY, "secret": "s3cret"},
    "PUT /api/api-keys/k": _KEY,
    "/api/auth/login": {"accessToken": "t", "isAdmin": True, "userId": "u"},
    "/api/admin/users": [_USER],
    "/api/admin/users/u": _USER,
    "/api/admin/users/u/statistics": {"images": 1, "videos": 2, "total": 3},
    "/api/libraries": [_LIBRARY],
    "POST /api/libraries": _LIBRARY,
    "/api/libraries/l": _LIBRARY,
    "/api/libraries/l/statistics": {"photos": 1, "videos": 2, "total": 3, "usage": 4},
    "/api/libraries/l/validate": {"importPaths": [{"importPath": "/a", "isValid": True}]},
    "/api/queues": [{"name": name, "isPaused": False, "statistics": _COUNTS} for name in _QUEUES],
    "/api/queues/library": {"name": "library", "isPaused": True, "statistics": _COUNTS},
    "GET /api/jobs": {name: {"jobCounts": _COUNTS, "queueStatus": {"isActive": False, "isPaused": False}} for name in _QUEUES},
    "/api/admin/database-backups": {"backups": [{"filename": "immich-db-backup-20260101T020000-v3.3.5-pg17.sql.gz", "filesize": 9, "timezone": "UTC"}]},
    "/api/admin/integrity/summary": {"missing_file": 0, "untracked_file": 1, "checksum_mismatch": 0},
    "/api/admin/integrity/report": {"items": [{"id": "r", "path": "/data/x", "type": "untracked_file"}]},
    "/api/admin/config": _settings(30, True),
    "PUT /api/admin/config": _settings(3, False),
    "/api/system-config": _settings(30, True),
    "PUT /api/system-config": _settings(3, False),
}
