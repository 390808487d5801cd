# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a generated client (immichpy) makes of a server: run with the Python that has it, prints one line per call. Not a test by itself."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import aiohttp
from immichpy import AsyncClient


async def session(url: str) -> None:
    async with AsyncClient(base_url=url + "/api") as client:
        assert (await said("ping", client.server.ping_server())).res == "pong"
        await said("version", client.server.get_server_version())
        await said("features", client.server.get_server_features())
        await said("history", client.server.get_version_history())
        assert not (await said("config", client.server.get_server_config())).is_initialized
        admin = await said("sign-up", client.auth.sign_up_admin({"email": "admin@example.net", "name": "Admin", "password": "admin"}))
        login = await said("login", client.auth.login({"email": "admin@example.net", "password": "admin"}))
    async with AsyncClient(base_url=url + "/api", access_token=login.access_token) as client:
        await said("onboarding", client.system_metadata.update_admin_onboarding({"isOnboarded": True}))
        key = await said("key", client.api_keys.create_api_key({"name": "client", "permissions": ["all"]}))
    async with AsyncClient(base_url=url + "/api", api_key=key.secret) as client:
        assert (await said("my key", client.api_keys.get_my_api_key())).name == "client"
        assert len(await said("keys", client.api_keys.get_api_keys())) == 1
        await said("about", client.server.get_about_info())
        await said("storage", client.server.get_storage())
        await said("statistics", client.server.get_server_statistics())
        user = await said("user", client.users_admin.create_user_admin({"email": "family@example.net", "name": "Family", "password": "family"}))
        assert len(await said("users", client.users_admin.search_users_admin())) == 2
        await said("preferences", client.users_admin.get_user_preferences_admin(user.id))
        library = await said("library", client.libraries.create_library({"ownerId": str(admin.id), "importPaths": ["/mnt/photos"]}))
        checked = await said("validate", client.libraries.validate(library.id, {"importPaths": ["/mnt/photos", "/mnt/gone"]}))
        assert [path.is_valid for path in checked.import_paths] == [True, False]
        assert (await said("update", client.libraries.update_library(library.id, {"name": "NAS photos"}))).name == "NAS photos"
        await said("scan", client.libraries.scan_library(library.id))
        await finished(client)
        assert (await said("statistics", client.libraries.get_library_statistics(library.id))).total == 2
        assert (await said("assets", client.users_admin.get_user_statistics_admin(admin.id))).images == 2
        assert (await said("search", client.search.search_asset_statistics({"libraryId": str(library.id)}))).total == 2
        await queues(client)
        await backups(client)
        await integrity(client)
        config = await said("system config", client.system_config.get_config())
        assert await said("defaults", client.system_config.get_config_defaults()) == config
        config.library.scan.enabled = False
        assert not (await said("new config", client.system_config.update_config(config))).library.scan.enabled
        if hasattr(client, "config_admin"):  # 3.2
            assert not (await said("admin config", client.config_admin.get_admin_config())).library.scan.enabled
            await said("rotate", client.api_keys.rotate_api_key((await client.api_keys.create_api_key({"permissions": ["all"]})).api_key.id))
        await said("delete", client.libraries.delete_library(library.id))
        await said("delete user", client.users_admin.delete_user_admin(user.id, {}))
        assert (await said("restore user", client.users_admin.restore_user_admin(user.id))).status == "active"
        await maintenance(client)
        await said("delete key", client.api_keys.delete_api_key(key.api_key.id))


async def queues(client: Any) -> None:
    await said("queues", client.queues.get_queues())
    assert (await said("pause", client.queues.update_queue("library", {"isPaused": True}))).is_paused
    await said("resume", client.jobs.run_queue_command_legacy("library", {"command": "resume"}))
    assert not (await said("queue", client.queues.get_queue("library"))).is_paused
    await said("start", client.jobs.run_queue_command_legacy("faceDetection", {"command": "start", "force": True}))
    await said("waiting", client.queues.get_queue_jobs("faceDetection"))
    await said("empty", client.queues.empty_queue("faceDetection", {"failed": True}))
    await said("backup", client.jobs.create_job({"name": "backup-database"}))
    await finished(client, "backup_database")


async def backups(client: Any) -> None:
    if not hasattr(client, "backups"):  # 2.5
        return
    [backup] = (await said("backups", client.backups.list_database_backups())).backups
    content = await said("download", client.backups.download_database_backup(backup.filename))
    assert len(content) == backup.filesize
    await said("upload", client.backups.upload_database_backup(file=("mine.sql.gz", bytes(content))))
    await said("delete backup", client.backups.delete_database_backup({"backups": ["uploaded-mine.sql.gz"]}))


async def integrity(client: Any) -> None:
    api = client.maintenance_admin
    if not hasattr(api, "get_integrity_report_summary"):  # 3.0
        return
    await said("check", client.jobs.create_job({"name": "integrity-untracked-files"}))
    await finished(client, "integrity_check")
    assert (await said("integrity", api.get_integrity_report_summary())).untracked_file == 1
    [item] = (await said("report", api.get_integrity_report("untracked_file"))).items
    assert item.path.endswith("/upload/stray.jpg")


async def maintenance(client: Any) -> None:
    api = client.maintenance_admin
    started = await said("maintenance", api.set_maintenance_mode_with_http_info({"action": "start"}))
    token = started.headers["Set-Cookie"].partition(";")[0].partition("=")[2]
    for _attempt in range(500):
        try:
            login = await api.maintenance_login({"token": token})
            break
        except (aiohttp.ClientError, ConnectionError):
            await asyncio.sleep(0.02)  # it restarts
    assert login.username == "Admin"
    if hasattr(api, "get_maintenance_status"):  # 2.5
        assert (await said("status", api.get_maintenance_status())).active
        await said("version", client.server.get_server_version())
    await said("end", api.set_maintenance_mode({"action": "end"}, _headers={"cookie": f"immich_maintenance_token={token}"}))
    for _attempt in range(500):
        try:
            await client.server.ping_server()
            break
        except Exception:  # neither a connection nor (2.3 to 2.5) a ping yet
            await asyncio.sleep(0.02)


async def finished(client: Any, queue: str = "library") -> None:
    for _attempt in range(500):
        counts = getattr(await client.jobs.get_queues_legacy(), queue).job_counts
        if not counts.active + counts.waiting:
            return
        await asyncio.sleep(0.02)
    raise TimeoutError(f"the queue {queue} did not become empty")


async def said(what: str, call: Any) -> Any:
    """Await a call; what it returns has been parsed by the client's own models."""
    answer = await call
    print(f"{what}: {type(answer).__name__}")
    return answer


asyncio.run(session(sys.argv[1]))
