# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: library_scan
short_description: Scan external libraries of an Immich server, and say what that did
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - Starts a scan of one, several or all external libraries, waits until the server is done, and counts before and after.
  - A scan puts every asset in the trash whose file it does not find. First the server is asked whether it can read each import path, and whether
    its trash is on; if not, nothing is scanned.
  - The server cannot tell an empty folder from a NAS that is not mounted. A scan of an empty mount point trashes everything below it,
    and this module sees that only afterwards. A warning says so then; put the files back and scan again before the trash is emptied,
    and the assets come back with their albums.
  - A library that was trashed as a whole still has all its assets in its own statistics, which is why RV(owners) counts them by user.
options:
  name:
    description: Name of one library. Use either this or O(libraries). Without both, all libraries are scanned.
    type: str
  owner:
    description: E-mail address of the owner of O(name). Needed where two users have libraries of that name.
    type: str
  libraries:
    description: Several libraries.
    type: list
    elements: dict
    suboptions:
      name:
        description: As O(name).
        type: str
        required: true
      owner:
        description: As O(owner).
        type: str
  max_age:
    description:
      - A library whose last scan is not older than so many hours is not scanned. Without this option, or where it was never scanned, it is.
    type: float
  validate:
    description:
      - Ask the server first whether it can read the import paths and whether its trash is on, and scan nothing if not.
      - Up to v3.1 (and perhaps later) only a key with the permission C(all) may ask, but for v1.135, where any key of an administrator may.
    type: bool
    default: true
  processing:
    description: Also wait until the metadata and the thumbnails of what is new are made.
    type: bool
    default: false
  wait:
    description: Wait for the scan. Without it nothing is counted.
    type: bool
    default: true
extends_documentation_fragment:
  - homelab.immich.connection
  - homelab.immich.waiting
  - homelab.immich.attributes
  - homelab.immich.attributes.action_group
"""

EXAMPLES = r"""
- name: One library
  homelab.immich.library_scan:
    url: https://photos.example.net
    api_key: "{{ immich_key }}"
    name: NAS photos
  register: scan

- name: Two libraries, with all that follows, for at most two hours
  homelab.immich.library_scan:
    url: https://photos.example.net
    api_key: "{{ immich_key }}"
    libraries:
      - name: NAS photos
        owner: admin@example.net
      - name: Scans
        owner: family@example.net
    processing: true
    wait_timeout: 7200

- name: All that were not scanned today
  homelab.immich.library_scan:
    url: https://photos.example.net
    api_key: "{{ immich_key }}"
    max_age: 24
"""

RETURN = r"""
libraries:
  description: What became of each library.
  type: list
  elements: dict
  returned: success
  contains:
    id:
      description: Identifier.
      type: str
    name:
      description: Name.
      type: str
    owner:
      description: E-mail address of the owner. Null if the account is deleted.
      type: str
    action:
      description: V(scanned), V(started) without O(wait), or V(fresh) where the last scan was young enough. In check mode V(scanned) is what would be.
      type: str
    before:
      description: How many assets it had, those in the trash included.
      type: int
    after:
      description: How many it has now, those in the trash included. Null in check mode and without O(wait).
      type: int
    refreshed_at:
      description: When its folders were last gone through. Null if never.
      type: str
owners:
  description: What the scan did to the assets of the owners. Uploaded ones are counted too.
  type: list
  elements: dict
  returned: when it waited
  contains:
    owner:
      description: E-mail address.
      type: str
    before:
      description: How many assets were visible, and how many in the trash (trashed).
      type: dict
    after:
      description: The same after the scan.
      type: dict
requests:
  description: How many requests were sent.
  type: int
  returned: always
