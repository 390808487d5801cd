# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: guarded_scan
short_description: Scan external libraries of an Immich server only if that loses nothing
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - A scan puts every asset in the trash whose file it does not find, and an export that is not mounted looks like an empty folder.
    This module looks before it scans, compares after it, and stops the nightly purge (the brake) when more was trashed than C(scan.max_removed).
  - One library is scanned after the other. A library whose scan is refused does not keep the others from being scanned; the task fails in the end.
  - Check mode says what a scan would do, and changes nothing.
  - With O(view=server) Immich is asked whether the folders and sentinels are there. It tells nothing about files, so limits are compared after the scan.
    With O(view=mount) the folders are looked at where the module runs, and the files are compared with the list of the last good scan.
options:
  libraries:
    description:
      - The libraries, as in C(immich_libraries). Of each entry C(name), C(owner), C(state) and the limits in C(scan) are read. Those that are to be absent are
        left out.
      - The limits are C(max_removed) (a count or a percentage, V(1%) by default), C(min_files), C(max_age_of_backup), C(settle) and C(quiet_hours).
    type: list
    elements: dict
    required: true
  only:
    description: Names of the libraries to scan now. All by default.
    type: list
    elements: str
  memory:
    description: Absolute path of a folder that keeps the list of files of the last good scan, what the brake changed, and records of what was done.
    type: path
    required: true
  configmap:
    description:
      - Name of a ConfigMap in O(namespace) of O(context) that keeps what the brake changed and the records in the place of O(memory), for all guards of the
        server. What one has braked, another knows of. It is made when it is missing.
    type: str
  view:
    description:
      - Who looks at the folders. V(server) needs a key with the permission C(all), or O(email) and O(password).
      - V(zfs) is the same, and compares the files by what M(homelab.immich.zfs_changes) found on the NAS (O(plans)).
    type: str
    choices: [server, mount, zfs]
    default: server
  folders:
    description: With O(view=mount), where a folder of the server is on the machine where the module runs, if not in the same place.
    type: dict
    default: {}
  plans:
    description: With O(view=zfs), what has changed, by library. RV(homelab.immich.zfs_changes#module:plans). One that is not in it is compared after the scan.
    type: dict
    default: {}
  sentinels:
    description: Folders that are there only while the photos are, as the server sees them, such as V(/mnt/photos/.immich-guard/photos).
    type: list
    elements: str
    default: []
  media:
    description: With O(view=mount), where Immich keeps its own files. The films of motion photos are in there, and a scan without them trashes them.
    type: str
  accept:
    description: How many assets may go this once, by library. It counts only for exactly the number that a refusal named.
    type: dict
    default: {}
  brake:
    description: Whether to set the brake when a scan trashed more than it may.
    type: bool
    default: true
  in_quiet_hours:
    description: Whether to scan although these are the C(quiet_hours) of a library. Check mode only says that they are.
    type: bool
    default: false
  timezone:
    description: Time zone of quiet hours, and of the names of backups where the server does not tell it.
    type: str
    default: UTC
extends_documentation_fragment:
  - homelab.immich.connection
  - homelab.immich.waiting
  - homelab.immich.attributes
  - homelab.immich.attributes.action_group
"""

EXAMPLES = r"""
- name: Scan, if nothing is lost by it
  homelab.immich.guarded_scan:
    url: https://photos.example.net
    api_key: "{{ immich_key }}"
    memory: /var/lib/immich-guard
    sentinels: [/mnt/photos/.immich-guard/photos]
    libraries:
      - name: NAS photos
        owner: admin@example.net
        scan:
          max_removed: 1%
          settle: 10m
"""

RETURN = r"""
libraries:
  description: What came of each library. When the task fails, the error says it for those that failed.
  type: list
  elements: dict
  returned: success
  contains:
    library:
      description: Name.
      type: str
    owner:
      description: E-mail address of the owner.
      type: str
    outcome:
      description:
        - V(planned) in check mode, V(scanned), V(later) (busy, files arriving, quiet hours), V(refused), V(failed) (not asked, or not ended well),
          V(braked) (too much was trashed, and the brake is set) or V(unbraked) (it could not be set).
      type: str
    message:
      description: The same in words, with the next step.
      type: str
    notes:
      description: What else is to be known.
      type: list
      elements: str
    plan:
      description: What was found and compared before the scan. Null with O(view=server).
      type: dict
    before:
      description: Assets of the owner that were visible and in the trash (trashed), and those of the library in both (total).
      type: dict
    after:
      description: The same after the scan.
      type: dict
    trashed:
      description: How many assets the scan put into the trash.
      type: int
    returned:
      description: How many came back out of it.
      type: int
    left:
      description:
        - What of the library is still in the trash after a scan that took something out, or with the brake set. Null where the caller does not own the
          library, or its key may not search (purpose C(recovery) of M(homelab.immich.api_key)).
        - By why, each with C(count) and at most 20 C(paths). C(gone) is what Immich does not find below the import paths, C(by_a_person) what a person
          put there, C(films) are films of motion photos, of which those that Immich made itself do not come back by a scan.
      type: dict
    unchecked:
      description: Limits that were not compared before the scan.
      type: list
      elements: str
scanned:
  description: Names of the libraries that were scanned well, also when the task fails because of others.
  type: list
  elements: str
  returned: always
requests:
  description: How many requests were sent.
  type: int
  returned: always
"""

import time
from functools import partial
from typing import Any

from ansible_collections.homelab.immich.plugins.module_utils.guard.config import Config, ConfigError, Limits, libraries
from ansible_collections.homelab.immich.plugins.module_utils.guard.report import Report
from ansible_collections.homelab.immich.plugins.module_utils.guard.run import AWAY, Guard, away
from ansible_collections.homelab.immich.plugins.module_utils.guard.state import Busy
from ansible_collections.homelab.immich.plugins.module_utils.guard.views import view_of
from ansible_collections.homelab.immich.plugins.module_utils.immich.client import Client
from ansible_collections.homelab.immich.plugins.module_utils.immich.errors import ImmichError
from ansible_collections.homelab.immich.plugins.module_utils.immich.guard_memory import shared_memory
from ansible_collections.homelab.immich.plugins.module_utils.immich.module import ImmichModule
from ansible_collections.homelab.immich.plugins.module_utils.immich.waiting import POLL_S, WAIT_SPEC, wait

SPEC: dict[str, Any] = {
    "libraries": {"type": "list", "elements": "dict", "required": True},
    "only": {"type": "list", "elements": "str"},
    "memory": {"type": "path", "required": True},
    "configmap": {"type": "str"},
    "view": {"type": "str", "choices": ["server", "mount", "zfs"], "default": "server"},
    "folders": {"type": "dict", "default": {}},
    "plans": {"type": "dict", "default": {}},
    "sentinels": {"type": "list", "elements": "str", "default": []},
    "media": {"type": "str"},
    "accept": {"type": "dict", "default": {}},
    "brake": {"type": "bool", "default": True},
    "in_quiet_hours": {"type": "bool", "default": False},
    "timezone": {"type": "str", "default": "UTC"},
}
GOOD = ("planned", "scanned", "later")


def scan(module: ImmichModule, guard: Guard, wanted: list[Limits]) -> dict[str, Any]:
    """Scan one library after the other; return what a later run needs to carry on, or all reports."""
    resume = module.params["resume"] or {}
    reports: list[dict[str, Any]] = resume.get("reports", [])
    begun = resume.get("begun")
    if not resume:
        guard.learn()
    for limits in wanted[len(reports) :]:
        report = None
        if begun is None:
            begun = guard.begin(limits)
            if isinstance(begun, Report):
                report, begun = begun, None
        if begun is not None:
            gave_up = ""
            try:
                if slice_ended := wait(module, "wait for the scan", partial(guard.pending, begun), begun):
                    return {"resume": {"begun": begun, "reports": reports}, "waiting_for": slice_ended["waiting_for"]}
            except ImmichError as error:
                gave_up = str(error)
            report, begun = guard.finish(begun, gave_up), None
        reports.append(report.shown())
    return {"libraries": reports}


def logged_in(module: ImmichModule, api: Client) -> bool:
    """Log in where there is no key. In the middle of a scan, a server that restarts is waited for: False."""
    if module.params["api_key"]:
        return True
    resume = module.params["resume"]
    try:
        module.login(api)
    except ImmichError as error:
        if not resume or not away(error) or time.time() - resume["begun"]["began"] > module.params["wait_timeout"]:
            raise
        time.sleep(POLL_S)
        return False
    return True


def told(given: dict[str, Any]) -> tuple[Config, list[Limits]]:
    """Read the options: what holds for all libraries, and those to scan now with their limits."""
    names = ("memory", "view", "folders", "plans", "accept", "brake", "timezone", "in_quiet_hours")
    try:
        config = Config(**{name: given[name] for name in names}, sentinels=tuple(given["sentinels"]), media=given["media"] or "")
        every = libraries(given["libraries"])
    except ConfigError as error:
        raise ImmichError(str(error)) from error
    have = {limits.name for limits in every}
    if unknown := sorted(set(given["only"] or ()) - have):
        raise ImmichError(f"only names {', '.join(unknown)}, which is not among libraries; they are {', '.join(sorted(have)) or 'none'}.")
    return config, [limits for limits in every if given["only"] is None or limits.name in given["only"]]


def main() -> None:
    """Run the module."""
    module = ImmichModule(SPEC | WAIT_SPEC)
    with module.api(authenticate=False) as api:
        config, wanted = told(module.params)
        shared = shared_memory(module.params, read_only=module.check_mode)
        guard = Guard(api, view_of(config, api), config, wanted, shared=shared, check_mode=module.check_mode, record=module.record)
        try:
            with guard.state.alone(unless=module.check_mode):
                again = {"resume": module.params["resume"], "waiting_for": AWAY}
                result = scan(module, guard, wanted) if logged_in(module, api) else again
        except Busy as reason:
            raise ImmichError(f"Put off: {reason}.") from reason
    bad = [report["message"] for report in result.get("libraries", ()) if report["outcome"] not in GOOD]
    scanned = [report["library"] for report in result.get("libraries", ()) if report["outcome"] == "scanned"]
    if bad:
        module.exit(failed=True, msg="\n".join(bad), scanned=scanned, **result)
    module.exit(scanned=scanned, **result)


if __name__ == "__main__":
    main()
