# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Immich's server does to its database at every start (server/src/services/database.service.ts, the same since v1.133), statement by statement.

Only the kind of the two indexes is another: there is no VectorChord here that could make them.
"""

from __future__ import annotations

import psycopg

INDEXES = {"clip_index": "smart_search", "face_index": "face_search"}
LOCK = 200


class DoesNotStart(Exception):
    """The server ends, with what the database said."""


def start(connection: psycopg.Connection) -> None:
    """Start as the role and in the database of the connection."""
    try:
        connection.execute(f"SELECT pg_advisory_lock({LOCK})")
        (major,) = connection.execute("SELECT current_setting('server_version_num')::int / 10000").fetchone()
        if major < 14:
            raise DoesNotStart("Invalid PostgreSQL version")
        _extension(connection)
        _migrations(connection)
        for index, table in INDEXES.items():
            connection.execute(f"CREATE INDEX IF NOT EXISTS {index} ON {table} (embedding)")
        for index in INDEXES:
            connection.execute("SELECT vchordrq_prewarm(%s)", [index])
    except psycopg.Error as error:
        raise DoesNotStart(str(error)) from error
    finally:
        connection.execute(f"SELECT pg_advisory_unlock({LOCK})")


def _extension(connection: psycopg.Connection) -> None:
    name, available, installed = connection.execute(
        "SELECT name, default_version, installed_version FROM pg_available_extensions WHERE name IN ('vchord', 'vector') ORDER BY name LIMIT 1"
    ).fetchone()
    if name != "vchord":
        raise DoesNotStart("vchord is not available")
    if installed is None:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vchord CASCADE")
        connection.execute("ALTER DATABASE immich SET vchordrq.probes = 1")
    elif _numbers(installed) > _numbers(available):
        raise DoesNotStart(f"vchord is downgraded: {available} is available, {installed} is installed")
    elif _numbers(installed) < _numbers(available):
        for index in INDEXES:  # gone, whatever comes of the next statement
            connection.execute(f"DROP INDEX IF EXISTS {index}")
        connection.execute(f"ALTER EXTENSION vchord UPDATE TO '{available}'")


def _migrations(connection: psycopg.Connection) -> None:
    for name in ("unaccent", "cube", "earthdistance", "pg_trgm"):  # uuid-ossp is as trusted as unaccent, and needs a library that is not here
        connection.execute(f"CREATE EXTENSION IF NOT EXISTS {name}")
    connection.execute('ALTER DATABASE "immich" SET search_path TO "$user", public, vectors')
    for table in INDEXES.values():
        connection.execute(f"CREATE TABLE IF NOT EXISTS {table} (id int PRIMARY KEY, embedding real[])")
        connection.execute(f"INSERT INTO {table} VALUES (1, '{{1,2}}') ON CONFLICT DO NOTHING")


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]
