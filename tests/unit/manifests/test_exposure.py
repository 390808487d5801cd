# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machine learning, the queue and the database cannot be reached from outside, whatever is tried."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from ansible.errors import AnsibleError

Render = Callable[..., Any]
ML = "immich-machine-learning"
WAYS = [
    {"hosts": ["a.example.net"], "class": "nginx"},
    {"type": "gateway", "hosts": ["b.example.net"], "gateways": ["n/g"]},
    {"type": "traefik", "hosts": ["c.example.net"], "https_redirect": True},
]
TO_ML = {"backend": {"service": {"name": ML, "port": {"number": 3003}}}, "path": "/ml", "pathType": "Prefix"}


def patched(render: Render, kind: str, name: str, patch: Any, **changes: Any) -> Any:
    return render(immich_ingress=WAYS, immich_patches=[{"kind": kind, "name": name, "patch": patch}], **changes)


INGRESS, ROUTE, TRAEFIK = ("Ingress", "immich-server"), ("HTTPRoute", "immich-server-2"), ("IngressRoute", "immich-server-3")
PORTS = "/spec/template/spec/containers/0/ports/0"


@pytest.mark.parametrize(
    ("what", "patch"),
    [
        (INGRESS, [{"op": "add", "path": "/spec/rules/0/http/paths/-", "value": TO_ML}]),
        (INGRESS, [{"op": "replace", "path": "/spec/rules/0/http/paths/0/backend/service/name", "value": "immich-web"}]),
        (INGRESS, {"spec": {"defaultBackend": {"service": {"name": "immich-valkey", "port": {"number": 6379}}}}}),
        (INGRESS, {"spec": {"defaultBackend": {"resource": {"kind": "Bucket", "name": "x"}}}}),
        (ROUTE, {"spec": {"rules": [{"backendRefs": [{"name": ML, "port": 3003}]}]}}),
        (ROUTE, {"spec": {"rules": [{"backendRefs": [{"name": "immich-server", "namespace": "other", "port": 2283}]}]}}),
        (ROUTE, [{"op": "add", "path": "/spec/rules/0/filters", "value": [{"type": "RequestMirror", "requestMirror": {"backendRef": {"name": ML}}}]}]),
        (TRAEFIK, {"spec": {"routes": [{"match": "Host(`c`)", "services": [{"name": ML, "port": 3003}]}]}}),
        (TRAEFIK, {"spec": {"routes": [{"match": "Host(`c`)", "services": [{"kind": "TraefikService", "name": "api@internal"}]}]}}),
        (("Middleware", "immich-https"), {"spec": {"errors": {"service": {"name": ML, "port": 3003}}}}),
        (("Service", ML), {"spec": {"type": "LoadBalancer"}}),
        (("Service", ML), {"spec": {"type": "NodePort"}}),
        (("Service", ML), {"spec": {"externalIPs": ["192.0.2.9"]}}),
        (("Service", ML), {"metadata": {"annotations": {"tailscale.com/expose": "true"}}}),
        (("Service", "immich-valkey"), {"spec": {"type": "LoadBalancer", "loadBalancerClass": "tailscale"}}),
        (("Service", "immich-server"), {"spec": {"selector": {"app.kubernetes.io/name": "machine-learning"}}}),
        (("Deployment", ML), {"spec": {"template": {"metadata": {"labels": {"app.kubernetes.io/name": "server"}}}}}),
        (("Deployment", ML), {"spec": {"template": {"spec": {"hostNetwork": True}}}}),
        (("Deployment", "immich-valkey"), [{"op": "add", "path": f"{PORTS}/hostPort", "value": 6379}]),
        (("Cluster", "immich-db"), {"spec": {"managed": {"services": {"additional": [{"serviceTemplate": {"spec": {"type": "LoadBalancer"}}}]}}}}),
        (("Service", ML), {"kind": "Ingress"}),
        (("Service", ML), [{"op": "replace", "path": "/metadata/name", "value": "immich-server"}]),
    ],
    ids=lambda value: "/".join(value) if isinstance(value, tuple) else "",
)
def test_no_patch_lets_anybody_in_to_anything_else(render: Render, what: tuple[str, str], patch: Any) -> None:
    with pytest.raises(AnsibleError) as failure:
        patched(render, *what, patch)
    assert f"{what[0]} {what[1]}" in str(failure.value)


def test_the_sentence_says_what_may_be(render: Render) -> None:
    with pytest.raises(AnsibleError) as failure:
        patched(render, *INGRESS, [{"op": "add", "path": "/spec/rules/0/http/paths/-", "value": TO_ML}])
    assert (
        "Ingress immich-server leads to immich-machine-learning. Only Immich's server is ever let out, for nothing else asks who is there: "
        "leave immich-server as its backend."
    ) in str(failure.value)


def test_a_dragonfly_stays_inside(render: Render) -> None:
    with pytest.raises(AnsibleError, match="opens the queue to the outside"):
        patched(render, "Dragonfly", "immich-dragonfly", {"spec": {"serviceSpec": {"type": "LoadBalancer"}}}, immich_cache_provider="dragonfly")


@pytest.mark.parametrize("name", ["nginx.ingress.kubernetes.io/proxy-body-size", "nginx.org/client-max-body-size"])
def test_the_limit_of_nginx_does_not_come_back(render: Render, name: str) -> None:
    with pytest.raises(AnsibleError, match="nginx would refuse whatever is larger"):
        patched(render, *INGRESS, {"metadata": {"annotations": {name: "1m"}}})
    with pytest.raises(AnsibleError, match="nginx would refuse whatever is larger"):
        render("ingress", immich_ingress=[WAYS[0] | {"annotations": {name: "50m"}}])


@pytest.mark.parametrize(
    ("what", "patch"),
    [
        (INGRESS, {"metadata": {"annotations": {"a/b": "c"}}, "spec": {"ingressClassName": "other"}}),
        (("Service", "immich-server"), {"spec": {"type": "LoadBalancer", "loadBalancerIP": "192.0.2.9"}}),
        (("Deployment", "immich-server"), {"spec": {"template": {"spec": {"hostNetwork": True}}}}),
        (TRAEFIK, [{"op": "add", "path": "/spec/routes/0/middlewares", "value": [{"name": "headers"}]}]),
    ],
    ids=lambda value: "/".join(value) if isinstance(value, tuple) else "",
)
def test_what_concerns_the_server_may_be_patched(render: Render, what: tuple[str, str], patch: Any) -> None:
    assert patched(render, *what, patch)


def test_without_a_patch_nothing_is_refused(render: Render) -> None:
    assert render(immich_ingress=WAYS)
