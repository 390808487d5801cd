# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances beside each other: names, namespaces, host names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations

from ..model import Host, Inventory, Problem
from .urls import host_of

_LABEL = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
# what is added to immich_name has to fit into the 63 characters of a Kubernetes name
_LONGEST = {"immich_name": 63 - len("-machine-learning"), "immich_namespace": 63, "immich_database_cluster": 50, "immich_database_namespace": 63}


def names(inventory: Inventory) -> Iterator[Problem]:
    """Names that Kubernetes takes."""
    for host in inventory.instances:
        for variable, longest in _LONGEST.items():
            if variable == "immich_database_namespace" and variable not in host.given:
                continue
            if host.get(variable) is not None and (wrong := _wrong(host.get(variable), longest)):
                yield Problem(host.name, f"{variable} is {host.get(variable)}. {wrong}", (variable,))
        for volume in host.list("immich_volumes"):
            if volume.get("name") is not None and (wrong := _wrong(volume.get("name"), 63, digit_first=True)):
                yield volume.problem(f"its name becomes that of a Kubernetes object. {wrong}", "name")


def apart(inventory: Inventory) -> Iterator[Problem]:
    """Two instances never meet in one place."""
    for one, other in combinations(inventory.instances, 2):
        place = _place(one)
        if place == _place(other):
            cluster = one.get("immich_context")
            if cluster == other.get("immich_context"):
                yield _both(
                    one,
                    other,
                    f"{one.name} and {other.name} have the same immich_name {place[0]} in the same immich_namespace {place[1]}, "
                    "so each would overwrite the other. Give each a namespace of its own.",
                    "immich_namespace",
                )
            elif one.in_run and other.in_run and one.rehearses and other.rehearses:
                yield _both(
                    one,
                    other,
                    f"{one.name} and {other.name} are in different clusters and have the same names there, but a rehearsal has one cluster. "
                    f"Rehearse one at a time: --limit nas,{one.name}.",
                    "immich_context",
                )
        host = host_of(one.get("immich_url"))
        if host and host == host_of(other.get("immich_url")):
            yield _both(one, other, f"immich_url of {one.name} and of {other.name} name the same host {host}. Give each a host name of its own.", "immich_url")


def databases_apart(inventory: Inventory) -> Iterator[Problem]:
    """Two databases in one namespace have names of their own, and so have their Secrets."""
    for one, other in combinations(inventory.instances, 2):
        if one.get("immich_context") != other.get("immich_context") or _place(one) == _place(other):
            continue
        spaces = [{host.get("immich_namespace"), host.get("immich_database_namespace")} for host in (one, other)]
        shared = sorted(str(name) for name in spaces[0] & spaces[1] if name)
        if not shared:
            continue
        if one.get("immich_database_cluster") == other.get("immich_database_cluster") and _database(one) == _database(other):
            variable, value = "immich_database_cluster", one.get("immich_database_cluster")
        elif one.get("immich_name") == other.get("immich_name"):
            variable, value = "immich_name", one.get("immich_name")
        else:
            continue
        yield _both(
            one,
            other,
            f"{one.name} and {other.name} both have the {variable} {value} and use the namespace {shared[0]}, so each would overwrite what the other has "
            "there. Give each a name or an immich_database_namespace of its own.",
            variable,
        )


def hosts_apart(inventory: Inventory) -> Iterator[Problem]:
    """A host name leads to one instance."""
    for one, other in combinations(inventory.instances, 2):
        for name in [name for name in _hosts(one) if name in _hosts(other)]:
            yield _both(
                one,
                other,
                f"immich_ingress of {one.name} and of {other.name} both have the host {name}. Give each host to one instance.",
                "immich_ingress",
            )


def _hosts(host: Host) -> list[str]:
    return [str(name) for way in host.list("immich_ingress") for name in way.get("hosts", [])]


def _database(host: Host) -> object:
    return host.get("immich_database_namespace")


def _place(host: Host) -> tuple[str, str]:
    return str(host.get("immich_name")), str(host.get("immich_namespace"))


def _both(one: Host, other: Host, text: str, variable: str) -> Problem:
    return Problem(one.name, text, (variable,), (other.name,))


def _wrong(value: object, longest: int, digit_first: bool = False) -> str:
    text = str(value)
    if len(text) > longest:
        return f"It has {len(text)} characters. Use {longest} at most."
    if _LABEL.fullmatch(f"a{text}" if digit_first and not text.startswith("-") else text):
        return ""
    return f"Use lower-case letters, digits and dashes, {'' if digit_first else 'with a letter first, '}and no dash at the end."


RULES = (names, apart, databases_apart, hosts_apart)