"""

import datetime
from typing import Any

from ansible_collections.homelab.immich.plugins.module_utils.immich import queues, scans
from ansible_collections.homelab.immich.plugins.module_utils.immich.changes import Change, Plan, PlanErrors, Step
from ansible_collections.homelab.immich.plugins.module_utils.immich.client import Client
from ansible_collections.homelab.immich.plugins.module_utils.immich.errors import ImmichError
from ansible_collections.homelab.immich.plugins.module_utils.immich.libraries import list_libraries, statistics
from ansible_collections.homelab.immich.plugins.module_utils.immich.module import ImmichModule
from ansible_collections.homelab.immich.plugins.module_utils.immich.users import list_users
from ansible_collections.homelab.immich.plugins.module_utils.immich.waiting import WAIT_SPEC, twice, wait

LIBRARY: dict[str, Any] = {"name": {"type": "str", "required": True}, "owner": {"type": "str"}}
SPEC: dict[str, Any] = {
    "name": {"type": "str"},
    "owner": {"type": "str"},
    "libraries": {"type": "list", "elements": "dict", "options": LIBRARY},
    "max_age": {"type": "float"},
    "validate": {"type": "bool", "default": True},
    "processing": {"type": "bool", "default": False},
    "wait": {"type": "bool", "default": True},
}
SCAN = "library"
PROCESSING = (SCAN, "sidecar", "metadataExtraction", "thumbnailGeneration")


def young(refreshed: Any, max_age: float | None) -> bool:
    """Whether a last scan was not longer ago than so many hours."""
    try:
        when = datetime.datetime.fromisoformat(refreshed)
    except (TypeError, ValueError):
        return False
    return max_age is not None and when.tzinfo is not None and datetime.datetime.now(datetime.UTC) - when <= datetime.timedelta(hours=max_age)


def start(module: ImmichModule, api: Client) -> dict[str, Any]:
    """Check everything, then start the scans; return what a wait has to know."""
    emails = {user["id"]: user["email"].lower() for user in list_users(api)}
    wanted = module.params["libraries"] if module.params["libraries"] is not None else [module.params] if module.params["name"] else None
    libraries = scans.chosen(list_libraries(api), emails, wanted)
    begun: dict[str, Any] = {"libraries": {}, "owners": {}}
    problems = []
    due = []
    for library in libraries:
        owner = emails.get(library["ownerId"])
        entry = {"id": library["id"], "name": library["name"], "owner": owner, "refreshed_at": library.get("refreshedAt"), "action": "fresh"}
        entry["before"] = entry["after"] = statistics(api, library["id"])["total"]
        begun["libraries"][library["id"]] = entry
        if not young(entry["refreshed_at"], module.params["max_age"]):
            entry |= {"action": "scanned", "after": None}
            what = f'library "{library["name"]}" of {owner or "a deleted user"}'
            due.append((library, entry, what))
            problems += scans.refusals(api, library, what, entry["before"]) if module.params["validate"] else []
    if due and module.params["validate"]:
        problems += scans.without_trash(api)
    if problems:
        raise PlanErrors([f"{problem[0].upper()}{problem[1:]}" for problem in problems] + ["Nothing was scanned."])
    if due:
        queue = queues.Queues(api).one(SCAN)
        if queue.paused:
            raise ImmichError("Queue library is paused, so nothing would be scanned; resume it with state: resumed of homelab.immich.queue.")
        if queue.busy:
            raise ImmichError(f"The server is busy with libraries already ({queues.words(queue)}); wait with state: idle of homelab.immich.queue first.")
        begun["failed"] = queue.failed
        if module.params["wait"] and not module.check_mode:
            owned = {library["ownerId"] for library, _entry, _what in due}
            begun["owners"] = {user: scans.counts(api, user) | {"owner": emails[user]} for user in sorted(owned & emails.keys())}
    for library, entry, what in due:
        step = Step("POST", f"/libraries/{library['id']}/scan", None, f"start the scan of {what}")
        module.carry_out(api, Plan(Change(what, {"refreshed_at": entry["refreshed_at"]}, {"refreshed_at": "by this scan"}), (step,)))
    return begun


def outcome(module: ImmichModule, api: Client, begun: dict[str, Any]) -> dict[str, Any]:
    """Count again; say what the scan did, and fail when it did not take place."""
    now = {library["id"]: library for library in list_libraries(api)}
    skipped = []
    for library_id, entry in begun["libraries"].items():
        if entry["action"] != "scanned" or library_id not in now:
            continue
        entry["after"] = statistics(api, library_id)["total"]
        last, entry["refreshed_at"] = entry["refreshed_at"], now[library_id].get("refreshedAt")
        if entry["refreshed_at"] == last:
            skipped.append(f'"{entry["name"]}" of {entry["owner"] or "a deleted user"}')
    owners = []
    for user, before in begun["owners"].items():
        owner, before = before["owner"], {name: before[name] for name in ("visible", "trashed")}
        after = scans.counts(api, user)
        owners.append({"owner": owner, "before": before, "after": after})
        if scans.alarming(before, after):
            module.ansible.warn(
                f"{after['trashed'] - before['trashed']} of the {before['visible']} assets of {owner} went into the trash during the scan. "
                "If their folder was not mounted: mount it and scan again, before the trash is emptied, and they come back with albums and faces."
            )
    if skipped:
        raise ImmichError(
            f"The server did not go through the folders of library {', '.join(skipped)}: it takes none of the import paths for a folder that it can read. "
            "Assets below them may be in the trash; mount the folders where the microservices run and scan again."
        )
    failed = queues.Queues(api).one(SCAN).failed - begun["failed"]
    if failed > 0:
        raise ImmichError(f"{failed} jobs of the scan failed, so it is not complete; the server's log says why.")
    return {"libraries": list(begun["libraries"].values()), "owners": owners}


def main() -> None:
    """Run the module."""
    module = ImmichModule(SPEC | WAIT_SPEC, mutually_exclusive=[("name", "libraries")], required_by={"owner": "name"})
    names = PROCESSING if module.params["processing"] else [SCAN]
    with module.api() as api:
        begun = module.params["resume"] or start(module, api)
        scanned = any(entry["action"] == "scanned" for entry in begun["libraries"].values())
        if scanned and module.params["wait"] and not module.check_mode:
            reader = queues.Queues(api)
            result = wait(module, "wait for the scan", twice(lambda: reader.pending(names)), begun) or outcome(module, api, begun)
        else:
            if not module.check_mode:
                for entry in begun["libraries"].values():
                    entry["action"] = entry["action"].replace("scanned", "started")
            result = {"libraries": list(begun["libraries"].values())}
    module.exit(**result)


if __name__ == "__main__":
    main()
