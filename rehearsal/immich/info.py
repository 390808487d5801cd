# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the server says about itself."""

from __future__ import annotations

import shutil
from typing import Any

from .routes import Call, route
from .server import Server


@route("GET", "/server/ping", public=True, maintenance="2.6.0")
def ping(server: Server, call: Call) -> dict[str, str]:
    return {"res": "pong"}


@route("GET", "/server/version", public=True, maintenance="2.5.0")
def version(server: Server, call: Call) -> dict[str, Any]:
    major, minor, patch = server.version
    return {"major": major, "minor": minor, "patch": patch} | ({"prerelease": None} if server.version >= (3, 0, 0) else {})


@route("GET", "/server/version-history", public=True)
def version_history(server: Server, call: Call) -> list[dict[str, Any]]:
    return list(reversed(server.db["version_history"]))


@route("GET", "/server/version-check", permission="server.versionCheck")
@route("GET", "/system-metadata/version-check-state", permission="systemMetadata.read", admin=True)
def version_check(server: Server, call: Call) -> dict[str, Any]:
    return {"checkedAt": None, "releaseVersion": None}  # a rehearsal asks nobody outside


@route("GET", "/server/about", permission="server.about")
def about(server: Server, call: Call) -> dict[str, Any]:
    release = "v" + ".".join(map(str, server.version))
    return {
        "version": release,
        "versionUrl": f"https://github.com/immich-app/immich/releases/tag/{release}",
        "licensed": False,
        "repository": "immich-app/immich",
        "repositoryUrl": "https://github.com/immich-app/immich",
        "build": "rehearsal",
    }


@route("GET", "/server/features", public=True)
def features(server: Server, call: Call) -> dict[str, bool]:
    config = server.config
    learning = config["machineLearning"]
    shown = {
        "smartSearch": learning["enabled"] and learning["clip"]["enabled"],
        "facialRecognition": learning["enabled"] and learning["facialRecognition"]["enabled"],
        "duplicateDetection": learning["enabled"] and learning["clip"]["enabled"] and learning["duplicateDetection"]["enabled"],
        "map": config["map"]["enabled"],
        "reverseGeocoding": config["reverseGeocoding"]["enabled"],
        "importFaces": config["metadata"]["faces"]["import"],
        "sidecar": True,
        "search": True,
        "trash": config["trash"]["enabled"],
        "oauth": config["oauth"]["enabled"],
        "oauthAutoLaunch": config["oauth"]["autoLaunch"],
        "passwordLogin": config["passwordLogin"]["enabled"],
        "configFile": bool(server.config_file),
        "email": config["notifications"]["smtp"]["enabled"],
    }
    # a feature exists as soon as the release has a setting for it
    if "ocr" in learning:
        shown["ocr"] = learning["enabled"] and learning["ocr"]["enabled"]
    if "realtime" in config["ffmpeg"]:
        shown["realtimeTranscoding"] = config["ffmpeg"]["realtime"]["enabled"]
    return shown


@route("GET", "/server/config", public=True, maintenance="2.3.0")
def server_config(server: Server, call: Call) -> dict[str, Any]:
    if server.db["maintenance"]:
        return {"maintenanceMode": True}
    config = server.config
    shown = {
        "loginPageMessage": config["server"]["loginPageMessage"],
        "trashDays": config["trash"]["days"],
        "userDeleteDelay": config["user"]["deleteDelay"],
        "oauthButtonText": config["oauth"]["buttonText"],
        "isInitialized": not server.setup_allowed or bool(server.admin()),
        "isOnboarded": server.db["onboarded"],
        "externalDomain": config["server"]["externalDomain"],
        "publicUsers": config["server"]["publicUsers"],
        "mapDarkStyleUrl": config["map"]["darkStyle"],
        "mapLightStyleUrl": config["map"]["lightStyle"],
    }
    if server.version >= (2, 3, 0):
        shown["maintenanceMode"] = False
    if server.version >= (3, 0, 0):
        shown["minFaces"] = config["machineLearning"]["facialRecognition"]["minFaces"]
    return shown


@route("GET", "/server/theme", public=True, before="3.0.0")
def theme(server: Server, call: Call) -> dict[str, Any]:
    return server.config["theme"]


def human(size: float) -> str:
    units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
    power = 0
    while size >= 1024 and power + 1 < len(units):
        size, power = size / 1024, power + 1
    return f"{size:.{1 if power else 0}f} {units[power]}"


@route("GET", "/server/storage", permission="server.storage")
def storage(server: Server, call: Call) -> dict[str, Any]:
    mount = server.files.mount_of(f"{server.media_location}/library")
    disk = shutil.disk_usage(mount.folder if mount else "/")
    used = disk.total - disk.free
    return {
        "diskAvailable": human(disk.free),
        "diskSize": human(disk.total),
        "diskUse": human(used),
        "diskAvailableRaw": disk.free,
        "diskSizeRaw": disk.total,
        "diskUseRaw": used,
        "diskUsagePercentage": round(used / disk.total * 100, 2),
    }


@route("GET", "/server/statistics", permission="server.statistics", admin=True)
def statistics(server: Server, call: Call) -> dict[str, Any]:
    by_user = []
    for user in server.db["users"].values():
        assets = [asset for asset in server.db["assets"].values() if asset["ownerId"] == user["id"] and not asset["deletedAt"]]
        photos = sum(asset["type"] == "IMAGE" for asset in assets)
        # external libraries take no space of Immich's
        by_user.append(
            {"userId": user["id"], "userName": user["name"], "quotaSizeInBytes": user["quotaSizeInBytes"], "photos": photos, "videos": len(assets) - photos}
            | {"usage": 0, "usagePhotos": 0, "usageVideos": 0}
        )
    totals = {name: sum(user[name] for user in by_user) for name in ("photos", "videos", "usage", "usagePhotos", "usageVideos")}
    return totals | {"usageByUser": by_user}


@route("GET", "/system-metadata/admin-onboarding", permission="systemMetadata.read", admin=True)
def get_onboarding(server: Server, call: Call) -> dict[str, bool]:
    return {"isOnboarded": server.db["onboarded"]}


@route("POST", "/system-metadata/admin-onboarding", permission="systemMetadata.update", admin=True, body="AdminOnboardingUpdateDto", status=204)
def set_onboarding(server: Server, call: Call) -> None:
    server.db["onboarded"] = call.body["isOnboarded"]
