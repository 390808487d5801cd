# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways in, what their controllers read on them, and what dashboards do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

Render = Callable[..., Any]
HOST = "photos.example.net"
SERVICE = {"name": "immich-server", "port": 2283}


def way(render: Render, **entry: Any) -> Any:
    """The objects of one way in."""
    return render("ingress", immich_ingress=[{"hosts": [HOST]} | entry])


def notes(item: dict[str, Any]) -> dict[str, str]:
    return item["metadata"].get("annotations", {})


def values(value: Any, key: str) -> Iterator[Any]:
    """Every value of a key, anywhere."""
    for name, entry in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        if name == key:
            yield entry
        yield from values(entry, key)


@pytest.mark.parametrize("name", ["nginx", "internal", ""])
def test_nginx_lets_large_and_slow_uploads_pass_under_any_name_of_its_class(render: Render, name: str) -> None:
    ingress = way(render, **{"class": name}).one("Ingress", "immich-server")
    assert notes(ingress) == {
        "nginx.ingress.kubernetes.io/proxy-body-size": "0",
        "nginx.ingress.kubernetes.io/proxy-read-timeout": "600",
        "nginx.ingress.kubernetes.io/proxy-send-timeout": "600",
        "nginx.ingress.kubernetes.io/proxy-request-buffering": "off",
        "nginx.org/client-max-body-size": "0",
        "nginx.org/proxy-read-timeout": "600s",
        "nginx.org/proxy-send-timeout": "600s",
    }
    assert "tls" not in ingress["spec"]


def test_an_issuer_of_the_namespace(render: Render) -> None:
    ingress = way(render, **{"class": "traefik", "issuer": {"kind": "Issuer", "name": "home"}}).one("Ingress", "immich-server")
    assert notes(ingress) == {"cert-manager.io/issuer": "home"}


def test_an_issuer_of_another_project(render: Render) -> None:
    issuer = {"kind": "StepClusterIssuer", "name": "home", "group": "certmanager.step.sm"}
    assert notes(way(render, **{"class": "traefik", "issuer": issuer}).one("Ingress", "immich-server")) == {
        "cert-manager.io/issuer": "home",
        "cert-manager.io/issuer-kind": "StepClusterIssuer",
        "cert-manager.io/issuer-group": "certmanager.step.sm",
    }


def test_https_with_a_secret_of_ones_own_or_the_default_certificate(render: Render) -> None:
    assert way(render, tls_secret="wild").one("Ingress", "immich-server")["spec"]["tls"] == [{"hosts": [HOST], "secretName": "wild"}]
    assert way(render, tls=True).one("Ingress", "immich-server")["spec"]["tls"] == [{"hosts": [HOST]}]


def test_traefik_redirects_http_by_a_middleware(render: Render) -> None:
    objects = way(render, **{"class": "traefik", "issuer": "x", "https_redirect": True})
    chain = notes(objects.one("Ingress", "immich-server"))["traefik.ingress.kubernetes.io/router.middlewares"]
    assert chain == "immich-immich-https@kubernetescrd"  # <namespace>-<name>
    assert objects.one("Middleware", "immich-https")["spec"] == {"redirectScheme": {"scheme": "https", "permanent": True}}


def test_nginx_redirects_http_by_an_annotation(render: Render) -> None:
    objects = way(render, **{"class": "nginx", "issuer": "x", "https_redirect": True})
    assert notes(objects[0])["nginx.ingress.kubernetes.io/force-ssl-redirect"] == "true"
    assert [item["kind"] for item in objects] == ["Ingress"]


def test_annotations_of_ones_own_win(render: Render) -> None:
    found = notes(way(render, annotations={"nginx.ingress.kubernetes.io/proxy-read-timeout": 900, "a/b": True})[0])
    assert found["nginx.ingress.kubernetes.io/proxy-read-timeout"] == "900"
    assert found["a/b"] == "True"
    assert found["nginx.ingress.kubernetes.io/proxy-body-size"] == "0"


def test_a_route_of_several_gateways_and_hosts(render: Render) -> None:
    objects = way(render, type="gateway", hosts=[HOST, "photos.example.org"], gateways=["network/tailscale", "network/public/https"])
    (route,) = objects
    assert (route["kind"], route["metadata"]["name"]) == ("HTTPRoute", "immich-server")
    assert route["spec"]["hostnames"] == [HOST, "photos.example.org"]
    assert route["spec"]["parentRefs"] == [{"namespace": "network", "name": "tailscale"}, {"namespace": "network", "name": "public", "sectionName": "https"}]
    (rule,) = route["spec"]["rules"]
    assert rule["backendRefs"] == [SERVICE]
    assert rule["timeouts"] == {"request": "0s", "backendRequest": "0s"}


def test_a_gateway_that_knows_no_timeouts(render: Render) -> None:
    assert "timeouts" not in way(render, type="gateway", gateways=["a/b"], timeout="")[0]["spec"]["rules"][0]


def test_a_route_that_redirects_is_at_the_listener_for_http(render: Render) -> None:
    objects = way(render, type="gateway", gateways=["network/public/https"], https_redirect=True)
    redirect = objects.one("HTTPRoute", "immich-server-redirect")["spec"]
    assert redirect["parentRefs"] == [{"namespace": "network", "name": "public", "sectionName": "http"}]
    assert redirect["hostnames"] == [HOST]
    assert "backendRefs" not in redirect["rules"][0]
    assert objects.one("HTTPRoute", "immich-server")["spec"]["parentRefs"][0]["sectionName"] == "https"


