# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way through the Kubernetes API server."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml
from ansible_collections.homelab.immich.plugins.module_utils.immich.client import Client
from ansible_collections.homelab.immich.plugins.module_utils.immich.errors import ImmichError
from ansible_collections.homelab.immich.plugins.module_utils.immich.kubernetes_proxy import transport


def kubeconfig(folder: Path, server: str, user: dict[str, Any] | None = None, **cluster: Any) -> str:
    path = folder / "kubeconfig"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": server, **cluster}}],
        "users": [{"name": "u", "user": user or {}}],
        "contexts": [{"name": "homelab", "context": {"cluster": "c", "user": "u"}}],
    }
    path.write_text(yaml.safe_dump(content))
    return str(path)


def reach(path: str, **options: Any) -> Client:
    return Client(
        transport(**{"kubeconfig": path, "context": "homelab", "namespace": "photos", "service": "immich-server", "rehearsal": True, **options}), api_key="k"
    )


def test_immich_is_reached_as_a_service_with_the_credentials_of_both(scripted: Any, tmp_path: Path) -> None:
    scripted.say({"res": "pong"})
    reach(kubeconfig(tmp_path, scripted.url, {"token": "cluster-token"})).get("/server/ping", doing="ping")
    ((_method, path, headers, _body),) = scripted.seen
    assert path == "/api/v1/namespaces/photos/services/immich-server:2283/proxy/api/server/ping"
    assert headers["authorization"] == "Bearer cluster-token" and headers["x-api-key"] == "k"


def test_another_port(scripted: Any, tmp_path: Path) -> None:
    scripted.say({"res": "pong"})
    reach(kubeconfig(tmp_path, scripted.url), service="immich-server:http").get("/server/ping", doing="ping")
    assert "/services/immich-server:http/proxy/" in scripted.seen[0][1]


def test_a_rehearsal_refuses_any_other_cluster(tmp_path: Path) -> None:
    with pytest.raises(ImmichError, match=r"only talks to this machine.*192\.0\.2\.1"):
        reach(kubeconfig(tmp_path, "https://192.0.2.1:6443"))


def test_a_context_that_is_not_there_lists_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(ImmichError, match="no context named other.*homelab"):
        reach(kubeconfig(tmp_path, "https://127.0.0.1:6443"), context="other")


def test_a_redirect_is_not_followed(scripted: Any, tmp_path: Path) -> None:
    scripted.say({}, status=302, location="https://login.example.net/")
    with pytest.raises(ImmichError, match="redirect to https://login.example.net, which is not followed"):
        reach(kubeconfig(tmp_path, scripted.url)).get("/libraries", doing="list")
    assert len(scripted.seen) == 1


def test_an_api_server_that_is_gone_is_one_sentence(tmp_path: Path) -> None:
    api = Client(transport(kubeconfig=kubeconfig(tmp_path, "http://127.0.0.1:9"), context="homelab", namespace="a", service="b", rehearsal=True), timeout=0.1)
    with pytest.raises(ImmichError, match="Could not list: .*: connection refused; check the address"):
        api.get("/libraries", doing="list")


@contextmanager
def serving(context: ssl.SSLContext) -> Iterator[str]:
    """An API server that answers one request with an empty list."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            plain, _address = listener.accept()
            try:
                with context.wrap_socket(plain, server_side=True) as secured:
                    secured.recv(65536)
                    secured.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n[]")
            except ssl.SSLError:
                plain.close()  # the client does not trust the certificate

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(timeout=10)


def test_the_certificate_may_be_for_the_name_that_the_kubeconfig_gives(tmp_path: Path) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("cluster.example.net").configure_cert(context)
    settings = {"certificate-authority-data": base64.b64encode(authority.cert_pem.bytes()).decode()}
    with serving(context) as server:
        assert reach(kubeconfig(tmp_path, server, **settings, **{"tls-server-name": "cluster.example.net"})).get("/libraries", doing="list") == []
    with serving(context) as server, pytest.raises(ImmichError, match="its TLS certificate is for another address"):
        Client(transport(kubeconfig=kubeconfig(tmp_path, server, **settings), context="homelab", namespace="a", service="b", rehearsal=True), timeout=0.1).get(
            "/libraries", doing="list"
        )
