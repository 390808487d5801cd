# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: database_backup
short_description: Let an Immich server back up its database, and prove that it did
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - Starts the server's own database backup, a dump in the folder C(backups) of its media location, and waits for it.
  - From v2.5 on the server lists its backups, and this proves that there is a new one that is complete, and not much smaller than the last one.
    Before, the server only tells whether the job failed. A warning says so, and RV(not_proved) says what that leaves open.
  - It is no copy elsewhere, and photos are not in it.
  - The database user has to be a superuser of PostgreSQL before v2.5.
options:
  max_age:
    description:
      - A backup that is not older than so many hours will do, and none is made.
      - Before v2.5 nobody can tell the age, and a backup is always made. Without this option, too.
    type: float
  min_size:
    description: How big the new backup has to be at least, in percent of the last one.
    type: int
    default: 50
  timezone:
    description: Time zone of the server, in which it writes names of backups. Used for O(max_age) on v2.5 and v2.6, which do not tell; later ones do.
    type: str
    default: UTC
  wait:
    description: Wait for the backup. Without it nothing is proved.
    type: bool
    default: true
extends_documentation_fragment:
  - homelab.immich.connection
  - homelab.immich.waiting
  - homelab.immich.attributes
  - homelab.immich.attributes.action_group
"""

EXAMPLES = r"""
- name: A backup before something risky
  homelab.immich.database_backup:
    url: https://photos.example.net
    api_key: "{{ immich_key }}"

- name: There is one of the last day
  homelab.immich.database_backup:
    url: https://photos.example.net
    api_key: "{{ immich_key }}"
    max_age: 26
    min_size: 80
  register: backup
"""

RETURN = r"""
backup:
  description: The backup. Null in check mode and without O(wait), and before v2.5, where the server does not list them.
  type: dict
  returned: success
  contains:
    filename:
      description: Name of the file.
      type: str
    size:
      description: Size in bytes.
      type: int
    made:
      description: When it was made, by its name. Null where the name does not say so.
      type: str
    age:
      description: How many hours ago.
      type: float
previous:
  description: The last backup before it. Null if there was none, or is not known.
  type: dict
  returned: success
  contains:
    filename:
      description: Name of the file.
      type: str
    size:
      description: Size in bytes.
      type: int
    made:
      description: Null.
      type: str
    age:
      description: Null.
      type: float
proved:
  description: What is certain about this backup.
  type: list
  elements: str
  returned: success
not_proved:
  description: What the server does not let anybody know.
  type: list
  elements: str
  returned: success
requests:
  description: How many requests were sent.
  type: int
  returned: always
"""

import datetime
from typing import Any

from ansible_collections.homelab.immich.plugins.module_utils.immich import backups, queues
from ansible_collections.homelab.immich.plugins.module_utils.immich.changes import Change, Plan, Step
from ansible_collections.homelab.immich.plugins.module_utils.immich.client import Client
from ansible_collections.homelab.immich.plugins.module_utils.immich.errors import ImmichError
from ansible_collections.homelab.immich.plugins.module_utils.immich.module import ImmichModule
from ansible_collections.homelab.immich.plugins.module_utils.immich.waiting import WAIT_SPEC, twice, wait

SPEC: dict[str, Any] = {
    "max_age": {"type": "float"},
    "min_size": {"type": "int", "default": 50},
    "timezone": {"type": "str", "default": "UTC"},
    "wait": {"type": "bool", "default": True},
}
QUEUE = "backupDatabase"
STEP = Step("POST", "/jobs", {"name": "backup-database"}, "start a database backup")
RESTORES = "that it can be restored: only a restore shows that"
NOTHING: dict[str, Any] = {"backup": None, "previous": None, "proved": []}


def now() -> datetime.datetime:
    """The time here."""
    return datetime.datetime.now(datetime.UTC)


def start(module: ImmichModule, api: Client, listed: list[backups.Backup]) -> dict[str, Any]:
    """Start a backup; return what a wait has to know."""
    queue = queues.Queues(api).one(QUEUE)
    if queue.paused:
        raise ImmichError("Queue backupDatabase is paused, so no backup would be made; resume it with state: resumed of homelab.immich.queue.")
    newest = listed[0].filename if listed else None
    module.carry_out(api, Plan(Change("database backup", {"newest": newest}, {"newest": "a new one"}), (STEP,)))
    return {"before": {backup.filename: backup.size for backup in listed}, "failed": queue.failed}


def outcome(module: ImmichModule, api: Client, begun: dict[str, Any], zone: datetime.tzinfo) -> dict[str, Any]:
    """Say what became of the backup, and what is proved."""
    failed = queues.Queues(api).one(QUEUE).failed
    if failed > begun["failed"]:
        superuser = "" if api.capabilities.backup_as_owner else " Before v2.5 the database user has to be a superuser."
        raise ImmichError(f"The database backup failed, and left no file; the server's log says why.{superuser}")
    if not api.capabilities.backups_api:
        module.ansible.warn(f"Immich {api.version} does not list its database backups: all that is known is that the job ended. Look into the folder backups.")
        unknown = ["that there is a new file: the server lists its backups from v2.5 on", "its size", "that the dump came to its end"]
        return {**NOTHING, "proved": ["no job failed"], "not_proved": [*unknown, RESTORES]}
    backup, previous, proved = backups.prove(begun["before"], backups.list_backups(api, zone), module.params["min_size"])
    compared = [] if previous else ["its size: there was no backup to compare it with"]
    return {"backup": backup.shown(now()), "previous": previous and previous.shown(now()), "proved": proved, "not_proved": [*compared, RESTORES]}


def main() -> None:
    """Run the module."""
    module = ImmichModule(SPEC | WAIT_SPEC)
    max_age, begun = module.params["max_age"], module.params["resume"]
    if not 0 <= module.params["min_size"] <= 100:
        module.fail(f"min_size is {module.params['min_size']}; give a percentage from 0 to 100.")
    with module.api() as api:
        zone = backups.zone(module.params["timezone"])
        listed = backups.list_backups(api, zone) if begun is None and api.capabilities.backups_api else []
        good = None if max_age is None or begun is not None else backups.fresh(listed, max_age, now())
        if good is not None:
            proved = [f"it is not older than {max_age:g} hours", "the dump came to its end: the server gives a file its name only then"]
            result = {**NOTHING, "backup": good.shown(now()), "proved": proved, "not_proved": [RESTORES]}
        else:
            begun = begun or start(module, api, listed)
            if module.check_mode or not module.params["wait"]:
                result = {**NOTHING, "not_proved": ["anything: it was not waited for"]}
            else:
                reader = queues.Queues(api)
                result = wait(module, "wait for the database backup", twice(lambda: reader.pending([QUEUE])), begun) or outcome(module, api, begun, zone)
    module.exit(**result)


if __name__ == "__main__":
    main()
