# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to Immich through the Kubernetes API server's service proxy: no Ingress, no port-forward."""

from __future__ import annotations

import functools
import ssl
from urllib.parse import quote

from ..kubernetes.kubeconfig import KubeconfigError, access
from .client import ImmichError, UrllibTransport

_PORT = "2283"


def transport(*, kubeconfig: str | None, context: str | None, namespace: str, service: str, rehearsal: bool) -> UrllibTransport:
    """Make a transport to a Service of the cluster that a kubeconfig context names."""
    try:
        cluster = access(kubeconfig, context, rehearsal)
    except KubeconfigError as error:
        raise ImmichError(str(error)) from error
    if cluster.tls is not None and cluster.tls_server_name:
        # urllib has no option for the name to check the certificate against
        cluster.tls.wrap_socket = functools.partial(_wrap, cluster.tls, cluster.tls_server_name)  # type: ignore[method-assign]
    name, _colon, port = service.partition(":")
    return UrllibTransport(
        f"{cluster.server}/api/v1/namespaces/{quote(namespace, safe='')}/services/{quote(name, safe='')}:{port or _PORT}/proxy",
        rehearsal=rehearsal,
        context=cluster.tls,
        headers=cluster.headers,
        proxy=cluster.proxy,
    )


def _wrap(context: ssl.SSLContext, name: str, *args: object, **kwargs: object) -> ssl.SSLSocket:
    return ssl.SSLContext.wrap_socket(context, *args, **{**kwargs, "server_hostname": name})  # type: ignore[arg-type]
