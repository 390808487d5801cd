# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the entries of ``immich_ingress`` mean, and what dashboards read on them. Pure functions, for the templates and for preflight."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

# which keys an entry of each type takes, beside type, hosts and annotations
KEYS = {
    "ingress": ("class", "issuer", "tls", "tls_secret", "https_redirect"),
    "gateway": ("gateways", "timeout", "https_redirect"),
    "traefik": ("entry_points", "issuer", "cert_resolver", "tls_secret", "https_redirect"),
    "tailscale": ("tls", "funnel", "https_redirect"),
}
GATEWAY = re.compile(r"([a-z0-9]([-a-z0-9]*[a-z0-9])?)/([a-z0-9]([-.a-z0-9]*[a-z0-9])?)(?:/([a-z0-9]([-.a-z0-9]*[a-z0-9])?))?")
# Without the first line of each, nginx refuses what is larger than 1 MB. One class name serves two controllers, and none minds what the other reads.
NGINX = {
    "nginx.ingress.kubernetes.io/proxy-body-size": "0",
    "nginx.ingress.kubernetes.io/proxy-read-timeout": "600",
    "nginx.ingress.kubernetes.io/proxy-send-timeout": "600",
    "nginx.ingress.kubernetes.io/proxy-request-buffering": "off",
    "nginx.org/client-max-body-size": "0",
    "nginx.org/proxy-read-timeout": "600s",
    "nginx.org/proxy-send-timeout": "600s",
}
BODY_SIZE = tuple(name for name in NGINX if name.endswith("body-size"))
# what the operators of the dashboards look at; both know an Ingress, no one a Service
READS = {"homepage": ("Ingress", "HTTPRoute", "IngressRoute"), "homer": ("Ingress", "HTTPRoute")}


def kind(way: Mapping[str, Any]) -> str:
    """The object that an entry becomes."""
    if way.get("type", "ingress") == "tailscale" and way.get("tls") is False:
        return "Service"
    return {"gateway": "HTTPRoute", "traefik": "IngressRoute"}.get(str(way.get("type")), "Ingress")


def controller(way: Mapping[str, Any]) -> str:
    """Whose annotations an Ingress needs, by the name of its class: traefik, tailscale, or nginx where the name does not say otherwise."""
    if way.get("type", "ingress") != "ingress":
        return str(way["type"])
    return "traefik" if "traefik" in str(way.get("class") or "") else "nginx"


def secure(way: Mapping[str, Any]) -> bool:
    """Whether it serves https; of a Gateway its own listeners say."""
    if way.get("type") == "gateway":
        return True
    if way.get("type") == "tailscale":
        return way.get("tls") is not False
    if way.get("type") == "traefik":
        return _entry_points(way) != ["web"] or any(way.get(key) for key in ("issuer", "cert_resolver", "tls_secret"))
    return any(way.get(key) for key in ("issuer", "tls_secret", "tls"))


def issuer(value: Any) -> dict[str, str]:
    """The issuer of cert-manager: a name is that of a ClusterIssuer."""
    given = {"name": value} if isinstance(value, str) else dict(value)
    return {"group": given.get("group") or "cert-manager.io", "kind": given.get("kind") or "ClusterIssuer", "name": given.get("name") or ""}


def parents(gateways: Iterable[str]) -> list[dict[str, str]]:
    """The Gateways of a route; namespace/name/section is one listener of it."""
    result = []
    for gateway in gateways:
        namespace, name, section = [*str(gateway).split("/"), "", ""][:3]
        result.append({"namespace": namespace, "name": name} | ({"sectionName": section} if section else {}))
    return result


