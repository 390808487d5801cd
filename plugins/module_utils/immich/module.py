# Copyright: (c) 2026, homelab.immich contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the Immich modules share: connection options, check mode, results, diff and errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule, env_fallback

from ..module import Module
from .changes import Change, Plan, PlanErrors
from .client import Client
from .errors import ImmichError
from .transport import HttpTransport, Transport

# documented in plugins/doc_fragments/connection.py
CONNECTION_SPEC: dict[str, dict[str, Any]] = {
    "url": {"type": "str", "fallback": (env_fallback, ["IMMICH_URL"])},
    "ca_cert": {"type": "path"},
    "validate_certs": {"type": "bool", "default": True},
    "timeout": {"type": "int", "default": 30},
    "kubeconfig": {"type": "path"},
    "context": {"type": "str"},
    "namespace": {"type": "str", "default": "immich"},
    "service": {"type": "str", "default": "immich-server"},
    "rehearsal": {"type": "bool", "default": False},
    "api_key": {"type": "str", "no_log": True, "fallback": (env_fallback, ["IMMICH_API_KEY"])},
    "email": {"type": "str"},
    "password": {"type": "str", "no_log": True},
}


class ImmichModule:
    """Composes AnsibleModule: says what, while this knows how."""

    ansible_module: Callable[..., AnsibleModule] = Module  # an action that runs the module in its own process puts another in its place

    def __init__(self, argument_spec: dict[str, Any], **kwargs: Any) -> None:
        self.ansible = type(self).ansible_module(argument_spec={**CONNECTION_SPEC, **argument_spec}, supports_check_mode=True, **kwargs)
        self.params: dict[str, Any] = self.ansible.params
        self.check_mode: bool = self.ansible.check_mode
        self._client: Client | None = None
        self._changes: list[Change] = []

    @contextmanager
    def api(self, *, authenticate: bool = True) -> Iterator[Client]:
        """Give one client for the whole run; turn its errors into the module's failure. Without `authenticate` the caller logs in itself."""
        if self.params["timeout"] <= 0:
            self.fail(f"timeout is {self.params['timeout']}; give a number of seconds from 1.")
        try:
            self._client = Client(
                self._transport(),
                api_key=self.params["api_key"] or None,
                read_only=self.check_mode,
                timeout=self.params["timeout"],
            )
            if authenticate and not self.params["api_key"]:
                self.login(self._client)
            yield self._client
            self._client.close()
        except (ImmichError, PlanErrors) as error:
            self.fail(str(error))

    @property
    def can_log_in(self) -> bool:
        """Whether email and password are given."""
        return bool(self.params["email"] and self.params["password"])

    def login(self, client: Client) -> dict[str, Any]:
        """Log in with the options email and password."""
        if not self.can_log_in:
            raise ImmichError("There is nothing to log in with; give api_key, or email and password.")
        return client.login(self.params["email"], self.params["password"])

    def hide(self, *secrets: str) -> None:
        """Keep these values out of everything that the module prints."""
        self.ansible.no_log_values.update(secret for secret in secrets if secret)

    def record(self, change: Change) -> None:
        """Remember what was done, or in check mode what would be."""
        self._changes.append(change)

    def carry_out(self, client: Client, plan: Plan) -> None:
        """Send the requests of a plan, none in check mode, and remember the change."""
        if not self.check_mode:
            for step in plan.steps:
                client.request(step.method, step.path, step.body, doing=step.doing)
        self.record(plan.change)

    def exit(self, **result: Any) -> NoReturn:
        """Report what was done."""
        self.ansible.exit_json(**self._report(), **result)

    def fail(self, message: str) -> NoReturn:
        """Report what failed, and what was done before."""
        if self._client is not None:
            self._client.close()
        done = [f"{change.what} {change.action}" for change in self._changes if change.changed]
        if done and not self.check_mode:
            message = f"{message} Done before that: {', '.join(done)}."
        self.ansible.fail_json(msg=message, **self._report())

    def _report(self) -> dict[str, Any]:
        for warning in self._client.warnings if self._client else ():
            self.ansible.warn(warning)
        changed = [change for change in self._changes if change.changed]
        return {"changed": bool(changed), "diff": [change.diff() for change in changed], "requests": self._client.requests if self._client else 0}

    def _transport(self) -> Transport:
        given = self.params
        if given["url"]:
            return HttpTransport(given["url"], rehearsal=given["rehearsal"], ca_cert=given["ca_cert"], validate_certs=given["validate_certs"])
        if given["rehearsal"]:
            raise ImmichError("url is not given, and this is a rehearsal; take the connection options from the lookup homelab.immich.connection.")
        if not (given["context"] or given["kubeconfig"]):
            raise ImmichError("There is no way to Immich; give url, or context (and kubeconfig) to reach it through the Kubernetes API.")
        from .kubernetes_proxy import transport  # only here: the Kubernetes library takes a third of a second to import

        return transport(
            kubeconfig=given["kubeconfig"],
            context=given["context"],
            namespace=given["namespace"],
            service=given["service"],
            rehearsal=given["rehearsal"],
        )
