# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: apply
short_description: Make a cluster have exactly these Kubernetes objects
version_added: 0.1.0
description:
  - Applies a list of objects in one module run, server-side, with the field manager C(homelab.immich), and waits until they are ready.
  - Nothing is written before all objects have been read, judged and accepted by a server-side dry run. What is refused is refused all at once.
  - An edit by hand is put right, also a field that somebody added. What controllers hold of an object is left to them.
  - An object that belongs to Argo CD, Flux, Helm, a controller, another instance, or to nobody known, is refused unless O(take_over) names it.
    A namespace that exists is used as it is.
  - A Secret with the annotation C(homelab.immich/generate) (a list of keys, separated by commas) is created with random values when there is none,
    and never written again. One of that name that somebody else made is used as it is, if it has the keys.
  - The Deployments of this instance that run with the old values of a Secret that is made anew are restarted, with a warning that says so.
  - Volumes and databases are never shrunk or deleted. A released volume of this instance is given back to its claim.
  - No value of a Secret appears in a result, a difference or a log.
options:
  objects:
    description: The objects, as a list, each with its namespace and labels. The action hands it to the module as one JSON string.
    type: raw
    required: true
  instance:
    description: The instance that the objects belong to, the value of their label C(homelab.immich/instance).
    type: str
    required: true
  name:
    description: What is being applied, in a word for a person, such as V(data layer).
    type: str
    default: objects
  take_over:
    description: Objects of others that become this instance's own, as C(Kind/name).
    type: list
    elements: str
    default: []
  prune:
    description:
      - O(objects) are all that the instance wants. Whatever else carries its label and holds no data is deleted.
      - Deleted are Deployments, Services, Ingresses and routes, ConfigMaps, autoscalers, disruption budgets, network policies, monitors, CronJobs,
        ScheduledBackups and ReplicationSources. Anything else is listed in RV(leftovers) and kept.
    type: bool
    default: false
  wait:
    description: Wait until the objects are ready. Not in check mode.
    type: bool
    default: true
  wait_timeout:
    description:
      - How many seconds to wait at most.
      - When nothing is missing but Deployments whose pods run and are still starting, as long as their C(progressDeadlineSeconds), if that is longer.
    type: int
    default: 900
  only_wait:
    description: Change nothing, only wait. The action runs the module so, for a few seconds at a time, to show progress.
    type: bool
    default: false
  memory:
    description:
      - A file on the control node that remembers which cluster was applied to, for M(homelab.immich.cluster_check) of the next run.
      - Written after a run that was not a check. Without it nothing is remembered.
    type: path
author: homelab.immich contributors (@homelab-immich)
extends_documentation_fragment:
  - homelab.immich.kubernetes
  - homelab.immich.attributes
"""

EXAMPLES = r"""
- name: Apply the data layer and wait for it
  homelab.immich.apply:
    name: data layer
    objects: "{{ query('homelab.immich.manifests', 'storage', 'database', 'cache') }}"
    instance: "{{ inventory_hostname }}"
    context: homelab

- name: Apply everything, and take away what is no longer wanted
  homelab.immich.apply:
    name: everything
    objects: "{{ query('homelab.immich.manifests', 'storage', 'database', 'cache', 'workloads', 'ingress') }}"
    prune: true
    instance: "{{ inventory_hostname }}"
    context: homelab
    take_over: [Ingress/immich-server]
"""

RETURN = r"""
changes:
  description: What was done, or would be done, in words.
  returned: always
  type: list
  elements: str
  sample: ["created Deployment immich/immich-server"]
total:
  description: How many objects were given.
  returned: always
  type: int
created:
  description: How many were created.
  returned: always
  type: int
updated:
  description: How many were changed.
  returned: always
  type: int
pruned:
  description: The objects that were deleted.
  returned: always
  type: list
  elements: str
leftovers:
  description: Objects of this instance that are no longer wanted and may hold data, each with how to remove it.
  returned: with O(prune)
  type: list
  elements: dict
  contains:
    object:
      description: The object.
      type: str
    command:
      description: The command that removes it, for a person to run. For a database or a Namespace a text that says to back it up first.
      type: str
ready:
  description: Whether everything is ready.
  returned: always, but in check mode
  type: bool
pending:
  description: What is not ready, and why.
  returned: when something is not ready
  type: list
  elements: dict
  contains:
    object:
      description: The object.
      type: str
    why:
      description: Why it is not ready.
      type: str
    hopeless:
      description: Whether waiting longer changes nothing.
      type: bool
    patience:
      description: How many seconds its Deployment gives a pod that runs to become ready; 0 where that is not what is waited for.
      type: int
