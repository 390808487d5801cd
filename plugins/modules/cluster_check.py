# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cluster_check
short_description: Refuse a cluster, or an Immich in it, that a run must not touch
version_added: 0.1.0
description:
  - Looks at a cluster before anything is changed, and fails with every reason at once why the run must not go on.
  - Another cluster than last time; the same instance in another namespace; an Immich, PostgreSQL or VectorChord that is newer or older than the inventory
    says; an Immich, a database or a way in that belongs to somebody else; a database that is gone; a mount of the server on which other files would be than
    now; a volume that its class or claim cannot be; what is not installed.
  - An empty cluster is fine.
options:
  instance:
    description: The instance, the value of the label C(homelab.immich/instance).
    type: str
    required: true
  name:
    description: The first part of the names of its objects.
    type: str
    default: immich
  namespace:
    description: Its namespace.
    type: str
    required: true
  version:
    description: The version of Immich that the inventory names.
    type: str
    required: true
  database_provider:
    description: Who runs the database. Only of V(cnpg) more is known than the name.
    type: str
    default: cnpg
  database_cluster:
    description: The name of the CloudNativePG Cluster.
    type: str
    default: ""
  database_namespace:
    description: Its namespace, if that is not O(namespace).
    type: str
    default: ""
  server_name:
    description: The name under which the database is backed up, if it is.
    type: str
    default: ""
  recovery:
    description: The name under which the database was backed up that a new Cluster is made from.
    type: str
    default: ""
  extension_image:
    description: Whether VectorChord comes from an image of its own, which not every Kubernetes can mount.
    type: bool
    default: false
  postgres:
    description: The version of PostgreSQL that the inventory names.
    type: str
    default: ""
  vectorchord:
    description: The version of VectorChord that the inventory names.
    type: str
    default: ""
  hosts:
    description: The host names of the ways in.
    type: list
    elements: str
    default: []
  url:
    description: The address where people open Immich.
    type: str
    default: ""
  public_url:
    description: Where O(url) is asked whether an Immich answers. If one does while none of this instance runs, it is somebody else's.
    type: str
    default: ""
  storage_classes:
    description: The storage classes that are needed; an empty name stands for the default class.
    type: list
    elements: str
    default: []
  database_storage_class:
    description: The storage class of the database, which must not be one of a file server.
    type: str
    default: ""
  ingress_classes:
    description: The ingress classes that are needed. A missing one is a warning.
    type: list
    elements: str
    default: []
  gateways:
    description: The Gateways that are needed, as C(namespace/name) or C(namespace/name/section).
    type: list
    elements: str
    default: []
  traefik:
    description: Whether a way in leads through Traefik. One whose C(readTimeout) would end the upload of a film is a warning.
    type: bool
    default: false
  kinds:
    description:
      - The kinds of operators that are needed. All that this cluster does not know are one problem, which says how to install them.
      - Each has C(api_version), a list of C(kinds), and C(variable), the name of the variable that wants them. It is left out where that is empty.
    type: list
    elements: dict
    default: []
  accept_cluster:
    description: The identity of the cluster that takes the place of the last one.
    type: str
    default: ""
  accept_moved_volumes:
    description: Names of O(volumes) that may show the server other files than now.
    type: list
    elements: str
    default: []
  volumes:
    description:
      - The volumes, as the filter P(homelab.immich.volumes#filter) gives them. What the server mounts now must stay what it mounts.
      - Without any, that is not looked at. A claim that exists must let its pods do what they are to do, and a class must be able to.
    type: list
    elements: dict
    default: []
  media_location:
    description: Where the server keeps what is uploaded.
    type: str
    default: /data
  library_paths:
    description: The folders that libraries read. Like the media location they must not be mounted C(soft).
    type: list
    elements: str
    default: []
  scaled:
    description: Of which there may be several pods, C(server) or C(machine-learning). Their volumes are mounted on several nodes.
    type: list
    elements: str
    default: []
  take_over:
    description: Objects of others that become this instance's own, as C(Kind/name); also O(url), if what answers there is to be replaced.
    type: list
    elements: str
    default: []
  autoscaled:
    description:
      - What is autoscaled. Where nothing measures the load, or the nodes have no room for all pods, that is a warning.
      - Each has C(variable), the name of the variable that says so, C(scaling), its value, and C(resources), those of one pod.
    type: list
    elements: dict
    default: []
  memory:
    description: The file on the control node in which M(homelab.immich.apply) remembers the cluster of the last run.
    type: path
author: homelab.immich contributors (@homelab-immich)
extends_documentation_fragment:
  - homelab.immich.kubernetes
  - homelab.immich.attributes.read_only
  - homelab.immich.attributes.control_node
"""

EXAMPLES = r"""
- name: Is this the cluster, and may it be touched?
  homelab.immich.cluster_check:
    instance: "{{ inventory_hostname }}"
    namespace: immich
    version: v3.3.5
    database_cluster: immich-db
    postgres: "17.10"
    vectorchord: "1.1.1"
    hosts: [photos.example.net]
    url: https://photos.example.net
    public_url: https://photos.example.net
    storage_classes: [longhorn]
    context: homelab
"""

RETURN = r"""
deployed:
  description: Whether anything of this instance is in the cluster.
  returned: success
  type: bool
serving:
  description: Whether a pod of its server is ready.
  returned: success
  type: bool
initialized:
  description: Whether its first administrator has been made.
  returned: success
  type: bool
database:
  description: Whether its database is there; of a database that is not CloudNativePG's that is taken for granted.
  returned: success
  type: bool
cluster_uid:
  description: The identity of the cluster, the uid of its namespace kube-system.
  returned: success
  type: str
versions:
  description: The versions that run; empty where nothing runs.
  returned: success
  type: dict
  sample: {immich: v3.3.5, postgres: "17.10", vectorchord: 1.1.1}
problems:
  description: Why the run must not go on, one sentence each.
  returned: failure
  type: list
  elements: str
"""
