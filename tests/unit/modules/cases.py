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

# by path; every call that a module makes with its options of MODULES
GOOD: dict[str, Any] = {
    "/api/server/version": {"major": 3, "minor": 3, "patch": 5},
    "/api/server/config": {"isInitialized": True, "isOnboarded": True},
    "/api/server/features": {"configFile": False},
    "/api/api-keys/me": {"id": "k", "name": "x", "permissions": ["all"]},
    "/api/api-keys": [{"id": "k", "name": "x", "permissions": ["all"]}],
    "/api/auth/login": {"accessToken": "t", "isAdmin": True, "userId": "u"},
    "/api/admin/users": [
        {
            "id": "u",
            "email": "admin@example.net",
            "name": "A",
            "isAdmin": True,
            "storageLabel": None,
            "quotaSizeInBytes": None,
            "deletedAt": None,
            "status": "active",
        }
    ],
    "/api/libraries": [{"id": "l", "name": "y", "ownerId": "u", "importPaths": ["/a"], "exclusionPatterns": []}],
    "/api/admin/config": {"trash": {"days": 30}, "library": {"scan": {"enabled": True, "cronExpression": "x"}, "watch": {"enabled": True}}},
}
