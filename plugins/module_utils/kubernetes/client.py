# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs that this collection uses, sent by the connections of the Kubernetes library: JSON in, JSON out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

try:
    from urllib3 import Retry
    from urllib3.exceptions import HTTPError
except ImportError:
    HTTPError = Retry = None  # it comes with the Kubernetes library; access() says what is missing

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

FIELD_MANAGER = "homelab.immich"
# An unknown or doubled field is an error, in custom resources and in what a patch of a user adds, too.
WRITTEN = {"fieldManager": FIELD_MANAGER, "fieldValidation": "Strict"}
ADVICE = "that it runs, that this machine reaches it, and that immich_context and immich_kubeconfig mean this cluster"
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

    def __init__(self, api: ApiClient, read_only: bool = False, timeout: float = 30) -> None:
        self._api = api
        self._server = api.configuration.host
        self._read_only = read_only
        self._timeout = timeout
        # Busy (429, 503 with Retry-After): asked again. A kept connection that was closed meanwhile: opened again. No server: said at once.
        self._retry = Retry(total=4, connect=0, read=1, other=0, allowed_methods=None, retry_after_max=5)
        self._resources: dict[tuple[str, str], Resource] | None = None
        self.requests = 0
        self.writes = 0  # of these, what changed something

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
        query = WRITTEN | {"force": "true"}
        return self.request("PATCH", resource.path(meta.get("namespace", ""), meta["name"]), desired, query, "application/apply-patch+yaml", dry_run)

    def create(self, resource: Resource, desired: Object, dry_run: bool = False) -> Object:
        """Create; an object of that name is an error."""
        return self.request("POST", resource.path(desired["metadata"].get("namespace", "")), desired, WRITTEN, dry_run=dry_run)

    def replace(self, resource: Resource, desired: Object, dry_run: bool = False) -> Object:
        """Replace the whole object; its resourceVersion must be the live one."""
        meta = desired["metadata"]
        return self.request("PUT", resource.path(meta.get("namespace", ""), meta["name"]), desired, WRITTEN, dry_run=dry_run)

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

    def log(self, namespace: str, pod: str, container: str) -> str:
        """What a container has printed until now."""
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/log"
        return self.request("GET", path, query={"container": container}, accept="*/*", plain=True)["text"]

    # ---- discovery

    def resource(self, api_version: str, kind: str) -> Resource | None:
        """The resource of a kind, or None when this cluster does not know it."""
        if self._resources is None:
            self._resources = {}
            for root in ("/api", "/apis"):
                answer = self.request("GET", root, accept=DISCOVERY)
                if answer.get("kind") != "APIGroupDiscoveryList":
                    raise Unreachable(f"{self._server} does not answer as Kubernetes 1.30 or later does.")
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
        plain: bool = False,
    ) -> Object:
        """One request. What is busy is asked again; what is refused is an ApiError. A `plain` answer is no JSON, and is returned as C(text)."""
        if self._read_only and method != "GET" and not dry_run:
            raise RuntimeError(f"check mode must not send {method} {path}")
        query = {key: value for key, value in (query or {}).items() if value}
        if dry_run:
            query["dryRun"] = "All"
        url = f"{self._server}{path}{'?' + urlencode(query) if query else ''}"
        headers = {**self._api.default_headers, "Accept": accept, **({} if body is None else {"Content-Type": content_type})}
        payload = None if body is None else json.dumps(body)
        # a POST whose answer was lost may have been done
        retries = self._retry.new(read=0) if method == "POST" else self._retry
        pool = self._api.rest_client.pool_manager
        try:
            answer = pool.request(method, url, body=payload, headers=headers, timeout=self._timeout, retries=retries, redirect=False)
        except HTTPError as error:
            reason = cause(error)
            detail = getattr(reason, "verify_message", "") or getattr(reason, "strerror", "") or str(reason) or type(reason).__name__
            raise Unreachable(f"The Kubernetes API server {self._server} does not answer: {detail}. Check {ADVICE}.") from None
        self.requests += 1 + len(answer.retries.history)
        result = {"text": answer.data.decode(errors="replace")} if plain and answer.status == 200 else self._answer(answer.status, answer.data)
        self.writes += method != "GET" and not dry_run
        return result

    def _answer(self, status: int, data: bytes) -> Object:
        try:
            answer = json.loads(data) if data else {}
        except ValueError:
            answer = {"message": data.decode(errors="replace").strip()[:300]}
        if 200 <= status < 300:
            return answer
        message = answer.get("message") or f"HTTP {status}"
        if status == 401:
            raise Unreachable(f"{self._server} does not accept the credentials of the kubeconfig (401 {message}).")
        raise ApiError(status, message, answer.get("reason", ""), (answer.get("details") or {}).get("causes"))


def cause(error: BaseException) -> BaseException:
    """What went wrong below the errors that the library wraps around it."""
    inner = error.__cause__ or next((part for part in reversed(error.args) if isinstance(part, BaseException)), None)
    return cause(inner) if inner else error
