# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The NFS or SMB share of an export: which one it is, and what of it differs. Pure functions."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from ..nas import EVERYBODY, client_network, truenas_share
from .look import place_of
from .versions import Dialect


def plan_share(made: Any, export: dict[str, Any], exports: list[dict[str, Any]], seen: Mapping[str, Any], dialect: Dialect, nas: str, step: Any) -> None:
    """Add what makes the share as declared to a plan, or why it cannot be made."""
    problem, share = _own_smb_share(export, seen) if export["protocol"] == "smb" else _own_nfs_share(export, exports, seen)
    fields: dict[str, Any] | None = None
    if not problem:
        problem, fields = _smb_fields(export, dialect) if export["protocol"] == "smb" else _nfs_fields(export, seen)
    if problem or fields is None:
        made.refuse(nas, export, problem)
        return
    named = f"SMB share {export['share']}" if export["protocol"] == "smb" else f"NFS share of {place_of(export)}"
    method = f"sharing.{export['protocol']}"
    if share is None:
        made.steps.append(step(named, f"{method}.create", (fields,), {}, {key: value for key, value in fields.items() if value not in (None, [], "")}))
        return
    if share.get("locked"):
        made.refuse(nas, export, f"the {named} is locked with its dataset. Unlock the dataset.")
        return
    if share.get("security") and "SYS" not in share["security"]:
        made.refuse(nas, export, f"the {named} takes {', '.join(share['security'])} only, and pods mount with SYS. Add SYS to the security of the share.")
        return
    if export["protocol"] == "smb" and share["path"].rstrip("/") != place_of(export):
        made.refuse(nas, export, f"the {named} is the folder {share['path']}, not {place_of(export)}. Correct the share, or dataset.")
        return
    differing = {key: value for key, value in fields.items() if not _same(key, share.get(key), value)}
    if export["protocol"] == "nfs" and set(clients(share)) == set(export["clients"]):  # an address may be among the hosts there
        differing = {key: value for key, value in differing.items() if key not in ("networks", "hosts")}
    if not differing:
        return
    made.steps.append(step(named, f"{method}.update", (share["id"], differing), {key: share.get(key) for key in differing}, differing))
    if export["protocol"] == "nfs":
        lost = [] if EVERYBODY in export["clients"] else [have for have in clients(share) if not any(covers(want, have) for want in export["clients"])]
        if lost or differing.get("ro"):
            made.narrowed.append({"export": export, "named": named, "before": clients(share), "read_only": bool(differing.get("ro"))})


def narrowing(narrowed: Mapping[str, Any], mounted: list[dict[str, Any]]) -> str | None:
    """What to say when clients that mount something now lose it; None when nobody does."""
    path, want = place_of(narrowed["export"]), narrowed["export"]["clients"]
    hit = sorted(
        {
            client["address"]
            for client in mounted
            if (client["path"] is None or client["path"].rstrip("/") == path)
            and any(covers(have, client["address"]) for have in narrowed["before"])
            and (narrowed["read_only"] or not any(covers(allowed, client["address"]) for allowed in want))
        }
    )
    if not hit:
        return None
    loses = "become read-only for" if narrowed["read_only"] else "is taken from"
    return f"the {narrowed['named']} {loses} {', '.join(hit)}, which mount from this NAS now. Their programs meet errors until they unmount."


def clients(share: Mapping[str, Any]) -> list[str]:
    """Who may mount an NFS share, in the normal form; everybody is ["*"]."""
    return [client_network(client) for client in [*(share.get("networks") or []), *(share.get("hosts") or [])]] or [EVERYBODY]


def covers(outer: str, inner: str) -> bool:
    """Whether everybody in `inner` is in `outer`."""
    if outer in (inner, EVERYBODY):
        return True
    try:
        networks = ipaddress.ip_network(outer), ipaddress.ip_network(inner)
    except ValueError:
        return False
    return networks[0].version == networks[1].version and networks[1].subnet_of(networks[0])  # type: ignore[arg-type]


def _own_nfs_share(export: dict[str, Any], exports: list[dict[str, Any]], seen: Mapping[str, Any]) -> tuple[str, dict[str, Any] | None]:
    """The share of this path; where there are several, or the path is exported twice, the one whose clients meet the declared ones."""
    path = place_of(export)
    there = [share for share in seen["shares"]["nfs"] if share["path"].rstrip("/") == path]
    several = len(there) > 1 or sum(other["protocol"] == "nfs" and place_of(other) == path for other in exports) > 1
    if several:
        there = [share for share in there if any(covers(have, want) or covers(want, have) for have in clients(share) for want in export["clients"])]
    if len(there) > 1:
        numbers = ", ".join(str(share["id"]) for share in there)
        return f"{len(there)} NFS shares export {path} to these clients (numbers {numbers}). Keep one, or give them clients that tell them apart.", None
    return "", there[0] if there else None


def _own_smb_share(export: dict[str, Any], seen: Mapping[str, Any]) -> tuple[str, dict[str, Any] | None]:
    return "", next((share for share in seen["shares"]["smb"] if share["name"].lower() == export["share"].lower()), None)


def _nfs_fields(export: dict[str, Any], seen: Mapping[str, Any]) -> tuple[str, dict[str, Any] | None]:
    """The declared share as TrueNAS takes it: names for users and groups, networks apart from hosts."""
    fields = truenas_share(export)
    for key in ("maproot_user", "mapall_user", "maproot_group", "mapall_group"):
        kind = key.partition("_")[2]
        if fields[key] in (None, "root"):
            continue
        account = next((account for account in seen[f"{kind}s"] if fields[key] in (account["id"], account["name"])), None)
        if account is None:
            value = f"number {fields[key]}" if isinstance(fields[key], int) else fields[key]
            return f"map_{kind} is {fields[key]}, and TrueNAS has no {kind} {value}. Create it under Credentials, or use one that is there.", None
        fields[key] = account["name"]
    wanted = [client for client in export["clients"] if client != EVERYBODY]
    wide = next((client for client in wanted if client.endswith("/0")), None)
    if wide:
        return f'clients has {wide}, which TrueNAS does not take. Write clients: ["*"] for everybody, or the networks that are meant.', None
    networks, hosts = [client for client in wanted if "/" in client], [client for client in wanted if "/" not in client]
    return "", {"path": place_of(export), "networks": networks, "hosts": hosts, "enabled": True, **fields}


def _smb_fields(export: dict[str, Any], dialect: Dialect) -> tuple[str, dict[str, Any] | None]:
    return "", {"name": export["share"], "path": place_of(export), "enabled": True, dialect.smb_read_only: export["access"] == "ro"}


def _same(key: str, have: Any, want: Any) -> bool:
    if key in ("networks", "hosts"):
        return {client_network(client) for client in have or []} == set(want)
    if key == "path":
        return str(have).rstrip("/") == want
    if key == "name":
        return str(have).lower() == want.lower()  # TrueNAS does not tell them apart
    return (have or None) == (want or None)
