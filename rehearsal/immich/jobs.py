# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Queues and jobs: they take a little time, and /jobs and /queues show them while they run."""

from __future__ import annotations

import asyncio
import collections
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from . import backups, integrity, scan, users
from .dialects import names
from .errors import Invalid, bad_request
from .routes import Call, route
from .server import Server
from .validate import Validator

log = logging.getLogger(__name__)

Work = Callable[[Server, dict[str, Any]], Awaitable[None] | None]  # one that looks at many files awaits them, for others to be served meanwhile


def nothing(server: Server, job: dict[str, Any]) -> None:
    """Work of the real server that leaves no trace here."""


def every(name: str) -> Work:
    """Start for all assets (force); for those without a result there is nothing to do here, everything has one."""

    def add(server: Server, job: dict[str, Any]) -> None:
        if job.get("force") and server.db["assets"]:
            server.jobs.add(name, {}, count=len(server.db["assets"]))

    return add


def delete_user(server: Server, job: dict[str, Any]) -> None:
    users.remove_user(server, job["id"])


def delete_expired_users(server: Server, job: dict[str, Any]) -> None:
    for user_id in users.expired_users(server):
        server.jobs.add("UserDelete", {"id": user_id})


# job -> its queue, what it does, and the job that follows when it is done
JOBS: dict[str, tuple[str, Work, str]] = {
    "LibraryScanQueueAll": ("library", scan.scan_all, ""),
    "LibrarySyncFilesQueueAll": ("library", scan.crawl, ""),
    "LibraryScanAssetsQueueAll": ("library", scan.check_assets, ""),
    "LibrarySyncFiles": ("library", scan.import_files, ""),
    "LibrarySyncAssets": ("library", scan.check_files, ""),
    "LibraryDelete": ("library", scan.delete_library, ""),
    "SidecarCheck": ("sidecar", nothing, "AssetExtractMetadata"),
    "AssetExtractMetadata": ("metadataExtraction", nothing, "AssetGenerateThumbnails"),
    "AssetGenerateThumbnails": ("thumbnailGeneration", nothing, "SmartSearch"),
    "SmartSearch": ("smartSearch", nothing, ""),
    "AssetDeleteCheck": ("backgroundTask", scan.purge_trash, ""),
    "UserDeleteCheck": ("backgroundTask", delete_expired_users, ""),
    "UserDelete": ("backgroundTask", delete_user, ""),
    "DatabaseBackup": ("backupDatabase", backups.backup_database, ""),
    "SidecarQueueAll": ("sidecar", every("SidecarCheck"), ""),
    "AssetExtractMetadataQueueAll": ("metadataExtraction", every("AssetExtractMetadata"), ""),
    "AssetGenerateThumbnailsQueueAll": ("thumbnailGeneration", every("AssetGenerateThumbnails"), ""),
    "SmartSearchQueueAll": ("smartSearch", every("SmartSearch"), ""),
    "AssetDetectDuplicatesQueueAll": ("duplicateDetection", every("AssetDetectDuplicates"), ""),
    "AssetDetectDuplicates": ("duplicateDetection", nothing, ""),
    "AssetDetectFacesQueueAll": ("faceDetection", every("AssetDetectFaces"), ""),
    "AssetDetectFaces": ("faceDetection", nothing, ""),
    "FacialRecognitionQueueAll": ("facialRecognition", every("FacialRecognition"), ""),
    "FacialRecognition": ("facialRecognition", nothing, ""),
    "AssetEncodeVideoQueueAll": ("videoConversion", every("AssetEncodeVideo"), ""),
    "AssetEncodeVideo": ("videoConversion", nothing, ""),
    "StorageTemplateMigration": ("storageTemplateMigration", nothing, ""),
    "FileMigrationQueueAll": ("migration", nothing, ""),
    "OcrQueueAll": ("ocr", every("Ocr"), ""),
    "Ocr": ("ocr", nothing, ""),
    "PersonCleanup": ("backgroundTask", nothing, ""),
    "TagCleanup": ("backgroundTask", nothing, ""),
    "MemoryCleanup": ("backgroundTask", nothing, ""),
    "MemoryGenerate": ("backgroundTask", nothing, ""),
    "IntegrityCheck": ("integrityCheck", integrity.check, ""),
}

