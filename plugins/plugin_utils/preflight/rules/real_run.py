# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a real run needs and a rehearsal does not."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..model import Host, Inventory, Path, Problem, listed, subject

# RFC 5737, RFC 3849 and RFC 2606: nobody's addresses and names
_NETWORKS = [ipaddress.ip_network(network) for network in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")]
_NAME = re.compile(r"(?<![\w-])example\.(?:com|net|org)\b(?![.-]\w)", re.IGNORECASE)
_ADDRESS = re.compile(r"(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?![\d.])|(?<![\w:])[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){2,7}(?![\w:])", re.IGNORECASE)
_SECRET = re.compile(r"(1-)?example-")


def agree(inventory: Inventory) -> Iterator[Problem]:
    """All hosts rehearse, or none."""
    rehearsing = [host for host in inventory.hosts if host.rehearses is True]
    real = [host for host in inventory.hosts if host.rehearses is False]
    if rehearsing and real:
        first, *others = inventory.hosts
        yield Problem(
            first.name,
            f"immich_rehearsal is true for {listed(host.name for host in rehearsing)} and false for {listed(host.name for host in real)}. "
            "Set it once, for all hosts.",
            ("immich_rehearsal",),
            tuple(host.name for host in others),
        )


def context(inventory: Inventory) -> Iterator[Problem]:
    """Which cluster is said, never guessed."""
    for host in inventory.instances:
        if _is_real(inventory) and not host.get("immich_context"):
            yield Problem(
                host.name,
                "immich_context is not set, and a real run never guesses the cluster. Set it to a context of your kubeconfig (kubectl config get-contexts).",
                ("immich_context",),
            )


def truenas(inventory: Inventory) -> Iterator[Problem]:
    """Who logs in to TrueNAS, and never without TLS: it revokes a key that reaches it in the clear."""
    for host in inventory.nas:
        if host.get("nas_provider") != "truenas" or not _is_real(inventory):
            continue
        for variable in ("nas_api_user", "nas_api_key"):
            if not host.get(variable) and host.sound(variable):
                yield Problem(
                    host.name, f"{variable} is not set, and TrueNAS needs it. Set it, or nas_provider: none to only look whether the NAS answers.", (variable,)
                )
        url = str(host.get("nas_api_url", ""))
        if url and not url.startswith("wss://"):
            text = f"nas_api_url is {url}. Write it with wss, such as wss://tank.home.net: TrueNAS revokes a key that reaches it without TLS."
            yield Problem(host.name, text, ("nas_api_url",))


def no_examples(inventory: Inventory) -> Iterator[Problem]:
    """Addresses, names and secrets of the examples are for rehearsals."""
    for host in inventory.hosts:
        for variable, value in host.values.items():
            if variable in host.given and _is_real(inventory):
                yield from _examples(host, (variable,), value)


def _is_real(inventory: Inventory) -> bool:
    """No host rehearses; where they disagree, that is what has to be said."""
    return all(host.rehearses is False for host in inventory.hosts)


def _examples(host: Host, at: Path, value: Any) -> Iterator[Problem]:
    if isinstance(value, Mapping):
        for key, entry in value.items():
            yield from _examples(host, (*at, key), entry)
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _examples(host, (*at, index), entry)
    elif isinstance(value, str):
        where, instead = subject(at, host.values), "or set immich_rehearsal: true"
        if _SECRET.match(value):
            yield Problem(host.name, f"{where} is a secret of the examples, which everybody knows. Put your own in a vault, {instead}.", at)
        elif at not in host.secrets and is_example(value):
            yield Problem(host.name, f"{where} is {value}, an example that leads nowhere. Write your own, {instead}.", at)


def is_example(value: str) -> bool:
    """Whether a text has an example address or name in it."""
    if _NAME.search(value):
        return True
    for candidate in _ADDRESS.findall(value):
        try:
            address = ipaddress.ip_address(candidate)
        except ValueError:
            continue
        if any(address in network for network in _NETWORKS if network.version == address.version):
            return True
    return False


RULES = (agree, context, truenas, no_examples)
