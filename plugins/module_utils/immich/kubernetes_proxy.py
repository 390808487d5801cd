# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to Immich through the Kubernetes API server's service proxy: no Ingress, no port-forward."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ..kubernetes.client import HTTPError, cause
from ..kubernetes.kubeconfig import KubeconfigError, access
from .errors import ImmichError
from .transport import MAX_BYTES, Response, joined, no_response, too_large

if TYPE_CHECKING:
    from kubernetes.client import ApiClient

_PORT = "2283"


class KubernetesTransport:
    """HTTP by the connections of the Kubernetes library, with the certificates, the credentials and the proxy of the kubeconfig."""

    def __init__(self, cluster: ApiClient, path: str) -> None:
        self.base = f"{cluster.configuration.host}{path}"
        self._cluster = cluster

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, timeout: float) -> Response:
        """Send one request and read the whole response."""
        pool = self._cluster.rest_client.pool_manager
        headers = {**self._cluster.default_headers, **headers}
        try:
            # retries=False: no redirect is followed either
            answer = pool.request(method, self.base + path, body=body, headers=headers, timeout=timeout, retries=False, preload_content=False)
            content = _read(answer, time.monotonic() + timeout)
        except (HTTPError, OSError) as error:
            raise no_response(cause(error), timeout) from error
        return Response(answer.status, joined(answer.headers.items()), content)


def _read(answer: Any, deadline: float) -> bytes:
    """Read an answer, but not for ever."""
    content = bytearray()
    for part in answer.stream(65536):
        content += part
        if len(content) > MAX_BYTES or time.monotonic() > deadline:
            answer.close()
            raise too_large() if len(content) > MAX_BYTES else TimeoutError
    answer.release_conn()
    return bytes(content)


def transport(*, kubeconfig: str | None, context: str | None, namespace: str, service: str, rehearsal: bool) -> KubernetesTransport:
    """Make a transport to a Service of the cluster that a kubeconfig context names."""
    try:
        cluster = access(kubeconfig, context, rehearsal)
    except KubeconfigError as error:
        raise ImmichError(str(error)) from error
    name, _colon, port = service.partition(":")
    return KubernetesTransport(cluster, f"/api/v1/namespaces/{quote(namespace, safe='')}/services/{quote(name, safe='')}:{port or _PORT}/proxy")
