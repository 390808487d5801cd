# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Integrity reports (3.0): files of the media location that the database does not know, or that are gone."""

from __future__ import annotations

import asyncio
from typing import Any

from .errors import Invalid, Refused
from .routes import Call, route
from .server import Server
from .validate import MISSING, Validator

TYPES = ("untracked_file", "missing_file", "checksum_mismatch")
WALKED = ("encoded-video", "library", "upload", "thumbs")


async def check(server: Server, job: dict[str, Any]) -> None:
    """The jobs integrity-<kind>, -refresh and -delete-all."""
    kind = next(kind for kind in TYPES if job["name"].startswith("integrity-" + kind.replace("_", "-")))
    untracked = kind == "untracked_file" and job["name"].endswith("files")
    present, walked = await asyncio.to_thread(look, server, [report["path"] for report in reports(server, kind)], untracked)
    for report in reports(server, kind):
        delete_all = job["name"].endswith("-delete-all")
        if delete_all or (kind == "untracked_file") != (report["path"] in present):
            if delete_all:
                remove_file(server, report)
            del server.db["integrity"][report["id"]]
    if job["name"].endswith(("-refresh", "-delete-all")):
        return
    own = {asset["path"]: asset for asset in server.db["assets"].values() if not asset["libraryId"]}  # never those of a library
    if kind == "untracked_file":
        found = [path for path in walked if path not in own]
    elif kind == "missing_file":
        found = [path for path in own if path not in (await asyncio.to_thread(look, server, list(own), False))[0]]
    else:
        found = []  # nothing here damages a file without a trace
    known = {report["path"] for report in reports(server, kind)}
    for path in found:
        if path not in known:
            report_id = server.new_id()
            server.db["integrity"][report_id] = {"id": report_id, "type": kind, "path": path}


def look(server: Server, paths: list[str], walk: bool) -> tuple[set[str], list[str]]:
    """Which of these files are there; and, for a walk, every file of the media location."""
    tops = [f"{server.media_location}/{name}" for name in WALKED] if walk else []
    return {path for path in paths if exists(server, path)}, [path for top in tops for path, _stat in server.files.walk(top, lambda path: False)]


def exists(server: Server, path: str) -> bool:
    try:
        return server.files.host(path).exists()
    except OSError:
        return False


def reports(server: Server, kind: str) -> list[dict[str, Any]]:
    return [report for report in server.db["integrity"].values() if report["type"] == kind]


def remove_file(server: Server, report: dict[str, Any]) -> None:
    """An untracked file goes; an asset without its file goes to the trash."""
    if report["type"] == "untracked_file" and exists(server, report["path"]):
        server.files.writable(report["path"]).unlink()
    for asset in server.db["assets"].values():
        if asset["path"] == report["path"]:
            asset |= {"deletedAt": server.now(), "status": "trashed"}


def kind_of(server: Server, given: Any) -> str:
    validator = Validator(server.version)
    validator.one_of(list(TYPES), given, ("type",))
    if validator.issues:
        raise Invalid(validator.issues)
    return given


def find(server: Server, call: Call) -> dict[str, Any]:
    report = server.db["integrity"].get(call.params["id"])
    if not report:
        raise Refused(500, "Internal server error")
    return report


@route("GET", "/admin/integrity/summary", permission="maintenance", admin=True, since="3.0.0")
def summary(server: Server, call: Call) -> dict[str, int]:
    return {kind: len(reports(server, kind)) for kind in TYPES}


@route("GET", "/admin/integrity/report", permission="maintenance", admin=True, since="3.0.0")
def report(server: Server, call: Call) -> dict[str, Any]:
    kind = kind_of(server, call.query.get("type", MISSING))
    limit = int(call.query["limit"]) if call.query.get("limit", "").isdigit() else 100
    items = sorted(reports(server, kind), key=lambda item: item["id"], reverse=True)
    if "cursor" in call.query:
        items = [item for item in items if item["id"] <= call.query["cursor"]]
    return {"items": items[:limit]} | ({"nextCursor": items[limit]["id"]} if len(items) > limit else {})


@route("GET", "/admin/integrity/report/{type}/csv", permission="maintenance", admin=True, since="3.0.0")
def report_csv(server: Server, call: Call) -> bytes:
    rows = [f'{item["id"]},{item["type"]},null,null,"{item["path"]}"' for item in reports(server, kind_of(server, call.params["type"]))]
    return "\n".join(["id,type,assetId,fileAssetId,path", *rows, ""]).encode()


@route("GET", "/admin/integrity/report/{id}/file", permission="maintenance", admin=True, since="3.0.0")
def report_file(server: Server, call: Call) -> bytes:
    path = find(server, call)["path"]
    if not exists(server, path):
        raise Refused(404, "Not Found")
    return server.files.host(path).read_bytes()


@route("DELETE", "/admin/integrity/report/{id}", permission="maintenance", admin=True, since="3.0.0")
def delete_report(server: Server, call: Call) -> None:
    remove_file(server, find(server, call))
    del server.db["integrity"][call.params["id"]]
