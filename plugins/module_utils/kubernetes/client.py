# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Kubernetes client of the verbs that this collection uses: JSON in, JSON out, one connection."""

from __future__ import annotations

import base64
import http.client
import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.kubeconfig import Access

FIELD_MANAGER = "homelab.immich"
USER_AGENT = "homelab.immich (ansible)"
DISCOVERY = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
Object = dict[str, Any]


class ApiError(Exception):
    """What the API server answered instead of doing it."""

    def __init__(self, status: int, message: str, reason: str = "", causes: list[dict[str, str]] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.causes = causes or []


class Unreachable(Exception):
    """One sentence: the API server did not answer, or did not let us in."""


@dataclass(frozen=True)
class Resource:
    """Where the API server keeps the objects of a kind."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool

    def path(self, namespace: str = "", name: str = "") -> str:
        """The path of one object, of the objects of a namespace, or of all."""
        parts = ["api" if "/" not in self.api_version else "apis", self.api_version]
        if self.namespaced and namespace:
            parts += ["namespaces", namespace]
        return "/" + "/".join(parts + [self.plural] + ([name] if name else []))


class Client:
    """One API server. In check mode (C(read_only)) nothing but reads and server-side dry runs leaves it."""

    def __init__(self, access: Access, read_only: bool = False, timeout: float = 30) -> None:
        self._access = access
        self._read_only = read_only
        self._timeout = timeout
        self._connection: http.client.HTTPConnection | None = None
        self._resources: dict[tuple[str, str], Resource] | None = None
        self.requests = 0

    # ---- verbs

    def get(self, resource: Resource, name: str, namespace: str = "") -> Object | None:
        """The object, or None when there is none."""
        try:
            return self.request("GET", resource.path(namespace, name))
        except ApiError as error:
            if error.status == 404:
                return None
            raise

    def list(self, resource: Resource, namespace: str = "", labels: str = "") -> list[Object]:
        """The objects of a namespace, or of all namespaces; kind and apiVersion are filled in."""
        items: list[Object] = []
        query = {"labelSelector": labels, "limit": "500"}
        while True:
            answer = self.request("GET", resource.path(namespace), query=query)
            items += answer.get("items") or []
            query["continue"] = (answer.get("metadata") or {}).get("continue", "")
            if not query["continue"]:
                return [{"apiVersion": resource.api_version, "kind": resource.kind, **item} for item in items]

    def apply(self, resource: Resource, desired: Object, dry_run: bool) -> Object:
        """Server-side apply; what others hold of it is taken."""
        meta = desired["metadata"]
        query = {"fieldManager": FIELD_MANAGER, "force": "true"}
        return self.request("PATCH", resource.path(meta.get("namespace", ""), meta["name"]), desired, query, "application/apply-patch+yaml", dry_run)

    def create(self, resource: Resource, desired: Object, dry_run: bool = False) -> Object:
        """Create; an object of that name is an error."""
        return self.request("POST", resource.path(desired["metadata"].get("namespace", "")), desired, {"fieldManager": FIELD_MANAGER}, dry_run=dry_run)

    def replace(self, resource: Resource, desired: Object, dry_run: bool = False) -> Object:
        """Replace the whole object; its resourceVersion must be the live one."""
        meta = desired["metadata"]
        return self.request("PUT", resource.path(meta.get("namespace", ""), meta["name"]), desired, {"fieldManager": FIELD_MANAGER}, dry_run=dry_run)

    def json_patch(self, resource: Resource, live: Object, operations: list[Object]) -> Object:
        """A JSON patch of exactly the object that was read."""
        meta = live["metadata"]
        guard = {"op": "test", "path": "/metadata/resourceVersion", "value": meta["resourceVersion"]}
        path = resource.path(meta.get("namespace", ""), meta["name"])
        return self.request("PATCH", path, [guard, *operations], {"fieldManager": FIELD_MANAGER}, "application/json-patch+json")

    def delete(self, resource: Resource, live: Object) -> None:
        """Delete exactly the object that was read, and what it owns after it."""
        meta = live["metadata"]
        options = {"propagationPolicy": "Background", "preconditions": {"uid": meta["uid"]}}
        try:
            self.request("DELETE", resource.path(meta.get("namespace", ""), meta["name"]), options)
        except ApiError as error:
            if error.status != 404:
                raise

    # ---- discovery

    def resource(self, api_version: str, kind: str) -> Resource | None:
        """The resource of a kind, or None when this cluster does not know it."""
        if self._resources is None:
            self._resources = {}
            for root in ("/api", "/apis"):
                answer = self.request("GET", root, accept=DISCOVERY)
                if answer.get("kind") != "APIGroupDiscoveryList":
                    raise Unreachable(f"{self._access.server} does not answer as Kubernetes 1.30 or later does.")
                for group in answer["items"]:
                    name = group["metadata"].get("name", "")
                    for version in group["versions"]:
                        full = f"{name}/{version['version']}" if name else version["version"]
                        for found in version.get("resources") or []:
                            known = Resource(full, found["responseKind"]["kind"], found["resource"], found["scope"] == "Namespaced")
                            self._resources[full, known.kind] = known
        return self._resources.get((api_version, kind))

    # ---- transport

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        query: dict[str, str] | None = None,
        content_type: str = "application/json",
        dry_run: bool = False,
        accept: str = "application/json",
    ) -> Object:
        """One request. What is busy is asked again; what is refused is an ApiError."""
        if self._read_only and method != "GET" and not dry_run:
            raise RuntimeError(f"check mode must not send {method} {path}")
        query = {key: value for key, value in (query or {}).items() if value}
        if dry_run:
            query["dryRun"] = "All"
        target = f"{urlsplit(self._access.server).path}{path}{'?' + urlencode(query) if query else ''}"
        headers = {**self._access.headers, "Accept": accept, "User-Agent": USER_AGENT}
        payload = None
        if body is not None:
            payload = json.dumps(body).encode()
            headers["Content-Type"] = content_type
        for attempt in range(5):
            self.requests += 1
            status, retry_after, data = self._send(method, target, payload, headers)
            if status not in (429, 503) or not retry_after or attempt == 4:
                break
            time.sleep(min(float(retry_after), 5.0))
        return self._answer(status, data)

    def _send(self, method: str, target: str, payload: bytes | None, headers: dict[str, str]) -> tuple[int, str, bytes]:
        fresh = self._connection is None
        try:
            if self._connection is None:
                self._connection = self._connect()
            self._connection.request(method, target, payload, headers)
            response = self._connection.getresponse()
            return response.status, response.headers.get("Retry-After", ""), response.read()
        except (OSError, http.client.HTTPException) as error:
            if self._connection:
                self._connection.close()
            self._connection = None
            # A kept connection that the server has closed meanwhile; a POST is not repeated, it may have been done.
            if not fresh and method != "POST":
                return self._send(method, target, payload, headers)
            detail = getattr(error, "reason", "") or getattr(error, "strerror", "") or str(error) or type(error).__name__
            raise Unreachable(f"The Kubernetes API server {self._access.server} does not answer: {detail}.") from None

    def _connect(self) -> http.client.HTTPConnection:
        url = urlsplit(self._access.server)
        host = url.hostname or ""
        port = url.port or (443 if url.scheme == "https" else 80)
        proxy = urlsplit(self._access.proxy)
        there = (proxy.hostname or "", proxy.port or 80) if self._access.proxy else (host, port)
        if self._access.tls is None:
            connection: http.client.HTTPConnection = http.client.HTTPConnection(*there, timeout=self._timeout)
        else:
            connection = _NamedTLS(*there, timeout=self._timeout, context=self._access.tls)
            connection.name = self._access.tls_server_name
        if self._access.proxy:
            login = base64.b64encode(f"{unquote(proxy.username or '')}:{unquote(proxy.password or '')}".encode()).decode()
            connection.set_tunnel(host, port, {"Proxy-Authorization": f"Basic {login}"} if proxy.username else {})
        return connection

    def _answer(self, status: int, data: bytes) -> Object:
        try:
            answer = json.loads(data) if data else {}
        except ValueError:
            answer = {"message": data.decode(errors="replace").strip()[:300]}
        if 200 <= status < 300:
            return answer
        message = answer.get("message") or f"HTTP {status}"
        if status == 401:
            raise Unreachable(f"{self._access.server} does not accept the credentials of the kubeconfig (401 {message}).")
        raise ApiError(status, message, answer.get("reason", ""), (answer.get("details") or {}).get("causes"))


class _NamedTLS(http.client.HTTPSConnection):
    """HTTPS whose certificate may be for another name (tls-server-name of a kubeconfig)."""

    name = ""

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        self.sock = self._context.wrap_socket(self.sock, server_hostname=self.name or self._tunnel_host or self.host)
