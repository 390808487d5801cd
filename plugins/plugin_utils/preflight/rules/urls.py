# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses: where people open Immich, and where this collection calls it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit

from ..model import Inventory, Problem, did_you_mean, listed

_NAME = re.compile(r"(?=.{1,253}$)(\*\.)?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*")


def plain(inventory: Inventory) -> Iterator[Problem]:
    """Scheme, host, and a port if need be."""
    for host in inventory.instances:
        for variable, why in (("immich_url", "Immich cannot live below a path"), ("immich_api_url", "the path /api is added")):
            url = host.get(variable, "")
            if url and (wrong := _wrong(str(url), why)):
                yield Problem(host.name, f"{variable} is {_without_password(str(url))}. {wrong}", (variable,))


def ingress_hosts(inventory: Inventory) -> Iterator[Problem]:
    """Host names that an Ingress takes, one of them that of immich_url."""
    for host in inventory.instances:
        names = []
        for way in host.list("immich_ingress"):
            for index, name in enumerate(way.get("hosts", [])):
                names.append(str(name))
                if not _NAME.fullmatch(str(name)):
                    yield way.problem(
                        f"hosts[{index}] is {name}. Write a host name in lower case, without scheme, port or path, such as photos.home.net.", "hosts", index
                    )
        wanted = host_of(host.get("immich_url"))
        if wanted and names and not any(_covers(name, wanted) for name in names):
            yield Problem(
                host.name,
                f"immich_url names the host {wanted}, and immich_ingress lets in {listed(names)}. "
                f"Nobody reaches it unless something else forwards that name.{did_you_mean(wanted, names)}",
                ("immich_url",),
                warning=True,
            )


def host_of(url: object) -> str:
    """The host name of a URL; empty when it is not one."""
    try:
        return urlsplit(str(url)).hostname or ""
    except ValueError:
        return ""


def _wrong(url: str, why: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "Write scheme and host, and a port from 1 to 65535 if need be, such as https://photos.home.net:8443."
    fixed = f"{parts.scheme}://{parts.hostname}{f':{port}' if port else ''}"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        host = (parts.netloc or parts.path).partition("/")[0]
        return f"Write it with http or https and a host, such as https://{host if _NAME.fullmatch(host) else 'photos.home.net'}."
    if parts.username is not None or parts.password is not None:
        return f"Remove the user and password: {fixed}."
    if parts.path == "/" and not parts.query and not parts.fragment:
        return f"Remove the slash at its end: {fixed}."
    if parts.path or parts.query or parts.fragment or url != url.strip() or url.endswith(("?", "#")):
        return f"Remove what follows the host ({why}): {fixed}."
    return "" if _is_host(parts) else f"{parts.hostname} is no host name. Use letters, digits, dots and dashes."


def _is_host(parts: SplitResult) -> bool:
    return _NAME.fullmatch(parts.hostname or "") is not None or ":" in (parts.hostname or "")


def _covers(name: str, wanted: str) -> bool:
    return name == wanted or (name.startswith("*.") and wanted.partition(".")[2] == name[2:])


def _without_password(url: str) -> str:
    return re.sub(r"//[^/@]*@", "//…@", url)


RULES = (plain, ingress_hosts)
