# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the TrueNAS modules share: their options, and the one run that looks, plans and changes."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from ..module import Module
from ..nas import problems
from .client import TrueNAS, TrueNASError, websocket_url
from .look import below, look, mounting, place_of
from .plan import Plan, Step, plan
from .shares import narrowing
from .versions import UnknownVersion, dialect, missing_roles

CONNECTION: dict[str, Any] = {
    "url": {"type": "str", "required": True},
    "username": {"type": "str", "required": True},
    "api_key": {"type": "str", "required": True, "no_log": True},
    "ca_cert": {"type": "path"},
    "validate_certs": {"type": "bool", "default": True},
    "timeout": {"type": "int", "default": 30},
    "rehearsal": {"type": "bool", "default": False},
    "name": {"type": "str"},
}

_COMMON: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "dataset": {"type": "str", "required": True},
    "subpaths": {"type": "list", "elements": "str", "default": []},
    "access": {"type": "str", "choices": ["rw", "ro"], "default": "rw"},
    "owner": {
        "type": "dict",
        "options": {
            "user": {"type": "str", "required": True},
            "group": {"type": "str", "required": True},
            "mode": {"type": "str"},
            "enforce": {"type": "bool", "default": False},
        },
    },
    "address": {"type": "str"},
    "quota": {"type": "str"},
    "recordsize": {"type": "str"},
    "compression": {"type": "str"},
    "snapshots": {"type": "dict", "options": {"schedule": {"type": "str", "required": True}, "keep": {"type": "str", "required": True}}},
}
_ONLY: dict[str, dict[str, Any]] = {
    "nfs": {
        "protocol": {"type": "str", "choices": ["nfs"], "default": "nfs"},
        "path": {"type": "path"},
        "squash": {"type": "str", "choices": ["none", "root", "all"], "default": "root"},
        "map_user": {"type": "str"},
        "map_group": {"type": "str"},
        "clients": {"type": "list", "elements": "str", "required": True},
    },
    "smb": {
        "protocol": {"type": "str", "choices": ["smb"], "default": "smb"},
        "share": {"type": "str", "required": True},
    },
}


def run(protocol: str) -> None:
    """Bring the datasets, folders, shares, snapshots and services to what is declared. With NFS, SMB shares may come along."""
    exports = {"type": "list", "elements": "dict", "required": True, "options": _COMMON | _ONLY[protocol]}
    more = {"smb_shares": {"type": "list", "elements": "dict", "default": []}, "users": {"type": "dict", "default": {}}} if protocol == "nfs" else {}
    module = Module({**CONNECTION, "exports": exports, **more}, supports_check_mode=True)
    given = {"exports": module.params["exports"], "smb_shares": [share | {"protocol": "smb"} for share in module.params.get("smb_shares") or []]}
    wanted = [export for entries in given.values() for export in entries]
    wrong = [
        f"{option}[{index}] ({export.get('name')}): {problem}"
        for option, entries in given.items()
        for index, export in enumerate(entries)
        for problem in problems(export, "truenas")
    ]
    if wrong:
        module.fail_json(msg="\n".join(wrong))
    taken: list[Step] = []
    try:
        name = module.params["name"] or urlsplit(websocket_url(module.params["url"])).hostname or ""
        with _connection(module) as api:
            version = api.call("system.version")
            speaks = dialect(version)
            seen = look(api, wanted)
            made = plan(wanted, seen, speaks, name, module.params.get("users"))
            _refuse(module, made, api, name)
            if made.narrowed:
                _warn_narrowed(made, mounting(api), name)
            for warning in made.warnings:
                module.warn(warning["message"])
            if not module.check_mode:
                for step in made.steps:
                    _take(api, step)
                    taken.append(step)
    except (TrueNASError, UnknownVersion) as error:
        done = f" Done before that: {', '.join(dict.fromkeys(step.what for step in taken))}. Run it again to go on." if taken else ""
        module.fail_json(msg=f"{error}{done}", changed=bool(taken))
    module.exit_json(
        changed=bool(made.steps),
        diff=_diff(made.steps),
        changes=list(dict.fromkeys(step.what for step in made.steps)),
        version=version,
        exports=len(wanted),
        findings=made.warnings,
        sentinels_ok=made.sentinels_ok,
        markers={export: found for export, found in seen["markers"].items() if found},
        children={export["name"]: found for export in wanted if (found := below(seen["datasets"], place_of(export)))},
    )


def _connection(module: Module) -> TrueNAS:
    params = module.params
    return TrueNAS(
        params["url"],
        params["username"],
        params["api_key"],
        ca_cert=params["ca_cert"],
        validate_certs=params["validate_certs"],
        timeout=params["timeout"],
        rehearsal=params["rehearsal"],
        read_only=module.check_mode,
    )


def _refuse(module: Module, made: Plan, api: TrueNAS, name: str) -> None:
    """Stop before the first change when anything is in the way, with everything that is."""
    refusals = list(made.refusals)
    missing = missing_roles(((step.method, step.service) for step in made.steps), api.roles)
    if missing and not refusals:
        methods = sorted({step.method for step in made.steps if missing_roles([(step.method, step.service)], api.roles)})
        refusals = [f"{name}: the user {module.params['username']} lacks {', '.join(missing)} for {', '.join(methods)}. Add it to the privilege of its group."]
    if refusals:
        module.fail_json(
            msg="\n".join([f"{name} cannot be brought to what nas_exports declares, and nothing was changed:", *(f"- {line}" for line in refusals)])
        )


def _warn_narrowed(made: Plan, mounted: list[dict[str, Any]], name: str) -> None:
    for narrowed in made.narrowed:
        message = narrowing(narrowed, mounted)
        if message:
            made.warn(name, narrowed["export"], message)


def _take(api: TrueNAS, step: Step) -> None:
    done = api.job(step.method, *step.params) if step.job else api.call(step.method, *step.params)
    if step.mounts and not api.call("filesystem.stat", f"/mnt/{step.mounts}")["is_mountpoint"]:
        raise TrueNASError(f"TrueNAS at {api.host} created the dataset {step.mounts} and did not mount it. Look at it there, then run again.")
    if step.method in ("service.start", "service.control") and done is False:
        raise TrueNASError(f"The {step.what} of TrueNAS at {api.host} did not start. Look at System > Services there.")


def _diff(steps: list[Step]) -> list[dict[str, Any]]:
    """One entry a thing, with only what differs."""
    merged: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}
    for step in steps:
        before, after = merged.setdefault(step.what, ({}, {}))
        before.update(step.before)
        after.update(step.after)
    return [{"before_header": what, "after_header": what, "before": before, "after": after} for what, (before, after) in merged.items()]
