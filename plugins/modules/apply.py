# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: apply
short_description: Make a cluster have exactly these Kubernetes objects
version_added: 0.1.0
description:
  - Applies a list of objects in one task, server-side, with the field manager C(homelab.immich), and waits until they are ready.
  - Nothing is written before all objects have been read, judged and accepted by a server-side dry run. What is refused is refused all at once.
  - An edit by hand is put right, also a field that somebody added. What controllers hold of an object is left to them.
  - An object that belongs to Argo CD, Flux, Helm, a controller, another instance, or to nobody known, is refused unless O(take_over) names it.
    A namespace that exists is used as it is.
  - A Secret with the annotation C(homelab.immich/generate) (a list of keys, separated by commas) is created with random values when there is none,
    and never written again. One of that name that somebody else made is used as it is, if it has the keys.
  - A Secret with the annotation C(homelab.immich/existing) (a list of keys, too) is never made or written. It has to be there and to have the keys.
  - The Deployments of this instance that run with the old values of a Secret that is made anew are restarted, with a warning that says so.
  - Volumes and databases are never shrunk or deleted. A released volume of this instance is given back to its claim.
  - A task that fails half-way, or whose objects do not get ready, is still C(changed) if it changed something.
  - No value of a Secret appears in a result, a difference or a log.
options:
  objects:
    description: The objects, as a list, each with its namespace and labels.
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
  memory:
    description:
      - A file on the control node that remembers which cluster was applied to, for M(homelab.immich.cluster_check) of the next run.
      - Written after a run that was not a check. Without it nothing is remembered.
    type: path
author: homelab.immich contributors (@homelab-immich)
extends_documentation_fragment:
  - homelab.immich.kubernetes
  - homelab.immich.attributes
  - homelab.immich.attributes.control_node
"""

EXAMPLES = r"""
- name: Apply the data layer and wait for it
  homelab.immich.apply:
    name: data layer
    objects: "{{ query('homelab.immich.manifests', 'storage', 'database', 'cache') }}"
    instance: "{{ inventory_hostname }}"
    context: homelab
  register: data_layer

- name: Apply everything, and take away what is no longer wanted
  homelab.immich.apply:
    name: everything
    objects: "{{ query('homelab.immich.manifests', 'storage', 'database', 'cache', 'workloads', 'ingress') }}"
    prune: true
    instance: "{{ inventory_hostname }}"
    context: homelab
    take_over: [Ingress/immich-server]
  register: everything
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
