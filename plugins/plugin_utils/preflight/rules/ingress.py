# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways in, and the dashboards that list them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import combinations

from ansible_collections.homelab.immich.plugins.plugin_utils import ways_in

from ..model import Inventory, Item, Problem, did_you_mean, either, listed

_DURATION = re.compile(r"(\d{1,5}(h|m|s|ms)){1,4}")  # as the Gateway API has it
_ISSUER = ("name", "kind", "group")
_CERTIFICATES = ("issuer", "tls_secret", "cert_resolver")
_DASHBOARD = {"homepage": ("widget", "namespace"), "homer": ("keywords",)}


def keys(inventory: Inventory) -> Iterator[Problem]:
    """What is set is of the type that is chosen, and what the type needs is set."""
    for way in _ways(inventory):
        kind = _type(way)
        for key in way.value:
            owners = [name for name, known in ways_in.KEYS.items() if key in known]
            if owners and kind not in owners and way.get(key) not in (None, [], {}):
                why = " The certificate of a Gateway belongs to its listener." if kind == "gateway" and key in ("issuer", "tls", "tls_secret") else ""
                yield way.problem(f"{key} is for type {either(owners)}, and the type is {kind}.{why} Remove it.", key)
        if len(given := [key for key in _CERTIFICATES if way.get(key)]) > 1:
            yield way.problem(f"{' and '.join(given)} both say where the certificate comes from. Keep one of them.", given[-1])
        if way.get("issuer") is not None and (wrong := _wrong_issuer(way.get("issuer"))):
            yield way.problem(wrong, "issuer")


def gateways(inventory: Inventory) -> Iterator[Problem]:
    """Gateways by namespace and name, and which listener redirects."""
    flaws = {(host.name, *flaw[:2]) for host in inventory.instances for flaw in host.flaws}
    for way in _ways(inventory):
        if _type(way) != "gateway":
            continue
        named = way.get("gateways", [])
        if not named and (way.host, *way.at) not in flaws:
            yield way.problem("gateways is not set, and a route needs a Gateway. Name one as namespace/name (kubectl get gateways -A).", "gateways")
        for index, gateway in enumerate(named):
            if not ways_in.GATEWAY.fullmatch(str(gateway)):
                yield way.problem(f"gateways[{index}] is {gateway}. Write it as namespace/name, or namespace/name/section for one listener.", "gateways", index)
            elif way.get("https_redirect") and str(gateway).count("/") < 2:
                yield way.problem(
                    f"https_redirect needs to know which listener has https, and gateways[{index}] is {gateway}. Write the section too, such as "
                    f"{gateway}/https; the listener for http has to be called http.",
                    "gateways",
                    index,
                )
        if (timeout := way.get("timeout")) and not _DURATION.fullmatch(str(timeout)):
            yield way.problem(f"timeout is {timeout}. Write it like 600s or 1h, or 0s for no limit.", "timeout")


def traefik(inventory: Inventory) -> Iterator[Problem]:
    """A rule of Traefik names whole hosts."""
    for way in _ways(inventory):
        for index, host in enumerate(way.get("hosts", [])):
            if _type(way) in ("traefik", "tailscale") and str(host).startswith("*."):
                yield way.problem(f"hosts[{index}] is {host}, and type {_type(way)} takes no wildcard. Name each host.", "hosts", index)


def tailscale(inventory: Inventory) -> Iterator[Problem]:
    """One name of the tailnet, by which people then open Immich."""
    for way in _ways(inventory):
        if _type(way) != "tailscale":
            continue
        names = [str(name) for name in way.get("hosts", [])]
        if len(names) > 1:
            yield way.problem(f"hosts has {listed(names)}, and Tailscale gives one name. Keep one, or write an entry for each.", "hosts")
        if way.get("funnel") and way.get("tls") is False:
            yield way.problem("funnel lets in the whole Internet, which needs https, and tls is false. Remove one of them.", "funnel")


def redirect(inventory: Inventory) -> Iterator[Problem]:
    """Https that there is to redirect to, by a controller that we know how to tell."""
    for way in _ways(inventory):
        if not way.get("https_redirect"):
            continue
        if _type(way) == "ingress" and not re.search("nginx|traefik", str(way.get("class") or "")):
            called = f"class {way.get('class')}" if way.get("class") else "the default class"
            yield way.problem(
                f"https_redirect is something that every controller does in its own way, and nobody here knows that of {called}. "
                "Remove it and write the controller's own annotation into annotations, or name a class with traefik or nginx in it.",
                "https_redirect",
            )
        if not ways_in.secure(way.value):
            yield way.problem("https_redirect leads to https, and this way in has none. Add an issuer, tls_secret or tls: true.", "https_redirect")


