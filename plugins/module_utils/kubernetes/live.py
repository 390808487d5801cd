# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cluster has, in few requests: a kind is listed once, for all that looks at it."""

from __future__ import annotations

from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.client import ApiError, Client, Resource
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.objects import Object, selector


class Live:
    """The objects of an instance as they were when they were first asked for."""

    def __init__(self, client: Client, instance: str) -> None:
        self._client = client
        self._selector = selector(instance)
        self._listed: dict[tuple[Resource, str], list[Object] | None] = {}

    def listed(self, resource: Resource, namespace: str) -> list[Object] | None:
        """The objects of a kind that carry the label of the instance; None when this kubeconfig may not list them."""
        if (resource, namespace) not in self._listed:
            try:
                self._listed[resource, namespace] = self._client.list(resource, namespace, self._selector)
            except ApiError as error:
                if error.status != 403:
                    raise
                self._listed[resource, namespace] = None
        return self._listed[resource, namespace]

    def get(self, resource: Resource, name: str, namespace: str) -> Object | None:
        """One object; what does not carry the label is asked for by its name."""
        found = next((item for item in self.listed(resource, namespace) or [] if item["metadata"]["name"] == name), None)
        return found or self._client.get(resource, name, namespace)
