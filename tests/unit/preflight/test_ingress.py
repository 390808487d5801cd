# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways in and dashboards that would not work."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Homelab

HOST = "photos.example.net"
FINE: dict[str, dict[str, Any]] = {
    "traefik by Ingress": {"class": "traefik", "issuer": "letsencrypt", "https_redirect": True},
    "an issuer of the namespace": {"issuer": {"kind": "Issuer", "name": "home"}},
    "an issuer of another group": {"issuer": {"kind": "StepIssuer", "name": "home", "group": "certmanager.step.sm"}},
    "a gateway": {"type": "gateway", "gateways": ["network/public", "network/tail.net/https"], "timeout": "1h30m"},
    "a gateway that redirects": {"type": "gateway", "gateways": ["network/public/https"], "https_redirect": True},
    "a gateway without timeouts": {"type": "gateway", "gateways": ["network/public"], "timeout": ""},
    "traefik": {"type": "traefik", "entry_points": ["websecure"], "cert_resolver": "le", "https_redirect": True},
    "tailscale": {"type": "tailscale", "funnel": True, "https_redirect": True},
    "tailscale without certificates": {"type": "tailscale", "tls": False},
    "annotations": {"annotations": {"a/b": "c", "d/e": 1, "nginx.ingress.kubernetes.io/proxy-body-size": 0}},
}


@pytest.mark.parametrize("entry", FINE.values(), ids=FINE)
def test_what_is_fine(homelab: Homelab, entry: dict[str, Any]) -> None:
    homelab.photos["immich_ingress"] = [{"hosts": [HOST]} | entry]
    assert [problem.text for problem in homelab.problems()] == []


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"gateways": ["a/b"]}, "gateways is for type gateway, and the type is ingress. Remove it."),
    ({"type": "traefik", "class": "traefik"}, "class is for type ingress, and the type is traefik. Remove it."),
    (
        {"type": "gateway", "gateways": ["a/b"], "issuer": "x"},
        "issuer is for type ingress or traefik, and the type is gateway. The certificate of a Gateway belongs to its listener. Remove it.",
    ),
    ({"issuer": "x", "tls_secret": "y"}, "issuer and tls_secret both say where the certificate comes from. Keep one of them."),
    ({"issuer": 5}, "issuer is no name. Write the name of a ClusterIssuer, or {kind: Issuer, name: letsencrypt}."),
    ({"issuer": {"kind": "Issuer"}}, "issuer.name is not set. Name the issuer."),
    ({"issuer": {"nam": "x"}}, "issuer.nam is not a known key. Did you mean name?"),
    ({"issuer": {"kind": "issuer", "name": "x"}}, "issuer.kind is issuer. Use ClusterIssuer or Issuer, or name the group that it is of."),
    ({"type": "gateway"}, "gateways is not set, and a route needs a Gateway. Name one as namespace/name (kubectl get gateways -A)."),
    ({"type": "gateway", "gateways": ["public"]}, "gateways[0] is public. Write it as namespace/name, or namespace/name/section for one listener."),
    (
        {"type": "gateway", "gateways": ["a/b"], "https_redirect": True},
        "https_redirect needs to know which listener has https, and gateways[0] is a/b. Write the section too, such as a/b/https; "
        "the listener for http has to be called http.",
    ),
    ({"type": "gateway", "gateways": ["a/b"], "timeout": "600"}, "timeout is 600. Write it like 600s or 1h, or 0s for no limit."),
    ({"type": "traefik", "hosts": ["*.example.net"]}, "hosts[0] is *.example.net, and type traefik takes no wildcard. Name each host."),
    ({"type": "tailscale", "hosts": [HOST, "b"]}, "hosts has photos.example.net, b, and Tailscale gives one name. Keep one, or write an entry for each."),
    ({"type": "tailscale", "funnel": True, "tls": False}, "funnel lets in the whole Internet, which needs https, and tls is false. Remove one of them."),
    (
        {"class": "haproxy", "tls": True, "https_redirect": True},
        "https_redirect is something that every controller does in its own way, and nobody here knows that of class haproxy. "
        "Remove it and write the controller's own annotation into annotations, or name a class with traefik or nginx in it.",
    ),
    (
        {"class": "traefik", "https_redirect": True},
        "https_redirect leads to https, and this way in has none. Add an issuer, tls_secret or tls: true.",
    ),
    ({"annotations": {"a": ["b"]}}, "annotations.a is no text. Put it in quotes."),
    (
        {"annotations": {"nginx.ingress.kubernetes.io/proxy-body-size": "50m"}},
        "annotations.nginx.ingress.kubernetes.io/proxy-body-size is 50m, so nginx would refuse any photo or film that is larger. "
        'Remove it: it is "0", without limit, anyway.',
    ),
]


@pytest.mark.parametrize(("entry", "sentence"), WRONG)
def test_what_is_wrong_with_a_way_in(homelab: Homelab, entry: dict[str, Any], sentence: str) -> None:
    homelab.photos["immich_ingress"] = [{"hosts": [HOST]} | entry]
    assert homelab.errors() == [f"immich_ingress[0]: {sentence}"]


def test_ingress_nginx_is_retired(homelab: Homelab) -> None:
    homelab.photos["immich_ingress"][0]["class"] = "nginx"
    assert homelab.errors() == []
    assert homelab.warnings() == [
        "immich_ingress[0]: class is nginx. If that is ingress-nginx: it was retired in March 2026 and gets no security fixes any more. It works; "
        "move to a Gateway (type: gateway) or Traefik when you can (docs/ways_in.md)."
    ]


@pytest.mark.parametrize("wanted", [{"type": "homepage", "group": "Media", "widget": True, "namespace": "home"}, {"type": "homer", "keywords": ["a"]}])
def test_a_dashboard_that_is_fine(homelab: Homelab, wanted: dict[str, Any]) -> None:
    homelab.photos["immich_dashboard"] = wanted
    assert homelab.problems() == []


def test_a_dashboard_that_does_not_read_the_way_in(homelab: Homelab) -> None:
    homelab.photos["immich_ingress"] = [{"type": "traefik", "hosts": [HOST]}]
    homelab.photos["immich_dashboard"] = {"type": "homer"}
    assert homelab.errors() == [
        "immich_dashboard is homer, which finds Immich by an Ingress or HTTPRoute, and immich_ingress makes none. Add one, or remove it."
    ]


def test_no_key_for_homer(homelab: Homelab) -> None:
    homelab.photos["immich_dashboard"] = {"type": "homer", "widget": True}
    assert homelab.errors() == [
        "immich_dashboard.widget is for homepage, and the type is homer. Homer shows its settings to every browser, a key of Immich too. Remove it."
    ]


def test_two_instances_do_not_share_the_key_of_a_widget(homelab: Homelab) -> None:
    homelab.second_instance()
    for host in homelab.groups["immich"].values():
        host["immich_dashboard"] = {"type": "homepage", "widget": True, "namespace": "home"}
    assert homelab.errors() == [
        "immich_dashboard.namespace of photos and of family is home, where both would keep their key for the widget in the Secret immich-homepage. "
        "Give the instances different immich_name, or remove the widget of one."
    ]
    homelab.groups["immich"]["family"]["immich_name"] = "family"
    assert homelab.errors() == []
