# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of users: functions of what the server has and what is wanted."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from .changes import Change, Plan, PlanErrors, Step
from .client import Client

UNLIMITED = "unlimited"
_UNITS = {"": 1, **{f"{unit}i": 1024**power for power, unit in enumerate("KMGTP", 1)}, **{unit: 1000**power for power, unit in enumerate("KMGTP", 1)}}
_SHAPE = [
    {
        "id": str,
        "email": str,
        "name": str,
        "isAdmin": bool,
        "storageLabel": (str, None),
        "quotaSizeInBytes": (int, None),
        "deletedAt": (str, None),
        "status": str,
    }
]
# what the server takes out of a storage label, so that it would differ for ever
_NOT_IN_LABEL = re.compile(r"""[./\\?<>:*|"\x00-\x1f\x80-\x9f]|\s$""")
# option -> field of the API
_FIELDS = {"name": "name", "admin": "isAdmin", "quota": "quotaSizeInBytes", "storage_label": "storageLabel"}


def list_users(api: Client, *, with_deleted: bool = False) -> list[dict[str, Any]]:
    """Read all users."""
    return api.get("/admin/users", doing="list the users", shape=_SHAPE, query={"withDeleted": "true"} if with_deleted else None)


def parse_size(size: str) -> int | None:
    """Read a size such as 200Gi or 1.5T in bytes; None is unlimited."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGTP]i?|)B?", size.strip())
    if size.strip() == UNLIMITED:
        return None
    if match is None:
        raise ValueError(f"quota {size!r} is not a size; write bytes, a size like 200Gi or 200G, or {UNLIMITED}")
    return int(float(match[1]) * _UNITS[match[2]]) if "." in match[1] else int(match[1]) * _UNITS[match[2]]


def plan_users(current: list[dict[str, Any]], wanted: list[Mapping[str, Any]], assets: Callable[[str], int]) -> list[Plan]:
    """Plan all users; all errors at once, before anything is sent. `assets` counts those of the user with an id."""
    plans: list[Plan] = []
    errors: list[str] = []
    seen: set[str] = set()
    for user in wanted:
        email = user["email"].strip().lower()
        if email in seen:
            errors.append(f"User {email} is listed twice; keep one entry.")
            continue
        seen.add(email)
        try:
            plans.append(plan_user(current, user, assets))
        except ValueError as error:
            errors.append(f"User {email}: {error}.")
    errors += _shared_labels(current, wanted)
    if errors:
        raise PlanErrors(errors)
    return plans


def _shared_labels(current: list[dict[str, Any]], wanted: list[Mapping[str, Any]]) -> list[str]:
    """Find storage labels that two accounts would have. A deleted account holds its own too, and the server then fails without saying why."""
    named = {user["email"].strip().lower(): user["storage_label"] for user in wanted if user["state"] == "present" and user["storage_label"]}
    holders = {user["email"].lower(): user["storageLabel"] for user in current} | named
    errors = []
    for email, label in named.items():
        other = next((holder for holder, held in holders.items() if held == label and holder != email), None)
        if other is not None:
            errors.append(f'User {email}: storage_label "{label}" is that of {other}; choose another.')
    return errors


def plan_user(current: list[dict[str, Any]], wanted: Mapping[str, Any], assets: Callable[[str], int]) -> Plan:
    """Plan one user, told apart by e-mail address; an option that is None is left alone."""
    email = wanted["email"].strip().lower()
    matches = [user for user in current if user["email"].lower() == email]
    if len(matches) > 1:
        raise ValueError(f"the server has {len(matches)} users with this address ({', '.join(user['id'] for user in matches)}); remove all but one")
    fields = _wanted_fields(wanted)
    what = f"user {email}"
    if wanted["state"] == "absent":
        return _plan_absent(what, matches, None if wanted["allow_removal"] else assets)
    if not matches:
        return _plan_new(what, email, fields, wanted)
    found = matches[0]
    path = f"/admin/users/{found['id']}"
    before, after, steps = _shown(found), _shown(found), []
    if found["deletedAt"] is not None:
        if not wanted["restore"]:
            raise ValueError(
                f"the account was deleted on {found['deletedAt'][:10]} and is kept until it is removed for good; "
                "set restore: true to bring it back, or state: absent to leave it deleted"
            )
        if found["status"] == "removing":
            raise ValueError("the account is being removed for good and cannot be restored; wait until it is gone")
        after["state"] = "present"
        steps.append(Step("POST", f"{path}/restore", None, f"restore {what}"))
    body = {_FIELDS[option]: value for option, value in fields.items() if before[option] != value}
    after.update({option: value for option, value in fields.items() if option in before})
    if wanted["password"] and wanted["update_password"] == "always":
        body["password"] = wanted["password"]
        before["password"], after["password"] = "old", "new"
        if wanted["should_change_password"] is not None:
            body["shouldChangePassword"] = wanted["should_change_password"]
    if body:
        steps.append(Step("PUT", path, body, f"update {what}"))
    return Plan(Change(what, before, after, secret=frozenset({"password"})), tuple(steps))


def _plan_new(what: str, email: str, fields: dict[str, Any], wanted: Mapping[str, Any]) -> Plan:
    missing = [option for option in ("name", "password") if not wanted[option]]
    if missing:
        raise ValueError(f"the account does not exist, and to make it {' and '.join(missing)} must be given")
    body = {"email": email, "password": wanted["password"], **{_FIELDS[option]: value for option, value in fields.items()}}
    if wanted["should_change_password"] is not None:
        body["shouldChangePassword"] = wanted["should_change_password"]
    return Plan(Change(what, None, {"email": email, **fields, "state": "present"}), (Step("POST", "/admin/users", body, f"create {what}"),))


def _plan_absent(what: str, matches: list[dict[str, Any]], assets: Callable[[str], int] | None) -> Plan:
    gone = [user for user in matches if user["deletedAt"] is None]
    if not gone:
        return Plan(Change(what, None, None))
    if assets is not None and (count := assets(gone[0]["id"])):
        raise ValueError(
            f"it holds {count} of the server's assets, its own and those of its libraries, and after the days of user.deleteDelay Immich removes them with it; "
            "set allow_removal: true to delete it all the same"
        )
    # not forced: the server keeps the account and its photos for user.deleteDelay days
    step = Step("DELETE", f"/admin/users/{gone[0]['id']}", {"force": False}, f"delete {what}")
    return Plan(Change(what, _shown(gone[0]), None), (step,))


def _wanted_fields(wanted: Mapping[str, Any]) -> dict[str, Any]:
    fields = {option: wanted[option] for option in ("name", "admin") if wanted[option] is not None}
    if wanted["quota"] is not None:
        fields["quota"] = parse_size(str(wanted["quota"]))
    if wanted["storage_label"] is not None:
        if _NOT_IN_LABEL.search(wanted["storage_label"]):
            raise ValueError(f"storage_label {wanted['storage_label']!r} holds characters that Immich takes out; leave out dots, slashes and the like")
        fields["storage_label"] = wanted["storage_label"] or None
    return fields


def _shown(user: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "email": user["email"],
        **{option: user[field] for option, field in _FIELDS.items()},
        "state": "present" if user["deletedAt"] is None else "deleted",
    }
