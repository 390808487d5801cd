# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at a cluster before anything is changed, and say all that is wrong at once."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes import identity, kubeconfig, memory
from ansible_collections.homelab.immich.plugins.module_utils.kubernetes.client import ApiError, Client, Unreachable

WANTED = {
    "instance": {"type": "str", "required": True},
    "name": {"type": "str", "default": "immich"},
    "namespace": {"type": "str", "required": True},
    "version": {"type": "str", "required": True},
    "database_provider": {"type": "str", "default": "cnpg"},
    "database_cluster": {"type": "str", "default": ""},
    "database_namespace": {"type": "str", "default": ""},
    "server_name": {"type": "str", "default": ""},
    "recovery": {"type": "str", "default": ""},
    "extension_image": {"type": "bool", "default": False},
    "postgres": {"type": "str", "default": ""},
    "vectorchord": {"type": "str", "default": ""},
    "hosts": {"type": "list", "elements": "str", "default": []},
    "url": {"type": "str", "default": ""},
    "public_url": {"type": "str", "default": ""},
    "storage_classes": {"type": "list", "elements": "str", "default": []},
    "database_storage_class": {"type": "str", "default": ""},
    "ingress_classes": {"type": "list", "elements": "str", "default": []},
    "gateways": {"type": "list", "elements": "str", "default": []},
    "traefik": {"type": "bool", "default": False},
    "kinds": {"type": "list", "elements": "dict", "default": []},
    "accept_cluster": {"type": "str", "default": ""},
    "accept_moved_volumes": {"type": "list", "elements": "str", "default": []},
    "volumes": {"type": "list", "elements": "dict", "default": []},
    "media_location": {"type": "str", "default": "/data"},
    "library_paths": {"type": "list", "elements": "str", "default": []},
    "scaled": {"type": "list", "elements": "str", "default": []},
    "take_over": {"type": "list", "elements": "str", "default": []},
    "autoscaled": {"type": "list", "elements": "dict", "default": []},
}
SPEC = WANTED | {"memory": {"type": "path"}} | kubeconfig.SPEC


class ActionModule(ActionBase):
    """The action behind homelab.immich.cluster_check; the documentation is with the module of that name."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Look, and fail when there is a reason not to go on. It changes nothing, in check mode or not."""
        super().run(tmp, task_vars)
        _checked, params = self.validate_argument_spec(argument_spec=SPEC)
        wanted = identity.Wanted(**{name: params[name] for name in WANTED})
        try:
            client = Client(kubeconfig.access(params["kubeconfig"], params["context"], params["rehearsal"]), read_only=True)
            found = identity.look(client, wanted)
            found.memory = memory.recall(params["memory"]) if params["memory"] else {}
            problems = identity.problems(wanted, found) or identity.answering(wanted, found, params["rehearsal"])
        except (ApiError, Unreachable, kubeconfig.KubeconfigError, ValueError) as error:
            return {"changed": False, "failed": True, "msg": f"The cluster of immich_context {params['context']} cannot be looked at: {error}"}
        for warning in identity.warnings(wanted, found):
            self._display.warning(warning)
        if problems:
            msg = "\n".join(["Nothing was changed:", *(f"- {problem}" for problem in problems)])
            return {"changed": False, "failed": True, "msg": msg, "problems": problems}
        return {
            "changed": False,
            "deployed": identity.deployed(wanted, found),
            "serving": identity.serving(wanted, found),
            "initialized": identity.initialized(wanted, found),
            "database": identity.has_database(wanted, found),
            "cluster_uid": found.cluster_uid,
            "versions": identity.running_versions(wanted, found),
        }
