# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: queue
short_description: Pause, resume, start or empty queues of an Immich server, or wait until they are idle
version_added: 0.1.0
author: homelab.immich contributors (@homelab-immich)
description:
  - Immich does all that takes long as jobs in queues, such as C(library), C(thumbnailGeneration) or C(smartSearch).
  - A pause outlives a restart of the server. It keeps new jobs from starting, and lets those that run come to their end.
options:
  names:
    description:
      - Names of the queues. Which ones there are is a matter of the version; M(homelab.immich.queue_info) lists them.
      - Left out, all queues are meant, which O(state=started) and O(state=emptied) do not allow.
        O(state=paused) leaves out C(backgroundTask) then, which cannot be paused.
    type: list
    elements: str
    aliases: [name]
  state:
    description:
      - V(paused) and V(resumed) are what they say.
      - V(started) lets the queue go through all assets that miss something, or through all there are with O(force).
        A queue that is running is left as it is, which a warning says. On C(library) it scans all libraries,
        which M(homelab.immich.library_scan) does with care.
      - V(emptied) drops the jobs that wait. Those that run are left alone. What the jobs would have done is not done until somebody starts it again.
      - V(idle) changes nothing and waits until no job is left.
    type: str
    choices: [paused, resumed, started, emptied, idle]
    required: true
  force:
    description: With O(state=started), do the work for all assets again, and not only for those that miss something. A queue that is running is an error then.
    type: bool
    default: false
  failed:
    description: With O(state=emptied), forget the jobs that failed as well.
    type: bool
    default: false
  wait:
    description: Wait until the queues are idle. O(state=idle) always waits, O(state=paused) never.
    type: bool
    default: false
extends_documentation_fragment:
  - homelab.immich.connection
  - homelab.immich.waiting
  - homelab.immich.attributes
  - homelab.immich.attributes.action_group
"""

EXAMPLES = r"""
- name: No job starts while the NAS is being worked on
  homelab.immich.queue:
    url: https://photos.example.net
    api_key: "{{ immich_key }}"
    state: paused

- name: Go on
  homelab.immich.queue:
    url: https://photos.example.net
    api_key: "{{ immich_key }}"
    state: resumed

- name: Make the thumbnails that are missing, and wait for them
  homelab.immich.queue:
    url: https://photos.example.net
    api_key: "{{ immich_key }}"
    name: thumbnailGeneration
    state: started
    wait: true
    wait_timeout: 7200

- name: Compute all of smart search anew, after the model was changed
  homelab.immich.queue:
    url: https://photos.example.net
    api_key: "{{ immich_key }}"
    name: smartSearch
    state: started
    force: true

- name: Drop what waits for transcoding, and what failed
  homelab.immich.queue:
    url: https://photos.example.net
    api_key: "{{ immich_key }}"
    name: videoConversion
    state: emptied
    failed: true

- name: Nothing must be going on before the backup
  homelab.immich.queue:
    url: https://photos.example.net
    api_key: "{{ immich_key }}"
    state: idle
"""

RETURN = r"""
queues:
  description: The queues as they are at the end. In check mode, as they are.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: Name.
      type: str
    paused:
      description: Whether it is paused.
      type: bool
    active:
      description: How many jobs run.
      type: int
    waiting:
      description: How many jobs wait for their turn.
      type: int
    delayed:
      description: How many jobs start at a later time.
      type: int
    held:
      description: How many jobs wait because the queue is paused.
      type: int
    failed:
      description: How many jobs failed since somebody last cleared them.
      type: int
    idle:
      description: Whether no job runs or waits.
      type: bool
failed_meanwhile:
  description: How many jobs failed while this was waited for, by queue. Only queues where any did.
  type: dict
  returned: when it waited
  sample: {"thumbnailGeneration": 3}
requests:
  description: How many requests were sent.
  type: int
  returned: always
"""

from typing import Any

from ansible_collections.homelab.immich.plugins.module_utils.immich import queues
from ansible_collections.homelab.immich.plugins.module_utils.immich.changes import PlanErrors
from ansible_collections.homelab.immich.plugins.module_utils.immich.module import ImmichModule
from ansible_collections.homelab.immich.plugins.module_utils.immich.waiting import WAIT_SPEC, twice, wait

SPEC: dict[str, Any] = {
    "names": {"type": "list", "elements": "str", "aliases": ["name"]},
    "state": {"type": "str", "choices": ["paused", "resumed", "started", "emptied", "idle"], "required": True},
    "force": {"type": "bool", "default": False},
    "failed": {"type": "bool", "default": False},
    "wait": {"type": "bool", "default": False},
}


def change(module: ImmichModule, api: Any, reader: queues.Queues) -> dict[str, Any]:
    """Make the queues what is wanted; return what a wait has to know."""
    state, names = module.params["state"], module.params["names"]
    chosen = reader.chosen(names)
    plans, errors = [], []
    for queue in chosen:
        if names is None and state == "paused" and queue.name == queues.NEVER_PAUSED:
            continue
        try:
            plans.append((queue, reader.plan(queue, state, force=module.params["force"], failed=module.params["failed"])))
        except ValueError as error:
            errors.append(str(error))
    if errors:
        raise PlanErrors(errors)
    for queue, plan in plans:
        module.carry_out(api, plan)
        if state == "started" and not plan.steps:
            module.ansible.warn(f"Queue {queue.name} is already running ({queues.words(queue)}), so it was not started.")
        elif state == "started" and queue.paused:
            module.ansible.warn(f"Queue {queue.name} is paused: what was started runs when it is resumed.")
    return {"names": [queue.name for queue in chosen], "failed": {queue.name: queue.failed for queue in chosen}}


def main() -> None:
    """Run the module."""
    module = ImmichModule(SPEC | WAIT_SPEC, required_if=[("state", "started", ["names"]), ("state", "emptied", ["names"])])
    state = module.params["state"]
    waits = not module.check_mode and state != "paused" and (module.params["wait"] or state == "idle")
    with module.api() as api:
        reader = queues.Queues(api)
        begun = module.params["resume"] or change(module, api, reader)
        result = wait(module, "wait for the queues", twice(lambda: reader.pending(begun["names"])), begun) if waits else {}
        if not result:
            now = reader.chosen(begun["names"])
            result["queues"] = [queue.shown() for queue in now]
            if waits:
                failed = {queue.name: queue.failed - begun["failed"][queue.name] for queue in now}
                result["failed_meanwhile"] = {name: count for name, count in failed.items() if count > 0}
    if result.get("failed_meanwhile"):
        jobs = ", ".join(f"{count} of queue {name}" for name, count in result["failed_meanwhile"].items())
        module.ansible.warn(f"Jobs failed meanwhile: {jobs}; the server's log says why.")
    module.exit(**result)


if __name__ == "__main__":
    main()
