# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reaches the ConfigMap that the guards of one server share, from outside of the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..guard.shared import FIELD_MANAGER, ConfigMap
from .errors import ImmichError, Unreachable


def shared_memory(given: Mapping[str, Any], *, read_only: bool) -> ConfigMap | None:
    """The ConfigMap that the options of a module name, if they name one; `read_only` lets nothing but reads through."""
    if not given["configmap"]:
        return None
    # only here: the Kubernetes library takes a third of a second to import
    from ..kubernetes import client
    from ..kubernetes.kubeconfig import KubeconfigError, access

    namespace, name = given["namespace"], given["configmap"]
    try:
        cluster = client.Client(access(given["kubeconfig"], given["context"], given["rehearsal"]), read_only=read_only)
    except KubeconfigError as error:
        raise ImmichError(f"Could not reach the ConfigMap {namespace}/{name}, the memory of the guard: {str(error).rstrip('.')}.") from error

    def call(method: str, path: str, body: Mapping[str, Any] | None) -> tuple[int, dict[str, Any]]:
        try:
            return 200, cluster.request(method, path, body, {} if body is None else {"fieldManager": FIELD_MANAGER})
        except client.ApiError as error:
            return error.status, {"message": str(error)}
        except client.Unreachable as error:
            raise Unreachable(str(error)) from error

    return ConfigMap(call, namespace, name)