def test_a_route_of_traefik_with_a_certificate(render: Render) -> None:
    objects = way(render, type="traefik", hosts=[HOST, "b.example.net"], issuer="letsencrypt", https_redirect=True)
    spec = objects.one("IngressRoute", "immich-server")["spec"]
    assert spec["entryPoints"] == ["websecure"]
    assert spec["routes"][0]["match"] == "Host(`photos.example.net`) || Host(`b.example.net`)"
    assert spec["routes"][0]["services"] == [{"kind": "Service", **SERVICE}]
    certificate = objects.one("Certificate", spec["tls"]["secretName"])["spec"]
    assert certificate["dnsNames"] == [HOST, "b.example.net"]
    assert certificate["issuerRef"] == {"group": "cert-manager.io", "kind": "ClusterIssuer", "name": "letsencrypt"}
    redirect = objects.one("IngressRoute", "immich-server-redirect")["spec"]
    assert (redirect["entryPoints"], redirect["routes"][0]["middlewares"]) == (["web"], [{"name": "immich-https"}])


@pytest.mark.parametrize(
    ("entry", "tls"),
    [
        ({"cert_resolver": "le"}, {"certResolver": "le"}),
        ({"tls_secret": "wild"}, {"secretName": "wild"}),
        ({}, {}),
        ({"entry_points": ["web"]}, None),
    ],
)
def test_where_traefik_has_the_certificate_from(render: Render, entry: dict[str, Any], tls: Any) -> None:
    (route,) = way(render, type="traefik", **entry)
    assert route["spec"].get("tls") == tls


def test_a_name_of_the_tailnet(render: Render) -> None:
    (ingress,) = way(render, type="tailscale", hosts=["photos.tail1234.ts.net"], https_redirect=True, annotations={"tailscale.com/tags": "tag:photos"})
    assert ingress["spec"]["ingressClassName"] == "tailscale"
    assert ingress["spec"]["tls"] == [{"hosts": ["photos.tail1234.ts.net"]}]
    assert notes(ingress) == {"tailscale.com/http-redirect": "true", "tailscale.com/tags": "tag:photos"}


def test_only_funnel_lets_the_internet_in(render: Render) -> None:
    (ingress,) = way(render, type="tailscale", funnel=True)
    assert notes(ingress) == {"tailscale.com/funnel": "true"}


def test_a_name_of_a_tailnet_without_certificates(render: Render) -> None:
    (service,) = way(render, type="tailscale", hosts=["photos.tail1234.ts.net"], tls=False)
    assert service["spec"]["loadBalancerClass"] == "tailscale"
    assert service["spec"]["selector"] == {"app.kubernetes.io/name": "server", "app.kubernetes.io/instance": "immich"}
    assert notes(service) == {"tailscale.com/hostname": "photos"}


@pytest.mark.parametrize("entry", [{}, {"type": "gateway", "gateways": ["a/b"]}, {"type": "traefik", "https_redirect": True}, {"type": "tailscale"}])
def test_every_way_in_leads_to_the_server_and_nowhere_else(render: Render, entry: dict[str, Any]) -> None:
    objects = way(render, **entry)
    found = [entry for key in ("service", "services", "backendRefs") for entry in values(objects, key)]
    backends = [backend for entry in found for backend in (entry if isinstance(entry, list) else [entry])]
    assert {backend["name"] for backend in backends} == {"immich-server"}


# --- dashboards ---------------------------------------------------------------

HOMEPAGE = {"type": "homepage", "group": "Media", "description": "Photo & Video Library"}


def test_homepage_lists_it(render: Render) -> None:
    objects = render("ingress", immich_dashboard=HOMEPAGE)
    found = {name: value for name, value in notes(objects.one("Ingress", "immich-server")).items() if name.startswith("gethomepage")}
    assert found == {
        "gethomepage.dev/enabled": "true",
        "gethomepage.dev/name": "Immich",
        "gethomepage.dev/group": "Media",
        "gethomepage.dev/description": "Photo & Video Library",
        "gethomepage.dev/icon": "immich.png",
        "gethomepage.dev/href": "https://photos.example.net",
        "gethomepage.dev/pod-selector": "app.kubernetes.io/name=server,app.kubernetes.io/instance=immich",
    }


def test_the_widget_names_its_key_and_does_not_have_it(render: Render) -> None:
    objects = render("ingress", immich_dashboard=HOMEPAGE | {"widget": True}, immich_name="photos-2")
    found = notes(objects.one("Ingress", "photos-2-server"))
    assert found["gethomepage.dev/widget.key"] == "{{HOMEPAGE_VAR_PHOTOS_2_KEY}}"
    assert found["gethomepage.dev/widget.url"] == "http://photos-2-server.immich:2283"
    assert (found["gethomepage.dev/widget.type"], found["gethomepage.dev/widget.version"]) == ("immich", "2")


def test_homer_lists_it(render: Render) -> None:
    ways = [{"type": "gateway", "hosts": [HOST], "gateways": ["a/b"]}]
    (route,) = render("ingress", immich_ingress=ways, immich_dashboard={"type": "homer", "group": "Media", "keywords": ["photos", "immich"]})
    assert notes(route) == {
        "item.homer.rajsingh.info/name": "Immich",
        "item.homer.rajsingh.info/url": "https://photos.example.net",
        "item.homer.rajsingh.info/keywords": "photos, immich",
        "service.homer.rajsingh.info/name": "Media",
    }


def test_it_is_listed_once_and_where_the_dashboard_looks(render: Render) -> None:
    ways = [{"type": "traefik", "hosts": [HOST]}, {"hosts": [HOST]}, {"hosts": ["b.example.net"]}]
    objects = render("ingress", immich_ingress=ways, immich_dashboard={"type": "homer"})
    assert [item["metadata"]["name"] for item in objects if any("homer" in name for name in notes(item))] == ["immich-server-2"]
