# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a generated client (immichpy) makes of a server: run with the Python that has it, prints one line per call. Not a test by itself."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

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
        await said("queues", client.queues.get_queues())
        config = await said("system config", client.system_config.get_config())
        assert await said("defaults", client.system_config.get_config_defaults()) == config
        config.library.scan.enabled = False
        assert not (await said("new config", client.system_config.update_config(config))).library.scan.enabled
        if hasattr(client, "config_admin"):  # 3.2
            assert not (await said("admin config", client.config_admin.get_admin_config())).library.scan.enabled
            await said("rotate", client.api_keys.rotate_api_key((await client.api_keys.create_api_key({"permissions": ["all"]})).api_key.id))
        await said("delete", client.libraries.delete_library(library.id))


async def finished(client: Any) -> None:
    for _attempt in range(500):
        counts = (await client.jobs.get_queues_legacy()).library.job_counts
        if not counts.active + counts.waiting:
            return
        await asyncio.sleep(0.02)
    raise TimeoutError("the library queue did not become empty")


async def said(what: str, call: Any) -> Any:
    """Await a call; what it returns has been parsed by the client's own models."""
    answer = await call
    print(f"{what}: {type(answer).__name__}")
    return answer


asyncio.run(session(sys.argv[1]))