# what PUT /jobs/{queue} {command: start} puts into the queue
STARTS = {
    "library": "LibraryScanQueueAll",
    "backupDatabase": "DatabaseBackup",
    "sidecar": "SidecarQueueAll",
    "metadataExtraction": "AssetExtractMetadataQueueAll",
    "thumbnailGeneration": "AssetGenerateThumbnailsQueueAll",
    "smartSearch": "SmartSearchQueueAll",
    "duplicateDetection": "AssetDetectDuplicatesQueueAll",
    "faceDetection": "AssetDetectFacesQueueAll",
    "facialRecognition": "FacialRecognitionQueueAll",
    "videoConversion": "AssetEncodeVideoQueueAll",
    "storageTemplateMigration": "StorageTemplateMigration",
    "migration": "FileMigrationQueueAll",
    "ocr": "OcrQueueAll",
}

MANUAL = {
    "person-cleanup": "PersonCleanup",
    "tag-cleanup": "TagCleanup",
    "user-cleanup": "UserDeleteCheck",
    "memory-cleanup": "MemoryCleanup",
    "memory-create": "MemoryGenerate",
    "backup-database": "DatabaseBackup",
}


@dataclass
class Job:
    name: str
    data: dict[str, Any]
    id: int
    timestamp: int
    count: int = 1  # many small jobs alike (one per asset) are one entry
    left: int = 1  # of them, those that wait


@dataclass
class Queue:
    waiting: collections.deque[Job] = field(default_factory=collections.deque)
    active: int = 0
    failed: list[Job] = field(default_factory=list)
    worker: asyncio.Task[None] | None = None


