# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""External libraries: what the API says about them, and what it does not."""

from __future__ import annotations

import posixpath
from typing import Any

from .errors import Refused, bad_request
from .routes import Call, route
from .server import Server

EXCLUSIONS = ("**/@eaDir/**", "**/._*", "**/#recycle/**", "**/#snapshot/**")
SYNCTHING = ("**/.stversions/**", "**/.stfolder/**")  # since 2.4.0


def library_response(library: dict[str, Any]) -> dict[str, Any]:
    shown = {name: value for name, value in library.items() if name != "deletedAt"}
    return shown | {"assetCount": 0}  # no release of Immich counts here


def find_library(server: Server, library_id: str) -> dict[str, Any]:
    library = server.db["libraries"].get(library_id)
    if not library or library["deletedAt"]:
        raise bad_request("Library not found")
    return library


def validate_import_path(server: Server, path: str) -> str:
    """Why the server does not take an import path; empty when it does."""
    resolved = posixpath.normpath(posixpath.join("/usr/src/app", path))
    if (resolved + "/").startswith(server.media_location.rstrip("/") + "/"):
        return "Cannot use media upload folder for external libraries"
    if not path.startswith("/"):
        return f"Import path must be absolute, try {resolved}"
    try:
        if not server.files.is_directory(path):
            return "Not a directory"
    except FileNotFoundError:
        return "Path does not exist (ENOENT)"
    except OSError as error:
        return f"Error: {error.strerror}, stat '{path}'"
    return "" if server.files.readable(path) else "Lacking read permission for folder"


@route("GET", "/libraries", permission="library.read", admin=True)
def list_libraries(server: Server, call: Call) -> list[dict[str, Any]]:
    return [library_response(library) for library in server.db["libraries"].values() if not library["deletedAt"]]


@route("POST", "/libraries", permission="library.create", admin=True, body="CreateLibraryDto", status=201)
def create_library(server: Server, call: Call) -> dict[str, Any]:
    if call.body["ownerId"] not in server.db["users"]:
        raise Refused(500, "Internal server error")  # a foreign key that the server does not look at first
    now = server.now()
    library = {
        "id": server.new_id(),
        "ownerId": call.body["ownerId"],
        "name": call.body.get("name", "New External Library"),
        "importPaths": call.body.get("importPaths", []),
        "exclusionPatterns": call.body.get("exclusionPatterns", [*EXCLUSIONS, *(SYNCTHING if server.version >= (2, 4, 0) else ())]),
        "createdAt": now,
        "updatedAt": now,
        "refreshedAt": None,
        "deletedAt": None,
    }
    server.db["libraries"][library["id"]] = library
    return library_response(library)


@route("GET", "/libraries/{id}", permission="library.read", admin=True)
def get_library(server: Server, call: Call) -> dict[str, Any]:
    return library_response(find_library(server, call.params["id"]))


@route("PUT", "/libraries/{id}", permission="library.update", admin=True, body="UpdateLibraryDto")
def update_library(server: Server, call: Call) -> dict[str, Any]:
    library = find_library(server, call.params["id"])
    for path in call.body.get("importPaths", []):
        if message := validate_import_path(server, path):
            raise bad_request(f"Invalid import path: {message}")
    library |= call.body | {"updatedAt": server.now()}
    return library_response(library)


@route("DELETE", "/libraries/{id}", permission="library.delete", admin=True, status=204)
def delete_library(server: Server, call: Call) -> None:
    find_library(server, call.params["id"])["deletedAt"] = server.now()
    server.jobs.add("LibraryDelete", {"id": call.params["id"]})


@route("POST", "/libraries/{id}/scan", permission="library.update", admin=True, status=204)
def scan_library(server: Server, call: Call) -> None:
    find_library(server, call.params["id"])
    server.jobs.add("LibrarySyncFilesQueueAll", {"id": call.params["id"]})
    server.jobs.add("LibraryScanAssetsQueueAll", {"id": call.params["id"]})


@route("GET", "/libraries/{id}/statistics", permission="library.statistics", admin=True)
def library_statistics(server: Server, call: Call) -> dict[str, int]:
    """Counts what is offline and trashed too: nothing here shows the damage of a bad scan."""
    if call.params["id"] not in server.db["libraries"]:
        raise bad_request(f"Library {call.params['id']} not found")
    assets = [asset for asset in server.db["assets"].values() if asset["libraryId"] == call.params["id"]]
    videos = sum(asset["type"] != "IMAGE" for asset in assets)
    photos = len(assets) - videos + server.pretended
    return {"photos": photos, "videos": videos, "total": photos + videos, "usage": sum(asset["size"] for asset in assets)}


@route("POST", "/libraries/{id}/validate", admin=True, body="ValidateLibraryDto")
def validate_library(server: Server, call: Call) -> dict[str, Any]:
    """The server's own view of its mounts; it does not even look whether the library exists."""
    answers = []
    for path in call.body.get("importPaths", []):
        message = validate_import_path(server, path)
        answers.append({"importPath": path, "isValid": not message} | ({"message": message} if message else {}))
    return {"importPaths": answers}