requests:
  description: How many requests the API server was sent.
  returned: always
  type: int
"""

import json
import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes import memory, plan, prune, readiness, restart
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.client import ApiError, Client, Unreachable
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.kubeconfig import KubeconfigError, access
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.live import Live
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.objects import key, title, yaml_text

POLL = 1.0  # seconds between two looks
SETTLE = 5.0  # seconds that CloudNativePG may need to notice a change: until then its status still describes the Cluster before
SPEC = {
    "objects": {"type": "raw", "required": True, "no_log": True},  # one string, so that no part of it is scrubbed from what a person is shown
    "instance": {"type": "str", "required": True},
    "name": {"type": "str", "default": "objects"},
    "take_over": {"type": "list", "elements": "str", "default": []},
    "prune": {"type": "bool", "default": False},
    "wait": {"type": "bool", "default": True},
    "wait_timeout": {"type": "int", "default": 900},
    "only_wait": {"type": "bool", "default": False},
    "kubeconfig": {"type": "path"},
    "context": {"type": "str", "required": True},
    "rehearsal": {"type": "bool", "default": False},
    "memory": {"type": "path"},
}
PAST = {"create": "created", "change": "changed", "delete": "deleted", "restart": "restarted"}


def run(client: Client, params: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """Apply, prune and wait, as the options say; the result of the module."""
    objects = json.loads(params["objects"]) if isinstance(params["objects"], str) else params["objects"]
    steps, left, hidden, renewed = [], [], [], []
    if not params["only_wait"]:
        there = Live(client, params["instance"])
        steps = plan.apply(client, there, objects, params["instance"], params["take_over"], check_mode)
        if params["prune"]:
            deletions, left, hidden = prune.prune(client, there, objects, params["instance"], check_mode)
            steps += deletions
        restarts, renewed = restart.restart(client, steps, params["instance"], check_mode)
        steps += restarts
        if params["memory"] and not check_mode:
            memory.remember(params["memory"], memory.cluster_uid(client), params["context"])
    done = [step for step in steps if step.action != "keep"]
    result = {
        "changed": bool(done),
        "changes": [f"{PAST[step.action]} {title(step.desired)}" for step in done],
        "total": len(objects),
        "created": sum(step.action == "create" for step in done),
        "updated": len({key(step.desired) for step in done if step.action in ("change", "restart")}),
        "pruned": [title(step.desired) for step in done if step.action == "delete"],
        "diff": [_diff(step) for step in done],
        "renewed": renewed,
    }
    if params["prune"]:
        command = (params["context"], params["kubeconfig"] or "")
        result["leftovers"] = [{"object": title(item), "command": prune.removal(item, *command)} for item in left]
        result["unlisted"] = sorted(set(hidden))
    if not check_mode and params["wait"]:
        if any(step.action == "change" and step.desired["kind"] == "Cluster" for step in done):
            time.sleep(SETTLE)
        touched = {key(step.desired) for step in done}
        untouched = [step.live for step in steps if step.live and key(step.desired) not in touched]
        pending = _wait(client, objects, params["wait_timeout"], untouched)
        result.update(ready=not pending, pending=pending)
    result["requests"] = client.requests
    return result


def _wait(client: Client, objects: list[dict[str, Any]], seconds: float, known: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Look until all is ready or the time is over; the first look counts on what was just read and left as it is."""
    end = time.monotonic() + seconds
    while True:
        pending, known = readiness.pending(client, objects, known), []
        if not pending or time.monotonic() + POLL > end:
            return pending
        time.sleep(POLL)


def _diff(step: plan.Step) -> dict[str, str]:
    name = title(step.desired)
    return {"before_header": name, "after_header": name, "before": yaml_text(step.before), "after": yaml_text(step.after)}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    params = module.params
    try:
        reach = access(params["kubeconfig"], params["context"], params["rehearsal"])
        result = run(Client(reach, read_only=module.check_mode or params["only_wait"]), params, module.check_mode)
    except plan.Refused as error:
        module.fail_json(msg=f"{params['name']}: {error}" if len(error.problems) == 1 else f"{params['name']}:\n- " + "\n- ".join(error.problems))
    except (ApiError, Unreachable, KubeconfigError) as error:
        module.fail_json(msg=f"{params['name']}: {error}")
    for item in result.get("leftovers", []):
        module.warn(f"{item['object']} is no longer wanted and is kept, because it may hold data. To remove it: {item['command']}")
    for sentence in result.pop("renewed"):
        module.warn(sentence)
    for kind in result.pop("unlisted", []):
        module.warn(f"{kind}: this kubeconfig may not list them, so none was looked at for pruning.")
    if not module._diff:
        result.pop("diff")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
