# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the cluster looks like now: a watch per kind, kept in memory, and writes back to the API server. Light: one connection pool, JSON as it comes."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl

import aiohttp

log = logging.getLogger("cluster")

# kind -> its collection at the API server; what an operator looks after is in its own file
KINDS = {
    "Service": "/api/v1/services",
    "PersistentVolumeClaim": "/api/v1/persistentvolumeclaims",
    "PersistentVolume": "/api/v1/persistentvolumes",
    "StorageClass": "/apis/storage.k8s.io/v1/storageclasses",
    "Secret": "/api/v1/secrets",
    "ConfigMap": "/api/v1/configmaps",
}


class Cluster:
    """Live objects by kind, namespace and name."""

    def __init__(self, server: str, tls: ssl.SSLContext, kinds: dict[str, str]) -> None:
        self._server, self._tls, self._kinds = server, tls, KINDS | kinds
        self._objects: dict[str, dict[tuple[str, str], dict]] = {kind: {} for kind in self._kinds}
        self.changed = asyncio.Event()

    async def __aenter__(self) -> Cluster:
        connector = aiohttp.TCPConnector(ssl=self._tls, limit=0)
        self._session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=None, sock_connect=5), trust_env=False)
        lists = [asyncio.Event() for _kind in self._kinds]
        self._watches = [asyncio.create_task(self._watch(kind, listed)) for kind, listed in zip(self._kinds, lists, strict=True)]
        await asyncio.gather(*(listed.wait() for listed in lists))
        return self

    async def __aexit__(self, *_exception: object) -> None:
        for watch in self._watches:
            watch.cancel()
        await self._session.close()

    def all(self, kind: str, namespace: str | None = None) -> list[dict]:
        """Every object of a kind, or those of one namespace."""
        return [item for (of, _name), item in self._objects[kind].items() if namespace in (None, of)]

    def get(self, kind: str, namespace: str, name: str) -> dict | None:
        """One object."""
        return self._objects[kind].get((namespace, name))

    async def write(self, method: str, path: str, body: dict | None = None, content_type: str = "application/json") -> dict:
        """A write. That the object is there already, gone already or newer than we thought is no error: the next round sees it."""
        data = None if body is None else json.dumps(body)
        async with self._session.request(method, self._server + path, data=data, headers={"Content-Type": content_type}) as response:
            answer = await response.json()
            if response.status >= 300 and response.status not in (404, 409):
                log.error("%s %s: %s", method, path, answer.get("message"))
            return answer

    async def create(self, collection: str, body: dict) -> dict:
        """Create an object unless it exists."""
        return await self.write("POST", collection, body)

    async def patch(self, path: str, body: dict) -> dict:
        """Merge into an object."""
        return await self.write("PATCH", path, body, "application/merge-patch+json")

    async def _watch(self, kind: str, listed: asyncio.Event) -> None:
        objects = self._objects[kind]
        while True:
            try:
                async with self._session.get(self._server + self._kinds[kind]) as response:
                    response.raise_for_status()
                    content = await response.json()
                objects.clear()
                objects.update({_key(item): item for item in content["items"]})
                listed.set()
                self.changed.set()
                query = {"watch": "1", "allowWatchBookmarks": "true", "resourceVersion": content["metadata"]["resourceVersion"]}
                async with self._session.get(self._server + self._kinds[kind], params=query, read_bufsize=2**22) as response:
                    response.raise_for_status()
                    async for line in response.content:
                        event = json.loads(line)
                        item = event["object"]
                        if event["type"] == "ERROR":
                            break  # the version we watched from is too old: list again
                        if event["type"] == "DELETED":
                            objects.pop(_key(item), None)
                        elif event["type"] in ("ADDED", "MODIFIED"):
                            objects[_key(item)] = item
                        else:
                            continue
                        self.changed.set()
            except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
                log.warning("watching %s: %s", kind, error)
                await asyncio.sleep(0.5)


def _key(item: dict) -> tuple[str, str]:
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]
