# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every Immich module with the least that it needs, and what a server answers: what the tests of all modules go through."""

from __future__ import annotations

from typing import Any

MODULES: dict[str, dict[str, Any]] = {
    "admin": {},
    "api_key": {"name": "x", "purposes": ["libraries"]},
    "database_backup": {},
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

# these wait until a queue is idle, or a mode ends, which an odd answer never says
BOUNDED: dict[str, dict[str, Any]] = dict.fromkeys(("database_backup", "library_scan", "maintenance", "queue"), {"wait_timeout": 0})

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


def _settings(days: int, scans: bool) -> dict[str, Any]:
    return {"trash": {"days": days}, "library": {"scan": {"enabled": scans, "cronExpression": "x"}, "watch": {"enabled": scans}}}


# by path, or by method and path: the calls that the modules make with their options of MODULES
GOOD: dict[str, Any] = {
    "/api/server/version": {"major": 3, "minor": 3, "patch": 5},
    "/api/server/config": {"isInitialized": True, "isOnboarded": True},
    "/api/server/features": {"configFile": False, "trash": True},
    "/api/server/version-history": [{"id": "h", "version": "3.3.5", "createdAt": "2026-01-01T00:00:00.000Z"}],
    "/api/server/storage": {"diskSizeRaw": 3, "diskUseRaw": 1, "diskAvailableRaw": 2},
    "/api/server/about": {"version": "v3.3.5"},
    "/api/server/statistics": {"photos": 1, "videos": 2, "usage": 3, "usageByUser": []},
    "/api/api-keys/me": _KEY,
    "/api/api-keys": [_KEY],
    "POST /api/api-keys": {"apiKey": _KEY, "secret": "s3cret"},
    "/api/auth/login": {"accessToken": "t", "isAdmin": True, "userId": "u"},
    "/api/admin/users": [_USER],
    "/api/admin/users/u/statistics": {"images": 1, "videos": 2, "total": 3},
    "/api/libraries": [_LIBRARY],
    "POST /api/libraries": _LIBRARY,
    "/api/libraries/l": _LIBRARY,
    "/api/libraries/l/statistics": {"photos": 1, "videos": 2, "total": 3, "usage": 4},
    "/api/libraries/l/validate": {"importPaths": [{"importPath": "/a", "isValid": True}]},
    "/api/queues": [{"name": name, "isPaused": False, "statistics": _COUNTS} for name in ("library", "backupDatabase")],
    "/api/queues/library": {"name": "library", "isPaused": True, "statistics": _COUNTS},
    "/api/jobs": {"library": {"jobCounts": _COUNTS, "queueStatus": {"isActive": False, "isPaused": False}}},
    "/api/admin/database-backups": {"backups": [{"filename": "immich-db-backup-20260101T020000-v3.3.5-pg17.sql.gz", "filesize": 9, "timezone": "UTC"}]},
    "/api/admin/integrity/summary": {"missing_file": 0, "untracked_file": 1, "checksum_mismatch": 0},
    "/api/admin/integrity/report": {"items": [{"id": "r", "path": "/data/x", "type": "untracked_file"}]},
    "/api/admin/config": _settings(30, True),
    "PUT /api/admin/config": _settings(3, False),
}