def resolve(ways: Iterable[Mapping[str, Any]], instance: str, namespace: str, url: str, dashboard: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """
    Every way in with its name and all of its annotations.

    The annotations of the dashboard are on one of them, for each would be an entry of its own: the first of a kind that the dashboard reads.
    """
    result, ways = [], list(ways)
    for index, way in enumerate(ways):
        name = f"{instance}-server" + (f"-{index + 1}" if index else "")
        found = dict(way) | {"type": way.get("type") or "ingress", "name": name, "kind": kind(way), "controller": controller(way), "secure": secure(way)}
        found |= {"https_redirect": bool(way.get("https_redirect")), "entry_points": _entry_points(way), "timeout": way.get("timeout", "0s")}
        found["parents"] = parents(way.get("gateways") or [])
        found["secret"] = way.get("tls_secret") or (f"{name}-tls" if way.get("issuer") else "")
        found["issuer"] = issuer(way["issuer"]) if way.get("issuer") else None
        found["annotations"] = _annotations(found, instance, namespace)
        result.append(found)
    if dashboard:
        read = next((way for way in result if way["kind"] in READS[dashboard["type"]]), None)
        if read:
            read["annotations"] = entry(dashboard, instance, namespace, url) | read["annotations"]
    for way, given in zip(result, ways, strict=True):
        way["annotations"] |= {name: str(value) for name, value in (given.get("annotations") or {}).items()}
    return result


def _entry_points(way: Mapping[str, Any]) -> list[str]:
    return [str(name) for name in way.get("entry_points") or ["websecure"]]


def _annotations(way: Mapping[str, Any], instance: str, namespace: str) -> dict[str, str]:
    """What the controller, and cert-manager, read on the object."""
    found: dict[str, str] = {}
    if way["kind"] == "Service":
        return {"tailscale.com/hostname": str(way["hosts"][0]).partition(".")[0]}
    if way["kind"] != "Ingress":
        return found
    if way["issuer"]:
        found |= _issuer_annotations(way["issuer"])
    if way["controller"] == "nginx":
        found |= NGINX
    if way["https_redirect"]:
        found |= {
            "nginx": {"nginx.ingress.kubernetes.io/force-ssl-redirect": "true"},
            "traefik": {"traefik.ingress.kubernetes.io/router.middlewares": f"{namespace}-{instance}-https@kubernetescrd"},
            "tailscale": {"tailscale.com/http-redirect": "true"},
        }[way["controller"]]
    if way.get("funnel"):
        found["tailscale.com/funnel"] = "true"
    return found


def _issuer_annotations(of: Mapping[str, str]) -> dict[str, str]:
    if of["kind"] == "ClusterIssuer" and of["group"] == "cert-manager.io":
        return {"cert-manager.io/cluster-issuer": of["name"]}
    more = {} if of["group"] == "cert-manager.io" else {"cert-manager.io/issuer-kind": of["kind"], "cert-manager.io/issuer-group": of["group"]}
    return {"cert-manager.io/issuer": of["name"]} | more


def widget_variable(instance: str) -> str:
    """The variable of Homepage's environment that has the key of the widget."""
    return f"HOMEPAGE_VAR_{re.sub('[^A-Z0-9]', '_', instance.upper())}_KEY"


def entry(dashboard: Mapping[str, Any], instance: str, namespace: str, url: str) -> dict[str, str]:
    """The annotations by which a dashboard lists Immich. The key of the widget is named, never written."""
    name = dashboard.get("name") or "Immich"
    if dashboard["type"] == "homer":
        found = {
            "item.homer.rajsingh.info/name": name,
            "item.homer.rajsingh.info/url": url,
            "item.homer.rajsingh.info/subtitle": dashboard.get("description"),
            "item.homer.rajsingh.info/logo": dashboard.get("icon"),
            "item.homer.rajsingh.info/keywords": ", ".join(str(word) for word in dashboard.get("keywords") or []),
            "service.homer.rajsingh.info/name": dashboard.get("group"),
        }
    else:
        found = {
            "gethomepage.dev/enabled": "true",
            "gethomepage.dev/name": name,
            "gethomepage.dev/group": dashboard.get("group"),
            "gethomepage.dev/description": dashboard.get("description"),
            "gethomepage.dev/icon": dashboard.get("icon") or "immich.png",
            "gethomepage.dev/href": url,
            "gethomepage.dev/pod-selector": f"app.kubernetes.io/name=server,app.kubernetes.io/instance={instance}",
        }
        if dashboard.get("widget"):
            found |= {
                "gethomepage.dev/widget.type": "immich",
                "gethomepage.dev/widget.version": "2",
                "gethomepage.dev/widget.url": f"http://{instance}-server.{namespace}:2283",
                "gethomepage.dev/widget.key": "{{" + widget_variable(instance) + "}}",
            }
    return {key: str(value) for key, value in found.items() if value}