def annotations(inventory: Inventory) -> Iterator[Problem]:
    """Text, and nothing that brings the limit of nginx back."""
    for way in _ways(inventory):
        for name, value in (way.get("annotations", {}) or {}).items():
            if isinstance(value, Mapping | list):
                yield way.problem(f"annotations.{name} is no text. Put it in quotes.", "annotations", name)
            elif name in ways_in.BODY_SIZE and str(value) != "0":
                yield way.problem(
                    f'annotations.{name} is {value}, so nginx would refuse any photo or film that is larger. Remove it: it is "0", without limit, anyway.',
                    "annotations",
                    name,
                )


def retired(inventory: Inventory) -> Iterator[Problem]:
    """ingress-nginx gets no security updates any more."""
    for way in _ways(inventory):
        if _type(way) == "ingress" and "nginx" in str(way.get("class") or ""):
            yield way.problem(
                f"class is {way.get('class')}. If that is ingress-nginx: it was retired in March 2026 and gets no security fixes any more. It works; "
                "move to a Gateway (type: gateway) or Traefik when you can (docs/ways_in.md).",
                "class",
                warning=True,
            )


def dashboard(inventory: Inventory) -> Iterator[Problem]:
    """A dashboard that reads a way in, and is told what it knows."""
    for host in inventory.instances:
        wanted = host.get("immich_dashboard")
        if not isinstance(wanted, Mapping) or wanted.get("type") not in ways_in.READS:
            continue
        for key, owner in ((key, owner) for owner, known in _DASHBOARD.items() for key in known):
            if wanted.get(key) and owner != wanted["type"]:
                why = " Homer shows its settings to every browser, a key of Immich too." if key == "widget" else ""
                yield Problem(host.name, f"immich_dashboard.{key} is for {owner}, and the type is {wanted['type']}.{why} Remove it.", ("immich_dashboard", key))
        ways = [way.value for way in host.list("immich_ingress")]
        read = ways_in.READS[wanted["type"]]
        if host.sound("immich_ingress") and not any(ways_in.kind(way) in read for way in ways):
            text = f"immich_dashboard is {wanted['type']}, which finds Immich by an {either(read)}, and immich_ingress makes none. Add one, or remove it."
            yield Problem(host.name, text, ("immich_dashboard",))
    for one, other in combinations(inventory.instances, 2):
        places = [_secret(host.get("immich_dashboard"), host.get("immich_name"), host.get("immich_context")) for host in (one, other)]
        if places[0] and places[0] == places[1]:
            yield Problem(
                one.name,
                f"immich_dashboard.namespace of {one.name} and of {other.name} is {places[0][2]}, where both would keep their key for the widget in the Secret "
                f"{places[0][1]}-homepage. Give the instances different immich_name, or remove the widget of one.",
                ("immich_dashboard", "namespace"),
                (other.name,),
            )


def _ways(inventory: Inventory) -> Iterator[Item]:
    for host in inventory.instances:
        yield from host.list("immich_ingress")


def _type(way: Item) -> str:
    return str(way.get("type", "ingress"))


def _wrong_issuer(value: object) -> str:
    if isinstance(value, str):
        return "" if value else "issuer is empty. Name an issuer, or remove it."
    if not isinstance(value, Mapping):
        return "issuer is no name. Write the name of a ClusterIssuer, or {kind: Issuer, name: letsencrypt}."
    for key in value:
        if key not in _ISSUER:
            return f"issuer.{key} is not a known key.{did_you_mean(key, _ISSUER) or f' Use {either(_ISSUER)}.'}"
    if not isinstance(value.get("name"), str) or not value["name"]:
        return "issuer.name is not set. Name the issuer."
    if value.get("kind", "ClusterIssuer") not in ("ClusterIssuer", "Issuer") and not value.get("group"):
        return f"issuer.kind is {value['kind']}. Use ClusterIssuer or Issuer, or name the group that it is of."
    return ""


def _secret(wanted: object, name: object, context: object) -> tuple[object, object, object] | None:
    if not isinstance(wanted, Mapping) or not wanted.get("widget") or not wanted.get("namespace"):
        return None
    return context, name, wanted["namespace"]


RULES = (keys, gateways, traefik, tailscale, redirect, annotations, retired, dashboard)