class Jobs:
    """The queues of one server; one worker per queue, while it has something to do."""

    def __init__(self, server: Server, seconds: float) -> None:
        self.server, self.seconds = server, seconds
        self.queues = {name: Queue() for name in names("queues", server.version)}
        self.last_id = 0

    def add(self, name: str, data: dict[str, Any], count: int = 1) -> None:
        self.last_id += 1
        queue_name = JOBS[name][0]
        self.queues[queue_name].waiting.append(Job(name, data, self.last_id, int(time.time() * 1000), count, count))
        self.wake(queue_name)

    def wake(self, name: str) -> None:
        queue = self.queues[name]
        if queue.waiting and name not in self.server.db["paused"] and (not queue.worker or queue.worker.done()):
            queue.worker = asyncio.get_running_loop().create_task(self.work(name))

    async def work(self, name: str) -> None:
        queue = self.queues[name]
        while queue.waiting and name not in self.server.db["paused"]:
            job = queue.waiting[0]
            queue.active = min(max(1, job.count // 10), job.left)  # a long row of small jobs ends in about ten steps
            job.left -= queue.active
            if not job.left:
                queue.waiting.popleft()
            await asyncio.sleep(self.seconds)
            if not job.left:
                await self.run(queue, job)
                self.server.db.save()
            queue.active = 0

    async def run(self, queue: Queue, job: Job) -> None:
        _queue, work, following = JOBS[job.name]
        try:
            waiting = work(self.server, job.data)
            if waiting:
                await waiting
        except OSError as error:
            log.warning("Immich job %s failed: %s", job.name, error)
            queue.failed.append(job)
            return
        if following:
            self.add(following, {}, job.count)

    async def stop(self) -> None:
        workers = [queue.worker for queue in self.queues.values() if queue.worker]
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)

    def statistics(self, name: str) -> dict[str, int]:
        queue, waiting = self.queues[name], sum(job.left for job in self.queues[name].waiting)
        paused = name in self.server.db["paused"]
        return {
            "active": queue.active,
            "completed": 0,
            "failed": len(queue.failed),
            "delayed": 0,
            "waiting": 0 if paused else waiting,
            "paused": waiting if paused else 0,
        }

    def idle(self) -> bool:
        return not any(queue.active or (queue.waiting and name not in self.server.db["paused"]) for name, queue in self.queues.items())

    def pause(self, name: str, paused: bool) -> None:
        self.server.db["paused"] = sorted(set(self.server.db["paused"]) - {name} | ({name} if paused else set()))
        self.wake(name)


def nightly(server: Server) -> None:
    """What the server does at nightlyTasks.startTime; in maintenance nothing but the maintenance worker runs."""
    if server.db["maintenance"]:
        return
    everything = {"databaseCleanup": True, "missingThumbnails": True}  # before 1.136 nothing of it could be switched off
    tasks = server.config.get("nightlyTasks", everything)
    if tasks["databaseCleanup"]:
        for name in ("AssetDeleteCheck", "UserDeleteCheck", "PersonCleanup", "MemoryCleanup"):
            server.jobs.add(name, {})
    if tasks["missingThumbnails"]:
        server.jobs.add("AssetGenerateThumbnailsQueueAll", {})


# -- the API


def queue_name(server: Server, call: Call) -> str:
    """The queue of a request; an unknown one is a fault of its form."""
    validator = Validator(server.version)
    validator.one_of(list(server.jobs.queues), call.params["name"], ("name" if server.version >= (2, 4, 0) else "id",))
    if validator.issues:
        raise Invalid(validator.issues)
    return call.params["name"]


def legacy(server: Server, name: str) -> dict[str, Any]:
    counts = server.jobs.statistics(name)
    return {"jobCounts": counts, "queueStatus": {"isActive": counts["active"] > 0, "isPaused": name in server.db["paused"]}}


def queue_response(server: Server, name: str) -> dict[str, Any]:
    return {"name": name, "isPaused": name in server.db["paused"], "statistics": server.jobs.statistics(name)}


@route("GET", "/jobs", permission="job.read", admin=True)
def list_jobs(server: Server, call: Call) -> dict[str, Any]:
    return {name: legacy(server, name) for name in server.jobs.queues}


@route("POST", "/jobs", permission="job.create", admin=True, body="JobCreateDto", status=201, before="1.138.0")
@route("POST", "/jobs", permission="job.create", admin=True, body="JobCreateDto", status=204, since="1.138.0")
def create_job(server: Server, call: Call) -> None:
    name = call.body["name"]
    if name in MANUAL:
        server.jobs.add(MANUAL[name], {})
    else:
        server.jobs.add("IntegrityCheck", {"name": name})


@route("PUT", "/jobs/{name}", permission="job.create", admin=True, body="QueueCommandDto")
def command(server: Server, call: Call) -> dict[str, Any]:
    name, queue = queue_name(server, call), server.jobs.queues[call.params["name"]]
    match call.body["command"]:
        case "start":
            if queue.active:
                raise bad_request("Job is already running")
            if name not in STARTS:
                raise bad_request(f"Invalid job name: {name}")
            server.jobs.add(STARTS[name], {"force": call.body.get("force", False)})
        case "pause" | "resume" as wanted:
            server.jobs.pause(name, wanted == "pause")
        case "empty":
            queue.waiting.clear()
        case "clear-failed":
            queue.failed.clear()
    return legacy(server, name)


@route("GET", "/queues", permission="queue.read", admin=True, since="2.4.0")
def list_queues(server: Server, call: Call) -> list[dict[str, Any]]:
    return [queue_response(server, name) for name in server.jobs.queues]


@route("GET", "/queues/{name}", permission="queue.read", admin=True, since="2.4.0")
def get_queue(server: Server, call: Call) -> dict[str, Any]:
    return queue_response(server, queue_name(server, call))


@route("PUT", "/queues/{name}", permission="queue.update", admin=True, body="QueueUpdateDto", since="2.4.0")
def update_queue(server: Server, call: Call) -> dict[str, Any]:
    name, paused = queue_name(server, call), call.body.get("isPaused")
    if paused and name == "backgroundTask":
        raise bad_request("The BackgroundTask queue cannot be paused")
    if paused is not None:
        server.jobs.pause(name, paused)
    return queue_response(server, name)


@route("GET", "/queues/{name}/jobs", permission="queueJob.read", admin=True, since="2.4.0")
def queue_jobs(server: Server, call: Call) -> list[dict[str, Any]]:
    queue = server.jobs.queues[queue_name(server, call)]
    return [{"id": str(job.id), "name": job.name, "timestamp": job.timestamp, "data": job.data} for job in [*queue.waiting, *queue.failed]]


@route("DELETE", "/queues/{name}/jobs", permission="queueJob.delete", admin=True, body="QueueDeleteDto", status=204, since="2.4.0")
def empty_queue(server: Server, call: Call) -> None:
    queue = server.jobs.queues[queue_name(server, call)]
    queue.waiting.clear()
    if call.body.get("failed"):
        queue.failed.clear()
