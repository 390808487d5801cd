# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server's environment: what it refuses to start with."""

from __future__ import annotations

from .dialects import Version
from .instance import NotReady

NUMBERS = ("IMMICH_PORT", "IMMICH_API_METRICS_PORT", "IMMICH_MICROSERVICES_METRICS_PORT", "DB_PORT", "REDIS_PORT", "REDIS_DBINDEX")
FLAGS = ("IMMICH_ALLOW_SETUP", "IMMICH_IGNORE_MOUNT_CHECK_ERRORS", "DB_SKIP_MIGRATIONS")
CHOICES = {
    "IMMICH_LOG_LEVEL": ("verbose", "debug", "log", "warn", "error", "fatal"),
    "IMMICH_LOG_FORMAT": ("console", "json"),
    "IMMICH_ENV": ("development", "testing", "production"),
    "DB_SSL_MODE": ("disable", "allow", "prefer", "require", "verify-full"),
    "DB_VECTOR_EXTENSION": ("pgvector", "vectorchord"),
}
TRUE, FALSE = ("true", "1", "yes", "on", "y", "enabled"), ("false", "0", "no", "off", "n", "disabled")
WORKERS = ("api", "microservices")


def flag(env: dict[str, str], name: str, default: bool) -> bool:
    return env[name].lower() in TRUE if env.get(name) else default


def workers(env: dict[str, str], name: str) -> list[str]:
    return [worker.strip() for worker in env.get(name, "").split(",") if worker.strip()]


def check(version: Version, env: dict[str, str]) -> None:
    """Raise NotReady with every variable that stops the server."""
    faults = [f"{name}={env[name]} (must be a number)" for name in NUMBERS if env.get(name) and not env[name].isdigit()]
    spelled = (*TRUE, *FALSE) if version >= (3, 0, 0) else ("true", "false")
    faults += [f"{name}={env[name]} (must be a boolean value)" for name in FLAGS if env.get(name) and env[name].lower() not in spelled]
    for name, choices in CHOICES.items():
        known = (*choices, "pgvecto.rs") if name == "DB_VECTOR_EXTENSION" and version < (3, 0, 0) else choices
        if env.get(name) and env[name] not in known:
            faults.append(f"{name}={env[name]} (must be one of the following values: {', '.join(known)})")
    if version >= (1, 136, 0) and env.get("IMMICH_MEDIA_LOCATION") and not env["IMMICH_MEDIA_LOCATION"].startswith("/"):
        faults.append(f"IMMICH_MEDIA_LOCATION={env['IMMICH_MEDIA_LOCATION']} (must be an absolute path)")
    if faults:
        raise NotReady("Invalid environment variables: " + "; ".join(faults))
    included, excluded = workers(env, "IMMICH_WORKERS_INCLUDE") or list(WORKERS), workers(env, "IMMICH_WORKERS_EXCLUDE")
    running = [worker for worker in included if worker not in excluded]
    if unknown := [worker for worker in running if worker not in WORKERS]:
        raise NotReady(f"Invalid worker(s) found: {','.join(unknown)}")
    if "api" not in running:
        raise NotReady("the api worker is not among the workers of this pod: nothing listens on its port")
