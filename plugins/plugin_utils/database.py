# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a PostgreSQL server of somebody else lacks for an instance. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.homelab.immich.plugins.module_utils.immich import versions
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.identity import compare

OWNER = "immich"  # the role
PGVECTOR = (">=0.7", "<0.9")  # what VectorChord takes
PACKAGES = {
    "vchord": "Install VectorChord {vectorchord} for PostgreSQL {major} there (https://docs.vectorchord.ai/vectorchord/getting-started/installation.html)",
    "vector": "Install pgvector for PostgreSQL {major} there",
    "cube": "Install the contrib package of PostgreSQL {major} there",
    "earthdistance": "Install the contrib package of PostgreSQL {major} there",
}


def problems(server: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Why Immich cannot live on this server as it is, a sentence each; `server` is what it says of itself, `wanted` what the inventory does."""
    return list(_server(server, wanted)) + list(_extensions(server, wanted)) + list(_database(server, wanted))


def _server(server: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    have, host = str(server["version"]).split()[0], wanted["host"]
    accepts = versions.capabilities(versions.parse(wanted["immich"])).postgres
    if versions.parse_postgres(have) not in accepts:
        yield f"PostgreSQL {have} runs on {host}, and immich_version {wanted['immich']} accepts {accepts}. Upgrade the server, or choose another."
    elif compare(have, wanted["postgres"]):
        yield f"PostgreSQL {have} runs on {host}, and immich_database_postgres is {wanted['postgres']}. Set it to {have}."
    if server["standby"]:
        yield f"{host} is a standby, which takes no writes. Set immich_database_host to its primary."
    if not server["superuser"]:
        yield (
            f"immich_database_admin_user {wanted['admin']} is no superuser of {host}, and VectorChord and earthdistance take one. "
            "Name a superuser, or leave it empty and have somebody else make the role, the database and its extensions (docs/database.md)."
        )
    elif "vchord" not in [name.strip().strip('"').rpartition("/")[2].removesuffix(".so") for name in str(server["preload"]).split(",")]:
        yield (
            f"shared_preload_libraries of {host} is '{server['preload']}', without vchord.so, and VectorChord does not work without. "
            "Add it (ALTER SYSTEM SET shared_preload_libraries = …, vchord.so) and restart PostgreSQL."
        )


def _extensions(server: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    host, available, installed = wanted["host"], server["available"] or {}, server.get("installed") or {}
    for name, advice in PACKAGES.items():
        if name not in available:
            major = str(server["version"]).partition(".")[0]
            yield f"{host} does not have the extension {name}. {advice.format(major=major, vectorchord=wanted['vectorchord'])}."
    have = available.get("vchord", "")
    if have and compare(have, wanted["vectorchord"]):
        yield (
            f"{host} has the files of VectorChord {have}, and immich_database_vectorchord is {wanted['vectorchord']}. Set it to {have}, "
            "or install the other one there; docs/database.md says how to change the version."
        )
    elif have and compare(installed.get("vchord", ""), have) > 0:
        yield (
            f"The database {wanted['name']} has VectorChord {installed['vchord']}, and {host} has the files of {have} only; Immich does not start like that. "
            f"Install {installed['vchord']} there again."
        )
    vector = available.get("vector", "")
    if vector and not (compare(vector, PGVECTOR[0][2:]) >= 0 > compare(vector, PGVECTOR[1][1:])):
        yield f"{host} has pgvector {vector}, and VectorChord takes {' '.join(PGVECTOR)}. Install one of these there."


def _database(server: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    name, host, whose = wanted["name"], wanted["host"], server["owner"]
    if whose and whose != OWNER:
        yield (
            f"The database {name} on {host} belongs to the role {whose}. Choose another immich_database_name; if it is Immich's own, "
            f'run ALTER DATABASE "{name}" OWNER TO {OWNER} there first.'
        )
    if whose and server["encoding"] != "UTF8":
        yield f"The database {name} on {host} is encoded in {server['encoding']}, and Immich needs UTF8. Choose another immich_database_name."
