# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way to Immich through the Kubernetes API server's service proxy: no Ingress, no port-forward."""

from __future__ import annotations

import ssl
from typing import Any
from urllib.parse import quote

from .client import ImmichError, UrllibTransport

_PORT = 2283


class _NamedContext(ssl.SSLContext):
    """Checks the certificate against the name that the kubeconfig gives (tls-server-name)."""

    name: str

    def wrap_socket(self, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        return super().wrap_socket(*args, **{**kwargs, "server_hostname": self.name})


def transport(*, kubeconfig: str | None, context: str | None, namespace: str, service: str, rehearsal: bool) -> UrllibTransport:
    """Make a transport to a Service of the cluster that a kubeconfig names."""
    # here, not above: it takes 0.3 s, and only this way in needs it
    try:
        from kubernetes.client import Configuration
        from kubernetes.config import load_kube_config
    except ImportError as error:
        raise ImmichError("Without url Immich is reached through the Kubernetes API, which needs the Python package kubernetes; install it.") from error
    cluster = Configuration()
    try:
        load_kube_config(config_file=kubeconfig, context=context, client_configuration=cluster)
    except Exception as error:  # the loader raises ConfigException, OSError, YAMLError, KeyError, TypeError ...
        raise ImmichError(
            f"Could not read kubeconfig {kubeconfig or '(default)'} with context {context or '(current)'}: {type(error).__name__}; check both."
        ) from error
    name, _colon, port = service.partition(":")
    headers = {setting["key"]: setting["value"] for setting in cluster.auth_settings().values()}
    return UrllibTransport(
        f"{cluster.host}/api/v1/namespaces/{quote(namespace, safe='')}/services/{quote(name, safe='')}:{port or _PORT}/proxy",
        rehearsal=rehearsal,
        context=_context(cluster) if cluster.host.startswith("https:") else None,
        headers=headers,
    )


def _context(cluster: Any) -> ssl.SSLContext:
    """Make the TLS context that a loaded kubeconfig asks for."""
    server_name = getattr(cluster, "tls_server_name", None)
    context: ssl.SSLContext = _NamedContext(ssl.PROTOCOL_TLS_CLIENT) if server_name else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if isinstance(context, _NamedContext):
        context.name = server_name
    try:
        if cluster.ssl_ca_cert:
            context.load_verify_locations(cluster.ssl_ca_cert)
        else:
            context.load_default_certs()
        if cluster.cert_file:
            context.load_cert_chain(cluster.cert_file, cluster.key_file)
    except (OSError, ssl.SSLError) as error:
        raise ImmichError(f"A certificate or key of the kubeconfig cannot be used ({error}); renew the kubeconfig.") from error
    if not cluster.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
